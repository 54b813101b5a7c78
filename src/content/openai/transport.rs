//! One HTTP call: bounded in time and size, its failure reduced to what may be told.
//!
//! Neither async-openai's client nor its error type is used: its client has no time-out of its own, reads bodies of any
//! size, and logs a body that it cannot parse.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::super::{WriteError, WriteErrorKind, WriteStep, WriterConfig, WriterConfigError};
use super::failure::Failure;
use super::resolver::PublicOnly;

/// How large an answer of texts may be, in bytes: many times the longest set of variants.
const MAX_TEXT_BYTES: usize = 1_000_000;
/// How large a picture may be, in bytes.
const MAX_PICTURE_BYTES: usize = 20_000_000;
/// How large an answer with a picture in it may be, in bytes: base64 makes four of three.
const MAX_PICTURE_ANSWER_BYTES: usize = MAX_PICTURE_BYTES / 3 * 4 + MAX_TEXT_BYTES;
/// How long a connection may take to open, at most; a try's own limit may be shorter.
const MAX_CONNECT: Duration = Duration::from_secs(5);

/// The connection to one server, and to wherever its pictures lie.
pub(super) struct Transport {
    client: reqwest::Client,
    base: Url,
    chat: Url,
    images: Url,
    authorization: Option<HeaderValue>,
    connect_timeout: Duration,
    /// For pictures at `https` addresses named by a server that is itself reached by `http`: made when the first such
    /// address comes, because loading root certificates takes tens of milliseconds.
    secure: OnceCell<reqwest::Client>,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/chat/completions`
    Chat,
    /// `/images/generations`
    Images,
}

/// Why one try failed.
pub(super) struct TryError {
    pub(super) kind: WriteErrorKind,
    pub(super) is_worth_another: bool,
    pub(super) refuses_schema: bool,
    /// Whether the model is at fault, which another may not be: it is unknown, or not open to this key.
    pub(super) is_model_s_own: bool,
    /// Whether the server surely charges nothing for it.
    pub(super) is_free: bool,
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
}

/// A status other than success, told without its body.
#[derive(Debug, thiserror::Error)]
#[error("the server answered with status {0}")]
struct Status(u16);

/// A body that is not the JSON expected; where it stops being it, told without quoting it.
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

impl TryError {
    pub(super) fn new(kind: WriteErrorKind, is_worth_another: bool) -> Self {
        Self { kind, is_worth_another, refuses_schema: false, is_model_s_own: false, is_free: false, source: None }
    }

    pub(super) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The error of the whole step, where there is no further try.
    pub(super) fn at(self, step: WriteStep) -> WriteError {
        let error = WriteError::new(step, self.kind);
        WriteError { source: self.source, ..error }
    }
}

impl Transport {
    /// Builds the client; opens no connection. Trusted root certificates are loaded for an `https` address alone.
    pub(super) fn new(config: &WriterConfig) -> Result<Self, WriterConfigError> {
        let base = config.base_url.trim().trim_end_matches('/');
        let url = |address: &str| Url::parse(address).map_err(|_| WriterConfigError::BaseUrl);
        let (chat, images) = (url(&format!("{base}/chat/completions"))?, url(&format!("{base}/images/generations"))?);
        let base = url(base)?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(WriterConfigError::BaseUrl);
        }
        // Another part of the process may have installed a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connect_timeout = config.timeout.min(MAX_CONNECT);
        let authorization = match &config.api_key {
            Some(key) => {
                let mut value =
                    HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(|_| WriterConfigError::Key)?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let client = client(&base, connect_timeout, base.scheme() == "https").map_err(WriterConfigError::Client)?;
        Ok(Self { client, base, chat, images, authorization, connect_timeout, secure: OnceCell::new() })
    }

    /// The configured address.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Sends one request and reads the whole answer within `limit`.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<T, TryError> {
        let (url, max_bytes) = match endpoint {
            Endpoint::Chat => (&self.chat, MAX_TEXT_BYTES),
            Endpoint::Images => (&self.images, MAX_PICTURE_ANSWER_BYTES),
        };
        let mut request = self.client.post(url.clone()).header("content-type", "application/json").body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization.clone());
        }
        let answer = within(limit, exchange(request, max_bytes)).await?;
        serde_json::from_slice(&answer).map_err(|e| {
            let kind = if e.is_eof() { WriteErrorKind::CutOff } else { WriteErrorKind::BadAnswer };
            let source = NotAnAnswer { category: e.classify(), line: e.line(), column: e.column() };
            TryError::new(kind, true).because(source)
        })
    }

    /// Fetches a picture that the server named by address, within `limit` and without the key.
    pub(super) async fn fetch(&self, url: Url, limit: Duration) -> Result<Vec<u8>, TryError> {
        let fetching = async {
            let client = if url.scheme() == self.base.scheme() { &self.client } else { self.secure().await? };
            exchange(client.get(url), MAX_PICTURE_BYTES).await
        };
        let refused = |error: TryError| match error.kind {
            // Where a picture lies is neither the key's nor the model's fault.
            WriteErrorKind::Refused
            | WriteErrorKind::RefusedRequest
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
        let (base, timeout) = (self.base.clone(), self.connect_timeout);
        let made = self.secure.get_or_try_init(|| async move {
            let made = tokio::task::spawn_blocking(move || client(&base, timeout, true)).await;
            made.map_err(|e| TryError::new(WriteErrorKind::Internal, false).because(e))?
                .map_err(|e| TryError::new(WriteErrorKind::Internal, false).because(e))
        });
        made.await
    }
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
async fn exchange(request: RequestBuilder, max_bytes: usize) -> Result<Vec<u8>, TryError> {
    let response = request.send().await.map_err(|e| of_reqwest(e, WriteErrorKind::Upstream))?;
    let status = response.status();
    if status.is_success() {
        return read_capped(response, max_bytes).await;
    }
    let retry_after = retry_after(response.headers());
    // The status says enough where the body of a failure cannot be read.
    let body = read_capped(response, MAX_TEXT_BYTES).await.ok();
    let failure = body.map(|body| Failure::read(&body)).unwrap_or_default();
    Err(of_status(status, retry_after, &failure))
}

async fn read_capped(mut response: reqwest::Response, max_bytes: usize) -> Result<Vec<u8>, TryError> {
    let mut body = Vec::new();
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

fn of_status(status: StatusCode, retry_after: Option<Duration>, failure: &Failure) -> TryError {
    let (kind, is_worth_another) = match status.as_u16() {
        402 => (WriteErrorKind::OutOfQuota, false),
        403 | 429 if failure.is_out_of_quota() => (WriteErrorKind::OutOfQuota, false),
        429 => (WriteErrorKind::RateLimited { retry_after }, true),
        408 => (WriteErrorKind::TimedOut, true),
        409 | 500..=599 => (WriteErrorKind::Upstream, true),
        400 | 403 | 422 if failure.forbids_content() => (WriteErrorKind::RefusedContent, false),
        400 | 413 | 422 => (WriteErrorKind::RefusedRequest, false),
        401 | 403 | 404 => (WriteErrorKind::Refused, false),
        _ => (WriteErrorKind::Upstream, false),
    };
    let mut error = TryError::new(kind, is_worth_another).because(Status(status.as_u16()));
    error.is_free = true;
    error.is_model_s_own =
        status == StatusCode::NOT_FOUND || matches!(status.as_u16(), 400 | 403) && failure.is_about_model();
    error.refuses_schema = matches!(status.as_u16(), 400 | 422) && failure.refuses_schema();
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
