//! The one error of this layer, and the problem document that a caller reads.
//!
//! Lower layers know no status codes: their errors become an [`ApiError`] here, and one match without a wildcard
//! decides status, code and sentence. What the caller reads is that sentence; what the log gets is the error with its
//! causes. Every answer that is not a success has this shape (RFC 9457), with `error` repeating the sentence for
//! clients of the original service:
//!
//! ```json
//! { "type": "about:blank", "title": "Unsupported Media Type", "status": 415, "code": "not_a_workbook",
//!   "error": "…", "detail": "…", "request_id": "…", "details": [] }
//! ```

use std::error::Error;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::content::{FieldError, WriteError, WriteErrorKind};
use crate::customer::{CleaningReport, FormError};
use crate::workbook::WorkbookError;

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("no such route")]
    NoRoute,
    #[error("no such method on this route")]
    NoMethod,
    #[error("not multipart/form-data")]
    NotMultipart,
    #[error("no file field")]
    NoFile,
    #[error("more than one file field")]
    SecondFile,
    #[error("an extension that is no workbook's")]
    WrongExtension,
    #[error("the upload is too large")]
    UploadTooLarge { limit_bytes: u64 },
    #[error("the form could not be read")]
    BrokenForm(#[source] multer::Error),
    #[error("the workbook could not be read")]
    Workbook(#[source] WorkbookError),
    #[error("no usable row")]
    NoUsableRow(CleaningReport),
    #[error("not application/json")]
    NotJson,
    #[error("the body is too large")]
    BodyTooLarge { limit_bytes: usize },
    #[error("the body was cut off")]
    BodyCutOff,
    #[error("broken JSON")]
    BrokenJson(#[source] serde_json::Error),
    #[error("not a JSON object")]
    NotAnObject,
    #[error("some fields cannot be taken")]
    Fields(Vec<FieldProblem>),
    #[error("the content could not be written")]
    Write(#[source] WriteError),
    #[error("the server is starting")]
    Starting,
    #[error("no thread was free in time")]
    Busy,
    #[error("{doing} failed")]
    Internal {
        doing: &'static str,
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    #[error("the upload could not be kept")]
    Storage(#[source] std::io::Error),
}

/// One field that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// The field, as the caller named it.
    pub field: String,
    /// What to change.
    pub message: String,
    /// The accepted values, where there is a list of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

/// What one error is to a caller.
struct Facts {
    status: StatusCode,
    code: &'static str,
    sentence: String,
}

/// An [`ApiError`] on its way out; the outermost layer adds the request's id.
#[derive(Clone)]
pub(super) struct Problem(Arc<ApiError>);

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    error: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    details: &'a [FieldProblem],
}

impl ApiError {
    pub(super) fn internal(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal { doing, source: Some(source.into()) }
    }

    fn facts(&self) -> Facts {
        let facts = |status, code, sentence: &str| Facts { status, code, sentence: sentence.to_owned() };
        match self {
            Self::NoRoute => facts(StatusCode::NOT_FOUND, "no_such_route", "There is no such route."),
            Self::NoMethod => {
                facts(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This route does not take this method.")
            }
            Self::NotMultipart => facts(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_multipart",
                "Send the workbook as multipart/form-data, in a field called file.",
            ),
            Self::NoFile => facts(StatusCode::BAD_REQUEST, "no_file", "Add the workbook in a form field called file."),
            Self::SecondFile => facts(StatusCode::BAD_REQUEST, "second_file", "Send one file field, not several."),
            Self::WrongExtension => facts(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "wrong_extension",
                "Send a file that ends in .xlsx, .xls or .csv.",
            ),
            Self::UploadTooLarge { limit_bytes } => Facts {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                code: "upload_too_large",
                sentence: format!("The file may have at most {} MB; split it or drop columns.", limit_bytes >> 20),
            },
            Self::BrokenForm(_) => facts(
                StatusCode::BAD_REQUEST,
                "broken_form",
                "The form is not valid multipart/form-data or was cut off.",
            ),
            Self::Workbook(error) => workbook_facts(error),
            Self::NoUsableRow(report) => no_usable_row(report),
            Self::NotJson => {
                facts(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "Send JSON with Content-Type: application/json.")
            }
            Self::BodyTooLarge { limit_bytes } => Facts {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                code: "body_too_large",
                sentence: format!("The body may have at most {} KB.", limit_bytes >> 10),
            },
            Self::BodyCutOff => facts(StatusCode::BAD_REQUEST, "body_cut_off", "The body ended before it was whole."),
            Self::BrokenJson(error) => Facts {
                status: StatusCode::BAD_REQUEST,
                code: "broken_json",
                sentence: format!("The JSON is broken at line {}, column {}.", error.line(), error.column()),
            },
            Self::NotAnObject => facts(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not_an_object",
                "Send a JSON object of campaign inputs, such as {\"objective\": \"more visits\"}.",
            ),
            Self::Fields(_) => facts(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_fields",
                "Some fields cannot be taken; details names each with what to change.",
            ),
            Self::Write(error) => write_facts(error),
            Self::Starting => {
                facts(StatusCode::SERVICE_UNAVAILABLE, "starting", "The server is starting; try again in a moment.")
            }
            Self::Busy => facts(StatusCode::SERVICE_UNAVAILABLE, "busy", "The server is busy; try again in a moment."),
            Self::Internal { .. } => facts(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong here; tell the operator the request_id.",
            ),
            Self::Storage(_) => facts(
                StatusCode::INSUFFICIENT_STORAGE,
                "storage",
                "The upload could not be stored and nothing was kept; tell the operator the request_id.",
            ),
        }
    }

    fn details(&self) -> &[FieldProblem] {
        match self {
            Self::Fields(problems) => problems,
            _ => &[],
        }
    }
}

fn workbook_facts(error: &WorkbookError) -> Facts {
    let (status, code) = match error {
        WorkbookError::Empty => (StatusCode::BAD_REQUEST, "empty_file"),
        WorkbookError::NotAWorkbook { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_a_workbook"),
        WorkbookError::Encrypted => (StatusCode::UNPROCESSABLE_ENTITY, "encrypted_workbook"),
        WorkbookError::Damaged(_) => (StatusCode::UNPROCESSABLE_ENTITY, "damaged_workbook"),
        WorkbookError::UnreadableText(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_text"),
        WorkbookError::NoSheet => (StatusCode::UNPROCESSABLE_ENTITY, "no_sheet"),
        WorkbookError::MissingColumns(_) => (StatusCode::UNPROCESSABLE_ENTITY, "missing_columns"),
        WorkbookError::TooManyRows { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_rows"),
        WorkbookError::TooManyColumns { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_columns"),
        WorkbookError::CellTooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "cell_too_long"),
        WorkbookError::TooManySheets { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_sheets"),
        WorkbookError::Io(_) => (StatusCode::INTERNAL_SERVER_ERROR, "unreadable_upload"),
    };
    Facts { status, code, sentence: as_sentence(&error.to_string()) }
}

/// Lower layers write their errors as the end of a sentence; a caller reads a whole one.
fn as_sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).chain(std::iter::once('.')).collect()
}

fn no_usable_row(report: &CleaningReport) -> Facts {
    let sentence = report.no_usable_row().map_or_else(|| "No row can be used.".to_owned(), |text| as_sentence(&text));
    Facts { status: StatusCode::UNPROCESSABLE_ENTITY, code: "no_usable_row", sentence }
}

fn write_facts(error: &WriteError) -> Facts {
    let (status, code) = match error.kind {
        WriteErrorKind::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "writer_timed_out"),
        WriteErrorKind::RateLimited { .. } => (StatusCode::SERVICE_UNAVAILABLE, "writer_rate_limited"),
        WriteErrorKind::OutOfQuota => (StatusCode::SERVICE_UNAVAILABLE, "writer_out_of_quota"),
        WriteErrorKind::Refused => (StatusCode::BAD_GATEWAY, "writer_refused"),
        WriteErrorKind::Upstream => (StatusCode::BAD_GATEWAY, "writer_unavailable"),
        WriteErrorKind::BadAnswer | WriteErrorKind::CutOff => (StatusCode::BAD_GATEWAY, "writer_bad_answer"),
        WriteErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    Facts { status, code, sentence: error.caller_sentence().to_owned() }
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        Self {
            field: error.field.to_owned(),
            message: error.message,
            allowed: error.allowed.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

impl From<FormError> for FieldProblem {
    fn from(error: FormError) -> Self {
        Self { field: error.field, message: error.message, allowed: error.allowed }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.facts().status.into_response();
        response.extensions_mut().insert(Problem(Arc::new(self)));
        response
    }
}

impl Problem {
    /// Tells the log what happened: callers' mistakes quietly, ours with every cause.
    pub(super) fn log(&self, request_id: &str) {
        let Facts { status, code, .. } = self.0.facts();
        let first: &dyn Error = self.0.as_ref();
        let causes = std::iter::successors(Some(first), |&error| error.source());
        let causes = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(request_id, code, causes, "request put off");
        } else if status.is_server_error() {
            tracing::error!(request_id, code, causes, "request failed");
        } else {
            tracing::debug!(request_id, code, "request refused");
        }
    }

    /// The finished answer.
    pub(super) fn into_response(self, request_id: &str) -> Response {
        let Facts { status, code, sentence } = self.0.facts();
        let document = Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: &sentence,
            error: &sentence,
            request_id,
            details: self.0.details(),
        };
        let mut response = (status, axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
