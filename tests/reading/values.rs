//! What the cells of a column come to: each is read as its column is written, and nothing is lost without a word.

use std::io::Cursor;
use std::sync::Arc;

use content_portal::customer::{CustomerTable, DateOrder, DecidedBy, Dropped, Schema, TableBuilder, Value, ValueRows};
use content_portal::workbook::{self, Limits};
use proptest::prelude::*;
use serde_json::json;

use super::sheets::{TODAY, fixture, read, rows};

fn case(name: &str) -> CustomerTable {
    read(&fixture(&format!("tests/fixtures/cases/{name}"))).unwrap()
}

/// The built-in columns and an optional number, category, date and ordinal.
pub fn wide_schema() -> Arc<Schema> {
    let mut schema = serde_json::to_value(Schema::built_in().unwrap()).unwrap();
    let more = serde_json::json!([
        {"title": "Spend", "required": false, "kind": "number", "persona": {"key": "Mean_Spend", "top": 1}},
        {"title": "Shop", "required": false, "kind": "category", "persona": {"key": "Top_Shop", "top": 1}},
        {"title": "Last Visit", "required": false, "kind": "date", "phrase": "who came last",
         "parts": [{"part": "year", "title": "Visit_Year", "persona": {"key": "Top_Visit_Year", "top": 1}}]},
        {"title": "Grade", "required": false, "kind": "ordinal", "levels": ["Low", "High"], "score_title": "Grade_Score",
         "persona": {"key": "Top_Grade", "top": 1}},
    ]);
    schema["columns"].as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
    Arc::new(Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap())
}

/// A table of one column of the wide schema.
pub fn column(header: &str, cells: &[&str]) -> CustomerTable {
    let text: String =
        cells.iter().enumerate().map(|(n, cell)| format!("{n},2023-01-01,Bedok,Gold,\"{cell}\"\n")).collect();
    let text = format!("id,Date Joined,Location,Loyalty Tier,{header}\n{text}");
    workbook::read(Cursor::new(text.as_bytes()), wide_schema(), TODAY, &Limits::default()).unwrap()
}

pub fn numbers(table: &CustomerTable) -> Vec<f64> {
    let column = &table.columns()[4];
    let number = |row| if let Some(Value::Number(number)) = column.value(row) { *number } else { f64::NAN };
    (0..table.n_rows()).map(number).collect()
}

pub fn note_codes(table: &CustomerTable) -> Vec<&str> {
    table.cleaning().notes.iter().map(|note| note.code.as_str()).collect()
}

#[test]
fn rows_of_totals_are_left_out_and_counted_and_a_customer_is_none() {
    let read =
        |text: &str| workbook::read(Cursor::new(text.as_bytes()), wide_schema(), TODAY, &Limits::default()).unwrap();
    let total_rows = |table: &CustomerTable| -> Vec<u32> {
        let cleaning = table.cleaning();
        assert_eq!(cleaning.rows_read, table.n_rows() + cleaning.n_dropped());
        cleaning.first_dropped.get(&Dropped::Total).into_iter().flatten().map(|at| at.row).collect()
    };
    let by_town = read(
        "Location,Date Joined,Loyalty Tier,Spend\nBedok,2023-01-01,Gold,5\nBedok,2023-01-02,Gold,6\n\
         Bedok Total,,,11\nUnion Total,2023-01-03,Gold,4\nGrand Total,,,15\nSuma,2023-01-03,Silver,7\n",
    );
    assert_eq!((by_town.n_rows(), total_rows(&by_town)), (4, vec![4, 6]));
    let identified = read(
        "id,Location,Date Joined,Loyalty Tier,Spend\nC1,Total,2023-01-01,Gold,5\nC2,Bedok,2023-01-02,Gold,6\n\
         ,Summe,,,11\nTotal,,,,4\n,Bedok,2023-01-03,Gold,4\nTotal,Bedok,2023-01-04,Gold,9\n",
    );
    assert_eq!((identified.n_rows(), total_rows(&identified)), (4, vec![4, 5]));
}

#[test]
fn a_day_to_come_is_told_as_such() {
    let visits = column("Last Visit", &["2023-01-01", "2030-01-01", "soon", "31/12/2030"]);
    let unusable = &visits.cleaning().unusable["Last Visit"];
    assert_eq!((unusable.rows, unusable.in_future), (3, 2));
}

