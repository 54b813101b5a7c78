//! An admitted request: its client, its slot and the bytes of its answer, for as long as anything works for it.
//!
//! A task knows for which request it works, so that the time for which it holds a processor's slot, and what it adds to
//! the answer, count for the right client.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::class::Class;
use super::concurrency::Slot;
use super::in_flight::{Counted, InFlight};
use super::limits::SMALL_ANSWER_BYTES;
use crate::http::access::Client;
use crate::http::problem::ApiError;

tokio::task_local! {
    /// The request that the current task works for.
    static ADMITTED: Admitted;
}

/// An admitted request; an extension of it. Its slot is free, and the bytes of its answer are no longer counted, once
/// every clone of this is dropped: the last one goes when the answer has left.
#[derive(Debug, Clone)]
pub(in crate::http) struct Admitted {
    client: Client,
    class: Class,
    _slot: Option<Arc<Slot>>,
    answer: Arc<Mutex<Counted>>,
}

impl Admitted {
    pub(super) fn new(client: Client, class: Class, slot: Option<Slot>, in_flight: &InFlight) -> Self {
        let answer = Arc::new(Mutex::new(in_flight.begin(client.clone())));
        Self { client, class, _slot: slot.map(Arc::new), answer }
    }

    /// Bytes that differ between clients.
    pub fn identity(&self) -> Vec<u8> {
        self.client.bytes()
    }

    /// Bytes that differ between networks.
    pub fn network(&self) -> Vec<u8> {
        self.client.network().bytes()
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// Counts bytes of the answer until it has left. Where there is no room, small answers are let through,
    /// generations, and answers for which room was made before; neither can be many, because of the limits on
    /// connections and on slots.
    ///
    /// # Errors
    /// [`ApiError::TooManyAnswers`].
    pub(super) fn count_answer(&self, n_bytes: usize) -> Result<(), ApiError> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if n_bytes <= SMALL_ANSWER_BYTES || self.class == Class::Generation {
            answer.grow(n_bytes);
        } else if !answer.try_grow(n_bytes) {
            return Err(ApiError::TooManyAnswers);
        }
        Ok(())
    }

    /// Makes room for an answer of about `n_bytes` before it is paid for.
    ///
    /// # Errors
    /// [`ApiError::TooManyAnswers`].
    fn promise_answer(&self, n_bytes: usize) -> Result<(), ApiError> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.try_promise(n_bytes) { Ok(()) } else { Err(ApiError::TooManyAnswers) }
    }

    /// Whether the client has had its time to take the answer, while others need the room.
    pub(super) fn is_late(&self, waited: Duration) -> bool {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).is_late(waited)
    }

    /// Runs `work` for this request.
    pub(super) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        ADMITTED.scope(self, work)
    }

    /// The same of work that never waits.
    pub(super) fn sync_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        ADMITTED.sync_scope(self.clone(), work)
    }
}

/// `work` in the name of the request that the current task works for, which is admitted until `work` has ended. For
/// work that goes on in a task of its own, also when the client has gone.
pub(in crate::http) fn for_this_request<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let admitted = admitted();
    async move {
        match admitted {
            Some(admitted) => admitted.scope(work).await,
            None => work.await,
        }
    }
}

/// Counts bytes that an answer of unknown size holds in memory, until it has left. Nothing is counted outside of
/// requests.
///
/// # Errors
/// [`ApiError::TooManyAnswers`] where there is no room for them.
pub(in crate::http) fn count_answer(n_bytes: usize) -> Result<(), ApiError> {
    ADMITTED.try_with(|admitted| admitted.count_answer(n_bytes)).unwrap_or(Ok(()))
}

/// Makes room for an answer of about `n_bytes`, before anything is paid for it: it will be let through, also if it
/// becomes larger. Nothing is counted outside of requests.
///
/// # Errors
/// [`ApiError::TooManyAnswers`] where there is no room for it.
pub(in crate::http) fn promise_answer(n_bytes: usize) -> Result<(), ApiError> {
    ADMITTED.try_with(|admitted| admitted.promise_answer(n_bytes)).unwrap_or(Ok(()))
}

/// The request that the current task works for, which is admitted as long as this is held.
pub(super) fn admitted() -> Option<Admitted> {
    ADMITTED.try_with(Clone::clone).ok()
}

/// The client that the current task works for. Tasks of the server itself count as one client more.
pub(in crate::http) fn current_client() -> Client {
    let client = ADMITTED.try_with(|admitted| admitted.client.clone());
    client.unwrap_or(Client::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

#[cfg(test)]
mod tests {
    use super::super::concurrency::{Shares, Slots};
    use super::super::limits::MAX_IN_FLIGHT_BYTES_OF_ONE;
    use super::*;

    fn client(n: u8) -> Client {
        Client::Key([n; 32])
    }

    #[tokio::test]
    #[expect(clippy::async_yields_async, reason = "the task outlives the request that begins it")]
    async fn a_task_of_its_own_works_for_the_request_and_holds_its_slot_until_it_has_ended() {
        let slots = Slots::new(Shares::of_requests(1));
        let slot = slots.try_take(client(1));
        let admitted = Admitted::new(client(1), Class::Upload, slot, &InFlight::default());
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let begun = admitted.scope(async {
            tokio::spawn(for_this_request(async {
                ended.await.unwrap();
                current_client()
            }))
        });
        let task = begun.await;
        assert_eq!(current_client(), Client::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        assert!(slots.try_take(client(2)).is_none(), "the request is gone, its task is not");
        end.send(()).unwrap();
        assert_eq!(task.await.unwrap(), client(1));
        assert!(slots.try_take(client(2)).is_some());
    }

    #[test]
    fn where_too_much_is_in_flight_small_answers_and_paid_ones_are_let_through() {
        let in_flight = InFlight::default();
        let of = |class| Admitted::new(client(1), class, None, &in_flight);
        let large = of(Class::Standard);
        large.count_answer(MAX_IN_FLIGHT_BYTES_OF_ONE).unwrap();
        of(Class::Standard).count_answer(SMALL_ANSWER_BYTES).unwrap();
        of(Class::Generation).count_answer(10 * SMALL_ANSWER_BYTES).unwrap();
        for class in [Class::Standard, Class::Upload] {
            let refused = of(class).count_answer(SMALL_ANSWER_BYTES + 1);
            assert!(matches!(refused, Err(ApiError::TooManyAnswers)), "{class:?}");
        }
        assert!(matches!(of(Class::Upload).promise_answer(1), Err(ApiError::TooManyAnswers)));
        drop(large);
        let promised = of(Class::Upload);
        promised.promise_answer(SMALL_ANSWER_BYTES + 1).unwrap();
        of(Class::Standard).count_answer(MAX_IN_FLIGHT_BYTES_OF_ONE).unwrap_err();
        promised.count_answer(MAX_IN_FLIGHT_BYTES_OF_ONE).unwrap();
        promised.count_answer(SMALL_ANSWER_BYTES + 1).unwrap();
        drop(promised);
        of(Class::Standard).count_answer(SMALL_ANSWER_BYTES + 1).unwrap();
    }
}
