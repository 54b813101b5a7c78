//! How well an upload finds the sample's segments, which are in effect the quarters in which customers joined.
//!
//! `cargo test --test api quarters` runs these alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::app::{TestApp, list};
use crate::sheets::{csv, rows_of, xlsx};
use hdbscan::adjusted_rand_index;

/// Every listed customer.
fn members(answer: &Value) -> impl Iterator<Item = &Value> {
    list(&answer["clusters"]).iter().flat_map(|cluster| list(&cluster["members"]))
}

/// For each kind of customer its segment and its number; fails when customers that are the same are apart.
fn labels(answers: &[Value]) -> BTreeMap<String, (i64, usize)> {
    let mut labels = BTreeMap::new();
    for member in answers.iter().flat_map(members) {
        let traits = ["Date Joined", "Location", "Gender", "Loyalty Tier"].map(|key| member[key].as_str().unwrap());
        let label = member["cluster_id"].as_i64().unwrap();
        let entry = labels.entry(traits.join(" | ")).or_insert((label, 0));
        assert_eq!(entry.0, label, "{traits:?}");
        entry.1 += 1;
    }
    labels
}

/// The rows in another order, the same one every time.
fn shuffled(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let stride = (rows.len() / 3..).find(|&stride| gcd(stride, rows.len()) == 1).unwrap();
    (0..rows.len()).map(|i| rows[(i * stride + 7) % rows.len()].clone()).collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_segments_of_a_new_month_are_the_quarters_its_customers_joined_in() {
    let app = TestApp::spawn().await;
    let answer = app.upload_file("tests/fixtures/upload_2000.xlsx").await;
    let (found, quarters): (Vec<i64>, Vec<i64>) =
        members(&answer).map(|m| (m["cluster_id"].as_i64().unwrap(), m["Join_Quarter"].as_i64().unwrap())).unzip();
    assert_eq!(found.len(), 2_000);
    let outside = found.iter().filter(|&&label| label < 0).count() as f64 / 2_000.0;
    let agreement = adjusted_rand_index(&found, &quarters).unwrap();
    assert!(outside <= 0.05, "{outside} outside every segment");
    assert!(agreement >= 0.95, "adjusted Rand index {agreement}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_has_four_segments() {
    let app = TestApp::spawn().await;
    let answer = app.upload_file("base_data/2026-01-01/customers.xlsx").await;
    let ids: Vec<i64> = list(&answer["segments"]).iter().map(|s| s["cluster_id"].as_i64().unwrap()).collect();
    assert_eq!(ids.iter().filter(|&&id| id >= 0).count(), 4, "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shuffling_or_splitting_a_file_changes_no_customer_s_segment() {
    let app = TestApp::spawn().await;
    let whole = labels(&[app.upload_file("tests/fixtures/upload_2000.xlsx").await]);
    let rows = rows_of("tests/fixtures/upload_2000.xlsx");
    let (header, customers) = rows.split_first().unwrap();
    let with_header = |part: &[Vec<String>]| [std::slice::from_ref(header), part].concat();

    let shuffled = with_header(&shuffled(customers));
    assert_eq!(labels(&[app.upload("shuffled.xlsx", &xlsx(&shuffled)).await]), whole);
    assert_eq!(labels(&[app.upload("shuffled.csv", &csv(&shuffled)).await]), whole);

    let (one, few, many) = (&customers[..1], &customers[1..60], &customers[60..]);
    let mut parts = Vec::new();
    for part in [one, few, many] {
        parts.push(app.upload("part.csv", &csv(with_header(part))).await);
    }
    assert_eq!(labels(&parts), whole);
}
