//! Golden texts and JSON of the trait test, through its public door.

mod medians;

use std::sync::Arc;

use jiff::civil::date;
use serde_json::{Value, json};

use super::*;
use crate::customer::{Cell, CustomerTable, Schema, TableBuilder};

const SCHEMA: &[u8] = br#"{"identifier": ["id"], "columns": [
    {"title": "Town", "required": false, "role": "place", "kind": "category", "persona": {"key": "Towns", "top": 3}},
    {"title": "Gender", "required": false, "role": "gender", "kind": "category",
     "persona": {"key": "Gender", "top": 1}},
    {"title": "Joined", "required": false, "kind": "date", "phrase": "who joined", "parts": [
        {"part": "year", "title": "Join_Year", "persona": {"key": "Years", "top": 2}},
        {"part": "month", "title": "Join_Month", "persona": {"key": "Months", "top": 2}},
        {"part": "quarter", "title": "Join_Quarter", "persona": {"key": "Quarter", "top": 1}}]},
    {"title": "Tier", "required": false, "role": "tier", "kind": "ordinal", "levels": ["Silver", "Gold"],
     "score_title": "Tier_Score", "persona": {"key": "Tier", "top": 1}},
    {"title": "Newsletter", "required": false, "kind": "category", "persona": {"key": "Newsletter", "top": 1}},
    {"title": "Spend", "required": false, "kind": "number", "persona": {"key": "Spend", "top": 1}}]}"#;

/// A customer of whom only what is given is known.
#[derive(Clone, Copy, Default)]
struct Customer {
    town: &'static str,
    gender: &'static str,
    joined: &'static str,
    tier: &'static str,
    newsletter: &'static str,
    spend: &'static str,
}

/// `times` copies of a customer in a group.
type Rows = (i32, usize, Customer);

fn schema() -> Arc<Schema> {
    Arc::new(Schema::from_json(SCHEMA).unwrap())
}

fn table(rows: &[Rows]) -> (CustomerTable, Vec<i32>) {
    let mut builder = TableBuilder::new(schema(), date(2026, 1, 1));
    builder.begin_sheet(false);
    builder.push_row(&["id", "Town", "Gender", "Joined", "Tier", "Newsletter", "Spend"].map(Cell::Text)).unwrap();
    let mut groups = Vec::new();
    for &(group, times, c) in rows {
        for _ in 0..times {
            let id = groups.len().to_string();
            builder
                .push_row(&[id.as_str(), c.town, c.gender, c.joined, c.tier, c.newsletter, c.spend].map(Cell::Text))
                .unwrap();
            groups.push(group);
        }
    }
    builder.end_sheet().unwrap();
    (builder.finish(), groups)
}

/// What is said of group 0.
fn told(rows: &[Rows]) -> (String, Value, Vec<String>) {
    let (table, groups) = table(rows);
    assert_eq!(table.n_rows(), groups.len(), "no row may be dropped");
    let n_groups = usize::try_from(groups.iter().max().unwrap() + 1).unwrap();
    let tallies = Tallies::count(&table, &groups, n_groups);
    let distinction = tallies.distinctions().remove(0);
    let summary = distinction.summary(table.schema(), groups.iter().filter(|&&group| group == 0).count() as u64);
    (summary, serde_json::to_value(&distinction.distinguishing).unwrap(), distinction.not_distinguishing)
}

fn town(town: &'static str) -> Customer {
    Customer { town, ..Customer::default() }
}

fn gender_alone() -> Customer {
    Customer { gender: "Female", ..Customer::default() }
}

fn joined(joined: &'static str) -> Customer {
    Customer { joined, ..Customer::default() }
}

#[test]
fn customers_who_are_as_everywhere_have_no_trait_that_sets_them_apart() {
    let (summary, distinguishing, not) = told(&[
        (0, 640, Customer { town: "Bedok", gender: "Female", ..Customer::default() }),
        (0, 632, Customer { town: "Novena", gender: "Male", ..Customer::default() }),
        (1, 900, Customer { town: "Bedok", gender: "Female", ..Customer::default() }),
        (1, 910, Customer { town: "Novena", gender: "Male", ..Customer::default() }),
    ]);
    assert_eq!(summary, "No trait sets these 1,272 customers apart.");
    assert_eq!(distinguishing, json!([]));
    assert_eq!(not, ["Towns", "Gender"]);
}

