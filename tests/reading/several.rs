//! Workbooks of several sheets, and sheets of several tables: nothing of them is left out unsaid.

use std::io::Cursor;

use content_portal::customer::{CustomerTable, SheetReport, TableBuilder, UnusedSheet};
use content_portal::workbook::{self, Limits, WorkbookError};
use proptest::prelude::*;
use rust_xlsxwriter::{Chart, ChartType, Workbook};

use super::sheets::{
    CUSTOMER, HEADER, OTHER_CUSTOMER, SMALL_ROWS, TODAY, fixture, read, refusal, rows, schema, write_rows, xlsx,
};
use super::strangers::with_parts;

/// A workbook of sheets of text.
fn book(sheets: &[(&str, &[&[&str]])]) -> Vec<u8> {
    let mut book = Workbook::new();
    for (name, rows) in sheets {
        write_rows(book.add_worksheet().set_name(*name).unwrap(), 0, rows);
    }
    book.save_to_buffer().unwrap()
}

/// What became of each sheet, in short.
fn fates(table: &CustomerTable) -> Vec<String> {
    let fate = |sheet: &SheetReport| match sheet.reason {
        None => format!("{} {}/{}", sheet.name, sheet.rows_used, sheet.rows_read),
        Some(reason) => format!("{} {reason:?} {}", sheet.name, sheet.rows_read),
    };
    table.cleaning().sheets.iter().map(fate).collect()
}

fn notes(table: &CustomerTable) -> Vec<&str> {
    table.cleaning().notes.iter().map(|note| note.code.as_str()).collect()
}

/// Every row is accounted for, by sheet and for the file.
fn assert_whole(table: &CustomerTable) {
    let cleaning = table.cleaning();
    assert_eq!(cleaning.rows_read, table.n_rows() + cleaning.n_dropped());
    let used: Vec<&SheetReport> = cleaning.sheets.iter().filter(|sheet| sheet.used).collect();
    if !cleaning.sheets.is_empty() {
        assert_eq!(used.iter().map(|sheet| sheet.rows_read).sum::<usize>(), cleaning.rows_read);
        assert_eq!(used.iter().map(|sheet| sheet.rows_used).sum::<usize>(), table.n_rows());
    }
    assert!(cleaning.sheets.iter().all(|sheet| sheet.used || (sheet.rows_used == 0 && sheet.sentence.is_some())));
}

#[test]
fn sheets_by_month_are_one_table() {
    let table = read(&fixture("tests/fixtures/x11_monthly_sheets.xlsx")).unwrap();
    assert_eq!(table.n_rows(), 48);
    let months: Vec<String> = (1..=6).map(|month| format!("2023-0{month} 8/8")).collect();
    assert_eq!(fates(&table), months);
    assert_whole(&table);
}

#[test]
fn a_sheet_of_sums_is_left_out_wherever_it_is() {
    let table = read(&fixture("tests/fixtures/x23_summary_first.xlsx")).unwrap();
    assert_eq!((table.n_rows(), fates(&table)), (24, vec!["Summary Totals 12".to_owned(), "Data 24/24".to_owned()]));
    assert_whole(&table);
    let customers: &[&[&str]] = &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER];
    let columns: &[&str] = &["location", "loyalty tier", "date joined", "gender"];
    let [counts, counts_ids] = ["Count", "Count of id"].map(|count| [columns, &[count]].concat());
    let sums = [("By town", &counts[..], ""), ("By tier", &counts_ids, "")];
    // The name alone may be wrong, so a note says it. On a Mac, a letter and its dots are two characters.
    let called_so = ["Summary 2024", "Client-Overview", "TOTALS", "Übersicht", "U\u{308}bersicht", "合计"];
    for (name, header, note) in sums.into_iter().chain(called_so.map(|name| (name, columns, "sheets_left_out"))) {
        let sums: &[&[&str]] = &[header, &["Bedok", "Gold", "2023-12-31", "Female", "7"]];
        for sheets in [[(name, sums), ("Customers", customers)], [("Customers", customers), (name, sums)]] {
            let table = read(&book(&sheets)).unwrap();
            assert_eq!(rows(&table), SMALL_ROWS, "{name}");
            assert!(fates(&table).contains(&format!("{name} Totals 1")), "{:?}", fates(&table));
            assert_eq!(notes(&table).concat(), note, "{name}");
            assert_whole(&table);
        }
    }
}

