//! Workbooks made for a test, and the rows of recorded ones.

use calamine::{Data, Reader, Xlsx};
use rust_xlsxwriter::Workbook;

use crate::app::root;

pub const HEADER: [&str; 5] = ["Customer ID", "Date Joined", "Location", "Gender", "Loyalty Tier"];
pub const CUSTOMER: [&str; 5] = ["A1", "2024-02-29", "Bedok", "Female", "Gold"];

/// Text separated by commas, from a header and rows.
pub fn csv<R: AsRef<[S]>, S: AsRef<str>>(rows: impl IntoIterator<Item = R>) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        table.write_record(row.as_ref().iter().map(AsRef::as_ref)).unwrap();
    }
    table.into_inner().unwrap()
}

/// A workbook of text cells, from a header and rows.
pub fn xlsx<R: AsRef<[S]>, S: AsRef<str>>(rows: impl IntoIterator<Item = R>) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, text) in (0..).zip(cells.as_ref()) {
            sheet.write_string(row, column, text.as_ref()).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

/// Every row of the first sheet of a recorded workbook as text, the header first; dates as YYYY-MM-DD.
pub fn rows_of(path: &str) -> Vec<Vec<String>> {
    let mut book: Xlsx<_> = calamine::open_workbook(root(path)).unwrap();
    let sheet = book.worksheet_range_at(0).unwrap().unwrap();
    let text = |cell: &Data| match cell {
        Data::DateTime(when) => {
            let (year, month, day, ..) = when.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        other => other.to_string(),
    };
    sheet.rows().map(|row| row.iter().map(text).collect()).collect()
}
