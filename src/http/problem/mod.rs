//! What a caller reads when a request fails: one error type, its status, code and sentence, and the document around
//! them (RFC 9457).
//!
//! Imports nothing of the other rooms of [`super`], so that all of them may fail with an [`ApiError`].

mod document;
mod error;
mod status;

pub(super) use document::{Document, Problem};
pub(super) use error::{ApiError, FieldProblem, as_sentence, with_causes};
