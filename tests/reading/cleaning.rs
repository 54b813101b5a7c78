//! Cleaning, row by row, without a file.

use content_portal::customer::{Cell, CustomerTable, MISSING, TableBuilder};
use proptest::prelude::*;

use super::sheets::{TODAY, rows, schema};

fn table(sheet: &[Vec<Cell<'_>>]) -> CustomerTable {
    let mut builder = TableBuilder::new(schema(), TODAY);
    builder.begin_sheet(false);
    builder.push_row(&["id", "date", "location", "gender", "tier"].map(Cell::Text)).unwrap();
    for row in sheet {
        builder.push_row(row).unwrap();
    }
    builder.end_sheet().unwrap();
    builder.finish()
}

fn text_row<'a>(cells: &[&'a str; 5]) -> Vec<Cell<'a>> {
    cells.iter().map(|text| Cell::Text(text)).collect()
}

#[test]
fn two_customers_of_the_same_values_stay_two() {
    let same = |id| text_row(&[id, "2023-01-01", "Bedok", "Male", "Gold"]);
    let table = table(&[same("A1"), same("A2"), same("A1")]);
    assert_eq!((table.n_rows(), table.cleaning().n_dropped()), (2, 1));
    assert!(table.columns().iter().all(|column| column.values.len() == 1));
}

#[test]
fn today_is_no_future_date_and_tomorrow_is() {
    let today = TODAY.to_string();
    let tomorrow = TODAY.tomorrow().unwrap().to_string();
    let table =
        table(&[text_row(&["1", &today, "Bedok", "", "Gold"]), text_row(&["2", &tomorrow, "Bedok", "", "Gold"])]);
    assert_eq!(rows(&table), [format!("Bedok | · | {today} | #1")]);
}

#[test]
fn synonyms_and_levels_are_known_in_any_case() {
    let table = table(&[
        text_row(&["1", "2023-01-01", "Bedok", " f ", " platinum "]),
        text_row(&["2", "2023-01-01", "Bedok", "WOMAN", "SILVER"]),
        text_row(&["3", "2023-01-01", "Bedok", "女", "Gold"]),
        text_row(&["4", "2023-01-01", "Bedok", "n/a", "Gold"]),
    ]);
    let values: Vec<String> = rows(&table);
    assert_eq!(
        values,
        [
            "Bedok | Female | 2023-01-01 | #2",
            "Bedok | Female | 2023-01-01 | #0",
            "Bedok | Female | 2023-01-01 | #1",
            "Bedok | · | 2023-01-01 | #1"
        ]
    );
    assert_eq!(table.columns()[1].codes, [0, 0, 0, MISSING]);
}

#[test]
fn values_of_dropped_rows_alone_are_not_kept() {
    let table = table(&[
        text_row(&["1", "soon", "Yishun", "Male", "Gold"]),
        text_row(&["2", "2023-01-01", "Bedok", "Female", "Gold"]),
    ]);
    assert_eq!(table.columns()[0].values.len(), 1);
    assert_eq!(rows(&table), ["Bedok | Female | 2023-01-01 | #1"]);
}

#[test]
fn cells_of_other_types_are_read_as_their_column_asks() {
    let day = Cell::DateTime { serial_days: 45_149.75, is_1904: false };
    let table = table(&[
        vec![Cell::Number(7.0), day, Cell::Number(5.0), Cell::Bool(true), Cell::Text("Gold")],
        vec![Cell::Number(8.0), Cell::Bool(true), Cell::Text("Bedok"), Cell::Empty, Cell::Text("Gold")],
        vec![Cell::Number(9.0), Cell::Error, Cell::Text("Bedok"), Cell::Empty, Cell::Text("Gold")],
        vec![Cell::Number(9.5), Cell::Number(f64::NAN), Cell::Text("Bedok"), Cell::Empty, Cell::Text("Gold")],
        vec![Cell::Empty, Cell::Text("  "), Cell::Empty, Cell::Empty, Cell::Empty],
    ]);
    assert_eq!(rows(&table), ["5 | True | 2023-08-11 | #1"]);
    let dropped: Vec<String> = table.cleaning().dropped.iter().map(|(reason, n)| format!("{reason}: {n}")).collect();
    assert_eq!(dropped, ["no Date Joined: 1", "Date Joined is not a date: 2"]);
    assert_eq!(table.cleaning().rows_read, 4);
}

fn any_cell() -> impl Strategy<Value = (u8, String, f64)> {
    let words = "2023-01-0[1-9]|Bedok|gold|Silver|F|soon|2099-01-01|Bronze||  |n/a|\\PC{0,12}";
    (0u8..8, words, prop_oneof![any::<f64>(), 40_000.0..46_000.0, 0.0..3.0])
}

proptest! {
    #[test]
    fn every_row_is_kept_or_counted(sheet in prop::collection::vec(prop::collection::vec(any_cell(), 0..7), 0..40)) {
        let cells: Vec<Vec<Cell<'_>>> = sheet.iter().map(|row| row.iter().map(|(kind, text, number)| match kind {
            0 => Cell::Empty,
            1 => Cell::Number(*number),
            2 => Cell::DateTime { serial_days: *number, is_1904: *number > 1.0 },
            3 => Cell::Error,
            _ => Cell::Text(text),
        }).collect()).collect();
        let table = table(&cells);
        let cleaning = table.cleaning();
        prop_assert_eq!(cleaning.rows_read, table.n_rows() + cleaning.n_dropped());
        prop_assert_eq!(cleaning.rows_read, cells.iter().filter(|row| row.iter().any(|cell| !cell.is_blank())).count());
        for (column, rules) in table.columns().iter().zip(&table.schema().columns) {
            prop_assert_eq!(column.codes.len(), table.n_rows());
            prop_assert!(column.codes.iter().all(|code| (*code as usize) < column.values.len() || *code == MISSING && !rules.required));
            let mut first_seen: Vec<u32> = Vec::new();
            for code in column.codes.iter().filter(|code| **code != MISSING) {
                if !first_seen.contains(code) {
                    first_seen.push(*code);
                }
            }
            prop_assert!(first_seen.iter().copied().eq(0..column.values.len() as u32), "values in order of first appearance");
        }
        for (reason, first) in &cleaning.first_dropped {
            prop_assert_eq!(first.len(), cleaning.dropped[reason].min(5));
        }
    }
}