#[test]
fn what_the_schema_names_is_a_value_also_where_it_is_a_word_for_nothing_elsewhere() {
    let json = r#"{"columns": [
        {"title": "Region", "required": true, "kind": "category", "synonyms": {"NA": "North America", "OTH": "N/A"},
         "persona": {"key": "Regions", "top": 3}},
        {"title": "Renewal", "required": false, "kind": "date", "phrase": "whose contract ends", "future": true,
         "parts": [{"part": "year", "title": "Year", "persona": {"key": "Years", "top": 1}}]},
        {"title": "Add-on", "required": true, "kind": "ordinal", "levels": ["None", "Basic"],
         "score_title": "Add-on_Score", "persona": {"key": "Add-ons", "top": 1}}
    ]}"#;
    let schema = Arc::new(Schema::from_json(json.as_bytes()).unwrap());
    let text = "Region,Renewal,Add-on\nNA,2031-05-06,None\nn/a,,basic\nOTH,,NONE\nnull,2020-01-01,Basic\n";
    let table = workbook::read(Cursor::new(text.as_bytes()), schema, TODAY, &Limits::default()).unwrap();
    let values = |column: usize| -> Vec<Option<&Value>> {
        (0..table.n_rows()).map(|row| table.columns()[column].value(row)).collect()
    };
    let text = |name: &str| Value::Text(name.to_owned());
    assert_eq!(values(0), [Some(&text("North America")), Some(&text("N/A")), Some(&text("N/A"))]);
    assert_eq!(values(1), [Some(&Value::Date(jiff::civil::date(2031, 5, 6))), None, None]);
    assert_eq!(values(2), [Some(&Value::Level(0)), Some(&Value::Level(1)), Some(&Value::Level(0))]);
    assert_eq!(table.cleaning().dropped[&Dropped::Missing("Region".into())], 1);
}

#[test]
fn money_in_an_optional_column_is_read() {
    let schema = Schema::from_json(&fixture("tests/fixtures/cases/optional_spend_schema.json")).unwrap();
    let bytes = fixture("tests/fixtures/cases/optional_spend.csv");
    let table = workbook::read(Cursor::new(bytes), Arc::new(schema), TODAY, &Limits::default()).unwrap();
    let spend = &table.columns()[3];
    assert_eq!(table.n_rows(), 600);
    assert_eq!((0..600).filter(|&row| spend.value(row).is_some()).count(), 600);
    assert_eq!(spend.value(0), Some(&Value::Number(150.5)));
    assert_eq!(spend.value(8), Some(&Value::Number(1038.5)));
    assert!(table.cleaning().unusable.is_empty() && table.cleaning().notes.is_empty());
}

