//! The openai writer against servers on loopback that answer well, badly, late or not at all.

mod connections;
mod dialects;
mod faults;
mod inside;
mod lenient;
mod pictures;
mod spent;
mod texts;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::{
    Brief, BudgetConfig, Content, RetryPolicy, Secret, WriteError, Writer, WriterConfig, WriterKind, sample,
};

const CHAT: &str = "/v1/chat/completions";

const KEY: &str = "sk-a-very-secret-key";

fn config(server: &MockServer) -> WriterConfig {
    config_at(&server.uri())
}

fn config_at(uri: &str) -> WriterConfig {
    WriterConfig {
        kind: WriterKind::Openai,
        api_key: Secret::new(KEY),
        base_url: format!("{uri}/v1"),
        timeout: Duration::from_secs(10),
        deadline: Duration::from_secs(20),
        image_timeout: Duration::from_secs(20),
        retry: RetryPolicy { max_tries: 3, base: Duration::from_millis(1) },
        ..WriterConfig::default()
    }
}

fn brief(n_variants: i64) -> Brief {
    sample::brief(|input| {
        input.n_variants = Some(n_variants);
        input.platform = Some("TikTok".into());
    })
}

async fn write(server: &MockServer, brief: &Brief) -> Result<Content, WriteError> {
    Writer::new(&config(server)).unwrap().request(brief).write().await
}

/// A chat completion with this text.
fn completion(text: &str) -> Value {
    json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-mock-2026-01-31",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    })
}

fn content(variants: &[&str]) -> ResponseTemplate {
    let text = json!({"variants": variants, "image_prompt": "A coat on a hook.", "slogan": "Warm up to winter"});
    ResponseTemplate::new(200).set_body_json(completion(&text.to_string()))
}

/// Answers the calls for texts in this order, the last one for ever.
async fn server_with(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    answer_in_turn(&server, CHAT, answers).await;
    server
}

/// Answers the calls at `at` in this order, the last one for ever.
async fn answer_in_turn(server: &MockServer, at: &str, answers: Vec<ResponseTemplate>) {
    let last = answers.len() - 1;
    for (index, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(method("POST")).and(path(at)).respond_with(answer);
        let mock = if index < last { mock.up_to_n_times(1) } else { mock };
        mock.mount(server).await;
    }
}

/// The bodies of all calls, in their order.
async fn bodies(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().filter_map(|request| request.body_json().ok()).collect()
}

async fn n_calls(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// Waits until something is so of the number of calls that a server has had.
async fn until(server: &MockServer, is_so: impl Fn(usize) -> bool) {
    while !is_so(n_calls(server).await) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// With a table of prices and so much to spend a day; its files are in `dir`.
fn priced(server: &MockServer, dir: &Path, table: &Value, usd_per_day: f64) -> WriterConfig {
    let prices = dir.join("prices.json");
    std::fs::write(&prices, table.to_string()).unwrap();
    WriterConfig {
        prices: Some(prices),
        budget: Some(BudgetConfig { usd_per_day, state_dir: dir.join("state") }),
        image_dir: dir.join("images"),
        ..config(server)
    }
}

fn failure(status: u16, code: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": {"message": message, "code": code, "type": code}}))
}

/// Everything a log could show of an error.
fn shown(error: &WriteError) -> String {
    let mut text = format!("{error} {error:?} {}", error.caller_sentence());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}

/// What the budget's file below `dir` says is spent, of all days.
fn spent_usd(dir: &Path) -> f64 {
    let ledger: Value = serde_json::from_slice(&std::fs::read(dir.join("state/budget.json")).unwrap()).unwrap();
    ledger["days"].as_object().unwrap().values().map(|day| day["spent_usd"].as_f64().unwrap()).sum()
}
