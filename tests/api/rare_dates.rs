//! Parts of dates that few customers share: which they are is said nowhere, and that they are there counts in every
//! share.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use content_portal::customer::Schema;
use content_portal::pipeline::{FitParams, Method};
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, list, ok};
use crate::sheets::{HEADER, csv};
use crate::trained::TrainedVersion;

/// The years of 9 customers each.
const RARE: std::ops::RangeInclusive<u32> = 2005..=2016;

/// 408 customers of two kinds, 300 of whom joined in 2024: 194 of the first 204, and 106 of the others.
fn sheet() -> Vec<u8> {
    sheet_of([194, 106], &RARE.flat_map(|year| [year; 9]).collect::<Vec<_>>())
}

/// 204 customers of each of two kinds; so many of each joined in 2024, and the others in these years.
fn sheet_of(n_of_2024: [usize; 2], others: &[u32]) -> Vec<u8> {
    let row = |number: usize| {
        let (kind, of_kind) = (number / 204, number % 204);
        let year = match of_kind.checked_sub(n_of_2024[kind]) {
            None => 2024,
            Some(place) => others[place + kind * (204 - n_of_2024[0])],
        };
        let month = 1 + 6 * kind + of_kind % 4;
        let town = [["Bedok", "Tampines", "Bishan"], ["Yishun", "Clementi", "Novena"]][kind][of_kind / 4 % 3];
        let tier = ["Silver", "Platinum"][kind];
        let gender = ["Female", "Male"][of_kind / 12 % 2];
        let (id, joined) = (number.to_string(), format!("{year}-{month:02}-15"));
        [id, joined, town.to_owned(), gender.to_owned(), tier.to_owned()]
    };
    csv(std::iter::once(HEADER.map(str::to_owned)).chain((0..408).map(row)))
}

/// The kinds as latent classes.
fn trained(sheet: &[u8]) -> TrainedVersion {
    let params = FitParams { method: Method::LatentClasses, ..FitParams::default() };
    TrainedVersion::train_on("customers.csv", sheet, Schema::built_in().unwrap().into(), &params, true)
}

static MODEL: LazyLock<TrainedVersion> = LazyLock::new(|| trained(&sheet()));

/// The years of these members.
fn years<'a>(members: impl Iterator<Item = &'a Value>) -> Vec<u64> {
    members.map(|member| member["Join_Year"].as_u64().unwrap()).collect()
}

/// The share of 2024.
fn share(years: &[u64]) -> f64 {
    years.iter().filter(|&&year| year == 2024).count() as f64 / years.len() as f64
}

/// The entries for 2024 that these have.
fn of_2024(entries: &Value) -> Vec<&Value> {
    let is_year = |entry: &&Value| entry["value"] == json!(2024);
    list(entries).iter().filter(is_year).collect()
}

fn assert_shares(entry: &Value, own: f64, overall: f64, step: f64) {
    // The lift is that of the rounded shares.
    let of_lift = 0.51 * step * (1.0 + 2.0 * own / overall) / overall;
    for (key, expected, within) in
        [("share", own, 0.51 * step), ("share_overall", overall, 0.51 * step), ("lift", own / overall, of_lift)]
    {
        assert!((entry[key].as_f64().unwrap() - expected).abs() <= within, "{key} of {entry}, not {expected}");
    }
}

/// The steps of a trained segment's shares, and of an upload's.
const STEPS: [f64; 2] = [0.01, 0.000_1];

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_rare_year_counts_in_the_share_of_every_other_one() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let trained = ok(app.get("/segments").await).await;
    let upload = app.upload("customers.csv", &sheet()).await;
    let everybody = years(list(&upload["clusters"]).iter().flat_map(|cluster| list(&cluster["members"])));
    assert_eq!((everybody.len(), share(&everybody)), (408, 300.0 / 408.0));
    let mut told = 0;
    for segment in list(&trained["segments"]) {
        // Classes place each customer as the training did, so the upload's rows are those of the trained segment.
        let is_same = |of: &&Value| of["cluster_id"] == segment["cluster_id"];
        let cluster = list(&upload["clusters"]).iter().find(is_same).unwrap();
        let uploaded = list(&upload["segments"]).iter().find(is_same).unwrap();
        let own = years(list(&cluster["members"]).iter());
        assert_eq!(segment["customers"], own.len());
        for (of, step) in [segment, uploaded].into_iter().zip(STEPS) {
            let found = of_2024(&of["lift"]["Top_Join_Years"]);
            assert_eq!(found.len(), 1, "{of}");
            assert_shares(found[0], share(&own), share(&everybody), step);
            for entry in of_2024(&of["distinguishing"]) {
                assert_shares(entry, share(&own), share(&everybody), step);
                assert_eq!(entry["claim"], "most");
                told += 1;
            }
        }
    }
    assert_eq!(told, 2, "{trained}");
    let summary = list(&trained["segments"]).iter().map(|segment| segment["persona_summary"].as_str().unwrap());
    let says_so = |summary: &str| summary.contains("joined in 2024 (95 % against 74 %)");
    assert_eq!(summary.filter(|summary| says_so(summary)).count(), 1, "{trained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_the_training_s_customers_has_not_moved_though_their_years_are_rare() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let drift = app.upload("customers.csv", &sheet()).await["drift"].take();
    assert_eq!(drift["columns"]["Join_Year"]["total_variation"], 0.0, "{drift}");
    assert_eq!(drift["level"], "steady");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_names_a_rare_year_is_answered_as_one_that_names_a_year_of_nobody() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    for other in [json!({}), json!({"gender": "Male"}), json!({"location": "Bedok", "join_month": 1})] {
        let form = |year: u32| {
            let mut form = other.clone();
            form["join_year"] = json!(year.to_string());
            form
        };
        let answer = app.generate("/generate-promo", &form(2007)).await;
        assert_eq!(answer, app.generate("/generate-promo", &form(2001)).await);
        assert_eq!(answer["notes"][0]["code"], "value_left_out", "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_but_a_few_joined_in_one_year_no_share_tells_how_few() {
    let app = TestApp::spawn_on(Setup::default(), &trained(&sheet_of([200, 100], &[2023; 108]))).await;
    let answer = ok(app.get("/segments").await).await;
    let is_of_first = |segment: &&Value| segment["persona"]["Top_Loyalty_Tier"] == "Silver";
    for segment in list(&answer["segments"]) {
        let lifts = list(&segment["lift"]["Top_Join_Years"]);
        assert_eq!(lifts.is_empty(), is_of_first(&segment), "{segment}");
    }
    let first = list(&answer["segments"]).iter().find(is_of_first).unwrap();
    assert!(!first["persona_summary"].as_str().unwrap().contains("2024"), "{first}");
    assert!(!list(&first["lift"]["Top_Locations"]).is_empty());
}

#[test]
fn no_file_of_a_version_has_a_year_that_nine_customers_share() {
    let rare: BTreeSet<String> = RARE.map(|year| year.to_string()).collect();
    for (name, text) in MODEL.texts() {
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
        assert!(!words.any(|word| rare.contains(word)), "{name}");
    }
}
