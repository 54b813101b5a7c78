//! What every caller meets on every route: request ids, and browsers' cross-origin checks.

use reqwest::Method;
use serde_json::json;

use crate::app::{Setup, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_s_request_id_comes_back() {
    let app = TestApp::spawn().await;
    for path in ["/healthz", "/no/such/route"] {
        let response = app.request(Method::GET, path).header("x-request-id", "portal-42_a.b").send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "portal-42_a.b", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_could_forge_a_log_line_is_replaced() {
    let app = TestApp::spawn().await;
    let long = "a".repeat(65);
    for nasty in ["a b", "a\"b", "a=b", "<script>", "a;b", "", &long] {
        let response = app.request(Method::GET, "/healthz").header("x-request-id", nasty).send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap();
        assert_ne!(id, nasty);
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    let response = app.request(Method::GET, "/healthz").header("x-request-id", bytes).send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"].len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_requests_share_an_id() {
    let app = TestApp::spawn().await;
    let (first, second) = (app.get("/healthz").await, app.get("/healthz").await);
    assert_ne!(first.headers()["x-request-id"], second.headers()["x-request-id"]);
}

async fn preflight(app: &TestApp, origin: &str, path: &str) -> reqwest::Response {
    let request = app.request(Method::OPTIONS, path).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "content-type").send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_may_call_every_route_from_its_own_origin() {
    let app = TestApp::spawn().await;
    for origin in ["http://localhost:4200", "http://127.0.0.1:4200"] {
        for path in ["/upload-excel", "/generate-post", "/generate-promo"] {
            let response = preflight(&app, origin, path).await;
            assert!(response.status().is_success());
            let headers = response.headers();
            assert!(headers.contains_key("x-request-id"));
            assert_eq!(headers["access-control-allow-origin"], origin);
            assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
            assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("content-type"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_can_be_read_by_the_portal_too() {
    let app = TestApp::spawn().await;
    let request = app.request(Method::POST, "/generate-post").header("origin", "http://localhost:4200");
    let response = request.json(&json!([])).send().await.unwrap();
    assert_eq!(response.status(), 422);
    assert_eq!(response.headers()["access-control-allow-origin"], "http://localhost:4200");
    assert!(response.headers()["access-control-expose-headers"].to_str().unwrap().contains("x-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_origin_is_allowed_nothing() {
    let app = TestApp::spawn().await;
    for origin in ["https://example.org", "http://localhost:4201", "http://localhost:4200.example.org", "null"] {
        let response = preflight(&app, origin, "/upload-excel").await;
        assert!(response.headers().get("access-control-allow-origin").is_none(), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_origin_may_call_where_the_operator_says_so() {
    let app = TestApp::spawn_with(Setup { allow_origins: vec!["*".to_owned()], ..Setup::default() }).await;
    let response = preflight(&app, "https://example.org", "/upload-excel").await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(response.headers().get("access-control-allow-credentials").is_none());
}
