//! The problem document of a request whose head cannot be read.
//!
//! Such a request reaches no route: the HTTP connection answers it by itself, with a status and no body, and ends.
//! Whatever a route answers has an id (`x-request-id`), so that the one is told from the other.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde_json::json;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// The longest answer that the connection makes by itself, in bytes.
const MAX_BARE_BYTES: usize = 512;
/// What every answer of a route has in its head.
const REQUEST_ID: &str = "x-request-id:";

/// What takes the place of an answer without a body, as far as it is written.
#[derive(Debug)]
pub(super) struct Refusal {
    answer: Vec<u8>,
    n_written: usize,
    /// How much of what the connection wrote it stands for.
    of_bytes: usize,
}

impl Refusal {
    /// The refusal in the place of `bytes`; `None` where those are anything else.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_BARE_BYTES {
            return None;
        }
        let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
        let (status_line, lines) = head.split_once("\r\n")?;
        let (status, title) = status_line.strip_prefix("HTTP/1.1 ")?.split_once(' ')?;
        let is_bare = lines.split("\r\n").any(|line| line.eq_ignore_ascii_case("content-length: 0"));
        if !is_bare || lines.to_ascii_lowercase().contains(REQUEST_ID) {
            return None;
        }
        let (code, sentence) = match status {
            "400" => (
                "broken_request",
                "The request is not valid HTTP/1.1: its first line, a header, Content-Length or Transfer-Encoding.",
            ),
            "414" => ("uri_too_long", "The path and query of the request are too long."),
            "431" => ("head_too_large", "The headers of the request are too many or too long."),
            _ => return None,
        };
        let status: u16 = status.parse().ok()?;
        let body = json!({
            "type": "about:blank", "title": title, "status": status, "code": code, "detail": sentence,
            "error": sentence,
        })
        .to_string();
        let answer = format!(
            "{status_line}\r\nContent-Type: application/problem+json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n\
             {body}",
            body.len()
        );
        Some(Self { answer: answer.into_bytes(), n_written: 0, of_bytes: bytes.len() })
    }

    /// The same, of bytes in pieces.
    pub fn of_pieces(pieces: &[IoSlice<'_>]) -> Option<Self> {
        let n_bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        if n_bytes > MAX_BARE_BYTES {
            return None;
        }
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        Self::of(&bytes)
    }

    /// Writes what is left of it; at its end as many bytes count as written as it stands for.
    pub fn poll_write(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some(rest) = self.answer.get(self.n_written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n_bytes => self.n_written += n_bytes,
            }
        }
        Poll::Ready(Ok(self.of_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: Thu\r\n\r\n";

    #[test]
    fn an_answer_without_a_body_becomes_a_problem_document() {
        for (status, code) in
            [("400 Bad", "broken_request"), ("414 URI Too Long", "uri_too_long"), ("431 Too", "head_too_large")]
        {
            let refusal = Refusal::of(BARE.replace("400 Bad Request", status).as_bytes()).unwrap();
            let answer = String::from_utf8(refusal.answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["code"], code);
        }
        let pieces = [IoSlice::new(&BARE.as_bytes()[..20]), IoSlice::new(&BARE.as_bytes()[20..])];
        assert!(Refusal::of_pieces(&pieces).is_some());
    }

    #[test]
    fn what_a_route_answers_stays_as_it_is() {
        for answer in [
            BARE.replace("connection: close", "x-request-id: 7"),
            BARE.replace("400 Bad Request", "204 No Content"),
            BARE.replace("content-length: 0", "content-length: 5") + "hello",
            BARE.replace("date: Thu", &"x: y".repeat(200)),
            String::new(),
        ] {
            assert!(Refusal::of(answer.as_bytes()).is_none(), "{answer}");
        }
    }
}
