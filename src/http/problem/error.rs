//! The one error of this layer: what it is to a caller, and what to the log.
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
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Problem;
use super::status;
use crate::content::{FieldError, WriteError, WriteErrorKind};
use crate::customer::FormError;
use crate::export::ExportError;
use crate::http::idempotency::IdempotencyError;
use crate::http::request_id::Waited;
use crate::http::routes::retrain::path_of;
use crate::model_store::StoreError;
use crate::upload_store::UploadError;
use crate::workbook::WorkbookError;

/// What any error is whose cause is a disk that is full or may not be written.
const DISK: &str = "disk_full";
const DISK_SENTENCE: &str = "A disk of the server is full or cannot be written; tell the operator.";

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
    #[error("more than {limit} text fields")]
    TooManyFields { limit: usize },
    #[error("an extension that is no workbook's")]
    WrongExtension,
    #[error("the upload is too large")]
    UploadTooLarge { limit_bytes: u64 },
    #[error("the form could not be read")]
    BrokenForm(#[source] multer::Error),
    #[error("the workbook could not be read")]
    Workbook(#[source] WorkbookError),
    #[error("no usable row")]
    NoUsableRow(String),
    #[error("not application/json")]
    NotJson,
    #[error("the body is too large")]
    BodyTooLarge { limit_bytes: usize },
    #[error("the body was cut off")]
    BodyCutOff,
    #[error("the body came too slowly")]
    BodyTooSlow,
    #[error("broken JSON")]
    BrokenJson(#[source] serde_json::Error),
    #[error("not a JSON object")]
    NotAnObject,
    #[error("some fields cannot be taken")]
    Fields(Vec<FieldProblem>),
    #[error("the content could not be written")]
    Write(#[source] WriteError),
    #[error("the segments could not be exported")]
    Export(#[source] ExportError),
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
    #[error("there is no room for the upload")]
    NoRoom(#[source] UploadError),
    #[error("no key opens the routes for administrators")]
    AdminClosed,
    #[error("not an administrator")]
    NotAdmin,
    #[error("no key that opens this service")]
    NoKey,
    #[error("more requests a minute than one caller may send")]
    TooOften { wait: Duration },
    #[error("more requests at once than one caller may have under way")]
    TooManyAtOnce,
    #[error("no such version")]
    NoVersion,
    #[error("more than {limit} files")]
    TooManyFiles { limit: usize },
    #[error("some files cannot be read")]
    Files(Vec<FieldProblem>),
    #[error("a retraining is under way")]
    RetrainRunning { job: String },
    #[error("the retraining failed: {0}")]
    Retrain(String),
    #[error("no such retraining")]
    NoJob,
    #[error("the server is stopping")]
    Stopping,
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    #[error("the model store could not answer")]
    Model(#[source] StoreError),
    #[error("not an image of this service")]
    NotOurImage,
    #[error("no such image")]
    NoImage,
    #[error("an image could not be read")]
    ImageStorage(#[source] std::io::Error),
}

/// One field that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field, as the caller named it.
    #[schema(example = "platform")]
    pub field: String,
    /// What to change.
    #[schema(example = "must be one of Instagram, Facebook, LinkedIn, TikTok, Email, Website")]
    pub message: String,
    /// The accepted values, where there is a list of them.
    #[schema(example = json!(["Instagram", "Facebook", "LinkedIn", "TikTok", "Email", "Website"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

/// What one error is to a caller.
pub(in crate::http) struct Facts {
    pub status: StatusCode,
    pub code: &'static str,
    pub sentence: String,
}

impl ApiError {
    pub(in crate::http) fn internal(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal { doing, source: Some(source.into()) }
    }

    pub(in crate::http) fn facts(&self) -> Facts {
        let (status, code) = self.status_and_code();
        let is_about_disk = status == StatusCode::INSUFFICIENT_STORAGE && code == DISK;
        let sentence = if is_about_disk { DISK_SENTENCE.to_owned() } else { self.sentence() };
        Facts { status, code, sentence }
    }

    /// Whatever else fails, fails for want of room where a disk is full or read-only.
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self.own_status_and_code() {
            (StatusCode::INTERNAL_SERVER_ERROR, _) if is_of_a_full_disk(self) => {
                (StatusCode::INSUFFICIENT_STORAGE, DISK)
            }
            own => own,
        }
    }

    fn own_status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoRoute => (StatusCode::NOT_FOUND, "no_such_route"),
            Self::NoMethod => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NotMultipart => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_multipart"),
            Self::NoFile => (StatusCode::BAD_REQUEST, "no_file"),
            Self::SecondFile => (StatusCode::BAD_REQUEST, "second_file"),
            Self::TooManyFields { .. } => (StatusCode::BAD_REQUEST, "too_many_fields"),
            Self::WrongExtension => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_extension"),
            Self::UploadTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large"),
            Self::BrokenForm(_) => (StatusCode::BAD_REQUEST, "broken_form"),
            Self::Workbook(error) => status::of_workbook(error),
            Self::NoUsableRow(_) => (StatusCode::UNPROCESSABLE_ENTITY, "no_usable_row"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::BodyCutOff => (StatusCode::BAD_REQUEST, "body_cut_off"),
            Self::BodyTooSlow => (StatusCode::REQUEST_TIMEOUT, "body_too_slow"),
            Self::BrokenJson(_) => (StatusCode::BAD_REQUEST, "broken_json"),
            Self::NotAnObject => (StatusCode::UNPROCESSABLE_ENTITY, "not_an_object"),
            Self::Fields(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields"),
            Self::Write(error) => (status::of_writing(error.kind), error.kind.code()),
            Self::Export(error) => status::of_export(error),
            Self::Idempotency(error) => status::of_idempotency(*error),
            Self::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Storage(_) => (StatusCode::INSUFFICIENT_STORAGE, "storage"),
            Self::NoRoom(_) => (StatusCode::INSUFFICIENT_STORAGE, "storage_low"),
            Self::AdminClosed => (StatusCode::FORBIDDEN, "admin_closed"),
            Self::NotAdmin => (StatusCode::UNAUTHORIZED, "not_admin"),
            Self::NoKey => (StatusCode::UNAUTHORIZED, "no_key"),
            Self::TooOften { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_often"),
            Self::TooManyAtOnce => (StatusCode::TOO_MANY_REQUESTS, "too_many_at_once"),
            Self::NoVersion | Self::Model(StoreError::NoSuchVersion { .. }) => {
                (StatusCode::NOT_FOUND, "no_such_version")
            }
            Self::Model(StoreError::File { .. } | StoreError::Model { .. }) => (StatusCode::CONFLICT, "broken_version"),
            Self::Model(_) => (StatusCode::INTERNAL_SERVER_ERROR, "model_store"),
            Self::TooManyFiles { .. } => (StatusCode::BAD_REQUEST, "too_many_files"),
            Self::Files(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_files"),
            Self::RetrainRunning { .. } => (StatusCode::CONFLICT, "retrain_running"),
            Self::Retrain(_) => (StatusCode::INTERNAL_SERVER_ERROR, "retrain_failed"),
            Self::NoJob => (StatusCode::NOT_FOUND, "no_such_retraining"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Self::NotOurImage => (StatusCode::FORBIDDEN, "not_our_image"),
            Self::NoImage => (StatusCode::NOT_FOUND, "no_such_image"),
            Self::ImageStorage(_) => (StatusCode::INTERNAL_SERVER_ERROR, "unreadable_image"),
        }
    }

    /// What the caller reads: what to change, or what to do.
    fn sentence(&self) -> String {
        match self {
            Self::NoRoute => "There is no such route.",
            Self::NoMethod => "This route does not take this method.",
            Self::NotMultipart => "Send the workbook as multipart/form-data, in a field called file.",
            Self::NoFile => "Add the workbook in a form field called file.",
            Self::SecondFile => "Send one file field, not several.",
            Self::TooManyFields { limit } => return format!("Send at most {limit} fields beside the file."),
            Self::WrongExtension => "Send a file that ends in .xlsx, .xls or .csv.",
            Self::UploadTooLarge { limit_bytes } => {
                return format!("The file may have at most {} MB; split it or drop columns.", limit_bytes >> 20);
            }
            Self::BrokenForm(_) => "The form is not valid multipart/form-data or was cut off.",
            Self::Workbook(WorkbookError::NoReader(_)) => {
                "The workbook cannot be read right now; try again in a moment."
            }
            Self::Workbook(error) => return as_sentence(&error.to_string()),
            Self::NoUsableRow(why) => return as_sentence(why),
            Self::NotJson => "Send JSON with Content-Type: application/json.",
            Self::BodyTooLarge { limit_bytes } => {
                return format!("The body may have at most {} KB.", limit_bytes >> 10);
            }
            Self::BodyCutOff => "The body ended before it was whole.",
            Self::BodyTooSlow => "The body took too long to arrive.",
            Self::BrokenJson(error) => {
                return format!("The JSON is broken at line {}, column {}.", error.line(), error.column());
            }
            Self::NotAnObject => "Send a JSON object of campaign inputs, such as {\"objective\": \"more visits\"}.",
            Self::Fields(_) => "Some fields cannot be taken; details names each with what to change.",
            Self::Write(error) => error.caller_sentence(),
            Self::Export(ExportError::Write(_)) => "Something went wrong here; tell the operator the request_id.",
            Self::Export(error) => return as_sentence(&error.to_string()),
            Self::Idempotency(error) => return as_sentence(&error.to_string()),
            Self::Starting => "The server is starting; try again in a moment.",
            Self::Busy => "The server is busy; try again in a moment.",
            Self::Internal { .. } => "Something went wrong here; tell the operator the request_id.",
            Self::Storage(_) => "The upload could not be stored; tell the operator the request_id.",
            Self::NoRoom(_) => "There is too little room on the server's disk for this upload; tell the operator.",
            Self::AdminClosed => "This route is closed: no ADMIN_KEY is set.",
            Self::NotAdmin => "Send the administrators' key as Authorization: Bearer KEY.",
            Self::NoKey => "Send a key of this service as Authorization: Bearer KEY.",
            Self::TooOften { .. } => "These are more requests a minute than are allowed; wait a moment.",
            Self::TooManyAtOnce => "Wait until some of your requests under way are answered.",
            Self::NoVersion | Self::Model(StoreError::NoSuchVersion { .. }) => "There is no such model version.",
            Self::Model(StoreError::File { path, .. }) => {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                return format!("The version is damaged: {file} is not as it was written. The live version stays.");
            }
            Self::Model(StoreError::Model { .. }) => "The version's files are no model. The live version stays.",
            Self::Model(_) => "The model store could not answer; tell the operator the request_id.",
            Self::TooManyFiles { limit } => return format!("Send at most {limit} files at a time."),
            Self::Files(_) => "Some files cannot be trained on; details names each with what is wrong. None was kept.",
            Self::RetrainRunning { job } => {
                return format!("A retraining is under way already: look at {}.", path_of(job));
            }
            Self::Retrain(sentence) => return sentence.clone(),
            Self::NoJob => "There is no such retraining; those from before the server's start are not remembered.",
            Self::Stopping => "The server is stopping; try again in a moment.",
            Self::NotOurImage => "Only images that this service made can be downloaded.",
            Self::NoImage => "There is no such image.",
            Self::ImageStorage(_) => "The image could not be read; tell the operator the request_id.",
        }
        .to_owned()
    }

    /// The status of the answer.
    pub(in crate::http) fn status(&self) -> StatusCode {
        self.status_and_code().0
    }

    /// What was spent waiting for the upstream before it failed.
    pub(in crate::http) fn waited(&self) -> Duration {
        match self {
            Self::Write(error) => error.waited,
            _ => Duration::ZERO,
        }
    }

    /// In how many seconds to try again, where that may help.
    pub(in crate::http) fn retry_after(&self) -> Option<u64> {
        const A_MOMENT: u64 = 5;
        match self {
            Self::Write(WriteError { kind: WriteErrorKind::OutOfQuota, .. }) => None,
            Self::Write(WriteError {
                kind:
                    WriteErrorKind::RateLimited { retry_after: Some(wait) }
                    | WriteErrorKind::Paused { retry_after: wait }
                    | WriteErrorKind::BudgetSpent { until_reset: wait },
                ..
            }) => Some(whole_seconds(*wait)),
            Self::TooOften { wait } => Some(whole_seconds(*wait)),
            Self::TooManyAtOnce | Self::Idempotency(IdempotencyError::StillRunning) => Some(A_MOMENT),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(A_MOMENT),
        }
    }

    /// Where the caller finds what is in the way.
    pub(in crate::http) fn location(&self) -> Option<String> {
        match self {
            Self::RetrainRunning { job } => Some(path_of(job)),
            _ => None,
        }
    }

    pub(in crate::http) fn details(&self) -> &[FieldProblem] {
        match self {
            Self::Fields(problems) | Self::Files(problems) => problems,
            _ => &[],
        }
    }
}

/// Whether a cause of `error` is a disk that is full or may not be written.
fn is_of_a_full_disk(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    std::iter::successors(Some(error), |&error| error.source())
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| matches!(cause.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem))
}

/// Rounded up: a moment too early is too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Lower layers write their errors as the end of a sentence; a caller reads a whole one.
pub(in crate::http) fn as_sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).chain(std::iter::once('.')).collect()
}

/// An error and its causes, for the log.
pub(in crate::http) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
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

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Write(cause) => Self::Storage(cause),
            full @ (UploadError::NoRoom { .. } | UploadError::Full(_)) => Self::NoRoom(full),
        }
    }
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::NotJson(cause) => Self::BrokenJson(cause),
            ExportError::Shape { path, rule } => {
                Self::Fields(vec![FieldProblem { field: path, message: rule, allowed: Vec::new() }])
            }
            other => Self::Export(other),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Waited(self.waited()));
        response.extensions_mut().insert(Problem::new(self));
        response
    }
}