#[test]
fn what_is_merely_not_tellable_is_not_said_to_be_as_everywhere() {
    let of =
        |group, times, town, tier| (group, times, Customer { town, tier, newsletter: "No", ..Customer::default() });
    // Bedok has 8 % here and 4 % elsewhere, and Gold 44 % against 38 %: neither is told, and both are sure.
    let mut rows = vec![of(0, 160, "Bedok", "Gold"), of(1, 320, "Bedok", "Gold")];
    for (group, towns) in [(0, [460, 460, 460, 460]), (1, [1_920, 1_920, 1_920, 1_920])] {
        for (town, times) in ["Novena", "Yishun", "Punggol", "Bishan"].into_iter().zip(towns) {
            let gold = if group == 0 { times * 40 / 100 } else { times * 36 / 100 };
            rows.extend([of(group, gold, town, "Gold"), of(group, times - gold, town, "Silver")]);
        }
    }
    let gender = |(group, times, c): Rows| {
        let half = times / 2;
        [(group, half, Customer { gender: "Female", ..c }), (group, times - half, Customer { gender: "Male", ..c })]
    };
    let joined = |(group, times, c): Rows| {
        let month = if group == 0 { "2024-11-03" } else { "2024-05-03" };
        (group, times, Customer { joined: month, ..c })
    };
    let rows: Vec<Rows> = rows.into_iter().flat_map(gender).map(joined).collect();
    let (summary, _, not) = told(&rows);
    assert_eq!(not, ["Towns", "Gender", "Years", "Tier", "Newsletter"]);
    assert_eq!(summary, "Joined October to December (all). Gender as everywhere.");
}

#[test]
fn a_month_beside_its_quarter_and_a_number_that_differs_a_little_are_not_as_everywhere() {
    let rows: Vec<Rows> = (0..2_000)
        .map(|i| {
            let group = i32::from(i >= 500);
            let month = if group == 0 { ["2023-10-01", "2023-11-01", "2024-12-01"][i % 3] } else { MONTHS[i % 12] };
            // A few more have the median itself.
            let spend = ["90", "100", "110", "120"][if group == 0 && i % 8 == 0 { 1 } else { i / 12 % 4 }];
            let tier = ["Silver", "Gold"][i / 2 % 2];
            (group, 1, Customer { joined: month, spend, tier, ..Customer::default() })
        })
        .collect();
    let (summary, _, not) = told(&rows);
    assert!(summary.contains("October to December") && summary.ends_with(" Tier as everywhere."), "{summary}");
    assert!(!not.is_empty() && !summary.to_lowercase().contains("month as"), "{summary} {not:?}");
}

/// The first days of a year's months.
const MONTHS: [&str; 12] = [
    "2023-01-01",
    "2023-02-01",
    "2023-03-01",
    "2024-04-01",
    "2024-05-01",
    "2024-06-01",
    "2023-07-01",
    "2023-08-01",
    "2024-09-01",
    "2024-10-01",
    "2024-11-01",
    "2023-12-01",
];