#[test]
fn a_list_of_customers_is_read_whatever_its_sheet_is_called() {
    let anybody: &[&[&str]] =
        &[&["location", "loyalty tier", "date joined", "gender"], &["Bedok", "Silver", "2024-02-29", "Male"]];
    for name in ["All", "Gesamt", "Lump sum", "Allsummary"] {
        let table = read(&book(&[(name, anybody), ("Customers", &[&HEADER, &CUSTOMER])])).unwrap();
        assert_eq!(fates(&table), [format!("{name} 1/1"), "Customers 1/1".to_owned()]);
    }
    // One that has identifiers is a list, and so is the only one of its kind.
    let with_ids: &[&[&str]] = &[&HEADER, &CUSTOMER];
    let table = read(&book(&[("Summary", with_ids), ("Customers", &[&HEADER, &OTHER_CUSTOMER])])).unwrap();
    assert_eq!(fates(&table), ["Summary 1/1", "Customers 1/1"]);
    let table = read(&book(&[("Summary", anybody), ("Notes", &[&["Read me"]])])).unwrap();
    assert_eq!((table.n_rows(), notes(&table)), (1, vec!["looks_like_totals"]));
}

#[test]
fn sums_alone_are_read_and_said_to_look_like_sums() {
    let sums = ["Region,Tier,Date,Customers", "Bedok,Gold,2023-12-31,7"].map(|row| row.split(',').collect::<Vec<_>>());
    let bytes = xlsx(|sheet| write_rows(sheet, 0, &[&sums[0], &sums[1]]));
    let table = read(&bytes).unwrap();
    assert_eq!((table.n_rows(), notes(&table)), (1, vec!["looks_like_totals"]));
}

#[test]
fn a_list_that_has_no_identifier_is_no_sheet_of_sums_for_that() {
    let header = ["date joined", "location", "gender", "loyalty tier", "total spend"];
    let sheets: [(&str, &[&[&str]]); 2] = [
        ("January", &[&HEADER, &CUSTOMER]),
        ("February", &[&header, &["2024-02-29", "Bedok", "Male", "Silver", "120.50"]]),
    ];
    let table = read(&book(&sheets)).unwrap();
    assert_eq!(rows(&table), SMALL_ROWS);
    assert_eq!(notes(&table), [""; 0]);
}

#[test]
fn empty_sheets_and_templates_are_passed_over() {
    let customers: (&str, &[&[&str]]) = ("Customers", &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER]);
    let example: &[&[&str]] = &[&HEADER, &["(id)", "DD/MM/YYYY", "town", "F/M", "tier"]];
    let with_all = ["id", "date joined", "location", "gender", "loyalty tier"];
    for (name, template, fate) in [
        ("Nothing", &[] as &[&[&str]], "Nothing Empty 0"),
        ("Template", &[&with_all], "Template Empty 0"),
        ("Example", example, "Example 0/1"),
    ] {
        let table = read(&book(&[(name, template), customers])).unwrap();
        assert_eq!(rows(&table), SMALL_ROWS, "{name}");
        assert_eq!(fates(&table), [fate, ["Customers 2/2", "Customers 2/2"][0]], "{name}");
        assert_whole(&table);
    }
    // A template of more columns than anybody fills in does not stand in the way of the customers.
    let fewer: (&str, &[&[&str]]) =
        ("Customers", &[&["date joined", "location", "loyalty tier"], &["2023-08-11", "Tampines", "Gold"]]);
    let table = read(&book(&[("Example", example), fewer])).unwrap();
    assert_eq!(fates(&table), ["Example NoUsableRow 1", "Customers 1/1"]);
}

#[test]
fn sheets_with_fewer_of_the_columns_are_said_and_not_read() {
    let bytes = book(&[
        ("Old", &[&["date joined", "location", "loyalty tier"], &["2020-01-01", "Yishun", "Gold"]]),
        ("New", &[&HEADER, &CUSTOMER]),
        (
            "Newer",
            &[&["Tier", "Sex", "Branch", "Date", "Customer ID"], &["Silver", "Male", "Bedok", "2024-02-29", "A2"]],
        ),
    ]);
    let table = read(&bytes).unwrap();
    assert_eq!(rows(&table), SMALL_ROWS);
    assert_eq!(fates(&table), ["Old FewerColumns 1", "New 1/1", "Newer 1/1"]);
    let sentence = table.cleaning().sheets[0].sentence.as_deref().unwrap();
    assert_eq!(sentence, "other sheets have more of the columns: this one has no Gender");
    assert_eq!(notes(&table), ["sheets_left_out"]);
    assert_whole(&table);
}

