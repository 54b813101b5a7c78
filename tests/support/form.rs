//! `multipart/form-data` by hand (RFC 7578), so that a test can also send what no library would.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{Read, Write};
use std::net::TcpStream;

const BOUNDARY: &str = "a-boundary-of-the-tests";

/// A form on its way.
#[derive(Default)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// A text field.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), None, value.as_bytes());
        self
    }

    /// The field `file`, of this name.
    pub fn file(self, file_name: &str, bytes: &[u8]) -> Self {
        self.file_in("file", file_name, bytes)
    }

    /// A file under another field.
    pub fn file_in(mut self, field: &str, file_name: &str, bytes: &[u8]) -> Self {
        let about = format!("name=\"{field}\"; filename=\"{file_name}\"");
        self.part(&about, Some("application/octet-stream"), bytes);
        self
    }

    /// The content type and the body.
    pub fn finish(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.cut_off()
    }

    /// The same without its end.
    pub fn cut_off(self) -> (String, Vec<u8>) {
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.body)
    }

    /// What is answered when it is sent to `/upload-excel` over a connection of its own, the head included; as much as
    /// was heard before the connection was cut.
    pub fn upload_to(self, address: &str) -> String {
        TcpStream::connect(address).map(|stream| self.upload_over(stream, address)).unwrap_or_default()
    }

    /// The same over a connection that is there.
    pub fn upload_over(self, mut stream: TcpStream, address: &str) -> String {
        let (content_type, body) = self.finish();
        let head = format!(
            "POST /upload-excel HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut answer = Vec::new();
        // A server that is gone, or has answered before it read all, is told by what it said.
        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn part(&mut self, about: &str, content_type: Option<&str>, bytes: &[u8]) {
        let content_type = content_type.map(|text| format!("Content-Type: {text}\r\n")).unwrap_or_default();
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {about}\r\n{content_type}\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
    }
}
