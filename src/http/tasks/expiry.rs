//! Removes uploads and pictures that are too old, where a limit is set; and what processes that were killed have
//! received of uploads.
//!
//! It holds the model store's writer lock while it removes. A training holds that lock from before it lists the uploads
//! until it has moved them, so no upload disappears under it. The lock is taken only when there is something to remove.
//! A clock that jumps ahead makes nothing old at once: what is removed is gone for good.

use std::time::{Duration, Instant, SystemTime};

use tokio::time::MissedTickBehavior;

use crate::causes::with_causes;
use crate::http::state::AppState;
use crate::model_store::StoreError;

const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// By how much the system's clock may get ahead of the time that has passed.
const MAX_AHEAD: Duration = Duration::from_secs(3_600);
/// How long it has to be ahead to be believed: after the machine was suspended it is right.
const BELIEVED_AFTER: Duration = Duration::from_secs(86_400);

/// The system's clock beside the time that has passed.
struct Clock {
    /// What the system's clock last said that was believed, and when that was.
    said: SystemTime,
    at: Instant,
    ahead_since: Option<Instant>,
}

impl Clock {
    fn new(said: SystemTime, at: Instant) -> Self {
        Self { said, at, ahead_since: None }
    }

    /// The time by which files are old, where the system's clock says `said`.
    fn now(&mut self, said: SystemTime, at: Instant) -> SystemTime {
        let expected = self.said + at.saturating_duration_since(self.at);
        let ahead = said.duration_since(expected).unwrap_or_default();
        let is_new = self.ahead_since.is_none();
        let since = *self.ahead_since.get_or_insert(at);
        if ahead <= MAX_AHEAD || at.saturating_duration_since(since) > BELIEVED_AFTER {
            *self = Self::new(said, at);
            return said;
        }
        if is_new {
            tracing::warn!(
                event = "clock_jumped",
                ahead_s = ahead.as_secs(),
                "the clock has gone ahead: for a day, uploads and pictures age by the time that has passed"
            );
        }
        expected
    }
}

/// Checks at once and then every minute.
pub(in crate::http) async fn run_expiry(state: AppState) {
    let mut ticks = tokio::time::interval(EXPIRE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut clock = Clock::new(SystemTime::now(), Instant::now());
    loop {
        ticks.tick().await;
        let (checking, now) = (state.clone(), clock.now(SystemTime::now(), Instant::now()));
        if let Err(panic) = tokio::task::spawn_blocking(move || expire(&checking, now)).await {
            tracing::error!(event = "expiry_panicked", error = %panic, "checking for old uploads and pictures failed");
        }
    }
}

fn expire(state: &AppState, now: SystemTime) {
    if let Err(error) = state.uploads().sweep() {
        tracing::warn!(
            event = "abandoned_uploads_remain",
            %error,
            "what a process that was killed had received of uploads cannot be removed"
        );
    }
    let Ok(equipment) = state.equipment() else { return };
    if let Err(error) = equipment.writer.images().expire(now) {
        tracing::warn!(event = "pictures_unreadable", %error, "the folder of pictures cannot be listed");
    }
    let expired = state.uploads().has_expired(now).and_then(|any| {
        if !any {
            return Ok(0);
        }
        let _lock = match equipment.store.lock() {
            Ok(lock) => lock,
            Err(StoreError::Locked { holder, .. }) => {
                tracing::debug!(
                    event = "expiry_put_off",
                    holder,
                    "old uploads stay for now: a retraining may be reading them"
                );
                return Ok(0);
            }
            Err(error) => {
                tracing::warn!(
                    event = "expiry_put_off",
                    causes = with_causes(&error),
                    "old uploads stay for now: the lock against trainings cannot be taken"
                );
                return Ok(0);
            }
        };
        // A retraining of this server that is about to start must not find the lock taken.
        if state.jobs().running().is_some() { Ok(0) } else { state.uploads().expire(now) }
    });
    if let Err(error) = expired {
        tracing::warn!(event = "uploads_unreadable", %error, "the folder of uploads cannot be listed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_clock_that_goes_ahead_and_back_makes_nothing_old() {
        let (said, at) = (SystemTime::now(), Instant::now());
        let mut clock = Clock::new(said, at);
        assert_eq!(clock.now(said + HOUR, at + HOUR), said + HOUR);
        assert_eq!(clock.now(said + 200 * DAY, at + 2 * HOUR), said + 2 * HOUR);
        assert_eq!(clock.now(said + 200 * DAY + HOUR, at + 3 * HOUR), said + 3 * HOUR);
        assert_eq!(clock.now(said + 4 * HOUR, at + 4 * HOUR), said + 4 * HOUR);
        assert_eq!(
            clock.now(said - 10 * DAY, at + 5 * HOUR),
            said - 10 * DAY,
            "one that goes back makes files younger"
        );
        assert_eq!(clock.now(said + 6 * HOUR, at + 6 * HOUR), said - 10 * DAY + HOUR, "and is ahead when it is right");
    }

    #[test]
    fn a_clock_that_stays_ahead_is_believed_after_a_day() {
        let (said, at) = (SystemTime::now(), Instant::now());
        let mut clock = Clock::new(said, at);
        for hours in 1..=25 {
            let passed = hours * HOUR;
            assert_eq!(clock.now(said + 30 * DAY + passed, at + passed), said + passed, "after {hours} hours");
        }
        let passed = 26 * HOUR;
        assert_eq!(clock.now(said + 30 * DAY + passed, at + passed), said + 30 * DAY + passed);
        assert_eq!(clock.now(said + 31 * DAY + passed, at + passed + DAY), said + 31 * DAY + passed);
    }
}
