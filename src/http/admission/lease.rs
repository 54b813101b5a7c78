//! A lease: what an answer holds until its last byte has left or its connection is gone.
//!
//! A body that is dropped has been handed to its connection, which may still have to send most of it. So the lease
//! travels on: with the body first, then with the connection, until that has written everything it was given. The
//! answer leaves in frames cut from the one copy, so that the connection never holds more than a frame or two.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};

use super::concurrency::Slot;
use super::limits::{FRAME_BYTES, MAX_IN_FLIGHT_BYTES, MAX_IN_FLIGHT_BYTES_OF_ONE};
use crate::http::access::Client;
use crate::http::wrapped_body::{PollFrame, Wrap};

tokio::task_local! {
    /// The client that the current task works for.
    static CLIENT: Client;
}

/// Runs `work` for `client`: what it uses of the processor counts for this client.
pub(super) fn on_behalf_of<F: Future>(client: Client, work: F) -> impl Future<Output = F::Output> {
    CLIENT.scope(client, work)
}

/// The client that the current task works for. Tasks of the server itself count as one client more.
pub(in crate::http) fn current_client() -> Client {
    CLIENT.try_with(Clone::clone).unwrap_or(Client::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Bytes of answers that are in memory until their clients have taken them.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    clients: HashMap<Client, usize>,
}

/// Some of them, of one answer; no longer counted when this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    in_flight: InFlight,
    client: Client,
    n_bytes: usize,
}

impl InFlight {
    /// Whether `client` may get an answer of `n_bytes`, or of any size where it is zero.
    pub fn has_room(&self, client: &Client, n_bytes: usize) -> bool {
        let counts = self.lock();
        let of_one = counts.clients.get(client).copied().unwrap_or_default();
        let fits = of_one.saturating_add(n_bytes) <= MAX_IN_FLIGHT_BYTES_OF_ONE;
        counts.all < MAX_IN_FLIGHT_BYTES && (of_one == 0 || fits)
    }

    /// Counts bytes of an answer to `client`.
    pub fn count(&self, client: Client, n_bytes: usize) -> Counted {
        let mut counts = self.lock();
        counts.all += n_bytes;
        *counts.clients.entry(client.clone()).or_default() += n_bytes;
        Counted { in_flight: self.clone(), client, n_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.in_flight.lock();
        counts.all = counts.all.saturating_sub(self.n_bytes);
        if let Some(of_one) = counts.clients.get_mut(&self.client) {
            *of_one = of_one.saturating_sub(self.n_bytes);
            if *of_one == 0 {
                counts.clients.remove(&self.client);
            }
        }
    }
}

/// What an answer holds.
#[derive(Debug)]
pub(super) struct Lease {
    _slot: Option<Arc<Slot>>,
    _bytes: Counted,
}

impl Lease {
    pub fn new(slot: Option<Arc<Slot>>, bytes: Counted) -> Self {
        Self { _slot: slot, _bytes: bytes }
    }
}

/// The leases of answers whose bodies are done and whose last bytes a connection has still to write. An extension of
/// every request.
#[derive(Debug, Clone, Default)]
pub(super) struct Departing(Arc<Mutex<Vec<Lease>>>);

impl Departing {
    fn add(&self, lease: Lease) {
        self.lock().push(lease);
    }

