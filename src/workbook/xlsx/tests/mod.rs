//! The reading held against calamine's: the same table, whatever the sheet, wherever calamine makes one.

mod any_sheet;

use std::io::{Cursor as Bytes, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::civil::date;
use rust_xlsxwriter::Workbook;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::cell_value::Shown;
use super::cells::{Sheet, Step};
use super::markup::{Cursor, Stop};
use super::strings::SharedStrings;
use super::*;
use crate::customer::Schema;
use crate::workbook::{BothWays, both_ways};

const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const STYLES: &str = r#"<styleSheet><numFmts count="1"><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></numFmts>
    <cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="46"/><xf numFmtId="2"/></cellXfs></styleSheet>"#;
const STRINGS: [&str; 12] = [
    "<si><t>id</t></si>",
    "<si><t>date joined</t></si>",
    "<si><t>location</t></si>",
    "<si><t>loyalty tier</t></si>",
    "<si><t>Gold</t></si>",
    "<si><t> 2023-08-11\n</t></si>",
    "<si><t xml:space=\"preserve\"> Ang Mo&#32;Kio </t></si>",
    "<si><r><rPr><b/><sz val=\"11\"/></rPr><t xml:space=\"preserve\">Toa </t></r><r><t>Payoh</t></r></si>",
    "<si><t>忠邦城</t><rPh sb=\"0\" eb=\"1\"><t>ちゅう</t></rPh><phoneticPr fontId=\"1\"/></si>",
    "<si/>",
    "<si><t>Marks &amp; Spencer_x000D_\r\n&#x2019;_x005F_x000D_</t></si>",
    "<si><t>silver</t></si>",
];
const SHEET_LIST: &str =
    r#"<workbook><workbookPr date1904="0"/><sheets><sheet name="A" r:id="r1"/></sheets></workbook>"#;
const HEADER: &str = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c><c r="D1" t="s"><v>3</v></c></row>"#;

/// A workbook of these parts below `xl/`; what is empty is left out.
fn workbook(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut book = ZipWriter::new(Bytes::new(Vec::new()));
    let mut add = |name: &str, content: &str| {
        book.start_file(name, SimpleFileOptions::default()).unwrap();
        book.write_all(content.as_bytes()).unwrap();
    };
    let relationship = |id: &str, kind: &str, target: &str| {
        format!(r#"<Relationship Id="{id}" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>"#)
    };
    let root = relationship("r1", "officeDocument", "xl/workbook.xml");
    add("_rels/.rels", &format!("<Relationships>{root}</Relationships>"));
    let sheets = relationship("r1", "worksheet", "worksheets/sheet1.xml")
        + &relationship("r2", "worksheet", "/xl/worksheets/sheet2.xml");
    add("xl/_rels/workbook.xml.rels", &format!("<Relationships>{sheets}</Relationships>"));
    for (name, content) in parts.iter().filter(|(_, content)| !content.is_empty()) {
        add(&format!("xl/{name}"), content);
    }
    book.finish().unwrap().into_inner()
}

fn sheet(rows: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<worksheet><dimension ref=\"A1:D9\"/><sheetData>{HEADER}{rows}</sheetData></worksheet>"
    )
}

fn one_sheet(properties: &str, xml: &str) -> Vec<u8> {
    let list = format!(r#"<workbook>{properties}<sheets><sheet name="A &amp; B" r:id="r1"/></sheets></workbook>"#);
    let strings = format!("<sst uniqueCount=\"12\">{}</sst>", STRINGS.concat());
    workbook(&[
        ("workbook.xml", &list),
        ("styles.xml", STYLES),
        ("sharedStrings.xml", &strings),
        ("worksheets/sheet1.xml", xml),
    ])
}

/// What a workbook is read as, and what calamine makes of it, in words; `None` where calamine panics, as it does in
/// builds with overflow checks, or reads nothing.
fn outcomes(bytes: &[u8]) -> Option<[String; 2]> {
    let BothWays { read, by_calamine, .. } = catch_unwind(AssertUnwindSafe(|| both_ways(bytes))).ok()??;
    let by_calamine = by_calamine.ok().map(Ok::<_, WorkbookError>)?;
    Some([format!("{read:?}"), format!("{by_calamine:?}")])
}

fn assert_same(bytes: &[u8], about: &str) -> String {
    let [read, by_calamine] = outcomes(bytes).unwrap_or_else(|| panic!("calamine does not read {about}"));
    assert_eq!(read, by_calamine, "{about}");
    read
}

/// Whether a workbook is read as it is written, to its end.
fn is_plain(bytes: &[u8]) -> bool {
    both_ways(bytes).is_some_and(|both| both.is_plain)
}

/// What becomes of a workbook that calamine may refuse.
fn read_alone(bytes: &[u8]) -> Result<String, WorkbookError> {
    let mut builder = TableBuilder::keyed(Schema::built_in().unwrap().into(), date(2026, 3, 1));
    read(Bytes::new(bytes), &mut builder, &Limits::default(), None)?;
    Ok(format!("{:?}", builder.finish_keyed()))
}

#[test]
fn what_programs_write_is_read_as_it_is_written() {
    for path in ["base_data/2026-01-01/customers.xlsx", "tests/fixtures/upload_2000.xlsx", "tests/fixtures/dirty.xlsx"]
    {
        let bytes = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        assert!(is_plain(&bytes), "{path}");
        assert_same(&bytes, path);
    }
    let rows = r#"<row r="2" spans="1:4" ht="15.5" customHeight="1"><c r="A2"><v>17</v></c><c r="B2" s="1"><v>45000.25</v></c>
        <c r="C2" t="inlineStr"><is><t>Bedok</t></is></c><c r="D2" t="str"><f>"Go"&amp;"ld"</f><v>Gold</v></c></row>
        <row><c t="s"><v>5</v></c><c s="2"><v>1.5</v></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c><c/></row>"#;
    assert!(is_plain(&one_sheet("<workbookPr date1904=\"1\"/>", &sheet(rows))));
    for (n, string) in STRINGS.iter().enumerate() {
        let xml = sheet(&format!(r#"<row r="2"><c r="C2" t="s"><v>{n}</v></c></row>"#));
        assert!(is_plain(&one_sheet("", &xml)), "{string}");
    }
}

#[test]
fn both_kinds_of_a_writers_sheet_are_read_as_they_are_written() {
    for in_constant_memory in [false, true] {
        let mut book = Workbook::new();
        let sheet =
            if in_constant_memory { book.add_worksheet_with_constant_memory().unwrap() } else { book.add_worksheet() };
        for (row, [date, town, tier]) in (0..).zip([
            ["date joined", "location", "tier"],
            ["2023-08-11", " Toa Payoh", "Gold"],
            ["x<&>\"'", "", "Silver"],
        ]) {
            for (column, text) in (0..).zip([date, town, tier]) {
                sheet.write_string(row, column, text).unwrap();
            }
            sheet.write_number(row, 3, 1e21 + f64::from(row)).unwrap();
        }
        let bytes = book.save_to_buffer().unwrap();
        assert!(is_plain(&bytes), "constant memory: {in_constant_memory}");
        assert_same(&bytes, "a writer's sheet");
    }
}

#[test]
fn from_an_unusual_cell_on_a_parser_reads_and_no_cell_is_read_twice() {
    let row = |number: u32, cell: &str| {
        format!(
            r#"<row r="{number}"><c r="A{number}"><v>{number}</v></c><c r="B{number}"><v>45000</v></c><c r="C{number}" t="inlineStr">{cell}</c><c r="D{number}" t="s"><v>4</v></c></row>"#
        )
    };
    let (plain, unusual) = ("<is><t>Bedok</t></is>", "<!-- town --><is><t><![CDATA[Bishan]]></t></is>");
    let rows: String = (2..9).map(|number| row(number, if number == 5 { unusual } else { plain })).collect();
    let bytes = one_sheet("", &sheet(&rows));
    assert!(!is_plain(&bytes));
    let outcome = assert_same(&bytes, "an unusual cell");
    assert!(outcome.contains("n_rows: 7") && outcome.contains("Bishan"), "{outcome}");
}

#[test]
fn tags_that_are_not_nested_are_refused() {
    for string in ["<si></r></r><t>a</t></si>", "<si><r><t>a</t></si>", "<si><t>a</si></t>", "<si><rPh><t>a</t></si>"] {
        let strings = format!("<sst>{}{string}</sst>", STRINGS.concat());
        let parts =
            [("workbook.xml", SHEET_LIST), ("sharedStrings.xml", &strings), ("worksheets/sheet1.xml", &sheet(""))];
        assert!(matches!(read_alone(&workbook(&parts)), Err(WorkbookError::Damaged(_))), "{string}");
    }
    let unnested = sheet("").replace("<dimension", "</a></b><dimension");
    assert!(matches!(read_alone(&one_sheet("", &unnested)), Err(WorkbookError::Damaged(_))));
}

#[test]
fn the_second_sheet_is_read_where_the_first_is_hidden_or_has_no_header() {
    for (state, first) in [(" state=\"hidden\"", sheet("")), ("", "<worksheet><sheetData/></worksheet>".to_owned())] {
        let list = format!(
            r#"<workbook><sheets><sheet name="a" r:id="r1"{state}/><sheet name="b" r:id="r2"/></sheets></workbook>"#
        );
        let second = sheet(r#"<row r="2"><c r="B2" t="d"><v>2023-08-11</v></c></row>"#);
        let strings = format!("<sst>{}</sst>", STRINGS.concat());
        let parts = [
            ("workbook.xml", list.as_str()),
            ("sharedStrings.xml", &strings),
            ("worksheets/sheet1.xml", &first),
            ("worksheets/sheet2.xml", &second),
        ];
        let bytes = workbook(&parts);
        assert!(assert_same(&bytes, state).contains("rows_read: 1"));
        // The strings are gone, the sheet is gone.
        for gone in [1, 3] {
            let mut parts = parts;
            parts[gone].1 = "";
            assert!(matches!(read_alone(&workbook(&parts)), Err(WorkbookError::Damaged(_))), "{}", parts[gone].0);
        }
    }
}

#[test]
fn wherever_the_bytes_are_cut_a_step_waits_for_more() {
    let rows = r#" <row r="2" spans="1:4"><c r="A2"><v>17</v></c><c r="B2" s="1" t="n"><v>-4.5e3</v></c> <c r="C2" t="inlineStr"><is>
        <r><rPr><b/></rPr><t xml:space="preserve">Be&amp;dok</t></r><rPh sb="0" eb="1"><t>b</t></rPh></is></c><c r="D2" t="str"><f a="b">x</f><v>Gold</v></c>
        <c r="E2"/><c r="F2"><f/><v/></c><c><is/></c><c><f></f><v /></c></row><row/>"#;
    let xml = sheet(rows);
    let styles = [Shown::Number, Shown::Day];
    let mut whole = Cursor { rest: xml.as_bytes() };
    let mut sheet = Sheet::new(&styles, false);
    let mut n_cells = 0;
    loop {
        let (before, bytes) = (sheet.clone(), whole.rest);
        let step = sheet.step(&mut whole).unwrap();
        if step == Step::Ended {
            break;
        }
        n_cells += usize::from(matches!(step, Step::Cell { .. }));
        for cut in 0..bytes.len() - whole.rest.len() {
            let (mut sheet, mut part) = (before.clone(), Cursor { rest: &bytes[..cut] });
            assert_eq!(sheet.step(&mut part), Err(Stop::Incomplete), "{:?}", String::from_utf8_lossy(&bytes[..cut]));
        }
    }
    assert_eq!(n_cells, 4 + 8);
}

/// A source of a few bytes at a time.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(buffer.len());
        self.0.read(&mut buffer[..n])
    }
}

#[test]
fn shared_strings_longer_than_the_window_are_whole() {
    let long = "é&lt;".repeat(60_000);
    let items: String = (0..50_000).map(|n| format!("<si><t>number {n}</t></si>\n")).collect();
    let xml = format!("<sst><si><t>{long}</t></si>{items}<si><t>{long}</t></si></sst>");
    for n_bytes in [977, usize::MAX] {
        let strings = SharedStrings::read(Drops(xml.as_bytes(), n_bytes), None).unwrap();
        assert_eq!(strings.get(0), Some("é<".repeat(60_000).as_str()));
        assert_eq!(strings.get(49_999 + 1), Some("number 49999"));
        assert_eq!((strings.get(50_001), strings.get(50_002)), (strings.get(0), None));
    }
}
