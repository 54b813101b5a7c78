//! A refusal takes its time: callers who ask again at once would leave none for those who are being answered.
//!
//! To refuse costs a tenth of an answer. A caller for whom there is no seat stands in line for a moment, which costs
//! nothing, and is told no only after that; the more wait, the longer, so that there are never more than so many refusals a
//! second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long the first caller without a seat waits.
const A_MOMENT: Duration = Duration::from_secs(1);

/// How many are waiting, and for how long.
#[derive(Debug)]
pub(super) struct Patience {
    n_waiting: AtomicUsize,
    each: Duration,
}

/// One of them.
struct Waiting<'a>(&'a Patience);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.n_waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Patience {
    /// Each further caller waits so much longer: no more than one is refused in this time.
    pub(super) fn new(each: Duration) -> Self {
        Self { n_waiting: AtomicUsize::new(0), each }
    }

    /// Done when a caller has waited long enough to be refused.
    pub(super) async fn wait(&self) {
        let n_before = u32::try_from(self.n_waiting.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX);
        let _waiting = Waiting(self);
        tokio::time::sleep(A_MOMENT + self.each.saturating_mul(n_before)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_a_thousand_a_second_are_refused() {
        let patience = Patience::new(Duration::from_millis(1));
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
        assert_eq!(patience.n_waiting.load(Ordering::Relaxed), 0, "nobody waits any more");
    }
}
