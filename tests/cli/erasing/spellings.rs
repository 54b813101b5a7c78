//! How else a file may write the identifier of an erasure, and which of these rows are the customer's.

use std::fs;
use std::io::{Cursor, Read, Write};

use rust_xlsxwriter::{Format, Workbook};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::{erase, own_csv};
use crate::folder::Folder;
use crate::lasting::{start, upload};
use crate::people::{HEADER, rows, with_customers};

/// An operator's workbook of customers whose identifiers are numbers that are written so.
fn own_workbook(numbers: &[&str]) -> Folder {
    let folder = Folder::new();
    let path = folder.path("base_data/2026-01-01/own.xlsx");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |id: String, others: &str| {
        let others: String = others.split(',').map(text).collect();
        format!("<row>{id}{others}</row>")
    };
    let header = row(text("Customer ID"), "Full Name,Date Joined,Location,Gender,Loyalty Tier");
    let number = |number: &&str| row(format!("<c><v>{number}</v></c>"), "Name,2024-02-03,Bedok,Female,Gold");
    let rows: String = numbers.iter().map(number).collect();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let sheet = format!("<worksheet xmlns=\"{main}\"><sheetData>{header}{rows}</sheetData></worksheet>");
    let mut book = Workbook::new();
    book.add_worksheet();
    let mut parts = ZipArchive::new(Cursor::new(book.save_to_buffer().unwrap())).unwrap();
    let mut changed = ZipWriter::new(fs::File::create(path).unwrap());
    for at in 0..parts.len() {
        let mut part = parts.by_index(at).unwrap();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        let is_sheet = part.name().unwrap().ends_with("sheet1.xml");
        changed.start_file(part.name().unwrap().into_owned(), SimpleFileOptions::default()).unwrap();
        changed.write_all(if is_sheet { sheet.as_bytes() } else { &content }).unwrap();
    }
    changed.finish().unwrap();
    folder
}

#[test]
fn a_customer_whose_identifier_differs_in_case_alone_is_named_and_not_erased() {
    let folder = own_csv(&["0015g00000Xy00A", "0015g00000Xy00a", "0015g00000Xy00B", "0015g00000Xy00b", "C-001"]);
    let (code, text) = erase(&folder, "0015g00000Xy00B");
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("left            2026-01-01/own.csv: delete row 4\n"), "{text}");
    assert!(text.contains("perhaps         2026-01-01/own.csv: row 5 of 0015g00000Xy00b\n"), "{text}");
    assert_eq!(text.matches("own.csv").count(), 2, "{text}");
    // Of what people type case is no part.
    for id in ["c-001", "C-001", "'C-001"] {
        let (_, text) = erase(&folder, id);
        assert!(text.contains("delete row 6\n") && !text.contains("perhaps"), "{text}");
    }
}

#[test]
fn an_identifier_of_many_letters_or_of_any_alphabet_is_named_where_case_alone_differs() {
    for (file, id) in [
        ("abcdEFGHijklMNOPqrst", "ABCDEFGHIJKLMNOPQRST"),
        ("abcdEFGHijklMNOPqrst", "abcdefghijklmnopqrst"),
        ("ABCDEFGHIJKLMNOPQRST", "abcdEFGHijklMNOPqrst"),
        ("Äb-Öc", "äb-öc"),
    ] {
        let folder = own_csv(&[file, "C-2"]);
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && text.contains("perhaps         2026-01-01/own.csv: row 2 of "), "{text}");
        let (_, text) = erase(&folder, file);
        assert!(text.contains("delete row 2\n") && text.matches("own.csv: ").count() == 1, "{text}");
    }
    let long = "x".repeat(250);
    let folder = own_csv(&[&format!("{long}1"), &format!("{long}2")]);
    let (_, text) = erase(&folder, &format!("{long}2"));
    assert!(text.contains("delete row 3\n"), "{text}");
}

#[test]
fn an_identifier_with_more_zeros_than_a_number_has_digits_is_named() {
    let folder = own_csv(&["000000000000700005", "C-2"]);
    let (code, text) = erase(&folder, "700005");
    assert!(code == Some(4) && text.contains("own.csv: row 2 of 000000000000700005\n"), "{text}");
}

