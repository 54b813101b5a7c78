//! Takes over what changed on disk: a new current model version, and prompt templates.

use std::sync::Arc;
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
    /// The number of requested checks that are done.
    n_checked: watch::Sender<u64>,
}

impl Refresh {
    /// Waits until the server has checked; what changed is live then. A server that is starting checks once it is
    /// ready.
    pub async fn now(&self) {
        let mut checked = self.0.n_checked.subscribe();
        self.0.asked.notify_one();
        // `self` holds the sender, so it cannot be gone.
        let _ = checked.changed().await;
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
        let was_asked = tokio::select! {
            _ = ticks.tick() => false,
            () = asked.0.asked.notified() => true,
        };
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
            Some((id, current.and_then(|_| equipment.take_over_current())))
        });
        match refreshed.await {
            Ok(Some((id, Ok(true)))) => {
                let model_version = id.as_ref().map(tracing::field::display);
                tracing::info!(event = "model_version_live", model_version, "a new model version is live");
                failed = None;
            }
            Ok(Some((_, Ok(false))) | None) => {}
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
        if was_asked {
            asked.0.n_checked.send_modify(|n| *n += 1);
        }
    }
}
