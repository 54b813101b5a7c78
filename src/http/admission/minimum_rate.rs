//! The minimum rate of request bodies, and their longest time by their size: a client that sends a byte a second would
//! hold a slot for hours. Only the time in which the server waits for the client counts.

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

use super::limits::{BODY_BYTES_A_SECOND, BODY_TIME, BODY_TIME_BYTES_A_SECOND, BODY_WINDOW};
use crate::causes::chain;
use crate::http::wrapped_body::{PollFrame, Wrap, wrap};

/// Bytes that have to come in each [`BODY_WINDOW`].
const BYTES_A_WINDOW: u64 = BODY_BYTES_A_SECOND * BODY_WINDOW.as_secs();

/// The body came more slowly than the minimum rate.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
struct TooSlow;

/// Ends a body with [`TooSlow`] once it is slower than the minimum rate, or takes longer than its size allows.
struct Rate {
    /// Bytes in this window so far.
    n_bytes: u64,
    /// What is left of this window.
    left: Duration,
    /// Bytes so far, and the time that the server waited for them.
    all_bytes: u64,
    waited: Duration,
    /// The size that the body declares; 0 for none.
    declared_bytes: u64,
    waiting: Option<Waiting>,
}

/// The time since the body was last polled and had nothing.
struct Waiting {
    since: Instant,
    until: Pin<Box<Sleep>>,
}

/// Ends bodies that come too slowly with an error that [`is_too_slow`] recognises.
pub(in crate::http) async fn minimum_rate(request: Request, next: Next) -> Response {
    let request = if request.body().is_end_stream() { request } else { request.map(limited) };
    next.run(request).await
}

/// Whether `error` or one of its causes is that a body was too slow.
pub(in crate::http) fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<TooSlow>())
}

fn limited(body: Body) -> Body {
    let rate = Rate::of(body.size_hint().exact().unwrap_or_default());
    wrap(body, rate)
}

impl Rate {
    fn of(declared_bytes: u64) -> Self {
        let (left, waited) = (BODY_WINDOW, Duration::ZERO);
        Self { n_bytes: 0, left, all_bytes: 0, waited, declared_bytes, waiting: None }
    }

    /// How much longer the server waits for the next bytes.
    fn time_left(&self) -> Duration {
        let size_bytes = self.declared_bytes.max(self.all_bytes);
        let longest = BODY_TIME + Duration::from_secs(size_bytes / BODY_TIME_BYTES_A_SECOND);
        self.left.min(longest.saturating_sub(self.waited))
    }

    fn count(&mut self, n_bytes: u64) {
        self.all_bytes += n_bytes;
        self.n_bytes += n_bytes;
        if self.n_bytes >= BYTES_A_WINDOW {
            (self.n_bytes, self.left) = (0, BODY_WINDOW);
        }
    }
}

impl Wrap for Rate {
    fn poll_frame(&mut self, body: &mut Body, context: &mut Context<'_>) -> PollFrame {
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            if let Some(waiting) = self.waiting.take() {
                let waited = waiting.since.elapsed();
                self.left = self.left.saturating_sub(waited);
                self.waited += waited;
            }
            if let Some(Ok(frame)) = &frame {
                self.count(frame.data_ref().map_or(0, Bytes::len) as u64);
            }
            return Poll::Ready(frame);
        }
        let time_left = self.time_left();
        let begin = || Waiting { since: Instant::now(), until: Box::pin(sleep(time_left)) };
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
        limited(Body::from_stream(pieces))
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
        let piece = &[b'a'; 128 << 10];
        let body = to_bytes(timed(300, piece, Duration::from_secs(2)), usize::MAX).await.unwrap();
        assert_eq!(body.len(), 300 * (128 << 10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_in_which_nobody_reads_does_not_count() {
        let mut body = timed(20, b"a", Duration::from_millis(1)).into_data_stream();
        while let Some(piece) = body.next().await {
            assert_eq!(piece.unwrap().len(), 1);
            sleep(Duration::from_secs(9)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_take_a_minute_and_more_for_its_size() {
        // 20 KB a second: above the minimum rate, and below what the size allows in the long run.
        let started = Instant::now();
        let error = to_bytes(timed(1_000, &[b'a'; 20 << 10], Duration::from_secs(1)), usize::MAX).await.unwrap_err();
        assert!(is_too_slow(&error), "{error:?}");
        // A minute, and two fifths of the time itself for 20 of 50 KB a second: 60 / (1 - 0.4), less the last piece.
        assert_eq!(started.elapsed().as_secs(), 99);
    }
}
