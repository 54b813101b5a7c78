//! Which status and code the errors of lower layers are, one exhaustive match for each.

use axum::http::StatusCode;

use crate::content::WriteErrorKind;
use crate::export::ExportError;
use crate::http::idempotency::IdempotencyError;
use crate::workbook::WorkbookError;

pub(in crate::http) fn of_workbook(error: &WorkbookError) -> (StatusCode, &'static str) {
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
        // Nobody is left to read it.
        WorkbookError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
    }
}

pub(in crate::http) fn of_writing(kind: WriteErrorKind) -> StatusCode {
    match kind {
        WriteErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        WriteErrorKind::RateLimited { .. }
        | WriteErrorKind::OutOfQuota
        | WriteErrorKind::Paused { .. }
        | WriteErrorKind::BudgetSpent { .. }
        | WriteErrorKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
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

pub(in crate::http) fn of_export(error: &ExportError) -> (StatusCode, &'static str) {
    match error {
        ExportError::NotJson(_) => (StatusCode::BAD_REQUEST, "broken_json"),
        ExportError::Shape { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields"),
        ExportError::TooManyRows { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_rows"),
        ExportError::TooManyColumns { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_columns"),
        ExportError::TooManyCells { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_cells"),
        ExportError::Write(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

pub(in crate::http) fn of_idempotency(error: IdempotencyError) -> (StatusCode, &'static str) {
    match error {
        IdempotencyError::BadKey => (StatusCode::BAD_REQUEST, "invalid_idempotency_key"),
        IdempotencyError::OtherRequest => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        IdempotencyError::StillRunning => (StatusCode::CONFLICT, "request_in_progress"),
    }
}
