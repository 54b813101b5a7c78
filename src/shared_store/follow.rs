//! Following the store: a server, every few seconds; a training, before it reads the live version.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::Change;
use super::current::{CURRENT, Seen};
use super::versions::MODELS;
use super::{SharedStore, SharedStoreError};
use crate::model_store::{ModelStore, VersionId};

/// How long a version that is not whole is not pulled again.
const RETRY_BROKEN_AFTER: Duration = Duration::from_secs(60);

/// Keeps a folder of models as the store has them.
#[derive(Debug)]
pub struct Follower {
    shared: SharedStore,
    models: ModelStore,
    /// How many versions are kept in the folder.
    keep: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `current` as it was last taken over.
    e_tag: Option<String>,
    /// `current` as it was when its version was not whole, and when that was tried.
    broken: Option<(Option<String>, Instant)>,
    /// What marketers added, as it was last taken over.
    extras: Option<String>,
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

impl SharedStore {
    /// A follower that keeps up to `keep` versions in `models`.
    pub fn follower(&self, models: &ModelStore, keep: usize) -> Follower {
        Follower { shared: self.clone(), models: models.clone(), keep, state: Mutex::default() }
    }

    /// Brings the store's current version and the latest `keep` others into `models`, before a training: it compares
    /// with the one, and gives no segment an id that the others have given. What is not whole is passed over, and named.
    ///
    /// # Errors
    /// [`SharedStoreError`] when the store does not answer, or `models` cannot be written.
    pub fn catch_up(
        &self,
        models: &ModelStore,
        keep: usize,
    ) -> Result<(Seen, Vec<(VersionId, SharedStoreError)>), SharedStoreError> {
        let seen = self.see_current()?;
        let mut left = Vec::new();
        if let Some(current) = &seen.current {
            match self.pull(models, &current.version, true) {
                Ok(_) => {}
                Err(error) if error.is_of_version() => left.push((current.version.clone(), error)),
                Err(error) => return Err(error),
            }
        }
        left.extend(self.pull_others(models, keep)?);
        Ok((seen, left))
    }

    /// Pulls the latest `keep` versions that are not in `models`; names those that are not whole.
    fn pull_others(
        &self,
        models: &ModelStore,
        keep: usize,
    ) -> Result<Vec<(VersionId, SharedStoreError)>, SharedStoreError> {
        let here = models.list().map_err(|source| SharedStoreError::Version { url: self.url(), source })?;
        let mut left = Vec::new();
        for id in self.versions()?.into_iter().rev().take(keep) {
            if here.iter().any(|version| version.id == id) {
                continue;
            }
            match self.pull(models, &id, false) {
                // Without a manifest it is being pushed, or whoever pushed it was stopped.
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
    /// Looks at the store, and takes over what it says. Blocking.
    ///
    /// # Errors
    /// [`SharedStoreError`] when the store does not answer; once, when its current version is not whole. What the folder
    /// has stays.
    pub fn look(&self) -> Result<Followed, SharedStoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.extras = self.shared.pull_extras(&self.models, state.extras.as_deref())?;
        let change = self.shared.client.get_if_changed(CURRENT, state.e_tag.as_deref())?;
        let object = match change {
            Change::Same => return Ok(Followed::Same),
            Change::Gone => return Ok(Followed::NoCurrent),
            Change::Now(object) => object,
        };
        let was_broken = match &state.broken {
            Some((e_tag, tried)) if *e_tag == object.e_tag => {
                if tried.elapsed() < RETRY_BROKEN_AFTER {
                    return Ok(Followed::Same);
                }
                true
            }
            _ => false,
        };
        let pulled = self.shared.current_of(&object.bytes).and_then(|current| {
            self.shared.pull(&self.models, &current.version, true)?;
            Ok(current.version)
        });
        let version = match pulled {
            Ok(version) => version,
            Err(error) if error.is_of_version() => {
                state.broken = Some((object.e_tag, Instant::now()));
                return if was_broken { Ok(Followed::Same) } else { Err(error) };
            }
            Err(error) => return Err(error),
        };
        (state.e_tag, state.broken) = (object.e_tag, None);
        // The rest is for administrators, who list versions and go back to one.
        let left = self.shared.pull_others(&self.models, self.keep)?;
        self.prune();
        Ok(Followed::Now(version, left))
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
