//! The same table however a file is cut into pieces, and by however many threads.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::date;
use proptest::prelude::*;
use proptest::sample::select;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Ahead, Helpers, Pieces};
use crate::customer::{Keep, KeyedTable, Schema, TableBuilder};
use crate::workbook::feed::rows_taken_ahead;
use crate::workbook::{Limits, WorkbookError, read_by};

/// Helpers by the size of their pieces, in bytes.
static HELPERS: LazyLock<Vec<Helpers>> = LazyLock::new(|| {
    let helpers = |piece_bytes| Helpers::start(2, || ()).unwrap().with_piece_bytes(piece_bytes);
    [1, 90, 700, 128 << 10].map(helpers).into()
});

fn table(bytes: &[u8], is_keyed: bool, helpers: Option<&Helpers>) -> Result<KeyedTable, WorkbookError> {
    let limits = Limits { max_columns: 40, max_cell_bytes: 500, max_rows: 6_000, ..Limits::default() };
    let new = if is_keyed { TableBuilder::keyed } else { TableBuilder::new };
    let schema = Schema::built_in().unwrap();
    let builder = new(schema.into(), date(2026, 3, 1));
    let mut builder = builder.keeping(Keep { row: is_keyed, identifier: is_keyed });
    read_by(Cursor::new(bytes), &mut builder, &limits, helpers)?;
    Ok(builder.finish_keyed())
}

/// Reads a file by one thread and by several, and holds the tables against each other.
fn assert_same(bytes: &[u8], helpers: &Helpers, about: &str) {
    for is_keyed in [false, true] {
        match (table(bytes, is_keyed, None), table(bytes, is_keyed, Some(helpers))) {
            (Ok(by_one), Ok(by_several)) => {
                assert_eq!(by_one, by_several, "{about}, pieces of {} bytes", helpers.piece_bytes());
            }
            (by_one, by_several) => {
                assert_eq!(
                    format!("{by_one:?}"),
                    format!("{by_several:?}"),
                    "{about}, {} bytes",
                    helpers.piece_bytes()
                );
            }
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_file_of_the_tests_is_the_same_table_however_it_is_cut() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_workbook = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "xlsx" || kind == "csv");
    let handed: Vec<PathBuf> = files(&root.join("tests/fixtures")).into_iter().filter(is_workbook).collect();
    assert!(handed.len() > 15, "{handed:?}");
    for path in handed {
        let bytes = fs::read(&path).unwrap();
        // Of a large one a piece a row takes long, and shows nothing that the small ones do not.
        let sizes = HELPERS.iter().skip(usize::from(bytes.len() > 50_000));
        sizes.for_each(|helpers| assert_same(&bytes, helpers, &path.display().to_string()));
        if path.extension().is_some_and(|kind| kind == "csv") {
            // Long enough that its last rows are looked at ahead.
            let body = bytes.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            let long = [&bytes[..body], &bytes[body..].repeat(1 + 2_000 / bytes.len())].concat();
            HELPERS.iter().for_each(|helpers| assert_same(&long, helpers, &format!("much of {}", path.display())));
        }
    }
}

#[test]
fn nearly_every_row_of_a_large_workbook_is_looked_at_ahead() {
    let xlsx = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("base_data/2026-01-01/customers.xlsx")).unwrap();
    let csv: String = std::iter::once("id,date joined,location,loyalty tier\n".to_owned())
        .chain((0..5_000).map(|n| format!("{n},2023-0{}-11,\"Town {}\",Gold\n", n % 9 + 1, n % 40)))
        .collect();
    for bytes in [xlsx, csv.into_bytes()] {
        let before = rows_taken_ahead();
        let helpers = HELPERS.last().unwrap();
        assert_same(&bytes, helpers, "a large workbook");
        // Twice, and but for those of the first window.
        assert!(rows_taken_ahead() - before > 2 * 4_300, "{}", rows_taken_ahead() - before);
    }
}

