//! A mock of an OpenAI-compatible server, which answers each prompt by what it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::routing::{MethodRouter, post};
use content_portal::content::{RetryPolicy, Secret, WriterConfig, WriterKind};
use serde_json::{Value, json};
use tokio::sync::{Barrier, watch};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub const KEY: &str = "sk-a-very-secret-key";

/// What the mock says of one prompt.
type Answer = dyn Fn(&str) -> ResponseTemplate + Send + Sync;

/// Starts a server that answers by the text of the prompt.
pub async fn start(answer: Box<Answer>) -> MockServer {
    let server = MockServer::start().await;
    let respond = move |request: &Request| answer(&prompt_of(request));
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(respond).mount(&server).await;
    server
}

/// Everything that was said in one request.
pub fn prompt_of(request: &Request) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let messages = body["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// A whole answer with one text.
pub fn written(text: &str) -> ResponseTemplate {
    written_all(&[text])
}

/// A whole answer with these texts.
pub fn written_all(texts: &[&str]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(answer_with(texts))
}

/// The body of a whole answer with these texts.
fn answer_with(texts: &[&str]) -> Value {
    let content = json!({"variants": texts, "image_prompt": "A lamp on a desk.", "slogan": "Light for later"});
    json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "mock-1",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": content.to_string()},
        }],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    })
}

/// A server that answers calls in twos: each waits until another one is there.
pub struct InTwos {
    pub uri: String,
    /// The most calls that were ever open at once.
    pub most_open: Arc<AtomicUsize>,
}

impl InTwos {
    pub async fn start() -> Self {
        let (open, most_open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (most, two) = (most_open.clone(), Arc::new(Barrier::new(2)));
        let answer = async move || {
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            two.wait().await;
            open.fetch_sub(1, Ordering::SeqCst);
            axum::Json(answer_with(&["One of two."]))
        };
        Self { uri: serve(post(answer)).await, most_open }
    }
}

/// A server that answers its first call at once, and every other one when it is let.
pub struct Held {
    pub uri: String,
    n_calls: Arc<AtomicUsize>,
}

impl Held {
    pub async fn start(released: watch::Receiver<bool>) -> Self {
        let n_calls = Arc::new(AtomicUsize::new(0));
        let counted = n_calls.clone();
        let answer = async move || {
            if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                let mut released = released.clone();
                // A sender that is gone lets nobody go: what is held then stays held.
                if released.wait_for(|released| *released).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            axum::Json(answer_with(&["One at a time."]))
        };
        Self { uri: serve(post(answer)).await, n_calls }
    }

    /// How many calls there were so far, held or not.
    pub fn n_calls(&self) -> usize {
        self.n_calls.load(Ordering::SeqCst)
    }
}

/// A server that answers a byte a second, without end; where.
pub async fn dripping() -> String {
    let bytes = || {
        futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(" "), ()))
        })
    };
    serve(post(async move || axum::body::Body::from_stream(bytes()))).await
}

/// A server whose connection breaks in the middle of every answer; where.
pub async fn cutting_off() -> String {
    let pieces = || futures::stream::iter([Ok("{\"choices\": [{\"mess"), Err(std::io::Error::other("cut off"))]);
    serve(post(async move || axum::body::Body::from_stream(pieces()))).await
}

/// Serves chat completions by `answer`; where.
async fn serve(answer: MethodRouter) -> String {
    let router = axum::Router::new().route("/v1/chat/completions", answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    uri
}

/// A writer that asks `server`, once a segment, and gives up after two seconds.
pub fn writer(server: &MockServer) -> WriterConfig {
    writer_at(&server.uri())
}

/// A writer that asks the server at `uri`, once a segment, and gives up after two seconds.
pub fn writer_at(uri: &str) -> WriterConfig {
    WriterConfig {
        kind: WriterKind::Openai,
        api_key: Secret::new(KEY),
        base_url: format!("{uri}/v1"),
        timeout: Duration::from_secs(2),
        deadline: Duration::from_secs(4),
        image_timeout: Duration::from_secs(4),
        retry: RetryPolicy { max_tries: 1, base: Duration::from_millis(1) },
        ..WriterConfig::default()
    }
}