    /// Ends the leases: everything is written.
    pub fn all_written(&self) {
        // Dropped outside of the lock.
        let _ended = std::mem::take(&mut *self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands a body on in frames of [`FRAME_BYTES`], works for its client, and holds its lease.
pub(super) struct Leased {
    client: Client,
    /// The rest of the body's last frame.
    rest: Bytes,
    lease: Option<Lease>,
    departing: Option<Departing>,
}

impl Leased {
    /// `departing` belongs to the connection; without one, the lease ends with the body.
    pub fn new(client: Client, lease: Lease, departing: Option<Departing>) -> Self {
        Self { client, rest: Bytes::new(), lease: Some(lease), departing }
    }
}

impl Wrap for Leased {
    fn poll_frame(&mut self, body: &mut Body, context: &mut Context<'_>) -> PollFrame {
        if self.rest.is_empty() {
            let frame = CLIENT.sync_scope(self.client.clone(), || Pin::new(body).poll_frame(context));
            match ready!(frame).transpose()?.map(Frame::into_data) {
                Some(Ok(data)) => self.rest = data,
                Some(Err(other)) => return Poll::Ready(Some(Ok(other))),
                None => return Poll::Ready(None),
            }
        }
        let frame = self.rest.split_to(self.rest.len().min(FRAME_BYTES));
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self, body: &Body) -> bool {
        self.rest.is_empty() && body.is_end_stream()
    }

    fn size_hint(&self, body: &Body) -> SizeHint {
        let (inner, rest) = (body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if let (Some(lease), Some(departing)) = (self.lease.take(), &self.departing) {
            departing.add(lease);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::super::concurrency::{Shares, Slots};
    use super::*;
    use crate::http::access::Client;
    use crate::http::wrapped_body::wrap;

    fn client(n: u8) -> Client {
        Client::Key([n; 32])
    }

    #[test]
    fn a_slot_is_taken_until_the_connection_has_written_everything() {
        let slots = Slots::new(Shares::of_requests(1));
        let (in_flight, departing) = (InFlight::default(), Departing::default());
        let slot = slots.try_take(client(1)).map(Arc::new);
        let whole = Bytes::from(vec![7; 3 * FRAME_BYTES + 1]);
        let lease = Lease::new(slot, in_flight.count(client(1), whole.len()));
        let mut body = pin!(wrap(Body::from(whole.clone()), Leased::new(client(1), lease, Some(departing.clone()))));
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
        departing.all_written();
        assert!(slots.try_take(client(2)).is_some());
        assert_eq!(in_flight.lock().all, 0);
    }

    #[test]
    fn a_connection_that_is_gone_holds_nothing_in_whatever_order_its_parts_go() {
        for body_goes_first in [true, false] {
            let slots = Slots::new(Shares::of_requests(1));
            let departing = Departing::default();
            let lease = Lease::new(slots.try_take(client(1)).map(Arc::new), InFlight::default().count(client(1), 1));
            let body = wrap(Body::from("x"), Leased::new(client(1), lease, Some(departing.clone())));
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

    #[test]
    fn bytes_in_flight_are_limited_for_one_client_and_for_all() {
        let in_flight = InFlight::default();
        let large = MAX_IN_FLIGHT_BYTES_OF_ONE;
        assert!(in_flight.has_room(&client(1), 10 * large), "a client with none in flight gets one however large");
        let first = in_flight.count(client(1), large);
        assert!(!in_flight.has_room(&client(1), 1) && in_flight.has_room(&client(2), large));
        let others: Vec<_> = (2..)
            .map_while(|n| in_flight.has_room(&client(n), large).then(|| in_flight.count(client(n), large)))
            .collect();
        assert_eq!(others.len() + 1, MAX_IN_FLIGHT_BYTES.div_ceil(large));
        assert!(!in_flight.has_room(&client(200), 0));
        drop(first);
        assert!(in_flight.has_room(&client(1), large));
        drop(others);
        let counts = in_flight.lock();
        assert_eq!((counts.all, counts.clients.len()), (0, 0));
    }

    #[tokio::test]
    async fn a_body_is_made_for_its_client() {
        let made = futures::stream::once(async { Ok::<_, axum::Error>(format!("{:?}", current_client())) });
        let lease = Lease::new(None, InFlight::default().count(client(1), 0));
        let body = wrap(Body::from_stream(made), Leased::new(client(1), lease, None));
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert_eq!(bytes, format!("{:?}", client(1)));
        assert_eq!(on_behalf_of(client(2), async { current_client() }).await, client(2));
        assert_ne!(current_client(), client(1));
    }
}