/// Lines of a text; `#` is a number of its own.
const LINES: [&str; 30] = [
    "#,2023-08-11,Bedok,Gold\n",
    "#,2023-08-11,Bedok,Gold\n",
    "#,11/08/2023,bishan ,silver\r\n",
    "#,03/05/2024,Toa Payoh,Platinum\n",
    "#,13/05/2024,Toa Payoh,Platinum\r",
    "#,5/13/24,\"Ang, Mo Kio\",Gold\n",
    "7,2023-08-11,Bedok,Gold\n",
    "\"#\",\"2023-08-11\",\"Bedok\",\"Gold\"\n",
    "\"#\",\"2023-08-11\",\"Be\"\"dok\",\"Gold\"\n",
    "\"#\",\"2023-08-11\",\"Be\ndok\",\"Gold\"\n",
    "#,2023-08-11,\"Be\n\n\ndok\",Gold\n",
    "#,2023-08-11,\"Bedok,Gold\n",
    "#,2023-08-11,\"Be\"d\"ok\",Gold\n",
    "#,2023-08-11,Bedok\",Gold\n",
    "#,2023-08-11,=\"Bedok\",Gold\n",
    "#,,Bedok,Gold\n",
    "#,2023-08-11,a@b.example,Gold\n",
    "#,never,Bedok,Gold\n",
    "#,2031-08-11,Bedok,Gold\n",
    "#,2023-08-11,Bedok,Bronze\n",
    "#,2023-08-11,Bedok,bronze \n",
    "\n",
    "\r\n",
    "\u{1a}\n",
    ",,,\n",
    "id,date joined,location,loyalty tier\n",
    "location,id,loyalty tier,date joined\n",
    "Bishan,#,Gold,2024-01-02\n",
    "#,2023-08-11,Z\u{fc}rich,Gold,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,x\n",
    "#,2023-08-11,Orchard,Gold\n",
];

/// Rows of a sheet; `#` is the row's number, `@` one of its own.
const ROWS: [&str; 29] = [
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45000</v></c><c r="C#" t="s"><v>4</v></c><c r="D#" t="s"><v>5</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45001</v></c><c r="C#" t="s"><v>6</v></c><c r="D#" t="s"><v>5</v></c></row>"##,
    r##"<row r="#" spans="1:4"><c r="A#"><v>@</v></c><c r="B#"><v>45001.5</v></c><c r="C#" t="s"><v>6</v></c><c r="D#" t="s"><v>7</v></c></row>"##,
    r##"<row><c><v>@</v></c><c s="1"><v>45002</v></c><c t="s"><v>6</v></c><c t="s"><v>7</v></c></row>"##,
    r##"<row><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45002</v></c><c r="C#" t="s"><v>6</v></c><c r="D#" t="s"><v>7</v></c></row>"##,
    r##"<row r="#"><c><v>@</v></c><c s="1"><v>45003</v></c><c t="s"><v>6</v></c><c t="s"><v>7</v></c></row>"##,
    r##"<row r="#"/>"##,
    r##"<row r="#"><c r="A#"/></row>"##,
    r##"<row/>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" t="inlineStr"><is><t>03/05/2024</t></is></c><c r="C#" t="s"><v>6</v></c><c r="D#" t="s"><v>7</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" t="str"><f>x</f><v>13/05/2024</v></c><c r="C#" t="s"><v>6</v></c><c r="D#" t="s"><v>7</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" t="str"><v>never</v></c><c r="C#" t="s"><v>6</v></c><c r="D#" t="s"><v>7</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#"><v>45000</v></c><c r="C#"><f>A1</f></c><c r="D#" t="s"><v>7</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#"><v>45000</v></c><c r="C#" t="str"><v>="Bedok"</v></c><c r="D#" t="str"><v>bronze</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#"><v>45000</v></c><c r="C#" t="str"><v>Bedok</v></c><c r="D#" t="str"><v>Bronze</v></c></row>"##,
    r##"<row r="#"><c r="A#" t="s"><v>0</v></c><c r="B#" t="s"><v>1</v></c><c r="C#" t="s"><v>2</v></c><c r="D#" t="s"><v>3</v></c></row>"##,
    r##"<row r="#"><c r="A#" t="s"><v>2</v></c><c r="B#" t="s"><v>0</v></c><c r="C#" t="s"><v>3</v></c><c r="D#" t="s"><v>1</v></c></row>"##,
    r##"<row r="#"><c r="A#" t="s"><v>6</v></c><c r="B#"><v>@</v></c><c r="C#" t="s"><v>7</v></c><c r="D#"><v>45009</v></c></row>"##,
    r##"<row r="#" x="</row>"><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45002</v></c><c r="C#" t="s"><v>4</v></c><c r="D#" t="s"><v>5</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45002</v></c><c r="B#"><v>45007</v></c><c r="C#" t="s"><v>4</v></c><c r="D#" t="s"><v>5</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B9" s="1"><v>45002</v></c><c r="C#" t="s"><v>4</v></c><c r="D#" t="s"><v>5</v></c></row>"##,
    r##"<row r="9"><c r="A9"><v>@</v></c><c r="B9" s="1"><v>45002</v></c><c r="C9" t="s"><v>4</v></c><c r="D9" t="s"><v>5</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>1</v></c><c r="B#" s="1"><v>45002</v></c><c r="C#" t="b"><v>1</v></c><c r="D#" t="e"><v>#N/A</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>1</v></c><c r="B#" s="1"><v>45002</v></c><c r="C#" t="s"><v>4</v></c><c r="D#" t="s"><v>5</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45002</v></c><c r="C#" t="s"><v>4</v></c><c r="D#" t="s"><v>5</v></c><c r="ZZ#"><v>1</v></c></row>"##,
    r##"<!-- a page --><row r="#"><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45002</v></c><c r="C#" t="s"><v>4</v></c><c r="D#" t="s"><v>5</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45002</v></c><c r="C#" t="s"><v>99</v></c><c r="D#" t="s"><v>5</v></c></row>"##,
    r##"<row r="#"><c r="A#"><v>@</v></c><c r="B#" s="1"><v>45002</v></c><c r="C#" t="s"><v>8</v></c><c r="D#" t="s"><v>9</v></c></row>"##,
    r##"</sheetData><sheetData><row r="#"><c r="A#"><v>@</v></c></row>"##,
];
const STRINGS: [&str; 11] = [
    "<si><t>id</t></si>",
    "<si><t>date joined</t></si>",
    "<si><t>location</t></si>",
    "<si><t>loyalty tier</t></si>",
    "<si><t>Bedok</t></si>",
    "<si><t>Gold</t></si>",
    "<si><t>Bishan</t></si>",
    "<si><t>silver</t></si>",
    "<si><t>忠邦城</t><rPh sb=\"</si>\" eb=\"1\"><t>ちゅう</t></rPh></si>",
    "<si><r><rPr><b/></rPr><t xml:space=\"preserve\">Toa </t></r><r><t>Payoh</t></r></si>",
    "<si/>",
];

