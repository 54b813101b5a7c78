//! How segments are found: by command, by file, or as before; and which columns decide them.

use std::collections::BTreeMap;
use std::fs;

use content_portal::customer::Schema;
use content_portal::pipeline::SegmentId;
use serde_json::Value;

use crate::shop::{Shop, customers};

/// The parameters of the live version.
fn params(shop: &Shop) -> Value {
    serde_json::to_value(shop.current().manifest.params).unwrap()
}

#[test]
fn the_next_training_is_made_as_the_live_version_was_unless_it_is_told_otherwise() {
    let shop = Shop::with("ABC");
    let train = |args: &[&str]| {
        let (code, printed) = shop.run(&[&["retrain"], args].concat());
        assert_eq!(code, Some(0), "{printed}");
        let params = params(&shop);
        (params["hdbscan"]["min_cluster_size"].clone(), params["umap"]["n_neighbors"].clone(), printed)
    };
    let (size, neighbours, _) = train(&["--min-cluster-size", "30", "--n-neighbors", "10"]);
    assert_eq!((size, neighbours), ("30".into(), 10.into()));
    let (size, neighbours, printed) = train(&[]);
    assert_eq!((size, neighbours), ("30".into(), 10.into()));
    assert!(printed.contains("unchanged"), "{printed}");
    fs::write(shop.path("models/training.json"), r#"{"n_neighbors": 12}"#).unwrap();
    let (size, neighbours, _) = train(&[]);
    assert_eq!((size, neighbours), ("30".into(), 12.into()));
    let (_, neighbours, _) = train(&["--n-neighbors", "14", "--selection", "leaf"]);
    assert_eq!((neighbours, &params(&shop)["hdbscan"]["selection"]), (14.into(), &"leaf".into()));
    assert_eq!(train(&[]).1, 12);
}

#[test]
fn a_file_of_settings_that_cannot_be_taken_is_named_with_the_key() {
    let shop = Shop::with("ABC");
    for (json, word) in [(r#"{"n_neigbors": 12}"#, "n_neigbors"), (r#"{"method": "kmeans"}"#, "kmeans")] {
        fs::write(shop.path("how.json"), json).unwrap();
        for command in ["retrain", "serve", "check"] {
            let output = shop.command(&[command]).env("TRAINING_PATH", "how.json").output().unwrap();
            let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(output.status.code(), Some(78), "{command}: {printed}");
            assert!(printed.contains("TRAINING_PATH") && printed.contains(word), "{command}: {printed}");
        }
    }
    assert_eq!(shop.versions(), []);
}

#[test]
fn no_file_of_a_version_names_a_value_that_fewer_than_ten_customers_have() {
    let mut shop = Shop::with("ABC");
    let rare = (0..9).map(|i| format!("R{i},2022-01-{:02},Hidden Cove,Female,Gold\n", i + 1));
    let frequent = (0..10).map(|i| format!("F{i},2022-01-{:02},Open Bay,Female,Gold\n", i + 1));
    shop.add("base_data/2026-01-02/more.csv", &rare.chain(frequent).collect::<String>());
    shop.publish();
    let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let files: BTreeMap<_, String> = fs::read_dir(shop.path("models/current"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), text(entry.path())))
        .collect();
    let naming = |name: &str| files.values().filter(|text| text.contains(name)).count();
    assert_eq!(naming("Hidden Cove"), 0);
    assert!(naming("Open Bay") > 0);
    // What is rare, and what training never saw, are one to the model, and both are told.
    let placed = shop.current().model;
    let line = |town: &str| format!("N1,2022-01-05,{town},Female,Gold\n");
    let table = crate::segment_ids::table;
    let assigned = |town: &str| placed.assign_as_trained(&table(&line(town))).unwrap();
    assert_eq!(assigned("Hidden Cove").placements, assigned("Atlantis").placements);
    assert!(assigned("Hidden Cove").placements[0].is_known);
    assert_eq!(assigned("Hidden Cove").unseen[0].0, "Location");
    assert!(assigned("Open Bay").unseen.is_empty());
}

#[test]
fn a_column_of_weight_zero_is_described_and_decides_no_segment() {
    let mut shop = Shop::with("ABC");
    let mut schema = serde_json::to_value(Schema::built_in().unwrap()).unwrap();
    schema["columns"][2]["weight"] = 0.into();
    shop.schema = Schema::from_json(schema.to_string().as_bytes()).unwrap();
    let report = shop.publish().report;
    assert!(report.scores.is_some());
    let model = shop.current().model;
    let lines = |month: u32| format!("N1,2022-{month:02}-05,Bedok,Female,Gold\n");
    let read = |month| {
        let (schema, text) = (model.schema().clone(), format!("{}{}", crate::shop::HEADER, lines(month)));
        content_portal::workbook::read(
            std::io::Cursor::new(text),
            schema,
            jiff::civil::date(2026, 3, 1),
            &content_portal::workbook::Limits::default(),
        )
        .unwrap()
    };
    let place = |month| model.assign_as_trained(&read(month)).unwrap().placements;
    assert_eq!(place(1), place(11));
    assert!(place(11)[0].is_known);
    let persona = model.segment(SegmentId::new(0)).unwrap().persona.to_json();
    assert!(persona["Top_Join_Years"].as_array().is_some_and(|years| !years.is_empty()), "{persona:?}");
    // A marketer's entry about it is neither confirmed nor denied.
    let mut model = shop.current().model;
    let entry = serde_json::json!({"Top_Join_Quarter": 2}).as_object().unwrap().clone();
    assert_eq!(model.overlay_personas(&BTreeMap::from([(SegmentId::new(0), entry)])), Default::default());
    shop.add("base_data/2026-02-01/more.csv", &customers('A', 72, 20));
    // So few customers make no map that is found again.
    shop.force = true;
    assert!(shop.publish().report.drift.is_some());
}
