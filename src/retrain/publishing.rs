//! A training among several machines: it begins from what the shared store has, and its version is in the store before
//! it is the current one anywhere.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::causes::with_causes;
use crate::model_store::{ModelStore, Sealed, StoreError, VersionId};
use crate::pipeline::SegmentId;
use crate::shared_store::{Begun, Seen, SharedStore, SharedStoreError};

use super::{NotPublished, RetrainError, RetrainReport};

/// What a version goes through before it is the current one of this machine.
pub trait Publisher: fmt::Debug + Sync {
    /// The first id that no segment has, of those versions of the store that are not whole.
    fn next_segment_id(&self) -> SegmentId;

    /// Publishes a sealed version for several machines, where there are several. Whether it is their current one now.
    /// Where it does not come to that, because another process was first or the training was ended, it is not in the
    /// store any more: its new segments' ids may be another's by now.
    ///
    /// # Errors
    /// [`RetrainError::Shared`] or [`RetrainError::NotPublished`].
    fn publish(&self, id: &VersionId, report: &RetrainReport) -> Result<bool, RetrainError>;

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
    stage: Mutex<Stage>,
}

/// How far a publication is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The store's `current` is as it was.
    Before,
    /// The store is asked to make the version its current one, or was.
    Swap,
    /// It will not be: the training was ended.
    GivenUp,
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
        Ok(Self { shared, models: models.clone(), seen, next_segment_id, stage: Mutex::new(Stage::Before) })
    }

    /// Publishes nothing any more; a version that the store is asked for already may become its current one.
    pub(super) fn give_up(&self) {
        self.go_on(Stage::GivenUp);
    }

    /// Whether nothing was published, nor will be.
    pub(super) fn is_given_up(&self) -> bool {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) == Stage::GivenUp
    }

    /// Publishes a sealed version of `MODEL_DIR`, unless that was given up.
    ///
    /// # Errors
    /// [`RetrainError::Shared`] or [`RetrainError::NotPublished`]; as [`Publisher::publish`].
    pub(super) fn put_and_swap(&self, id: &VersionId) -> Result<(), RetrainError> {
        if self.is_given_up() {
            return Err(given_up());
        }
        let published = self.offer_and_swap(id);
        let is_lost = matches!(published, Err(RetrainError::Shared(SharedStoreError::Swapped { .. })));
        if (is_lost || self.is_given_up())
            && let Err(error) = self.shared.withdraw(&self.models, id)
        {
            tracing::warn!(
                event = "shared_version_left",
                model_version = %id,
                causes = with_causes(&error),
                "a version that was not published could not be removed from the shared store: do not activate it"
            );
        }
        published
    }

    /// Goes from the first stage to `stage`; the stage then.
    fn go_on(&self, stage: Stage) -> Stage {
        let mut now: MutexGuard<'_, Stage> = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == Stage::Before {
            *now = stage;
        }
        *now
    }

    /// Whether it was given up meanwhile is looked at directly before the swap.
    fn offer_and_swap(&self, id: &VersionId) -> Result<(), RetrainError> {
        self.shared.offer(&self.models, id)?;
        if self.go_on(Stage::Swap) == Stage::GivenUp {
            return Err(given_up());
        }
        Ok(self.shared.swap_current(&self.seen, id)?)
    }
}

fn given_up() -> RetrainError {
    let why = "the training was ended before its version was published".to_owned();
    RetrainError::NotPublished(NotPublished { why, published_elsewhere: false })
}

impl Publisher for Together {
    fn next_segment_id(&self) -> SegmentId {
        self.next_segment_id
    }

    fn publish(&self, id: &VersionId, _report: &RetrainReport) -> Result<bool, RetrainError> {
        self.put_and_swap(id).map(|()| true)
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

/// Makes a sealed version the current one of `models`. Where `is_elsewhere`, it is every other machine's by now: it is
/// published then, and stays, whatever becomes of it here.
///
/// # Errors
/// As [`Sealed::publish`], where it is nowhere else.
pub(super) fn make_current(
    models: &ModelStore,
    sealed: Sealed<'_>,
    is_elsewhere: bool,
) -> Result<VersionId, StoreError> {
    if !is_elsewhere {
        return sealed.publish();
    }
    let id = sealed.id().clone();
    if let Err(error) = sealed.put_aside().and_then(|id| models.activate(&id)) {
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

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::shared_store::S3Settings;

    pub(in crate::retrain) const ID: &str = "20261126T112645Z-dbee9219";

    /// A store beside a folder of models in which a version is sealed.
    pub(in crate::retrain) fn sealed() -> (tempfile::TempDir, ModelStore, SharedStore) {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("models/staging").join(ID);
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model_format_2/versions").join(ID);
        fs::create_dir_all(&here).unwrap();
        for file in fs::read_dir(fixture).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), here.join(file.file_name())).unwrap();
        }
        let models = ModelStore::new(folder.path().join("models"));
        let url = format!("file://{}", folder.path().join("store").display()).parse().unwrap();
        let (shared, _) = SharedStore::begin(&url, &S3Settings::default()).unwrap();
        (folder, models, shared)
    }

    #[test]
    fn what_is_given_up_before_it_is_offered_changes_nothing_in_the_store() {
        let (_folder, models, shared) = sealed();
        let id: VersionId = ID.parse().unwrap();
        let begin = || Together::begin(shared.clone(), &models, 10).unwrap();
        let current = || shared.see_current().unwrap().current.map(|current| current.version);
        let (ended, lasting) = (begin(), begin());
        // Somebody else's doing: this training has offered nothing.
        shared.push(&models, &id, false).unwrap();
        ended.give_up();
        assert!(matches!(ended.put_and_swap(&id), Err(RetrainError::NotPublished(_))));
        assert_eq!((current(), shared.versions().unwrap()), (None, vec![id.clone()]));

        lasting.put_and_swap(&id).unwrap();
        assert_eq!(current(), Some(id));
        lasting.give_up();
        assert!(!lasting.is_given_up(), "it is too late");
        assert!(models.list().unwrap().is_empty(), "it has a name here when its training gives it one");
    }
}
