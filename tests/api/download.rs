//! What was downloaded, read back.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use calamine::{Data, Reader, Xlsx};

/// One sheet as its header and its rows by title.
pub struct Sheet {
    pub titles: Vec<String>,
    pub rows: Vec<BTreeMap<String, Data>>,
}

/// An exported workbook, read as a spreadsheet program would; one that holds a formula fails the test.
pub struct Book {
    bytes: Vec<u8>,
    pub segments: Sheet,
    pub rows: Sheet,
    /// The texts, where any were written.
    pub content: Option<Sheet>,
}

impl Book {
    pub fn read(bytes: Vec<u8>) -> Self {
        let mut book = Xlsx::new(Cursor::new(bytes.clone())).unwrap();
        let names = book.sheet_names();
        assert_eq!(names[..2], ["Segments", "Rows"]);
        for name in &names {
            assert!(book.worksheet_formula(name).unwrap().is_empty(), "{name} holds a formula");
        }
        let mut sheet = |name: &str| {
            let range = book.worksheet_range(name).unwrap();
            let mut rows = range.rows();
            let titles: Vec<String> = rows.next().unwrap().iter().map(ToString::to_string).collect();
            let rows = rows.map(|row| titles.iter().cloned().zip(row.iter().cloned()).collect()).collect();
            Sheet { titles, rows }
        };
        let content = names.get(2).map(|name| sheet(name));
        Self { segments: sheet("Segments"), rows: sheet("Rows"), content, bytes }
    }

    /// A part of the package, as XML.
    pub fn part(&self, name: &str) -> String {
        let mut zip = zip::ZipArchive::new(Cursor::new(&self.bytes)).unwrap();
        let mut text = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// Whether any part is called so.
    pub fn has_part(&self, name: &str) -> bool {
        zip::ZipArchive::new(Cursor::new(&self.bytes)).unwrap().file_names().any(|part| part.unwrap().contains(name))
    }
}

impl Sheet {
    /// One column.
    pub fn texts(&self, title: &str) -> Vec<String> {
        self.rows.iter().map(|row| row[title].to_string()).collect()
    }
}

/// The records of a csv file, its mark taken off.
pub fn records(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").expect("no byte order mark");
    let mut table = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    table.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}