#[test]
fn a_trait_of_all_is_said_of_all_and_one_that_is_only_more_frequent_is_not() {
    let rows: Vec<Rows> = (0..2)
        .flat_map(|group| {
            let months = [["2023-10-01", "2023-11-01", "2024-12-01"], ["2023-01-01", "2024-05-01", "2024-08-01"]];
            let towns =
                [[("Bedok", 60), ("Novena", 60), ("Yishun", 240)], [("Bedok", 50), ("Novena", 50), ("Yishun", 900)]];
            let of_group = months[group].into_iter().zip(["Silver", "Silver", "Gold"]);
            of_group.flat_map(move |(joined, tier)| {
                towns[group].into_iter().map(move |(town, times)| {
                    (group as i32, times, Customer { town, joined, tier, ..Customer::default() })
                })
            })
        })
        .collect();
    let (summary, distinguishing, not) = told(&rows);
    assert_eq!(
        summary,
        "Joined October to December (all). More often than others from Bedok or Novena (33 % against 16 %). More often \
         than others joined in October 2023 or in November 2023 (67 % against 18 %). Tier as everywhere."
    );
    let first = &distinguishing[0];
    assert_eq!(
        (&first["key"], &first["value"], &first["claim"]),
        (&json!("Towns"), &json!("Bedok"), &json!("more_often"))
    );
    assert_eq!((&first["share"], &first["share_overall"]), (&json!(0.1667), &json!(0.0809)));
    assert!(first["lift_low"].as_f64() > Some(1.25) && first["lift_high"].as_f64() < Some(3.0), "{first}");
    assert_eq!(not, ["Tier"], "a quarter says the months, and what a pair or a month is told of is not as everywhere");
}

#[test]
fn a_year_with_its_quarter_is_told_as_a_pair_and_not_as_the_modes_of_its_parts() {
    let (summary, distinguishing, _) = told(&[
        (0, 210, joined("2023-02-01")),
        (0, 200, joined("2024-11-01")),
        (1, 500, joined("2023-11-01")),
        (1, 500, joined("2024-02-01")),
        (1, 500, joined("2023-06-01")),
        (1, 500, joined("2024-06-01")),
    ]);
    assert_eq!(summary, "Joined January to March 2023 or October to December 2024 (100 % against 17 %).");
    assert_eq!(distinguishing[0]["key"], "Joined");
    assert_eq!(distinguishing[0]["value"], "2023-Q1");
}

#[test]
fn a_month_is_told_in_place_of_its_quarter_where_all_joined_in_it() {
    let months = ["2024-01-01", "2024-04-01", "2024-05-01", "2024-06-01", "2024-08-01", "2024-11-01"];
    let others = months.into_iter().map(|month| (1, 200, joined(month)));
    let (summary, ..) = told(&[(0, 300, joined("2024-05-02"))].into_iter().chain(others).collect::<Vec<_>>());
    assert_eq!(summary, "Joined in May (all).", "the year is one for all, and nothing to speak of");
}

#[test]
fn customers_of_one_file_are_compared_with_that_file() {
    let tier = |tier, town| Customer { tier, town, ..Customer::default() };
    let (table, groups) = table(&[
        (0, 100, tier("Gold", "Bedok")),
        (0, 100, tier("Silver", "Bedok")),
        (1, 100, tier("Gold", "Novena")),
        (1, 100, tier("Silver", "Novena")),
    ]);
    let distinction = Tallies::count(&table, &groups, 2).distinctions().remove(0);
    assert_eq!(distinction.summary_within_file(table.schema(), 200), "From Bedok (all). Tier as in the whole file.");
    assert_eq!(distinction.summary(table.schema(), 200), "From Bedok (all). Tier as everywhere.");
    let few = Tallies::count(&table, &groups, 2).uncontradicted(0, &distinction);
    assert_eq!(few.summary(table.schema(), 200), "From Bedok (all).");
}

#[test]
fn fewer_than_ten_rows_neither_contradict_what_was_trained_nor_bear_it_out() {
    let of = |n, own| {
        let (table, groups) = table(&[(0, n, town(own)), (1, 400, town("Novena"))]);
        let (trained, of_trained) = self::table(&[(0, 200, town("Bedok")), (1, 400, town("Novena"))]);
        let trained = Tallies::count(&trained, &of_trained, 2).distinctions().remove(0);
        Tallies::count(&table, &groups, 2).uncontradicted(0, &trained).summary(table.schema(), 200)
    };
    assert_eq!(
        (of(10, "Bedok").as_str(), of(10, "Novena").as_str()),
        ("From Bedok (all).", "Nothing can be told of what sets these 200 customers apart.")
    );
    assert_eq!(of(9, "Bedok"), "From Bedok (100 % against 33 %).");
    assert_eq!(of(9, "Novena"), of(9, "Bedok"));
    // Of too many rows nothing is known.
    let (table, groups) = table(&[(0, 10, town("Bedok")), (0, 30, gender_alone()), (1, 400, town("Novena"))]);
    let (trained, of_trained) = self::table(&[(0, 200, town("Bedok")), (1, 400, town("Novena"))]);
    let trained = Tallies::count(&trained, &of_trained, 2).distinctions().remove(0);
    let distinction = Tallies::count(&table, &groups, 2).uncontradicted(0, &trained);
    assert_eq!(distinction.summary(table.schema(), 200), "From Bedok (100 % against 33 %).");
}

