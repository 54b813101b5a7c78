//! What a caller meets before any handler: keys, a rate, seats, a bounded number of connections.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{ADMIN_KEY, Setup, TestApp, ok};
use crate::form::Form;
use crate::problems::code;

const KEY: &str = "a-key-of-the-portal";
const OTHER_KEY: &str = "a-key-of-another-portal";

fn locked() -> Setup {
    Setup { api_keys: vec![KEY, OTHER_KEY], ..Setup::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keys_in_the_settings_nobody_comes_in_without_one() {
    let app = TestApp::spawn_with(locked()).await;
    for path in ["/generate-post", "/upload-excel", "/segments/export", "/api/proxy-download", "/no-such-route"] {
        let plain = app.post(path, &json!({})).await;
        assert_eq!(plain.headers()["www-authenticate"], "Bearer");
        assert_eq!(code(plain).await, (401, "no_key".to_owned()), "{path}");
        let wrong = app.request(Method::POST, path).bearer_auth("a-key-of-the-portals").json(&json!({}));
        assert_eq!(code(wrong.send().await.unwrap()).await, (401, "no_key".to_owned()), "{path}");
    }
    assert_eq!(code(app.get("/metrics").await).await, (401, "no_key".to_owned()));
    for key in [KEY, OTHER_KEY, ADMIN_KEY] {
        let generate = app.request(Method::POST, "/generate-post").bearer_auth(key).json(&json!({}));
        ok(generate.send().await.unwrap()).await;
    }
    let models = app.request(Method::GET, "/models");
    assert_eq!(code(models.bearer_auth(KEY).send().await.unwrap()).await, (403, "no_right".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_pictures_and_the_description_need_no_key() {
    let app = TestApp::spawn_with(locked()).await;
    for path in ["/", "/healthz", "/readyz", "/openapi.json", "/docs/"] {
        assert_eq!(app.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(code(app.get("/images/0000.png").await).await, (404, "no_such_image".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_asks_first_without_a_key_and_may_read_the_refusal() {
    let app = TestApp::spawn_with(locked()).await;
    let origin = "http://localhost:4200";
    let asks = app.request(Method::OPTIONS, "/generate-post").header("origin", origin);
    let asks = asks.header("access-control-request-method", "POST").send().await.unwrap();
    assert_eq!(
        (asks.status().as_u16(), &asks.headers()["access-control-allow-origin"]),
        (200, &origin.parse().unwrap())
    );
    let refused = app.request(Method::POST, "/generate-post").header("origin", origin).send().await.unwrap();
    assert_eq!(refused.headers()["access-control-allow-origin"], origin);
    assert_eq!(refused.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_too_often_is_told_when_to_come_again() {
    let app = TestApp::spawn_with(Setup { requests_per_minute: Some(3), ..locked() }).await;
    let ask = async |key: &str, forwarded: &str| {
        let request = app.request(Method::POST, "/generate-post").bearer_auth(key).json(&json!({}));
        request.header("x-forwarded-for", forwarded).send().await.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(ask(KEY, "198.51.100.7").await.status(), 200);
    }
    // The address means nothing where there is a key.
    let refused = ask(KEY, "198.51.100.8").await;
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "a request is allowed every 20 s: {wait}");
    assert_eq!(code(refused).await, (429, "too_often".to_owned()));
    assert_eq!(ask(OTHER_KEY, "198.51.100.7").await.status(), 200);
    assert_eq!(app.get("/healthz").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_callers_are_told_apart_by_what_the_proxy_saw() {
    let app = TestApp::spawn_with(Setup { requests_per_minute: Some(2), ..Setup::default() }).await;
    let ask = async |forwarded: &str| {
        let request = app.request(Method::POST, "/generate-post").json(&json!({}));
        request.header("x-forwarded-for", forwarded).send().await.unwrap().status().as_u16()
    };
    assert_eq!([ask("1.1.1.1, 198.51.100.7").await, ask("2.2.2.2, 198.51.100.7").await], [200, 200]);
    assert_eq!(ask("3.3.3.3, 198.51.100.7").await, 429, "the left end is the caller's own invention");
    assert_eq!(ask("1.1.1.1, 198.51.100.8").await, 200);
}

/// A connection that has sent `head` and no more.
async fn stalled(app: &TestApp, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_beyond_the_last_waits_until_one_is_free() {
    let app = TestApp::spawn_with(Setup { max_connections: 3, ..Setup::default() }).await;
    let held = async || stalled(&app, "GET /healthz HTTP/1.1\r\n").await;
    // In a head that does not end. Whatever the test's own client holds, these come before the one below.
    let held = [held().await, held().await, held().await];
    let mut late = stalled(&app, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let mut answer = String::new();
    let early = tokio::time::timeout(Duration::from_millis(200), late.read_to_string(&mut answer)).await;
    assert!(early.is_err(), "it was answered beyond the cap: {answer}");
    drop(held);
    late.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_bodies_that_do_not_come_are_not_waited_for() {
    let app = TestApp::spawn().await;
    let silent = stalled(&app, "");
    let half_a_head = stalled(&app, "GET /healthz HTTP/1.1\r\nHost: lo");
    let json = "POST /generate-post HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    let form = "POST /upload-excel HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n\
                Content-Length: 9999\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nLoca";
    let elsewhere = "POST /no-such-route HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{";
    let ended = async |stream: TcpStream| {
        let mut answer = String::new();
        let mut stream = stream;
        tokio::time::timeout(Duration::from_secs(60), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    };
    let (silent, half_a_head) = (silent.await, half_a_head.await);
    let (json, form, elsewhere) =
        (stalled(&app, json).await, stalled(&app, form).await, stalled(&app, elsewhere).await);
    let (silent, half_a_head, json, form, elsewhere) =
        tokio::join!(ended(silent), ended(half_a_head), ended(json), ended(form), ended(elsewhere));
    assert_eq!(silent, "");
    assert!(half_a_head.is_empty() || half_a_head.starts_with("HTTP/1.1 408"), "{half_a_head}");
    for answer in [json, form] {
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_too_slow"), "{answer}");
    }
    assert!(elsewhere.starts_with("HTTP/1.1 404"), "{elsewhere}");
    assert!(app.kept().is_empty(), "nothing of the upload is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_caller_s_uploads_leave_room_for_another_s() {
    let app = TestApp::spawn().await;
    let head = |from: &str| {
        format!(
            "POST /upload-excel HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {from}\r\nConnection: close\r\n\
             Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9\r\n\r\n"
        )
    };
    let mut mine = Vec::new();
    for _ in 0..16 {
        mine.push(stalled(&app, &head("198.51.100.7")).await);
    }
    let refused = async || {
        let mut one_more = stalled(&app, &(head("198.51.100.7") + "--x--\r\n\r\n")).await;
        let mut answer = String::new();
        one_more.read_to_string(&mut answer).await.unwrap();
        answer.starts_with("HTTP/1.1 429") && answer.contains("too_many_at_once") && answer.contains("retry-after: 5")
    };
    // Connections are accepted one after the other.
    app.until(async |_| refused().await).await;
    let mut other = stalled(&app, &(head("198.51.100.8") + "--x--\r\n\r\n")).await;
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "an empty form, and not a full house: {answer}");
    drop(mine);
    app.until(async |_| !refused().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_browsers_what_it_is_not() {
    let app = TestApp::spawn().await;
    for answer in
        [app.get("/healthz").await, app.get("/no-such-route").await, app.post("/generate-post", &json!({})).await]
    {
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(header("cache-control"), "no-store");
    }
    let page = app.get("/docs/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'self'"), "the page may load its own scripts and nothing else: {policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_refused_in_the_middle_of_a_file_gets_to_read_why() {
    let app = TestApp::spawn_with(locked()).await;
    // More than the system holds of it: an answer before its end would be lost with the rest.
    let file = vec![b'x'; 16 << 20];
    for _ in 0..3 {
        let (content_type, body) = Form::new().file("a.csv", &file).finish();
        let upload = app.request(Method::POST, "/upload-excel").header("content-type", content_type).body(body);
        assert_eq!(code(upload.send().await.unwrap()).await, (401, "no_key".to_owned()));
    }
    assert!(app.kept().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_wait_for_the_rest_of_a_file() {
    let app = TestApp::spawn_with(locked()).await;
    let head = "POST /upload-excel HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n\
                Content-Length: 16000000\r\n\r\n--x\r\n";
    let mut stream = stalled(&app, head).await;
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(4), stream.read_to_string(&mut answer)).await;
    read.expect("the answer waits for the body").unwrap();
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("connection: close"), "{answer}");
    for _ in 0..16 {
        stream.write_all(&[b'x'; 1 << 20]).await.expect("what still comes is taken");
    }
}
