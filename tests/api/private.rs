//! What callers and their customers would not want told: nothing of it is in a log, a metric, an error or a prompt.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use content_portal::content::{BreakerPolicy, WriterConfig};
use reqwest::Method;
use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use wiremock::ResponseTemplate;

use crate::app::{Setup, TestApp};
use crate::form::Form;
use crate::sheets::{csv, xlsx};
use crate::upstream::{self, KEY, written};

/// Everything that the tests of this binary log while it is listened to, and the libraries beneath, down to the last
/// word.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let told = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("trace")).with_writer(log.clone());
    told.json().flatten_event(true).with_ansi(false).init();
    log
});

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

const NAME: &str = "Philippa Quellhorst";
const EMAIL: &str = "philippa.q@quellhorst.example";
const PHONE: &str = "+65 9187 6543";
const SECRET: &str = "sk-live-7c1e9f00b2a84d6f9e3a5b";
const NOTE: &str = "Allergic-to-Quinoa";
/// The same telephone number where a sheet or a form took it for a number.
const PHONE_NUMBER: u64 = 6_591_876_543;
const SEEDS: [&str; 6] = [NAME, EMAIL, PHONE, "91876543", SECRET, NOTE];

/// Customers with everything in their columns, and some whose cells have slipped into those of the schema.
fn rows() -> Vec<Vec<String>> {
    let header = [
        "Customer ID",
        "Full Name",
        "Email Address",
        "Phone Number",
        "Date Joined",
        "Location",
        "Gender",
        "Loyalty Tier",
        "Notes",
        SECRET,
    ];
    let customer = |place: &str| {
        [SECRET, NAME, EMAIL, PHONE, "2024-02-29", place, "Female", "Gold", NOTE, EMAIL].map(str::to_owned).to_vec()
    };
    let phone_number = PHONE_NUMBER.to_string();
    let places = ["Bedok", EMAIL, PHONE, SECRET, &phone_number];
    let rows = places.iter().cycle().take(40).map(|place| customer(place));
    std::iter::once(header.map(str::to_owned).to_vec()).chain(rows).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_address_number_or_key_is_in_a_log_a_metric_an_error_or_a_prompt() {
    LazyLock::force(&LOG);
    let upstream = upstream::start(Box::new(|prompt: &str| {
        if prompt.contains("an email") {
            ResponseTemplate::new(500).set_body_string(prompt)
        } else {
            written("A text.")
        }
    }))
    .await;
    let breaker = BreakerPolicy { max_faults: 100, ..BreakerPolicy::default() };
    let writer = WriterConfig { breaker, ..upstream::writer(&upstream) };
    let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
    let mut told = Vec::new();

    let rows = rows();
    for (name, bytes) in [(format!("{NAME} {EMAIL}.csv"), csv(&rows)), (format!("{SECRET}.xlsx"), xlsx(&rows))] {
        for platform in ["Email", "Facebook"] {
            let form = Form::new().file(&name, &bytes).text("platform", platform).text("email", EMAIL);
            let (content_type, body) = form.text(SECRET, PHONE).finish();
            let request = app.request(Method::POST, "/upload-excel").header("content-type", content_type);
            let response = seeded(request).body(body).send().await.unwrap();
            assert_eq!(response.status(), 200);
        }
    }
    let body = json!({"full_name": NAME, "email": EMAIL, "phone": PHONE, "api_key": SECRET, "notes": NOTE,
        "persona": {"Top_Locations": [EMAIL, PHONE, SECRET, PHONE_NUMBER], "Full Name": NAME, "Email": EMAIL}, "platform": "Email"});
    for body in [body.clone(), json!({"platform": SECRET, "join_year": PHONE, "cluster_id": EMAIL, "tone": NAME})] {
        let response = seeded(app.request(Method::POST, "/generate-post")).json(&body).send().await.unwrap();
        assert!(!response.status().is_success());
        told.push(response.text().await.unwrap());
    }
    let response =
        seeded(app.request(Method::POST, "/generate-post")).body(format!("{{\"{EMAIL}")).send().await.unwrap();
    told.push(response.text().await.unwrap());
    let not_a_workbook = Form::new().file(&format!("{NAME}.xlsx"), EMAIL.as_bytes()).finish();
    let request = app.request(Method::POST, "/upload-excel").header("content-type", not_a_workbook.0);
    told.push(seeded(request).body(not_a_workbook.1).send().await.unwrap().text().await.unwrap());
    told.push(seeded(app.request(Method::GET, "/models")).send().await.unwrap().text().await.unwrap());
    told.push(app.get("/metrics").await.text().await.unwrap());

    let prompts = upstream.received_requests().await.unwrap();
    assert!(prompts.len() >= 4);
    told.extend(prompts.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned()));
    let log = LOG.text();
    let is_heard = ["\"TRACE\"", "hyper", "a segment was not written"].iter().all(|told| log.contains(told));
    assert!(is_heard, "nothing was listened to");
    assert!(!log.contains("\\u001b") && !log.contains("forged line"), "a caller wrote into the log");
    told.push(log);
    for text in &told {
        for seed in SEEDS.into_iter().chain([KEY]) {
            assert!(!text.contains(seed), "{seed} in {}", &text[..text.len().min(2_000)]);
        }
    }
}

/// The request with everything in its headers that a browser or a proxy may put there, and an attempt at the log.
fn seeded(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    request
        .header("authorization", format!("Bearer {SECRET}"))
        .header("cookie", format!("session={SECRET}; mail={EMAIL}"))
        .header("user-agent", format!("{NAME} <{EMAIL}>"))
        .header("x-request-id", format!("{EMAIL}\tforged line"))
        .header("x-forwarded-for", PHONE)
        .header("referer", format!("http://localhost:4200/?mail={EMAIL}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_that_it_is_what_it_says_it_is() {
    let app = TestApp::spawn().await;
    let script = json!({"objective": "<script>alert(1)</script>", "industry": "=HYPERLINK(\"x\")"});
    let responses = [
        (app.post("/generate-post", &script).await, "application/json"),
        (app.post("/generate-post", &json!({"tone": "<script>"})).await, "application/problem+json"),
        (app.get("/<script>").await, "application/problem+json"),
        (app.get("/metrics").await, "text/plain; version=0.0.4; charset=utf-8"),
    ];
    for (response, content_type) in responses {
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["content-type"], content_type);
    }
}
