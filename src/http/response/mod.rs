//! What answers have in common: events while the work goes on, compression, and headers for browsers.

pub(super) mod compression;
pub(super) mod event_stream;
pub(super) mod security_headers;