#[test]
fn where_a_column_of_numbers_says_nothing_the_others_of_the_file_do() {
    let column =
        |title: &str| json!({"title": title, "required": true, "kind": "number", "persona": {"key": title, "top": 1}});
    let json = json!({"columns": [column("Risk"), column("Revenue")]}).to_string();
    let schema = Arc::new(Schema::from_json(json.as_bytes()).unwrap());
    let read = |text: &str| {
        let table = workbook::read(Cursor::new(text.as_bytes()), schema.clone(), TODAY, &Limits::default()).unwrap();
        let revenue = (0..table.n_rows()).map(|row| table.columns()[1].value(row).cloned());
        (revenue.collect::<Vec<_>>(), note_codes(&table).into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let number = |number: f64| Some(Value::Number(number));
    let german = "Risk;Revenue\n0,0181;745.183\n-110,64;900.000\n0,5;12\n";
    assert_eq!(read(german), (vec![number(745_183.0), number(900_000.0), number(12.0)], vec![]));
    let english = "Risk;Revenue\n0.0181;745.183\n110.64;900.000\n";
    assert_eq!(read(english), (vec![number(745.183), number(900.0)], vec![]));
    // What a column says of itself stands, and where the others contradict one another it is said what was assumed.
    let own = "Risk;Revenue\n0,0181;745.183\n0,5;900.5\n";
    assert_eq!(read(own).0, [number(745.183), number(900.5)]);
    let mixed = "Risk;Revenue\n0,0181;745.183\n0.55;900\n";
    assert_eq!(read(mixed), (vec![number(745.183), number(900.0)], vec!["decimal_separator_assumed".to_owned()]));
}

#[test]
fn a_column_s_numbers_say_which_mark_its_decimals_have() {
    let read = |cells: &[&str]| {
        let table = column("Spend", cells);
        (numbers(&table), note_codes(&table).into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(read(&["1.234", "1.234,50", "2,5"]), (vec![1234.0, 1234.5, 2.5], vec![]));
    assert_eq!(read(&["1,234", "1,234.50", "2.5"]), (vec![1234.0, 1234.5, 2.5], vec![]));
    assert_eq!(read(&["1,234", "850"]), (vec![1234.0, 850.0], vec!["decimal_separator_assumed".to_owned()]));
    assert_eq!(read(&["1.234 €", "850 €"]), (vec![1234.0, 850.0], vec!["decimal_separator_assumed".to_owned()]));
    assert_eq!(read(&["1.234,5", "2.5", "3,25"]).1, ["decimal_separators_mixed"].map(str::to_owned)[..0]);
    assert_eq!(read(&["1.234", "1.234,5", "2.5", "3,25"]).1, ["decimal_separators_mixed"]);
    assert_eq!(read(&["€ 5", "$ 6"]), (vec![5.0, 6.0], vec!["currencies_mixed".to_owned()]));
    assert_eq!(read(&["12 %", "30"]), (vec![0.12, 30.0], vec!["percentages_mixed".to_owned()]));
}

#[test]
fn what_optional_columns_lose_is_counted_and_found() {
    let table = column("Spend", &["12", "twelve", "", "n/a", "1.5 kg", "-"]);
    let unusable = &table.cleaning().unusable["Spend"];
    assert_eq!((unusable.rows, unusable.first.iter().map(|at| at.row).collect::<Vec<_>>()), (2, vec![3, 6]));
    assert_eq!(table.cleaning().n_dropped(), 0);

    let table = column("Shop", &["Bedok Mall", "jane@example.org", "+65 9123 4567", ""]);
    assert_eq!(table.cleaning().unusable["Shop"].rows, 2);
    let table = column("Last Visit", &["2024-01-01", "soon", "2099-01-01", "03/05/2099", "03/05/2024"]);
    assert_eq!(table.cleaning().unusable["Last Visit"].rows, 3);
    let table = column("Grade", &["High", "Mid", "mid", "Jane Tan", ""]);
    assert_eq!(table.cleaning().unusable["Grade"].rows, 3);
    assert_eq!(table.cleaning().unknown_levels["Grade"], [ValueRows { value: "Mid".to_owned(), rows: 2 }]);
    let json = serde_json::to_value(table.cleaning()).unwrap();
    assert_eq!(json["unusable"][0]["column"], "Grade");
    assert_eq!(json["unusable"][0]["values"], serde_json::json!([{"value": "Mid", "rows": 2}]));
    assert_eq!(serde_json::from_value::<content_portal::customer::CleaningReport>(json).unwrap(), *table.cleaning());
}

#[test]
fn a_month_first_column_is_read_month_first_throughout() {
    let table = case("d08_month_first.csv");
    let day = |n: usize| format!("2023-{:02}-{:02}", n % 12 + 1, [1, 8, 15, 22][n % 4]);
    let read: Vec<String> = rows(&table).iter().map(|row| row.split(" | ").nth(2).unwrap().to_owned()).collect();
    assert_eq!(read, (0..60).map(day).collect::<Vec<_>>());
    let [dates] = table.cleaning().dates.as_slice() else { panic!("{:?}", table.cleaning()) };
    assert_eq!((dates.order, dates.decided_by), (DateOrder::MonthFirst, DecidedBy::Values));
}

#[test]
fn dates_of_browsers_and_in_german_are_read() {
    for (name, n_rows) in [("d03_js_en_gb.csv", 24), ("d05_js_tostring.csv", 24), ("d09_german.csv", 60)] {
        let table = case(name);
        assert_eq!((table.n_rows(), table.cleaning().n_dropped()), (n_rows, 0), "{name}");
    }
    assert!(rows(&case("d03_js_en_gb.csv"))[1].contains("2022-08-07"));
    assert!(rows(&case("d05_js_tostring.csv"))[1].contains("2022-08-07"));
    assert!(rows(&case("d09_german.csv"))[2].contains("2023-03-15"));
}

#[test]
fn a_column_that_nothing_settles_is_read_day_first_and_said_so() {
    let table = column("Last Visit", &["03/05/2024", "04/05/2024"]);
    assert!(rows(&table)[0].contains("2024-05-03"));
    let [dates] = table.cleaning().dates.as_slice() else { panic!("{:?}", table.cleaning()) };
    assert_eq!((dates.column.as_str(), dates.decided_by), ("Last Visit", DecidedBy::Assumed));
    assert_eq!(note_codes(&table), ["date_order_assumed"]);
}

#[test]
fn a_schema_may_fix_the_order() {
    let mut schema = serde_json::to_value(Schema::built_in().unwrap()).unwrap();
    schema["columns"][2]["order"] = "month_first".into();
    let schema = Arc::new(Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap());
    let text = "date,location,tier\n03/05/2024,Bedok,Gold\n13/05/2024,Bedok,Gold\n";
    let table = workbook::read(Cursor::new(text.as_bytes()), schema, TODAY, &Limits::default()).unwrap();
    assert_eq!(rows(&table), ["Bedok | · | 2024-03-05 | #1"]);
    assert_eq!(table.cleaning().dates[0].decided_by, DecidedBy::Schema);
    assert_eq!(table.cleaning().dropped[&Dropped::NotADate("Date Joined".into())], 1);
}

#[test]
fn rows_whose_date_is_decided_at_the_end_are_dropped_under_their_reason() {
    let text = "id,date,location,tier\n\
        1,02/12/2026,Bedok,Gold\n2,13/01/2024,Bedok,Gold\n3,05/02/2024,Yishun,\n4,soon,Bedok,Gold\n5,01/02/2024,Bedok,Gold\n";
    let table = read(text.as_bytes()).unwrap();
    assert_eq!(rows(&table), ["Bedok | · | 2024-01-13 | #1", "Bedok | · | 2024-02-01 | #1"]);
    let cleaning = table.cleaning();
    let column = || "Date Joined".to_owned();
    assert_eq!(cleaning.dropped[&Dropped::InFuture(column())], 1);
    assert_eq!(cleaning.first_dropped[&Dropped::InFuture(column())][0].row, 2);
    assert_eq!(cleaning.dropped[&Dropped::NotADate(column())], 1);
    assert_eq!(cleaning.dropped[&Dropped::Missing("Loyalty Tier".to_owned())], 1);
    assert_eq!(cleaning.rows_read, table.n_rows() + cleaning.n_dropped());
}

#[test]
fn each_sheet_has_its_own_order_and_asks_the_others_where_it_says_nothing() {
    let mut builder = TableBuilder::new(super::sheets::schema(), TODAY);
    let sheets: [&[&str]; 3] =
        [&["03/05/2024", "05/13/2024"], &["04/05/2024", "04/06/2024"], &["03/05/2024", "05/05/2024"]];
    for (number, dates) in sheets.iter().enumerate() {
        builder.begin_sheet(false);
        builder.push_row(&["id", "date", "location", "tier"].map(content_portal::customer::Cell::Text)).unwrap();
        for (row, date) in dates.iter().enumerate() {
            let id = format!("{number}-{row}");
            builder.push_row(&[id.as_str(), date, "Bedok", "Gold"].map(content_portal::customer::Cell::Text)).unwrap();
        }
        builder.end_sheet().unwrap();
    }
    let days: Vec<String> =
        rows(&builder.finish()).iter().map(|row| row.split(" | ").nth(2).unwrap().to_owned()).collect();
    let expected = ["2024-03-05", "2024-05-13", "2024-04-05", "2024-04-06", "2024-03-05", "2024-05-05"];
    assert_eq!(days, expected);
}

#[test]
fn spellings_of_one_town_are_one_town() {
    let table = case("v01_nfd.csv");
    assert_eq!((table.n_rows(), table.columns()[0].values.len()), (24, 2));
    let table =
        column("Shop", &["Straße", "STRASSE", "strasse", "İstanbul", "ISTANBUL", "istanbul", "ΑΘΉΝΑΣ", "αθήνας"]);
    let names: Vec<String> = table.columns()[5].values.iter().map(|value| format!("{value:?}")).collect();
    assert_eq!(names, ["Text(\"Strasse\")", "Text(\"Istanbul\")", "Text(\"Αθήνας\")"]);
}

#[test]
fn formula_text_padding_and_invisible_characters_are_no_part_of_a_value() {
    let table = case("h09b_text_formula_values.csv");
    assert!(table.n_rows() == 24 && rows(&table)[5].starts_with("Bedok | "));
    assert_eq!(case("h01_zwsp_header.csv").n_rows(), 24);
    let text = "=\"id\",*Date-Joined*,\u{200b}Location [town],loyaltyTier:\n=\"1\",=\"2023-01-01\",=\"Bedok\"\"s\",=\"Gold\"\n";
    assert_eq!(rows(&read(text.as_bytes()).unwrap()), ["Bedok\"S | · | 2023-01-01 | #1"]);
}

#[test]
fn a_tier_with_a_word_around_it_is_that_tier_and_others_are_named() {
    let table = case("v06_gold_member.csv");
    assert_eq!((table.n_rows(), table.columns()[3].values.as_slice()), (24, &[Value::Level(1)][..]));
    let text = "id,date,location,tier\n1,2023-01-01,Bedok,Bronze\n2,2023-01-01,Bedok,bronze \n3,2023-01-01,Bedok,Jane Tan\n\
        4,2023-01-01,Bedok,Gold or Silver\n5,2023-01-01,Bedok,Ruby\n6,2023-01-01,Bedok,91234567\n7,2023-01-01,Bedok,Gold\n";
    let table = read(text.as_bytes()).unwrap();
    assert_eq!(table.cleaning().dropped[&Dropped::UnknownLevel("Loyalty Tier".into())], 6);
    let levels: Vec<(&str, usize)> = table.cleaning().unknown_levels["Loyalty Tier"]
        .iter()
        .map(|level| (level.value.as_str(), level.rows))
        .collect();
    assert_eq!(levels, [("Bronze", 2), ("Ruby", 1)]);
    let json = serde_json::to_value(table.cleaning()).unwrap();
    assert_eq!(json["dropped"][0]["values"][0], serde_json::json!({"value": "Bronze", "rows": 2}));
}

#[test]
fn a_header_with_a_note_is_found_and_another_date_is_not() {
    for header in ["Date Joined (DD/MM/YYYY)", "Date Joined *", "date-joined", "Date\u{a0}Joined", "dateJoined"] {
        let text = format!("{header},Location [town],Loyalty Tier (Silver/Gold/Platinum)\n2023-01-01,Bedok,Gold\n");
        assert_eq!(rows(&read(text.as_bytes()).unwrap()), ["Bedok | · | 2023-01-01 | #1"], "{header}");
    }
    assert!(read(b"Date (of birth),Location,Tier\n1980-01-01,Bedok,Gold\n").is_err());
    // Without a note it is the better one, wherever it stands.
    let text = "Location (old),Location,date,tier\nYishun,Bedok,2023-01-01,Gold\n";
    assert_eq!(rows(&read(text.as_bytes()).unwrap()), ["Bedok | · | 2023-01-01 | #1"]);
}

fn any_date_text() -> impl Strategy<Value = String> {
    let number = |max: u32| (0..=max).prop_map(|n| n.to_string());
    let numbers = (number(33), number(33), prop::sample::select(vec!["2024", "24", "2027", "2567", "77"]), "[/.-]");
    prop_oneof![
        4 => numbers.prop_map(|(a, b, year, mark)| format!("{a}{mark}{b}{mark}{year}")),
        1 => "5. listopada 2024|7 stycznia 2023|2024-01-05|soon||31/12/2026|lip 5, 2024",
    ]
}

proptest! {
    #[test]
    fn every_row_is_kept_or_counted_whatever_its_column_decides(
        dates in prop::collection::vec((any_date_text(), any_date_text(), "[0-9]{1,3}([.,][0-9]{3}){0,2}|x|"), 0..30),
        keyed in any::<bool>(),
    ) {
        let schema = wide_schema();
        let mut builder = if keyed { TableBuilder::keyed(schema, TODAY) } else { TableBuilder::new(schema, TODAY) };
        let cell = content_portal::customer::Cell::Text;
        for half in dates.chunks(10) {
            builder.begin_sheet(false);
            builder.push_row(&["date", "location", "tier", "last visit", "spend"].map(cell)).unwrap();
            for (joined, visited, spend) in half {
                builder.push_row(&[joined, "Bedok", "Gold", visited, spend].map(cell)).unwrap();
            }
            builder.end_sheet().unwrap();
        }
        let keyed_table = builder.finish_keyed();
        let table = keyed_table.table();
        let cleaning = table.cleaning();
        prop_assert_eq!(cleaning.rows_read, table.n_rows() + cleaning.n_dropped());
        prop_assert_eq!(keyed_table.keys().len(), if keyed { table.n_rows() } else { 0 });
        for (reason, first) in &cleaning.first_dropped {
            prop_assert_eq!(first.len(), cleaning.dropped[reason].min(5));
        }
        let columns = table.columns().to_vec();
        let checked = CustomerTable::checked(table.schema().clone(), columns, cleaning.clone(), TODAY);
        prop_assert!(checked.is_ok(), "{:?}", checked.err());
    }
}
