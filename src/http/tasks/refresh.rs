//! Taking over what changed on disk: a new current version, and prompt templates.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::http::problem::with_causes;
use crate::http::state::AppState;
use crate::model_store::VersionId;

/// How often a new current version is looked for.
const REFRESH_EVERY: Duration = Duration::from_secs(2);
/// How long a version that cannot be loaded is left alone: reading it again costs as much as reading a good one.
const RETRY_BROKEN_AFTER: Duration = Duration::from_secs(60);

/// Asks a server to look at once for what changed on disk.
#[derive(Debug, Clone, Default)]
pub struct Refresh(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    asked: Notify,
    /// How many looks that were asked for are over.
    n_looked: watch::Sender<u64>,
}

impl Refresh {
    /// Has the server look, and waits until it has: what changed is live then. A server that is still starting looks
    /// once it is ready.
    pub async fn now(&self) {
        let mut looked = self.0.n_looked.subscribe();
        self.0.asked.notify_one();
        // The sender is a part of this.
        let _ = looked.changed().await;
    }
}

/// Takes over every new current version. One that cannot be loaded is reported, left alone for a minute and the live
/// one stays.
pub(in crate::http) async fn refresh_for_ever(state: AppState, asked: Refresh) {
    let mut ticks = tokio::time::interval(REFRESH_EVERY);
    let mut failed: Option<(VersionId, Instant)> = None;
    loop {
        let was_asked = tokio::select! {
            _ = ticks.tick() => false,
            () = asked.0.asked.notified() => true,
        };
        let looking = state.clone();
        let left_alone = failed.clone().filter(|(_, since)| !was_asked && since.elapsed() < RETRY_BROKEN_AFTER);
        let refreshed = tokio::task::spawn_blocking(move || {
            let ready = looking.ready().ok()?;
            ready.writer.refresh_prompts();
            let current = ready.store.current().ok()?;
            if left_alone.is_some_and(|(id, _)| id == current) {
                return None;
            }
            Some((current, ready.take_over_current()))
        });
        match refreshed.await {
            Ok(Some((id, Ok(true)))) => {
                tracing::info!(model_version = %id, "a new model version is live");
                failed = None;
            }
            Ok(Some((_, Ok(false))) | None) => {}
            Ok(Some((id, Err(error)))) => {
                let causes = with_causes(&error);
                tracing::error!(model_version = %id, causes, "the new model version cannot be loaded; the live one stays");
                failed = Some((id, Instant::now()));
            }
            Err(panic) => tracing::error!(error = %panic, "looking for a new model version failed"),
        }
        if was_asked {
            asked.0.n_looked.send_modify(|n| *n += 1);
        }
    }
}
