use std::sync::Arc;

use jiff::civil::date;

use super::*;
use crate::customer::{Cell, TableBuilder};

fn table(rows: &[[&str; 5]]) -> CustomerTable {
    let mut builder = TableBuilder::new(Arc::new(Schema::built_in().unwrap()), date(2026, 1, 1));
    builder.begin_sheet(false);
    for row in [["id", "location", "gender", "date joined", "loyalty tier"]].iter().chain(rows) {
        builder.push_row(&row.map(Cell::Text)).unwrap();
    }
    builder.end_sheet().unwrap();
    builder.finish()
}

/// Two towns, two genders, one year, two months, one quarter, and the tier.
fn trained() -> (Encoder, Scaler) {
    let table =
        table(&[["1", "Bedok", "Female", "2024-01-05", "Silver"], ["2", "Novena", "Male", "2024-02-05", "Platinum"]]);
    let encoder = Encoder::fit(&table, RareNames::Kept).unwrap();
    let profiles = encoder.intern(&table);
    let scaler = Scaler::fit(&encoder.scaled_values(&profiles), &profiles.customers);
    (encoder, scaler)
}

#[test]
fn each_value_lights_its_own_column_and_the_tier_is_scaled() {
    let (encoder, scaler) = trained();
    let profiles = encoder.intern(&table(&[["3", "Novena", "Female", "2024-01-31", "Gold"]]));
    let row = encoder.encode(&profiles, &scaler);
    assert_eq!(row.as_slice().unwrap(), [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn what_training_never_saw_is_all_zeros_and_counted() {
    let (encoder, scaler) = trained();
    let table =
        table(&[["3", "Atlantis", "Other", "2025-07-01", "Silver"], ["4", "Bedok", "", "2024-01-01", "Silver"]]);
    let rows = encoder.encode(&encoder.intern(&table), &scaler);
    assert_eq!(rows.row(0).as_slice().unwrap(), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
    assert_eq!(rows.row(1).as_slice().unwrap(), [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, -1.0]);
    let unseen: Vec<_> = encoder.unseen(&table).into_iter().map(|(title, values)| (title, values.len())).collect();
    let titles = ["Location", "Gender", "Join_Year", "Join_Month", "Join_Quarter"];
    assert_eq!(unseen, titles.map(|title| (title.to_owned(), 1)));
}

#[test]
fn a_model_trained_on_another_spelling_knows_the_name() {
    // Written before letters and their marks were made one, and in another case than names are shown in.
    let json = r#"{"blocks":[{"one_hot":["Strasse","Zu\u0308rich","Zürich","mcdonald"]}]}"#;
    let encoder: Encoder = serde_json::from_str(json).unwrap();
    let Block::OneHot(known) = &encoder.blocks[0] else { panic!("{encoder:?}") };
    let schema = Schema::built_in().unwrap();
    let location = schema.features().next().unwrap();
    let cell = |name: &str| encoder.blocks[0].cell(&location, &Value::Text(name.to_owned()), &Spellings::default());
    let position = |name: &str| known.iter().position(|value| value.to_string() == name).unwrap() as u64;
    assert_eq!(cell("Zürich"), position("Zürich"));
    assert_eq!(cell("Straße"), position("Strasse"));
    assert_eq!(cell("Mcdonald"), position("mcdonald"));
    assert_eq!(cell("Zurich"), UNKNOWN);
}

#[test]
fn many_columns_of_many_values_are_combined_without_a_mix_up() {
    // 70,000⁴ leaves 64 bits: the numbers are taken anew in between.
    let columns = [1, 3, 7, 11, 13].map(|step| CustomerColumn {
        values: vec![Value::Level(0); 70_000],
        codes: (0..140_000).map(|row| row % 70_000 * step % 70_000).collect(),
    });
    let cells: Vec<u64> = (0..70_000).collect();
    let mut combined = Combined::of(140_000);
    columns.iter().for_each(|column| combined.add(column, &[&cells]));
    let (of_row, first_rows) = combined.numbered();
    assert_eq!(first_rows, (0..70_000).collect::<Vec<_>>());
    assert!(of_row.iter().zip(0..).all(|(&number, row)| number == row % 70_000));
}

#[test]
fn customers_that_are_the_same_to_the_model_share_a_profile() {
    let (encoder, _) = trained();
    let profiles = encoder.intern(&table(&[
        ["3", "Bedok", "Male", "2024-01-01", "Gold"],
        ["4", "Novena", "Male", "2024-01-01", "Gold"],
        ["5", " BEDOK ", "m", "2024-01-31", "gold"],
    ]));
    assert_eq!((profiles.of_row.as_slice(), profiles.customers.as_slice()), (&[0, 1, 0][..], &[2, 1][..]));
}
