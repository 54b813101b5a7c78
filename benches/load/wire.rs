//! A minimal HTTP/1.1 client: prebuilt bytes out, status and length in.
//!
//! The load shares its machine with the server, so it parses only what it needs.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Time-out of an answer, far above any promised time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A keep-alive connection.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

/// The parts of an answer that are read.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn to(address: SocketAddr) -> Self {
        Self { address, stream: None, received: Vec::new() }
    }

    /// Sends one request and reads its answer; opens a new connection if the server has closed the last one.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        let outcome = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if outcome.is_err() {
            self.stream = None;
        }
        outcome
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) if is_open(&stream) => stream,
            _ => connect(self.address).await?,
        };
        self.received.clear();
        // A rejection may arrive before everything is sent; it counts.
        let sent = stream.write_all(request).await;
        let (answer, is_last) = match self.receive(&mut stream).await {
            Ok(answer) => answer,
            Err(error) => return Err(sent.err().unwrap_or(error)),
        };
        if !is_last && sent.is_ok() {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    async fn receive(&mut self, stream: &mut TcpStream) -> io::Result<(Answer, bool)> {
        let head_len = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let head = String::from_utf8_lossy(&self.received[..head_len]).to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let retry_after = field("retry-after:").and_then(|seconds| seconds.parse().ok());
        let is_last = field("connection:") == Some("close");
        let mut body = self.received.split_off(head_len);
        match field("content-length:").map(|length| length.parse::<usize>()) {
            Some(Ok(length)) => {
                while body.len() < length {
                    if stream.read_buf(&mut body).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Ok((Answer { status, retry_after, body }, is_last))
            }
            // Without a length it ends with the connection, or with an empty chunk.
            _ => {
                while !body.ends_with(b"0\r\n\r\n") && stream.read_buf(&mut body).await? > 0 {}
                Ok((Answer { status, retry_after, body }, true))
            }
        }
    }
}

/// Connects with `TCP_NODELAY`.
pub async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether an idle connection is still open.
fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// The bytes of a request; `from` is the client address that a trusted proxy would report.
pub fn request(method: &str, path: &str, content_type: &str, from: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: {from}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The same request with an event stream as its answer.
pub fn as_events(request: &[u8]) -> Vec<u8> {
    let line_end = request.windows(2).position(|two| two == b"\r\n").map_or(0, |at| at + 2);
    [&request[..line_end], b"Accept: text/event-stream\r\n", &request[line_end..]].concat()
}

/// A GET.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// A POST of JSON.
pub fn post(path: &str, from: &str, json: &serde_json::Value) -> Vec<u8> {
    request("POST", path, "application/json", from, json.to_string().as_bytes())
}

/// An upload of `file`.
pub fn upload(from: &str, name: &str, file: &[u8]) -> Vec<u8> {
    let head = format!("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), file, b"\r\n--edge--\r\n"].concat();
    request("POST", "/upload-excel", "multipart/form-data; boundary=edge", from, &body)
}
