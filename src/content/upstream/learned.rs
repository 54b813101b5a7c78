//! Refusals of one server and model, remembered so that a refused field is not sent again.
//!
//! Forgotten after an hour, so that an upgraded server gets full requests again at the cost of one refusal.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long refusals are remembered after the last one.
const KEPT: Duration = Duration::from_secs(3_600);

/// A set of refusals; the default is the empty set.
pub trait Refusals: Clone + Default + PartialEq {
    /// The union of two sets: concurrent calls may meet different refusals.
    #[must_use]
    fn and(self, other: Self) -> Self;
}

/// The refusals of one server and model, shared by all calls.
pub struct Learned<T> {
    name: String,
    known: Mutex<Known<T>>,
}

struct Known<T> {
    refusals: T,
    since: Instant,
}

impl<T: Refusals> Learned<T> {
    /// No refusals yet; `name` is the model's name in the log.
    pub fn nothing(name: &str) -> Self {
        let known = Known { refusals: T::default(), since: Instant::now() };
        Self { name: name.to_owned(), known: Mutex::new(known) }
    }

    /// All refusals so far.
    pub fn now(&self) -> T {
        self.fresh().refusals.clone()
    }

    /// Adds refusals, for all calls to come, once a request that heeds them was answered. Until then they may be
    /// nothing but words of the prompt, which some servers repeat.
    pub fn learn(&self, lesson: T) {
        let mut known = self.fresh();
        let all = known.refusals.clone().and(lesson);
        if known.refusals != all {
            tracing::info!(
                event = "upstream_refused_field",
                upstream = self.name,
                "the upstream refused a field: requests are made without it for an hour"
            );
            *known = Known { refusals: all, since: Instant::now() };
        }
    }

    fn fresh(&self) -> MutexGuard<'_, Known<T>> {
        // Every change is one assignment: a panic elsewhere leaves no half of one.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.since.elapsed() > KEPT {
            *known = Known { refusals: T::default(), since: Instant::now() };
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Refusals for u8 {
        fn and(self, other: Self) -> Self {
            self | other
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lessons_add_up_and_are_forgotten_after_an_hour() {
        let learned = Learned::<u8>::nothing("m");
        let learn = |lesson| {
            learned.learn(lesson);
            learned.now()
        };
        assert_eq!((learned.now(), learn(1), learn(2)), (0, 1, 3));
        tokio::time::advance(KEPT / 2).await;
        assert_eq!(learn(4), 7);
        tokio::time::advance(KEPT).await;
        assert_eq!(learned.now(), 7, "an hour since the last one");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(learned.now(), 0);
    }
}
