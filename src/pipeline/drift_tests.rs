use std::fmt::Write as _;
use std::sync::Arc;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::customer::{Cell, Schema, TableBuilder};
use crate::pipeline::count_traits;

/// A category, a level, a year and a number.
const SCHEMA: &str = r#"{"columns": [
    {"title": "Town", "required": false, "kind": "category", "persona": {"key": "Towns", "top": 3}},
    {"title": "Tier", "required": false, "kind": "ordinal", "levels": ["Low", "Middle", "High"], "score_title": "Score",
     "persona": {"key": "Tier", "top": 1}},
    {"title": "Joined", "required": false, "kind": "date", "phrase": "who joined",
     "parts": [{"part": "year", "title": "Year", "persona": {"key": "Year", "top": 1}}]},
    {"title": "Spend", "required": false, "kind": "number", "persona": {"key": "Spend", "top": 1}}
]}"#;

const EVERYONE_INSIDE: OutsideShares = OutsideShares { before: 0.0, now: 0.0 };

type Row = (String, &'static str, u16, u32);

fn table(rows: &[Row]) -> CustomerTable {
    let schema = Schema::from_json(SCHEMA.as_bytes()).unwrap();
    let mut builder = TableBuilder::new(Arc::new(schema), date(2026, 1, 1));
    builder.begin_sheet(false);
    // The last column makes every row a row of its own: copies would be dropped.
    builder.push_row(&["Town", "Tier", "Joined", "Spend", "Row"].map(Cell::Text)).unwrap();
    for (number, (town, tier, year, spend)) in rows.iter().enumerate() {
        let texts = [town.clone(), (*tier).to_owned(), format!("{year}-05-05"), spend.to_string(), number.to_string()];
        builder.push_row(&texts.each_ref().map(|text| Cell::Text(text))).unwrap();
    }
    builder.end_sheet().unwrap();
    builder.finish()
}

fn profile(table: &CustomerTable) -> TrainingProfile {
    let (_, everyone) = count_traits(table, &vec![0; table.n_rows()], 1);
    TrainingProfile::from_counts(table, &everyone)
}

fn drift(before: &[Row], now: &[Row]) -> Drift {
    profile(&table(before)).drift(&table(now), EVERYONE_INSIDE)
}

fn column<'d>(drift: &'d Drift, title: &str) -> &'d ColumnDrift {
    drift.columns.iter().find(|column| column.title == title).unwrap()
}

/// `n` customers of each of these towns, alike in all else.
fn towns(counts: &[(&str, usize)]) -> Vec<Row> {
    let of = |&(town, n): &(&str, usize)| std::iter::repeat_n((town.to_owned(), "Low", 2024, 10), n);
    counts.iter().flat_map(of).collect()
}

fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let town = prop_oneof!["[A-F]", Just(String::new())];
    let tier = prop::sample::select(vec!["Low", "Middle", "High", ""]);
    prop::collection::vec((town, tier, 2020_u16..2024, 0_u32..50), 1..most)
}

proptest! {
    #[test]
    fn the_same_customers_have_not_moved(rows in rows(60)) {
        let drift = drift(&rows, &rows);
        prop_assert_eq!(drift.columns.len(), 4);
        prop_assert!(drift.columns.iter().all(|column| column.psi == 0.0 && column.largest_shift.is_none()));
        prop_assert_eq!((drift.unseen_share, drift.level), (0.0, DriftLevel::Steady));
    }

    #[test]
    fn a_distance_is_never_negative_and_the_same_there_and_back(
        counts in prop::collection::vec((0_u32..2000, 0_u32..2000), 1..20),
    ) {
        let of = |before: u32, now: u32| Bin::new("", f64::from(before), f64::from(now));
        let there: Vec<Bin> = counts.iter().map(|&(before, now)| of(before, now)).collect();
        let back: Vec<Bin> = counts.iter().map(|&(before, now)| of(now, before)).collect();
        let ((psi, by_chance, level), (psi_back, _, level_back)) = (distance(&there), distance(&back));
        prop_assert!(psi >= 0.0 && psi.is_finite() && by_chance >= 0.0 && by_chance.is_finite());
        prop_assert!((psi - psi_back).abs() < 1e-9);
        prop_assert!(level == level_back || (psi - by_chance).abs() < 1e-9);
    }

    #[test]
    fn no_two_tables_are_too_strange_to_be_compared(before in rows(60), now in rows(60)) {
        let drift = drift(&before, &now);
        prop_assert!(drift.columns.iter().all(|column| column.psi >= 0.0 && column.psi.is_finite()));
        prop_assert!((0.0..=1.0).contains(&drift.unseen_share));
    }

    #[test]
    fn neither_the_order_of_the_rows_nor_their_copies_move_anyone(rows in rows(40)) {
        let mut twice = [rows.clone(), rows.clone()].concat();
        twice.reverse();
        prop_assert!(drift(&rows, &twice).columns.iter().all(|column| column.psi == 0.0));
    }
}

