//! Delimited text: encodings, delimiters, quotes.

use content_portal::customer::Dropped;
use content_portal::workbook::WorkbookError;

use super::sheets::{SMALL_ROWS, read, rows, small_csv};

#[test]
fn the_delimiter_is_the_one_that_finds_the_columns() {
    for delimiter in [",", ";", "\t", "|"] {
        assert_eq!(rows(&read(small_csv(delimiter).as_bytes()).unwrap()), SMALL_ROWS, "{delimiter:?}");
    }
    let announced = format!("sep=;\r\n{}", small_csv(";"));
    assert_eq!(rows(&read(announced.as_bytes()).unwrap()), SMALL_ROWS);
    // More commas than semicolons, but inside the cells.
    let commas = "date;location;tier;notes, remarks, etc\n2023-01-01;Bedok;Gold;a,b,c,d,e,f,g\n";
    assert_eq!(rows(&read(commas.as_bytes()).unwrap()), ["Bedok | · | 2023-01-01 | #1"]);
}

#[test]
fn text_is_read_in_every_encoding_that_spreadsheets_write() {
    let text = "date,location,tier\n2023-01-01,Évora – Ouest,Gold\n";
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(to_bytes).collect::<Vec<u8>>()
    };
    let (windows_1252, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    for (name, bytes) in [
        ("UTF-8", text.as_bytes().to_vec()),
        ("UTF-8 with BOM", format!("\u{feff}{text}").into_bytes()),
        ("UTF-16 LE", utf16(u16::to_le_bytes)),
        ("UTF-16 BE", utf16(u16::to_be_bytes)),
        ("Windows-1252", windows_1252.into_owned()),
    ] {
        assert_eq!(rows(&read(&bytes).unwrap()), ["Évora – Ouest | · | 2023-01-01 | #1"], "{name}");
    }
}

#[test]
fn a_character_split_between_two_reads_is_still_utf8() {
    let mut text = String::from("date,location,tier,notes\n2023-01-01,忠邦城,Gold,");
    while text.len() < 200_000 {
        text.push('城');
        if text.len() % 101 < 3 {
            text.push('a');
        }
    }
    // One cell may not be that long: break it into rows of nothing but notes.
    let text: String =
        text.chars().enumerate().flat_map(|(i, c)| [(i % 5000 == 4999).then_some('\n'), Some(c)]).flatten().collect();
    assert_eq!(rows(&read(text.as_bytes()).unwrap()), ["忠邦城 | · | 2023-01-01 | #1"]);
}

#[test]
fn quotes_may_hold_delimiters_line_breaks_and_quotes() {
    let text = "date,notes,\"Location\",tier\r\n2023-01-01,\"a, \"\"b\"\"\r\nc\r\nd\",\"Bukit\nTimah\",Gold\r\n\r\nsoon,,Bedok,Gold\r\n";
    let table = read(text.as_bytes()).unwrap();
    assert_eq!(rows(&table), ["Bukit Timah | · | 2023-01-01 | #1"]);
    // A spreadsheet shows the second customer in row 4: header, customer of several lines, blank row.
    assert_eq!(table.cleaning().first_dropped.values().next().unwrap()[0].row, 4);
}

#[test]
fn short_and_long_rows_are_rows_as_far_as_nothing_has_moved() {
    let text = "date,location,tier,gender\n2023-01-01,Bedok,Gold\n2023-01-01,Bedok,Gold,Male,,\n\
                2023-01-01,Bedok,Gold,Male,extra,cells\n2023-01-01\n,,,\n";
    let table = read(text.as_bytes()).unwrap();
    assert_eq!(rows(&table), ["Bedok | · | 2023-01-01 | #1", "Bedok | Male | 2023-01-01 | #1"]);
    assert_eq!((table.cleaning().rows_read, table.cleaning().dropped[&Dropped::MoreCells]), (4, 1));
}

#[test]
fn binary_content_is_not_taken_for_windows_1252() {
    let bytes: Vec<u8> = (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert!(matches!(read(&bytes), Err(WorkbookError::NotAWorkbook { .. })));
}
