//! Requests that a proxy and the server could understand differently are refused.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{Setup, TestApp};

const KEY: &str = "a-key-of-the-portal";

/// The status and the code of the answer to a request of these bytes, after which the connection has ended.
async fn answer(app: &TestApp, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    (answer[9..12].parse().unwrap(), problem["code"].as_str().unwrap_or_default().to_owned())
}

fn generation(lines: &str) -> String {
    format!(
        "POST /generate-post HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: 2\r\n{lines}\r\n{{}}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_key_and_one_origin() {
    let app = TestApp::spawn_with(Setup { api_keys: vec![KEY], ..Setup::default() }).await;
    let key = format!("Authorization: Bearer {KEY}\r\n");
    let origin = "Origin: http://localhost:4200\r\n";
    assert_eq!(answer(&app, &generation(&key)).await.0, 200);
    assert_eq!(answer(&app, &generation(&format!("{key}{origin}"))).await.0, 200);
    for lines in [
        format!("{key}{key}"),
        format!("{key}Authorization: Bearer another-key-of-ours\r\n"),
        format!("{key}{origin}{origin}"),
        format!("{key}{origin}Origin: https://evil.example\r\n"),
        format!("{key}Content-Type: text/plain\r\n"),
    ] {
        assert_eq!(answer(&app, &generation(&lines)).await, (400, "repeated_header".to_owned()), "{lines}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_s_port_is_a_number() {
    let app = TestApp::spawn().await;
    for (host, expected) in [
        ("localhost:5000", (200, "")),
        ("localhost:", (200, "")),
        ("localhost:abc", (400, "not_one_host")),
        ("localhost:99999", (400, "not_one_host")),
        ("localhost:80:80", (400, "not_one_host")),
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let (status, code) = answer(&app, &request).await;
        assert_eq!((status, code.as_str()), expected, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_comes_in_chunks_or_whole_and_in_no_other_coding() {
    let app = TestApp::spawn().await;
    let chunked = |coding: &str, connection: &str| {
        format!(
            "POST /generate-post HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{connection}\
             {coding}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        )
    };
    let ends = "Connection: close\r\n";
    assert_eq!(answer(&app, &chunked("Transfer-Encoding: chunked", ends)).await.0, 200);
    for coding in [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        // The server ends the connection by itself.
        let refused = answer(&app, &chunked(coding, "")).await;
        assert_eq!(refused, (400, "unknown_transfer_coding".to_owned()), "{coding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_cannot_be_read_gets_a_problem_and_ends_the_connection() {
    let app = TestApp::spawn().await;
    let object = "Content-Type: application/json\r\n";
    let chunks = "\r\n2\r\n{}\r\n0\r\n\r\n";
    let long = "x".repeat(400 << 10);
    for (request, expected) in [
        (
            format!("POST /generate-post HTTP/1.1\r\nHost: localhost\r\n{object}Transfer-Encoding: gzip\r\n{chunks}"),
            (400, "broken_request"),
        ),
        (
            format!(
                "POST /generate-post HTTP/1.0\r\nHost: localhost\r\n{object}Transfer-Encoding: chunked\r\n{chunks}"
            ),
            (400, "broken_request"),
        ),
        (
            format!(
                "POST /generate-post HTTP/1.1\r\nHost: localhost\r\n{object}Content-Length: 2\r\nContent-Length: 9\r\n\
                 \r\n{{}}"
            ),
            (400, "broken_request"),
        ),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nA header without a colon\r\n\r\n".to_owned(), (400, "broken_request")),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"), (431, "head_too_large")),
    ] {
        let (status, code) = answer(&app, &request).await;
        assert_eq!((status, code.as_str()), expected, "{}", request.chars().take(200).collect::<String>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_chunks_a_length_counts_for_nothing_and_nothing_comes_after_such_a_request() {
    let app = TestApp::spawn().await;
    // By its length the body would end after the second request, by its chunks before it.
    let hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    let n_bytes = chunks.len() + hidden.len();
    let (length, coding) = (format!("Content-Length: {n_bytes}\r\n"), "Transfer-Encoding: chunked\r\n");
    for both in [format!("{length}{coding}"), format!("{coding}{length}")] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let head = "POST /generate-post HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        stream.write_all(format!("{head}{both}\r\n{chunks}{hidden}").as_bytes()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "the hidden request was answered: {answers}");
        assert!(answers.to_ascii_lowercase().contains("connection: close"), "{answers}");
    }
}
