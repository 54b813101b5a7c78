//! The minimum rate of request bodies: a client that sends a byte a second would hold a slot for hours.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::Body as _;
use tokio::time::{Instant, Sleep, sleep};

use crate::causes::chain;
use crate::http::wrapped_body::{PollFrame, Wrap, wrap};

/// How long the server waits for [`BYTES_A_WINDOW`]; the time in which it does not read does not count.
const WINDOW: Duration = Duration::from_secs(10);
const BYTES_A_WINDOW: usize = 4 << 10;

/// The body came more slowly than the minimum rate.
#[derive(Debug, thiserror::Error)]
#[error("less than {BYTES_A_WINDOW} bytes in {} s", WINDOW.as_secs())]
struct TooSlow;

/// Ends a body with [`TooSlow`] once it is slower than the minimum rate.
struct Rate {
    /// Bytes in this window so far.
    n_bytes: usize,
    /// What is left of this window.
    left: Duration,
    waiting: Option<Waiting>,
}

/// The time since the body was last polled and had nothing.
struct Waiting {
    since: Instant,
    until: Pin<Box<Sleep>>,
}

/// Ends bodies that come too slowly with an error that [`is_too_slow`] recognises.
pub(in crate::http) async fn minimum_rate(request: Request, next: Next) -> Response {
    let request = if request.body().is_end_stream() { request } else { request.map(|body| wrap(body, Rate::new())) };
    next.run(request).await
}

/// Whether `error` or one of its causes is that a body was too slow.
pub(in crate::http) fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<TooSlow>())
}

impl Rate {
    fn new() -> Self {
        Self { n_bytes: 0, left: WINDOW, waiting: None }
    }
}

impl Wrap for Rate {
    fn poll_frame(&mut self, body: &mut Body, context: &mut Context<'_>) -> PollFrame {
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            if let Some(waiting) = self.waiting.take() {
                self.left = self.left.saturating_sub(waiting.since.elapsed());
            }
            if let Some(Ok(frame)) = &frame {
                self.n_bytes += frame.data_ref().map_or(0, Bytes::len);
                if self.n_bytes >= BYTES_A_WINDOW {
                    (self.n_bytes, self.left) = (0, WINDOW);
                }
            }
            return Poll::Ready(frame);
        }
        let left = self.left;
        let begin = || Waiting { since: Instant::now(), until: Box::pin(sleep(left)) };
        ready!(self.waiting.get_or_insert_with(begin).until.as_mut().poll(context));
        Poll::Ready(Some(Err(axum::Error::new(TooSlow))))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures::StreamExt;
    use futures::stream;

    use super::*;

    /// A body of pieces, one every `every`.
    fn timed(pieces: usize, piece: &'static [u8], every: Duration) -> Body {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            sleep(every).await;
            Ok::<_, axum::Error>(Bytes::from_static(piece))
        });
        wrap(Body::from_stream(pieces), Rate::new())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_a_byte_a_second_is_ended_after_ten() {
        let started = Instant::now();
        let error = to_bytes(timed(100, b"a", Duration::from_secs(1)), usize::MAX).await.unwrap_err();
        assert!(is_too_slow(&error), "{error:?}");
        assert_eq!(started.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_at_the_minimum_rate_may_take_long() {
        let piece = &[b'a'; 1024];
        let body = to_bytes(timed(300, piece, Duration::from_secs(2)), usize::MAX).await.unwrap();
        assert_eq!(body.len(), 300 * 1024);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_in_which_nobody_reads_does_not_count() {
        let mut body = timed(20, b"a", Duration::from_millis(1)).into_data_stream();
        while let Some(piece) = body.next().await {
            assert_eq!(piece.unwrap().len(), 1);
            sleep(Duration::from_secs(9)).await;
        }
    }
}
