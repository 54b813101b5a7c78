//! A lease: what an answer holds until its last byte has left or its connection is gone.
//!
//! A body that is dropped has been handed to its connection, which may still have to send most of it. So the lease
//! travels on: with the body first, then with the connection, until that has written everything it was given. The
//! answer leaves in frames cut from the one copy, so that the connection never holds more than a frame or two. A
//! connection asks for a frame once its client has taken the one before: where that took too long in all, and others
//! need the room, the answer ends there, and the connection with it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http_body::{Body as _, SizeHint};
use tokio::time::Instant;

use super::admitted::Admitted;
use super::limits::FRAME_BYTES;
use crate::http::wrapped_body::{Pieces, PollFrame, Wrap};

/// The leases of answers whose bodies are done and whose last bytes a connection has still to write. An extension of
/// every request.
#[derive(Debug, Clone, Default)]
pub(super) struct Departing(Arc<Mutex<Vec<Admitted>>>);

impl Departing {
    fn add(&self, lease: Admitted) {
        self.lock().push(lease);
    }

    /// Ends the leases: everything is written.
    pub fn all_written(&self) {
        // Dropped outside of the lock.
        let _ended = std::mem::take(&mut *self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Admitted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands a body on in frames of [`FRAME_BYTES`], works for its request, and holds its lease.
pub(super) struct Leased {
    lease: Admitted,
    pieces: Pieces,
    departing: Option<Departing>,
    /// When the last frame was handed on, and for how long the client was waited for before that.
    handed_at: Option<Instant>,
    waited: Duration,
}

/// The client took too long for an answer whose room others need.
#[derive(Debug, thiserror::Error)]
#[error("the answer was read too slowly")]
struct TooLate;

impl Leased {
    /// `departing` belongs to the connection; without one, the lease ends with the body.
    pub fn new(lease: Admitted, departing: Option<Departing>) -> Self {
        Self { lease, pieces: Pieces::default(), departing, handed_at: None, waited: Duration::ZERO }
    }
}

impl Wrap for Leased {
    fn poll_frame(&mut self, body: &mut Body, context: &mut Context<'_>) -> PollFrame {
        if let Some(handed_at) = self.handed_at.take() {
            self.waited += handed_at.elapsed();
            if self.lease.is_late(self.waited) {
                return Poll::Ready(Some(Err(axum::Error::new(TooLate))));
            }
        }
        let poll = || self.lease.sync_scope(|| Pin::new(body).poll_frame(context));
        match self.pieces.poll_data(poll) {
            Ok(()) => {
                self.handed_at = Some(Instant::now());
                Poll::Ready(Some(Ok(self.pieces.cut(FRAME_BYTES))))
            }
            Err(other) => other,
        }
    }

    fn is_end_stream(&self, body: &Body) -> bool {
        self.pieces.is_end_stream(body)
    }

    fn size_hint(&self, body: &Body) -> SizeHint {
        self.pieces.size_hint(body)
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if let Some(departing) = &self.departing {
            departing.add(self.lease.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use axum::body::Bytes;
    use futures::StreamExt;

    use super::super::admitted::{count_answer, current_client};
    use super::super::class::Class;
    use super::super::concurrency::{Shares, Slots};
    use super::super::in_flight::InFlight;
    use super::super::limits::MAX_IN_FLIGHT_BYTES_OF_ONE;
    use super::*;
    use crate::http::access::Client;
    use crate::http::problem::ApiError;
    use crate::http::wrapped_body::wrap;

    fn client(n: u8) -> Client {
        Client::Key([n; 32])
    }

    #[test]
    fn a_slot_is_taken_until_the_connection_has_written_everything() {
        let slots = Slots::new(Shares::of_requests(1));
        let (in_flight, departing) = (InFlight::default(), Departing::default());
        let lease = Admitted::new(client(1), Class::Upload, slots.try_take(client(1)), &in_flight);
        let whole = Bytes::from(vec![7; 3 * FRAME_BYTES + 1]);
        lease.count_answer(whole.len()).unwrap();
        let mut body = pin!(wrap(Body::from(whole.clone()), Leased::new(lease, Some(departing.clone()))));
        assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut sizes = Vec::new();
        while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut context) {
            let data = frame.unwrap().into_data().unwrap();
            assert!(whole.as_ptr_range().contains(&data.as_ptr()), "cut from the one copy");
            sizes.push(data.len());
        }
        assert_eq!(sizes, [FRAME_BYTES, FRAME_BYTES, FRAME_BYTES, 1]);
        body.set(Body::empty());
        assert!(slots.try_take(client(2)).is_none(), "the connection has still to write it");
        assert_eq!(in_flight.n_bytes(), whole.len());
        departing.all_written();
        assert!(slots.try_take(client(2)).is_some());
        assert_eq!(in_flight.n_bytes(), 0);
    }

    #[test]
    fn a_connection_that_is_gone_holds_nothing_in_whatever_order_its_parts_go() {
        for body_goes_first in [true, false] {
            let slots = Slots::new(Shares::of_requests(1));
            let departing = Departing::default();
            let slot = slots.try_take(client(1));
            let lease = Admitted::new(client(1), Class::Upload, slot, &InFlight::default());
            let body = wrap(Body::from("x"), Leased::new(lease, Some(departing.clone())));
            if body_goes_first {
                drop(body);
                drop(departing);
            } else {
                drop(departing);
                drop(body);
            }
            assert!(slots.try_take(client(2)).is_some(), "{body_goes_first}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_slowly_ends_where_others_need_its_room() {
        // 64 KB in two seconds: twice the least rate, and less than has to be read where room is short.
        for (is_short, is_whole) in [(false, true), (true, false)] {
            let in_flight = InFlight::default();
            let lease = |n, n_bytes| {
                let lease = Admitted::new(client(n), Class::Generation, None, &in_flight);
                lease.count_answer(n_bytes).unwrap();
                lease
            };
            let whole = Bytes::from(vec![7; 8 << 20]);
            let _others =
                if is_short { (2..5).map(|n| lease(n, MAX_IN_FLIGHT_BYTES_OF_ONE)).collect() } else { vec![] };
            let body = wrap(Body::from(whole.clone()), Leased::new(lease(1, whole.len()), None));
            let mut frames = body.into_data_stream();
            let (started, mut n_bytes) = (Instant::now(), 0);
            while let Some(Ok(frame)) = frames.next().await {
                n_bytes += frame.len();
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            assert_eq!(n_bytes == whole.len(), is_whole, "{n_bytes}");
            // A minute, and 8 MB at 50 KB a second, of 256 seconds in all.
            let seconds = started.elapsed().as_secs();
            assert!(if is_whole { seconds == 256 } else { (223..=226).contains(&seconds) }, "{seconds}");
        }
    }

    #[tokio::test]
    async fn what_a_stream_sends_in_the_end_counts_until_the_connection_has_written_it() {
        let (in_flight, departing) = (InFlight::default(), Departing::default());
        let lease = Admitted::new(client(1), Class::Upload, None, &in_flight);
        let last = async || {
            count_answer(MAX_IN_FLIGHT_BYTES_OF_ONE).unwrap();
            Ok::<_, axum::Error>("the whole answer")
        };
        let body = Body::from_stream(futures::stream::once(last()));
        let body = wrap(body, Leased::new(lease, Some(departing.clone())));
        axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert_eq!(in_flight.n_bytes(), MAX_IN_FLIGHT_BYTES_OF_ONE);
        let second = Admitted::new(client(1), Class::Upload, None, &in_flight);
        let refused = second.clone().scope(async { count_answer(1 << 20) }).await;
        assert!(matches!(refused, Err(ApiError::TooManyAnswers)));
        departing.all_written();
        second.scope(async { count_answer(1 << 20) }).await.unwrap();
        assert_eq!(in_flight.n_bytes(), 0);
    }

    #[tokio::test]
    async fn a_body_is_made_for_its_client() {
        let made = futures::stream::once(async { Ok::<_, axum::Error>(format!("{:?}", current_client())) });
        let lease = Admitted::new(client(1), Class::Standard, None, &InFlight::default());
        let body = wrap(Body::from_stream(made), Leased::new(lease, None));
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert_eq!(bytes, format!("{:?}", client(1)));
        assert_ne!(current_client(), client(1));
    }
}
