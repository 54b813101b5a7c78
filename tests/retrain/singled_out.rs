//! Nobody is singled out: of fewer than ten customers nothing is said, in no file and to no form.

use std::collections::BTreeSet;
use std::sync::Arc;

use content_portal::customer::{CustomerTable, Schema, read_form};
use content_portal::pipeline::{FitParams, GoldenSample, Model, Placement, fit};
use content_portal::segmentation::group;
use content_portal::workbook::{self, Limits};
use jiff::civil::date;
use serde_json::{Value, json};

use super::populations::{OF_NUMBERS, of_numbers};
use super::shop::{HEADER, Shop, customers};
use super::told_apart::told_apart;

const TOWN: &str = "Atlantis";

/// A shop of four kinds, with one customer of `TOWN` who has these traits.
fn shop(gender: &str, tier: &str, joined: &str) -> Shop {
    let shop = Shop::with("ABCD");
    let lone = format!("L1,{joined},{TOWN},{gender},{tier}\n");
    shop.add("base_data/2026-01-01/lone.csv", &(customers('A', 72, 1) + &lone));
    shop
}

fn placed(model: &Model, fields: &[(&str, &str)]) -> Option<Placement> {
    let form = read_form(model.schema(), fields.iter().copied(), date(2026, 1, 1)).unwrap();
    model.place_one(&form.table).unwrap()
}

/// Every form that may go with a town: each other field given or not.
fn forms() -> Vec<Vec<(&'static str, &'static str)>> {
    let fields: [(&str, &[&str]); 4] = [
        ("gender", &["", "Female", "Male"]),
        ("loyalty_tier", &["", "Silver", "Gold", "Platinum"]),
        ("join_year", &["", "2022", "2023", "2025"]),
        ("join_month", &["", "January", "May", "November"]),
    ];
    fields.into_iter().fold(vec![Vec::new()], |forms, (name, values)| {
        let with = |form: &Vec<_>, value| [form.as_slice(), &[(name, value)]].concat();
        forms.iter().flat_map(|form| values.iter().map(|&value| with(form, value)).collect::<Vec<_>>()).collect()
    })
}

#[test]
fn no_form_that_names_the_town_of_one_customer_is_answered_by_that_customer() {
    let mut shop = shop("Male", "Platinum", "2025-11-03");
    shop.publish();
    let model = shop.current().model;
    for form in forms() {
        let named = [&[("location", TOWN)], form.as_slice()].concat();
        let unknown = [&[("location", "Lemuria")], form.as_slice()].concat();
        assert_eq!(placed(&model, &named), placed(&model, &unknown), "{form:?}");
    }
}

#[test]
fn strengths_are_told_in_steps_and_come_from_ten_customers_or_more() {
    let mut shop = Shop::with("ABCD");
    shop.publish();
    let model = shop.current().model;
    for form in forms().into_iter().filter(|form| form.iter().any(|(_, value)| !value.is_empty())) {
        let strength = placed(&model, &form).unwrap().nearest.unwrap().membership;
        assert!((strength * 20.0 - (strength * 20.0).round()).abs() < 1e-9, "{form:?}: {strength}");
    }
}

#[test]
fn no_file_for_people_names_the_town_of_one_customer() {
    let mut shop = shop("Male", "Platinum", "2025-11-03");
    let id = shop.publish().id;
    let folder = shop.path("models/versions").join(id.as_str());
    for name in ["cluster_personas.json", "cluster_profiles.csv", "report.json", "report.html"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(!text.contains(TOWN), "{name}");
    }
    assert!(Schema::built_in().is_ok_and(|schema| *shop.current().model.schema() == Arc::new(schema)));
}

#[test]
fn no_note_of_a_report_repeats_the_cell_of_one_customer() {
    let mut shop = Shop::with("ABCD");
    let lone = "L1,030223,Unbekannt,Female,Gold\n";
    shop.add("base_data/2026-01-01/lone.csv", &(customers('A', 72, 1) + lone));
    let id = shop.publish().id;
    for name in ["report.json", "report.html"] {
        let text = std::fs::read_to_string(shop.path("models/versions").join(id.as_str()).join(name)).unwrap();
        assert!(!text.contains("030223") && !text.contains("Unbekannt"), "{name}");
        assert!(["in the manner of 040323", "a name such as"].iter().all(|said| text.contains(said)), "{name}");
    }
}

