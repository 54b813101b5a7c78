//! Seats: how many requests of one kind are under way, in all and of one caller.
//!
//! Whoever finds none stands in line: first for the share that one caller has, then for a seat. In the second line nobody
//! has more requests than its share, so that nobody stands behind the thousands of another.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::client::Client;

/// Seats for requests of one kind.
#[derive(Debug)]
pub(super) struct Seats {
    all: Arc<Semaphore>,
    of_one_client: usize,
    callers: Mutex<HashMap<Client, Caller>>,
}

/// One caller, for as long as a request of its has a seat or waits for one.
#[derive(Debug)]
struct Caller {
    share: Arc<Semaphore>,
    n_requests: usize,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// All are taken.
    Full,
    /// This caller has as many as one may have.
    ShareTaken,
}

/// One request's seat, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    _of_all: OwnedSemaphorePermit,
    _of_share: OwnedSemaphorePermit,
    _presence: Presence,
}

/// One request that has a seat or waits for one.
#[derive(Debug)]
struct Presence {
    seats: Arc<Seats>,
    client: Client,
}

impl Seats {
    /// `n_seats` in all, of which one caller has at most half, so that there is always room for another.
    pub fn new(n_seats: usize) -> Arc<Self> {
        let all = Arc::new(Semaphore::new(n_seats));
        Arc::new(Self { all, of_one_client: n_seats.div_ceil(2), callers: Mutex::default() })
    }

    /// A seat for `client`, whoever came first having it first; waits for it until `patience` is done.
    ///
    /// # Errors
    /// [`NoSeat`] when there was none until then.
    pub async fn take(self: &Arc<Self>, client: Client, patience: impl Future<Output = ()>) -> Result<Seat, NoSeat> {
        let (presence, share) = self.welcome(client);
        let mut patience = pin!(patience);
        let of_share = within(patience.as_mut(), share.acquire_owned()).await.ok_or(NoSeat::ShareTaken)?;
        let of_all = within(patience, self.all.clone().acquire_owned()).await.ok_or(NoSeat::Full)?;
        Ok(Seat { _of_all: of_all, _of_share: of_share, _presence: presence })
    }

    /// Counts one more request of `client`; its share.
    fn welcome(self: &Arc<Self>, client: Client) -> (Presence, Arc<Semaphore>) {
        let mut callers = self.callers();
        let caller = callers
            .entry(client.clone())
            .or_insert_with(|| Caller { share: Arc::new(Semaphore::new(self.of_one_client)), n_requests: 0 });
        caller.n_requests += 1;
        (Presence { seats: self.clone(), client }, caller.share.clone())
    }

    fn callers(&self) -> MutexGuard<'_, HashMap<Client, Caller>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permit, unless the patience is over before it is there.
async fn within(
    patience: Pin<&mut impl Future<Output = ()>>,
    permit: impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>>,
) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        // Who finds a seat free never waits, and so never counts as waiting.
        biased;
        // Nobody closes the semaphores.
        permit = permit => permit.ok(),
        () = patience => None,
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut callers = self.seats.callers();
        match callers.get_mut(&self.client) {
            Some(caller) if caller.n_requests > 1 => caller.n_requests -= 1,
            _ => {
                callers.remove(&self.client);
            }
        }
    }
}

/// An answer's body that keeps its request's seat until it is through.
pub(super) struct Seated {
    pub body: Body,
    pub _seat: Arc<Seat>,
}

impl HttpBody for Seated {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
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
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    const A_WHILE: Duration = Duration::from_secs(1);

    fn client(n: u8) -> Client {
        Client::Key([n; 32])
    }

    async fn take(seats: &Arc<Seats>, n: u8) -> Result<Seat, NoSeat> {
        seats.take(client(n), sleep(A_WHILE)).await
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_never_has_more_than_half_of_the_seats() {
        let seats = Seats::new(4);
        let mine = [take(&seats, 1).await.unwrap(), take(&seats, 1).await.unwrap()];
        assert_eq!(take(&seats, 1).await.unwrap_err(), NoSeat::ShareTaken);
        let _other = take(&seats, 2).await.unwrap();
        drop(mine);
        assert!(take(&seats, 1).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_house_is_full_for_everybody_until_somebody_leaves() {
        let seats = Seats::new(2);
        let first = take(&seats, 1).await.unwrap();
        let _second = take(&seats, 2).await.unwrap();
        assert_eq!(take(&seats, 3).await.unwrap_err(), NoSeat::Full);
        drop(first);
        assert!(take(&seats, 3).await.is_ok());
        assert_eq!(seats.callers().len(), 1, "whoever has left is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_has_the_seat_as_soon_as_it_is_free_and_in_turn() {
        let seats = Seats::new(1);
        let started = Instant::now();
        let visits = (1..=3).map(|n| {
            let seats = seats.clone();
            async move {
                let seat = take(&seats, n).await.unwrap();
                let since = started.elapsed();
                sleep(A_WHILE / 4).await;
                drop(seat);
                since
            }
        });
        let since = futures::future::join_all(visits).await;
        assert_eq!(since, [0, 1, 2].map(|quarters| quarters * A_WHILE / 4));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_stands_behind_the_many_requests_of_another() {
        let seats = Seats::new(4);
        let started = Instant::now();
        let visit = |n: u8| {
            let seats = seats.clone();
            async move {
                let seat = seats.take(client(n), sleep(100 * A_WHILE)).await.unwrap();
                let since = started.elapsed();
                sleep(A_WHILE).await;
                drop(seat);
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
    async fn whoever_goes_away_while_waiting_leaves_nothing_behind() {
        let seats = Seats::new(1);
        let seat = take(&seats, 1).await.unwrap();
        assert!(tokio::time::timeout(A_WHILE / 2, take(&seats, 2)).await.is_err());
        drop(seat);
        assert_eq!((seats.callers().len(), seats.all.available_permits()), (0, 1));
    }
}
