//! The whole pipeline on the sample: the features that the original learned from, and the segments that it found.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use content_portal::customer::{CleaningReport, CustomerColumn, CustomerTable, Schema, Value as Cell, read_form};
use content_portal::pipeline::{
    FitParams, Fitted, GoldenSample, GroupingParts, ModelParts, SegmentId, TrainingProfile, fit,
};
use content_portal::workbook::{self, Limits};
use jiff::civil::date;
use ndarray::{Array1, Array2, Axis};
use serde_json::Value;

use crate::fixtures::Recorded;
use hdbscan::adjusted_rand_index;

fn sample() -> &'static CustomerTable {
    static SAMPLE: OnceLock<CustomerTable> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("base_data/2026-01-01/customers.xlsx");
        let file = BufReader::new(File::open(path).unwrap());
        let schema = Arc::new(Schema::built_in().unwrap());
        workbook::read(file, schema, date(2026, 3, 1), &Limits::default()).unwrap()
    })
}

fn fit_on(threads: usize) -> Fitted {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| fit(sample(), &FitParams::default(), &|_, _| {}).unwrap())
}

/// The sample's model with the default parameters, which several tests look at.
fn trained() -> &'static Fitted {
    static TRAINED: OnceLock<Fitted> = OnceLock::new();
    TRAINED.get_or_init(|| fit_on(2))
}

fn recorded() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/reference.json");
    serde_json::from_reader(BufReader::new(File::open(path).unwrap())).unwrap()
}

#[test]
fn the_sample_has_the_recorded_features_column_by_column() {
    let model = &trained().model;
    let rows: Vec<usize> = trained().profile_of_row.iter().map(|&profile| profile as usize).collect();
    let features = model.to_parts().grouping.points().select(Axis(0), &rows);
    let expected: Array2<f64> = Recorded::open("reference.npz").array("train_features");
    assert_eq!(features.dim(), expected.dim());
    for ((at, found), expected) in features.indexed_iter().zip(&expected) {
        assert!((f64::from(*found) - expected).abs() <= 1e-6, "{at:?}: {found} for {expected}");
    }
}

#[test]
fn equal_features_and_no_others_share_a_profile() {
    let recorded = recorded();
    assert_eq!(trained().scores.rows as u64, recorded["rows"].as_u64().unwrap());
    assert_eq!(trained().scores.profiles as u64, recorded["distinct_rows"].as_u64().unwrap());
    assert_eq!(trained().model.n_profiles(), trained().scores.profiles);
}

#[test]
fn encoder_and_scaler_learn_the_recorded_values() {
    let (recorded, parts) = (recorded(), trained().model.to_parts());
    let encoder = serde_json::to_value(&parts.encoder).unwrap();
    let blocks = encoder["blocks"].as_array().unwrap();
    let names = ["Location", "Gender", "Join_Year", "Join_Month", "Join_Quarter"];
    for (block, name) in blocks.iter().zip(names) {
        assert_eq!(block["one_hot"], recorded["categories"][name], "{name}");
    }
    assert_eq!((blocks.len(), &blocks[5]), (6, &Value::from("scaled")));
    let scaler = serde_json::to_value(&parts.scaler).unwrap();
    for name in ["mean", "scale"] {
        let [found, expected] = [&scaler, &recorded["scaler"]].map(|side| side[name][0].as_f64().unwrap());
        assert!((found - expected).abs() <= 1e-12, "{name}: {found} for {expected}");
    }
}

#[test]
fn the_sample_falls_into_the_four_recorded_segments() {
    let expected: Array1<i64> = Recorded::open("reference.npz").array("train_labels");
    let labels: Vec<i64> = trained().segment_of_row.iter().map(|&id| SegmentId::code(id)).collect();
    let agreement = adjusted_rand_index(&labels, expected.as_slice().unwrap()).unwrap();
    let scores = &trained().scores;
    assert_eq!(scores.clusters, 4);
    assert!(agreement >= 0.95, "adjusted Rand index {agreement}");
    assert!(scores.noise_share <= 0.02, "noise {}", scores.noise_share);
}

#[test]
fn the_sample_s_segments_are_as_valid_as_the_original_s() {
    // The original measured 0.972 on such data, with every customer a point of its own.
    let dbcv = trained().scores.dbcv.unwrap();
    assert!((0.95..=0.99).contains(&dbcv), "DBCV {dbcv}");
}

#[test]
fn the_sample_s_map_keeps_its_neighbourhoods() {
    assert!(trained().scores.trustworthiness.unwrap() >= 0.996, "{:?}", trained().scores.trustworthiness);
}

/// Every number of a model, as bits.
fn bits(parts: &ModelParts) -> Vec<Vec<u64>> {
    let singles = |values: &Array2<f32>| values.iter().map(|x| x.to_bits().into()).collect();
    let doubles = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect();
    let wholes = |values: &[u32]| values.iter().map(|&x| x.into()).collect();
    let GroupingParts::Map { umap, hdbscan } = &parts.grouping else { panic!("no map") };
    vec![
        singles(&umap.points),
        singles(&umap.embedding),
        doubles(hdbscan.points.as_slice().unwrap()),
        doubles(&hdbscan.squared_core_distances),
        wholes(&hdbscan.tree_parents),
        wholes(&hdbscan.tree_children),
        doubles(&hdbscan.tree_lambdas),
        wholes(&hdbscan.selected),
    ]
}