#[test]
fn hidden_sheets_charts_lists_and_damaged_sheets_are_named() {
    let mut book = Workbook::new();
    let hidden = book.add_worksheet().set_name("Hidden").unwrap();
    write_rows(hidden, 0, &[&["a title"], &HEADER, &["X", "2020-01-01", "Hidden", "Male", "Gold"], &["", "", "x"]]);
    hidden.set_hidden(true);
    write_rows(book.add_worksheet().set_name("Towns").unwrap(), 0, &[&["Bedok"], &["Bishan"]]);
    let customers = book.add_worksheet().set_name("Customers").unwrap();
    write_rows(customers, 0, &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER]);
    customers.set_active(true);
    write_rows(book.add_worksheet().set_name("Broken").unwrap(), 0, &[&HEADER, &CUSTOMER]);
    let mut chart = Chart::new(ChartType::Column);
    chart.add_series().set_values("Towns!$A$1:$A$2");
    book.add_chartsheet().set_name("Chart").unwrap().insert_chart(0, 0, &chart).unwrap();
    let bytes =
        with_parts(&book.save_to_buffer().unwrap(), &[("xl/worksheets/sheet4.xml", b"<worksheet><sheetData><row")]);
    let table = read(&bytes).unwrap();
    assert_eq!(rows(&table), SMALL_ROWS);
    assert_eq!(
        fates(&table),
        ["Hidden Hidden 2", "Towns NoHeader 2", "Customers 2/2", "Broken Unreadable 0", "Chart NoCells 0"]
    );
    let sentence = table.cleaning().sheets[3].sentence.as_deref().unwrap();
    assert!(sentence.starts_with("the workbook is damaged"), "{sentence}");
    assert_whole(&table);
}

#[test]
fn a_damaged_sheet_refuses_the_file_where_no_other_has_customers() {
    let bytes = book(&[("Towns", &[&["Bedok"], &["Bishan"]]), ("Customers", &[&HEADER, &CUSTOMER])]);
    let bytes = with_parts(&bytes, &[("xl/worksheets/sheet2.xml", b"<worksheet><sheetData><row")]);
    assert!(matches!(read(&bytes), Err(WorkbookError::Damaged(_))));
}

#[test]
fn copies_are_told_across_sheets_and_dropped_rows_name_theirs() {
    let bytes = book(&[
        ("January", &[&HEADER, &CUSTOMER]),
        ("February", &[&HEADER, &OTHER_CUSTOMER, &["A3", "", "Bedok", "Male", "Gold"]]),
        ("All", &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER, &["A3", "", "Bedok", "Male", "Gold"]]),
    ]);
    let table = read(&bytes).unwrap();
    assert_eq!(rows(&table), SMALL_ROWS);
    assert_eq!(fates(&table), ["January 1/1", "February 1/2", "All 0/3"]);
    let first: Vec<(String, String, u32)> = table
        .cleaning()
        .first_dropped
        .iter()
        .flat_map(|(reason, first)| first.iter().map(|at| (reason.to_string(), at.sheet.clone(), at.row)))
        .collect();
    let copies = [2, 3, 4].map(|row| ("an exact copy of an earlier row".to_owned(), "All".to_owned(), row));
    let expected = [&copies[..], &[("no Date Joined".to_owned(), "February".to_owned(), 3)]].concat();
    assert_eq!(first, expected);
    assert_whole(&table);
}

#[test]
fn the_rows_of_all_sheets_count_against_the_limit_and_towards_the_progress() {
    let sheets: [(&str, &[&[&str]]); 2] =
        [("January", &[&HEADER, &CUSTOMER]), ("February", &[&HEADER, &OTHER_CUSTOMER])];
    let within = |max_rows| {
        let mut builder = TableBuilder::new(schema(), TODAY);
        let rows = std::sync::Arc::default();
        builder.show_rows_in(std::sync::Arc::clone(&rows));
        workbook::read_into(Cursor::new(book(&sheets)), &mut builder, &Limits { max_rows, ..Limits::default() })
            .map(|()| rows.load(std::sync::atomic::Ordering::Relaxed))
    };
    assert_eq!(within(2).unwrap(), 2);
    assert!(matches!(within(1), Err(WorkbookError::TooManyRows { limit: 1 })));
}

#[test]
fn an_old_workbook_of_several_sheets_is_read_alike() {
    let table = read(&fixture("tests/fixtures/several_sheets.xls")).unwrap();
    let expected = ["Summary Totals 1", "January 3/3", "February 1/1", "Old Hidden 1"];
    assert_eq!(fates(&table), expected);
    assert!(rows(&table)[1].starts_with("Bedok | Male"), "merged cells hold for every row: {:?}", rows(&table));
    assert_whole(&table);
}

