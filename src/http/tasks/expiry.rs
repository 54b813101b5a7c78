//! From time to time, removing the uploads that are too old or too many, where a limit is set.
//!
//! Under the store's writer lock, which every training holds from before it lists the uploads until it has put them
//! away: none is removed that one may be reading. The lock is taken only when something is to go, for the moment that
//! takes.

use std::time::{Duration, SystemTime};

use crate::http::problem::with_causes;
use crate::http::state::AppState;
use crate::model_store::StoreError;

const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// Looks at once and then every minute. Returns where no limit is set.
pub(in crate::http) async fn expire_for_ever(state: AppState) {
    if !state.uploads().expires() {
        return;
    }
    let mut ticks = tokio::time::interval(EXPIRE_EVERY);
    loop {
        ticks.tick().await;
        let looking = state.clone();
        if let Err(panic) = tokio::task::spawn_blocking(move || expire(&looking)).await {
            tracing::error!(error = %panic, "looking for old uploads failed");
        }
    }
}

fn expire(state: &AppState) {
    let Ok(ready) = state.ready() else { return };
    let now = SystemTime::now();
    let expired = state.uploads().has_expired(now).and_then(|any| {
        if !any {
            return Ok(0);
        }
        let _lock = match ready.store.lock() {
            Ok(lock) => lock,
            Err(StoreError::Locked { holder, .. }) => {
                tracing::debug!(holder, "old uploads are left while a retraining may read them");
                return Ok(0);
            }
            Err(error) => {
                tracing::warn!(
                    causes = with_causes(&error),
                    "old uploads are left: trainings cannot be kept from them"
                );
                return Ok(0);
            }
        };
        // One of ours that is about to start must not find the lock taken.
        if state.jobs().running().is_some() { Ok(0) } else { state.uploads().expire(now) }
    });
    if let Err(error) = expired {
        tracing::warn!(%error, "the folder of uploads cannot be listed");
    }
}
