//! A file as the body of an answer: read while it is sent, and never held whole.

use std::fs::File;
use std::io;

use axum::body::{Body, Bytes};
use tokio::io::AsyncReadExt;

/// How much is read at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// The rest of `file`, piece by piece, each when the one before it has been taken.
pub(in crate::http) fn file_body(file: File) -> Body {
    let file = tokio::fs::File::from_std(file);
    let pieces = futures::stream::try_unfold(file, async |mut file| {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let n_bytes = file.read_buf(&mut piece).await?;
        Ok::<_, io::Error>((n_bytes > 0).then(|| (Bytes::from(piece), file)))
    });
    Body::from_stream(pieces)
}