/// A workbook whose sheet has these rows below its header and 30 plain ones, and these merged cells.
fn workbook(rows: &[usize], merges: &str) -> Vec<u8> {
    let kinds = std::iter::once(15).chain(std::iter::repeat_n([0, 1], 15).flatten()).chain(rows.iter().copied());
    let rows: String = (1..)
        .zip(kinds)
        .map(|(number, kind)| {
            ROWS[kind].replace('#', &(number + number / 50).to_string()).replace('@', &format!("7{number}"))
        })
        .collect();
    let related = |kind: &str, target: &str, id: &str| {
        let types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        format!(r#"<Relationship Id="{id}" Type="{types}/{kind}" Target="{target}"/>"#)
    };
    let strings = STRINGS.concat();
    let parts = [
        (
            "_rels/.rels",
            format!("<Relationships>{}</Relationships>", related("officeDocument", "xl/workbook.xml", "r1")),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!("<Relationships>{}</Relationships>", related("worksheet", "worksheets/sheet1.xml", "r1")),
        ),
        ("xl/workbook.xml", r#"<workbook><sheets><sheet name="A" r:id="r1"/></sheets></workbook>"#.to_owned()),
        (
            "xl/styles.xml",
            r#"<styleSheet><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#.to_owned(),
        ),
        ("xl/sharedStrings.xml", format!("<sst>{strings}</sst>")),
        ("xl/worksheets/sheet1.xml", format!("<worksheet><sheetData>{rows}</sheetData>{merges}</worksheet>")),
    ];
    let mut book = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        book.start_file(name, SimpleFileOptions::default()).unwrap();
        book.write_all(content.as_bytes()).unwrap();
    }
    book.finish().unwrap().into_inner()
}

#[test]
fn each_kind_of_row_and_of_line_is_the_same_however_the_file_is_cut() {
    for (kind, row) in ROWS.iter().enumerate() {
        let book = workbook(&[kind, 0, 1, kind, kind, 9, 0, 3, kind, 1, 0], "");
        HELPERS.iter().for_each(|helpers| assert_same(&book, helpers, row));
    }
    for (kind, line) in LINES.iter().enumerate() {
        let text = text(&[kind, 0, 2, kind, kind, 3, 0, 5, kind, 4, 0]);
        HELPERS.iter().for_each(|helpers| assert_same(&text, helpers, line));
    }
}

/// A text of these lines below its header and 30 plain ones.
fn text(lines: &[usize]) -> Vec<u8> {
    let kinds = std::iter::once(25).chain(std::iter::repeat_n(0, 30)).chain(lines.iter().copied());
    let lines: String = (100..).zip(kinds).map(|(n, kind)| LINES[kind].replace('#', &n.to_string())).collect();
    lines.into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_sheet_is_the_same_table_however_it_is_cut(
        rows in prop::collection::vec(prop_oneof![3 => 0..3_usize, 2 => 0..25_usize, 1 => 0..ROWS.len()], 0..120),
        merges in select(vec!["", "", "<mergeCells><mergeCell ref=\"C20:C45\"/></mergeCells>"]),
        helpers in 0..4_usize,
    ) {
        assert_same(&workbook(&rows, merges), &HELPERS[helpers], "a sheet");
    }

    #[test]
    fn any_text_is_the_same_table_however_it_is_cut(
        lines in prop::collection::vec(prop_oneof![2 => 0..3_usize, 1 => 0..LINES.len()], 0..120),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        helpers in 0..4_usize,
    ) {
        let mut text = text(&lines);
        edits.iter().for_each(|(at, byte)| *at.get_mut(&mut text) = *byte);
        assert_same(&text, &HELPERS[helpers], "a text");
    }
}

/// Numbers, each a piece; looking at one doubles it.
struct Numbers;

impl Pieces for Numbers {
    type Source = std::ops::Range<usize>;
    type Piece = usize;
    type Looker = usize;
    type Seen = usize;

    fn fetch(&self, source: &mut Self::Source) -> Option<usize> {
        source.next()
    }

    fn look(&self, looker: &mut usize, piece: usize) -> usize {
        *looker += 1;
        assert!(piece < 900, "too large");
        2 * piece
    }
}

#[test]
fn pieces_come_in_their_order_up_to_where_they_are_stopped() {
    let helpers = &HELPERS[0];
    let all = |ahead: &mut Ahead<'_, Numbers>| std::iter::from_fn(|| ahead.next()).collect::<Vec<_>>();
    let (seen, rest) = helpers.ahead(&Numbers, 0..800, vec![0; helpers.n_lookers()], all).unwrap();
    assert_eq!((seen, rest), ((0..800).map(|n| 2 * n).collect(), 800..800));
    let some = |ahead: &mut Ahead<'_, Numbers>| {
        let mut seen: Vec<_> = (0..10).filter_map(|_| ahead.next()).collect();
        ahead.stop();
        seen.extend(std::iter::from_fn(|| ahead.next()));
        seen
    };
    let (seen, rest) = helpers.ahead(&Numbers, 0..800, vec![0; helpers.n_lookers()], some).unwrap();
    assert!((10..40).contains(&seen.len()), "{seen:?}");
    assert_eq!((seen.len(), seen.last()), (rest.start, Some(&(2 * (rest.start - 1)))));
}

#[test]
fn nobody_waits_for_a_thread_that_broke_down() {
    let helpers = Helpers::start(2, || ()).unwrap();
    let all = |ahead: &mut Ahead<'_, Numbers>| std::iter::from_fn(|| ahead.next()).count();
    let run = || helpers.ahead(&Numbers, 880..2_000, vec![0; helpers.n_lookers()], all);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
}

#[test]
fn helpers_do_what_they_are_told_before_anything_else() {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let _helpers = Helpers::start(3, || {
        STARTED.fetch_add(1, Ordering::SeqCst);
    })
    .unwrap();
    assert_eq!(STARTED.load(Ordering::SeqCst), 3);
}
