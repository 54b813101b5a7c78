//! Sheets and parts made at random.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{SHEET_LIST, STRINGS, STYLES, one_sheet, outcomes, sheet, workbook};

const PLACED: [&str; 5] = [" r=\"@\"", " r=\"@\"", " r='@'", " r=\"AB7\"", " r=\"b3\""];
const ANYWHERE: [&str; 6] = ["", "", " r=\"@\"", "  r = \"@\" ", " r=\"7\"", " r=\"C\""];
/// Types of cells whose value calamine may leave out: it does not move on behind it, so that the next cell without a
/// reference would be another one's.
const LEFT_OUT: [&str; 3] = [" t=\"n\"", " t=\"b\"", " t=\"e\""];
const OTHERS: [&str; 4] = ["", "", " t=\"s\"", " t=\"s\""];
const TEXTS: [&str; 4] = [" t=\"str\"", " t=\"d\"", " t=\"inlineStr\"", " t=\"x\""];

/// A value as its type may be written. In numbers calamine stops at an entity or a comment, and a string that has no
/// number is its first.
fn value(kind: &str) -> BoxedStrategy<String> {
    let numbers = vec![
        "0",
        "3",
        "45000",
        "45000.75",
        "2023-08-11",
        "19/06/2023",
        "1e3",
        " 7",
        "-0",
        "1E400",
        "nan",
        "",
        "TRUE",
        "true ",
        "#N/A",
        "#SPILL!",
        "Gold",
        "a_x0041_b",
        "\u{a0}",
        "999999999999999",
        // Of a longer one calamine has the float alone, and an identifier is more.
        "9007199254740991",
    ];
    let texts = vec!["_xD83D_", "_xD83D__xDE00_", "a&amp;b", "&#x41;", "&nbsp;", "&", "x]]>y", "1\r\n2", "<!-- c -->1"];
    let text = |texts: Vec<&'static str>| select(texts).prop_map(str::to_owned);
    if kind == " t=\"s\"" {
        text(vec!["0", "4", "5", "6", "7", "8", "9", "10", "11", "12"]).boxed()
    } else if kind == " t=\"inlineStr\"" {
        text([numbers, texts, vec!["<![CDATA[1 < 2]]>"]].concat()).boxed()
    } else if TEXTS.contains(&kind) {
        let any = "[ -~\u{e9}]{0,12}".prop_map(|text| text.replace('&', "&amp;").replace('<', "&lt;"));
        prop_oneof![2 => text(numbers), 2 => text(texts), 1 => any].boxed()
    } else {
        text(numbers).boxed()
    }
}

/// A cell of row 2 or below, as this program or that might write it, or none does.
fn cell(is_placed: bool) -> impl Strategy<Value = String> {
    let places = if is_placed { PLACED.to_vec() } else { ANYWHERE.to_vec() };
    let kinds = if is_placed { [&OTHERS[..], &TEXTS, &LEFT_OUT].concat() } else { [&OTHERS[..], &TEXTS].concat() };
    let style =
        select(vec!["", "", "", " s=\"1\"", " s=\"2\"", " s=\"3\"", " s=\"9\"", " s=\"\"", " cm=\"1\" s=\"01\""]);
    let shape = (select(places), style, any::<bool>(), 0..20_u8);
    select(kinds)
        .prop_flat_map(|kind| (Just(kind), value(kind)))
        .prop_flat_map(move |(kind, value)| {
            let inline = vec![
                "<is><t>%</t></is>",
                "<is><t xml:space=\"preserve\"> % </t></is>",
                "<is><r><t>%</t></r><r><rPr><b/></rPr><t> b</t></r></is>",
                "<is/>",
                "",
            ];
            // Not two values in one cell, which no program writes: calamine drops the cell where the first is no
            // number.
            let others = vec![
                "<v>%</v>",
                "<v>%</v>",
                "<v>%</v>",
                "<v>%</v>",
                "<v>%</v>",
                "<v>%</v>",
                "<f>1+1</f><v>%</v>",
                "<f>A1&amp;B1</f>",
                "<f t=\"shared\" si=\"0\"/><v>%</v>",
                "<v>%</v><f>x</f>",
                "",
                "<v/>",
                "<f>x</f><v />",
                "<v></v>",
                "<f/>",
                " <v>%</v> ",
                "<v xml:space=\"preserve\">%</v>",
                "<x>%</x>",
                "<extLst><ext/></extLst>",
                "text<v>%</v>",
            ];
            let body = select(if kind == " t=\"inlineStr\"" { inline } else { [others, inline].concat() });
            (Just(kind), Just(value), body, shape.clone())
        })
        .prop_map(|(kind, value, body, (place, style, is_turned, shape))| {
            let attributes = if is_turned { format!("{kind}{place}{style}") } else { format!("{place}{style}{kind}") };
            let body = body.replace('%', &value);
            match shape {
                0 => format!("<c{attributes}/>"),
                1 => format!("<c{attributes} >{body}</c >"),
                2 => format!("<x:c{attributes}>{body}</x:c>"),
                _ => format!("<c{attributes}>{body}</c>"),
            }
        })
}

