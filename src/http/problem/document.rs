//! The problem document that a caller reads (RFC 9457). Every error has this shape, but the page of
//! `AccessError::ForeignHost` for browsers; the outermost layer adds the request's id. Requests whose head cannot be
//! read are answered below the router, without an id.
//!
//! ```json
//! { "type": "about:blank", "title": "Unsupported Media Type", "status": 415, "code": "not_a_workbook",
//!   "error": "…", "detail": "…", "request_id": "…" }
//! ```

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::field::FieldProblem;
use crate::causes::with_causes;
use crate::http::access::AccessError;
use crate::http::waited::Waited;

/// What to do about a host name that the server does not answer under.
const FOREIGN_HOST_PAGE: &str = include_str!("foreign_host.html");

/// An [`ApiError`] on its way out; the outermost layer adds the request's id.
#[derive(Clone)]
pub(in crate::http) struct Problem(Arc<ApiError>);

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(in crate::http) struct Document<'a> {
    /// Always `about:blank`; `code` tells problems apart.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    title: &'a str,
    /// The status.
    #[schema(example = 422)]
    status: u16,
    /// What is wrong, for programs.
    #[schema(example = "invalid_fields")]
    code: &'a str,
    /// What is wrong and what to change, for people.
    #[schema(example = "The field platform must be one of Instagram, Facebook, LinkedIn, TikTok, Email, Website.")]
    detail: &'a str,
    /// The same sentence, for clients of the original service.
    #[schema(example = "The field platform must be one of Instagram, Facebook, LinkedIn, TikTok, Email, Website.")]
    error: &'a str,
    /// The request's id, by which its log lines are found.
    #[schema(example = "5f0c1d9be2a84b6f8f5f6c1d9be2a84b")]
    request_id: &'a str,
    /// Each field that is invalid; absent where the problem is not about fields.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    details: &'a [FieldProblem],
}

impl Problem {
    pub(in crate::http) fn new(error: ApiError) -> Self {
        Self(Arc::new(error))
    }

    /// Logs the problem: mistakes of callers at debug level, ours with every cause.
    pub(in crate::http) fn log(&self, request_id: &str) {
        let (status, code) = self.0.status_and_code();
        let causes = with_causes(self.0.as_ref());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(event = "request_put_off", request_id, code, causes, "request answered with 503");
        } else if status.is_server_error() {
            tracing::error!(event = "request_failed", request_id, code, causes, "request failed");
        } else {
            tracing::debug!(event = "request_refused", request_id, code, "request refused");
        }
    }

    /// The document as JSON, for an event stream.
    pub(in crate::http) fn json(&self, request_id: &str) -> String {
        serde_json::to_string(&self.document(&self.0.sentence(), request_id)).unwrap_or_default()
    }

    fn document<'a>(&'a self, sentence: &'a str, request_id: &'a str) -> Document<'a> {
        let (status, code) = self.0.status_and_code();
        Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: sentence,
            error: sentence,
            request_id,
            details: self.0.details(),
        }
    }

    /// The finished answer: the document or, for a browser whose user can do nothing but change the address, a page.
    pub(in crate::http) fn into_response(self, request_id: &str, is_for_a_browser: bool) -> Response {
        let status = self.0.status();
        if is_for_a_browser && matches!(*self.0, ApiError::Access(AccessError::ForeignHost)) {
            return (status, Html(FOREIGN_HOST_PAGE)).into_response();
        }
        let sentence = self.0.sentence();
        let mut response = (status, axum::Json(self.document(&sentence, request_id))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.0.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        if let Some(location) = self.0.location().and_then(|path| HeaderValue::try_from(path).ok()) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// An empty answer that carries the problem to the outermost layer.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Waited(self.waited()));
        response.extensions_mut().insert(Problem::new(self));
        response
    }
}
