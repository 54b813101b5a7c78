//! Customers without any structure: a model of one segment, and what an upload is told.

use content_portal::customer::Schema;
use content_portal::pipeline::{FitParams, Method};

use crate::app::{Setup, TestApp, list};
use crate::sheets::csv;
use crate::trained::TrainedVersion;

const SCHEMA: &str = r#"{"identifier": ["id"], "columns": [
    {"title": "Channel", "required": true, "kind": "category", "persona": {"key": "Channels", "top": 2}},
    {"title": "Plan", "required": true, "kind": "category", "persona": {"key": "Plan", "top": 1}}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_s_only_segment_is_not_said_to_lack_other_customers_where_the_model_has_none() {
    let customer = |n: usize| [n.to_string(), format!("Channel {}", n % 6), format!("Plan {}", n / 6 % 6)];
    let header = ["id", "Channel", "Plan"].map(str::to_owned);
    let rows = |n| std::iter::once(header.clone()).chain((0..n).map(customer));
    let params = FitParams { method: Method::LatentClasses, ..FitParams::default() };
    let schema = Schema::from_json(SCHEMA.as_bytes()).unwrap().into();
    let model = TrainedVersion::train_on("customers.csv", &csv(rows(1_080)), schema, &params, true);
    let app = TestApp::spawn_on(Setup::default(), &model).await;
    let answer = app.upload("customers.csv", &csv(rows(360))).await;
    let segments = list(&answer["segments"]);
    assert_eq!(segments.len(), 1, "{answer}");
    let said = "The model has one segment, everyone: nothing sets these customers apart.";
    assert_eq!(segments[0]["persona_summary"], said);
}
