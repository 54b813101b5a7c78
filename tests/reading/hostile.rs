//! Files that try something: far cells, other date systems, limits.

use std::io::Cursor;

use content_portal::workbook::{self, Limits, WorkbookError};
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use super::apart::read_apart;
use super::sheets::{
    CUSTOMER, HEADER, OTHER_CUSTOMER, SMALL_ROWS, TODAY, fixture, read, refusal, rows, schema, small_csv, small_xlsx,
    variant, write_rows, xlsx,
};
use super::strangers::{Expected, strangers};

fn read_within(bytes: &[u8], limits: Limits) -> Result<usize, WorkbookError> {
    workbook::read(Cursor::new(bytes), schema(), TODAY, &limits).map(|table| table.n_rows())
}

#[test]
fn a_far_cell_is_refused_by_its_name_and_a_far_row_is_read() {
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER]);
        sheet.write_string(1_048_575, 16_383, "x").unwrap();
    });
    assert_eq!(
        refusal(&bytes),
        "cell XFD1048576 holds something, but no more than 1024 columns are read: delete what is right of the table"
    );
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&HEADER, &CUSTOMER]);
        write_rows(sheet, 1_048_575, &[&OTHER_CUSTOMER]);
        sheet.write_blank(1_048_575, 16_383, &Format::new().set_bold()).unwrap();
    });
    assert_eq!(rows(&read(&bytes).unwrap()), SMALL_ROWS);
}

#[test]
fn a_far_cell_alone_is_a_sheet_without_a_header() {
    let bytes = xlsx(|sheet| {
        sheet.write_string(0, 0, "a").unwrap().write_string(1_048_575, 1_000, "z").unwrap();
    });
    assert!(matches!(read(&bytes), Err(WorkbookError::MissingColumns(_))));
}

#[test]
fn each_limit_is_an_error_of_its_own() {
    let small = small_xlsx();
    let limits = Limits::default();
    assert_eq!(read_within(&small, Limits { max_rows: 2, max_columns: 5, max_cell_bytes: 12, ..limits }).unwrap(), 2);
    for bytes in [small, small_csv(";").into_bytes()] {
        let refused = |limits| read_within(&bytes, limits).unwrap_err().to_string();
        assert_eq!(
            refused(Limits { max_rows: 1, ..limits }),
            "the sheet has more than 1 rows: split it into smaller files"
        );
        assert!(refused(Limits { max_columns: 4, ..limits }).starts_with("cell E1 holds something"));
        assert_eq!(
            refused(Limits { max_cell_bytes: 9, ..limits }),
            "cell B1 holds more than 9 bytes of text: shorten it"
        );
    }
    let mut book = Workbook::new();
    for _ in 0..3 {
        book.add_worksheet();
    }
    let bytes = book.save_to_buffer().unwrap();
    assert!(matches!(
        read_within(&bytes, Limits { max_sheets: 2, ..limits }),
        Err(WorkbookError::TooManySheets { limit: 2 })
    ));
}

/// Rewrites one part of a workbook.
fn edited(bytes: &[u8], part: &str, edit: impl Fn(String) -> String) -> Vec<u8> {
    use std::io::{Read, Write};
    let mut source = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut target = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..source.len() {
        let mut file = source.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        if name == part {
            let before = content.clone();
            content = edit(content);
            assert_ne!(content, before, "{part} was to be edited");
        }
        target.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        target.write_all(content.as_bytes()).unwrap();
    }
    target.finish().unwrap().into_inner()
}

#[test]
fn dates_of_the_1904_system_are_read_by_it() {
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&HEADER, &["A1", "", "Bedok", "Male", "Gold"], &["A2", "", "Bedok", "Male", "Gold"]]);
        let shown_as_date = Format::new().set_num_format("yyyy-mm-dd");
        let day = ExcelDateTime::from_serial_datetime(43_687.0).unwrap();
        sheet.write_datetime_with_format(1, 1, day, &shown_as_date).unwrap();
        sheet.write_number(2, 1, 43_688.5).unwrap();
    });
    assert_eq!(rows(&read(&bytes).unwrap()), ["Bedok | Male | 2019-08-10 | #1", "Bedok | Male | 2019-08-11 | #1"]);
    let bytes = edited(&bytes, "xl/workbook.xml", |xml| xml.replace("<workbookPr", "<workbookPr date1904=\"1\""));
    assert_eq!(rows(&read(&bytes).unwrap()), ["Bedok | Male | 2023-08-11 | #1", "Bedok | Male | 2023-08-12 | #1"]);
}

