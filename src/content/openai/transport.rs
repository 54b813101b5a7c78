//! One HTTP call: bounded in time and size, its failure reduced to what may be told.
//!
//! Neither async-openai's client nor its error type is used: its client has no time-out of its own, reads bodies of any
//! size, and logs a body that it cannot parse.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{StatusCode, Url, redirect};

use super::super::writer::WriterConfig;
use super::super::{WriteErrorKind, WriterConfigError};
use super::wire::{ChatAnswer, Failure};

/// How large an answer may be, in bytes: many times the longest set of variants.
const MAX_BODY_BYTES: usize = 1_000_000;
/// How long a connection may take to open, at most; a try's own limit may be shorter.
const MAX_CONNECT: Duration = Duration::from_secs(5);

/// The connection to one server.
pub(super) struct Transport {
    client: reqwest::Client,
    url: Url,
    authorization: Option<HeaderValue>,
}

/// Why one try failed.
pub(super) struct TryError {
    pub(super) kind: WriteErrorKind,
    pub(super) is_worth_another: bool,
    pub(super) refuses_schema: bool,
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
}

/// A status other than success, told without its body.
#[derive(Debug, thiserror::Error)]
#[error("the server answered with status {0}")]
struct Status(u16);

/// A body that is no chat completion; where it stops being one, told without quoting it.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no chat completion: {category:?} error in line {line}, column {column}")]
struct NotAnAnswer {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {MAX_BODY_BYTES} bytes")]
struct TooLarge;

impl TryError {
    fn new(kind: WriteErrorKind, is_worth_another: bool) -> Self {
        Self { kind, is_worth_another, refuses_schema: false, source: None }
    }

    fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl Transport {
    /// Builds the client; opens no connection. Trusted root certificates are loaded for an `https` address alone.
    pub(super) fn new(config: &WriterConfig) -> Result<Self, WriterConfigError> {
        let address = format!("{}/chat/completions", config.base_url.trim().trim_end_matches('/'));
        let url = Url::parse(&address).map_err(|_| WriterConfigError::BaseUrl)?;
        // Another part of the process may have installed a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would carry the key and the prompt to an address that nobody configured.
        let builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(config.timeout.min(MAX_CONNECT))
            .timeout(config.timeout);
        let builder = match url.scheme() {
            "https" => builder,
            "http" => builder.tls_certs_only([]).no_proxy(),
            _ => return Err(WriterConfigError::BaseUrl),
        };
        let authorization = match &config.api_key {
            Some(key) => {
                let mut value =
                    HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(|_| WriterConfigError::Key)?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let client = builder.build().map_err(WriterConfigError::Client)?;
        Ok(Self { client, url, authorization })
    }

    /// Sends one request and reads the whole answer within `limit`.
    pub(super) async fn send(&self, body: Vec<u8>, limit: Duration) -> Result<ChatAnswer, TryError> {
        let exchange = tokio::time::timeout(limit, self.exchange(body)).await;
        exchange.unwrap_or_else(|elapsed| Err(TryError::new(WriteErrorKind::TimedOut, true).because(elapsed)))
    }

    async fn exchange(&self, body: Vec<u8>) -> Result<ChatAnswer, TryError> {
        let mut request = self.client.post(self.url.clone()).header("content-type", "application/json").body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization.clone());
        }
        let response = request.send().await.map_err(|e| of_reqwest(e, WriteErrorKind::Upstream))?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body = read_capped(response).await;
        if !status.is_success() {
            // The status says enough where the body of a failure cannot be read.
            let failure: Failure = body.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
            return Err(of_status(status, retry_after, &failure));
        }
        let body = body?;
        serde_json::from_slice(&body).map_err(|e| {
            let kind = if e.is_eof() { WriteErrorKind::CutOff } else { WriteErrorKind::BadAnswer };
            let source = NotAnAnswer { category: e.classify(), line: e.line(), column: e.column() };
            TryError::new(kind, true).because(source)
        })
    }
}

async fn read_capped(mut response: reqwest::Response) -> Result<Vec<u8>, TryError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| of_reqwest(e, WriteErrorKind::CutOff))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(TryError::new(WriteErrorKind::BadAnswer, false).because(TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn of_reqwest(error: reqwest::Error, otherwise: WriteErrorKind) -> TryError {
    let kind = if error.is_timeout() { WriteErrorKind::TimedOut } else { otherwise };
    // The address is the operator's business and may hold credentials.
    TryError::new(kind, true).because(error.without_url())
}

fn of_status(status: StatusCode, retry_after: Option<Duration>, failure: &Failure) -> TryError {
    let (kind, is_worth_another) = match status.as_u16() {
        429 if failure.error.is_out_of_quota() => (WriteErrorKind::OutOfQuota, false),
        429 => (WriteErrorKind::RateLimited { retry_after }, true),
        408 => (WriteErrorKind::TimedOut, true),
        409 | 500..=599 => (WriteErrorKind::Upstream, true),
        401 | 403 | 404 => (WriteErrorKind::Refused, false),
        _ => (WriteErrorKind::Upstream, false),
    };
    let mut error = TryError::new(kind, is_worth_another).because(Status(status.as_u16()));
    error.refuses_schema = matches!(status.as_u16(), 400 | 422) && failure.error.refuses_schema();
    error
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()
}
