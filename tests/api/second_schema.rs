//! Another company's columns, from training to answers: the schema is data.

use std::sync::{Arc, LazyLock};

use content_portal::customer::{Schema, Value as Cell};
use content_portal::model_store::ModelStore;
use content_portal::pipeline::FitParams;
use content_portal::workbook::{self, Limits};
use jiff::civil::date;
use serde_json::{Value, json};
use umap::UmapParams;

use crate::app::{Setup, TestApp, keys, list};
use crate::sheets::csv;
use crate::trained::TrainedVersion;

const SCHEMA: &str = r#"{
  "identifier": ["account"],
  "columns": [
    { "title": "Channel", "aliases": ["came by"], "required": true, "kind": "category",
      "persona": { "key": "Main_Channels", "top": 2 } },
    { "title": "Plan", "aliases": [], "required": true, "role": "tier", "kind": "ordinal",
      "levels": ["Free", "Basic", "Plus", "Business"], "score_title": "Plan_Rank",
      "persona": { "key": "Main_Plan", "top": 1 } },
    { "title": "Signed Up", "aliases": [], "required": true, "kind": "date", "phrase": "who signed up",
      "parts": [{ "part": "year", "title": "Signed_Up_Year", "persona": { "key": "Main_Year", "top": 1 } }] },
    { "title": "Visits a Month", "aliases": ["visits"], "required": true, "kind": "number",
      "persona": { "key": "Mean_Visits", "top": 1 } }
  ]
}"#;

fn schema() -> Arc<Schema> {
    Arc::new(Schema::from_json(SCHEMA.as_bytes()).unwrap())
}

/// Three kinds of customers: few visits by the shop, some by the app, many by the web.
pub fn customers() -> Vec<[String; 5]> {
    let header = ["Account", "came by", "PLAN", "signed_up", "visits"].map(str::to_owned);
    let customer = |n: usize| {
        // Everything but the channel runs independently of it.
        let k = n / 3;
        let (channel, plans, visits) = match n % 3 {
            0 => ("shop", ["free", "free"], 1 + k % 4),
            1 => ("app", ["Basic", "Plus"], 40 + k % 5),
            _ => ("web", ["business", "BUSINESS"], 90 + k % 6),
        };
        let day = format!("{}-{:02}-15", 2023 + (k / 12) % 2, 1 + k % 12);
        [n.to_string(), channel.to_owned(), plans[(k / 24) % 2].to_owned(), day, visits.to_string()]
    };
    std::iter::once(header).chain((0..600).map(customer)).collect()
}

/// A model of these customers, trained once a binary.
pub static MODEL: LazyLock<TrainedVersion> = LazyLock::new(|| {
    let params = FitParams { umap: UmapParams::default().n_neighbors(15), ..FitParams::default() };
    TrainedVersion::train_on("accounts.csv", &csv(customers()), schema(), &params, false)
});

#[test]
fn a_model_of_another_schema_is_stored_and_loaded_with_it() {
    let dir = tempfile::tempdir().unwrap();
    MODEL.publish_to(dir.path());
    let version = ModelStore::new(dir.path()).load_current().unwrap();
    assert_eq!(**version.model.schema(), *schema());
    assert_eq!(version.manifest.scores.rows, 600);
    assert!(version.model.segments().len() >= 2);

    let table = workbook::read(
        std::io::Cursor::new(csv(customers())),
        version.model.schema().clone(),
        date(2026, 1, 2),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(table.columns()[1].value(2), Some(&Cell::Level(3)));
    let assignment = version.model.assign_as_trained(&table).unwrap();
    let segments = assignment.segments();
    // The three channels never share a segment.
    for segment in segments.iter().filter(|segment| segment.is_some()) {
        let channels: std::collections::BTreeSet<usize> =
            segments.iter().enumerate().filter(|(_, other)| *other == segment).map(|(row, _)| row % 3).collect();
        assert_eq!(channels.len(), 1, "segment {segment:?} holds {channels:?}");
    }
    let sizes: u64 = version.model.segments().iter().map(|segment| segment.customers).sum();
    assert_eq!(sizes, segments.iter().flatten().count() as u64);
}

#[test]
fn customers_read_by_another_schema_are_not_placed() {
    let dir = tempfile::tempdir().unwrap();
    MODEL.publish_to(dir.path());
    let model = ModelStore::new(dir.path()).load_current().unwrap().model;
    let schema = Arc::new(Schema::built_in().unwrap());
    let sheet = csv([crate::sheets::HEADER, crate::sheets::CUSTOMER]);
    let table = workbook::read(std::io::Cursor::new(sheet), schema, date(2026, 1, 2), &Limits::default()).unwrap();
    assert!(model.assign(&table).unwrap_err().to_string().contains("another schema"));
}

#[tokio::test(flavor = "multi_thread")]
async fn personas_and_members_carry_the_schema_s_own_keys() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let answer = app.upload("accounts.csv", &csv(customers())).await;
    assert_eq!(answer["rows"]["rows_used"], 600);
    for cluster in list(&answer["clusters"]) {
        let persona = &cluster["persona"];
        assert_eq!(keys(persona), ["Main_Channels", "Main_Plan", "Main_Year", "Mean_Visits"]);
        assert!(list(&persona["Main_Channels"]).len() <= 2 && persona["Mean_Visits"].is_f64(), "{persona}");
        let mut found = keys(&cluster["members"][0]);
        found.truncate(7);
        let expected = ["Channel", "Plan", "Plan_Rank", "Signed Up", "Signed_Up_Year", "Visits a Month", "cluster_id"];
        assert_eq!(found, expected);
        let summary = cluster["persona_summary"].as_str().unwrap();
        assert!(summary.starts_with("Channel: ") || summary.starts_with("Most of them Channel: "), "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_customer_of_another_schema_is_described_by_its_own_fields() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let body = json!({"came_by": "shop", "plan": "basic", "visits": 2, "signed_up_year": "2023"});
    let answer = app.generate("/generate-promo", &body).await;
    assert_eq!(answer["audience"], "customer");
    assert_eq!(answer["persona"]["Main_Channels"], json!(["Shop"]));
    for (field, value) in [("plan", "Gold"), ("visits", "often"), ("visits", "1e300")] {
        let problem: Value = app.post("/generate-promo", &json!({ field: value })).await.json().await.unwrap();
        assert_eq!(problem["details"][0]["field"], field, "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_of_another_company_is_told_which_columns_it_lacks() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let sheet = csv([crate::sheets::HEADER, crate::sheets::CUSTOMER]);
    let response = app.send(crate::form::Form::new().file("a.csv", &sheet)).await;
    assert_eq!(response.status(), 422);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "missing_columns");
    assert!(problem["error"].as_str().unwrap().contains("Visits a Month"), "{problem}");
}