#[test]
fn the_index_is_the_one_of_the_definition() {
    let found = drift(&towns(&[("A", 500), ("B", 300), ("C", 200)]), &towns(&[("A", 300), ("B", 400), ("C", 300)]));
    let expected = 0.2 * (0.5_f64 / 0.3).ln() + 0.1 * (0.4_f64 / 0.3).ln() + 0.1 * (0.3_f64 / 0.2).ln();
    let town = column(&found, "Town");
    assert!((town.psi - expected).abs() < 5e-5, "{} {expected}", town.psi);
    assert_eq!((town.level, found.level), (DriftLevel::Shifted, DriftLevel::Shifted));
    assert_eq!(town.largest_shift, Some(Shift { value: "A".into(), share_before: 0.5, share: 0.3 }));
    // χ² of two degrees of freedom exceeds 9.21 once in a hundred times.
    assert!((town.by_chance - 9.21 * (1.0 / 1000.0 + 1.0 / 1000.0)).abs() < 2e-4, "{}", town.by_chance);
}

#[test]
fn the_levels_change_at_a_tenth_and_at_a_quarter() {
    let half = [("A", 5_000), ("B", 5_000)];
    // The index of 50:50 against p:(1 − p) is (0.5 − p) · ln((1 − p) / p).
    for (a, level) in [
        (3_430, DriftLevel::Shifted),
        (3_460, DriftLevel::Steady),
        (2_590, DriftLevel::Drifted),
        (2_640, DriftLevel::Shifted),
    ] {
        let found = drift(&towns(&half), &towns(&[("A", a), ("B", 10_000 - a)]));
        assert_eq!(column(&found, "Town").level, level, "{a}: {}", column(&found, "Town").psi);
    }
}

#[test]
fn an_empty_bin_counts_with_the_least_share() {
    let found = drift(&towns(&[("A", 19_000), ("B", 1_000)]), &towns(&[("A", 20_000)]));
    let expected = (1.0 - 0.95) * (1.0_f64 / 0.95).ln() + (0.05 - 1e-4) * (0.05_f64 / 1e-4).ln();
    assert!((column(&found, "Town").psi - expected).abs() < 5e-5);
}

#[test]
fn what_training_never_saw_is_other_and_counted_by_customer() {
    let before: Vec<Row> = towns(&[("A", 400), ("B", 400)]);
    let mut now = towns(&[("A", 300), ("B", 300), ("Atlantis", 100), ("Eldorado", 60)]);
    now.extend(std::iter::repeat_n(("Atlantis".to_owned(), "High", 2019, 10), 40));
    let found = drift(&before, &now);
    assert_eq!(found.unseen_share, 0.25, "the customers of 2019 are no others than those of Atlantis");
    let shift = Shift { value: "other values".into(), share_before: 0.0, share: 0.25 };
    assert_eq!(column(&found, "Town").largest_shift, Some(shift));
    assert_eq!(column(&found, "Town").level, DriftLevel::Drifted);
    // A level above all that training saw has its place on the scale.
    let higher: Vec<Row> = before.iter().map(|row| (row.0.clone(), "High", row.2, row.3)).collect();
    let found = drift(&before, &higher);
    assert_eq!((found.unseen_share, column(&found, "Tier").level), (0.0, DriftLevel::Drifted));
}

#[test]
fn values_beyond_the_fifty_most_frequent_are_one_bin() {
    let many = |rest: [usize; 2]| -> Vec<Row> {
        let mut rows = Vec::new();
        for town in 0..50 {
            let name = format!("{}{}", (b'a' + town / 10) as char, (b'a' + town % 10) as char);
            rows.extend(towns(&[(&name, 20)]));
        }
        rows.extend(towns(&[("Ya", rest[0]), ("Za", rest[1])]));
        rows
    };
    assert_eq!(column(&drift(&many([10, 0]), &many([0, 10])), "Town").psi, 0.0);
    assert!(column(&drift(&many([10, 0]), &many([100, 0])), "Town").psi > 0.0);
}

