//! Merged cells, and formulas whose results the file does not hold.

use rust_xlsxwriter::{Format, Workbook, Worksheet};

use super::sheets::{CUSTOMER, HEADER, OTHER_CUSTOMER, SMALL_ROWS, fixture, read, rows, write_rows, xlsx};
use super::strangers::{part, with_parts};

fn merge(sheet: &mut Worksheet, first: (u32, u16), last: (u32, u16), text: &str) {
    sheet.merge_range(first.0, first.1, last.0, last.1, text, &Format::new()).unwrap();
}

#[test]
fn a_value_merged_down_its_column_holds_for_every_row() {
    let table = read(&fixture("tests/fixtures/x15_merged_body.xlsx")).unwrap();
    assert_eq!((table.n_rows(), table.cleaning().n_dropped()), (24, 0));
    let towns: Vec<String> = rows(&table).iter().map(|row| row.split(" | ").next().unwrap().to_owned()).collect();
    assert_eq!(towns[0], towns[1]);
    assert!(towns[2..6].iter().all(|town| *town == towns[2]) && towns[1] != towns[2]);
}

#[test]
fn merged_dates_identifiers_and_tiers_hold_as_well() {
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&HEADER, &["A1", "", "Tampines", "Female", ""], &["A2", "", "Bedok", "Male", ""]]);
        merge(sheet, (1, 1), (2, 1), "2023-08-11");
        merge(sheet, (1, 4), (2, 4), "Gold");
    });
    assert_eq!(rows(&read(&bytes).unwrap()), ["Tampines | Female | 2023-08-11 | #1", "Bedok | Male | 2023-08-11 | #1"]);
}

#[test]
fn one_customer_on_two_lines_is_one_customer() {
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&[&HEADER[..], &["phone"]].concat(), &OTHER_CUSTOMER, &["", "", "", "", "", "first"]]);
        for (column, text) in (0..).zip(CUSTOMER) {
            merge(sheet, (2, column), (3, column), text);
        }
        write_rows(sheet, 3, &[&["", "", "", "", "", "second"]]);
    });
    let table = read(&bytes).unwrap();
    assert_eq!(rows(&table), [SMALL_ROWS[1], SMALL_ROWS[0]]);
}

#[test]
fn rows_that_merged_cells_alone_reach_are_no_rows() {
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &["A2", "2024-02-29", "", "Male", "Silver"]]);
        merge(sheet, (2, 2), (900, 2), "Bedok");
    });
    let table = read(&bytes).unwrap();
    assert_eq!((rows(&table), table.cleaning().rows_read), (SMALL_ROWS.map(str::to_owned).to_vec(), 2));
}

#[test]
fn a_header_of_two_rows_with_merged_cells_is_found() {
    // `Membership` is over two columns; what is over no group reaches down beside them.
    let bytes = xlsx(|sheet| {
        merge(sheet, (0, 0), (0, 4), "Customers 2024");
        for (column, text) in [(0, HEADER[0]), (1, HEADER[1]), (2, HEADER[2])] {
            merge(sheet, (1, column), (2, column), text);
        }
        merge(sheet, (1, 3), (1, 4), "Membership");
        write_rows(
            sheet,
            2,
            &[&["", "", "", HEADER[3], HEADER[4]], &CUSTOMER, &["A2", "2024-02-29", "", "Male", "Silver"]],
        );
        merge(sheet, (4, 2), (5, 2), "Bedok");
        write_rows(sheet, 5, &[&["A3", "2022-05-05", "", "Male", "Platinum"]]);
    });
    let table = read(&bytes).unwrap();
    assert_eq!(rows(&table), [SMALL_ROWS[0], SMALL_ROWS[1], "Bedok | Male | 2022-05-05 | #2"]);
    assert_eq!(table.cleaning().rows_read, 3);
}

#[test]
fn a_header_that_is_merged_down_is_no_customer() {
    let bytes = xlsx(|sheet| {
        for (column, text) in (0..).zip(HEADER) {
            merge(sheet, (0, column), (1, column), text);
        }
        write_rows(sheet, 2, &[&CUSTOMER, &OTHER_CUSTOMER]);
    });
    let table = read(&bytes).unwrap();
    assert_eq!((rows(&table), table.cleaning().rows_read), (SMALL_ROWS.map(str::to_owned).to_vec(), 2));
}

