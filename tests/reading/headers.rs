//! Finding the header: where it stands, which column wins, and what is said when it is not there.

use std::io::Cursor;
use std::sync::Arc;

use content_portal::customer::{NewestStands, Schema, TableBuilder};
use content_portal::workbook::{self, Limits, WorkbookError};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use super::sheets::{
    CUSTOMER, HEADER, OTHER_CUSTOMER, SMALL_ROWS, TODAY, read, refusal, rows, schema, small_csv, write_rows, xlsx,
};

#[test]
fn a_header_is_found_below_a_merged_title() {
    let bytes = xlsx(|sheet| {
        sheet.merge_range(0, 0, 0, 4, "Customers by date, location and tier", &Format::new()).unwrap();
        sheet.write_string(1, 0, "Location").unwrap();
        write_rows(sheet, 4, &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER]);
    });
    assert_eq!(rows(&read(&bytes).unwrap()), SMALL_ROWS);
}

#[test]
fn a_header_is_not_looked_for_beyond_twenty_rows() {
    let below = |n_titles: u32| {
        xlsx(|sheet| {
            for row in 0..n_titles {
                sheet.write_string(row * 2, 0, "note").unwrap();
            }
            write_rows(sheet, n_titles * 2, &[&HEADER, &CUSTOMER, &OTHER_CUSTOMER]);
        })
    };
    assert_eq!(rows(&read(&below(19)).unwrap()), SMALL_ROWS);
    assert!(matches!(read(&below(20)), Err(WorkbookError::MissingColumns(_))));
}

#[test]
fn the_title_wins_over_aliases_and_earlier_aliases_over_later_ones() {
    let text = "date,join date,DATE_JOINED,branch,tier\n2020-01-01,2021-01-01,2022-01-01,Bedok,Gold\n";
    let table = read(text.as_bytes()).unwrap();
    assert_eq!(rows(&table), ["Bedok | · | 2022-01-01 | #1"]);
    assert_eq!(table.cleaning().columns_used["Date Joined"], "DATE_JOINED");

    let text = "date,join date,branch,tier\n2020-01-01,2021-01-01,Bedok,Gold\n";
    assert_eq!(rows(&read(text.as_bytes()).unwrap()), ["Bedok | · | 2021-01-01 | #1"]);
}

#[test]
fn of_two_equal_headers_the_left_one_counts() {
    let text = "date,Location,LOCATION,tier,date\n2020-01-01,Bedok,Yishun,Gold,2021-01-01\n";
    assert_eq!(rows(&read(text.as_bytes()).unwrap()), ["Bedok | · | 2020-01-01 | #1"]);
}

#[test]
fn a_missing_column_is_named_with_what_would_do_and_what_was_found() {
    assert_eq!(
        refusal(b"Cust ID,Town,Joined Date,Tier\nA1,Bedok,2020-01-01,Gold\n"),
        "the sheet needs a column \"Location\" (or branch, region); \
         the headers found are Cust ID, Town, Joined Date, Tier"
    );
}

#[test]
fn a_sheet_without_a_header_does_not_show_its_customers() {
    let text = refusal(b"A1,Jane Tan,jane@example.org,88123456,2023-01-01,Bedok,Female,Gold\n");
    assert!(text.ends_with("; no row looks like a header"), "{text}");
    assert!(!text.contains("Jane") && !text.contains('@'), "{text}");
}

#[test]
fn the_sheet_that_comes_closest_is_told_of() {
    let mut book = Workbook::new();
    write_rows(book.add_worksheet(), 0, &[&["read me"]]);
    write_rows(book.add_worksheet(), 0, &[&["location", "date", "points"]]);
    write_rows(book.add_worksheet(), 0, &[&["location", "a", "b", "c", "d"]]);
    let text = refusal(&book.save_to_buffer().unwrap());
    assert!(text.starts_with("the sheet needs a column \"Loyalty Tier\" (or tier, membership_level);"), "{text}");
    assert!(text.ends_with("the headers found are location, date, points"), "{text}");
}

#[test]
fn a_sheet_of_a_header_alone_is_a_table_without_rows() {
    let table = read(small_csv(",").lines().next().unwrap().as_bytes()).unwrap();
    assert_eq!(table.n_rows(), 0);
    assert_eq!(table.cleaning().no_usable_row().unwrap(), "the sheet has a header but no row below it");
}