#[test]
fn two_tables_side_by_side_are_both_read() {
    let beside = |left: &[&'static str], right: &[&'static str]| [left, &[""], right].concat();
    let third = ["A3", "2022-05-05", "Yishun", "Male", "Platinum"];
    let bytes = xlsx(|sheet| {
        let rows = [beside(&HEADER, &HEADER), beside(&CUSTOMER, &OTHER_CUSTOMER), beside(&[""; 5], &third)];
        write_rows(sheet, 1, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    });
    let table = read(&bytes).unwrap();
    assert_eq!(rows(&table), [SMALL_ROWS[0], SMALL_ROWS[1], "Yishun | Male | 2022-05-05 | #2"]);
    assert_eq!((table.cleaning().rows_read, table.cleaning().n_dropped()), (3, 0));
    // A copy is a copy in whichever of the tables it is.
    let bytes = xlsx(|sheet| {
        let rows = [beside(&HEADER, &HEADER), beside(&CUSTOMER, &CUSTOMER), beside(&OTHER_CUSTOMER, &[])];
        write_rows(sheet, 0, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    });
    assert_eq!(rows(&read(&bytes).unwrap()), SMALL_ROWS);
}

#[test]
fn a_column_that_comes_twice_is_no_second_table() {
    let text = "date,location,tier,notes,date,notes\n2023-08-11,Tampines,Gold,x,2021-01-01,y\n";
    assert_eq!(rows(&read(text.as_bytes()).unwrap()), ["Tampines | · | 2023-08-11 | #1"]);
}

#[test]
fn a_table_below_another_is_read_by_its_own_header() {
    let turned = ["Tier", "Sex", "Branch", "Date", "Customer ID"];
    let other = ["Silver", "Male", "Bedok", "2024-02-29", "A2"];
    for gap in [&[&[""; 5] as &[&str], &["Second half"]] as &[&[&str]], &[&["", "", "Second half"]], &[&[""; 5]]] {
        let rows_of = [&[&HEADER as &[&str], &CUSTOMER], gap, &[&turned, &other]].concat();
        let bytes = xlsx(|sheet| write_rows(sheet, 0, &rows_of));
        assert_eq!(rows(&read(&bytes).unwrap()), SMALL_ROWS, "{gap:?}");
        let csv: String = rows_of.iter().map(|row| row.join(",") + "\n").collect();
        assert_eq!(rows(&read(csv.as_bytes()).unwrap()), SMALL_ROWS, "{gap:?}");
    }
    // A header that comes again is no customer, not even one that is dropped.
    let bytes = xlsx(|sheet| write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &HEADER, &OTHER_CUSTOMER]));
    let table = read(&bytes).unwrap();
    assert_eq!((rows(&table), table.cleaning().rows_read), (SMALL_ROWS.map(str::to_owned).to_vec(), 2));
}

#[test]
fn a_header_in_another_order_right_below_a_customer_is_told_of() {
    let turned = ["Tier", "Sex", "Branch", "Date", "Customer ID"];
    let bytes = xlsx(|sheet| write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &turned]));
    let table = read(&bytes).unwrap();
    assert_eq!(notes(&table), ["header_within_rows"]);
    let sentence = &table.cleaning().notes[0].sentence;
    assert!(sentence.starts_with("row 3 of the sheet \"Sheet1\" looks like another header"), "{sentence}");
}

#[test]
fn a_workbook_without_customers_tells_of_the_sheet_that_comes_closest() {
    let text = refusal(&book(&[("a", &[&["read me"]]), ("b", &[&["location", "date", "points"]]), ("c", &[])]));
    assert!(text.ends_with("the headers found are location, date, points"), "{text}");
    let table = read(&book(&[("a", &[&["read me"]]), ("b", &[&HEADER])])).unwrap();
    assert_eq!(table.cleaning().no_usable_row().unwrap(), "the sheet has a header but no row below it");
    assert_eq!(fates(&table), ["a NoHeader 1", "b 0/0"]);
}

/// A sheet: which header it has, and its rows, each a customer or not.
fn any_sheet() -> impl Strategy<Value = (usize, Vec<u8>)> {
    (0..4_usize, prop::collection::vec(0..6_u8, 0..6))
}

