//! Lingering close: lets a client read a rejection that was sent in the middle of its body.
//!
//! A server that answers and closes while a body is still coming makes the client's system discard the answer. A
//! browser then shows a broken connection instead of "The file may have at most 50 MB". So the answer goes out at once
//! and the server closes its side for writing. It discards the rest of the body, within bounds, until the client has
//! closed its side, too (RFC 9112, 9.6). That costs a fraction of reading the body.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures::stream::StreamExt;
use http_body::{Body as HttpBody, Frame, SizeHint};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// Up to this size, the rest of a body is read, so that the connection can be used again; in bytes.
const SMALL_BYTES: u64 = 64 << 10;
/// How much of a rejected body is discarded, in bytes.
const MAX_REST_BYTES: usize = 64 << 20;
/// How much of it is discarded at a time, in bytes. Then others have their turn: sixteen connections with megabytes to
/// discard would otherwise hold a request up for milliseconds each.
const SLICE_BYTES: usize = 128 << 10;
/// How long the rest of a rejected body may take.
const MAX_REST_TIME: Duration = Duration::from_secs(30);
/// How long the client may take for [`BYTES_A_WINDOW`] of it.
const WINDOW: Duration = Duration::from_secs(5);
const BYTES_A_WINDOW: usize = 4 << 10;

/// Set where a request was rejected before its body was read, which makes it the last of its connection. An extension
/// of every request.
#[derive(Debug, Clone, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A body that outlives its handler: the handler reads it through a lock. It is no [`crate::http::wrapped_body::Wrap`],
/// which would own the body.
struct Lent {
    shared: Arc<Mutex<Shared>>,
    /// The size before the first byte, by which handlers tell small bodies from large ones.
    size: SizeHint,
}

struct Shared {
    body: Body,
    is_read: bool,
}

/// Drains small bodies of rejected requests, and marks the connections of large ones for a lingering close.
pub(in crate::http) async fn drain_rejected_bodies(request: Request, next: Next) -> Response {
    // A client that sends `Expect: 100-continue` does not send the body of a rejected request.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let unread = request.extensions().get::<Unread>().cloned().unwrap_or_default();
    let (parts, body) = request.into_parts();
    let size = body.size_hint();
    let is_small = size.upper().is_some_and(|n_bytes| n_bytes <= SMALL_BYTES);
    let shared = Arc::new(Mutex::new(Shared { body, is_read: false }));
    let lend = |size| Lent { shared: shared.clone(), size };
    let response = next.run(Request::from_parts(parts, Body::new(lend(size)))).await;
    if !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    if is_small {
        let mut rest = Body::new(lend(SizeHint::default())).into_data_stream();
        let read = async { while let Some(Ok(_)) = rest.next().await {} };
        // The answer is the same if the time is up.
        let _ = tokio::time::timeout(WINDOW, read).await;
    }
    if !lock(&shared).is_read {
        unread.set();
    }
    response
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut shared = lock(&self.shared);
        let frame = Pin::new(&mut shared.body).poll_frame(context);
        shared.is_read |= matches!(frame, Poll::Ready(None | Some(Err(_)))) || shared.body.is_end_stream();
        frame
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

/// Discards what still comes on a connection that this side has closed.
pub(super) struct Drain {
    n_bytes: usize,
    ends: Instant,
    n_bytes_in_window: usize,
    window: Pin<Box<Sleep>>,
}

impl Drain {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            n_bytes: 0,
            ends: now + MAX_REST_TIME,
            n_bytes_in_window: 0,
            window: Box::pin(sleep_until(now + WINDOW)),
        }
    }

    /// Discards what has come; ready once the client has closed its side or a bound is exceeded.
    pub(super) fn poll_discard(&mut self, stream: &TcpStream, context: &mut Context<'_>) -> Poll<()> {
        while stream.poll_read_ready(context).is_ready() {
            match stream.try_io(Interest::READABLE, || discard(stream)) {
                Ok(n) if n > 0 && self.n_bytes < MAX_REST_BYTES => {
                    self.n_bytes += n;
                    self.n_bytes_in_window += n;
                    context.waker().wake_by_ref();
                    break;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
        while self.window.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            if self.n_bytes_in_window < BYTES_A_WINDOW || now >= self.ends {
                return Poll::Ready(());
            }
            self.n_bytes_in_window = 0;
            self.window.as_mut().reset(self.ends.min(now + WINDOW));
        }
        Poll::Pending
    }
}

/// Takes received bytes from the system without a copy where it can (`MSG_TRUNC`, tcp(7)).
fn discard(stream: &TcpStream) -> std::io::Result<usize> {
    let mut buffer = [MaybeUninit::uninit(); SLICE_BYTES];
    SockRef::from(stream).recv_with_flags(&mut buffer, libc::MSG_TRUNC)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::time::sleep;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, client)
    }

    /// How long it takes until the connection of a client that does `what` is closed, and how much was discarded.
    async fn drained(what: impl AsyncFnOnce(TcpStream)) -> (Duration, usize) {
        let (stream, client) = pair().await;
        let (mut drain, started) = (Drain::new(), Instant::now());
        let closed = async {
            poll_fn(|context| drain.poll_discard(&stream, context)).await;
            drop(stream);
            (started.elapsed(), drain.n_bytes)
        };
        tokio::join!(closed, what(client)).0
    }

    #[tokio::test]
    async fn what_a_client_still_sends_is_discarded_to_its_end() {
        let (_, n_bytes) = drained(async |mut client| client.write_all(&vec![1; 9 << 20]).await.unwrap()).await;
        assert_eq!(n_bytes, 9 << 20);
    }

    #[tokio::test]
    async fn a_client_that_never_stops_sending_is_cut_off() {
        let (_, n_bytes) = drained(async |mut client| {
            let piece = vec![1; 1 << 20];
            while client.write_all(&piece).await.is_ok() {}
        })
        .await;
        assert!((MAX_REST_BYTES..MAX_REST_BYTES + (1 << 20)).contains(&n_bytes), "{n_bytes}");
    }

    #[tokio::test]
    async fn no_more_than_a_slice_is_discarded_before_others_have_their_turn() {
        let (stream, mut client) = pair().await;
        let (mut drain, mut n_turns) = (Drain::new(), 0);
        let turns = poll_fn(|context| {
            n_turns += 1;
            drain.poll_discard(&stream, context)
        });
        let sending = async {
            client.write_all(&vec![1; 4 << 20]).await.unwrap();
            drop(client);
        };
        tokio::join!(turns, sending);
        assert_eq!(drain.n_bytes, 4 << 20);
        assert!(drain.n_bytes <= n_turns * SLICE_BYTES, "{n_turns} turns");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_or_a_byte_a_second_has_one_window() {
        for sends_a_byte in [false, true] {
            let (time, _) = drained(async |mut client| {
                for _ in 0..100 {
                    sleep(Duration::from_secs(1)).await;
                    if sends_a_byte && client.write_all(b"a").await.is_err() {
                        return;
                    }
                }
            })
            .await;
            assert!(time >= WINDOW && time < 2 * WINDOW, "{time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_at_a_steady_rate_has_thirty_seconds_and_no_more() {
        let (time, _) = drained(async |mut client| {
            while client.write_all(&[1; 8 << 10]).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        })
        .await;
        assert!(time >= MAX_REST_TIME && time < MAX_REST_TIME + WINDOW, "{time:?}");
    }
}