#[test]
fn kept_columns_are_searched_for_other_dashes_and_for_digits_in_groups() {
    let folder = with_customers();
    let (server, address) = start(&folder, &[("KEEP_UPLOADS", "columns")]);
    let others = "Ann,2024-02-03,Bedok,Female,Gold\n";
    upload(&address, &format!("{HEADER}{}C\u{2011}3,{others}\"1,234,567\",{others}", rows(300, 20)));
    drop(server);
    // As an identifier the dash that breaks no line is the one that does.
    for (id, as_kept) in [("C-3", "row 22 of C\u{2010}3"), ("1234567", "row 23 of 1,234,567")] {
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && text.contains(&format!(".columns: {as_kept}\n")), "{text}");
    }
}

#[test]
fn an_identifier_with_the_apostrophe_of_our_own_csv_is_found() {
    let folder = own_csv(&["'+4712", "+4713"]);
    for (id, row) in [("+4712", 2), ("'+4712", 2), ("'+4713", 3)] {
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && text.contains(&format!("delete row {row}\n")), "{text}");
    }
}

#[test]
fn identifiers_of_more_digits_than_a_number_holds_are_told_apart_or_named() {
    let folder = own_workbook(&["9007199254740992", "9007199254740993", "12345678901234567890"]);
    for (id, row) in [("9007199254740992", 2), ("9007199254740993", 3), ("12345678901234567890", 4)] {
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && text.contains(&format!("own.xlsx: delete row {row}\n")), "{text}");
        assert!(!text.contains("not searched"), "{text}");
    }
    let folder = own_workbook(&["1", "1.23456789012345E+16"]);
    let (code, text) = erase(&folder, "12345678901234500");
    assert!(code == Some(4) && !text.contains("not found"), "{text}");
    assert!(
        text.contains("perhaps         2026-01-01/own.xlsx: row 3, in another column or with lost digits"),
        "{text}"
    );
}

#[test]
fn rows_whose_identifiers_a_spreadsheet_program_has_changed_are_named() {
    // The card's own number is in no file any more.
    let rounded: Vec<String> = (0..40).map(|n| format!("{}0", 633_504_123_456_700_u64 + n)).collect();
    let rounded: Vec<&str> = rounded.iter().map(String::as_str).collect();
    for (folder, id, says) in [
        (own_workbook(&rounded), "6335041234567021", "own.xlsx: row 4, in another column or with lost digits\n"),
        (own_csv(&rounded), "6335041234567020", "own.csv: row 4, in another column or with lost digits\n"),
        (own_csv(&["7.01235E+11", "C-1"]), "701235050000", "own.csv: row 2, in another column or with lost digits\n"),
    ] {
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && !text.contains("not found") && !text.contains("delete row"), "{text}");
        assert!(text.contains(&format!("perhaps         2026-01-01/{says}")), "{text}");
    }
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data/2026-01-01")).unwrap();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, HEADER.trim_end().split(',')).unwrap();
    for row in 1..=2 {
        sheet.write_row(row, 0, ["KUNDE-1", "Ann", "2024-02-03", "Bedok", "Female", "Gold"]).unwrap();
    }
    let day = Format::new().set_num_format("yyyy-mm-dd");
    sheet.write_number_with_format(1, 0, 45_000, &day).unwrap();
    book.save(folder.path("base_data/2026-01-01/own.xlsx")).unwrap();
    let (code, text) = erase(&folder, "2023-03-15");
    assert!(code == Some(4) && !text.contains("not found"), "{text}");
    assert!(
        text.contains("perhaps         2026-01-01/own.xlsx: row 2, in another column or with lost digits"),
        "{text}"
    );
}

#[test]
fn what_is_left_of_an_identifier_is_nobodys_and_no_erasure_by_it_is_advised() {
    let folder = own_csv(&["7.01E+11", "7.02E+11", "7.03E+11"]);
    for id in ["701235067891", "7.01E+11", "701235067891"] {
        let (code, text) = erase(&folder, id);
        let perhaps = "perhaps         2026-01-01/own.csv: row 2, in another column or with lost digits\n";
        assert!(code == Some(4) && text.contains(perhaps), "{id}: {text}");
        assert!(!text.contains("--id") && !text.contains("erased before"), "{id}: {text}");
    }
}
