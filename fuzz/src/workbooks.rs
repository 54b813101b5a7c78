//! The workbook reader on any bytes: it returns within its limits, and its table is consistent.

use std::borrow::Cow;
use std::io::{Cursor, Write};
use std::sync::{Arc, LazyLock};

use content_portal::customer::{CustomerTable, Schema};
use content_portal::workbook::{self, Limits, WorkbookError};
use jiff::civil::{Date, date};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Small, so that an execution is short.
pub const LIMITS: Limits = Limits {
    max_rows: 500,
    max_columns: 64,
    max_cell_bytes: 2_048,
    max_sheets: 4,
    max_parts: 32,
    max_unpacked_bytes: 1 << 20,
    max_names: 100,
};
/// Today, for every file.
pub const TODAY: Date = date(2026, 3, 1);

/// The columns to find.
pub static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::built_in().expect("it is sound")));

/// The parts of an `.xlsx` that an input may contain, in this order, and their defaults.
const PARTS: [(&str, &str); 4] = [
    ("xl/worksheets/sheet1.xml", ""),
    (
        "xl/sharedStrings.xml",
        r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>date joined</t></si><si><t>location</t></si><si><t>gender</t></si><si><t>loyalty tier</t></si><si><t>Bedok</t></si><si><t>Female</t></si><si><t>Gold</t></si><si><r><t>Sil</t></r><r><t>ver</t></r></si></sst>"#,
    ),
    (
        "xl/styles.xml",
        r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy-mm-dd"/></numFmts><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>"#,
    ),
    (
        "xl/workbook.xml",
        r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><workbookPr/><sheets><sheet name="Customers" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    ),
];
/// The parts that every file has.
const FIXED: [(&str, &str); 3] = [
    (
        "[Content_Types].xml",
        r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#,
    ),
    (
        "_rels/.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#,
    ),
];

/// The file that an input means. XML is the sheet of a workbook around it, and after each NUL its shared strings,
/// its styles, its list of sheets: changed bytes inside a container would otherwise end at its checksums. Anything else
/// is the file itself.
pub fn file_of(input: &[u8]) -> Cow<'_, [u8]> {
    if input.starts_with(b"<") { Cow::Owned(container(input)) } else { Cow::Borrowed(input) }
}

fn container(xml: &[u8]) -> Vec<u8> {
    let mut given = xml.split(|&byte| byte == 0);
    let parts = PARTS.map(|(name, otherwise)| (name, given.next().unwrap_or(otherwise.as_bytes())));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in FIXED.map(|(name, content)| (name, content.as_bytes())).into_iter().chain(parts) {
        archive.start_file(name, stored).expect("a part fits");
        archive.write_all(content).expect("a part fits");
    }
    archive.finish().expect("an archive fits").into_inner()
}

/// Reads a file.
pub fn read(file: &[u8]) -> Result<CustomerTable, WorkbookError> {
    workbook::read(Cursor::new(file), SCHEMA.clone(), TODAY, &LIMITS)
}

/// Checks every outcome.
pub fn check(outcome: &Result<CustomerTable, WorkbookError>) {
    match outcome {
        Ok(table) => {
            assert!(table.n_rows() <= table.cleaning().rows_read && table.cleaning().rows_read <= LIMITS.max_rows);
            check_whole(table);
        }
        Err(error) => assert!(error.to_string().len() < 2_000, "{error}"),
    }
}

/// A table is one that the server would accept from the reader process.
pub fn check_whole(table: &CustomerTable) {
    let (columns, cleaning) = (table.columns().to_vec(), table.cleaning().clone());
    let checked = CustomerTable::checked(table.schema().clone(), columns, cleaning, TODAY);
    assert_eq!(checked.as_ref(), Ok(table));
    for column in table.columns() {
        // In order of first appearance, each once and every one of them.
        let mut next = 0;
        for &code in column.codes.iter().filter(|&&code| code != u32::MAX) {
            assert!(code <= next, "{code} before {next}");
            next = next.max(code + 1);
        }
        assert_eq!(next as usize, column.values.len());
        for (position, value) in column.values.iter().enumerate() {
            assert!(!column.values[..position].contains(value), "{value:?} twice");
        }
    }
}
