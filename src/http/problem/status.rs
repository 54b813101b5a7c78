//! The status and code of each error: one exhaustive match for [`ApiError`], and one for each lower layer's error.

use std::error::Error;

use axum::http::StatusCode;

use super::error::ApiError;
use super::rejected::{BodyError, UploadFormError};
use crate::causes::chain;
use crate::content::WriteErrorKind;
use crate::disk::is_full;
use crate::export::ExportError;
use crate::http::access::AccessError;
use crate::http::idempotency::IdempotencyError;
use crate::http::request::form::FormError;
use crate::model_store::StoreError;
use crate::retrain::worker::FailureCause;
use crate::upload_store::UploadError;
use crate::workbook::WorkbookError;

/// The code of every error whose cause is a full or read-only disk.
pub(super) const DISK: &str = "disk_full";
/// The code of a server that has no slot, processor or file descriptor left.
pub(super) const BUSY: &str = "busy";
/// The code of a server that is stopping.
const STOPPING: &str = "stopping";

impl ApiError {
    /// The status of the answer.
    pub(in crate::http) fn status(&self) -> StatusCode {
        self.status_and_code().0
    }

    /// Any internal error that a full or read-only disk caused counts as that, and one that a lack of file descriptors
    /// caused as a busy server.
    pub(super) fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self.own_status_and_code() {
            (status, _) if status.is_server_error() && is_of_descriptors(self) => {
                (StatusCode::SERVICE_UNAVAILABLE, BUSY)
            }
            (StatusCode::INTERNAL_SERVER_ERROR, _) if is_full(self) => (StatusCode::INSUFFICIENT_STORAGE, DISK),
            own => own,
        }
    }

    fn own_status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoRoute => (StatusCode::NOT_FOUND, "no_such_route"),
            Self::NoMethod => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::UploadForm(error) => of_upload_form(error),
            Self::Body(error) => of_body(error),
            Self::Form(error) => of_form(error),
            Self::Workbook(error) => of_workbook(error),
            Self::NoUsableRow(_) => (StatusCode::UNPROCESSABLE_ENTITY, "no_usable_row"),
            Self::Fields(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields"),
            Self::Write(error) => (of_writing(error.kind), error.kind.code()),
            Self::Export(error) => of_export(error),
            Self::Idempotency(error) => of_idempotency(*error),
            Self::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
            Self::NoModel => (StatusCode::SERVICE_UNAVAILABLE, "no_model"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
            Self::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Storage(_) => (StatusCode::INSUFFICIENT_STORAGE, "storage"),
            Self::NoRoom(UploadError::StoreFull { .. } | UploadError::TooManyFiles { .. }) => {
                (StatusCode::INSUFFICIENT_STORAGE, "uploads_full")
            }
            Self::NoRoom(_) => (StatusCode::INSUFFICIENT_STORAGE, "storage_low"),
            Self::Access(error) => of_access(*error),
            Self::TooManyAtOnce => (StatusCode::TOO_MANY_REQUESTS, "too_many_at_once"),
            Self::TooManyAnswers => (StatusCode::SERVICE_UNAVAILABLE, "too_many_answers"),
            Self::NoVersion => (StatusCode::NOT_FOUND, "no_such_version"),
            Self::NoSegment => (StatusCode::NOT_FOUND, "no_such_segment"),
            Self::NoIfMatch => (StatusCode::PRECONDITION_REQUIRED, "no_if_match"),
            Self::ExtrasChanged => (StatusCode::PRECONDITION_FAILED, "extras_changed"),
            Self::Model(error) => of_model_store(error),
            Self::SharedStore(_) => (StatusCode::SERVICE_UNAVAILABLE, "shared_store"),
            Self::Files(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_files"),
            Self::RetrainRunning { .. } => (StatusCode::CONFLICT, "retrain_running"),
            Self::Retrain { cause, .. } => of_retraining(*cause),
            Self::RetrainEnded(_) => (StatusCode::CONFLICT, "retrain_ended"),
            Self::NoJob => (StatusCode::NOT_FOUND, "no_such_retraining"),
            Self::NoUpload => (StatusCode::NOT_FOUND, "no_such_upload"),
            Self::UploadsInUse => (StatusCode::CONFLICT, "uploads_in_use"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, STOPPING),
            Self::NotOurImage => (StatusCode::FORBIDDEN, "not_our_image"),
            Self::NoImage => (StatusCode::NOT_FOUND, "no_such_image"),
            Self::ImageStorage(_) => (StatusCode::INTERNAL_SERVER_ERROR, "unreadable_image"),
        }
    }
}