#[test]
fn empty_cells_are_a_bin_of_their_own() {
    let found = drift(&towns(&[("A", 450), ("B", 450), ("", 100)]), &towns(&[("A", 50), ("B", 50), ("", 900)]));
    let shift = Shift { value: "no value".into(), share_before: 0.1, share: 0.9 };
    assert_eq!(column(&found, "Town").largest_shift, Some(shift));
    assert_eq!((column(&found, "Town").level, found.unseen_share), (DriftLevel::Drifted, 0.0));
}

#[test]
fn a_number_is_compared_by_the_deciles_of_the_training() {
    let spend = |of: fn(u32) -> u32| -> Vec<Row> { (0..1000).map(|i| ("A".into(), "Low", 2024, of(i))).collect() };
    let found = drift(&spend(|i| i), &spend(|i| i / 2));
    // Twice the customers in the five lower deciles, nobody in the five upper ones.
    let expected = 5.0 * 0.1 * 2.0_f64.ln() + 5.0 * (0.1 - 5e-4) * (0.1_f64 / 5e-4).ln();
    let spend_drift = column(&found, "Spend");
    assert!((spend_drift.psi - expected).abs() < 0.02, "{} {expected}", spend_drift.psi);
    let shift = Shift { value: "up to 99".into(), share_before: 0.1, share: 0.2 };
    assert_eq!(spend_drift.largest_shift, Some(shift));
    assert_eq!(column(&drift(&spend(|i| i % 500), &spend(|i| i / 2)), "Spend").psi, 0.0);
}

#[test]
fn a_few_customers_of_the_same_kind_are_no_drift() {
    let many: Vec<Row> =
        (0..27 * 200).map(|i| (format!("T{}", (b'a' + (i % 27) as u8) as char), "Low", 2024, 1)).collect();
    let trained = profile(&table(&many));
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        many[(state >> 33) as usize % many.len()].clone()
    };
    let mut alarms = String::new();
    for n in [5, 10, 30, 50, 100, 300] {
        let uploads =
            (0..100).map(|_| trained.drift(&table(&(0..n).map(|_| draw()).collect::<Vec<_>>()), EVERYONE_INSIDE));
        let alarmed = uploads.filter(|drift| column(drift, "Town").level != DriftLevel::Steady).count();
        if alarmed > 5 {
            let _ = write!(alarms, "{alarmed} of 100 uploads of {n}; ");
        }
    }
    assert_eq!(alarms, "");
    // While thirty customers of one town are no matter of chance.
    let one_town: Vec<Row> = vec![many[0].clone(); 30];
    assert_eq!(column(&trained.drift(&table(&one_town), EVERYONE_INSIDE), "Town").level, DriftLevel::Drifted);
}

#[test]
fn customers_outside_every_segment_raise_the_level_and_no_column() {
    let rows = towns(&[("A", 500), ("B", 500)]);
    let (trained, table) = (profile(&table(&rows)), table(&rows));
    for (before, now, level) in
        [(0.02, 0.02, DriftLevel::Steady), (0.02, 0.09, DriftLevel::Shifted), (0.0, 0.3, DriftLevel::Drifted)]
    {
        let found = trained.drift(&table, OutsideShares { before, now });
        assert_eq!((found.level, found.outside_share), (level, now));
        assert!(found.columns.iter().all(|column| column.level == DriftLevel::Steady));
    }
}

#[test]
fn nobody_has_moved_where_nobody_is() {
    let found = drift(&towns(&[("A", 10)]), &[]);
    assert_eq!((found.level, found.unseen_share), (DriftLevel::Steady, 0.0));
    assert!(found.columns.iter().all(|column| column.psi == 0.0 && column.largest_shift.is_none()));
}

#[test]
fn a_drift_is_written_down_by_title_in_the_order_of_the_schema() {
    let json = serde_json::to_value(drift(&towns(&[("A", 3)]), &towns(&[("A", 3)]))).unwrap();
    let titles: Vec<_> = json["columns"].as_object().unwrap().keys().collect();
    assert_eq!(titles, ["Town", "Tier", "Year", "Spend"]);
    assert_eq!(json["columns"]["Town"], serde_json::json!({"psi": 0.0, "by_chance": 0.0, "level": "steady"}));
    assert_eq!(json["level"], "steady");
}
