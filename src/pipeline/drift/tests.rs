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
    drift_of(&profile(&table(before)), now)
}

/// The drift of these customers, all outside every segment.
fn drift_of(trained: &TrainingProfile, now: &[Row]) -> Drift {
    trained.drift(&table(now), &vec![None; now.len()])
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
        let [there, back] = [there, back].map(|bins| ColumnDrift::new(String::new(), &bins, 0.01));
        prop_assert!(there.psi >= 0.0 && there.psi.is_finite() && there.by_chance.is_finite());
        prop_assert!((0.0..=1.0).contains(&there.total_variation) && (0.0..=1.0).contains(&there.p_value));
        prop_assert!((there.psi - back.psi).abs() < 2e-4 && (there.p_value - back.p_value).abs() < 2e-6);
        prop_assert!((there.total_variation - back.total_variation).abs() < 2e-4);
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
fn index_and_total_variation_are_those_of_the_definitions() {
    let found = drift(&towns(&[("A", 500), ("B", 300), ("C", 200)]), &towns(&[("A", 300), ("B", 400), ("C", 300)]));
    let expected = 0.2 * (0.5_f64 / 0.3).ln() + 0.1 * (0.4_f64 / 0.3).ln() + 0.1 * (0.3_f64 / 0.2).ln();
    let town = column(&found, "Town");
    assert!((town.psi - expected).abs() < 5e-5, "{} {expected}", town.psi);
    assert_eq!((town.total_variation, town.p_value), (0.2, 0.0));
    assert_eq!((town.level, found.level), (DriftLevel::Drifted, DriftLevel::Drifted));
    assert_eq!(town.largest_shift, Some(Shift { value: "A".into(), share_before: 0.5, share: 0.3 }));
    // χ² of two degrees of freedom exceeds 9.21 once in a hundred times.
    assert!((town.by_chance - 9.21 * (1.0 / 1000.0 + 1.0 / 1000.0)).abs() < 2e-4, "{}", town.by_chance);
}

#[test]
fn the_levels_change_at_five_and_at_fifteen_points() {
    let half = [("A", 5_000), ("B", 5_000)];
    for (a, level) in [
        (4_510, DriftLevel::Steady),
        (4_490, DriftLevel::Shifted),
        (3_510, DriftLevel::Shifted),
        (3_490, DriftLevel::Drifted),
    ] {
        let found = drift(&towns(&half), &towns(&[("A", a), ("B", 10_000 - a)]));
        assert_eq!(column(&found, "Town").level, level, "{a}: {}", column(&found, "Town").total_variation);
    }
    // Five points among a hundred customers are no more than chance.
    let found = drift(&towns(&half), &towns(&[("A", 44), ("B", 56)]));
    assert_eq!((column(&found, "Town").total_variation, column(&found, "Town").level), (0.06, DriftLevel::Steady));
}

#[test]
fn a_town_whose_share_doubled_has_shifted_although_it_is_small() {
    let before = towns(&[("A", 130), ("B", 130), ("C", 10)]);
    let now = towns(&[("A", 125), ("B", 125), ("C", 20)]);
    let repeated = |rows: &[Row]| std::iter::repeat_n(rows, 20).flatten().cloned().collect::<Vec<Row>>();
    let found = drift(&repeated(&before), &repeated(&now));
    assert_eq!(column(&found, "Town").level, DriftLevel::Shifted);
    assert!(column(&found, "Town").total_variation < SHIFTED_FROM);
    assert_eq!(column(&drift(&before, &now), "Town").level, DriftLevel::Steady);
}

#[test]
fn dates_move_and_count_only_where_other_columns_have_moved() {
    let of = |town: &str, year: u16| vec![(town.to_owned(), "Low", year, 10); 3_000];
    let before = [of("A", 2022), of("B", 2023)].concat();
    let later = drift(&before, &[of("A", 2023), of("B", 2024)].concat());
    assert_eq!((column(&later, "Year").level, later.level), (DriftLevel::Moving, DriftLevel::Steady));
    let mut others = [of("A", 2023), of("B", 2024)].concat();
    others.iter_mut().take(400).for_each(|row| row.0 = "B".to_owned());
    let found = drift(&before, &others);
    assert_eq!((column(&found, "Town").level, column(&found, "Year").level), (DriftLevel::Shifted, DriftLevel::Moving));
    assert_eq!(found.level, DriftLevel::Drifted);
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
    let shift = Shift { value: "new or rare values".into(), share_before: 0.0, share: 0.25 };
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
    let same = drift(&many([12, 15]), &many([15, 12]));
    assert_eq!((column(&same, "Town").psi, same.unseen_share), (0.0, 0.0));
    let more = drift(&many([12, 15]), &many([150, 15]));
    let shift = column(&more, "Town").largest_shift.as_ref().map(|shift| shift.value.as_str());
    assert_eq!((shift, more.unseen_share), (Some("other known values"), 0.0));
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
    // Bounds are multiples of 20: less than a quarter of the way to the next decile.
    let shift = Shift { value: "up to 100".into(), share_before: 0.101, share: 0.202 };
    assert_eq!(spend_drift.largest_shift, Some(shift));
    assert_eq!(column(&drift(&spend(|i| i % 500), &spend(|i| i / 2)), "Spend").psi, 0.0);
}

/// Shares of each number in a thousand customers.
fn spend(counts: &[(u32, usize)]) -> Vec<Row> {
    let of = |&(spend, n): &(u32, usize)| std::iter::repeat_n(("A".to_owned(), "Low", 2024, spend), n);
    counts.iter().flat_map(of).collect()
}

#[test]
fn a_number_that_most_customers_had_is_a_stretch_of_its_own() {
    let fee = [(12, 950), (24, 50)];
    let cases = [
        (&fee[..], &[(1, 900), (12, 100)][..], 0.9, "below 12"),
        (&fee[..], &[(12, 100), (13, 900)][..], 0.85, "exactly 12"),
        (&[(10, 1000)][..], &[(9, 300), (10, 700)][..], 0.3, "exactly 10"),
        (&[(10, 1000)][..], &[(10, 200), (99, 800)][..], 0.8, "exactly 10"),
        (&[(1, 500), (5, 500)][..], &[(1, 500), (3, 500)][..], 0.5, "above 1, below 5"),
    ];
    for (before, now, total_variation, value) in cases {
        let found = drift(&spend(before), &spend(now));
        let found = column(&found, "Spend");
        assert_eq!((found.total_variation, found.level), (total_variation, DriftLevel::Drifted), "{now:?}");
        assert_eq!(found.largest_shift.as_ref().unwrap().value, value, "{now:?}");
        assert_eq!(column(&drift(&spend(before), &spend(before)), "Spend").psi, 0.0);
    }
}

#[test]
fn no_bound_of_a_stretch_is_one_customers_number() {
    // Irregular amounts, none twice.
    let amount = |i: u32| 10_000 + i * 997 + i * i % 911;
    let amounts: Vec<Row> = (0..300).map(|i| ("A".to_owned(), "Low", 2024, amount(i))).collect();
    let profile = profile(&table(&amounts));
    let Histogram::Stretches { bounds, customers } = &profile.features.last().unwrap().histogram else { panic!() };
    assert_eq!((bounds.len(), customers.iter().sum::<u64>()), (9, 300));
    assert!(customers.iter().all(|customers| (20..=40).contains(customers)), "{customers:?}");
    for bound in bounds {
        assert!((0..300).all(|i| f64::from(amount(i)) != *bound), "{bound}");
        assert_eq!(bound % 5000.0, 0.0, "{bound}");
    }
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
        let uploads = (0..100).map(|_| drift_of(&trained, &(0..n).map(|_| draw()).collect::<Vec<_>>()));
        let alarmed = uploads.filter(|drift| column(drift, "Town").level != DriftLevel::Steady).count();
        if alarmed > 5 {
            let _ = write!(alarms, "{alarmed} of 100 uploads of {n}; ");
        }
    }
    assert_eq!(alarms, "");
    // While thirty customers of one town are no matter of chance.
    let one_town: Vec<Row> = vec![many[0].clone(); 30];
    assert_eq!(column(&drift_of(&trained, &one_town), "Town").level, DriftLevel::Drifted);
}

