//! Why a form cannot be read, and how much of one may be something else than files.

/// The most bytes before the first part.
pub(in crate::http) const MAX_PREAMBLE_BYTES: usize = 8 << 10;
/// The most bytes of one part's head: browsers send some two hundred.
pub(in crate::http) const MAX_HEAD_BYTES: usize = 8 << 10;
/// The most parts, twice as many as there can be files or text fields.
pub(in crate::http) const MAX_PARTS: usize = 64;
/// The most bytes beside the content of files.
pub(in crate::http) const MAX_OUTSIDE_BYTES: usize = 1 << 20;

/// Why a form cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    #[error("the body ended inside the form")]
    CutOff,
    #[error("the form has {0}")]
    Malformed(&'static str),
    #[error("more than {MAX_PREAMBLE_BYTES} bytes before the first part")]
    PreambleTooLong,
    #[error("a part's head has more than {MAX_HEAD_BYTES} bytes")]
    HeadTooLong,
    #[error("more than {MAX_PARTS} parts")]
    TooManyParts,
    #[error("more than {MAX_OUTSIDE_BYTES} bytes beside the files")]
    OutsideTooLarge,
    #[error("the body could not be received")]
    Body(#[source] axum::Error),
}
