//! Live progress: event streams instead of one late answer.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, list, ok, root};
use crate::form::Form;
use crate::sheets::{CUSTOMER, csv};
use crate::upstream;

/// Customers of several segments.
const FILE: &str = "tests/fixtures/upload_2000.xlsx";

/// One event of a stream.
pub struct Event {
    pub name: String,
    pub data: Value,
}

/// Every event of a stream that has ended (HTML standard, 9.2.6).
pub async fn events(response: Response) -> Vec<Event> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let text = response.text().await.unwrap();
    let blocks = text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    let field = |block: &str, name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_else(|| panic!("no {name} in {block}"))
            .to_owned()
    };
    let event = |block: &str| Event {
        name: field(block, "event: "),
        data: serde_json::from_str(&field(block, "data: ")).unwrap(),
    };
    blocks.map(event).collect()
}

pub fn named<'e>(events: &'e [Event], name: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event.name == name).map(|event| &event.data).collect()
}

pub async fn upload_live(app: &TestApp, form: Form) -> Response {
    let (content_type, body) = form.finish();
    let request = app.request(Method::POST, "/upload-excel").header("content-type", content_type);
    request.header("accept", "text/event-stream").body(body).send().await.unwrap()
}

pub async fn generate_live(app: &TestApp, body: &Value) -> Response {
    let request = app.request(Method::POST, "/generate-promo").header("accept", "text/event-stream");
    request.json(body).send().await.unwrap()
}

/// A stream that has told its first segment, and what it said so far.
async fn first_segment(app: &TestApp) -> (Response, String) {
    let file = std::fs::read(root(FILE)).unwrap();
    let mut response = upload_live(app, Form::new().file("a.xlsx", &file)).await;
    let mut heard = String::new();
    while !heard.contains("event: segment") {
        heard.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    (response, heard)
}

/// An answer without what differs from run to run.
fn timeless(mut answer: Value) -> Value {
    for volatile in ["timings_ms", "upload"] {
        answer.as_object_mut().unwrap().remove(volatile).unwrap();
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_tells_of_its_rows_and_of_each_segment_and_ends_with_the_whole_answer() {
    let app = TestApp::spawn().await;
    let file = std::fs::read(root(FILE)).unwrap();
    let events = events(upload_live(&app, Form::new().file("a.xlsx", &file)).await).await;
    let answer = named(&events, "done")[0];
    assert_eq!(timeless(answer.clone()), timeless(app.upload("a.xlsx", &file).await));
    assert_eq!(events.last().unwrap().name, "done");

    let mut steps: Vec<&str> = named(&events, "progress").iter().map(|p| p["step"].as_str().unwrap()).collect();
    steps.dedup();
    assert_eq!(steps, ["reading", "grouping", "writing"]);
    let n = list(&answer["segments"]).len();
    let last = *named(&events, "progress").last().unwrap();
    assert_eq!(last, &json!({ "step": "writing", "done": n, "of": n }));
    let mut told: Vec<&Value> = named(&events, "segment");
    told.sort_by_key(|segment| segment["cluster_id"].as_i64().map(|id| if id < 0 { i64::MAX } else { id }));
    assert_eq!(told, list(&answer["segments"]).iter().collect::<Vec<_>>());
    assert_eq!(app.kept().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_told_while_another_is_still_being_written() {
    let (release, held) = tokio::sync::watch::channel(false);
    let upstream = upstream::Held::start(held).await;
    let app = TestApp::spawn_with(Setup { writer: upstream::writer_at(&upstream.uri), ..Setup::default() }).await;
    let (mut response, mut heard) = first_segment(&app).await;
    assert!(!heard.contains("event: done"));
    release.send(true).unwrap();
    while let Some(chunk) = response.chunk().await.unwrap() {
        heard.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(heard.contains("event: done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_tells_of_each_variant_and_picture() {
    let app = TestApp::spawn().await;
    let body = json!({ "location": "Bedok", "post_type": "Both", "num_variants": 2 });
    let events = events(generate_live(&app, &body).await).await;
    let answer = named(&events, "done")[0];
    assert_eq!(answer, &ok(app.post("/generate-promo", &body).await).await);
    let variants = named(&events, "variant");
    assert_eq!(variants.len(), 4);
    for (n, variant) in (1..).zip(&variants[..2]) {
        let (text, content_id) = (&answer["variants"][n - 1], &answer["tracking"][n - 1]["content_id"]);
        assert_eq!(**variant, json!({ "variant": n, "of": 2, "text": text, "content_id": content_id }));
        assert_eq!(*variants[n + 1], json!({ "variant": n, "of": 2, "image": answer["images"][n - 1] }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_refused_at_once_is_refused_with_a_status_of_its_own() {
    let app = TestApp::spawn().await;
    let response = generate_live(&app, &json!({ "tone": "Loud" })).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (422, &"application/problem+json".parse().unwrap())
    );
    let response = upload_live(&app, Form::new().text("objective", "x")).await;
    assert_eq!(response.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_later_is_told_by_an_error_event_with_the_same_problem() {
    let app = TestApp::spawn().await;
    let form = || Form::new().file("a.csv", &csv([CUSTOMER, CUSTOMER]));
    let events = events(upload_live(&app, form()).await).await;
    let [.., last] = &events[..] else { panic!("no event") };
    let plain: Value = app.send(form()).await.json().await.unwrap();
    assert_eq!(last.name, "error");
    for key in ["status", "code", "error", "title", "type", "detail"] {
        assert_eq!(last.data[key], plain[key], "{key}");
    }
    assert!(last.data["request_id"].is_string());
    assert_eq!(named(&events, "done").len(), 0);
    assert_eq!(app.kept(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_ends_the_work_is_counted_and_what_was_accepted_is_kept() {
    let (_hold, held) = tokio::sync::watch::channel(false);
    let upstream = upstream::Held::start(held).await;
    let app = TestApp::spawn_with(Setup { writer: upstream::writer_at(&upstream.uri), ..Setup::default() }).await;
    let (response, _) = first_segment(&app).await;
    drop(response);
    let gone = r#"content_portal_requests_total{route="/upload-excel",method="POST",status="499"} 1"#;
    app.until(async |app| app.get("/metrics").await.text().await.unwrap().contains(gone)).await;
    // It is written beside the work, and may take a moment longer.
    let sent = std::fs::read(root(FILE)).unwrap();
    app.until(async |app| matches!(&app.kept()[..], [kept] if std::fs::read(kept).is_ok_and(|kept| kept == sent)))
        .await;
}
