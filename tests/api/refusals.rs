//! What cannot be taken: each refused with a status, a code and a sentence that says what to change.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, root};
use crate::form::Form;
use crate::sheets::{CUSTOMER, HEADER, csv, xlsx};

/// The problem that a request is refused with: checked for its shape, its id taken out.
async fn problem(response: Response) -> Value {
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let mut problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["request_id"], id.as_str());
    assert_eq!(problem["error"], problem["detail"]);
    let sentence = problem["error"].as_str().unwrap();
    let starts_well = sentence.starts_with(|first: char| first.is_uppercase() || !first.is_alphabetic());
    assert!(starts_well && sentence.ends_with('.'), "{sentence}");
    problem["request_id"] = json!("[id]");
    problem
}

/// Asserts what the portal may rely on: status, code, and that the server goes on.
pub async fn assert_refused(app: &TestApp, response: Response, status: u16, code: &str) -> Value {
    let problem = problem(response).await;
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(status.into()), Some(code)), "{problem}");
    assert_eq!(app.get("/readyz").await.status(), 200);
    problem
}

fn sheet() -> Vec<u8> {
    csv([HEADER, CUSTOMER])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_upload_that_cannot_be_taken_says_what_to_change_and_leaves_nothing_behind() {
    let app = TestApp::spawn().await;
    let headless = csv([CUSTOMER, CUSTOMER]);
    let without_tier = csv([&HEADER[..4], &CUSTOMER[..4]]);
    let unusable = csv([HEADER, ["A1", "tomorrow", "Bedok", "Female", "Gold"], ["A2", "2024-02-29", "", "", "Gold"]]);
    let damaged = xlsx([HEADER, CUSTOMER]);
    let cases: [(&str, Form, u16, &str); 12] = [
        ("no file", Form::new().text("objective", "More visits"), 400, "no_file"),
        ("no field", Form::new(), 400, "no_file"),
        ("another field", Form::new().file_in("upload", "a.xlsx", &sheet()), 400, "no_file"),
        ("two files", Form::new().file("a.csv", &sheet()).file("b.csv", &sheet()), 400, "second_file"),
        ("an empty file", Form::new().file("a.xlsx", b""), 400, "empty_file"),
        ("a picture", Form::new().file("a.xlsx", b"\x89PNG\r\n\x1a\n0000"), 415, "not_a_workbook"),
        ("a wrong extension", Form::new().file("a.pdf", &sheet()), 415, "wrong_extension"),
        ("half a workbook", Form::new().file("a.xlsx", &damaged[..damaged.len() / 2]), 422, "damaged_workbook"),
        ("no header", Form::new().file("a.csv", &headless), 422, "missing_columns"),
        ("a missing column", Form::new().file("a.csv", &without_tier), 422, "missing_columns"),
        ("only a header", Form::new().file("a.csv", &csv([HEADER])), 422, "no_usable_row"),
        ("no usable row", Form::new().file("a.csv", &unusable), 422, "no_usable_row"),
    ];
    let mut told = Vec::new();
    for (name, form, status, code) in cases {
        let problem = assert_refused(&app, app.send(form).await, status, code).await;
        told.push(format!("{name}: {}", problem["error"].as_str().unwrap()));
        assert_eq!(app.kept(), Vec::<std::path::PathBuf>::new(), "{name}");
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_called_a_workbook_is_told_which_columns_it_lacks() {
    let app = TestApp::spawn().await;
    let response = app.send(Form::new().file("letter.xlsx", b"Dear team,\nplease find the list below.\n")).await;
    let problem = problem(response).await;
    assert_eq!(problem["status"].as_u64().unwrap() / 100, 4);
    let sentence = problem["error"].as_str().unwrap();
    assert!(sentence.contains("Date Joined") && sentence.contains("Loyalty Tier"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_never_quotes_a_customer() {
    let app = TestApp::spawn().await;
    let rows =
        [["A. Person", "person@example.org", "+65 6000 0000"], ["B. Person", "other@example.org", "+65 6000 0001"]];
    let problem = problem(app.send(Form::new().file("a.csv", &csv(rows))).await).await.to_string();
    assert!(!problem.contains("Person") && !problem.contains("example.org") && !problem.contains("6000"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_without_any_header_is_not_quoted_either() {
    let app = TestApp::spawn().await;
    let rows = [["Anna Person", "Bedok", "Female", "Gold"], ["Ben Person", "Yishun", "Male", "Silver"]];
    let problem = problem(app.send(Form::new().file("a.csv", &csv(rows))).await).await.to_string();
    assert!(
        problem.contains("missing_columns") && !problem.contains("Person") && !problem.contains("Yishun"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_too_long_is_blamed_on_its_field_and_too_many_on_the_form() {
    let app = TestApp::spawn().await;
    let long = Form::new().text("objective", &"more ".repeat(5_000)).file("a.csv", &sheet());
    let problem = assert_refused(&app, app.send(long).await, 422, "invalid_fields").await;
    assert_eq!(problem["details"][0]["field"], "objective");
    let many = (0..40).fold(Form::new(), |form, n| form.text(&format!("field{n}"), "x")).file("a.csv", &sheet());
    assert_refused(&app, app.send(many).await, 400, "too_many_fields").await;
    assert_eq!(app.kept().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_s_campaign_is_checked_under_the_portal_s_own_names() {
    let app = TestApp::spawn().await;
    let form = Form::new().file("a.csv", &sheet()).text("funnelStage", "Later").text("pastEngagement", "Some");
    let problem = assert_refused(&app, app.send(form).await, 422, "invalid_fields").await;
    assert_eq!(problem["details"][0]["field"], "funnelStage");
    assert_eq!(problem["details"][1]["field"], "pastEngagement");
    assert_eq!(app.kept().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_no_form_is_told_to_be_one() {
    let app = TestApp::spawn().await;
    let form_types = ["application/json", "text/csv", "multipart/form-data", ""];
    for content_type in form_types {
        let request = app.request(Method::POST, "/upload-excel").header("content-type", content_type).body(sheet());
        assert_refused(&app, request.send().await.unwrap(), 415, "not_multipart").await;
    }
    let (content_type, body) = Form::new().file("a.csv", &sheet()).cut_off();
    let request = app.request(Method::POST, "/upload-excel").header("content-type", content_type).body(body);
    assert_refused(&app, request.send().await.unwrap(), 400, "broken_form").await;
    assert_eq!(app.kept().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_above_the_limit_is_told_the_limit() {
    let app = TestApp::spawn_with(Setup { max_upload_bytes: 1 << 20, ..Setup::default() }).await;
    for size in [(1 << 20) + 1, 3 << 20, 40 << 20] {
        let response = app.send(Form::new().file("a.csv", &vec![b'a'; size])).await;
        let problem = assert_refused(&app, response, 413, "upload_too_large").await;
        assert!(problem["error"].as_str().unwrap().contains("1 MB"), "{problem}");
        assert_eq!(app.kept().len(), 0);
    }
    let sample = std::fs::read(root("tests/fixtures/upload_2000.xlsx")).unwrap();
    assert_eq!(app.send(Form::new().file("a.xlsx", &sample)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_that_is_refused_early_still_reads_its_refusal() {
    let app = TestApp::spawn().await;
    let file = vec![b'a'; 20 << 20];
    assert_refused(&app, app.send(Form::new().file("a.pdf", &file)).await, 415, "wrong_extension").await;
    let request = app.request(Method::POST, "/generate-post").header("content-type", "text/plain").body(file);
    assert_refused(&app, request.send().await.unwrap(), 415, "not_json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_json_body_that_cannot_be_taken_says_what_to_change() {
    let app = TestApp::spawn().await;
    let cases: [(&str, &str, u16, &str); 9] = [
        ("application/json", "", 400, "broken_json"),
        ("application/json", "{\"objective\": ", 400, "broken_json"),
        ("application/json", "{\"objective\": \"a\"} and more", 400, "broken_json"),
        ("application/json", "[1, 2]", 422, "not_an_object"),
        ("application/json", "\"text\"", 422, "not_an_object"),
        ("application/json", "null", 422, "not_an_object"),
        ("application/json", "{\"tone\": [\"Fun\"]}", 422, "invalid_fields"),
        ("text/plain", "{}", 415, "not_json"),
        ("application/x-www-form-urlencoded", "objective=a", 415, "not_json"),
    ];
    for path in ["/generate-post", "/generate-promo"] {
        for (content_type, body, status, code) in cases {
            let request = app.request(Method::POST, path).header("content-type", content_type).body(body);
            assert_refused(&app, request.send().await.unwrap(), status, code).await;
        }
        let large = format!("{{\"objective\": \"{}\"}}", "a".repeat(9 << 20));
        let request = app.request(Method::POST, path).header("content-type", "application/json").body(large);
        assert_refused(&app, request.send().await.unwrap(), 413, "body_too_large").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named_as_the_caller_named_it_with_what_is_allowed() {
    let app = TestApp::spawn().await;
    let body = json!({
        "loyalty_tier": "Bronze", "join_year": "1066", "join_month": "Brumaire", "post_type": "Video",
        "platform": "Radio", "num_variants": 99, "objective": "a".repeat(101), "campaign_inputs": "none",
    });
    let problem = assert_refused(&app, app.post("/generate-promo", &body).await, 422, "invalid_fields").await;
    insta::assert_json_snapshot!(problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_does_not_exist_cannot_be_written_for() {
    let app = TestApp::spawn().await;
    for id in [json!(99), json!(-1), json!("first"), json!(1.5)] {
        let response = app.post("/generate-post", &json!({ "cluster_id": id })).await;
        let problem = assert_refused(&app, response, 422, "invalid_fields").await;
        assert_eq!(problem["details"][0]["field"], "cluster_id", "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_or_a_method_that_does_not_exist_is_a_problem_too() {
    let app = TestApp::spawn().await;
    assert_refused(&app, app.get("/no/such/route").await, 404, "no_such_route").await;
    assert_refused(&app, app.post("/no", &json!({})).await, 404, "no_such_route").await;
    for (method, path, allowed) in [
        (Method::GET, "/upload-excel", "POST"),
        (Method::DELETE, "/generate-post", "POST"),
        (Method::POST, "/healthz", "GET"),
        (Method::POST, "/", "GET"),
        (Method::TRACE, "/healthz", "GET"),
    ] {
        let response = app.request(method, path).send().await.unwrap();
        let allow = response.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
        assert!(allow.as_deref().is_some_and(|allow| allow.contains(allowed)), "{path} allows {allow:?}");
        assert_refused(&app, response, 405, "method_not_allowed").await;
    }
}
