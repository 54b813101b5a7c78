//! A refusal that its caller gets to read.
//!
//! A server that answers and closes while a body is still coming makes the caller's system throw the answer away: instead
//! of "the file may have at most 50 MB" a browser shows a broken connection. So the answer goes out at once, the server's
//! side of the connection is closed behind it, and what still comes is thrown away, within bounds, until the caller has
//! closed its side, too (RFC 9112, 9.6). That costs a fraction of reading it.

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

/// Bodies that are read to their end rather than at the price of the connection, in bytes.
const SMALL: u64 = 64 << 10;
/// How much of a refused body is thrown away, in bytes.
const MAX_REST_BYTES: usize = 64 << 20;
/// How long the rest of a refused body may take.
const MAX_REST_TIME: Duration = Duration::from_secs(30);
/// How long the caller may take for so many bytes of it.
const PAUSE: Duration = Duration::from_secs(5);
const BYTES_A_PAUSE: usize = 4 << 10;

/// Whether a request of a connection was refused before its body was there, and so is its last; part of every request.
#[derive(Debug, Clone, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that outlives the handler it was given to.
struct Lent {
    shared: Arc<Mutex<Shared>>,
    /// As it was before its first byte: by it handlers tell small bodies from large ones.
    size: SizeHint,
}

struct Shared {
    body: Body,
    is_through: bool,
}

/// Lets go of what a refused request still sends.
pub(in crate::http) async fn part_with_refused_bodies(request: Request, next: Next) -> Response {
    // Such a caller waits for leave to send its body, and a refusal is no leave.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let unread = request.extensions().get::<Unread>().cloned().unwrap_or_default();
    let (parts, body) = request.into_parts();
    let size = body.size_hint();
    let is_small = size.upper().is_some_and(|n_bytes| n_bytes <= SMALL);
    let shared = Arc::new(Mutex::new(Shared { body, is_through: false }));
    let lend = |size| Lent { shared: shared.clone(), size };
    let response = next.run(Request::from_parts(parts, Body::new(lend(size)))).await;
    if !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    if is_small {
        let mut rest = Body::new(lend(SizeHint::default())).into_data_stream();
        let read = async { while let Some(Ok(_)) = rest.next().await {} };
        // Out of time or not, the answer is the same.
        let _ = tokio::time::timeout(PAUSE, read).await;
    }
    if !lock(&shared).is_through {
        unread.0.store(true, Ordering::Relaxed);
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
        shared.is_through |= matches!(frame, Poll::Ready(None | Some(Err(_)))) || shared.body.is_end_stream();
        frame
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

/// What still comes on a connection that this side has closed.
pub(super) struct Rest {
    n_bytes: usize,
    ends: Instant,
    n_bytes_lately: usize,
    pause: Pin<Box<Sleep>>,
}

impl Rest {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { n_bytes: 0, ends: now + MAX_REST_TIME, n_bytes_lately: 0, pause: Box::pin(sleep_until(now + PAUSE)) }
    }

    /// Throws away what has come; done when the caller has closed its side, or has had its time.
    pub(super) fn poll_thrown_away(&mut self, stream: &TcpStream, context: &mut Context<'_>) -> Poll<()> {
        while stream.poll_read_ready(context).is_ready() {
            match stream.try_io(Interest::READABLE, || throw_away(stream)) {
                Ok(n) if n > 0 && self.n_bytes < MAX_REST_BYTES => {
                    self.n_bytes += n;
                    self.n_bytes_lately += n;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
        while self.pause.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            if self.n_bytes_lately < BYTES_A_PAUSE || now >= self.ends {
                return Poll::Ready(());
            }
            self.n_bytes_lately = 0;
            self.pause.as_mut().reset(self.ends.min(now + PAUSE));
        }
        Poll::Pending
    }
}

/// Takes some of what has come from the system, which copies none of it where it can (`MSG_TRUNC`, tcp(7)).
fn throw_away(stream: &TcpStream) -> std::io::Result<usize> {
    let mut nowhere = [MaybeUninit::uninit(); 128 << 10];
    SockRef::from(stream).recv_with_flags(&mut nowhere, libc::MSG_TRUNC)
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
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, caller)
    }

    /// How long it takes until a connection is let go whose caller does `what`; what was thrown away.
    async fn let_go(what: impl AsyncFnOnce(TcpStream)) -> (Duration, usize) {
        let (stream, caller) = pair().await;
        let (mut rest, started) = (Rest::new(), Instant::now());
        let parted = async {
            poll_fn(|context| rest.poll_thrown_away(&stream, context)).await;
            drop(stream);
            (started.elapsed(), rest.n_bytes)
        };
        tokio::join!(parted, what(caller)).0
    }

    #[tokio::test]
    async fn what_a_caller_still_sends_is_thrown_away_to_its_end() {
        let (_, n_bytes) = let_go(async |mut caller| caller.write_all(&vec![1; 9 << 20]).await.unwrap()).await;
        assert_eq!(n_bytes, 9 << 20);
    }

    #[tokio::test]
    async fn a_caller_that_sends_for_ever_is_cut_off() {
        let (_, n_bytes) = let_go(async |mut caller| {
            let piece = vec![1; 1 << 20];
            while caller.write_all(&piece).await.is_ok() {}
        })
        .await;
        assert!((MAX_REST_BYTES..MAX_REST_BYTES + (1 << 20)).contains(&n_bytes), "{n_bytes}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_says_nothing_more_or_a_byte_a_second_is_waited_for_once() {
        for says_a_byte in [false, true] {
            let (time, _) = let_go(async |mut caller| {
                for _ in 0..100 {
                    sleep(Duration::from_secs(1)).await;
                    if says_a_byte && caller.write_all(b"a").await.is_err() {
                        return;
                    }
                }
            })
            .await;
            assert!(time >= PAUSE && time < 2 * PAUSE, "{time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_keeps_a_pace_has_its_time_and_no_more() {
        let (time, _) = let_go(async |mut caller| {
            while caller.write_all(&[1; 8 << 10]).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        })
        .await;
        assert!(time >= MAX_REST_TIME && time < MAX_REST_TIME + PAUSE, "{time:?}");
    }
}
