//! The API's description of itself, and the page that shows it.

use std::collections::BTreeSet;

use content_portal::content::{BudgetConfig, WriterConfig};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN_KEY, Setup, TestApp, keys, list, ok};

/// The routes that the reference lists, each with its method.
fn routes_of_the_reference() -> BTreeSet<(String, String)> {
    let reference = include_str!("../../docs/reference.md").split("\n## Commands\n").next().unwrap();
    let mut routes = BTreeSet::new();
    for row in reference.lines().filter_map(|line| line.strip_prefix("| `")) {
        // A method counts for the routes behind it, too.
        let mut method = "";
        for route in row.split(" |").next().unwrap().split('`').filter(|part| part.contains('/')) {
            let (own, path) = route.split_once(' ').unwrap_or((method, route));
            method = own;
            routes.insert((method.to_lowercase(), path.to_owned()));
        }
    }
    routes
}

async fn description(app: &TestApp) -> Value {
    ok(app.get("/openapi.json").await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_reads_as_recorded() {
    insta::assert_json_snapshot!(description(&TestApp::spawn().await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_here_and_in_the_reference_and_is_served() {
    let app = TestApp::spawn().await;
    let description = description(&app).await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut described = BTreeSet::new();
    for path in keys(&description["paths"]) {
        for method in keys(&description["paths"][path]) {
            described.insert((method.to_owned(), path.to_owned()));
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
    assert_eq!(described, routes_of_the_reference());
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
async fn without_the_console_its_files_are_no_routes_and_the_root_leads_a_browser_to_the_docs() {
    let app = TestApp::spawn_with(Setup { console: false, ..Setup::default() }).await;
    // What Firefox sends.
    let accepted = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = app.request(Method::GET, "/").header("accept", accepted).send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.url().path()), (200, "/docs/"));
    assert!(page.text().await.unwrap().contains("swagger-ui"));
    assert_eq!(app.get("/console/app.js").await.status(), 404);

    let answer = app.get("/").await;
    assert_eq!(answer.headers()["vary"].to_str().unwrap().to_lowercase().matches("accept").count(), 1);
    let index = ok(answer).await;
    assert_eq!(index["service"], "content-portal");
    for address in ["docs", "openapi", "readiness"] {
        assert_eq!(app.get(index[address].as_str().unwrap()).await.status(), 200, "{address}");
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
    let of_a_segment = ["distinguishing", "size", "described_by", "not_distinguishing", "as_everywhere"];
    for (field, property) in properties {
        let beside = match of_a_segment.contains(&field.as_str()) {
            true => json!({ "cluster_id": 0, "distinguishing": [] }),
            false => json!({}),
        };
        let mut body = beside.clone();
        let schema = resolved(&description, referring(property));
        let example = property.get("example").or_else(|| property.pointer("/examples/0"));
        body[field] = example.or_else(|| schema.pointer("/enum/0")).unwrap().clone();
        let answer = app.post("/generate-promo", &body).await;
        assert_eq!(answer.status(), 200, "{field}: {}", answer.text().await.unwrap());
        let mut wrong = beside;
        wrong[field] = json!([[]]);
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
    let text = app.get("/metrics").await.text().await.unwrap();
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
async fn metrics_come_in_the_format_that_is_asked_for_and_every_one_is_described() {
    let app = TestApp::spawn().await;
    app.upload_file("tests/fixtures/customers_300.xls").await;
    let asked = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    let response = app.request(Method::GET, "/metrics").header("accept", asked).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert!(response.text().await.unwrap().ends_with("# EOF\n"));

    let response = app.get("/metrics").await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    // As `promtool check metrics` has it: a type and a help for every sample, once.
    let mut described = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(described.insert(rest.split(' ').next().unwrap()), "{rest} twice");
        }
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split([' ', '{']).next().unwrap();
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        assert!(described.contains(name) || of_histogram.is_some_and(|name| described.contains(name)), "{line}");
    }
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "content_portal_disk_free_bytes",
    ] {
        let line =
            text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("no {name}"));
        assert!(line.split(' ').nth(1).unwrap().parse::<f64>().unwrap() > 0.0, "{line}");
    }
    assert!(text.contains("\ncontent_portal_uploads_waiting 1\n"), "{text}");
    let build = format!("\ncontent_portal_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&build) && !text.contains("budget_left"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_the_budget_is_told_where_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let budget = BudgetConfig { usd_per_day: 2.5, state_dir: dir.path().to_owned() };
    let writer = WriterConfig { budget: Some(budget), ..crate::upstream::writer_at("http://127.0.0.1:9") };
    let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
    let text = app.get("/metrics").await.text().await.unwrap();
    assert!(text.contains("\ncontent_portal_budget_left_usd 2.5\n"), "{text}");
    assert!(text.contains("\ncontent_portal_budget_spent_usd 0.0\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_says_which_routes_need_which_key() {
    for keys in [vec![], vec!["a-key-of-the-portal"]] {
        let app = TestApp::spawn_with(Setup { api_keys: keys.clone(), ..Setup::default() }).await;
        let description = description(&app).await;
        let security = |method: &str, path: &str| description["paths"][path][method]["security"].clone();
        let everybody = if keys.is_empty() { json!([{}, { "api_key": [] }]) } else { json!([{ "api_key": [] }]) };
        for path in ["/upload-excel", "/generate-promo", "/segments/export", "/api/proxy-download"] {
            assert_eq!(security("post", path), everybody, "{path}");
        }
        assert_eq!(security("get", "/metrics"), everybody);
        assert_eq!(security("post", "/retrain"), json!([{ "admin_key": [] }]));
        for path in ["/healthz", "/readyz", "/images/{name}"] {
            assert_eq!(security("get", path), Value::Null, "{path}");
        }
        for scheme in ["api_key", "admin_key"] {
            assert_eq!(description["components"]["securitySchemes"][scheme]["scheme"], "bearer");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headers_that_callers_rely_on_are_described_and_sent() {
    let app = TestApp::spawn().await;
    let description = description(&app).await;
    let described = keys(&description["components"]["headers"]);
    assert_eq!(
        described,
        [
            "Content-Disposition",
            "ETag",
            "Idempotent-Replayed",
            "Location",
            "Retry-After",
            "WWW-Authenticate",
            "X-Model-Version"
        ]
    );
    let extras = app.request(Method::PUT, "/segments/0/extras").bearer_auth(ADMIN_KEY).header("if-match", "*");
    let repeated = || app.request(Method::POST, "/generate-promo").header("idempotency-key", "1").json(&json!({}));
    let export = json!({ "segments": [{ "cluster_id": 0, "size": 1 }] });
    for (method, path, request) in [
        ("post", "/generate-promo", repeated()),
        ("post", "/generate-promo", repeated()),
        ("post", "/segments/export", app.request(Method::POST, "/segments/export").json(&export)),
        ("put", "/segments/{id}/extras", extras.json(&json!({ "Interests": "tea" }))),
        ("post", "/compare", app.request(Method::POST, "/compare").bearer_auth(ADMIN_KEY)),
        ("get", "/models", app.request(Method::GET, "/models")),
    ] {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_str().to_owned();
        let of_answer = &description["paths"][path][method]["responses"][status.as_str()]["headers"];
        let sent = described.iter().filter(|name| answer.headers().contains_key(**name));
        let is_described = |name: &&&str| of_answer[**name]["$ref"] == format!("#/components/headers/{name}");
        let undescribed: Vec<_> = sent.filter(|name| !is_described(name)).collect();
        assert!(undescribed.is_empty() && of_answer.is_object(), "{method} {path} {status}: {undescribed:?}");
        let may_be_missing = ["Idempotent-Replayed", "X-Model-Version"];
        let missing = keys(of_answer).into_iter().find(|name| !answer.headers().contains_key(*name));
        assert!(missing.is_none_or(|name| may_be_missing.contains(&name)), "{method} {path} {status}: {missing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_taken_where_the_description_says_so_and_nowhere_else() {
    let app = TestApp::spawn().await;
    let description = description(&app).await;
    let takes_null = |property: &Value| {
        let types = property["type"].as_array().into_iter().flatten();
        let variants = property["oneOf"].as_array().into_iter().flatten().map(|variant| &variant["type"]);
        types.chain(variants).any(|one| one == "null")
    };
    let of = |name: &str| description["components"]["schemas"][name]["properties"].as_object().unwrap().clone();
    for (field, property) in of("GenerateRequest") {
        assert!(takes_null(&property), "{field}");
        assert_eq!(app.post("/generate-promo", &json!({ field.as_str(): null })).await.status(), 200, "{field}");
    }
    let segments = json!([{ "cluster_id": 0, "size": 1 }]);
    for field in ["format", "clusters"] {
        assert!(takes_null(&of("ExportRequest")[field]), "{field}");
        let body = json!({ "segments": segments, field: null });
        assert_eq!(app.post("/segments/export", &body).await.status(), 200, "{field}");
    }
    // A form's fields are text: there is no null to send.
    for name in ["UploadRequest", "ExportForm", "RetrainForm"] {
        for (field, property) in of(name) {
            assert!(!takes_null(&property), "{name}.{field}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_and_the_page_are_not_sent_again_to_who_has_them() {
    let app = TestApp::spawn().await;
    for path in ["/openapi.json", "/docs/", "/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js"] {
        let first = app.get(path).await;
        let tag = first.headers()["etag"].clone();
        assert_eq!(first.headers()["cache-control"], "no-cache", "{path}");
        let ask = async |method: Method, known: &str| {
            app.request(method, path).header("if-none-match", known).send().await.unwrap()
        };
        for known in [tag.to_str().unwrap(), &format!("\"other\", {}", tag.to_str().unwrap()), "*"] {
            for method in [Method::GET, Method::HEAD] {
                let again = ask(method, known).await;
                assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &tag), "{path} {known}");
                assert_eq!(again.bytes().await.unwrap().len(), 0);
            }
        }
        assert_eq!(ask(Method::GET, "W/\"other\"").await.status(), 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_where_its_time_went() {
    let app = TestApp::spawn().await;
    let response = app.post("/generate-promo", &json!({})).await;
    let timing = response.headers()["server-timing"].to_str().unwrap();
    assert!(timing.starts_with("app;dur=") && timing.ends_with("upstream;dur=0.000"), "{timing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_and_its_version_are_in_no_header() {
    let app = TestApp::spawn().await;
    let version = env!("CARGO_PKG_VERSION");
    for path in ["/", "/docs/", "/openapi.json", "/healthz", "/metrics", "/segments", "/no/such/route"] {
        let answer = app.get(path).await;
        for (name, value) in answer.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
            let is_named = matches!(name.as_str(), "server" | "x-powered-by" | "via");
            assert!(!is_named && !value.contains(version) && !value.contains("hyper"), "{path} {name}: {value}");
        }
    }
    assert_eq!(description(&app).await["info"]["version"], version);
}
