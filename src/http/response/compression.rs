//! gzip for answers in JSON and CSV, where the client accepts it: a megabyte of segments becomes some fifty kilobytes.
//! Other texts ask for it with [`Compressible`].
//!
//! Event streams, pictures and workbooks are sent as they are. Compressed lengths reveal no secret (the BREACH attack):
//! no body holds a key, and no browser sends a key by itself.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Body as _, SizeHint};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};

use crate::http::wrapped_body::{Pieces, PollFrame, Wrap, wrap};

/// Shorter answers fit into a packet or two as they are.
const MIN_BYTES: u16 = 2 << 10;
/// What is compressed: both shrink to a tenth and less.
const MEDIA_TYPES: [&str; 2] = ["application/json", "text/csv"];
/// How much is compressed at a time before other tasks run on the thread, in bytes: well under a millisecond of work.
const SLICE_BYTES: usize = 64 << 10;

/// In a response's extensions: a text of another type that shrinks as well.
#[derive(Clone, Copy)]
pub(in crate::http) struct Compressible;

type IsCompressed = And<SizeAbove, fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool>;

/// Compresses large texts for clients that accept gzip.
pub(in crate::http) fn compression() -> CompressionLayer<IsCompressed> {
    let is_text: fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool =
        |_, _, headers, extensions| is_text(headers) || extensions.get::<Compressible>().is_some();
    CompressionLayer::new().compress_when(SizeAbove::new(MIN_BYTES).and(is_text))
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    MEDIA_TYPES.iter().any(|text| text.eq_ignore_ascii_case(media_type))
}

/// Hands large texts to the compression in slices, and lets other tasks run after each.
pub(in crate::http) async fn slice_large_texts(request: Request, next: Next) -> Response {
    let may_be_compressed = request.headers().contains_key(header::ACCEPT_ENCODING);
    let response = next.run(request).await;
    let is_large = response.body().size_hint().lower() > SLICE_BYTES as u64;
    if may_be_compressed && is_large && is_text(response.headers()) {
        return response.map(|body| wrap(body, Slices::new()));
    }
    response
}

/// Hands a body on in slices, and yields to other tasks between them.
struct Slices {
    pieces: Pieces,
    has_yielded: bool,
}

impl Slices {
    fn new() -> Self {
        Self { pieces: Pieces::default(), has_yielded: true }
    }
}

impl Wrap for Slices {
    fn poll_frame(&mut self, body: &mut Body, context: &mut Context<'_>) -> PollFrame {
        if let Err(other) = self.pieces.poll_data(|| Pin::new(&mut *body).poll_frame(context)) {
            return other;
        }
        if !self.has_yielded {
            self.has_yielded = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_yielded = false;
        Poll::Ready(Some(Ok(self.pieces.cut(SLICE_BYTES))))
    }

    fn is_end_stream(&self, body: &Body) -> bool {
        self.pieces.is_end_stream(body)
    }

    fn size_hint(&self, body: &Body) -> SizeHint {
        self.pieces.size_hint(body)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn a_sliced_body_is_the_same_and_yields_between_its_slices() {
        let whole: Vec<u8> = (0..SLICE_BYTES * 3 + 17).map(|n| n as u8).collect();
        let mut sliced = wrap(Body::from(whole.clone()), Slices::new());
        assert_eq!(sliced.size_hint().exact(), Some(whole.len() as u64));
        let (mut n_pending, mut arrived) = (0, Vec::new());
        let mut context = Context::from_waker(std::task::Waker::noop());
        loop {
            match Pin::new(&mut sliced).poll_frame(&mut context) {
                Poll::Pending => n_pending += 1,
                Poll::Ready(Some(frame)) => {
                    let slice = frame.unwrap().into_data().unwrap();
                    assert!(slice.len() <= SLICE_BYTES);
                    arrived.extend_from_slice(&slice);
                    assert_eq!(sliced.size_hint().exact(), Some((whole.len() - arrived.len()) as u64));
                }
                Poll::Ready(None) => break,
            }
        }
        assert_eq!((n_pending, arrived == whole), (3, true));
        let again = wrap(Body::from(whole.clone()), Slices::new());
        assert_eq!(to_bytes(again, usize::MAX).await.unwrap(), whole);
    }
}
