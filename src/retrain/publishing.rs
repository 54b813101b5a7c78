//! A training among several machines: it begins from what the shared store has, and its version is in the store before
//! it is the current one anywhere.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::causes::with_causes;
use crate::model_store::{ModelStore, Staged, VersionId, WriterLock};
use crate::pipeline::SegmentId;
use crate::shared_store::{Begun, Seen, SharedStore, SharedStoreError};

use super::{NotPublished, RetrainError};

/// Publishes versions for several machines.
pub trait Publisher: fmt::Debug + Sync {
    /// The first id that no segment has, of those versions of the store that are not whole.
    fn next_segment_id(&self) -> SegmentId;

    /// Puts a version of `MODEL_DIR` into the shared store and makes it the current one there. Where it does not come
    /// to that, because another process was first or the training was ended, it is not in the store any more: its new
    /// segments' ids may be another's by now.
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

    /// Publishes nothing any more. Whether that is so: a version that the store is asked for already may become its
    /// current one.
    pub(super) fn give_up(&self) -> bool {
        self.go_on(Stage::GivenUp) == Stage::GivenUp
    }

    /// Takes a version out of `MODEL_DIR` that a training has left there which is gone, and that was not published.
    pub(super) fn take_back(&self, id: &VersionId) {
        let taken_back = self.models.lock().and_then(|lock| {
            let is_here = self.models.list()?.iter().any(|version| version.id == *id);
            if is_here { self.models.withdraw(&lock, id) } else { Ok(()) }
        });
        if let Err(error) = taken_back {
            tracing::warn!(
                event = "unpublished_version_left",
                model_version = %id,
                causes = with_causes(&error),
                "a version that was not published could not be removed from MODEL_DIR: do not activate it"
            );
        }
    }

    /// Goes from the first stage to `stage`; the stage then.
    fn go_on(&self, stage: Stage) -> Stage {
        let mut now: MutexGuard<'_, Stage> = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == Stage::Before {
            *now = stage;
        }
        *now
    }

    fn is_given_up(&self) -> bool {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) == Stage::GivenUp
    }

    /// Publishes a version unless that was given up, which is looked at directly before the swap.
    fn put_and_swap(&self, id: &VersionId) -> Result<(), RetrainError> {
        if self.is_given_up() {
            return Err(given_up());
        }
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

    fn publish(&self, id: &VersionId) -> Result<(), RetrainError> {
        let published = self.put_and_swap(id);
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
/// is current in the shared store. Where it does not come to that, the version is gone from `models`: where this
/// process is killed meanwhile, the one that publishes takes it out.
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::shared_store::S3Settings;

    const ID: &str = "20261126T112645Z-dbee9219";

    #[test]
    fn what_was_given_up_is_not_published_and_leaves_both_folders() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("models/versions").join(ID);
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model_format_2/versions").join(ID);
        fs::create_dir_all(&here).unwrap();
        for file in fs::read_dir(fixture).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), here.join(file.file_name())).unwrap();
        }
        let (models, id) = (ModelStore::new(folder.path().join("models")), ID.parse().unwrap());
        let url = format!("file://{}", folder.path().join("store").display()).parse().unwrap();
        let (shared, _) = SharedStore::begin(&url, &S3Settings::default()).unwrap();
        let begin = || Together::begin(shared.clone(), &models, 10).unwrap();
        let current = || shared.see_current().unwrap().current.map(|current| current.version);

        let ended = begin();
        assert!(ended.give_up());
        assert!(matches!(ended.publish(&id), Err(RetrainError::NotPublished(_))));
        assert_eq!((current(), shared.versions().unwrap()), (None, Vec::new()));

        let lasting = begin();
        lasting.publish(&id).unwrap();
        assert_eq!(current(), Some(id.clone()));
        assert!(!lasting.give_up(), "it is too late");

        let lock = models.lock().unwrap();
        ended.take_back(&id);
        assert!(here.exists(), "another process is at the models");
        drop(lock);
        ended.take_back(&id);
        assert!(!here.exists());
        ended.take_back(&id);
    }
}
