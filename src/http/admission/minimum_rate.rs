//! A body has to come at a pace: whoever sends a byte a second would hold a seat for hours.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// How long the server waits for so many bytes; the time in which it does not read does not count.
const WINDOW: Duration = Duration::from_secs(10);
const BYTES_A_WINDOW: usize = 4 << 10;

/// The body came more slowly than a body may.
#[derive(Debug, thiserror::Error)]
#[error("less than {BYTES_A_WINDOW} bytes in {} s", WINDOW.as_secs())]
struct TooSlow;

/// A body that ends with [`TooSlow`] where it does not come at its pace.
struct Paced {
    body: Body,
    n_bytes: usize,
    /// Of the window, what may still be waited.
    left: Duration,
    waiting: Option<Waiting>,
}

/// The time since the body was last asked and had nothing.
struct Waiting {
    since: Instant,
    until: Pin<Box<Sleep>>,
}

/// Ends bodies that come too slowly with an error that [`is_too_slow`] knows.
pub(in crate::http) async fn hold_to_a_pace(request: Request, next: Next) -> Response {
    let paced = |body| Body::new(Paced { body, n_bytes: 0, left: WINDOW, waiting: None });
    let request = if request.body().is_end_stream() { request } else { request.map(paced) };
    next.run(request).await
}

/// Whether `error`, or a cause of it, is a body's slowness.
pub(in crate::http) fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| error.is::<TooSlow>())
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
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

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures::StreamExt;
    use futures::stream;

    use super::*;

    /// A body of pieces that come one every `every`.
    fn paced(pieces: usize, piece: &'static [u8], every: Duration) -> Body {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            sleep(every).await;
            Ok::<_, axum::Error>(Bytes::from_static(piece))
        });
        Body::new(Paced { body: Body::from_stream(pieces), n_bytes: 0, left: WINDOW, waiting: None })
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_a_byte_a_second_is_ended_after_ten() {
        let started = Instant::now();
        let error = to_bytes(paced(100, b"a", Duration::from_secs(1)), usize::MAX).await.unwrap_err();
        assert!(is_too_slow(&error), "{error:?}");
        assert_eq!(started.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_keeps_its_pace_may_take_its_time() {
        let piece = &[b'a'; 1024];
        let body = to_bytes(paced(300, piece, Duration::from_secs(2)), usize::MAX).await.unwrap();
        assert_eq!(body.len(), 300 * 1024);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_in_which_nobody_reads_does_not_count() {
        let mut body = paced(20, b"a", Duration::from_millis(1)).into_data_stream();
        while let Some(piece) = body.next().await {
            assert_eq!(piece.unwrap().len(), 1);
            sleep(Duration::from_secs(9)).await;
        }
    }
}
