//! Refusals of one server and model, remembered so that a refused field is not sent again.
//!
//! Forgotten after an hour, so that an upgraded server gets full requests again at the cost of one refusal. What the
//! words of one client's requests may have brought about is remembered for that client alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long refusals are remembered after the last one.
const KEPT: Duration = Duration::from_secs(3_600);
/// Beyond so many clients all that is remembered of single ones is forgotten.
const MAX_CLIENTS: usize = 1_000;

/// A set of refusals; the default is the empty set.
pub trait Refusals: Clone + Default + PartialEq {
    /// The union of two sets: concurrent calls may meet different refusals.
    #[must_use]
    fn and(self, other: Self) -> Self;
}

/// For which requests a refusal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// For those of the client whose request it answered.
    Client,
    /// For all.
    All,
}

/// The refusals of one server and model, shared by all calls.
pub struct Learned<T> {
    name: String,
    known: Mutex<Known<T>>,
}

struct Known<T> {
    of_all: Recent<T>,
    of_clients: HashMap<u64, Recent<T>>,
}

struct Recent<T> {
    refusals: T,
    since: Instant,
}

impl<T: Refusals> Recent<T> {
    fn nothing() -> Self {
        Self { refusals: T::default(), since: Instant::now() }
    }

    fn is_old(&self) -> bool {
        self.since.elapsed() > KEPT
    }

    /// Whether any of the refusals were not known.
    fn add(&mut self, lesson: T) -> bool {
        let all = self.refusals.clone().and(lesson);
        let is_new = self.refusals != all;
        if is_new {
            *self = Self { refusals: all, since: Instant::now() };
        }
        is_new
    }
}

impl<T: Refusals> Learned<T> {
    /// No refusals yet; `name` is the model's name in the log.
    pub fn nothing(name: &str) -> Self {
        let known = Known { of_all: Recent::nothing(), of_clients: HashMap::new() };
        Self { name: name.to_owned(), known: Mutex::new(known) }
    }

    /// All refusals so far that hold for a client's requests.
    pub fn now(&self, client: u64) -> T {
        let known = self.fresh();
        let of_client = known.of_clients.get(&client).map(|own| own.refusals.clone());
        known.of_all.refusals.clone().and(of_client.unwrap_or_default())
    }

    /// Adds refusals of a client's request, for those to come in `scope`, once a request that heeds them was answered.
    /// Until then they may be nothing but words of the prompt, which some servers repeat.
    pub fn learn(&self, lesson: T, scope: Scope, client: u64) {
        let mut known = self.fresh();
        let is_new = match scope {
            Scope::Client => {
                if known.of_clients.len() >= MAX_CLIENTS {
                    known.of_clients.clear();
                }
                known.of_clients.entry(client).or_insert_with(Recent::nothing).add(lesson)
            }
            Scope::All => known.of_all.add(lesson),
        };
        if is_new {
            tracing::info!(
                event = "upstream_refused_field",
                upstream = self.name,
                "the upstream refused a field: requests are made without it for an hour"
            );
        }
    }

    fn fresh(&self) -> MutexGuard<'_, Known<T>> {
        // Every change is one assignment: a panic elsewhere leaves no half of one.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.of_all.is_old() {
            known.of_all = Recent::nothing();
        }
        known.of_clients.retain(|_, own| !own.is_old());
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
            learned.learn(lesson, Scope::All, 1);
            learned.now(2)
        };
        assert_eq!((learned.now(2), learn(1), learn(2)), (0, 1, 3));
        tokio::time::advance(KEPT / 2).await;
        assert_eq!(learn(4), 7);
        tokio::time::advance(KEPT).await;
        assert_eq!(learned.now(2), 7, "an hour since the last one");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(learned.now(2), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_client_brought_about_is_learned_for_it_alone() {
        let learned = Learned::<u8>::nothing("m");
        learned.learn(1, Scope::All, 1);
        learned.learn(2, Scope::Client, 1);
        assert_eq!((learned.now(1), learned.now(2)), (3, 1));
        tokio::time::advance(KEPT + Duration::from_secs(1)).await;
        assert_eq!((learned.now(1), learned.now(2)), (0, 0));
    }
}