#[test]
fn an_answer_of_yes_or_no_is_told_with_its_title() {
    let newsletter = |newsletter| Customer { newsletter, ..Customer::default() };
    let (summary, ..) = told(&[(0, 80, newsletter("Yes")), (0, 20, newsletter("No")), (1, 400, newsletter("No"))]);
    assert_eq!(summary, "Most of them Newsletter: yes (80 % against 16 %).");
}

#[test]
fn a_number_is_told_by_its_medians() {
    let spend = |spend| Customer { spend, ..Customer::default() };
    let rows = [
        (0, 100, spend("119.5")),
        (0, 100, spend("151")),
        (1, 200, spend("60")),
        (1, 200, spend("80")),
        (1, 200, spend("100")),
    ];
    let (summary, distinguishing, not) = told(&rows);
    assert_eq!(summary, "Spend higher than elsewhere (median 120 against 80 of all).");
    assert_eq!(distinguishing[0]["quartiles"], json!([120.0, 151.0]), "{distinguishing}");
    assert_eq!(distinguishing[0]["claim"], "more_often");
    assert!(not.is_empty());
}

#[test]
fn nothing_is_said_of_fewer_than_ten_customers_and_little_of_few() {
    let (summary, distinguishing, not) = told(&[(0, 9, town("Bedok")), (1, 900, town("Novena"))]);
    assert_eq!(summary, "Fewer than 10 customers: too few to say anything of them.");
    assert_eq!((distinguishing, not), (json!([]), Vec::new()));
    let (summary, ..) = told(&[(0, 19, town("Bedok")), (1, 900, town("Novena"))]);
    assert_eq!(summary, "Nothing can be told of what sets these 19 customers apart.");
}

#[test]
fn a_share_that_tells_of_the_few_beside_it_is_not_told() {
    let gender = |gender| Customer { gender, ..Customer::default() };
    let with = |males| [(0, 200 - males, gender("Female")), (0, males, gender("Male")), (1, 400, gender("Male"))];
    assert_eq!(told(&with(9)).1, json!([]));
    assert_eq!(told(&with(10)).1[0]["share"], 0.95);
    assert_eq!(told(&with(0)).0, "Female (all).");
}

#[test]
fn a_few_known_values_say_nothing_of_the_many_unknown_ones() {
    let gender = |gender| Customer { gender, ..Customer::default() };
    let (summary, ..) =
        told(&[(0, 30, gender("Female")), (0, 400, town("Bedok")), (1, 400, gender("Male")), (1, 400, town("Bedok"))]);
    assert!(!summary.contains("emale"), "{summary}");
}

#[test]
fn a_column_that_is_often_empty_is_told_only_where_it_is_so_among_all_and_among_the_known() {
    let gender = |gender| Customer { gender, ..Customer::default() };
    let unknown = || town("Bedok");
    // All that are known are women, and there are fewer of them than elsewhere.
    let (summary, ..) = told(&[
        (0, 47, gender("Female")),
        (0, 253, unknown()),
        (1, 440, gender("Female")),
        (1, 346, gender("Male")),
        (1, 214, unknown()),
    ]);
    assert!(!summary.contains("emale"), "{summary}");
    // There are more of them than elsewhere, since there the column is empty.
    let (summary, ..) = told(&[(0, 300, gender("Female")), (1, 300, gender("Female")), (1, 600, unknown())]);
    assert!(!summary.contains("emale"), "{summary}");
    // It is so both ways; the shares are of all.
    let (_, distinguishing, _) = told(&[
        (0, 240, gender("Female")),
        (0, 60, unknown()),
        (1, 200, gender("Female")),
        (1, 400, gender("Male")),
        (1, 100, unknown()),
    ]);
    let female = distinguishing.as_array().unwrap().iter().find(|told| told["value"] == "Female").unwrap();
    assert_eq!((&female["share"], &female["share_overall"]), (&json!(0.8), &json!(0.44)));
    assert_eq!(female["claim"], "most");
    // The column is about as often empty here as there: nothing is to be said of that.
    assert_eq!((female.get("known_share"), female.get("known_share_overall")), (None, None));
}