#[test]
fn one_thread_and_two_train_the_same_model_to_the_last_bit() {
    let (one, two) = (fit_on(1), trained());
    assert_eq!(bits(&one.model.to_parts()), bits(&two.model.to_parts()));
    assert_eq!(one.segment_of_row, two.segment_of_row);
    assert_eq!(one.clusters, two.clusters);
    assert_eq!(one.scores, two.scores);
}

/// These rows of the sample, each standing for so many customers; without a number for one each.
fn rows_of_sample(rows: &[usize], weights: Option<Vec<u32>>) -> CustomerTable {
    let columns = sample().columns().iter().map(|column| {
        let (mut values, mut codes): (Vec<Cell>, Vec<u32>) = Default::default();
        for value in rows.iter().map(|&row| column.value(row).unwrap()) {
            let known = values.iter().position(|known| known == value);
            codes.push(known.unwrap_or(values.len()) as u32);
            values.extend(known.is_none().then(|| value.clone()));
        }
        CustomerColumn { values, codes }
    });
    let cleaning = CleaningReport { rows_read: rows.len(), ..CleaningReport::default() };
    let table = CustomerTable::checked(sample().schema().clone(), columns.collect(), cleaning, date(2026, 3, 1));
    match weights {
        Some(weights) => table.unwrap().with_weights(weights).unwrap(),
        None => table.unwrap(),
    }
}

/// All that a training stores, and its scores.
fn everything(table: &CustomerTable) -> (Vec<Vec<u64>>, String) {
    let fitted = fit(table, &FitParams::default(), &|_, _| {}).unwrap();
    let parts = fitted.model.to_parts();
    let json = serde_json::json!({
        "encoder": parts.encoder, "scaler": parts.scaler, "segments": parts.segments, "everyone": parts.everyone,
        "golden": GoldenSample::take(table, &fitted).unwrap(), "profile": TrainingProfile::of(table, &fitted),
        "scores": fitted.scores, "fingerprint": table.fingerprint(),
    });
    (bits(&parts), json.to_string())
}

#[test]
fn neither_the_order_of_the_rows_nor_how_many_share_one_changes_a_bit() {
    let n = sample().n_rows();
    let expected = everything(sample());
    for step in [7, 1_003] {
        assert!(everything(&rows_of_sample(&(0..n).map(|i| i * step % n).collect::<Vec<_>>(), None)) == expected);
    }
    let mut customers: BTreeMap<Vec<String>, (usize, u32)> = BTreeMap::new();
    for row in 0..n {
        let key = sample().columns().iter().map(|column| format!("{:?}", column.value(row))).collect();
        customers.entry(key).or_insert((row, 0)).1 += 1;
    }
    let (rows, weights): (Vec<usize>, Vec<u32>) = customers.into_values().unzip();
    assert!(rows.len() < n);
    assert!(everything(&rows_of_sample(&rows, Some(weights))) == expected);
}

#[test]
fn a_persona_shows_what_most_of_its_customers_have() {
    let genders = &sample().columns()[1];
    for segment in trained().model.segments() {
        let of_row = trained().segment_of_row.iter().enumerate();
        let of_segment = of_row.filter(|(_, id)| **id == Some(segment.cluster_id));
        let rows: Vec<usize> = of_segment.map(|(row, _)| row).collect();
        let share = |gender: &Cell| rows.iter().filter(|&&row| genders.value(row) == Some(gender)).count();
        let most = genders.values.iter().map(share).max().unwrap();
        let persona = Value::from(segment.persona.to_json());
        assert_eq!(share(&Cell::Text(persona["Top_Gender"].as_str().unwrap().to_owned())), most, "{persona}");
        assert_eq!(segment.customers, rows.len() as u64);
        assert!((segment.share - rows.len() as f64 / 5_000.0).abs() < 1e-12);
    }
}

#[test]
fn a_customer_who_was_placed_once_is_recalled_and_nobody_else() {
    let model = &trained().model;
    let who =
        |fields: &[(&str, &str)]| read_form(model.schema(), fields.iter().copied(), date(2026, 3, 1)).unwrap().table;
    let full = [("gender", "Female"), ("location", "Bedok"), ("loyalty_tier", "Silver"), ("join_year", "2023")];
    let full = [&full[..], &[("join_month", "May")]].concat();
    let customers = [who(&full), who(&full[..4]), who(&full[1..2]), who(&full[..1]), who(&full[2..3])];
    let mut placements = Vec::new();
    for customer in &customers {
        assert_eq!(model.recall_one(customer).unwrap(), None);
        placements.push(model.place_one(customer).unwrap());
    }
    assert!(placements.iter().all(Option::is_some), "{placements:?}");
    for (customer, placement) in customers.iter().zip(placements) {
        assert_eq!(model.recall_one(customer).unwrap(), placement);
        assert_eq!(model.place_one(customer).unwrap(), placement);
    }
}
