//! Delays rejections, so that clients that retry at once cannot starve admitted requests.
//!
//! A rejection costs a tenth of an answer; a request that waits costs nothing. A request without a slot waits for a
//! second before it is rejected, and longer the more of them wait, so that the number of rejections a second is
//! bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long the first request waits.
const FIRST_DELAY: Duration = Duration::from_secs(1);

/// The delay of one class of rejections.
#[derive(Debug)]
pub(super) struct RejectionDelay {
    n_waiting: AtomicUsize,
    step: Duration,
}

/// A request that waits.
struct Waiting<'a>(&'a RejectionDelay);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.n_waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RejectionDelay {
    /// Each further request waits `step` longer: at most one is rejected in that time.
    pub(super) fn new(step: Duration) -> Self {
        Self { n_waiting: AtomicUsize::new(0), step }
    }

    /// Done when a request has waited long enough to be rejected.
    pub(super) async fn wait(&self) {
        let n_before = u32::try_from(self.n_waiting.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX);
        let _waiting = Waiting(self);
        tokio::time::sleep(FIRST_DELAY + self.step.saturating_mul(n_before)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn at_most_a_thousand_requests_a_second_are_rejected() {
        let delay = RejectionDelay::new(Duration::from_millis(1));
        let started = Instant::now();
        let rejected = futures::future::join_all((0..5_000).map(|_| async {
            delay.wait().await;
            started.elapsed()
        }))
        .await;
        assert!(rejected.iter().all(|time| *time >= FIRST_DELAY));
        for second in 0..7 {
            let n = rejected.iter().filter(|time| time.as_secs() == second).count();
            assert!(n <= 1_001, "{n} in second {second}");
        }
        assert_eq!(delay.n_waiting.load(Ordering::Relaxed), 0, "nobody waits any more");
    }
}
