//! Why one try failed: what a status and the words of the body mean for caller, retry and budget.
//!
//! For the log it names the server's host, the model, the status and the server's error code; never a body, a path, a
//! query or a key. For the calls and what reads their answers.

use std::error::Error;
use std::time::Duration;

use super::super::{WriteError, WriteErrorKind, WriteStep};
use super::failure::Failure;

/// Why one try failed.
pub struct TryError {
    pub kind: WriteErrorKind,
    pub is_worth_another: bool,
    /// Whether the model is at fault, which another may not be: it is unknown, or not open to this key.
    pub is_model_s_own: bool,
    /// Whether the server surely charges nothing for it.
    pub is_free: bool,
    /// How long the server asked to wait before the next try.
    pub retry_after: Option<Duration>,
    /// What the server said, where it answered with a failure.
    pub failure: Option<Box<Failure>>,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// A failure that a server answered with, without its body.
#[derive(Debug, thiserror::Error)]
#[error("{host} answered with status {status}{code} to {asked_for}")]
struct Answered {
    host: String,
    status: u16,
    /// In brackets behind a blank, where there is one.
    code: String,
    asked_for: String,
}

/// Who was asked for what, as a log may know it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub host: &'a str,
    /// Such as `the model gpt-4o-mini`.
    pub what: &'a str,
    /// What must never be shown, if a server repeats it.
    pub key: Option<&'a str>,
}

impl TryError {
    pub fn new(kind: WriteErrorKind, is_worth_another: bool) -> Self {
        Self {
            kind,
            is_worth_another,
            is_model_s_own: false,
            is_free: false,
            retry_after: None,
            failure: None,
            source: None,
        }
    }

    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The error of a server that answered with `failure`, and asked to wait for `retry_after`.
    pub fn answered(failure: Failure, retry_after: Option<Duration>) -> Self {
        let status = failure.status();
        let (kind, is_worth_another) = kind_of(&failure, retry_after);
        Self {
            // The model may have worked: a gateway gave up on it, or its answer broke the format.
            is_free: !matches!(status, 408 | 502 | 504 | 524) && !failure.is_not_to_format(),
            is_model_s_own: status == 404 || matches!(status, 400 | 403) && failure.is_about_model(),
            retry_after,
            failure: Some(Box::new(failure)),
            ..Self::new(kind, is_worth_another)
        }
    }

    /// The error of an answer of status 200 that holds `failure`. It is free only where the failure is a refusal: work
    /// after a 200 may be charged.
    pub fn inside(failure: Failure) -> Self {
        let is_refusal = failure.status() < 500;
        let error = Self::answered(failure, None);
        Self { is_free: error.is_free && is_refusal, ..error }
    }

    /// Adds who was asked for what, for the log.
    pub fn of(mut self, asked: Asked<'_>) -> Self {
        if let (Some(failure), None) = (&self.failure, &self.source) {
            let is_of_key = |code: &str| asked.key.is_some_and(|key| key.contains(code) || code.contains(key));
            let code = failure.code().filter(|code| !is_of_key(code));
            self.source = Some(Box::new(Answered {
                host: asked.host.to_owned(),
                status: failure.status(),
                code: code.map(|code| format!(" ({code})")).unwrap_or_default(),
                asked_for: asked.what.to_owned(),
            }));
        }
        self
    }

    /// The error of the whole step, where there is no further try.
    pub fn at(self, step: WriteStep) -> WriteError {
        let error = WriteError::new(step, self.kind);
        WriteError { source: self.source, ..error }
    }
}

/// What a failure is to the caller, and whether the same call may succeed later.
fn kind_of(failure: &Failure, retry_after: Option<Duration>) -> (WriteErrorKind, bool) {
    match failure.status() {
        402 => (WriteErrorKind::OutOfQuota, false),
        403 | 429 if failure.is_out_of_quota() => (WriteErrorKind::OutOfQuota, false),
        429 => (WriteErrorKind::RateLimited { retry_after }, true),
        408 => (WriteErrorKind::TimedOut, true),
        409 | 500..=599 => (WriteErrorKind::Upstream, true),
        400 | 422 if failure.is_not_to_format() => (WriteErrorKind::BadAnswer, true),
        400 | 403 | 422 if failure.forbids_content() => (WriteErrorKind::RefusedContent, false),
        413 => (WriteErrorKind::TooLong, false),
        400 | 422 if failure.is_too_long() => (WriteErrorKind::TooLong, false),
        // LM Studio answers so where no model is loaded.
        400 | 422 if failure.is_about_model() => (WriteErrorKind::Refused, false),
        400 | 422 => (WriteErrorKind::RefusedRequest, false),
        401 | 403 | 404 => (WriteErrorKind::Refused, false),
        _ => (WriteErrorKind::Upstream, false),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(status: u16, body: &Value, key: Option<&str>) -> String {
        let error = TryError::answered(Failure::read(status, body.to_string().as_bytes()), None);
        let asked = Asked { host: "models.example:8080", what: "the model a", key };
        error.of(asked).source.unwrap().to_string()
    }

    #[test]
    fn a_log_learns_host_model_status_and_the_server_s_code() {
        let body = json!({"error": {"message": "no model a", "code": "model_not_found"}});
        let text = shown(404, &body, Some("sk-secret-key"));
        assert_eq!(text, "models.example:8080 answered with status 404 (model_not_found) to the model a");
        assert_eq!(shown(401, &json!({}), None), "models.example:8080 answered with status 401 to the model a");
    }

    #[test]
    fn a_key_that_a_server_repeats_as_its_code_is_not_shown() {
        for code in ["sk-secret-key", "prefix-sk-secret-key", "secret-key"] {
            let text = shown(401, &json!({"error": {"code": code}}), Some("sk-secret-key"));
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn what_may_have_been_at_work_is_not_free() {
        let is_free =
            |status, body: Value| TryError::answered(Failure::read(status, body.to_string().as_bytes()), None).is_free;
        for status in [400, 401, 404, 429, 500, 503, 529] {
            assert!(is_free(status, json!({})), "{status}");
        }
        for status in [408, 502, 504, 524] {
            assert!(!is_free(status, json!({})), "{status}");
        }
        assert!(!is_free(400, json!({"error": {"code": "json_validate_failed"}})));
        let inside = |code: u16| TryError::inside(Failure::told(&json!({"code": code, "message": "x"}))).is_free;
        assert_eq!([429, 403, 500, 502].map(inside), [true, true, false, false]);
    }
}
