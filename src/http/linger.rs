//! A refusal that its caller gets to read.
//!
//! A server that answers and closes while a body is still coming makes the caller's system throw the answer away
//! (RFC 9112, 9.6): instead of "the file may have at most 50 MB" a browser shows a broken connection. So the rest of a
//! refused body is read and forgotten, within bounds, before the answer goes out.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures::stream::StreamExt;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// How much of a refused body is read, in bytes.
const MAX_REST_BYTES: usize = 64 << 20;
/// How long the rest of a refused body may take.
const MAX_REST_TIME: Duration = Duration::from_secs(30);
/// How long a caller may pause in it.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// A body that outlives the handler it was given to.
type Shared = Arc<Mutex<Body>>;

/// A body that a handler reads and this module may read on.
struct Lent {
    body: Shared,
    /// As it was before its first byte: by it handlers tell small bodies from large ones.
    size: SizeHint,
}

/// Reads what a refused request still sends.
pub(super) async fn read_refused_bodies(request: Request, next: Next) -> Response {
    // Such a caller waits for leave to send its body, and a refusal is no leave.
    if request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let size = body.size_hint();
    let shared: Shared = Arc::new(Mutex::new(body));
    let lent = Body::new(Lent { body: shared.clone(), size });
    let response = next.run(Request::from_parts(parts, lent)).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        // Out of time or not, the answer is the same.
        let _ = tokio::time::timeout(MAX_REST_TIME, read_rest(shared)).await;
    }
    response
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.body.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

/// Reads to the end, to the first error or to a bound.
async fn read_rest(shared: Shared) {
    let mut rest = Body::new(Lent { body: shared, size: SizeHint::default() }).into_data_stream();
    let mut n_bytes = 0;
    while let Ok(Some(Ok(chunk))) = tokio::time::timeout(MAX_PAUSE, rest.next()).await {
        n_bytes += chunk.len();
        if n_bytes > MAX_REST_BYTES {
            return;
        }
    }
}
