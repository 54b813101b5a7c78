//! Sheets made for a test, and shorthands to read them.

use std::io::Cursor;
use std::sync::Arc;

use content_portal::customer::{CustomerTable, Schema, Value};
use content_portal::workbook::{self, Limits, WorkbookError};
use jiff::civil::{Date, date};
use rust_xlsxwriter::{Workbook, Worksheet};

/// The day on which every test reads.
pub const TODAY: Date = date(2026, 3, 1);

pub fn schema() -> Arc<Schema> {
    Arc::new(Schema::built_in().unwrap())
}

pub fn read(bytes: &[u8]) -> Result<CustomerTable, WorkbookError> {
    workbook::read(Cursor::new(bytes), schema(), TODAY, &Limits::default())
}

/// The name of an error's variant.
pub fn variant(error: &WorkbookError) -> String {
    format!("{error:?}").split([' ', '(', '{']).next().unwrap().to_owned()
}

/// The sentence of a file that must not be read.
pub fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

pub fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A workbook with one sheet.
pub fn xlsx(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    fill(book.add_worksheet());
    book.save_to_buffer().unwrap()
}

/// Writes rows of text from row `first` on (counted from 0).
pub fn write_rows(sheet: &mut Worksheet, first: u32, rows: &[&[&str]]) {
    for (row, cells) in (first..).zip(rows) {
        for (column, text) in (0..).zip(*cells) {
            if !text.is_empty() {
                sheet.write_string(row, column, *text).unwrap();
            }
        }
    }
}

pub const HEADER: [&str; 5] = ["id", "date joined", "location", "gender", "loyalty tier"];
pub const CUSTOMER: [&str; 5] = ["A1", "2023-08-11", "Tampines", "Female", "Gold"];
pub const OTHER_CUSTOMER: [&str; 5] = ["A2", "2024-02-29", "Bedok", "Male", "Silver"];

/// A header and two customers.
pub fn small_xlsx() -> Vec<u8> {
    xlsx(|sheet| write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER]))
}

/// The same as text.
pub fn small_csv(delimiter: &str) -> String {
    [HEADER, CUSTOMER, OTHER_CUSTOMER].map(|row| row.join(delimiter) + "\r\n").concat()
}

/// Each row as its values in words, in the schema's order; `·` for none.
pub fn rows(table: &CustomerTable) -> Vec<String> {
    let word = |value: Option<&Value>| match value {
        None => "·".to_owned(),
        Some(Value::Text(name)) => name.clone(),
        Some(Value::Level(rank)) => format!("#{rank}"),
        Some(Value::Date(day)) => day.to_string(),
        Some(Value::PartialDate { .. }) => "a form's date".to_owned(),
        Some(Value::Number(number)) => number.to_string(),
    };
    (0..table.n_rows())
        .map(|row| table.columns().iter().map(|c| word(c.value(row))).collect::<Vec<_>>().join(" | "))
        .collect()
}

/// What [`small_xlsx`] holds.
pub const SMALL_ROWS: [&str; 2] = ["Tampines | Female | 2023-08-11 | #1", "Bedok | Male | 2024-02-29 | #0"];
