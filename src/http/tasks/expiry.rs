//! Removes uploads and pictures that are too old, where a limit is set; and what processes that were killed have
//! received of uploads.
//!
//! It holds the model store's writer lock while it removes. A training holds that lock from before it lists the uploads
//! until it has moved them, so no upload disappears under it. The lock is taken only when there is something to remove.

use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;

use crate::causes::with_causes;
use crate::http::state::AppState;
use crate::model_store::StoreError;

const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// Checks at once and then every minute.
pub(in crate::http) async fn run_expiry(state: AppState) {
    let mut ticks = tokio::time::interval(EXPIRE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let checking = state.clone();
        if let Err(panic) = tokio::task::spawn_blocking(move || expire(&checking)).await {
            tracing::error!(event = "expiry_panicked", error = %panic, "checking for old uploads and pictures failed");
        }
    }
}

fn expire(state: &AppState) {
    if let Err(error) = state.uploads().sweep() {
        tracing::warn!(
            event = "abandoned_uploads_remain",
            %error,
            "what a process that was killed had received of uploads cannot be removed"
        );
    }
    let Ok(equipment) = state.equipment() else { return };
    let now = SystemTime::now();
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