#[test]
fn shares_among_those_with_a_value_are_told_where_a_column_is_less_often_empty_than_elsewhere() {
    let gender = |gender| Customer { gender, ..Customer::default() };
    let group =
        |unknown: usize| [(0, 510, gender("Female")), (0, 490 - unknown, gender("Male")), (0, unknown, town("Bedok"))];
    let others = [(1, 190, gender("Female")), (1, 560, gender("Male")), (1, 1_250, town("Bedok"))];
    let of = |unknown: usize| told(&[group(unknown).as_slice(), others.as_slice()].concat());
    let (summary, distinguishing, _) = of(0);
    let expected = "Most of them female (51 % against 23 %; where it is known, 51 % against 40 %).";
    let soft = "More often than others female (51 % against 23 %; where it is known, 51 % against 40 %).";
    assert!(summary.contains(expected) || summary.contains(soft), "{summary}");
    let female = distinguishing.as_array().unwrap().iter().find(|told| told["value"] == "Female").unwrap();
    assert_eq!((&female["known_share"], &female["known_share_overall"]), (&json!(0.51), &json!(0.4)));
    // Fewer than ten without a value count as none: the shares do not tell how few they are.
    let (_, of_nine, _) = of(9);
    let female = of_nine.as_array().unwrap().iter().find(|told| told["value"] == "Female").unwrap();
    assert_eq!(female["known_share"], 0.51);
    let (_, of_ten, _) = of(10);
    let female = of_ten.as_array().unwrap().iter().find(|told| told["value"] == "Female").unwrap();
    assert_eq!(female["known_share"], 0.5152);
}

#[test]
fn a_year_that_is_not_told_since_few_have_another_is_not_told_by_its_months() {
    let of = |month: &'static str, own, others| [(0, own, joined(month)), (1, others, joined(month))];
    let rows = |n_of_2023| {
        let of_2024 = ["2024-02-01", "2024-05-01", "2024-08-01"].map(|month| of(month, 150, 100));
        let of_2023 = ["2023-02-01", "2023-05-01", "2023-08-01"].map(|month| [(1, 100, joined(month)); 1]);
        let last = of("2023-11-01", n_of_2023, 100);
        [of_2024.concat(), of_2023.concat(), last.to_vec()].concat()
    };
    // Whether four or none of them joined in another year, it is said of all.
    assert_eq!(told(&rows(4)).0, "Joined in 2024 (all).");
    assert_eq!((&told(&rows(4)).1[0]["share"], told(&rows(0)).0.as_str()), (&json!(1.0), "Joined in 2024 (all)."));
    assert_eq!(told(&rows(12)).0, "Most of them joined in 2024 (97 % against 65 %).");
}

#[test]
fn a_name_that_says_nothing_is_not_told() {
    for nothing in ["Other", "unknown", "N/A"] {
        let (summary, ..) = told(&[(0, 300, town(nothing)), (1, 50, town(nothing)), (1, 600, town("Novena"))]);
        assert_eq!(summary, "Nothing can be told of what sets these 300 customers apart.", "{nothing}");
    }
}

#[test]
fn shuffled_rows_and_named_groups_change_nothing() {
    let rows = [(0, 300, town("Bedok")), (0, 40, town("Novena")), (1, 50, town("Bedok")), (1, 300, town("Novena"))];
    let mut reversed = rows;
    reversed.reverse();
    assert_eq!(told(&rows), told(&reversed));
}