#[test]
fn of_a_few_uploaded_customers_nothing_is_said_to_be_as_elsewhere() {
    let mut shop = Shop::with("ABCD");
    shop.publish();
    let version = Arc::new(shop.current());
    let summaries = |lines: &str| -> Vec<String> {
        let file = std::io::Cursor::new(format!("{HEADER}{lines}"));
        let schema = version.model.schema().clone();
        let table = workbook::read(file, schema, date(2026, 3, 1), &Limits::default()).unwrap();
        group(version.clone(), table).unwrap().groups().iter().map(|group| group.summary.clone()).collect()
    };
    // The segment is half women, and these are women alone.
    let women: String =
        customers('A', 0, 24).lines().filter(|line| line.contains("Female")).map(|l| format!("{l}\n")).collect();
    let [summary] = summaries(&women).try_into().unwrap();
    assert!(summary.starts_with("In the training: Joined") && !summary.contains(" as "), "{summary}");
    // A file without anybody else says nothing of its own.
    let nowhere: String = (0..60).map(|i| format!("N{i},2019-12-{:02},Nowhere,,Gold\n", 1 + i % 28)).collect();
    for summary in summaries(&nowhere) {
        assert!(!summary.contains("No trait sets") && !summary.contains(" as "), "{summary}");
    }
}

/// Every number and text in a JSON value.
fn leaves(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(entries) => entries.values().flat_map(leaves).collect(),
        leaf => vec![leaf],
    }
}

