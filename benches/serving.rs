//! What `POST /generate-promo` costs: with the offline writer, one request after the other, and with an instant model
//! API at 500 requests a second. Each is measured for a profile that training has seen and for an unseen one, which is
//! placed on the map for every request. Prints medians and 99th percentiles in milliseconds, of the whole request as
//! its client sees it and of the overhead in `Server-Timing`.
//!
//! The load, the model API and the server share the machine, as in a small deployment.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench that cannot run should say so loudly"
)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use content_portal::content::{Secret, Writer, WriterConfig, WriterKind};
use content_portal::customer::{Schema, read_form};
use content_portal::http::{Application, Opening, Parts, Prepared, Settings};
use content_portal::model_store::ModelStore;
use content_portal::pipeline::FitParams;
use content_portal::retrain::worker::Program;
use content_portal::retrain::{GateLimits, RetrainOutcome, RetrainRequest, retrain};
use content_portal::workbook::{Bounds, Limits, Reader};
use serde_json::{Value, json};

const WARM_UP: usize = 200;
const ONE_BY_ONE: usize = 2_000;
const PER_SECOND: u32 = 500;
const SECONDS: u32 = 10;
/// Loyalty tiers that give a customer of the sample, and one that it does not have.
const PROFILES: [(&str, &str); 2] = [
    ("a profile training met", "Silver"),
    ("a profile training never met, remembered since its first request", "Gold"),
];

/// One request: its duration as the client saw it, and the server's own overhead.
struct Sample {
    whole_ms: f64,
    overhead_ms: f64,
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let store = ModelStore::new(folder.path().join("models"));
    let request = RetrainRequest {
        base_data: &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("base_data"),
        uploads: None,
        pseudonyms: None,
        profiles: None,
        schema: Arc::new(Schema::built_in().unwrap()),
        params: &FitParams::default(),
        reader: &reader(),
        gate: GateLimits::default(),
        force: false,
        compare_first: false,
        judged: None,
        publisher: None,
        keep: NonZeroUsize::MIN,
        now: jiff::Timestamp::now(),
        today: jiff::Zoned::now().date(),
    };
    assert!(matches!(retrain(&store, &request, &|_| {}).unwrap(), RetrainOutcome::Published(_)));
    check_profiles(&store);

    let offline = WriterConfig { kind: WriterKind::Offline, ..WriterConfig::default() };
    let url = start(&store, &offline, folder.path()).await;
    for (profile, tier) in PROFILES {
        report(&format!("offline writer, one by one, {profile}"), &one_by_one(&url, tier).await);
    }
    let upstream = format!("http://{}/v1", instant_upstream().await);
    let openai = WriterConfig {
        kind: WriterKind::Openai,
        api_key: Secret::new("k"),
        base_url: upstream,
        ..WriterConfig::default()
    };
    let url = start(&store, &openai, folder.path()).await;
    for (profile, tier) in PROFILES {
        report(&format!("instant upstream, {PER_SECOND} a second, {profile}"), &at_a_rate(&url, tier).await);
    }
}

/// Checks that the model knows [`PROFILES`] as they are declared.
fn check_profiles(store: &ModelStore) {
    let model = store.load_current().unwrap().model;
    for ((_, tier), is_known) in PROFILES.into_iter().zip([true, false]) {
        let fields = [
            ("gender", "Female"),
            ("location", "Bedok"),
            ("loyalty_tier", tier),
            ("join_year", "2023"),
            ("join_month", "May"),
        ];
        let customer = read_form(model.schema(), fields, jiff::Zoned::now().date()).unwrap();
        assert_eq!(model.assign(&customer.table).unwrap().placements[0].is_known, is_known, "{tier}");
    }
}

fn reader() -> Reader {
    Reader::new(env!("CARGO_BIN_EXE_content-portal"), Limits::default(), Bounds::default())
}

