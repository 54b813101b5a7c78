//! What `POST /segments/export` refuses.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::json;

use super::{downloaded, kept};
use crate::app::TestApp;
use crate::download::Book;
use crate::form::Form;
use crate::problems::problem;
use crate::sheets::{CUSTOMER, HEADER, csv};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_answer_is_told_where_and_why_and_is_not_quoted() {
    let app = TestApp::spawn().await;
    let secret = "S8012345A";
    let cases = [
        (json!({}), "clusters", "must be there, or segments"),
        (json!([]), "body", "must be an object"),
        (json!({"clusters": "none"}), "clusters", "must be a list of at most 1000 entries"),
        (json!({"clusters": [{}]}), "clusters[0]", "lacks cluster_id"),
        (json!({"clusters": [{"cluster_id": secret}]}), "clusters[0].cluster_id", "must be a whole number"),
        (json!({"segments": [{"cluster_id": 1, "size": -4}]}), "segments[0].size", "must be a whole number"),
        (json!({"segments": [{"cluster_id": 1, "content": secret}]}), "segments[0].content", "must be an object"),
        (
            json!({"segments": [{"cluster_id": 1, "persona": {"Top": [[secret]]}}]}),
            "segments[0].persona.Top[0]",
            "must be text, a number, true, false or null",
        ),
        (json!({"clusters": [], "format": 3}), "format", "must be text"),
        (
            json!({"clusters": [{"cluster_id": 1, "distinguishing": [{"key": "Town", "value": "Bedok", "claim": "x"}]}]}),
            "clusters[0].distinguishing[0].claim",
            "must be one of",
        ),
        (kept(&json!({secret: secret})), "clusters[0].members", "must be a list of members"),
        (kept(&json!([{"A": 1}, secret])), "clusters[0].members[1]", "must be an object of texts"),
        (kept(&json!([{"A": {secret: 1}}])), "clusters[0].members[0].A", "must be text, a number"),
        (kept(&json!([{}, {}, {"A": [secret]}])), "clusters[0].members[2].A", "must be text, a number"),
    ];
    for (body, field, rule) in cases {
        let (status, problem) = problem(app.post("/segments/export", &body).await).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid_fields")), "{body}");
        assert_eq!(problem["details"][0]["field"], field, "{body}");
        let message = problem["details"][0]["message"].as_str().unwrap();
        assert!(message.starts_with(rule), "{field} {message}");
        assert!(!problem.to_string().contains(secret), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_body_says_twice_is_refused_unless_it_is_the_same() {
    let app = TestApp::spawn().await;
    let members = r#"[{"Town": "Bedok"}, {"Town": "Novena", "Tier": "Gold", "T\u006fwn": "Bedok"}]"#;
    let persona = r#"{"Top_Gender": "Male", "Top_Gender": "Female"}"#;
    for (entry, field, message) in [
        (format!("\"members\": {members}"), "clusters[0].members[1]", "has the key Town twice; send it once"),
        (format!("\"persona\": {persona}"), "clusters[0].persona", "holds a field twice"),
    ] {
        let body = format!("{{\"clusters\": [{{\"cluster_id\": 1, {entry}}}]}}");
        let request = app.request(Method::POST, "/segments/export").header("content-type", "application/json");
        let (status, problem) = problem(request.body(body).send().await.unwrap()).await;
        let detail = &problem["details"][0];
        assert_eq!((status, &detail["field"], &detail["message"]), (422, &json!(field), &json!(message)), "{problem}");
    }

    let form = |format: &str| Form::new().text("format", format).file("a.csv", &csv([HEADER, CUSTOMER]));
    let told = |name: &str| format!("must be left out, or say the same as ?{name}= in the address");
    let (status, refused) = problem(app.export_form("/segments/export?format=csv", form("xlsx")).await).await;
    assert_eq!((status, &refused["details"][0]["message"]), (422, &json!(told("format"))));
    let body = json!({"clusters": [], "format": "csv"});
    let (status, refused) = problem(app.post("/segments/export?format=xlsx", &body).await).await;
    assert_eq!((status, &refused["details"][0]["field"]), (422, &json!("format")));
    let keeping = form("csv").text("keep", "identifier");
    let (status, refused) = problem(app.export_form("/segments/export?keep=row", keeping).await).await;
    assert_eq!((status, &refused["details"][0]["message"]), (422, &json!(told("keep"))));
    assert_eq!(app.export_form("/segments/export?format=CSV", form("csv")).await.status(), 200);
    assert_eq!(app.post("/segments/export?format=csv", &body).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_body_is_refused_and_the_server_goes_on() {
    let app = TestApp::spawn().await;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let many = (0..1_100).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",");
    let long_key = "k".repeat(1 << 20);
    let members = |json: &str| format!("{{\"clusters\":[{{\"cluster_id\":1,\"members\":{json}}}]}}");
    let cases = [
        (String::new(), 400, "broken_json"),
        ("{\"clusters\": [".to_owned(), 400, "broken_json"),
        ("{\"clusters\": []} and more".to_owned(), 400, "broken_json"),
        (members("[{\"a\": }]"), 400, "broken_json"),
        (members(&deep(1_000_000)), 422, "invalid_fields"),
        (format!("{{\"clusters\":{}}}", deep(1_000_000)), 422, "invalid_fields"),
        (members(&format!("[{{\"a\":{}}}]", deep(100_000))), 422, "invalid_fields"),
        (members("[{\"a\":1e999}]"), 422, "invalid_fields"),
        (members("[{\"a\":\"\\ud800\"}]"), 422, "invalid_fields"),
        (members(&format!("[{{\"{long_key}\":[]}}]")), 422, "invalid_fields"),
        (members(&format!("[{{{many}}}]")), 413, "too_many_columns"),
        (members(&format!("[{}{{}}]", "{},".repeat(1_048_575))), 413, "too_many_rows"),
        (format!("{{\"clusters\":[{}]}}", vec!["{\"cluster_id\":1}"; 1_001].join(",")), 422, "invalid_fields"),
        (format!("{{\"clusters\":[],\"x\":\"{}\"}}", "a".repeat(64 << 20)), 413, "body_too_large"),
    ];
    for (body, status, code) in cases {
        let start: String = body.chars().take(80).collect();
        let request = app.request(Method::POST, "/segments/export").header("content-type", "application/json");
        let found = problem(request.body(body).send().await.unwrap()).await;
        assert_eq!((found.0, found.1["code"].as_str().unwrap()), (status, code), "{start}: {}", found.1);
        assert!(found.1.to_string().len() < 1_500, "{start}");
    }
    // What is not used is not looked into, however deep.
    let unused = format!("{{\"clusters\":[],\"x\":{}}}", deep(1_000_000));
    let request = app.request(Method::POST, "/segments/export").header("content-type", "application/json");
    Book::read(downloaded(request.body(unused).send().await.unwrap()).await);
    let plain = app.request(Method::POST, "/segments/export").header("content-type", "text/plain").body("{}");
    assert_eq!(problem(plain.send().await.unwrap()).await.1["code"], "not_json");
    assert_eq!(app.get("/readyz").await.status(), 200);
    assert_eq!(app.kept(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_that_cannot_be_read_is_refused_as_an_upload_is() {
    let app = TestApp::spawn().await;
    for (form, status, code) in [
        (Form::new().text("format", "csv"), 400, "no_file"),
        (Form::new().file("a.xlsx", b""), 400, "empty_file"),
        (Form::new().file("a.csv", &csv([HEADER])), 422, "no_usable_row"),
        (Form::new().file("a.pdf", b"%PDF-1.7"), 415, "wrong_extension"),
    ] {
        let (found, problem) = problem(app.export_form("/segments/export", form).await).await;
        assert_eq!((found, problem["code"].as_str().unwrap()), (status, code));
        assert_eq!(app.kept(), Vec::<PathBuf>::new());
    }
}
