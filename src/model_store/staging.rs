//! A version on its way: written to `staging/`, looked at again, published whole.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::disk::{create_folder, read_file, rename, sha256_hex, sync_folder, write_file};
use super::format::{self, MODEL_FILES};
use super::manifest::{FORMAT_VERSION, Manifest, VersionId};
use super::store::{MANIFEST, STAGING, VERSIONS};
use super::{Candidate, FileFault, ModelStore, StoreError, WriterLock};
use crate::pipeline::{GoldenSample, Model};

/// A candidate whose files are on disk and synced, and that is not a version yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Staged<'s> {
    store: &'s ModelStore,
    folder: PathBuf,
    manifest: Manifest,
}

/// A candidate with its manifest: a whole version that nobody lists, loads or activates. Dropped, it is gone.
#[derive(Debug)]
pub struct Sealed<'s> {
    staged: Staged<'s>,
    id: VersionId,
}

impl ModelStore {
    /// Writes every file of `candidate` but its reports. What earlier writers left unfinished is removed first: only
    /// the holder of the lock writes.
    ///
    /// # Errors
    /// [`StoreError::Write`] naming the file or folder that could not be written, [`StoreError::File`] naming one that
    /// could not be made. Nothing is then left behind.
    pub fn stage(&self, lock: &WriterLock, candidate: &Candidate<'_>) -> Result<Staged<'_>, StoreError> {
        self.sweep(lock)?;
        let folder = self.dir().join(STAGING).join(std::process::id().to_string());
        create_folder(&folder)?;
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            created_at: candidate.created_at,
            params: candidate.params.clone(),
            schema: candidate.fitted.model.schema().as_ref().clone(),
            trained_on: Some(candidate.trained_on.clone()),
            scores: candidate.fitted.scores.clone(),
            next_segment_id: candidate.next_segment_id,
            files: BTreeMap::new(),
        };
        let mut staged = Staged { store: self, folder, manifest };
        let files = format::encode(candidate).map_err(|(name, source)| staged.unmade(name, source))?;
        let size_bytes = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let _reserved = self.disk().reserve(self.dir(), size_bytes).map_err(|error| StoreError::Write {
            path: staged.folder.clone(),
            source: io::Error::new(io::ErrorKind::StorageFull, error),
        })?;
        for (name, bytes) in &files {
            staged.add(name, bytes)?;
        }
        Ok(staged)
    }

    /// Where a sealed candidate is until it is a version.
    pub(super) fn sealed_folder(&self, id: &VersionId) -> PathBuf {
        self.dir().join(STAGING).join(id.as_str())
    }

    /// Removes what writers left behind that are gone: versions half written, and versions half taken away.
    ///
    /// # Errors
    /// [`StoreError::Write`] naming what could not be removed.
    pub fn sweep(&self, _lock: &WriterLock) -> Result<(), StoreError> {
        let staging = self.dir().join(STAGING);
        let entries = match fs::read_dir(&staging) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|source| StoreError::Write { path: staging, source })?,
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|source| StoreError::Write { path, source })?;
        }
        Ok(())
    }
}

impl<'s> Staged<'s> {
    /// Loads the model from disk again, as a server will: every file must have the checksum that it was written with,
    /// and the loaded model must encode to the very same bytes, array by array.
    ///
    /// # Errors
    /// [`StoreError::File`] naming the first file that does not come back, [`StoreError::Model`] when the files do not
    /// fit one another.
    pub fn reload(&self) -> Result<(Model, GoldenSample), StoreError> {
        let mut files = BTreeMap::new();
        for name in self.manifest.files.keys() {
            let bytes = self.read(name)?;
            if let Some(name) = MODEL_FILES.into_iter().find(|known| known == name) {
                files.insert(name, bytes);
            }
        }
        let parts =
            format::decode(self.manifest.schema.clone(), &files).map_err(|(name, fault)| self.fault(name, fault))?;
        let model =
            Model::from_parts(parts).map_err(|source| StoreError::Model { dir: self.folder.clone(), source })?;
        let again = format::encode_model(&model).map_err(|(name, source)| self.unmade(name, source))?;
        for (name, bytes) in again {
            if files.get(name) != Some(&bytes) {
                return Err(self.fault(name, FileFault::NotTheSame));
            }
        }
        let golden = format::decode_golden(&self.read(format::GOLDEN)?)
            .map_err(|source| self.fault(format::GOLDEN, FileFault::Contents(source)))?;
        Ok((model, golden))
    }

