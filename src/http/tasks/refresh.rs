//! Takes over what changed on disk: a new current model version, and prompt templates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;

use crate::causes::with_causes;
use crate::http::state::AppState;
use crate::model_store::{StoreError, VersionId};

/// How often the server checks for a new current version.
const REFRESH_EVERY: Duration = Duration::from_secs(2);
/// How long a version that cannot be loaded is not tried again: a failed load costs as much as a good one.
const RETRY_BROKEN_AFTER: Duration = Duration::from_secs(60);

/// Asks a server to check at once for what changed on disk.
#[derive(Debug, Clone, Default)]
pub struct Refresh(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    asked: Notify,
    /// How often a check was asked for.
    n_asked: AtomicU64,
    /// How many of these requests had come before the last check began.
    n_checked: watch::Sender<u64>,
}

impl Refresh {
    /// Waits until the server has checked; what changed is live then. A server that is starting checks once it is
    /// ready.
    pub async fn now(&self) {
        let mut checked = self.0.n_checked.subscribe();
        let number = self.0.n_asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.asked.notify_one();
        // A check that had begun before may have looked too early. `self` holds the sender, so it cannot be gone.
        let _ = checked.wait_for(|n_checked| *n_checked >= number).await;
    }

    /// How many requests have come before a check that begins now, and whether one of them waits for it.
    fn begin(&self) -> (u64, bool) {
        let n_asked = self.0.n_asked.load(Ordering::SeqCst);
        (n_asked, n_asked > *self.0.n_checked.borrow())
    }

    /// The check has ended before which so many requests had come.
    fn end(&self, n_asked: u64) {
        self.0.n_checked.send_replace(n_asked);
    }
}

/// Takes over every new current version. One that cannot be loaded, or a `current` that leads to none, is logged and
/// skipped for a minute; the live one stays.
pub(in crate::http) async fn run_refresh(state: AppState, asked: Refresh) {
    let mut ticks = tokio::time::interval(REFRESH_EVERY);
    // After a slow load, or a machine that was suspended, ticks that were missed are not made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The version, or none where `current` leads to none.
    let mut failed: Option<(Option<VersionId>, Instant)> = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = asked.0.asked.notified() => {}
        }
        let (n_asked, was_asked) = asked.begin();
        let checking = state.clone();
        let skipped = failed.clone().filter(|(_, since)| !was_asked && since.elapsed() < RETRY_BROKEN_AFTER);
        let refreshed = tokio::task::spawn_blocking(move || {
            let equipment = checking.equipment().ok()?;
            equipment.writer.refresh_prompts();
            let current = match equipment.store.current() {
                // Nothing was published yet.
                Err(StoreError::NoCurrent { .. }) => return None,
                current => current,
            };
            let id = current.as_ref().ok().cloned();
            if skipped.is_some_and(|(failed, _)| failed == id) {
                return None;
            }
            let before = equipment.served();
            let is_same = id.is_some() && id == before;
            Some((id, current.and_then(|_| Ok(equipment.take_over_current()?.then_some(is_same)))))
        });
        match refreshed.await {
            Ok(Some((id, Ok(Some(is_same))))) => {
                let model_version = id.as_ref().map(tracing::field::display);
                if is_same {
                    tracing::info!(event = "extras_live", model_version, "what marketers added is live");
                } else {
                    tracing::info!(event = "model_version_live", model_version, "a new model version is live");
                }
                failed = None;
            }
            Ok(Some((_, Ok(None))) | None) => {}
            Ok(Some((id, Err(error)))) => {
                tracing::error!(
                    event = "model_load_failed",
                    model_version = id.as_ref().map(tracing::field::display),
                    causes = with_causes(&error),
                    "the new model version cannot be loaded; the live one stays"
                );
                failed = Some((id, Instant::now()));
            }
            Err(panic) => {
                tracing::error!(event = "model_check_panicked", error = %panic, "checking for a new version failed");
            }
        }
        asked.end(n_asked);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn who_asks_while_a_check_runs_waits_for_the_next_one() {
        let refresh = Refresh::default();
        let (mut first, mut second) = (Box::pin(refresh.now()), Box::pin(refresh.now()));
        assert!((&mut first).now_or_never().is_none());
        let (n_asked, was_asked) = refresh.begin();
        assert!(was_asked);
        assert!((&mut second).now_or_never().is_none());
        refresh.end(n_asked);
        assert!(first.now_or_never().is_some() && (&mut second).now_or_never().is_none());
        let (n_asked, was_asked) = refresh.begin();
        refresh.end(n_asked);
        assert!(was_asked && second.now_or_never().is_some());
        assert!(!refresh.begin().1, "nobody waits any more");
    }
}
