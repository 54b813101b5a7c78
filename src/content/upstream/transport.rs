//! One HTTP call, bounded in time and size. Its error holds nothing that a log must not show.
//!
//! Neither async-openai's client nor its error type is used: its client has no time-out of its own, reads bodies of any
//! size, and logs a body that it cannot parse.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use reqwest::{RequestBuilder, Url, redirect};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::super::{Secret, WriteErrorKind, WriterConfig, WriterConfigError};
use super::failure::Failure;
use super::resolver::PublicOnly;
use super::try_error::{Asked, TryError};
use super::waits::wait_asked_for;

/// How large an answer of texts may be, in bytes: many times the longest set of variants.
const MAX_TEXT_BYTES: usize = 1_000_000;
/// How large a stream of the same text may be, in bytes: every few letters have an envelope of their own.
const MAX_STREAM_BYTES: usize = 8_000_000;
/// How large a picture may be, in bytes.
const MAX_PICTURE_BYTES: usize = 20_000_000;
/// How large an answer with a picture in it may be, in bytes: base64 makes four of three.
const MAX_PICTURE_ANSWER_BYTES: usize = MAX_PICTURE_BYTES / 3 * 4 + MAX_TEXT_BYTES;
/// How long a connection may take to open, at most; a try's own limit may be shorter.
const MAX_CONNECT: Duration = Duration::from_secs(5);

/// The connection to one server, and to the servers that its pictures are fetched from.
pub struct Transport {
    client: reqwest::Client,
    base: Url,
    host: String,
    /// The header that carries the key, and the key in its form.
    credentials: Option<(HeaderName, HeaderValue)>,
    key: Option<Secret>,
    connect_timeout: Duration,
    /// For pictures at `https` addresses named by a server that is itself reached by `http`: made when the first such
    /// address comes, because loading root certificates takes tens of milliseconds.
    secure: OnceCell<reqwest::Client>,
}

/// What an answer holds; bounds its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// JSON or a stream of events with texts.
    Texts,
    /// JSON with a picture in it.
    Picture,
}

/// One `POST` request.
pub struct Outgoing<'a> {
    /// Where to.
    pub url: &'a Url,
    /// What the answer will hold.
    pub expects: Expects,
    /// The model, for the log in case the server refuses.
    pub model: &'a str,
    /// JSON.
    pub body: Vec<u8>,
}

/// The body of a successful answer.
pub struct Response {
    pub body: Vec<u8>,
    /// Whether the server says that it is a stream of events.
    pub is_event_stream: bool,
}

/// What an answer is read as.
pub trait FromResponse: Sized {
    /// Reads an answer.
    ///
    /// # Errors
    /// Where it is cut off, is something else, or tells of a failure.
    fn from_response(answer: &Response) -> Result<Self, TryError>;
}

/// A body that is not the JSON expected. Names the position of the fault, and quotes nothing.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not the JSON expected: {category:?} error in line {line}, column {column}")]
struct NotAnAnswer {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {0} bytes")]
struct TooLarge(usize);

impl Transport {
    /// Builds the client for the server at `base`; opens no connection. Loads trusted root certificates only for an
    /// `https` address.
    pub fn new(config: &WriterConfig, base: Url) -> Result<Self, WriterConfigError> {
        // Another part of the process may have installed a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connect_timeout = config.timeout.min(MAX_CONNECT);
        let credentials = config.api_key.as_ref().map(|key| credentials(&config.auth_header, key)).transpose()?;
        let is_secure = base.scheme() == "https";
        let client = client(&base, connect_timeout, is_secure).map_err(WriterConfigError::Client)?;
        let (host, key) = (host_of(&base), config.api_key.clone());
        Ok(Self { client, base, host, credentials, key, connect_timeout, secure: OnceCell::new() })
    }

    /// The configured address, without an endpoint.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The server's host, with the port where it is not the scheme's own.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Sends one request and reads the whole answer within `limit`.
    pub async fn send<T: FromResponse>(&self, outgoing: Outgoing<'_>, limit: Duration) -> Result<T, TryError> {
        let Outgoing { url, expects, model, body } = outgoing;
        let max_bytes = match expects {
            Expects::Texts => MAX_TEXT_BYTES,
            Expects::Picture => MAX_PICTURE_ANSWER_BYTES,
        };
        let mut request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        if let Some((name, value)) = &self.credentials {
            request = request.header(name, value.clone());
        }
        let answer = within(limit, exchange(request, max_bytes)).await;
        let asked =
            Asked { host: &self.host, what: &format!("the model {model}"), key: self.key.as_ref().map(Secret::expose) };
        answer.and_then(|answer| T::from_response(&answer)).map_err(|error| error.of(asked))
    }

    /// Fetches a picture that the server named by address, within `limit` and without the key.
    pub async fn fetch(&self, url: Url, limit: Duration) -> Result<Vec<u8>, TryError> {
        let fetching = async {
            let client = if url.scheme() == self.base().scheme() { &self.client } else { self.secure().await? };
            let host = url.host_str().unwrap_or_default().to_owned();
            let answer = exchange(client.get(url), MAX_PICTURE_BYTES).await;
            let asked = Asked { host: &host, what: "a picture's address", key: None };
            answer.map(|answer| answer.body).map_err(|error| error.of(asked))
        };
        let refused = |error: TryError| match error.kind {
            // Where a picture lies is neither the key's nor the model's fault.
            WriteErrorKind::Refused
            | WriteErrorKind::RefusedRequest
            | WriteErrorKind::TooLong
            | WriteErrorKind::RefusedContent
            | WriteErrorKind::OutOfQuota
            | WriteErrorKind::Upstream
                if !error.is_worth_another =>
            {
                TryError { kind: WriteErrorKind::BadAnswer, ..error }
            }
            _ => error,
        };
        within(limit, fetching).await.map_err(refused)
    }