fn rows() -> impl Strategy<Value = String> {
    any::<bool>().prop_flat_map(|is_placed| {
        let row = (
            select(vec!["", " r=\"#\"", " r=\"#\"", " r=\"#\" spans=\"1:4\"", " r=\"x\"", " hidden=\"1\""]),
            prop::collection::vec(cell(is_placed), 0..6),
            0..12u8,
        );
        prop::collection::vec(row, 0..6).prop_map(|rows| {
            let mut xml = String::new();
            for (number, (attributes, cells, shape)) in (2..).zip(rows) {
                let number = number + u32::from(shape == 1) * 3;
                let cells: String = (0_u8..)
                    .zip(&cells)
                    .map(|(n, cell)| cell.replace('@', &format!("{}{number}", char::from(b'A' + n))))
                    .collect();
                let attributes = attributes.replace('#', &number.to_string());
                xml += &match shape {
                    2 => format!("<row{attributes}/>"),
                    3 => format!("<!-- row --><row{attributes}>{cells}</row>"),
                    4 => format!("\n <row{attributes}>\n{cells}\t</row>\r\n"),
                    _ => format!("<row{attributes}>{cells}</row>"),
                };
            }
            xml
        })
    })
}

/// What is behind the rows: merged cells.
fn merges() -> impl Strategy<Value = String> {
    let place = select(vec!["B2:B4", "C2:C9", "d3:D5", "C5:C3", "A1:D1", "A1:A2", "A2:D2", "C2:D3", "A2:A99", "C3"]);
    prop::collection::vec(place, 0..4).prop_map(|places| {
        let cells: String = places.iter().map(|place| format!("<mergeCell ref=\"{place}\"/>")).collect();
        format!("<phoneticPr fontId=\"1\"/><mergeCells count=\"{}\">{cells}</mergeCells>", places.len())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(600), ..ProptestConfig::default() })]

    #[test]
    fn any_sheet_is_what_calamine_makes_of_it(
        rows in rows(),
        merges in merges(),
        properties in select(vec!["", "<workbookPr date1904=\"1\"/>", "<calcPr fullCalcOnLoad=\"1\"/>"]),
    ) {
        let xml = sheet(&rows).replace("</sheetData>", &format!("</sheetData>{merges}"));
        if let Some([read, by_calamine]) = outcomes(&one_sheet(properties, &xml)) {
            prop_assert_eq!(read, by_calamine);
        }
    }

    #[test]
    fn any_parts_changed_at_random_are_what_calamine_makes_of_them(
        part in 0..4_usize,
        edits in prop::collection::vec((any::<Index>(), any::<Index>(), 0..5_u8), 1..4),
    ) {
        let rows = r#"<row r="2"><c r="A2" t="s"><v>6</v></c><c r="B2" s="1"><v>45000</v></c><c r="C2" t="inlineStr"><is><t>Bedok</t></is></c><c r="D2" t="s"><v>4</v></c></row>"#;
        let strings = format!("<sst uniqueCount=\"12\">{}</sst>", STRINGS.concat());
        let names = ["worksheets/sheet1.xml", "sharedStrings.xml", "styles.xml", "workbook.xml"];
        let mut parts = [sheet(rows), strings, STYLES.to_owned(), SHEET_LIST.to_owned()];
        let mut bytes = std::mem::take(&mut parts[part]).into_bytes();
        for (at, other, kind) in edits {
            let (at, other) = (at.index(bytes.len()), other.index(bytes.len()));
            match kind {
                0 => bytes[at] = bytes[other],
                1 => bytes.truncate(at.max(other)),
                2 => drop(bytes.drain(at.min(other)..at.max(other).min(at.min(other) + 9))),
                3 => bytes.insert(at, b"<>/\"&; \n9"[other % 9]),
                _ => bytes[at] = u8::try_from(other % 256).unwrap(),
            }
            if bytes.is_empty() {
                bytes.push(b'<');
            }
        }
        parts[part] = String::from_utf8_lossy(&bytes).into_owned();
        let parts: Vec<_> = names.into_iter().zip(parts.iter().map(String::as_str)).collect();
        if let Some([read, by_calamine]) = outcomes(&workbook(&parts)) {
            // Calamine takes a string that has no number for the first one.
            prop_assert!(read == by_calamine || read.starts_with("Err(Damaged"), "{read}\n{by_calamine}");
        }
    }
}
