//! The one error of this layer.
//!
//! Lower layers know no status codes. Their errors become an [`ApiError`] here; `status.rs` gives each a status and a
//! code, `sentence.rs` the sentence that the caller reads, both in one match without a wildcard arm. The log gets the
//! error with its causes instead.

use std::error::Error;
use std::time::Duration;

use axum::http::StatusCode;

use super::field::FieldProblem;
use super::rejected::{BodyError, UploadFormError};
use crate::content::{WriteError, WriteErrorKind};
use crate::export::ExportError;
use crate::http::access::AccessError;
use crate::http::idempotency::IdempotencyError;
use crate::http::request::form::FormError;
use crate::model_store::StoreError;
use crate::retrain::worker::FailureCause;
use crate::shared_store::SharedStoreError;
use crate::upload_store::UploadError;
use crate::workbook::WorkbookError;

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("no such route")]
    NoRoute,
    #[error("no such method on this route")]
    NoMethod,
    #[error(transparent)]
    UploadForm(#[from] UploadFormError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("the form could not be read")]
    Form(#[source] FormError),
    #[error("the workbook could not be read")]
    Workbook(#[source] WorkbookError),
    #[error("no usable row")]
    NoUsableRow(String),
    #[error("some fields cannot be taken")]
    Fields(Vec<FieldProblem>),
    #[error("the content could not be written")]
    Write(#[source] WriteError),
    #[error("the segments could not be exported")]
    Export(#[source] ExportError),
    #[error("the server is starting")]
    Starting,
    #[error("no model was trained yet")]
    NoModel,
    #[error("no processor was free in time")]
    Busy,
    #[error("{doing} failed")]
    Internal {
        doing: &'static str,
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    #[error("the upload could not be kept")]
    Storage(#[source] std::io::Error),
    #[error("too little space for the upload")]
    NoRoom(#[source] UploadError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("more requests in progress than a client may have")]
    TooManyAtOnce,
    #[error("too many bytes of answers are on their way")]
    TooManyAnswers,
    #[error("no such version")]
    NoVersion,
    #[error("no such segment")]
    NoSegment,
    #[error("no If-Match")]
    NoIfMatch,
    #[error("the extras have changed")]
    ExtrasChanged,
    #[error("some files cannot be read")]
    Files(Vec<FieldProblem>),
    #[error("a {what} is under way")]
    RetrainRunning { job: String, what: &'static str },
    #[error("the retraining failed: {sentence}")]
    Retrain { sentence: String, cause: FailureCause },
    #[error("the retraining was ended")]
    RetrainEnded(String),
    #[error("no such retraining")]
    NoJob,
    #[error("no such upload")]
    NoUpload,
    #[error("a training is reading the uploads")]
    UploadsInUse,
    #[error("the server is stopping")]
    Stopping,
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    #[error("the model store could not answer")]
    Model(#[source] StoreError),
    #[error("the shared store could not answer")]
    SharedStore(#[source] SharedStoreError),
    #[error("not an image of this service")]
    NotOurImage,
    #[error("no such image")]
    NoImage,
    #[error("an image could not be read")]
    ImageStorage(#[source] std::io::Error),
}

impl ApiError {
    /// One field that cannot be taken.
    pub(in crate::http) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Fields(vec![FieldProblem::new(field, message)])
    }

    /// A fault of this service, met while `doing` something.
    pub(in crate::http) fn internal(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal { doing, source: Some(source.into()) }
    }

    /// The time spent waiting for the model API before it failed.
    pub(in crate::http) fn waited(&self) -> Duration {
        match self {
            Self::Write(error) => error.waited,
            _ => Duration::ZERO,
        }
    }

    /// Seconds until a retry may succeed, where one may.
    pub(in crate::http) fn retry_after(&self) -> Option<u64> {
        const A_MOMENT: u64 = 5;
        const A_DAY: Duration = Duration::from_secs(86_400);
        match self {
            Self::Write(WriteError {
                kind: WriteErrorKind::OutOfQuota | WriteErrorKind::BudgetTooSmall(_), ..
            }) => None,
            Self::Write(WriteError {
                kind:
                    WriteErrorKind::RateLimited { retry_after: Some(wait) }
                    | WriteErrorKind::Paused { retry_after: wait }
                    | WriteErrorKind::BudgetSpent { until_reset: wait },
                ..
            // What a model's server asks for may be any number.
            }) => Some(whole_seconds((*wait).min(A_DAY))),
            Self::Access(AccessError::TooOften { wait } | AccessError::TooManyWrongKeys { wait }) => {
                Some(whole_seconds(*wait))
            }
            Self::TooManyAtOnce | Self::Idempotency(IdempotencyError::StillRunning) => Some(A_MOMENT),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(A_MOMENT),
        }
    }

    /// The path of what is in the way of the request.
    pub(in crate::http) fn location(&self) -> Option<String> {
        match self {
            Self::RetrainRunning { job, .. } => Some(retraining_path(job)),
            _ => None,
        }
    }

    /// The fields or files that cannot be taken.
    pub(in crate::http) fn details(&self) -> &[FieldProblem] {
        match self {
            Self::Fields(problems) | Self::Files(problems) => problems,
            _ => &[],
        }
    }
}

/// The path of a retraining, by the id of its job.
pub(in crate::http) fn retraining_path(job: &str) -> String {
    format!("/retrain/{job}")
}

/// Rounded up, so that nobody retries too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Model(error)
    }
}

impl From<SharedStoreError> for ApiError {
    fn from(error: SharedStoreError) -> Self {
        match error {
            SharedStoreError::Version { source, .. } => Self::Model(source),
            SharedStoreError::NoSuchVersion { .. } => Self::NoVersion,
            other => Self::SharedStore(other),
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Write(cause) => Self::Storage(cause),
            full @ (UploadError::NoRoom(_)
            | UploadError::Full(_)
            | UploadError::StoreFull { .. }
            | UploadError::TooManyFiles { .. }) => Self::NoRoom(full),
        }
    }
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::NotJson(cause) => Self::Body(BodyError::BrokenJson(cause)),
            ExportError::Shape { path, rule } => Self::field(path, rule),
            other => Self::Export(other),
        }
    }
}