    /// Adds the report that people read: a whole HTML page.
    ///
    /// # Errors
    /// [`StoreError::Write`] naming the file.
    pub fn add_page(&mut self, html: &str) -> Result<(), StoreError> {
        self.add(format::PAGE, html.as_bytes())
    }

    /// Adds the report, and the manifest last: what the version is called is known from here on. It has no name under
    /// `versions/` yet, and is swept like any other candidate where its writer is gone.
    ///
    /// # Errors
    /// [`StoreError::Write`] naming the file that could not be written. Nothing half-written is left.
    pub fn seal(mut self, report: &serde_json::Value) -> Result<Sealed<'s>, StoreError> {
        let json = format::json(report).map_err(|source| self.unmade(format::REPORT, source))?;
        self.add(format::REPORT, &json)?;
        let manifest = format::json(&self.manifest).map_err(|source| self.unmade(MANIFEST, source))?;
        write_file(&self.folder.join(MANIFEST), &manifest)?;
        sync_folder(&self.folder)?;
        let id = VersionId::new(self.manifest.created_at, &manifest);
        let sealed = self.store.sealed_folder(&id);
        rename(&self.folder, &sealed)?;
        self.folder = sealed;
        Ok(Sealed { staged: self, id })
    }

    /// Writes a file and notes its checksum.
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        write_file(&self.folder.join(name), bytes)?;
        self.manifest.files.insert(name.to_owned(), sha256_hex(bytes));
        Ok(())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let bytes = read_file(&self.folder.join(name))?;
        match self.manifest.files.get(name) {
            Some(sum) if *sum == sha256_hex(&bytes) => Ok(bytes),
            _ => Err(self.fault(name, FileFault::Checksum)),
        }
    }

    fn fault(&self, name: &str, fault: FileFault) -> StoreError {
        StoreError::File { path: self.folder.join(name), fault }
    }

    fn unmade(&self, name: &str, source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
        self.fault(name, FileFault::Contents(source))
    }
}

impl Sealed<'_> {
    /// What the version is called.
    pub fn id(&self) -> &VersionId {
        &self.id
    }

    /// Makes a version of it, and the version the current one.
    ///
    /// # Errors
    /// [`StoreError::Write`] naming the folder that could not be written. `current` is then as it was, and nothing
    /// half-written is left.
    pub fn publish(self) -> Result<VersionId, StoreError> {
        self.settle(true)
    }

    /// As [`Sealed::publish`], but `current` leads where it led.
    ///
    /// # Errors
    /// As [`Sealed::publish`].
    pub fn put_aside(self) -> Result<VersionId, StoreError> {
        self.settle(false)
    }

    fn settle(self, makes_current: bool) -> Result<VersionId, StoreError> {
        let (store, folder, id) = (self.staged.store, &self.staged.folder, &self.id);
        let versions = store.dir().join(VERSIONS);
        create_folder(&versions)?;
        let place = store.folder(id);
        let _links = store.lock_links()?;
        // A server that follows the shared store may have brought it from there.
        if !place.is_dir() {
            rename(folder, &place)?;
        }
        if let Err(error) = sync_folder(&versions).and_then(|()| if makes_current { store.link(id) } else { Ok(()) }) {
            // Back to where it is removed from, unless `current` could not be led back from it. If that fails too, a
            // whole version that is not current stays.
            if !store.current().is_ok_and(|current| current == *id) {
                let _ = rename(&place, folder);
            }
            return Err(error);
        }
        Ok(self.id.clone())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // Gone already where it was published; what cannot be removed is swept by the next writer.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
