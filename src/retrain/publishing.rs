//! A training among several machines: it begins from what the shared store has, and its version is in the store before
//! it is the current one anywhere.

use std::num::NonZeroUsize;

use jiff::Timestamp;

use crate::causes::with_causes;
use crate::model_store::{ModelStore, Staged, VersionId, WriterLock};
use crate::pipeline::SegmentId;
use crate::shared_store::{Begun, Seen, SharedStore, SharedStoreError};

use super::RetrainError;

/// The shared store, as it was when the training began.
#[derive(Debug)]
pub struct Together {
    shared: SharedStore,
    seen: Seen,
    next_segment_id: SegmentId,
    keep: usize,
}

impl Together {
    /// Brings what the shared store has into `store`, before it is decided how to train: what is not set is as in the
    /// live version, which may be another machine's. Up to `keep` versions are kept.
    ///
    /// # Errors
    /// [`RetrainError::Shared`] when the store does not answer, or `store` cannot be written.
    pub fn begin(shared: SharedStore, store: &ModelStore, keep: NonZeroUsize) -> Result<Self, RetrainError> {
        let Begun { seen, left, next_segment_id } = shared.catch_up(store, keep.get())?;
        for (version, error) in left {
            tracing::warn!(
                event = "shared_version_broken",
                model_version = %version,
                causes = with_causes(&error),
                "a version of the shared store is not whole and is passed over"
            );
        }
        Ok(Self { shared, seen, next_segment_id, keep: keep.get() })
    }

    /// The first id that no segment has, of those versions of the store that are not whole.
    pub(super) fn next_segment_id(&self) -> SegmentId {
        self.next_segment_id
    }

    /// Makes a version of the candidate, puts it into the shared store, and makes it the current one there, then here.
    /// It is published as soon as it is current there. Where it does not come to that, the version is gone from here,
    /// and where another process was first from the store as well: its new segments' ids may be another's by now.
    pub(super) fn publish(
        &self,
        store: &ModelStore,
        lock: &WriterLock,
        staged: Staged<'_>,
        report: &serde_json::Value,
    ) -> Result<VersionId, RetrainError> {
        let id = staged.put_aside(report)?;
        match self.shared.publish(store, &id, &self.seen) {
            Ok(()) => {}
            Err(error) => {
                if matches!(error, SharedStoreError::Swapped { .. })
                    && let Err(error) = self.shared.withdraw(store, &id)
                {
                    tracing::warn!(
                        event = "shared_version_left",
                        model_version = %id,
                        causes = with_causes(&error),
                        "a version that lost the swap could not be removed from the shared store: do not activate it"
                    );
                }
                store.withdraw(lock, &id)?;
                return Err(error.into());
            }
        }
        // It is live on every other machine by now, and whoever follows the store makes it so here, too.
        if let Err(error) = store.activate(&id) {
            tracing::error!(
                event = "published_version_not_current_here",
                model_version = %id,
                causes = with_causes(&error),
                "the version is the shared store's current one, and could not be made this machine's: a server here \
                 tries again every five seconds, or content-portal models pull does"
            );
        }
        Ok(id)
    }

    /// Takes the oldest versions out of the shared store.
    pub(super) fn prune(&self, store: &ModelStore, now: Timestamp) {
        if let Err(error) = self.shared.prune(store, self.keep, now) {
            tracing::warn!(
                event = "shared_prune_failed",
                causes = with_causes(&error),
                "old versions could not be taken out of the shared store"
            );
        }
    }
}