    async fn secure(&self) -> Result<&reqwest::Client, TryError> {
        let (base, timeout) = (self.base().clone(), self.connect_timeout);
        let made = self.secure.get_or_try_init(|| async move {
            let made = tokio::task::spawn_blocking(move || client(&base, timeout, true)).await;
            made.map_err(|e| TryError::new(WriteErrorKind::Internal, false).because(e))?
                .map_err(|e| TryError::new(WriteErrorKind::Internal, false).because(e))
        });
        made.await
    }
}

/// The host, and the port where it is not the scheme's own: the only part of an address that a log may show.
fn host_of(base: &Url) -> String {
    let host = base.host_str().unwrap_or_default();
    base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn client(base: &Url, connect_timeout: Duration, is_secure: bool) -> reqwest::Result<reqwest::Client> {
    let resolver = PublicOnly::but(base, is_secure);
    // A redirect would carry the key and the prompt to an address that nobody configured.
    let builder = reqwest::Client::builder().redirect(redirect::Policy::none()).connect_timeout(connect_timeout);
    let builder = builder.dns_resolver(Arc::new(resolver));
    let builder = if is_secure { builder } else { builder.tls_certs_only([]).no_proxy() };
    builder.build()
}

async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, TryError>>) -> Result<T, TryError> {
    let outcome = tokio::time::timeout(limit, call).await;
    outcome.unwrap_or_else(|elapsed| Err(TryError::new(WriteErrorKind::TimedOut, true).because(elapsed)))
}

/// The whole body of a successful answer.
async fn exchange(request: RequestBuilder, max_bytes: usize) -> Result<Response, TryError> {
    let response = request.send().await.map_err(|e| of_reqwest(e, WriteErrorKind::Upstream))?;
    let status = response.status();
    if status.is_success() {
        let is_event_stream = is_event_stream(response.headers());
        let max_bytes = if is_event_stream { max_bytes.max(MAX_STREAM_BYTES) } else { max_bytes };
        return Ok(Response { body: read_capped(response, max_bytes).await?, is_event_stream });
    }
    let status = status.as_u16();
    let retry_after = wait_asked_for(status, response.headers());
    // The status says enough where the body of a failure cannot be read.
    let body = read_capped(response, MAX_TEXT_BYTES).await.unwrap_or_default();
    Err(TryError::answered(Failure::read(status, &body), retry_after))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

async fn read_capped(mut response: reqwest::Response, max_bytes: usize) -> Result<Vec<u8>, TryError> {
    // Growing by halves, a picture would take its size three times.
    let announced = response.content_length().and_then(|n_bytes| usize::try_from(n_bytes).ok()).unwrap_or_default();
    let mut body = Vec::with_capacity(announced.min(max_bytes));
    while let Some(chunk) = response.chunk().await.map_err(|e| of_reqwest(e, WriteErrorKind::CutOff))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(TryError::new(WriteErrorKind::BadAnswer, false).because(TooLarge(max_bytes)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn of_reqwest(error: reqwest::Error, otherwise: WriteErrorKind) -> TryError {
    let kind = if error.is_timeout() { WriteErrorKind::TimedOut } else { otherwise };
    let is_free = error.is_connect();
    // The address is the operator's business and may hold credentials.
    TryError { is_free, ..TryError::new(kind, true).because(error.without_url()) }
}

/// Reads a body as JSON.
///
/// # Errors
/// [`WriteErrorKind::CutOff`] where it ends in the middle, [`WriteErrorKind::BadAnswer`] where it is something else.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, TryError> {
    // Some servers begin with a byte order mark, which JSON has no place for.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|e| {
        let kind = if e.is_eof() { WriteErrorKind::CutOff } else { WriteErrorKind::BadAnswer };
        let source = NotAnAnswer { category: e.classify(), line: e.line(), column: e.column() };
        TryError::new(kind, true).because(source)
    })
}

/// The header `name` with the key: `Authorization` has a scheme before it (RFC 6750), every other one has it alone.
fn credentials(name: &str, key: &Secret) -> Result<(HeaderName, HeaderValue), WriterConfigError> {
    let name: HeaderName = name.trim().parse().map_err(|_| WriterConfigError::KeyHeader)?;
    if matches!(name, CONTENT_TYPE | HOST | CONTENT_LENGTH | TRANSFER_ENCODING) {
        return Err(WriterConfigError::KeyHeader);
    }
    let text = if name == AUTHORIZATION { format!("Bearer {}", key.expose()) } else { key.expose().to_owned() };
    let mut value = HeaderValue::from_str(&text).map_err(|_| WriterConfigError::Key)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_learns_the_host_and_nothing_else_of_an_address() {
        for (base_url, host) in [
            ("https://user:pass@models.example/v1?key=secret", "models.example"),
            ("http://127.0.0.1:8080/v1", "127.0.0.1:8080"),
            ("http://[::1]:8080/v1", "[::1]:8080"),
        ] {
            assert_eq!(host_of(&Url::parse(base_url).unwrap()), host);
        }
    }
}
