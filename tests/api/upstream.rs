//! A mock of an OpenAI-compatible server, which answers each prompt by what it says.

use std::time::Duration;

use content_portal::content::{RetryPolicy, Secret, WriterConfig, WriterKind};
use serde_json::{Value, json};
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
    let content = json!({"variants": [text], "image_prompt": "A lamp on a desk.", "slogan": "Light for later"});
    ResponseTemplate::new(200).set_body_json(json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "mock-1",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": content.to_string()},
        }],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }))
}

/// A writer that asks `server`, once a segment, and gives up after two seconds.
pub fn writer(server: &MockServer) -> WriterConfig {
    let tiny = Duration::from_millis(1);
    WriterConfig {
        kind: WriterKind::Openai,
        api_key: Secret::new(KEY),
        base_url: format!("{}/v1", server.uri()),
        timeout: Duration::from_secs(2),
        deadline: Duration::from_secs(4),
        retry: RetryPolicy { max_tries: 1, base: tiny, max_retry_after: tiny },
        ..WriterConfig::default()
    }
}