/// Starts a server; the address of its generate route.
async fn start(store: &ModelStore, writer: &WriterConfig, folder: &std::path::Path) -> String {
    let parts = Parts {
        state_dir: folder.join("state"),
        program: Program::new(env!("CARGO_BIN_EXE_content-portal")).alone_in(folder),
        schema: Arc::new(Schema::built_in().unwrap()),
        reader: reader(),
    };
    let address = "127.0.0.1:0".parse().unwrap();
    let settings = Settings { address, upload_dir: folder.join("uploads"), ..Settings::default() };
    let application = Application::bind(settings, parts).await.unwrap();
    let address = application.address();
    let (store, writer) = (store.clone(), writer.clone());
    let prepare = move |_: &Opening| {
        let version = store.load_current().unwrap();
        version.model.warm_up().unwrap();
        Ok::<_, String>(Prepared {
            version: Some(version),
            store,
            following: None,
            writer: Writer::new(&writer).unwrap(),
            on_load: Arc::new(|_| {}),
        })
    };
    tokio::spawn(application.run_until_stopped(prepare, std::future::pending()));
    while !reqwest::get(format!("http://{address}/readyz")).await.is_ok_and(|r| r.status() == 200) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    format!("http://{address}/generate-promo")
}

/// A mock model API that answers at once.
async fn instant_upstream() -> SocketAddr {
    let content = json!({"variants": ["Fresh bread at nine."], "image_prompt": "A counter.", "slogan": "Warm bread"});
    let answer = json!({
        "model": "instant", "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": content.to_string()}}],
    });
    let answer = async move || axum::Json(answer.clone());
    let router = axum::Router::new().route("/v1/chat/completions", axum::routing::post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn body(tier: &str) -> Value {
    json!({
        "gender": "Female", "location": "Bedok", "loyalty_tier": tier, "join_year": 2023, "join_month": "May",
        "objective": "More visits on weekdays", "industry": "Bakery", "marketing_funnel_stage": "Consideration",
        "past_engagement": "Moderate", "platform": "Facebook", "post_type": "Text", "tone": "Fun", "num_variants": 1,
    })
}

async fn sample(client: &reqwest::Client, url: &str, tier: &str) -> Sample {
    let started = Instant::now();
    let response = client.post(url).json(&body(tier)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let timing = response.headers()["server-timing"].to_str().unwrap().to_owned();
    response.bytes().await.unwrap();
    let overhead = timing.strip_prefix("app;dur=").and_then(|rest| rest.split(',').next()).unwrap();
    Sample { whole_ms: started.elapsed().as_secs_f64() * 1000.0, overhead_ms: overhead.parse().unwrap() }
}

async fn one_by_one(url: &str, tier: &str) -> Vec<Sample> {
    let client = reqwest::Client::new();
    let mut samples = Vec::new();
    for n in 0..WARM_UP + ONE_BY_ONE {
        let sample = sample(&client, url, tier).await;
        if n >= WARM_UP {
            samples.push(sample);
        }
    }
    samples
}

/// Requests start on schedule, whether or not earlier ones are done.
async fn at_a_rate(url: &str, tier: &'static str) -> Vec<Sample> {
    let client = reqwest::Client::new();
    let mut beats = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    let mut running = Vec::new();
    for _ in 0..PER_SECOND * SECONDS {
        beats.tick().await;
        let (client, url) = (client.clone(), url.to_owned());
        running.push(tokio::spawn(async move { sample(&client, &url, tier).await }));
    }
    let mut samples = Vec::new();
    for sample in running {
        samples.push(sample.await.unwrap());
    }
    samples.split_off(WARM_UP)
}

fn report(title: &str, samples: &[Sample]) {
    let (mut whole, mut overhead): (Vec<f64>, Vec<f64>) = samples.iter().map(|s| (s.whole_ms, s.overhead_ms)).unzip();
    whole.sort_by(f64::total_cmp);
    overhead.sort_by(f64::total_cmp);
    let at = |sorted: &[f64], share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    println!("{title}: {} requests", samples.len());
    for (name, sorted) in [("whole", &whole), ("overhead", &overhead)] {
        println!(
            "  {name:<9} median {:.3} ms, p99 {:.3} ms, max {:.3} ms",
            at(sorted, 0.5),
            at(sorted, 0.99),
            at(sorted, 1.0)
        );
    }
}