proptest! {
    #[test]
    fn every_row_of_any_sheets_is_accounted_for(sheets in prop::collection::vec(any_sheet(), 1..6)) {
        let headers: [&[&str]; 4] =
            [&HEADER, &["Tier", "Sex", "Branch", "Date", "id"], &["date", "location", "tier"], &["read me"]];
        let mut book = Workbook::new();
        for (number, (header, cells)) in sheets.iter().enumerate() {
            let sheet = book.add_worksheet();
            write_rows(sheet, 0, &[headers[*header]]);
            for (row, &kind) in (1..).zip(cells) {
                let id = format!("{number}-{row}");
                let customer: [&str; 5] = match kind {
                    0 => ["", "", "", "", ""],
                    1 => ["same", "2023-01-01", "Bedok", "Male", "Gold"],
                    2 => [&id, "not a day", "Bedok", "Male", "Gold"],
                    3 => [&id, "2023-01-01", "", "Male", "Gold"],
                    _ => [&id, "2023-01-01", "Bedok", "Male", "Gold"],
                };
                let turned = [customer[4], customer[3], customer[2], customer[1], customer[0]];
                let cells: &[&str] = match header { 0 => &customer, 1 => &turned, _ => &customer[1..] };
                write_rows(sheet, row, &[cells]);
            }
        }
        if let Ok(table) = read(&book.save_to_buffer().unwrap()) {
            assert_whole(&table);
            prop_assert_eq!(table.cleaning().sheets.len(), sheets.len());
            // Every sheet that has as many columns as those that are read, and a row, is read as well.
            let read: Vec<bool> = table.cleaning().sheets.iter().map(|sheet| sheet.used).collect();
            let is_full = |index: usize| sheets[index].0 < 2 && sheets[index].1.iter().any(|&kind| kind > 0);
            if (0..sheets.len()).any(|index| is_full(index) && read[index]) {
                prop_assert!((0..sheets.len()).all(|index| is_full(index) == read[index]), "{:?}", fates(&table));
            }
        }
    }
}

#[test]
fn a_training_tells_of_the_sheets_of_its_files() {
    let mut all = content_portal::customer::NewestStands::new(schema());
    let january: &[&[&str]] = &[&HEADER, &CUSTOMER];
    let moved = ["A1", "2023-08-11", "Yishun", "Female", "Gold"];
    for (label, sheets) in [
        ("one.xlsx", vec![("January", january), ("Towns", &[&["Bedok"] as &[&str]] as &[&[&str]])]),
        (
            "two.xlsx",
            vec![("Moved", &[&HEADER as &[&str], &moved] as &[&[&str]]), ("Others", &[&HEADER, &OTHER_CUSTOMER])],
        ),
        ("three.xlsx", vec![("Only", &[&HEADER as &[&str], &OTHER_CUSTOMER] as &[&[&str]])]),
    ] {
        let mut builder = TableBuilder::keyed(schema(), TODAY);
        workbook::read_into(Cursor::new(book(&sheets)), &mut builder, &Limits::default()).unwrap();
        all.add(label, &builder.finish_keyed()).unwrap();
    }
    let table = all.finish();
    let sheets: Vec<String> = table.cleaning().sheets.iter().map(|s| format!("{}: {}", s.place(), s.fate())).collect();
    assert_eq!(sheets[0], "one.xlsx, January: 0 of 1 rows used");
    // Its own sentence names the headers that there are, which may be a customer's cells.
    assert_eq!(sheets[1], "one.xlsx, Towns: not used (1 rows): none of its first rows has every required column");
    assert_eq!(sheets[2..], ["two.xlsx, Moved: 1 of 1 rows used", "two.xlsx, Others: 1 of 1 rows used"]);
    let replaced = &table.cleaning().first_dropped[&content_portal::customer::Dropped::ReplacedByNewer][0];
    assert_eq!((replaced.source.as_str(), replaced.sheet.as_str(), replaced.row), ("one.xlsx", "January", 2));
    let reasons: Vec<UnusedSheet> = table.cleaning().sheets.iter().filter_map(|sheet| sheet.reason).collect();
    assert_eq!(reasons, [UnusedSheet::NoHeader]);
}

#[test]
fn a_second_table_whose_header_is_in_another_row_is_said() {
    let table = read(&xlsx(|sheet| {
        write_rows(sheet, 0, &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER, &["A3", "2024-03-05", "Yishun", "Male", "Gold"]]);
        let beside = [HEADER, ["B1", "2023-01-02", "Bishan", "Female", "Silver"]];
        for (row, cells) in (1..).zip(beside) {
            for (column, text) in (6..).zip(cells) {
                sheet.write_string(row, column, text).unwrap();
            }
        }
    }))
    .unwrap();
    assert_eq!(table.n_rows(), 3);
    assert_eq!(notes(&table), ["header_within_rows"]);
    let sentence = &table.cleaning().notes[0].sentence;
    assert!(sentence.starts_with("row 2 of the sheet \"Sheet1\" holds the headers of a second table"), "{sentence}");
    assert_whole(&table);
}
