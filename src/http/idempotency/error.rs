//! Why a request with an `Idempotency-Key` is not answered.

/// The longest key, in characters; a UUID has 36.
pub(super) const MAX_KEY_CHARS: usize = 255;

/// Why a request with a key is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdempotencyError {
    /// The header is repeated, empty, too long, or holds other characters.
    #[error("Idempotency-Key must be 1 to {MAX_KEY_CHARS} visible ASCII characters, such as a UUID")]
    BadKey,
    /// The key was used with another request.
    #[error("this Idempotency-Key was used with another request; use a new key for a new request")]
    OtherRequest,
    /// The first request with the key is still running.
    #[error("the first request with this Idempotency-Key is still running; try again in a moment")]
    StillRunning,
}