/// Whether this process or the system has as many files open as it may.
fn is_of_descriptors(error: &(dyn Error + 'static)) -> bool {
    let causes = chain(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.filter_map(std::io::Error::raw_os_error).any(|code| code == libc::EMFILE || code == libc::ENFILE)
}

fn of_body(error: &BodyError) -> (StatusCode, &'static str) {
    match error {
        BodyError::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json"),
        BodyError::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded_body"),
        BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        BodyError::CutOff => (StatusCode::BAD_REQUEST, "body_cut_off"),
        BodyError::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body_too_slow"),
        BodyError::BrokenJson(_) => (StatusCode::BAD_REQUEST, "broken_json"),
        BodyError::TooManyKeys { .. } => (StatusCode::BAD_REQUEST, "too_many_keys"),
        BodyError::NotAnObject | BodyError::NotExtras => (StatusCode::UNPROCESSABLE_ENTITY, "not_an_object"),
    }
}

fn of_upload_form(error: &UploadFormError) -> (StatusCode, &'static str) {
    match error {
        UploadFormError::NotMultipart { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_multipart"),
        UploadFormError::SecondFile => (StatusCode::BAD_REQUEST, "second_file"),
        UploadFormError::TooManyFiles { .. } => (StatusCode::BAD_REQUEST, "too_many_files"),
        UploadFormError::TooManyFields { .. } => (StatusCode::BAD_REQUEST, "too_many_fields"),
        UploadFormError::WrongExtension => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_extension"),
        UploadFormError::FileTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large"),
        UploadFormError::NoFile | UploadFormError::FileElsewhere { .. } => (StatusCode::BAD_REQUEST, "no_file"),
    }
}

fn of_access(error: AccessError) -> (StatusCode, &'static str) {
    match error {
        AccessError::AdminClosed => (StatusCode::FORBIDDEN, "admin_closed"),
        AccessError::NotAdmin => (StatusCode::UNAUTHORIZED, "not_admin"),
        AccessError::NoKey => (StatusCode::UNAUTHORIZED, "no_key"),
        AccessError::KeyExpired => (StatusCode::UNAUTHORIZED, "key_expired"),
        AccessError::NoRight { .. } => (StatusCode::FORBIDDEN, "no_right"),
        AccessError::TooManyWrongKeys { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_wrong_keys"),
        AccessError::NotOneHost => (StatusCode::BAD_REQUEST, "not_one_host"),
        AccessError::RepeatedHeader { .. } => (StatusCode::BAD_REQUEST, "repeated_header"),
        AccessError::UnknownCoding => (StatusCode::BAD_REQUEST, "unknown_transfer_coding"),
        AccessError::ForeignHost => (StatusCode::MISDIRECTED_REQUEST, "foreign_host"),
        AccessError::ForeignOrigin => (StatusCode::FORBIDDEN, "foreign_origin"),
        AccessError::TooOften { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_often"),
    }
}

fn of_retraining(cause: FailureCause) -> (StatusCode, &'static str) {
    match cause {
        FailureCause::Fault | FailureCause::Unsettled => (StatusCode::INTERNAL_SERVER_ERROR, "retrain_failed"),
        FailureCause::FullDisk => (StatusCode::INSUFFICIENT_STORAGE, DISK),
        FailureCause::Stopping => (StatusCode::SERVICE_UNAVAILABLE, STOPPING),
        FailureCause::NotTried => (StatusCode::UNPROCESSABLE_ENTITY, "candidate_not_tried"),
    }
}

fn of_model_store(error: &StoreError) -> (StatusCode, &'static str) {
    match error {
        StoreError::NoSuchVersion { .. } => (StatusCode::NOT_FOUND, "no_such_version"),
        StoreError::File { .. } | StoreError::Model { .. } => (StatusCode::CONFLICT, "broken_version"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "model_store"),
    }
}

fn of_form(error: &FormError) -> (StatusCode, &'static str) {
    match error {
        FormError::CutOff | FormError::Malformed(_) | FormError::Body(_) => (StatusCode::BAD_REQUEST, "broken_form"),
        FormError::PreambleTooLong => (StatusCode::BAD_REQUEST, "form_preamble_too_long"),
        FormError::HeadTooLong => (StatusCode::BAD_REQUEST, "form_head_too_long"),
        FormError::TooManyParts => (StatusCode::BAD_REQUEST, "too_many_form_parts"),
        FormError::OutsideTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "form_too_large"),
    }
}

fn of_workbook(error: &WorkbookError) -> (StatusCode, &'static str) {
    match error {
        WorkbookError::Empty => (StatusCode::BAD_REQUEST, "empty_file"),
        WorkbookError::NotAWorkbook { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_a_workbook"),
        WorkbookError::Encrypted => (StatusCode::UNPROCESSABLE_ENTITY, "encrypted_workbook"),
        WorkbookError::Damaged(_) => (StatusCode::UNPROCESSABLE_ENTITY, "damaged_workbook"),
        WorkbookError::UnreadableText(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_text"),
        WorkbookError::OpenQuote { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "open_quote"),
        WorkbookError::NoSheet => (StatusCode::UNPROCESSABLE_ENTITY, "no_sheet"),
        WorkbookError::MissingColumns(_) => (StatusCode::UNPROCESSABLE_ENTITY, "missing_columns"),
        WorkbookError::TooManyRows { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_rows"),
        WorkbookError::TooManyColumns { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_columns"),
        WorkbookError::CellTooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "cell_too_long"),
        WorkbookError::TooManySheets { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_sheets"),
        WorkbookError::TooManyParts { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_parts"),
        WorkbookError::UnpacksTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "unpacks_too_large"),
        WorkbookError::TooManyValues { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_values"),
        WorkbookError::IdentifiersTooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "identifiers_too_long"),
        WorkbookError::TooMuchMemory { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "takes_too_much_memory"),
        WorkbookError::TooMuchTime { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "takes_too_much_time"),
        WorkbookError::BrokeReader(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_workbook"),
        WorkbookError::Io(_) => (StatusCode::INTERNAL_SERVER_ERROR, "unreadable_upload"),
        WorkbookError::NoReader(_) => (StatusCode::SERVICE_UNAVAILABLE, "no_reader"),
        // The caller has gone: nobody reads it.
        WorkbookError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
    }
}

fn of_writing(kind: WriteErrorKind) -> StatusCode {
    match kind {
        WriteErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        WriteErrorKind::RateLimited { .. }
        | WriteErrorKind::OutOfQuota
        | WriteErrorKind::Paused { .. }
        | WriteErrorKind::BudgetSpent { .. }
        | WriteErrorKind::BudgetTooSmall(_)
        | WriteErrorKind::BudgetUnknown
        | WriteErrorKind::Busy
        | WriteErrorKind::Held => StatusCode::SERVICE_UNAVAILABLE,
        WriteErrorKind::Refused
        | WriteErrorKind::RefusedRequest
        | WriteErrorKind::TooLong
        | WriteErrorKind::RefusedContent
        | WriteErrorKind::Upstream
        | WriteErrorKind::BadAnswer
        | WriteErrorKind::CutOff => StatusCode::BAD_GATEWAY,
        WriteErrorKind::Storage => StatusCode::INSUFFICIENT_STORAGE,
        WriteErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn of_export(error: &ExportError) -> (StatusCode, &'static str) {
    match error {
        ExportError::NotJson(_) => (StatusCode::BAD_REQUEST, "broken_json"),
        ExportError::Shape { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields"),
        ExportError::TooManyRows { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_rows"),
        ExportError::TooManyColumns { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_columns"),
        ExportError::TooManyCells { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_cells"),
        ExportError::Write(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

fn of_idempotency(error: IdempotencyError) -> (StatusCode, &'static str) {
    match error {
        IdempotencyError::BadKey => (StatusCode::BAD_REQUEST, "invalid_idempotency_key"),
        IdempotencyError::OtherRequest => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        IdempotencyError::StillRunning => (StatusCode::CONFLICT, "request_in_progress"),
    }
}
