//! What answers have in common: event streams, files, compression, headers for browsers, and addresses of pictures.

pub(super) mod compression;
pub(super) mod event_stream;
pub(super) mod file_body;
pub(super) mod public_address;
pub(super) mod security_headers;
