//! How far an upload's customers are from those of the training, in every answer.

use serde_json::{Value, json};

use crate::app::{Setup, TestApp, keys};
use crate::second_schema::{MODEL, customers};
use crate::sheets::{HEADER, csv};

fn levels(drift: &Value) -> Vec<(&str, &str)> {
    let columns = drift["columns"].as_object().unwrap();
    columns.iter().map(|(title, column)| (title.as_str(), column["level"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_of_the_training_have_not_moved() {
    let app = TestApp::spawn().await;
    let answer = app.upload_file("base_data/2026-01-01/customers.xlsx").await;
    let drift = &answer["drift"];
    let titles = ["Location", "Gender", "Join_Year", "Join_Month", "Join_Quarter", "Loyalty Tier"];
    assert_eq!(levels(drift), titles.map(|title| (title, "steady")));
    assert!(drift["columns"].as_object().unwrap().values().all(|column| column["psi"] == 0.0), "{drift}");
    assert_eq!(
        (&drift["unseen_share"], &drift["outside_share"], &drift["level"]),
        (&json!(0.0), &json!(0.0), &json!("steady"))
    );
    assert_eq!(keys(drift), ["columns", "segments", "unseen_share", "outside_share", "level"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_who_moved_are_told_by_column() {
    let app = TestApp::spawn().await;
    let same = app.upload_file("tests/fixtures/customers_300.xls").await;
    assert_eq!(same["drift"]["level"], "steady", "{}", same["drift"]);

    let customer = |n: usize| {
        let town = if n.is_multiple_of(4) { "Atlantis" } else { "Bedok" };
        [n.to_string(), format!("2024-{:02}-10", 1 + n % 12), town.into(), "Female".into(), "Gold".into()]
    };
    let rows = std::iter::once(HEADER.map(str::to_owned)).chain((0..400).map(customer));
    let answer = app.upload("moved.csv", &csv(rows)).await;
    let drift = &answer["drift"];
    for moved in ["Location", "Gender", "Loyalty Tier"] {
        assert!(levels(drift).contains(&(moved, "drifted")), "{drift}");
    }
    assert_eq!((&drift["unseen_share"], &drift["level"]), (&json!(0.25), &json!("drifted")));
    let shift = &drift["columns"]["Location"]["largest_shift"];
    assert_eq!((&shift["value"], &shift["share"]), (&json!("Bedok"), &json!(0.75)));
    let outside: u64 = answer["segments"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|segment| segment["cluster_id"] == -1)
        .map(|segment| segment["size"].as_u64().unwrap())
        .sum();
    assert_eq!(drift["outside_share"].as_f64().unwrap(), (outside as f64 / 400.0 * 1e4).round() / 1e4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_file_does_not_have_has_not_moved() {
    let app = TestApp::spawn().await;
    let rows = crate::sheets::rows_of("base_data/2026-01-01/customers.xlsx");
    let gender = rows[0].iter().position(|title| title == "Gender").unwrap();
    let without = rows.iter().map(|row| {
        let mut row = row.clone();
        row.remove(gender);
        row
    });
    let answer = app.upload("no-gender.csv", &csv(without)).await;
    let drift = &answer["drift"];
    assert!(drift["columns"].get("Gender").is_none(), "{drift}");
    assert!(levels(drift).iter().all(|(_, level)| *level == "steady"), "{drift}");
    // A column that is there and empty has lost its values.
    let emptied = rows.iter().enumerate().map(|(number, row)| {
        let mut row = row.clone();
        row[gender] = if number == 0 { "Gender".to_owned() } else { String::new() };
        row
    });
    let answer = app.upload("empty-gender.csv", &csv(emptied)).await;
    assert_eq!(answer["drift"]["columns"]["Gender"]["level"], "drifted", "{}", answer["drift"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_carry_the_drift_of_the_last_upload() {
    let app = TestApp::spawn().await;
    let metrics = async || app.get("/metrics").await.text().await.unwrap();
    assert!(!metrics().await.contains("upload_drift_psi{"), "there was no upload yet");
    let moved = (0..400).map(|n| [n.to_string(), "2024-05-10".into(), "Atlantis".into(), "".into(), "Gold".into()]);
    for (rows, level) in [(Some(moved), 2), (None, 0)] {
        let answer = match rows {
            Some(rows) => app.upload("moved.csv", &csv(std::iter::once(HEADER.map(str::to_owned)).chain(rows))).await,
            None => app.upload_file("base_data/2026-01-01/customers.xlsx").await,
        };
        let metrics = metrics().await;
        let gauge = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("content_portal_upload_{name} ")));
            line.unwrap_or_else(|| panic!("no {name}: {metrics}")).parse::<f64>().unwrap()
        };
        assert_eq!(gauge("drift_level"), f64::from(level));
        assert_eq!(json!(gauge("unseen_share")), answer["drift"]["unseen_share"]);
        assert_eq!(json!(gauge("outside_share")), answer["drift"]["outside_share"]);
        for (column, drift) in answer["drift"]["columns"].as_object().unwrap() {
            assert_eq!(json!(gauge(&format!("drift_psi{{column=\"{column}\"}}"))), drift["psi"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_columns_of_another_schema_are_compared_by_their_own_kinds() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let same = app.upload("accounts.csv", &csv(customers())).await;
    let steady = ["Channel", "Plan", "Signed_Up_Year", "Visits a Month"].map(|title| (title, "steady"));
    assert_eq!(levels(&same["drift"]), steady);

    let busier = customers().into_iter().enumerate().map(|(n, mut row)| {
        row[4] = if n == 0 { row[4].clone() } else { format!("{}", 120 + n % 9) };
        row
    });
    let answer = app.upload("accounts.csv", &csv(busier)).await;
    let visits = &answer["drift"]["columns"]["Visits a Month"];
    assert_eq!(visits["level"], "drifted");
    assert_eq!(visits["largest_shift"]["share"], 1.0, "{visits}");
    assert_eq!(levels(&answer["drift"])[0], ("Channel", "steady"));
}
