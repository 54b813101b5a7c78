//! Versions on their way: pushed file by file with the manifest last, pulled with the manifest first.

use jiff::{SignedDuration, Timestamp};

use super::current::Seen;
use super::{SharedStore, SharedStoreError};
use crate::model_store::{ModelStore, StoreError, VersionId};
use crate::pipeline::SegmentId;

pub(super) const MODELS: &str = "models";
const MANIFEST: &str = "manifest.json";
/// Beside a version that a training is about to make the current one. Others do not take it over: another training may
/// be faster, and has then given other segments the same ids.
const UNPUBLISHED: &str = "unpublished";
/// How often an operator's order is tried again when others change `current` at the same time.
const MAX_SWAPS: usize = 5;

/// How long a version that is not current is left where it is.
const YOUNG: SignedDuration = SignedDuration::from_hours(1);

/// A version that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// How many of its files were not there yet, or not as they should be.
    pub n_files: usize,
    /// Their size together.
    pub n_bytes: usize,
}

/// A version that was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The version.
    pub id: VersionId,
    /// Whether it was not here yet, or not whole.
    pub is_new: bool,
}

impl SharedStore {
    /// Puts a version of `models` into the store, the manifest last; what is there already stays. With `checks_all`
    /// every file that is there is compared, and put right; else a version with its manifest counts as whole.
    ///
    /// # Errors
    /// [`SharedStoreError::Version`] when the version is not whole here; other [`SharedStoreError`]s of the store.
    pub fn push(&self, models: &ModelStore, id: &VersionId, checks_all: bool) -> Result<Pushed, SharedStoreError> {
        let outgoing = models.outgoing(id).map_err(|source| self.broken(id, source))?;
        let mut pushed = Pushed { n_files: 0, n_bytes: 0 };
        let manifest = object_of(id, MANIFEST);
        if !checks_all && self.client.get(&manifest)?.is_some_and(|object| object.bytes == outgoing.manifest()) {
            return Ok(pushed);
        }
        for name in outgoing.files() {
            let bytes = outgoing.read(name).map_err(|source| self.broken(id, source))?;
            self.put_file(&object_of(id, name), bytes, &mut pushed)?;
        }
        self.put_file(&manifest, outgoing.manifest().to_vec(), &mut pushed)?;
        Ok(pushed)
    }

    fn put_file(&self, name: &str, bytes: Vec<u8>, pushed: &mut Pushed) -> Result<(), SharedStoreError> {
        let n_bytes = bytes.len();
        if !self.put_whole(name, bytes)? {
            return Ok(());
        }
        pushed.n_files += 1;
        pushed.n_bytes += n_bytes;
        Ok(())
    }

    /// Puts an object whose name vouches for what it holds: whatever else is there was damaged. Whether that was to do.
    pub(super) fn put_whole(&self, name: &str, bytes: Vec<u8>) -> Result<bool, SharedStoreError> {
        if self.client.create(name, bytes.clone())? {
            return Ok(true);
        }
        match self.client.get(name) {
            Ok(Some(there)) if there.bytes == bytes => return Ok(false),
            Ok(_) | Err(SharedStoreError::TooLarge { .. }) => {}
            Err(error) => return Err(error),
        }
        self.client.put(name, bytes)?;
        Ok(true)
    }

    /// Brings a version of the store into `models`, checked as any version is before it has a name there; one that is
    /// there already, whole, stays. With `makes_current` the folder's `current` then leads to it.
    ///
    /// # Errors
    /// [`SharedStoreError::NoSuchVersion`], also where no training has published it; [`SharedStoreError::Version`] when
    /// what is in the store is not whole. `models` is then as it was.
    pub fn pull(&self, models: &ModelStore, id: &VersionId, makes_current: bool) -> Result<Pulled, SharedStoreError> {
        if makes_current && models.current().is_ok_and(|current| current == *id) && models.is_as_written(id) {
            return Ok(Pulled { id: id.clone(), is_new: false });
        }
        let broken = |source| self.broken(id, source);
        // To make it the current one loads it as well.
        let is_here = if makes_current { models.activate(id) } else { models.load(id).map(|_| ()) };
        match is_here {
            Ok(()) => return Ok(Pulled { id: id.clone(), is_new: false }),
            Err(error @ StoreError::Write { .. }) => return Err(broken(error)),
            Err(_) => {}
        }
        let no_version = || SharedStoreError::NoSuchVersion { url: self.url(), id: id.clone() };
        if self.is_unpublished(id)? && !self.is_named(id)? {
            return Err(no_version());
        }
        let manifest = self.client.get(&object_of(id, MANIFEST))?.ok_or_else(no_version)?;
        let mut incoming = models.receive(id, &manifest.bytes).map_err(broken)?;
        for name in incoming.names() {
            let name_there = object_of(id, &name);
            let file = self.client.get(&name_there)?.ok_or_else(|| SharedStoreError::Damaged {
                url: self.client.url_of(&name_there),
                why: "is missing".to_owned(),
            })?;
            incoming.add(&name, &file.bytes).map_err(broken)?;
        }
        incoming.settle(makes_current).map_err(broken)?;
        Ok(Pulled { id: id.clone(), is_new: true })
    }