#[test]
fn formulas_give_what_was_last_calculated() {
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&HEADER, &["A1", "", "", "Male", "Gold"]]);
        sheet.write_formula(1, 1, Formula::new("=DATE(2023,7,1)").set_result("45108")).unwrap();
        sheet.write_formula(1, 2, Formula::new("=UPPER(\"Yishun\")").set_result("YISHUN")).unwrap();
    });
    assert_eq!(rows(&read(&bytes).unwrap()), ["Yishun | Male | 2023-07-01 | #1"]);
}

#[test]
fn a_cell_with_an_error_is_a_missing_value_even_when_the_error_is_a_new_one() {
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &["A2", "2024-02-29", "Bedok", "", "Silver"]]);
        sheet.write_formula(2, 3, Formula::new("=NA()").set_result("#N/A")).unwrap();
    });
    for error in ["#N/A", "#SPILL!"] {
        let bytes = edited(&bytes, "xl/worksheets/sheet1.xml", |xml| {
            let at = xml.find("<c r=\"D3\"").unwrap();
            let end = at + xml[at..].find("</c>").unwrap() + "</c>".len();
            format!("{}<c r=\"D3\" t=\"e\"><v>{error}</v></c>{}", &xml[..at], &xml[end..])
        });
        assert_eq!(rows(&read(&bytes).unwrap()), [SMALL_ROWS[0], "Bedok | · | 2024-02-29 | #0"], "{error}");
    }
}

#[test]
fn a_sheet_cut_off_in_the_middle_is_damaged() {
    let bytes = edited(&small_xlsx(), "xl/worksheets/sheet1.xml", |xml| xml[..xml.len() / 2].to_owned());
    assert!(matches!(read(&bytes), Err(WorkbookError::Damaged(_))));
}

#[test]
fn values_hold_no_control_character_and_no_more_than_a_hundred_characters() {
    let town = format!("Be\u{202e}dok\u{7}\n{}", "x".repeat(5_000));
    let bytes = format!("date,location,tier\n2023-01-01,\"{town}\",Gold\n{}", ",,\n".repeat(400));
    let table = read(bytes.as_bytes()).unwrap();
    let expected = format!("Bedok X{}", "x".repeat(93));
    assert_eq!(rows(&table), [format!("{expected} | · | 2023-01-01 | #1")]);
}

#[test]
fn every_stranger_s_file_is_read_or_refused_by_a_reason_of_its_own() {
    for stranger in strangers(&fixture("tests/fixtures/customers_300.xls")) {
        let outcome = match read_apart(&stranger.bytes) {
            Ok(table) => Ok(table.n_rows()),
            Err(error) => Err(variant(&error)),
        };
        let is_expected = match (stranger.expected, &outcome) {
            (Expected::Rows(expected), Ok(rows)) => expected == *rows,
            (Expected::Refused(expected), Err(error)) => expected == error,
            (Expected::Either(expected), Err(error)) => expected.contains(&error.as_str()),
            (Expected::Either(expected), Ok(_)) => expected.contains(&"read"),
            _ => false,
        };
        assert!(is_expected, "{}: {outcome:?} where {:?} was expected", stranger.name, stranger.expected);
    }
}

#[test]
fn an_archive_is_refused_by_what_it_says_of_itself() {
    let small = small_xlsx();
    let refused = |limits| variant(&read_within(&small, limits).unwrap_err());
    assert_eq!(refused(Limits { max_parts: 3, ..Limits::default() }), "TooManyParts");
    assert_eq!(refused(Limits { max_unpacked_bytes: 1_000, ..Limits::default() }), "UnpacksTooLarge");
}
