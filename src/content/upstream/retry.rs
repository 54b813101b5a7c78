//! When to try again: few tries, growing waits with jitter, one deadline over all of them.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::super::RetryPolicy;
use super::try_error::TryError;

/// What is left of one answer's tries and time.
pub struct Attempts {
    policy: RetryPolicy,
    timeout: Duration,
    deadline: Instant,
    n_used: u32,
    waited: Duration,
}

impl Attempts {
    pub fn start(policy: RetryPolicy, timeout: Duration, deadline: Instant) -> Self {
        Self { policy, timeout, deadline, n_used: 0, waited: Duration::ZERO }
    }

    /// Takes one try and says how long it may last; `None` where no try or no time is left.
    pub fn take(&mut self) -> Option<Duration> {
        let left = self.time_left();
        if self.n_used >= self.policy.max_tries || left.is_zero() {
            return None;
        }
        self.n_used += 1;
        Some(self.timeout.min(left))
    }

    /// Gives the last try back: what it brought is how to ask.
    pub fn give_back(&mut self) {
        self.n_used = self.n_used.saturating_sub(1);
    }

    /// Gives all tries back, for another kind of call under the same deadline.
    pub fn renew(&mut self) {
        self.n_used = 0;
    }

    /// Awaits one call, and counts how long it took.
    pub async fn waiting<T>(&mut self, call: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let result = call.await;
        self.waited += started.elapsed();
        result
    }

    /// How long calls and the pauses between them took so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Whether another try is possible at all.
    pub fn any_left(&self) -> bool {
        self.n_used < self.policy.max_tries && !self.time_left().is_zero()
    }

    /// How many tries are left.
    pub fn n_left(&self) -> usize {
        usize::try_from(self.policy.max_tries.saturating_sub(self.n_used)).unwrap_or(usize::MAX)
    }

    /// Waits before the next try; `false` at once where there is none, or where the wait would outlast the deadline.
    pub async fn wait_after(&mut self, error: &TryError) -> bool {
        if !error.is_worth_another || !self.any_left() {
            return false;
        }
        let wait = self.wait(error.retry_after, jitter());
        if wait >= self.time_left() {
            return false;
        }
        self.waiting(tokio::time::sleep(wait)).await;
        true
    }

    /// The server's own wish; else between half and all of a wait that doubles with each try.
    fn wait(&self, wish: Option<Duration>, jitter: f64) -> Duration {
        let doubled = || self.policy.base.saturating_mul(1_u32 << self.n_used.saturating_sub(1).min(10));
        wish.unwrap_or_else(|| doubled().mul_f64(0.5 + jitter / 2.0))
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// A number from 0 to 1 that differs from caller to caller: the standard library's random hash keys are random enough
/// to keep retries from arriving together.
fn jitter() -> f64 {
    f64::from(u16::try_from(RandomState::new().hash_one(0) & 0xffff).unwrap_or_default()) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::super::WriteErrorKind;
    use super::*;

    fn attempts(n_used: u32) -> Attempts {
        let deadline = Instant::now() + Duration::from_secs(60);
        Attempts { n_used, ..Attempts::start(RetryPolicy::default(), Duration::from_secs(30), deadline) }
    }

    #[tokio::test]
    async fn waits_double_and_vary_by_half() {
        assert_eq!(attempts(1).wait(None, 1.0), Duration::from_millis(500));
        assert_eq!(attempts(2).wait(None, 1.0), Duration::from_secs(1));
        assert_eq!(attempts(2).wait(None, 0.0), Duration::from_millis(500));
        assert!((0.0..=1.0).contains(&jitter()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_s_wish_is_obeyed_where_the_deadline_leaves_time_for_it() {
        for kind in [WriteErrorKind::RateLimited { retry_after: None }, WriteErrorKind::Upstream] {
            let failed =
                |seconds| TryError { retry_after: Some(Duration::from_secs(seconds)), ..TryError::new(kind, true) };
            let mut attempts = attempts(1);
            assert!(attempts.wait_after(&failed(30)).await);
            assert_eq!(attempts.waited(), Duration::from_secs(30));
            assert!(!attempts.wait_after(&failed(86_400)).await, "and is not begun where it does not");
            assert_eq!(attempts.waited(), Duration::from_secs(30));
        }
    }

    #[tokio::test]
    async fn tries_run_out_and_one_that_is_given_back_is_there_again() {
        let mut attempts = attempts(2);
        assert!(attempts.take().is_some() && attempts.take().is_none());
        attempts.give_back();
        assert!(attempts.take().is_some() && attempts.take().is_none());
    }
}
