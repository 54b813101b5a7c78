//! Following the store: a server, every few seconds; a training, before it reads the live version.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::Change;
use super::current::{CURRENT, Seen};
use super::versions::MODELS;
use super::{SharedStore, SharedStoreError};
use crate::causes::with_causes;
use crate::model_store::{ModelStore, StoreError, VersionId};
use crate::pipeline::SegmentId;

/// How long what failed here, or is not whole there, is not tried again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Keeps a folder of models as the store has them.
#[derive(Debug)]
pub struct Follower {
    shared: SharedStore,
    models: ModelStore,
    /// How many versions are kept in the folder.
    keep: usize,
    /// Held while versions are pulled: minutes, where they are large.
    pub(super) state: Mutex<State>,
    /// What marketers added, as it was last taken over. A lock of its own, so that adding never waits for a version.
    extras: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// `current` as it was last taken over, and the version that it named.
    taken: Option<(Option<String>, VersionId)>,
    /// `current` as it was when its version was not whole, and when that was tried.
    broken: Option<(Option<String>, Instant)>,
    /// Whether the other versions have still to be pulled.
    others_due: bool,
    /// When this machine's own folder failed.
    failed_here: Option<Instant>,
}

/// What a look at the store found.
#[derive(Debug)]
pub enum Followed {
    /// Nothing has changed, or nothing that can be taken over: a broken version is told once.
    Same,
    /// No version was ever pushed.
    NoCurrent,
    /// This version is the folder's current one now. Others of the store could not be pulled, where any are named.
    Now(VersionId, Vec<(VersionId, SharedStoreError)>),
}

/// What a training begins with.
#[derive(Debug)]
pub struct Begun {
    /// `current` as it is.
    pub seen: Seen,
    /// Versions of the store that are not whole.
    pub left: Vec<(VersionId, SharedStoreError)>,
    /// The first id that no segment of those has.
    pub next_segment_id: SegmentId,
}

impl SharedStore {
    /// A follower that keeps up to `keep` versions in `models`.
    pub fn follower(&self, models: &ModelStore, keep: usize) -> Follower {
        Follower {
            shared: self.clone(),
            models: models.clone(),
            keep,
            state: Mutex::default(),
            extras: Mutex::default(),
        }
    }

    /// Brings the store's current version and the latest `keep` others into `models`, before a training: it compares
    /// with the one, and gives no segment an id that the others have given. What is not whole is passed over and named.
    ///
    /// # Errors
    /// [`SharedStoreError`] when the store does not answer, or `models` cannot be written.
    pub fn catch_up(&self, models: &ModelStore, keep: usize) -> Result<Begun, SharedStoreError> {
        let (seen, fault) = self.look_at_current()?;
        let mut begun = Begun { seen, left: Vec::new(), next_segment_id: SegmentId::new(0) };
        if let Some(fault) = fault {
            tracing::warn!(
                event = "shared_current_unreadable",
                causes = with_causes(&fault),
                "the store's current object cannot be read and is replaced"
            );
        }
        if let Some(current) = &begun.seen.current {
            match self.pull(models, &current.version, true) {
                Ok(_) => {}
                Err(error) if error.is_of_version() => begun.left.push((current.version.clone(), error)),
                Err(error) => return Err(error),
            }
        }
        begun.left.extend(self.pull_others(models, keep)?);
        for (version, _) in &begun.left {
            if let Some(next) = self.next_segment_id(version)? {
                begun.next_segment_id = begun.next_segment_id.max(next);
            }
        }
        Ok(begun)
    }