    /// Makes a version of `models` the current one of the store, and then of `models`. A change of `current`
    /// at the same time does not keep it from being done.
    ///
    /// # Errors
    /// As [`SharedStore::push`] and [`SharedStore::swap_current`]; `current` is then as it was.
    pub fn activate(&self, models: &ModelStore, id: &VersionId) -> Result<(), SharedStoreError> {
        self.make_current(models, id)?;
        models.activate(id).map_err(|source| self.broken(id, source))
    }

    /// Makes a version the current one of the store. One that is not in `models` is pulled.
    pub(super) fn make_current(&self, models: &ModelStore, id: &VersionId) -> Result<(), SharedStoreError> {
        if matches!(models.load(id), Err(StoreError::NoSuchVersion { .. })) {
            self.pull(models, id, false)?;
        }
        self.push(models, id, false)?;
        let mut swapped = self.swap_current(&self.look_at_current()?.0, id);
        for _ in 1..MAX_SWAPS {
            if !matches!(swapped, Err(SharedStoreError::Swapped { .. })) {
                break;
            }
            swapped = self.swap_current(&self.look_at_current()?.0, id);
        }
        swapped?;
        // A training that ended meanwhile may have taken it for an old one.
        if self.client.get(&object_of(id, MANIFEST))?.is_none() {
            self.push(models, id, true)?;
        }
        Ok(())
    }

    /// Pushes a version that [`SharedStore::swap_current`] is to make the current one. Nobody takes it over before.
    ///
    /// # Errors
    /// As [`SharedStore::push`].
    pub fn offer(&self, models: &ModelStore, id: &VersionId) -> Result<(), SharedStoreError> {
        self.client.put(&object_of(id, UNPUBLISHED), Vec::new())?;
        self.push(models, id, false)?;
        Ok(())
    }

    /// Takes a version out of the store, its manifest first, unless `current` names it. Whether it did. A version that
    /// becomes the current one meanwhile is put back from `models`.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn withdraw(&self, models: &ModelStore, id: &VersionId) -> Result<bool, SharedStoreError> {
        if self.is_named(id)? {
            return Ok(false);
        }
        self.client.delete(&object_of(id, MANIFEST))?;
        let files = self.client.objects(&format!("{MODELS}/{id}"))?;
        files.iter().try_for_each(|file| self.client.delete(&object_of(id, file)))?;
        if self.is_named(id)? {
            self.push(models, id, true)?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Takes the oldest versions out of the store until `keep` are left: never the current one, nor the one before it,
    /// nor one that is younger than an hour, which may be on its way to become the current one.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn prune(&self, models: &ModelStore, keep: usize, now: Timestamp) -> Result<(), SharedStoreError> {
        let Some(current) = self.see_current()?.current else { return Ok(()) };
        let versions = self.versions()?;
        let surplus = versions.len().saturating_sub(keep);
        let is_needed = |id: &VersionId| *id == current.version || current.before.as_ref() == Some(id);
        let is_young = |id: &VersionId| now.duration_since(id.created_at()) < YOUNG;
        for (position, id) in versions.iter().filter(|id| !is_needed(id)).enumerate() {
            // What was not published within an hour never will be.
            if !is_young(id) && (position < surplus || self.is_unpublished(id)?) {
                self.withdraw(models, id)?;
            }
        }
        Ok(())
    }

    /// Whether a version is on its way to become the current one, or lost it to another.
    fn is_unpublished(&self, id: &VersionId) -> Result<bool, SharedStoreError> {
        Ok(self.client.get(&object_of(id, UNPUBLISHED))?.is_some())
    }

    /// Lets others take a version over that a training had not published.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn mark_as_published(&self, id: &VersionId) -> Result<(), SharedStoreError> {
        self.client.delete(&object_of(id, UNPUBLISHED))
    }

    /// Whether `current` names a version.
    fn is_named(&self, id: &VersionId) -> Result<bool, SharedStoreError> {
        Ok(self.look_at_current()?.0.current.is_some_and(|current| current.version == *id))
    }

    /// The first id that no segment of a version has, as the manifest in the store says; `None` where that is not the
    /// version's own.
    pub(super) fn next_segment_id(&self, id: &VersionId) -> Result<Option<SegmentId>, SharedStoreError> {
        let manifest = self.client.get(&object_of(id, MANIFEST))?;
        Ok(manifest.and_then(|manifest| id.next_segment_id(&manifest.bytes)))
    }

    /// The version that the store's `current` names.
    ///
    /// # Errors
    /// [`SharedStoreError::NoCurrent`] where there is none.
    pub fn current_of_seen(&self, seen: &Seen) -> Result<VersionId, SharedStoreError> {
        let current = seen.current.as_ref().ok_or_else(|| SharedStoreError::NoCurrent { url: self.url() })?;
        Ok(current.version.clone())
    }

    pub(super) fn broken(&self, id: &VersionId, source: StoreError) -> SharedStoreError {
        SharedStoreError::Version { url: self.client.url_of(&format!("{MODELS}/{id}")), source }
    }
}

fn object_of(id: &VersionId, file: &str) -> String {
    format!("{MODELS}/{id}/{file}")
}
