//! Units in headers that make the numbers below them larger.

use std::io::Cursor;
use std::sync::Arc;

use content_portal::customer::Schema;
use content_portal::workbook::{self, Limits};
use rust_xlsxwriter::Workbook;

use super::sheets::{TODAY, write_rows};
use super::values::{column, note_codes, numbers, wide_schema};

#[test]
fn a_unit_in_brackets_is_applied_and_it_is_said() {
    for header in ["Spend (k€)", "Spend [TEUR]", "Spend (in thousands)", "Spend (Tsd. EUR)", "Spend ('000)"] {
        let table = column(header, &["52", "1.5", "-3", "0"]);
        assert_eq!(numbers(&table), [52_000.0, 1_500.0, -3_000.0, 0.0], "{header}");
        assert_eq!(note_codes(&table), ["unit_applied"], "{header}");
    }
    let millions = column("Spend (Mio. €)", &["1,25", "3,5"]);
    assert_eq!(numbers(&millions), [1_250_000.0, 3_500_000.0]);
    let sentence = &millions.cleaning().notes[0].sentence;
    assert!(sentence.contains("\"Spend (Mio. €)\"") && sentence.contains("1000000 times"), "{sentence}");
    // What says it itself is as it is, and so is a number that its column decides, by the convention of its column.
    assert_eq!(numbers(&column("Spend (k€)", &["5k", "2 Mio", "7", "1,5", "1.234"])), [5e3, 2e6, 7e3, 1.5e3, 1.234e6]);
}

#[test]
fn other_notes_in_brackets_scale_nothing_and_a_doubt_is_said() {
    for header in ["Spend (€)", "Spend (SGD)", "Spend (monthly)", "Spend"] {
        let table = column(header, &["52", "7"]);
        assert_eq!((numbers(&table), note_codes(&table)), (vec![52.0, 7.0], vec![]), "{header}");
    }
    let unclear = column("Spend (T)", &["52", "7"]);
    assert_eq!((numbers(&unclear), note_codes(&unclear)), (vec![52.0, 7.0], vec!["unit_unclear"]));
}

#[test]
fn a_schema_that_is_in_thousands_itself_reads_its_own_header_as_it_is() {
    let mut schema = serde_json::to_value(&*wide_schema()).unwrap();
    let columns = schema["columns"].as_array_mut().unwrap();
    let spend = columns.iter_mut().find(|column| column["title"] == "Spend").unwrap();
    spend["title"] = "Spend (k€)".into();
    let schema = Arc::new(Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap());
    let text = "id,Date Joined,Location,Loyalty Tier,Spend (k€)\n1,2023-01-01,Bedok,Gold,52\n";
    let table = workbook::read(Cursor::new(text), schema, TODAY, &Limits::default()).unwrap();
    assert_eq!((numbers(&table), note_codes(&table)), (vec![52.0], vec![]));
}

#[test]
fn each_sheet_has_its_own_unit() {
    let mut book = Workbook::new();
    for (name, header) in [("2023", "Spend"), ("2024", "Spend (k€)"), ("2025", "Spend")] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        write_rows(sheet, 0, &[&["id", "Date Joined", "Location", "Loyalty Tier", header]]);
        write_rows(sheet, 1, &[&[&format!("{name}-1"), "2023-01-01", "Bedok", "Gold", "52"]]);
        write_rows(sheet, 2, &[&[&format!("{name}-2"), "2023-01-01", "Bedok", "Gold"]]);
        sheet.write_number(2, 4, 7.0).unwrap();
    }
    let bytes = book.save_to_buffer().unwrap();
    let table = workbook::read(Cursor::new(bytes), wide_schema(), TODAY, &Limits::default()).unwrap();
    assert_eq!(numbers(&table), [52.0, 7.0, 52_000.0, 7_000.0, 52.0, 7.0]);
    assert_eq!(note_codes(&table), ["unit_applied"]);
}
