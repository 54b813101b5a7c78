//! The life of a server: starting, ready, taking over a new model, ending.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use content_portal::content::{BudgetConfig, Lease, Lessor, Writer, WriterConfig, WriterKind};
use content_portal::http::{Prepared, ServeError};
use content_portal::model_store::ModelStore;
use content_portal::pipeline::SegmentId;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{Setup, TestApp, ok, reader};
use crate::form::Form;
use crate::second_schema;
use crate::sheets::{CUSTOMER, HEADER, csv};
use crate::trained::{SAMPLE_MODEL, TrainedVersion};
use crate::upstream;

fn prepared(store: ModelStore) -> Result<Prepared, String> {
    let writer = WriterConfig { kind: WriterKind::Offline, ..WriterConfig::default() };
    let version = store.load_current().map_err(|e| e.to_string())?;
    Ok(Prepared {
        version: Some(version),
        store,
        following: None,
        writer: Writer::new(&writer).unwrap(),
        on_load: Arc::new(|_| {}),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_opens_before_it_is_ready_lives_and_says_that_it_is_starting() {
    let folders = tempfile::tempdir().unwrap();
    let models = folders.path().join("models");
    SAMPLE_MODEL.publish_to(&models);
    let (go, wait) = mpsc::channel::<()>();
    let app = TestApp::start(folders, Setup::default(), move |opening| {
        opening.open();
        wait.recv().unwrap();
        prepared(ModelStore::new(&models))
    })
    .await;

    assert_eq!(app.get("/healthz").await.status(), 200);
    let waiting = [
        app.get("/readyz").await,
        app.post("/generate-post", &json!({})).await,
        app.send(Form::new().file("a.csv", &csv([HEADER, CUSTOMER]))).await,
    ];
    for response in waiting {
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(response.headers().contains_key("retry-after"));
        assert_eq!(response.json::<Value>().await.unwrap()["code"], "starting");
    }
    go.send(()).unwrap();
    app.until(async |app| app.get("/readyz").await.status() == 200).await;
    let ready = ok(app.get("/readyz").await).await;
    assert_eq!((&ready["status"], &ready["writer"]), (&json!("ready"), &json!("offline")));
    assert_eq!(ready["model_version"], SAMPLE_MODEL.id.as_str());
    assert_eq!(app.get("/healthz").await.status(), 200);
    assert_eq!(app.post("/generate-post", &json!({})).await.status(), 200);
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_come_before_the_model_is_loaded_wait_and_are_answered() {
    let folders = tempfile::tempdir().unwrap();
    let models = folders.path().join("models");
    SAMPLE_MODEL.publish_to(&models);
    let (go, wait) = mpsc::channel::<()>();
    let app = TestApp::start(folders, Setup::default(), move |_| {
        wait.recv().unwrap();
        prepared(ModelStore::new(&models))
    })
    .await;
    let mut waiting = Vec::new();
    for request in ["GET /readyz", "POST /generate-promo"].into_iter().cycle().take(100) {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2";
        stream.write_all(format!("{request} HTTP/1.1\r\n{head}\r\n\r\n{{}}").as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    go.send(()).unwrap();
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_before_it_opens_ends() {
    let (go, wait) = mpsc::channel::<()>();
    let app = TestApp::start(tempfile::tempdir().unwrap(), Setup::default(), move |_| {
        wait.recv().map_err(|e| e.to_string())?;
        Err("it went on".to_owned())
    })
    .await;
    app.stop().await.unwrap();
    drop(go);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_up_that_fails_ends_the_server_with_its_error() {
    let folders = tempfile::tempdir().unwrap();
    let store = ModelStore::new(folders.path().join("models"));
    let mut app = TestApp::start(folders, Setup::default(), move |_| prepared(store)).await;
    let error = app.ended().await.unwrap_err();
    let ServeError::Prepare(cause) = &error else { panic!("{error}") };
    assert!(cause.to_string().contains("has no current model version"), "{cause}");
    assert!(TcpStream::connect(app.address).await.is_err(), "it still listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_up_that_panics_ends_the_server_too() {
    let folders = tempfile::tempdir().unwrap();
    let mut app = TestApp::start(folders, Setup::default(), |_| panic!("this panic belongs to the test")).await;
    assert!(matches!(app.ended().await, Err(ServeError::Prepare(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_an_error_of_its_own() {
    let app = TestApp::spawn().await;
    let settings = content_portal::http::Settings { address: app.address, ..Default::default() };
    let parts = crate::app::parts(&app.models, None, reader());
    let error = content_portal::http::Application::bind(settings, parts).await.map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {}", app.address));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newly_published_version_is_taken_over_with_the_marketers_entries() {
    let entry = json!({"Interests": "Baking"});
    let personas = [(SegmentId::new(0), entry.as_object().unwrap().clone())].into();
    let app = TestApp::spawn_with(Setup { personas, ..Setup::default() }).await;
    assert_eq!(ok(app.get("/readyz").await).await["model_version"], SAMPLE_MODEL.id.as_str());
    let other: &TrainedVersion = &second_schema::MODEL;
    other.publish_to(&app.models);
    app.until(async |app| ok(app.get("/readyz").await).await["model_version"] == other.id.as_str()).await;
    let answer = app.generate("/generate-post", &json!({"cluster_id": 0})).await;
    assert_eq!(answer["model_version"], other.id.as_str());
    assert_eq!(answer["persona"]["Interests"], "Baking");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_answers_what_is_under_way_and_then_nothing() {
    let slow = |_: &str| upstream::written("A late text.").set_delay(Duration::from_millis(300));
    let upstream = upstream::start(Box::new(slow)).await;
    let app = TestApp::spawn_with(Setup { writer: upstream::writer(&upstream), ..Setup::default() }).await;
    let (content_type, body) = Form::new().file("a.csv", &csv([HEADER, CUSTOMER])).finish();
    let request = app.request(reqwest::Method::POST, "/upload-excel").header("content-type", content_type);
    let under_way = tokio::spawn(request.body(body).send());
    app.until(async |_| !upstream.received_requests().await.unwrap().is_empty()).await;

    let address = app.address;
    app.stop().await.unwrap();
    let answer = ok(under_way.await.unwrap().unwrap()).await;
    assert_eq!(answer["clusters"][0]["default_post"], "A late text.");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_ends_once_the_calls_whose_client_has_left_are_settled() {
    for idempotency_key in [None, Some("a-key-of-the-caller")] {
        let slow = |_: &str| upstream::written("A late text.").set_delay(Duration::from_millis(500));
        let (upstream, state) = (upstream::start(Box::new(slow)).await, tempfile::tempdir().unwrap());
        let budget = Some(BudgetConfig { usd_per_day: 1.0, state_dir: state.path().to_owned() });
        let writer = WriterConfig { budget, ..upstream::writer(&upstream) };
        let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
        let mut request = app.request(reqwest::Method::POST, "/generate-post").json(&json!({}));
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let leaving = tokio::spawn(request.send());
        app.until(async |_| !upstream.received_requests().await.unwrap().is_empty()).await;
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        app.stop().await.unwrap();
        let ledger = std::fs::read(state.path().join("budget.json")).unwrap();
        let ledger: Value = serde_json::from_slice(&ledger).unwrap();
        let days = ledger["days"].as_object().unwrap();
        let spent_usd: f64 = days.values().map(|day| day["spent_usd"].as_f64().unwrap()).sum();
        // 100 tokens read and 20 written, of some 5,000 micro-dollars that were reserved.
        assert!((spent_usd - 0.000_027).abs() < 1e-9, "{idempotency_key:?}: {spent_usd}");
    }
}

/// What a server has leased of its budget.
#[derive(Debug, Default)]
struct Leased(Mutex<f64>);

impl Lessor for Leased {
    fn lease(&self, lease: &Lease) -> std::io::Result<f64> {
        let mut leased = self.0.lock().unwrap();
        let granted = lease.grant(*leased);
        *leased += granted;
        Ok(granted)
    }

    fn give_again(&self, _: Date, _: Option<&str>, usd: f64) {
        *self.0.lock().unwrap() -= usd;
    }

    fn returnable_usd(&self, _: Date, _: Option<&str>) -> f64 {
        f64::INFINITY
    }

    fn give_back(&self, _: Date, _: Option<&str>, usd: f64) -> std::io::Result<()> {
        *self.0.lock().unwrap() -= usd;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_gives_back_what_it_leased_also_where_it_abandons_requests() {
    let slow = |_: &str| upstream::written("Never heard.").set_delay(Duration::from_secs(600));
    let (upstream, state) = (upstream::start(Box::new(slow)).await, tempfile::tempdir().unwrap());
    let leased = Arc::new(Leased::default());
    let budget = Some(BudgetConfig { usd_per_day: 1.0, state_dir: state.path().to_owned() });
    let lessor: Option<Arc<dyn Lessor>> = Some(leased.clone());
    let writer = WriterConfig { budget, lessor, ..upstream::writer(&upstream) };
    let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
    let abandoned = tokio::spawn(app.request(reqwest::Method::POST, "/generate-post").json(&json!({})).send());
    app.until(async |_| !upstream.received_requests().await.unwrap().is_empty()).await;
    assert!(*leased.0.lock().unwrap() > 0.04, "a slice");
    app.stop().await.unwrap();
    abandoned.abort();
    // The call may have been charged.
    let leased_usd = *leased.0.lock().unwrap();
    assert!((0.000_1..0.04).contains(&leased_usd), "{leased_usd}");
}
