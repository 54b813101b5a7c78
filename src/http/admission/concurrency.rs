//! Slots: how many requests of one class are in progress, in all and by one client.
//!
//! A request without a free slot queues, first on its client's share, then on the global limit. No client has more than
//! its share of requests in the second queue, so no client waits behind thousands of requests of another.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::http::access::Client;
use crate::http::wrapped_body::Wrap;

/// The slots for requests of one class.
#[derive(Debug)]
pub(super) struct Slots {
    all: Arc<Semaphore>,
    of_one_client: usize,
    clients: Mutex<HashMap<Client, ClientEntry>>,
}

/// A client, for as long as one of its requests has a slot or queues for one.
#[derive(Debug)]
struct ClientEntry {
    share: Arc<Semaphore>,
    n_requests: usize,
}

/// Why a request got no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSlot {
    /// All slots are taken.
    Full,
    /// The client has as many slots as one may have.
    ShareTaken,
}

/// A request's slot, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _of_all: OwnedSemaphorePermit,
    _of_share: OwnedSemaphorePermit,
    _presence: Presence,
}

/// A request that has a slot or queues for one.
#[derive(Debug)]
struct Presence {
    slots: Arc<Slots>,
    client: Client,
}

impl Slots {
    /// `n_slots` in all, of which one client has at most half, so that others always get some.
    pub fn new(n_slots: usize) -> Arc<Self> {
        let all = Arc::new(Semaphore::new(n_slots));
        Arc::new(Self { all, of_one_client: n_slots.div_ceil(2), clients: Mutex::default() })
    }

    /// A slot for `client`, first come, first served; waits for one until `timeout` is done.
    ///
    /// # Errors
    /// [`NoSlot`] when none was free until then.
    pub async fn take(self: &Arc<Self>, client: Client, timeout: impl Future<Output = ()>) -> Result<Slot, NoSlot> {
        let (presence, share) = self.enter(client);
        let mut timeout = pin!(timeout);
        let of_share = within(timeout.as_mut(), share.acquire_owned()).await.ok_or(NoSlot::ShareTaken)?;
        let of_all = within(timeout, self.all.clone().acquire_owned()).await.ok_or(NoSlot::Full)?;
        Ok(Slot { _of_all: of_all, _of_share: of_share, _presence: presence })
    }

    /// Counts one more request of `client`, and returns its share.
    fn enter(self: &Arc<Self>, client: Client) -> (Presence, Arc<Semaphore>) {
        let mut clients = self.clients();
        let entry = clients
            .entry(client.clone())
            .or_insert_with(|| ClientEntry { share: Arc::new(Semaphore::new(self.of_one_client)), n_requests: 0 });
        entry.n_requests += 1;
        (Presence { slots: self.clone(), client }, entry.share.clone())
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<Client, ClientEntry>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permit, unless `timeout` is done before it is free.
async fn within(
    timeout: Pin<&mut impl Future<Output = ()>>,
    permit: impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>>,
) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        // A request that finds a slot free never polls `timeout`, and so does not count as waiting.
        biased;
        // Nobody closes the semaphores.
        permit = permit => permit.ok(),
        () = timeout => None,
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut clients = self.slots.clients();
        match clients.get_mut(&self.client) {
            Some(entry) if entry.n_requests > 1 => entry.n_requests -= 1,
            _ => {
                clients.remove(&self.client);
            }
        }
    }
}

/// Keeps a request's slot until the body of its answer is dropped.
pub(super) struct HeldSlot(#[expect(dead_code, reason = "held for its drop alone")] pub Arc<Slot>);

impl Wrap for HeldSlot {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    const A_WHILE: Duration = Duration::from_secs(1);

    fn client(n: u8) -> Client {
        Client::Key([n; 32])
    }

    async fn take(slots: &Arc<Slots>, n: u8) -> Result<Slot, NoSlot> {
        slots.take(client(n), sleep(A_WHILE)).await
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_never_has_more_than_half_of_the_slots() {
        let slots = Slots::new(4);
        let mine = [take(&slots, 1).await.unwrap(), take(&slots, 1).await.unwrap()];
        assert_eq!(take(&slots, 1).await.unwrap_err(), NoSlot::ShareTaken);
        let _other = take(&slots, 2).await.unwrap();
        drop(mine);
        assert!(take(&slots, 1).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn taken_slots_are_taken_for_every_client_until_one_is_free() {
        let slots = Slots::new(2);
        let first = take(&slots, 1).await.unwrap();
        let _second = take(&slots, 2).await.unwrap();
        assert_eq!(take(&slots, 3).await.unwrap_err(), NoSlot::Full);
        drop(first);
        assert!(take(&slots, 3).await.is_ok());
        assert_eq!(slots.clients().len(), 1, "clients without requests are forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_queued_request_gets_the_slot_as_soon_as_it_is_free_and_in_turn() {
        let slots = Slots::new(1);
        let started = Instant::now();
        let visits = (1..=3).map(|n| {
            let slots = slots.clone();
            async move {
                let slot = take(&slots, n).await.unwrap();
                let since = started.elapsed();
                sleep(A_WHILE / 4).await;
                drop(slot);
                since
            }
        });
        let since = futures::future::join_all(visits).await;
        assert_eq!(since, [0, 1, 2].map(|quarters| quarters * A_WHILE / 4));
    }

    #[tokio::test(start_paused = true)]
    async fn no_client_waits_behind_the_many_requests_of_another() {
        let slots = Slots::new(4);
        let started = Instant::now();
        let visit = |n: u8| {
            let slots = slots.clone();
            async move {
                let slot = slots.take(client(n), sleep(100 * A_WHILE)).await.unwrap();
                let since = started.elapsed();
                sleep(A_WHILE).await;
                drop(slot);
                since
            }
        };
        let many = futures::future::join_all((0..100).map(|_| visit(1)));
        let one = async {
            sleep(A_WHILE / 2).await;
            visit(2).await
        };
        let (many, one) = tokio::join!(many, one);
        assert_eq!(one, A_WHILE / 2);
        assert_eq!(many.iter().max().copied(), Some(49 * A_WHILE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_disconnects_while_it_queues_leaves_nothing_behind() {
        let slots = Slots::new(1);
        let slot = take(&slots, 1).await.unwrap();
        assert!(tokio::time::timeout(A_WHILE / 2, take(&slots, 2)).await.is_err());
        drop(slot);
        assert_eq!((slots.clients().len(), slots.all.available_permits()), (0, 1));
    }
}
