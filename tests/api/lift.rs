//! What sets a segment apart, held against a count of its members by hand.

use serde_json::{Value, json};

use crate::app::{Setup, TestApp, keys, list};
use crate::second_schema::{self, customers};
use crate::sheets::{csv, rows_of};

/// The members' entries under `title`, null where there is none: of one cluster, or of all.
fn entries<'a>(clusters: impl IntoIterator<Item = &'a Value>, title: &str) -> Vec<&'a Value> {
    let members = clusters.into_iter().flat_map(|cluster| list(&cluster["members"]));
    members.map(|member| &member[title]).collect()
}

fn share(entries: &[&Value], value: &Value) -> f64 {
    entries.iter().filter(|&&entry| entry == value).count() as f64 / entries.len() as f64
}

fn mean(entries: &[&Value]) -> f64 {
    let numbers: Vec<f64> = entries.iter().filter_map(|entry| entry.as_f64()).collect();
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn assert_close(found: &Value, expected: f64) {
    assert!((found.as_f64().unwrap() - expected).abs() <= 0.000_051, "{found} is not {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shown_value_is_compared_with_the_whole_upload_and_blanks_count_in_every_share() {
    let app = TestApp::spawn().await;
    let mut rows = rows_of("tests/fixtures/upload_2000.xlsx");
    let gender = rows[0].iter().position(|header| header == "Gender").unwrap();
    rows.iter_mut().skip(1).step_by(3).for_each(|row| row[gender].clear());
    let answer = app.upload("customers.csv", &csv(&rows)).await;
    let (segments, clusters) = (list(&answer["segments"]), list(&answer["clusters"]));
    let mut compared = 0;
    for (segment, cluster) in segments.iter().zip(clusters) {
        assert_eq!(keys(&segment["lift"]), keys(&segment["observed"]));
        for (key, title) in [
            ("Top_Locations", "Location"),
            ("Top_Gender", "Gender"),
            ("Top_Join_Quarter", "Join_Quarter"),
            ("Top_Join_Months", "Join_Month"),
            ("Top_Loyalty_Tier", "Loyalty Tier"),
        ] {
            let shown: Vec<&Value> = match &segment["observed"][key] {
                Value::Array(values) => values.iter().collect(),
                value => vec![value],
            };
            let lifts = list(&segment["lift"][key]);
            assert_eq!(lifts.iter().map(|lift| &lift["value"]).collect::<Vec<_>>(), shown, "{key}");
            let (within, overall) = (entries([cluster], title), entries(clusters, title));
            for lift in lifts {
                let expected = (share(&within, &lift["value"]), share(&overall, &lift["value"]));
                assert_close(&lift["share"], expected.0);
                assert_close(&lift["share_overall"], expected.1);
                assert_close(&lift["lift"], expected.0 / expected.1);
                compared += 1;
            }
        }
    }
    assert!(compared >= 2 * 8, "{compared}");
    let genders = entries(clusters, "Gender").into_iter().filter(|gender| !gender.is_null()).count();
    assert!(genders < 1_400, "{genders} rows have a gender: none was left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_compared_by_its_mean_in_standard_deviations() {
    let app = TestApp::spawn_on(Setup::default(), &second_schema::MODEL).await;
    let answer = app.upload("accounts.csv", &csv(customers())).await;
    let clusters = list(&answer["clusters"]);
    let overall = entries(clusters, "Visits a Month");
    let mean_overall = mean(&overall);
    let squares = overall.iter().map(|visits| (visits.as_f64().unwrap() - mean_overall).powi(2));
    let deviation = (squares.sum::<f64>() / overall.len() as f64).sqrt();
    for (segment, cluster) in list(&answer["segments"]).iter().zip(clusters) {
        let lift = &segment["lift"]["Mean_Visits"];
        let mean = mean(&entries([cluster], "Visits a Month"));
        assert_close(&lift["mean"], mean);
        assert_close(&lift["mean_overall"], mean_overall);
        assert_close(&lift["difference_sd"], (mean - mean_overall) / deviation);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_the_same_everywhere_sets_nobody_apart() {
    let app = TestApp::spawn_on(Setup::default(), &second_schema::MODEL).await;
    // Every twelfth one is by the shop, with one visit.
    let alike: Vec<_> = customers().into_iter().enumerate().filter(|(n, _)| *n == 0 || n % 12 == 1).collect();
    let alike: Vec<_> = alike.into_iter().map(|(_, customer)| customer).collect();
    let answer = app.upload("accounts.csv", &csv(&alike)).await;
    let lift = &answer["segments"][0]["lift"];
    assert_eq!(lift["Mean_Visits"], json!({"mean": 1.0, "mean_overall": 1.0, "difference_sd": null}));
    let only = json!([{"value": "Shop", "share": 1.0, "share_overall": 1.0, "lift": 1.0}]);
    assert_eq!(lift["Main_Channels"], only);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fewer_than_ten_customers_nothing_is_compared_and_each_is_listed() {
    let app = TestApp::spawn_on(Setup::default(), &second_schema::MODEL).await;
    let answer = app.upload("accounts.csv", &csv(&customers()[..2])).await;
    let (segment, cluster) = (&answer["segments"][0], &answer["clusters"][0]);
    let lift = &segment["lift"];
    assert_eq!(lift["Mean_Visits"], json!({"mean": null, "mean_overall": null, "difference_sd": null}));
    assert_eq!((&lift["Main_Channels"], &segment["observed"]["Main_Channels"]), (&json!([]), &json!([])));
    assert_eq!(cluster["members"][0]["Channel"], "Shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trait_that_nobody_has_is_compared_with_nothing() {
    let app = TestApp::spawn().await;
    let rows = [["date_joined", "location", "loyalty_tier"], ["2024-02-29", "Bedok", "Gold"]];
    let answer = app.upload("customers.csv", &csv(rows)).await;
    assert_eq!(answer["segments"][0]["lift"]["Top_Gender"], json!([]));
}

/// A list of the fixture's rows whose customers joined in these months, at most so many of each.
fn joined(months: &[(&'static str, usize)]) -> Vec<Vec<String>> {
    let rows = rows_of("tests/fixtures/upload_2000.xlsx");
    let date = rows[0].iter().position(|header| header == "Date Joined").unwrap();
    let of_month = |&(month, n): &(&'static str, usize)| {
        let in_month = rows.iter().skip(1).filter(move |row| row[date].get(5..7) == Some(month));
        in_month.take(n).cloned().collect::<Vec<_>>()
    };
    std::iter::once(rows[0].clone()).chain(months.iter().flat_map(of_month)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_group_is_described_as_observed_and_a_small_one_as_trained() {
    let app = TestApp::spawn().await;
    let answer = app.upload("customers.csv", &csv(joined(&[("11", 130), ("05", 130), ("08", 12)]))).await;
    let claims = |months: &[i64]| -> Vec<Value> {
        let is_of = |cluster: &&Value| months.contains(&cluster["members"][0]["Join_Month"].as_i64().unwrap());
        let cluster = list(&answer["clusters"]).iter().find(is_of).unwrap();
        list(&cluster["distinguishing"]).iter().map(|told| json!([told["key"], told["value"], told["claim"]])).collect()
    };
    // The month says the quarter here, where nobody joined in another month of it.
    let (november, august) = (claims(&[11]), claims(&[8]));
    assert!(november.iter().any(|claim| claim[2] == "all" && claim[0] != "Top_Locations"), "{november:?}");
    assert!(august.contains(&json!(["Top_Join_Quarter", 3, "all"])), "{august:?}");
}
