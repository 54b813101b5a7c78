//! A mock model API: answers at once, or fails on request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A PNG of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=";

/// How many of a hundred calls fail, each way to fail in turn.
#[derive(Debug, Default)]
pub struct Faults(AtomicU64);

impl Faults {
    pub fn set(&self, of_a_hundred: u64) {
        self.0.store(of_a_hundred, Ordering::Relaxed);
    }
}

/// Starts the server; its address, and a handle that makes it fail.
pub async fn start() -> (SocketAddr, Arc<Faults>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let faults = Arc::new(Faults::default());
    tokio::spawn(answer_all(listener, faults.clone()));
    (address, faults)
}

/// Serves on `port` until the process ends, and never fails.
pub async fn serve_on(port: u16) {
    answer_all(TcpListener::bind(("127.0.0.1", port)).await.unwrap(), Arc::default()).await;
}

async fn answer_all(listener: TcpListener, faults: Arc<Faults>) {
    let n_calls = Arc::new(AtomicU64::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(stream, faults.clone(), n_calls.clone()));
    }
}

async fn serve(mut stream: TcpStream, faults: Arc<Faults>, n_calls: Arc<AtomicU64>) -> io::Result<()> {
    let mut received = Vec::new();
    loop {
        let Some(path) = read_request(&mut stream, &mut received).await? else { return Ok(()) };
        let n = n_calls.fetch_add(1, Ordering::Relaxed);
        if n % 100 < faults.0.load(Ordering::Relaxed) {
            return fail(&mut stream, n).await;
        }
        let body = if path.contains("images") { picture() } else { text() };
        stream.write_all(&answer("200 OK", &body)).await?;
    }
}

/// Cut off, garbage, an empty answer, a status, or nothing at all.
async fn fail(stream: &mut TcpStream, n: u64) -> io::Result<()> {
    let bytes = match n % 5 {
        0 => b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"choices\": [".to_vec(),
        1 => answer("200 OK", "<html>Oops</html>"),
        2 => answer("200 OK", "{\"choices\": []}"),
        3 => answer("500 Internal Server Error", "{}"),
        _ => Vec::new(),
    };
    stream.write_all(&bytes).await
}

/// The path of the next request, its body read and dropped; `None` if there is none.
async fn read_request(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&received[..at]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let end = at + 4 + length.map_or(0, |length| length.trim().parse().unwrap_or(0));
            if received.len() >= end {
                received.drain(..end);
                return Ok(head.split(' ').nth(1).map(str::to_owned));
            }
        }
        if stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn text() -> String {
    let content = json!({"variants": ["Fresh bread at nine."], "image_prompt": "A counter.", "slogan": "Warm bread"});
    json!({
        "model": "instant", "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": content.to_string()}}],
    })
    .to_string()
}

fn picture() -> String {
    json!({"data": [{"b64_json": PIXEL}]}).to_string()
}