#[test]
fn no_file_of_a_version_has_a_part_of_a_date_or_a_level_that_few_customers_have() {
    let mut shop = Shop::new();
    for kind in ['A', 'B', 'C'] {
        let lines = customers(kind, 0, 72).replace("Platinum", "Gold");
        shop.add(&format!("base_data/2026-01-01/{kind}.csv"), &lines);
    }
    // Nobody else joined in 2019 or in a fourth quarter, or is Platinum.
    shop.add("base_data/2026-01-01/lone.csv", "L1,2019-11-03,Bedok,Male,Gold\nL2,2022-02-03,Bedok,Male,Platinum\n");
    shop.publish();
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(shop.path("models/current").join(name)).unwrap()).unwrap()
    };
    let files = ["encoder.json", "training_profile.json", "golden_sample.json", "cluster_personas.json", "report.json"];
    for name in files {
        let file = read(name);
        assert!(!leaves(&file).contains(&&Value::from(2019)), "{name}");
        // The schema names the level.
        let schema_names = leaves(&file["customers"]["schema"]).iter().filter(|leaf| **leaf == "Platinum").count();
        let named = leaves(&file).iter().filter(|leaf| **leaf == "Platinum").count();
        assert_eq!(named, schema_names, "{name}");
    }
    let encoder = read("encoder.json");
    let values = |block: usize| encoder["blocks"][block]["one_hot"].clone();
    assert_eq!((values(2), values(4)), (json!([2022, 2023, 2024]), json!([1, 2, 3])));
    assert_eq!(values(3), json!([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    let profile = read("training_profile.json");
    let last = |feature: usize| profile["features"][feature]["histogram"]["values"].as_array().unwrap().last().cloned();
    for feature in [2, 3, 4, 5] {
        assert_eq!(last(feature), Some(json!(["Other", 1])), "{}", profile["features"][feature]);
    }
    // A customer who joined then is placed like one without a date.
    let model = shop.current().model;
    let [then, unknown] =
        [[("join_year", "2019"), ("location", "Bedok")], [("join_year", "2018"), ("location", "Bedok")]]
            .map(|form| placed(&model, &form));
    assert_eq!(then, unknown);
}

#[test]
fn no_segment_has_fewer_than_twenty_customers_however_small_they_were_asked_for() {
    let mut shop = Shop::with("ABCD");
    shop.params.hdbscan = hdbscan::HdbscanParams::default().min_cluster_size(hdbscan::MinClusterSize::Count(3));
    shop.force = true;
    shop.publish();
    let smallest = shop.current().model.segments().iter().map(|segment| segment.customers).min();
    assert!(smallest >= Some(20), "{smallest:?}");
}

#[test]
fn the_golden_sample_has_medians_of_ten_customers_and_nobodys_own_number() {
    let table = of_numbers(&OF_NUMBERS[0], 2_000, 5);
    let fitted = fit(&table, &FitParams::default(), &|_, _| {}).unwrap();
    let golden = GoldenSample::take(&table, &fitted).unwrap();
    assert!(golden.agreement(&fitted.model).unwrap().is_full());
    let stored = serde_json::to_value(&golden).unwrap();
    // Nearly every customer spends an amount of their own.
    let amounts = leaves(&stored["customers"]["columns"][3]["values"]);
    let amounts: BTreeSet<String> = amounts.into_iter().map(ToString::to_string).collect();
    assert!((5..=20).contains(&amounts.len()), "{amounts:?}");
    assert!(stored["segments"].as_array().unwrap().len() > 100, "{stored}");
}

/// Customers with a number of their own each: kinds of two columns, of which the amount is typical.
struct Spenders {
    model: Model,
    schema: Arc<Schema>,
    rows: Vec<(usize, usize, f64)>,
}

const CHANNELS: [&str; 4] = ["shop", "app", "web", "post"];
const PLANS: [&str; 3] = ["Free", "Basic", "Plus"];

impl Spenders {
    fn new() -> Self {
        let columns = json!([
            {"title": "Channel", "required": true, "kind": "category", "persona": {"key": "Channels", "top": 2}},
            {"title": "Plan", "required": true, "kind": "category", "persona": {"key": "Plan", "top": 1}},
            {"title": "Spend", "required": true, "kind": "number", "persona": {"key": "Mean_Spend", "top": 1}},
        ]);
        let schema = Arc::new(Schema::from_json(json!({ "columns": columns }).to_string().as_bytes()).unwrap());
        let mut state = 11_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let row = |_| {
            let channel = (uniform() * 4.0) as usize;
            let plan = (uniform() * 3.0) as usize;
            (channel, plan, 20.0 + 30.0 * (channel + plan) as f64 + 60.0 * uniform())
        };
        let rows: Vec<(usize, usize, f64)> = (0..800).map(row).collect();
        let table = Self::table(&schema, &rows);
        let fitted = fit(&table, &Shop::new().params, &|_, _| {}).unwrap();
        Self { model: fitted.model, schema, rows }
    }

    fn table(schema: &Arc<Schema>, rows: &[(usize, usize, f64)]) -> CustomerTable {
        let line =
            |&(channel, plan, spend): &(usize, usize, f64)| format!("{},{},{spend}\n", CHANNELS[channel], PLANS[plan]);
        let text = format!("Channel,Plan,Spend\n{}", rows.iter().map(line).collect::<String>());
        workbook::read(std::io::Cursor::new(text), schema.clone(), date(2026, 3, 1), &Limits::default()).unwrap()
    }

    /// The strengths with which these are placed.
    fn strengths(&self, rows: &[(usize, usize, f64)]) -> Vec<f64> {
        let assigned = self.model.assign(&Self::table(&self.schema, rows)).unwrap();
        (0..rows.len()).map(|row| assigned.of_row(row).unwrap().nearest.unwrap().membership).collect()
    }
}

#[test]
fn a_number_that_one_customer_has_is_told_from_others_like_it_by_no_strength() {
    let spenders = Spenders::new();
    let moved = |by: f64| -> Vec<_> { spenders.rows.iter().map(|&(c, p, spend)| (c, p, spend + by)).collect() };
    let [own, near, other] = [0.0, 0.001, 3.0].map(|by| spenders.strengths(&moved(by)));
    for (what, found) in [("own", own), ("near", near)] {
        let apart = told_apart(&found, &other);
        assert!((apart - 0.5).abs() < 0.05, "{what}: {apart:.3}");
    }
}
