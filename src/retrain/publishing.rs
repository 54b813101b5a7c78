//! A training among several machines: it begins from what the shared store has, and its version is in the store before
//! it is the current one anywhere.

use std::fmt;

use jiff::Timestamp;

use crate::causes::with_causes;
use crate::model_store::{ModelStore, Staged, VersionId, WriterLock};
use crate::pipeline::SegmentId;
use crate::shared_store::{Begun, Seen, SharedStore, SharedStoreError};

use super::RetrainError;

/// Publishes versions for several machines.
pub trait Publisher: fmt::Debug + Sync {
    /// The first id that no segment has, of those versions of the store that are not whole.
    fn next_segment_id(&self) -> SegmentId;

    /// Puts a version of `MODEL_DIR` into the shared store and makes it the current one there. Where it does not come
    /// to that, because another process was first, it is not in the store any more: its new segments' ids may be
    /// another's by now.
    ///
    /// # Errors
    /// [`RetrainError::Shared`] or [`RetrainError::NotPublished`].
    fn publish(&self, id: &VersionId) -> Result<(), RetrainError>;

    /// Takes the oldest versions out of the shared store until `keep` are left, where that is not for another process
    /// to do.
    fn prune(&self, keep: usize, now: Timestamp);
}

/// The shared store, as it was when the training began.
#[derive(Debug)]
pub struct Together {
    shared: SharedStore,
    models: ModelStore,
    seen: Seen,
    next_segment_id: SegmentId,
}

impl Together {
    /// Brings what the shared store has into `models`, before it is decided how to train: what is not set is as in the
    /// live version, which may be another machine's. Beside the current version the latest `keep` are brought.
    ///
    /// # Errors
    /// [`RetrainError::Shared`] when the store does not answer, or `models` cannot be written.
    pub fn begin(shared: SharedStore, models: &ModelStore, keep: usize) -> Result<Self, RetrainError> {
        let Begun { seen, left, next_segment_id } = shared.catch_up(models, keep)?;
        for (version, error) in left {
            tracing::warn!(
                event = "shared_version_broken",
                model_version = %version,
                causes = with_causes(&error),
                "a version of the shared store is not whole and is passed over"
            );
        }
        Ok(Self { shared, models: models.clone(), seen, next_segment_id })
    }
}

impl Publisher for Together {
    fn next_segment_id(&self) -> SegmentId {
        self.next_segment_id
    }

    fn publish(&self, id: &VersionId) -> Result<(), RetrainError> {
        let published = self.shared.publish(&self.models, id, &self.seen);
        if matches!(published, Err(SharedStoreError::Swapped { .. }))
            && let Err(error) = self.shared.withdraw(&self.models, id)
        {
            tracing::warn!(
                event = "shared_version_left",
                model_version = %id,
                causes = with_causes(&error),
                "a version that lost the swap could not be removed from the shared store: do not activate it"
            );
        }
        Ok(published?)
    }

    fn prune(&self, keep: usize, now: Timestamp) {
        if let Err(error) = self.shared.prune(&self.models, keep, now) {
            tracing::warn!(
                event = "shared_prune_failed",
                causes = with_causes(&error),
                "old versions could not be taken out of the shared store"
            );
        }
    }
}

/// Makes a version of the candidate, has it published, and makes it the current one here. It is published as soon as it
/// is current in the shared store. Where it does not come to that, the version is gone from `models`.
pub(super) fn publish_by(
    publisher: &dyn Publisher,
    models: &ModelStore,
    lock: &WriterLock,
    staged: Staged<'_>,
    report: &serde_json::Value,
) -> Result<VersionId, RetrainError> {
    let id = staged.put_aside(report)?;
    if let Err(error) = publisher.publish(&id) {
        models.withdraw(lock, &id)?;
        return Err(error);
    }
    // It is live on every other machine by now, and whoever follows the store makes it so here, too.
    if let Err(error) = models.activate(&id) {
        tracing::error!(
            event = "published_version_not_current_here",
            model_version = %id,
            causes = with_causes(&error),
            "the version is the shared store's current one, and could not be made this machine's: a server here tries \
             again every five seconds, or content-portal models pull does"
        );
    }
    Ok(id)
}