#[test]
fn merged_cells_of_the_second_sheet_do_not_read_the_first_one_twice() {
    let mut book = Workbook::new();
    write_rows(book.add_worksheet(), 0, &[&HEADER, &CUSTOMER]);
    let second = book.add_worksheet();
    write_rows(second, 0, &[&HEADER, &OTHER_CUSTOMER, &["A3", "2022-05-05", "", "Male", "Platinum"]]);
    merge(second, (1, 2), (2, 2), "Bedok");
    let table = read(&book.save_to_buffer().unwrap()).unwrap();
    assert_eq!(rows(&table), [SMALL_ROWS[0], SMALL_ROWS[1], "Bedok | Male | 2022-05-05 | #2"]);
    assert_eq!((table.cleaning().rows_read, table.cleaning().n_dropped()), (3, 0));
}

#[test]
fn formulas_without_results_are_said_and_are_no_values() {
    for (path, reason) in [
        ("tests/fixtures/x07_formula_uncached.xlsx", "no Date Joined (24)"),
        ("tests/fixtures/x08_formula_zero.xlsx", "no Location (24)"),
    ] {
        let table = read(&fixture(path)).unwrap();
        let notes = &table.cleaning().notes;
        assert_eq!((table.n_rows(), notes.len(), notes[0].code.as_str()), (0, 1, "formulas_without_results"), "{path}");
        assert!(notes[0].sentence.starts_with("24 cells hold formulas without a stored result"), "{notes:?}");
        let why = table.cleaning().no_usable_row().unwrap();
        assert!(why.contains(reason) && why.contains("save it and send it again"), "{why}");
    }
}

#[test]
fn identifiers_that_are_formulas_without_results_are_said_and_the_rows_count_as_nobodys() {
    let small = xlsx(|sheet| write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER]));
    let mut sheet = part(&small, "xl/worksheets/sheet1.xml");
    for cell in ["A2", "A3"] {
        let at = sheet.find(&format!("<c r=\"{cell}\"")).unwrap();
        let end = at + sheet[at..].find("</c>").unwrap() + 4;
        sheet.replace_range(at..end, &format!("<c r=\"{cell}\"><f>G1&amp;\"7\"</f></c>"));
    }
    let table = read(&with_parts(&small, &[("xl/worksheets/sheet1.xml", sheet.as_bytes())])).unwrap();
    let [note] = table.cleaning().notes.as_slice() else { panic!("{:?}", table.cleaning().notes) };
    assert_eq!((table.n_rows(), note.code.as_str()), (2, "formulas_without_results"));
    let said = "2 cells hold formulas without a stored result (id) and count as empty";
    assert!(note.sentence.starts_with(said), "{note:?}");
}

#[test]
fn a_result_of_zero_is_none_only_where_everything_is_to_be_calculated_anew() {
    let small = xlsx(|sheet| write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER]));
    let sheet = part(&small, "xl/worksheets/sheet1.xml");
    let at = sheet.find("<c r=\"D3\"").unwrap();
    let end = at + sheet[at..].find("</c>").unwrap() + 4;
    let book = part(&small, "xl/workbook.xml");
    let with = |cell: &str, recalculates: bool| {
        let sheet = format!("{}{cell}{}", &sheet[..at], &sheet[end..]);
        let calculated = book.replace(" fullCalcOnLoad=\"1\"", "");
        assert_ne!(calculated, book);
        let book = if recalculates { &book } else { &calculated };
        let bytes =
            with_parts(&small, &[("xl/worksheets/sheet1.xml", sheet.as_bytes()), ("xl/workbook.xml", book.as_bytes())]);
        let table = read(&bytes).unwrap();
        (rows(&table)[1].split(" | ").nth(1).unwrap().to_owned(), table.cleaning().notes.len())
    };
    let (none, zero) = (("·".to_owned(), 1), ("0".to_owned(), 0));
    assert_eq!(with("<c r=\"D3\"><f>A1</f><v>0</v></c>", true), none);
    assert_eq!(with("<c r=\"D3\"><f>A1</f><v>0</v></c>", false), zero);
    assert_eq!(with("<c r=\"D3\"><v>0</v></c>", true), zero);
    // What was never computed is so anywhere: without a value, and as Apache POI streams it.
    assert_eq!(with("<c r=\"D3\"><f>A1</f></c>", false), none);
    assert_eq!(with("<c r=\"D3\"><f>A1</f><v></v></c>", false), none);
    assert_eq!(with("<c r=\"D3\" t=\"n\"><f>A1</f><v>0.0</v></c>", false), none);
    // An empty text is a result.
    assert_eq!(with("<c r=\"D3\" t=\"str\"><f>A1</f><v></v></c>", true), ("·".to_owned(), 0));
    assert_eq!(with("<c r=\"D3\" t=\"str\"><f>A1</f><v>Male</v></c>", true), ("Male".to_owned(), 0));
}
