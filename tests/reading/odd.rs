//! Workbooks that few programs write and all of them open.

use std::io::{Cursor, Write};

use content_portal::workbook::WorkbookError;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::sheets::{SMALL_ROWS, fixture, read, rows};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const STRINGS: [&str; 13] = [
    "id",
    "date joined",
    "location",
    "gender",
    "loyalty tier",
    "A1",
    "Tampines",
    "Female",
    "Gold",
    "A2",
    "Bedok",
    "Male",
    "Silver",
];

/// The parts of a workbook of two customers, by their names.
struct Package(Vec<(String, String)>);

impl Package {
    fn new() -> Self {
        let related = |id: u8, kind: &str, target: &str| {
            format!(r#"<Relationship Id="rId{id}" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>"#)
        };
        let relationships = |all: &[String]| {
            let all = all.concat();
            format!(
                r#"{HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{all}</Relationships>"#
            )
        };
        let strings: String = STRINGS.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
        let cell = |at: &str, string: u8| format!(r#"<c r="{at}" t="s"><v>{string}</v></c>"#);
        let row = |number: u8, day: &str, strings: [u8; 4]| {
            let [id, town, gender, tier] = strings;
            let [id, town, gender, tier] =
                [("A", id), ("C", town), ("D", gender), ("E", tier)].map(|(c, n)| cell(&format!("{c}{number}"), n));
            format!(r#"<row r="{number}">{id}<c r="B{number}" s="1"><v>{day}</v></c>{town}{gender}{tier}</row>"#)
        };
        let header: String = (0..).zip("ABCDE".chars()).map(|(n, column)| cell(&format!("{column}1"), n)).collect();
        let rows = [row(2, "45149", [5, 6, 7, 8]), row(3, "45351", [9, 10, 11, 12])].concat();
        Self(
            [
                ("[Content_Types].xml", format!("{HEAD}<Types/>")),
                ("_rels/.rels", relationships(&[related(1, "officeDocument", "xl/workbook.xml")])),
                (
                    "xl/_rels/workbook.xml.rels",
                    relationships(&[
                        related(1, "worksheet", "worksheets/sheet1.xml"),
                        related(2, "sharedStrings", "sharedStrings.xml"),
                        related(3, "styles", "styles.xml"),
                    ]),
                ),
                (
                    "xl/workbook.xml",
                    format!(
                        r#"{HEAD}<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{RELATIONSHIPS}"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#
                    ),
                ),
                (
                    "xl/styles.xml",
                    format!(
                        r#"{HEAD}<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#
                    ),
                ),
                (
                    "xl/sharedStrings.xml",
                    format!(
                        r#"{HEAD}<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{strings}</sst>"#
                    ),
                ),
                (
                    "xl/worksheets/sheet1.xml",
                    format!(
                        r#"{HEAD}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:E3"/><sheetData><row r="1">{header}</row>{rows}</sheetData></worksheet>"#
                    ),
                ),
            ]
            .map(|(name, content)| (name.to_owned(), content))
            .into(),
        )
    }

    /// With something else in the place of a text, wherever it is in the parts whose names end so.
    fn with(mut self, part: &str, text: &str, other: &str) -> Self {
        let mut has_changed = false;
        for (_, content) in self.0.iter_mut().filter(|(name, _)| name.ends_with(part)) {
            has_changed |= content.contains(text);
            *content = content.replace(text, other);
        }
        assert!(has_changed, "{text} is in {part}");
        self
    }

    fn renamed(mut self, part: &str, other: &str) -> Self {
        self.0.iter_mut().filter(|(name, _)| name == part).for_each(|(name, _)| *name = other.to_owned());
        self
    }

    fn without(mut self, part: &str) -> Self {
        self.0.retain(|(name, _)| name != part);
        self
    }

    /// With every element of the spreadsheet's own namespace under a prefix.
    fn prefixed(mut self) -> Self {
        for (name, content) in self.0.iter_mut().filter(|(name, _)| name.starts_with("xl/") && !name.ends_with(".rels"))
        {
            let body =
                content.strip_prefix(HEAD).unwrap().replace("</", "\0").replace('<', "<x:").replace('\0', "</x:");
            *content = format!("{HEAD}{}", body.replace("xmlns=", "xmlns:x="));
            assert!(content.contains("<x:"), "{name}");
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let parts: Vec<(&str, &[u8])> = self.0.iter().map(|(n, c)| (n.as_str(), c.as_bytes())).collect();
        archive(&parts)
    }
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn assert_read(bytes: &[u8], about: &str) {
    match read(bytes) {
        Ok(table) => assert_eq!(rows(&table), SMALL_ROWS, "{about}"),
        Err(error) => panic!("{about}: {error:?}"),
    }
}

const SHEET: &str = "sheet1.xml";
const BOOK: &str = "workbook.xml";
const DIMENSION: &str = r#"<dimension ref="A1:E3"/>"#;

#[test]
fn whatever_a_sheet_says_of_its_own_size_it_is_read() {
    assert_eq!(read(&fixture("tests/fixtures/x13_dim_wrong.xlsx")).unwrap().n_rows(), 24);
    for dimension in [
        "",
        "<dimension/>",
        r#"<dimension ref=""/>"#,
        r#"<dimension ref="A0:E3"/>"#,
        r#"<dimension ref="A1"/>"#,
        r#"<dimension ref="a1:e3"/>"#,
        r#"<dimension ref="E3:A1"/>"#,
        r#"<dimension ref="A1:XFD1048576"/>"#,
        r#"<dimension ref="A1:ZZZZZZ99999999999"/>"#,
        r#"<dimension ref="1:3"/>"#,
        r#"<dimension ref="A:E"/>"#,
        r#"<dimension ref="A1:B2:C3"/>"#,
        r#"<dimension ref="$A$1:$E$3"/>"#,
        r#"<dimension ref="A1:E3 G1:H2"/>"#,
        r#"<dimension ref="S!A1:E3"/>"#,
        r#"<dimension ref="R1C1:R3C5"/>"#,
        r#"<dimension ref="A-1:E3"/>"#,
        "<dimension ref='A0:E3'></dimension>",
    ] {
        let package = || Package::new().with(SHEET, DIMENSION, dimension);
        assert_read(&package().bytes(), dimension);
        // And where nothing else of it is plain.
        assert_read(&package().prefixed().bytes(), dimension);
    }
}

#[test]
fn parts_are_found_however_they_are_named_and_related() {
    let package = Package::new;
    let target = r#"Target="worksheets/sheet1.xml""#;
    let book = r#"Target="xl/workbook.xml""#;
    for (about, package) in [
        ("as they should be", package()),
        ("paths from the root", package().with(BOOK_RELS, target, r#"Target="/xl/worksheets/sheet1.xml""#)),
        ("a path from the root to the workbook", package().with("_rels/.rels", book, r#"Target="/xl/workbook.xml""#)),
        ("a path from the root without its slash", package().with(BOOK_RELS, target, r#"Target="xl/worksheets/sheet1.xml""#)),
        ("a path from the folder with a slash", package().with(BOOK_RELS, target, r#"Target="/worksheets/sheet1.xml""#)),
        ("a path with dots", package().with(BOOK_RELS, target, r#"Target="./../xl/worksheets/sheet1.xml""#)),
        ("a path with backslashes", package().with(BOOK_RELS, target, r#"Target="worksheets\sheet1.xml""#)),
        ("another case", package().renamed("xl/worksheets/sheet1.xml", "xl/Worksheets/Sheet1.XML")),
        ("strings in another case", package().renamed("xl/sharedStrings.xml", "xl/SharedStrings.xml")),
        (
            "strings of another name",
            package().renamed("xl/sharedStrings.xml", "xl/texts/all.xml").with(BOOK_RELS, "sharedStrings.xml", "texts/all.xml"),
        ),
        (
            "strings beside the folder",
            package().renamed("xl/sharedStrings.xml", "sharedStrings.xml").with(BOOK_RELS, "sharedStrings.xml", "/sharedStrings.xml"),
        ),
        ("styles of another name", package().renamed("xl/styles.xml", "xl/s.xml").with(BOOK_RELS, "styles.xml", "s.xml")),
        ("no styles", package().without("xl/styles.xml")),
        ("no content types", package().without("[Content_Types].xml")),
        ("no relationships of the package", package().without("_rels/.rels")),
        ("no relationships of the workbook", package().without("xl/_rels/workbook.xml.rels")),
        ("a sheet without a relationship", package().with(BOOK, "r:id=\"rId1\"", "r:id=\"rId9\"")),
        ("a relationship under another prefix", package().with(BOOK, "r:id", "relationships:id")),
        ("a state that nobody knows", package().with(BOOK, "sheetId", "state=\"shown\" sheetId")),
        (
            "strict",
            package()
                .with(".rels", RELATIONSHIPS, "http://purl.oclc.org/ooxml/officeDocument/relationships")
                .with(".xml", "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main"),
        ),
        (
            "marked read-only",
            package()
                .with(BOOK, "<sheets>", r#"<fileSharing readOnlyRecommended="1" userName="A" reservationPassword="CC1A"/><workbookProtection workbookPassword="CC1A" lockStructure="1"/><sheets>"#)
                .with(SHEET, "</sheetData>", r#"</sheetData><sheetProtection password="CC1A" sheet="1" objects="1"/>"#),
        ),
        (
            "another sheet that is none",
            package()
                .with(BOOK, "</sheets>", r#"<sheet name="M" sheetId="2" r:id="rId7"/><sheet name="C" sheetId="3" r:id="rId8"/></sheets>"#)
                .with(BOOK_RELS, "</Relationships>", r#"<Relationship Id="rId7" Type="http://schemas.microsoft.com/office/2006/relationships/xlMacrosheet" Target="m.xml"/><Relationship Id="rId8" Type="x/chartsheet" Target="gone.xml"/></Relationships>"#),
        ),
    ] {
        assert_read(&package.bytes(), about);
    }
    let mut backslashes = package();
    backslashes.0.iter_mut().for_each(|(name, _)| *name = name.replace('/', "\\"));
    assert_read(&backslashes.bytes(), "names with backslashes");
    let mut slashes = package();
    slashes.0.iter_mut().for_each(|(name, _)| *name = format!("/{name}"));
    assert_read(&slashes.bytes(), "names that begin with a slash");
}

const BOOK_RELS: &str = "workbook.xml.rels";

#[test]
fn cells_are_read_however_they_are_written() {
    let package = Package::new;
    let town = r#"<c r="C3" t="s"><v>10</v></c>"#;
    let day = r#"<c r="B3" s="1"><v>45351</v></c>"#;
    let inline = |text: &str| package().with(SHEET, town, text);
    for (about, package) in [
        ("prefixes", package().prefixed()),
        ("an inline string", inline(r#"<c r="C3" t="inlineStr"><is><t>Bedok</t></is></c>"#)),
        ("an inline string in its value", inline(r#"<c r="C3" t="inlineStr"><v>Bedok</v></c>"#)),
        ("an inline string and its value", inline(r#"<c r="C3" t="inlineStr"><is><t>Bedok</t></is><v>Bedok</v></c>"#)),
        ("CDATA", inline(r#"<c r="C3" t="inlineStr"><is><t><![CDATA[Bedok]]></t></is></c>"#)),
        ("a comment", inline(r#"<!-- town --><c r="C3" t="str"><v>Be<!-- x -->dok</v></c>"#)),
        ("an entity", inline(r#"<c r="C3" t="str"><v>B&#101;dok</v></c>"#)),
        ("text without a type", inline(r#"<c r="C3"><v>Bedok</v></c>"#)),
        ("a type that nobody knows", inline(r#"<c r="C3" t="text"><v>Bedok</v></c>"#)),
        (
            "an extension in a cell",
            inline(r#"<c r="C3" t="s"><v>10</v><extLst><ext uri="x"><y>1</y></ext></extLst></c>"#),
        ),
        ("a day in ISO 8601", package().with(SHEET, day, r#"<c r="B3" t="d"><v>2024-02-29T00:00:00</v></c>"#)),
        ("a number with an entity", package().with(SHEET, day, r#"<c r="B3" s="1"><v>4535&#49;</v></c>"#)),
        ("no references", {
            let mut package = package();
            for (_, content) in package.0.iter_mut().filter(|(name, _)| name.ends_with(SHEET)) {
                for (column, row) in "ABCDE".chars().flat_map(|column| (1..4).map(move |row| (column, row))) {
                    *content = content.replace(&format!(" r=\"{column}{row}\""), "");
                }
                *content = content.replace(" r=\"1\"", "").replace(" r=\"2\"", "").replace(" r=\"3\"", "");
            }
            package
        }),
        ("an unknown error in a row without references", {
            let town = r#"<c t="s"><v>10</v></c>"#;
            let gender = r#"<c t="s"><v>11</v></c>"#;
            package()
                .with(SHEET, r#"<c r="A3" t="s"><v>9</v></c><c r="B3""#, r##"<c t="e"><v>#BUSY!</v></c><c"##)
                .with(SHEET, r#"<c r="C3" t="s"><v>10</v></c>"#, town)
                .with(SHEET, r#"<c r="D3" t="s"><v>11</v></c>"#, gender)
                .with(SHEET, r#"<c r="E3" t"#, "<c t")
        }),
        ("references with dollars", package().with(SHEET, "r=\"C3\"", "r=\"$C$3\"")),
        ("single quotes", package().with(".xml", "\"", "'")),
        ("a style that there is not", package().with(SHEET, town, r#"<c r="C3" s="99" t="s"><v>10</v></c>"#)),
    ] {
        assert_read(&package.bytes(), about);
    }
}

#[test]
fn parts_in_utf_16_are_read() {
    let package = Package::new().with(".xml", "UTF-8", "UTF-16");
    let wide =
        |text: &str| [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let parts: Vec<(&str, Vec<u8>)> = package.0.iter().map(|(name, text)| (name.as_str(), wide(text))).collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    // Calamine, which is asked for the styles, reads no UTF-16: a day is read from its number alone.
    assert_read(&archive(&parts), "UTF-16");
}

#[test]
fn parts_in_the_encoding_that_they_declare_are_read() {
    let package = Package::new().with("sharedStrings.xml", "Bedok", "K\u{f6}ln").with(".xml", "UTF-8", "ISO-8859-1");
    let narrow = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let parts: Vec<(&str, Vec<u8>)> = package.0.iter().map(|(name, text)| (name.as_str(), narrow(text))).collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    assert!(rows(&read(&archive(&parts)).unwrap())[1].starts_with("K\u{f6}ln"));
}

#[test]
fn bytes_around_the_archive_do_not_matter() {
    let bytes = Package::new().bytes();
    for n_bytes in [1, 511, 4_096, 65_557, 1 << 20] {
        let padded = [bytes.as_slice(), &vec![0; n_bytes]].concat();
        assert_read(&padded, &format!("{n_bytes} NULs behind it"));
    }
}

#[test]
fn what_contradicts_itself_is_refused_and_not_guessed() {
    let package = Package::new;
    for (about, package) in [
        ("a string that there is not", package().with(SHEET, "<v>10</v>", "<v>99</v>")),
        ("a string without a number", package().with(SHEET, "<v>10</v>", "<v>ten</v>")),
        ("no strings", package().without("xl/sharedStrings.xml")),
        ("no sheet", package().without("xl/worksheets/sheet1.xml")),
        ("no workbook", package().without("xl/workbook.xml")),
        ("tags that are not nested", package().with(SHEET, "</c></row>", "</row></c>")),
    ] {
        assert!(matches!(read(&package.bytes()), Err(WorkbookError::Damaged(_))), "{about}");
    }
}