#[test]
fn another_schema_reads_another_sheet() {
    let schema = Schema::from_json(
        br#"{"identifier": ["member"], "columns": [
            {"title": "Plan", "aliases": ["product"], "required": true, "synonyms": {"fam": "Family"}, "kind": "category",
             "persona": {"key": "Top_Plan", "top": 2}},
            {"title": "Grade", "required": false, "kind": "ordinal", "levels": ["low", "Mid Range", "HIGH"],
             "score_title": "Grade_Score", "persona": {"key": "Top_Grade", "top": 1}},
            {"title": "Spend", "aliases": ["amount"], "required": true, "kind": "number",
             "persona": {"key": "Mean_Spend", "top": 1}},
            {"title": "Born", "required": false, "kind": "date", "phrase": "born",
             "parts": [{"part": "year", "title": "Birth_Year", "persona": {"key": "Top_Birth_Years", "top": 2}}]}
        ]}"#,
    )
    .unwrap();
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&["Member", "Amount", "PRODUCT", "grade", "Born", "Amount"]]);
        for (row, plan, grade, spend) in [
            (1, "fam", "mid  range", 12.5),
            (2, "single", "High", -3.0),
            (3, "Family", "top", 0.0),
            (4, "", "low", 1.0),
        ] {
            sheet.write_string(row, 2, plan).unwrap().write_string(row, 3, grade).unwrap();
            sheet.write_number(row, 1, spend).unwrap();
        }
        let shown_as_date = Format::new().set_num_format("dd/mm/yyyy");
        let born = ExcelDateTime::from_ymd(1984, 2, 29).unwrap();
        sheet.write_datetime_with_format(1, 4, born, &shown_as_date).unwrap();
        write_rows(sheet, 5, &[&["M5", "n/a", "single"], &["M6", "1.2.3", "single"], &["M7", " 7.25 ", "single"]]);
    });
    let table = workbook::read(Cursor::new(bytes), Arc::new(schema), TODAY, &Limits::default()).unwrap();
    assert_eq!(
        rows(&table),
        ["Family | #1 | 12.5 | 1984-02-29", "Single | #2 | -3 | ·", "Family | · | 0 | ·", "Single | · | 7.25 | ·"]
    );
    let dropped: Vec<String> = table.cleaning().dropped.iter().map(|(reason, n)| format!("{reason}: {n}")).collect();
    assert_eq!(dropped, ["no Plan: 1", "no Spend: 1", "Spend is not a number: 1"]);
}

#[test]
fn copies_are_told_across_files_whatever_the_order_of_their_columns() {
    let mut all = NewestStands::new(schema());
    let turned =
        "Tier,Sex,Branch,Date,Customer ID\nGold,Female,Tampines,2023-08-11,A1\nGold,Female,Tampines,2023-08-11,A9\n";
    for (label, bytes) in [("first.csv", small_csv(",").into_bytes()), ("second.csv", turned.as_bytes().to_vec())] {
        let mut builder = TableBuilder::keyed(schema(), TODAY);
        workbook::read_into(Cursor::new(bytes), &mut builder, &Limits::default()).unwrap();
        all.add(label, &builder.finish_keyed()).unwrap();
    }
    let table = all.finish();
    assert_eq!((table.cleaning().rows_read, table.n_rows()), (4, 3));
    let first = table.cleaning().first_dropped.values().next().unwrap();
    assert_eq!((first[0].source.as_str(), first[0].row), ("second.csv", 2));
}

#[test]
fn of_several_columns_that_are_named_alike_a_note_says_which_is_read() {
    let notes = |header: &str| {
        let table = read(format!("{header}\n2023-08-11,Bedok,,Gold,Silver\n").as_bytes()).unwrap();
        table.cleaning().notes.iter().map(|note| (note.code.clone(), note.sentence.clone())).collect::<Vec<_>>()
    };
    let alike = |sentence: &str| ("columns_alike".to_owned(), sentence.to_owned());
    assert_eq!(notes("date joined,location,gender,loyalty tier,other"), []);
    assert_eq!(
        notes("date joined,Location,LOCATION,loyalty tier,Membership Level"),
        [
            alike(
                "\"Location\" was read from \"Location\" (column B); \"LOCATION\" (column C) is named for it as well and \
                 not used."
            ),
            alike(
                "\"Loyalty Tier\" was read from \"loyalty tier\" (column D); \"Membership Level\" (column E) is named for \
                 it as well and not used."
            ),
        ]
    );
}