/// What a second training said: 70 % in one segment, 30 % in another, of whom so many go outside.
fn refit(outside: f64, follows_dates: bool) -> Refit {
    let shares = [(Some(SegmentId::new(0)), 0.7 - outside), (Some(SegmentId::new(1)), 0.3), (None, outside)];
    Refit { shares: shares.to_vec(), customers: 1_000, follows_dates, stability: Vec::new(), ..Refit::default() }
}

#[test]
fn segments_are_compared_with_what_training_leads_one_to_expect_of_new_customers() {
    let rows = towns(&[("A", 500), ("B", 500)]);
    let table = table(&rows);
    let placed = |counts: [usize; 3]| -> Vec<Option<SegmentId>> {
        let ids = [Some(SegmentId::new(0)), Some(SegmentId::new(1)), None];
        ids.into_iter().zip(counts).flat_map(|(id, n)| std::iter::repeat_n(id, n)).collect()
    };
    let drift = |outside: f64, follows_dates: bool, counts: [usize; 3]| {
        let trained = TrainingProfile { refit: Some(refit(outside, follows_dates)), ..profile(&table) };
        trained.drift(&table, &placed(counts))
    };
    let level = |drift: &Drift| (drift.segments.as_ref().unwrap().level, drift.level);
    // Of new customers one in ten was to be outside, whatever the share among those that were trained on.
    let found = drift(0.1, false, [600, 300, 100]);
    assert_eq!((level(&found), found.outside_share), ((DriftLevel::Steady, DriftLevel::Steady), 0.1));
    let found = drift(0.0, false, [600, 300, 100]);
    assert_eq!(level(&found), (DriftLevel::Shifted, DriftLevel::Shifted));
    let shift = found.segments.unwrap().largest_shift;
    assert_eq!(shift, Some(Shift { value: "outside every segment".into(), share_before: 0.0, share: 0.1 }));
    assert_eq!(level(&drift(0.0, false, [300, 700, 0])), (DriftLevel::Drifted, DriftLevel::Drifted));
    assert_eq!(level(&drift(0.0, true, [300, 700, 0])), (DriftLevel::Moving, DriftLevel::Steady));
    // A version of an earlier build expects nothing.
    assert_eq!(profile(&table).drift(&table, &placed([0, 0, 1_000])).segments, None);
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
    assert_eq!(
        json["columns"]["Town"],
        serde_json::json!({"psi": 0.0, "by_chance": 0.0, "total_variation": 0.0, "unseen_share": 0.0, "p_value": 1.0,
            "level": "steady"})
    );
    assert_eq!(json["level"], "steady");
}