    /// Pulls the latest `keep` versions that were published and are not in `models`, or cannot be read there; names
    /// those that are not whole.
    fn pull_others(
        &self,
        models: &ModelStore,
        keep: usize,
    ) -> Result<Vec<(VersionId, SharedStoreError)>, SharedStoreError> {
        let here = models.list().map_err(|source| SharedStoreError::Version { url: self.url(), source })?;
        let mut left = Vec::new();
        for id in self.versions()?.into_iter().rev().take(keep) {
            // One whose manifest cannot be read here may be whole there. Of a newer format its ids count all the same.
            if here.iter().any(|version| version.id == id && version.manifest.is_ok()) {
                continue;
            }
            match self.pull(models, &id, false) {
                // It is being pushed, its push was stopped, or it lost to another.
                Ok(_) | Err(SharedStoreError::NoSuchVersion { .. }) => {}
                Err(error) if error.is_of_version() => left.push((id, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }

    /// The versions in the store, whole or not, oldest first.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn versions(&self) -> Result<Vec<VersionId>, SharedStoreError> {
        let mut ids: Vec<VersionId> =
            self.client.folders(MODELS)?.iter().filter_map(|name| name.parse().ok()).collect();
        ids.sort();
        Ok(ids)
    }
}

impl Follower {
    /// The same, which keeps them in `models`: the same folder, by another account of its disk.
    #[must_use]
    pub fn with_models(self, models: &ModelStore) -> Self {
        Self { models: models.clone(), ..self }
    }

    /// The store that it follows.
    pub fn shared(&self) -> &SharedStore {
        &self.shared
    }

    /// How many versions it keeps.
    pub fn keep(&self) -> usize {
        self.keep
    }

    /// Looks at the store, and takes over what it says. Blocking.
    ///
    /// # Errors
    /// [`SharedStoreError`] when the store does not answer; once a minute, when this machine's folder cannot be
    /// written; once, when the current version of the store is not whole. What the folder has stays.
    pub fn look(&self) -> Result<Followed, SharedStoreError> {
        self.look_with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn look_with(&self, state: &mut State) -> Result<Followed, SharedStoreError> {
        if state.failed_here.is_some_and(|since| since.elapsed() < RETRY_AFTER) {
            return Ok(Followed::Same);
        }
        let looked = self.look_at_versions(state).and_then(|followed| self.pull_extras().map(|()| followed));
        let failed_here = looked.as_ref().is_err_and(SharedStoreError::is_of_this_machine);
        state.failed_here = failed_here.then(Instant::now);
        looked
    }

    /// Makes a version the current one of the store, and takes over what is then current. While versions are being
    /// pulled, this one is taken over, and what the store has then by a later look.
    ///
    /// # Errors
    /// As [`SharedStore::activate`].
    pub fn activate(&self, id: &VersionId) -> Result<(), SharedStoreError> {
        self.shared.make_current(&self.models, id)?;
        match self.state.try_lock() {
            Ok(mut state) => self.look_with(&mut state).map(|_| ()),
            Err(_) => self.models.activate(id).map_err(|source| self.shared.broken(id, source)),
        }
    }

    /// Puts `entry` in the place of what was added to a segment, and takes over what is then in the store.
    ///
    /// # Errors
    /// As [`SharedStore::put_extras`].
    pub fn put_extras<E: From<StoreError> + From<SharedStoreError>>(
        &self,
        id: SegmentId,
        entry: &BTreeMap<String, String>,
        check: impl Fn(Option<&BTreeMap<String, String>>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.shared.put_extras(&self.models, id, entry, check)?;
        // Not its own text: another change may have come after it.
        Ok(self.pull_extras()?)
    }

    fn pull_extras(&self) -> Result<(), SharedStoreError> {
        let mut extras = self.extras.lock().unwrap_or_else(PoisonError::into_inner);
        *extras = self.shared.pull_extras(&self.models, extras.as_deref())?;
        Ok(())
    }

    fn look_at_versions(&self, state: &mut State) -> Result<Followed, SharedStoreError> {
        let known = state.taken.as_ref().and_then(|(e_tag, _)| e_tag.clone());
        let object = match self.shared.client.get_if_changed(CURRENT, known.as_deref())? {
            Change::Same => return self.keep_to(state),
            Change::Gone => return Ok(Followed::NoCurrent),
            Change::Now(object) => object,
        };
        let tried = state.broken.as_ref().filter(|(e_tag, _)| *e_tag == object.e_tag).map(|(_, tried)| *tried);
        if tried.is_some_and(|tried| tried.elapsed() < RETRY_AFTER) {
            return Ok(Followed::Same);
        }
        let pulled = self.shared.current_of(&object.bytes).and_then(|current| {
            self.shared.pull(&self.models, &current.version, true)?;
            Ok(current.version)
        });
        let error = match pulled {
            Ok(version) => {
                (state.taken, state.broken) = (Some((object.e_tag, version.clone())), None);
                state.others_due = true;
                return Ok(Followed::Now(version, self.pull_due(state)?));
            }
            Err(error) => error,
        };
        if !error.is_of_version() {
            return Err(error);
        }
        state.broken = Some((object.e_tag, Instant::now()));
        // A machine that has none yet serves the newest of those that are whole.
        self.shared.pull_others(&self.models, self.keep)?;
        if tried.is_some() { Ok(Followed::Same) } else { Err(error) }
    }

    /// Lets the folder's current version be the one that was taken over, where something else has changed it.
    fn keep_to(&self, state: &mut State) -> Result<Followed, SharedStoreError> {
        let left = self.pull_due(state)?;
        let Some((_, version)) = &state.taken else { return Ok(Followed::Same) };
        if self.models.current().is_ok_and(|current| current == *version) {
            return Ok(Followed::Same);
        }
        self.shared.pull(&self.models, version, true)?;
        Ok(Followed::Now(version.clone(), left))
    }

    /// Pulls the other versions, for administrators, who list them and go back to one.
    fn pull_due(&self, state: &mut State) -> Result<Vec<(VersionId, SharedStoreError)>, SharedStoreError> {
        if !state.others_due {
            return Ok(Vec::new());
        }
        let left = self.shared.pull_others(&self.models, self.keep)?;
        state.others_due = false;
        self.prune();
        Ok(left)
    }

    /// Takes old versions away, where no training is writing one.
    fn prune(&self) {
        // The lock keeps a training from beginning: it is not taken for nothing.
        if self.models.list().is_ok_and(|versions| versions.len() <= self.keep) {
            return;
        }
        let pruned = self.models.lock().and_then(|lock| self.models.prune(&lock, self.keep));
        if let Err(error) = pruned {
            tracing::debug!(event = "prune_skipped", %error, "old versions stay until the next change");
        }
    }
}
