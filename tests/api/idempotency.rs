//! `Idempotency-Key`: the same request is answered again, and neither written nor paid for twice.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use wiremock::{MockServer, ResponseTemplate};

use crate::app::{Setup, TestApp, ok};
use crate::live;
use crate::upstream::{self, Held, written};

const PATH: &str = "/generate-promo";

fn keyed(app: &TestApp, key: &str, body: &Value) -> RequestBuilder {
    app.request(Method::POST, PATH).header("idempotency-key", key).json(body)
}

async fn send(app: &TestApp, key: &str, body: &Value) -> Response {
    keyed(app, key, body).send().await.unwrap()
}

fn is_replayed(response: &Response) -> bool {
    response.headers().get("idempotent-replayed").is_some_and(|value| value == "true")
}

/// A server that numbers its texts.
async fn numbering() -> (MockServer, TestApp) {
    let n = std::sync::atomic::AtomicUsize::new(0);
    let answer = move |_: &str| written(&format!("Text {}.", n.fetch_add(1, std::sync::atomic::Ordering::SeqCst)));
    let upstream = upstream::start(Box::new(answer)).await;
    let app = TestApp::spawn_with(Setup { writer: upstream::writer(&upstream), ..Setup::default() }).await;
    (upstream, app)
}

async fn n_calls(upstream: &MockServer) -> usize {
    upstream.received_requests().await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_gets_the_same_answer_and_no_second_call() {
    let (upstream, app) = numbering().await;
    let body = json!({"objective": "More visits"});
    let first = send(&app, "key-1", &body).await;
    let version = first.headers()["x-model-version"].clone();
    assert!(!is_replayed(&first));
    let first = ok(first).await;
    // A quoted key is the same one.
    for key in ["key-1", "\"key-1\""] {
        let again = send(&app, key, &body).await;
        assert!(is_replayed(&again));
        assert_eq!(again.headers()["x-model-version"], version);
        assert_eq!(ok(again).await, first);
    }
    assert_eq!(n_calls(&upstream).await, 1);
    assert_ne!(ok(send(&app, "key-2", &body).await).await, first, "another key is another request");
    assert_ne!(app.generate(PATH, &body).await, first, "and so is one without a key");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_given_again_as_events_where_they_are_asked_for() {
    let (upstream, app) = numbering().await;
    let body = json!({"objective": "More visits"});
    let first = ok(send(&app, "key-1", &body).await).await;
    let again = keyed(&app, "key-1", &body).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(live::named(&live::events(again).await, "done"), [&first]);
    assert_eq!(n_calls(&upstream).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_with_another_request_is_refused() {
    let (upstream, app) = numbering().await;
    ok(send(&app, "key-1", &json!({"objective": "More visits"})).await).await;
    let other_body = send(&app, "key-1", &json!({"objective": "Fewer visits"})).await;
    let other_route = app.request(Method::POST, "/generate-post").header("idempotency-key", "key-1");
    let other_route = other_route.json(&json!({"objective": "More visits"})).send().await.unwrap();
    for refused in [other_body, other_route] {
        assert_eq!(refused.status(), 422);
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "idempotency_key_reused");
    }
    assert_eq!(n_calls(&upstream).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_none_is_refused_before_anything_is_written() {
    let (upstream, app) = numbering().await;
    for key in ["", "a b", &"a".repeat(256)] {
        let refused = send(&app, key, &json!({})).await;
        assert_eq!(refused.status(), 400, "{key}");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "invalid_idempotency_key");
    }
    assert_eq!(n_calls(&upstream).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_what_another_caller_was_answered() {
    let n = std::sync::atomic::AtomicUsize::new(0);
    let answer = move |_: &str| written(&format!("Text {}.", n.fetch_add(1, std::sync::atomic::Ordering::SeqCst)));
    let upstream = upstream::start(Box::new(answer)).await;
    let api_keys = vec!["a-key-of-one-caller", "a-key-of-another-one"];
    let app = TestApp::spawn_with(Setup {
        writer: upstream::writer(&upstream),
        api_keys: api_keys.clone(),
        ..Setup::default()
    })
    .await;
    let body = json!({"objective": "More visits"});
    let mut answers = Vec::new();
    for api_key in api_keys.iter().chain(&api_keys) {
        answers.push(ok(keyed(&app, "key-1", &body).bearer_auth(api_key).send().await.unwrap()).await);
    }
    assert_ne!(answers[0], answers[1]);
    assert_eq!((&answers[0], &answers[1]), (&answers[2], &answers[3]));

    let (_upstream, app) = numbering().await;
    let from = async |address: &str| {
        ok(keyed(&app, "key-1", &body).header("x-forwarded-for", address).send().await.unwrap()).await
    };
    assert_ne!(from("198.51.100.7").await, from("198.51.100.8").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_succeed_is_done_anew() {
    let n = std::sync::atomic::AtomicUsize::new(0);
    let answer = move |_: &str| match n.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => ResponseTemplate::new(500),
        n => written(&format!("Text {n}.")),
    };
    let upstream = upstream::start(Box::new(answer)).await;
    let app = TestApp::spawn_with(Setup { writer: upstream::writer(&upstream), ..Setup::default() }).await;
    let body = json!({"objective": "More visits"});
    assert_eq!(send(&app, "key-1", &body).await.status(), 502);
    let second = send(&app, "key-1", &body).await;
    assert!(!is_replayed(&second));
    let second = ok(second).await;
    assert_eq!((&second["text"], ok(send(&app, "key-1", &body).await).await), (&json!("Text 1."), second.clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_at_the_same_time_wait_for_the_first() {
    let (release, held) = watch::channel(false);
    let upstream = Held::start(held).await;
    let app = TestApp::spawn_with(Setup { writer: upstream::writer_at(&upstream.uri), ..Setup::default() }).await;
    app.generate(PATH, &json!({})).await;
    let body = json!({"objective": "More visits"});
    let duplicates: Vec<_> = (0..5).map(|_| tokio::spawn(keyed(&app, "key-1", &body).send())).collect();
    app.until(async |_| upstream.n_calls() == 2).await;
    release.send(true).unwrap();
    let mut n_replayed = 0;
    let mut answers = Vec::new();
    for duplicate in duplicates {
        let response = duplicate.await.unwrap().unwrap();
        n_replayed += usize::from(is_replayed(&response));
        answers.push(ok(response).await);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((n_replayed, upstream.n_calls()), (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_finds_the_answer_when_it_comes_back() {
    let (release, held) = watch::channel(false);
    let upstream = Held::start(held).await;
    let app = TestApp::spawn_with(Setup { writer: upstream::writer_at(&upstream.uri), ..Setup::default() }).await;
    app.generate(PATH, &json!({})).await;
    let body = json!({"objective": "More visits"});
    let leaving = tokio::spawn(keyed(&app, "key-1", &body).send());
    app.until(async |_| upstream.n_calls() == 2).await;
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    let back = tokio::spawn(keyed(&app, "key-1", &body).send());
    release.send(true).unwrap();
    let back = back.await.unwrap().unwrap();
    assert!(is_replayed(&back));
    ok(back).await;
    assert_eq!(upstream.n_calls(), 2, "it was not written a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_send_the_key_and_read_whether_the_answer_came_again() {
    let app = TestApp::spawn().await;
    let request = app.request(Method::OPTIONS, PATH).header("origin", "http://localhost:4200");
    let request = request.header("access-control-request-method", "POST");
    let request = request.header("access-control-request-headers", "content-type,idempotency-key");
    let allowed = request.send().await.unwrap();
    assert!(allowed.headers()["access-control-allow-headers"].to_str().unwrap().contains("idempotency-key"));
    let answer = keyed(&app, "key-1", &json!({})).header("origin", "http://localhost:4200").send().await.unwrap();
    assert!(answer.headers()["access-control-expose-headers"].to_str().unwrap().contains("idempotent-replayed"));
}
