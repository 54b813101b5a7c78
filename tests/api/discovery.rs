//! The API's description of itself, and the page that shows it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::{TestApp, keys, list, ok};

/// What the router serves beside the description and its page.
const ROUTES: [(&str, &str); 16] = [
    ("post", "/upload-excel"),
    ("post", "/generate-promo"),
    ("post", "/generate-post"),
    ("post", "/generate-editor-post"),
    ("post", "/segments/export"),
    ("post", "/api/proxy-download"),
    ("get", "/images/{name}"),
    ("get", "/models"),
    ("get", "/models/{version}/report"),
    ("post", "/models/{version}/activate"),
    ("post", "/retrain"),
    ("get", "/retrain"),
    ("get", "/retrain/{id}"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
];

async fn description(app: &TestApp) -> Value {
    ok(app.get("/openapi.json").await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_reads_as_recorded() {
    insta::assert_json_snapshot!(description(&TestApp::spawn().await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_every_described_route_is_served() {
    let app = TestApp::spawn().await;
    let description = description(&app).await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut described = BTreeSet::new();
    for path in keys(&description["paths"]) {
        for method in keys(&description["paths"][path]) {
            described.insert((method, path));
            let method = method.to_uppercase().parse().unwrap();
            let answer = app
                .request(method, &path.replace("{name}", "none.png").replace("{version}", "none"))
                .send()
                .await
                .unwrap();
            let status = answer.status().as_u16();
            let problem: Value = answer.json().await.unwrap_or_default();
            assert!(status != 405 && problem["code"] != "no_such_route", "{path}: {status}");
        }
    }
    assert_eq!(described, ROUTES.into());
}

/// The part of a field's schema that refers to another one, or else the whole.
fn referring(property: &Value) -> &Value {
    let choices = property.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let nested = [property.get("items"), property.get("additionalProperties")].into_iter().flatten();
    let mut parts = choices.chain(nested).chain(std::iter::once(property));
    parts.find(|part| part.get("$ref").is_some()).unwrap_or(property)
}

/// Follows a reference within the description.
fn resolved<'d>(description: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(reference) => description.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_has_a_description_and_an_example() {
    let description = description(&TestApp::spawn().await).await;
    let mut without = Vec::new();
    for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
        let parts = schema.get("allOf").map_or_else(|| vec![schema], |parts| list(parts).iter().collect());
        for part in parts {
            let Some(properties) = part.get("properties") else { continue };
            for (field, property) in properties.as_object().unwrap() {
                let nested = referring(property);
                let target = resolved(&description, nested);
                let is_described = property.get("description").or_else(|| target.get("description")).is_some();
                let is_compound = nested.get("$ref").is_some();
                let has_example = property.get("example").or_else(|| property.get("examples")).is_some();
                if !is_described || !(has_example || is_compound || property["format"] == "binary") {
                    without.push(format!("{name}.{field}"));
                }
            }
        }
    }
    assert_eq!(without, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_description_gives_as_an_example_is_taken() {
    let app = TestApp::spawn().await;
    let description = description(&app).await;
    let properties = description["components"]["schemas"]["GenerateRequest"]["properties"].as_object().unwrap();
    for (field, property) in properties {
        let mut body = json!({});
        let schema = resolved(&description, referring(property));
        let example = property.get("example").or_else(|| property.pointer("/examples/0"));
        body[field] = example.or_else(|| schema.pointer("/enum/0")).unwrap().clone();
        let answer = app.post("/generate-promo", &body).await;
        assert_eq!(answer.status(), 200, "{field}: {}", answer.text().await.unwrap());
        let wrong = json!({ field: [[]] });
        assert_eq!(app.post("/generate-promo", &wrong).await.status(), 422, "{field} is not read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_brings_everything_along() {
    let app = TestApp::spawn().await;
    let page = app.get("/docs/").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    let start = app.get("/docs/swagger-initializer.js").await.text().await.unwrap();
    assert!(start.contains("/openapi.json") && start.contains("\"validatorUrl\": \"none\""), "{start}");
    let mut n_files = 0;
    for part in page.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
        assert!(!part.contains("//"), "{part} is elsewhere");
        let file = app.get(&format!("/docs/{}", part.trim_start_matches("./"))).await;
        assert_eq!(file.status(), 200, "{part}");
        n_files += 1;
    }
    assert!(n_files >= 3, "{page}");
    let missing = app.get("/docs/no-such-file.js").await;
    assert_eq!(
        (missing.status().as_u16(), &missing.headers()["content-type"]),
        (404, &"application/problem+json".parse().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_tells_of_requests_rows_segments_and_the_model() {
    let app = TestApp::spawn().await;
    let upload = app.upload_file("tests/fixtures/customers_300.xls").await;
    app.generate("/generate-promo", &json!({})).await;
    app.get("/no/such/route").await;
    let response = app.get("/metrics").await;
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    let value = |line: &str| -> f64 {
        let found = text.lines().find_map(|l| l.strip_prefix(line)).unwrap_or_else(|| panic!("no {line} in {text}"));
        found.trim().parse().unwrap()
    };
    let upload_labels = r#"{route="/upload-excel",method="POST",status="200"}"#;
    assert_eq!(value(&format!("content_portal_requests_total{upload_labels}")), 1.0);
    assert_eq!(value(r#"content_portal_requests_total{route="none",method="GET",status="404"}"#), 1.0);
    assert_eq!(value(r#"content_portal_request_overhead_seconds_count{route="/generate-promo"}"#), 1.0);
    assert_eq!(value("content_portal_uploads_total"), 1.0);
    assert_eq!(
        value(r#"content_portal_upload_rows_total{outcome="used"}"#),
        upload["rows"]["rows_used"].as_f64().unwrap()
    );
    assert_eq!(value(r#"content_portal_segments_total{outcome="written"}"#), list(&upload["segments"]).len() as f64);
    let model = format!("content_portal_model_info{{version={}}}", upload["model_version"]);
    assert_eq!(value(&model), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_where_its_time_went() {
    let app = TestApp::spawn().await;
    let response = app.post("/generate-promo", &json!({})).await;
    let timing = response.headers()["server-timing"].to_str().unwrap();
    assert!(timing.starts_with("app;dur=") && timing.ends_with("upstream;dur=0.000"), "{timing}");
}
