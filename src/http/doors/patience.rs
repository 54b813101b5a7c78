//! A refusal takes its time: callers who ask again at once would leave none for those who are being answered.
//!
//! To refuse costs a tenth of an answer. A caller for whom there is no seat waits a moment, which costs nothing, may have
//! a seat that is free by then, and is told no only after that; the more wait, the longer, so that there are never more
//! than about a thousand refusals a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::client::Client;
use super::seats::{NoSeat, Seat, Seats};

/// How long the first caller without a seat waits.
const A_MOMENT: Duration = Duration::from_secs(1);
/// How much longer each further one does.
const EACH: Duration = Duration::from_millis(1);

/// How many are waiting.
#[derive(Debug, Default)]
pub(super) struct Patience(AtomicUsize);

/// One of them.
struct Waiting<'a>(&'a Patience);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Patience {
    /// A seat for `client`, at once or after a moment.
    ///
    /// # Errors
    /// [`NoSeat`] when there still is none after that.
    pub(super) async fn seat(&self, seats: &Arc<Seats>, client: Client) -> Result<Seat, NoSeat> {
        if let Ok(seat) = seats.take(client.clone()) {
            return Ok(seat);
        }
        self.wait().await;
        seats.take(client)
    }

    /// Before a refusal.
    pub(super) async fn wait(&self) {
        let n_before = u32::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX);
        let _waiting = Waiting(self);
        tokio::time::sleep(A_MOMENT + EACH.saturating_mul(n_before)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn client(n: u8) -> Client {
        Client::Key([n; 32])
    }

    #[tokio::test(start_paused = true)]
    async fn a_seat_that_is_free_after_a_moment_is_taken() {
        let (patience, seats) = (Patience::default(), Seats::new(1));
        let first = seats.take(client(1)).unwrap();
        let leaving = async {
            tokio::time::sleep(A_MOMENT / 2).await;
            drop(first);
        };
        let (seat, ()) = tokio::join!(patience.seat(&seats, client(2)), leaving);
        assert!(seat.is_ok());
        assert_eq!(patience.seat(&seats, client(3)).await.unwrap_err(), NoSeat::Full);
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_a_thousand_a_second_are_refused() {
        let patience = Patience::default();
        let started = Instant::now();
        let told = futures::future::join_all((0..5_000).map(|_| async {
            patience.wait().await;
            started.elapsed()
        }))
        .await;
        assert!(told.iter().all(|time| *time >= A_MOMENT));
        for second in 0..7 {
            let n = told.iter().filter(|time| time.as_secs() == second).count();
            assert!(n <= 1_001, "{n} in second {second}");
        }
        assert_eq!(patience.0.load(Ordering::Relaxed), 0, "nobody waits any more");
    }
}
