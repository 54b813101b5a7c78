//! Follows the shared store: the version that is current there becomes this server's.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::refresh::Refresh;
use crate::causes::with_causes;
use crate::shared_store::{Followed, Follower, SharedStoreError};

/// How often the server asks the store.
const FOLLOW_EVERY: Duration = Duration::from_secs(5);

/// Takes over every version that becomes current in the shared store. One that is not whole is logged once, and the
/// live one stays; so it does while the store does not answer.
pub(in crate::http) async fn run_following(follower: Arc<Follower>, refresh: Refresh) {
    let mut ticks = tokio::time::interval(FOLLOW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_unreachable = false;
    loop {
        ticks.tick().await;
        let follower = follower.clone();
        let looked = match tokio::task::spawn_blocking(move || follower.look()).await {
            Ok(looked) => looked,
            Err(panic) => {
                tracing::error!(event = "shared_store_panicked", error = %panic, "asking the shared store failed");
                continue;
            }
        };
        if let Err(error) = &looked {
            tell(error, &mut is_unreachable);
            continue;
        }
        if std::mem::take(&mut is_unreachable) {
            tracing::info!(event = "shared_store_back", "the shared store answers again");
        }
        if let Ok(Followed::Now(version, left)) = looked {
            tracing::info!(event = "version_pulled", model_version = %version, "the shared store has a current version");
            for (version, error) in left {
                tracing::warn!(
                    event = "shared_version_broken",
                    model_version = %version,
                    causes = with_causes(&error),
                    "a version of the shared store is not whole and cannot be activated here"
                );
            }
            refresh.now().await;
        }
    }
}

fn tell(error: &SharedStoreError, is_unreachable: &mut bool) {
    if error.is_of_version() {
        tracing::error!(
            event = "shared_current_broken",
            causes = with_causes(error),
            "the current version of the shared store is not whole; the live one stays"
        );
    } else if error.is_of_this_machine() {
        tracing::error!(
            event = "models_not_writable",
            causes = with_causes(error),
            "what the shared store has cannot be written into MODEL_DIR; the live version stays"
        );
    } else if !std::mem::replace(is_unreachable, true) {
        tracing::error!(
            event = "shared_store_unreachable",
            causes = with_causes(error),
            "the shared store cannot be asked; the live version stays"
        );
    }
}