#[test]
fn a_level_that_training_never_had_is_no_steady_column_however_few_rows_have_it() {
    let of = |tier: &'static str, n: usize| std::iter::repeat_n(("Bedok".to_owned(), tier, 2024, 10), n);
    let before: Vec<Row> = of("Low", 700).chain(of("Middle", 300)).collect();
    let now = |high: usize, n: usize| -> Vec<Row> { of("Low", n - high).chain(of("High", high)).collect() };
    let found = drift(&before, &now(8, 24));
    let tier = column(&found, "Tier");
    assert_eq!((tier.level, tier.unseen_share), (DriftLevel::Drifted, Some(0.3333)));
    assert!(tier.p_value < 0.001 && found.level == DriftLevel::Drifted, "{tier:?}");
    assert_eq!(column(&found, "Town").unseen_share, Some(0.0));
    assert_eq!(column(&found, "Spend").unseen_share, None);
    let some = drift(&before, &of("Low", 70).chain(of("Middle", 30)).chain(of("High", 8)).collect::<Vec<_>>());
    assert_eq!(column(&some, "Tier").level, DriftLevel::Shifted);
    let one = drift(&before, &of("Low", 14).chain(of("Middle", 5)).chain(of("High", 1)).collect::<Vec<_>>());
    assert_eq!(column(&one, "Tier").level, DriftLevel::Steady, "one customer is no change");
}

#[test]
fn new_values_are_held_against_those_that_training_merged() {
    let mut trained = profile(&table(&towns(&[("Bedok", 800), ("Other", 200)])));
    trained.features[0].has_rare = true;
    let level = |new: usize| {
        let drift = drift_of(&trained, &towns(&[("Bedok", 100 - new), ("Atlantis", new)]));
        (column(&drift, "Town").level, column(&drift, "Town").unseen_share)
    };
    assert_eq!(level(25), (DriftLevel::Steady, Some(0.25)));
    assert_eq!(level(45), (DriftLevel::Drifted, Some(0.45)));
    // Of a fifth of the training nobody knows the towns, so that an unknown one is not new.
    let now = towns(&[("Bedok", 75), ("Atlantis", 25)]);
    assert_eq!(drift_of(&trained, &now).unseen_share, 0.0);
    let mut trained = profile(&table(&towns(&[("Bedok", 970), ("Other", 30)])));
    trained.features[0].has_rare = true;
    assert_eq!(drift_of(&trained, &now).unseen_share, 0.25);
}
