//! What a caller reads when a request fails: one error type, its status, code and sentence, and the document around
//! them (RFC 9457).

mod document;
mod error;
mod field;
mod rejected;
mod sentence;
mod status;

pub(super) use document::{Document, Problem};
pub(super) use error::{ApiError, retraining_path};
pub(super) use field::FieldProblem;
pub(super) use rejected::{BodyError, UploadFormError};
pub(super) use sentence::as_sentence;
