//! Why a request is refused before its handler runs: its sender, its origin or its host.

use std::time::Duration;

/// Why a sender is turned away before its request has a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    #[error("no ADMIN_KEY is set")]
    AdminClosed,
    #[error("not an administrator")]
    NotAdmin,
    #[error("no valid key")]
    NoKey,
    #[error("an expired key")]
    KeyExpired,
    #[error("a key without the right {right}")]
    NoRight { right: &'static str },
    #[error("more wrong keys than an address may send")]
    TooManyWrongKeys { wait: Duration },
    #[error("more requests a minute than a client may send")]
    TooOften { wait: Duration },
    #[error("no host, or several")]
    NotOneHost,
    #[error("a host that is not this server's")]
    ForeignHost,
    #[error("a page of a foreign origin")]
    ForeignOrigin,
    #[error("more than one {name} header")]
    RepeatedHeader { name: &'static str },
    #[error("a transfer coding beside chunked")]
    UnknownCoding,
}
