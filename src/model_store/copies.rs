//! Versions that leave for another store, and that come from one.
//!
//! ```text
//! MODEL_DIR/pulling/<version>/   a version that is on its way here
//! ```
//!
//! One that comes is untrusted until it is whole: its manifest must be the one that its name vouches for before any
//! other byte is taken, every file must be the one that the manifest lists, and the model must load and place its
//! golden sample. Only then has it a name under `versions/`.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::disk::{create_folder, read_file, rename, sha256_hex, sync_folder, write_file};
use super::lock::Held;
use super::manifest::{Manifest, VersionId};
use super::store::{MANIFEST, VERSIONS, parse_manifest};
use super::upkeep::{check_name, verify_folder};
use super::{FileFault, ModelStore, StoreError};

const PULLING: &str = "pulling";

/// A whole version, to be copied elsewhere.
#[derive(Debug)]
pub struct Outgoing {
    folder: PathBuf,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
}

/// A version on its way here. Dropped before it is settled, it is gone.
#[derive(Debug)]
pub struct Incoming<'s> {
    store: &'s ModelStore,
    id: VersionId,
    folder: PathBuf,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    _pulls: Held,
}

impl ModelStore {
    /// Checks a version as [`ModelStore::verify`] does, to be copied elsewhere: also one that is sealed, and is copied
    /// before it has its name here.
    ///
    /// # Errors
    /// [`StoreError::NoSuchVersion`]; the version's first fault.
    pub fn outgoing(&self, id: &VersionId) -> Result<Outgoing, StoreError> {
        let places = [self.folder(id), self.sealed_folder(id)];
        let folder = places.into_iter().find(|folder| folder.is_dir());
        let folder = folder.ok_or_else(|| StoreError::NoSuchVersion { id: id.to_string() })?;
        if let Some(fault) = verify_folder(&folder, id).into_iter().next() {
            return Err(fault);
        }
        let path = folder.join(MANIFEST);
        let manifest_bytes = read_file(&path)?;
        let manifest = parse_manifest(&path, &manifest_bytes, id)?;
        Ok(Outgoing { folder, manifest, manifest_bytes })
    }

    /// Begins to take in the version `id`, whose manifest is there. Waits for another process that is taking one in.
    ///
    /// # Errors
    /// [`StoreError::File`] when the manifest is not the version's, or of another format; [`StoreError::Write`].
    pub fn receive(&self, id: &VersionId, manifest: &[u8]) -> Result<Incoming<'_>, StoreError> {
        let pulls = self.lock_pulls()?;
        let pulling = self.dir().join(PULLING);
        match fs::remove_dir_all(&pulling) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::Write { path: pulling, source });
            }
            _ => {}
        }
        let folder = pulling.join(id.as_str());
        let parsed = parse_manifest(&folder.join(MANIFEST), manifest, id)?;
        for name in parsed.files.keys() {
            check_name(&folder, name)?;
        }
        create_folder(&folder)?;
        Ok(Incoming {
            store: self,
            id: id.clone(),
            folder,
            manifest: parsed,
            manifest_bytes: manifest.to_vec(),
            _pulls: pulls,
        })
    }
}

impl Outgoing {
    /// Its manifest, byte for byte: the last file to be written.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The names of its other files.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.manifest.files.keys().map(String::as_str)
    }

    /// One of its files, as the manifest has it.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.folder.join(name);
        let bytes = read_file(&path)?;
        if self.manifest.files.get(name) == Some(&sha256_hex(&bytes)) {
            Ok(bytes)
        } else {
            Err(StoreError::File { path, fault: FileFault::Checksum })
        }
    }
}

impl Incoming<'_> {
    /// The files that have to come.
    pub fn names(&self) -> Vec<String> {
        self.manifest.files.keys().cloned().collect()
    }

    /// Takes in one of them.
    ///
    /// # Errors
    /// [`StoreError::File`] when it is not the one that the manifest lists; [`StoreError::Write`].
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.folder.join(name);
        match self.manifest.files.get(name) {
            Some(sum) if *sum == sha256_hex(bytes) => {}
            Some(_) => return Err(StoreError::File { path, fault: FileFault::Checksum }),
            None => return Err(StoreError::File { path, fault: FileFault::NotListed }),
        }
        let _reserved = self.store.disk().reserve(self.store.dir(), bytes.len() as u64).map_err(|error| {
            StoreError::Write { path: path.clone(), source: io::Error::new(io::ErrorKind::StorageFull, error) }
        })?;
        write_file(&path, bytes)
    }

    /// Makes it a version, and with `makes_current` the current one, if it is whole. A version of this name that is
    /// there already and is not whole gives way.
    ///
    /// # Errors
    /// [`StoreError::File`] and [`StoreError::Model`] when it is not whole; [`StoreError::Write`].
    pub fn settle(self, makes_current: bool) -> Result<(), StoreError> {
        write_file(&self.folder.join(MANIFEST), &self.manifest_bytes)?;
        sync_folder(&self.folder)?;
        if let Some(fault) = verify_folder(&self.folder, &self.id).into_iter().next() {
            return Err(fault);
        }
        let versions = self.store.dir().join(VERSIONS);
        create_folder(&versions)?;
        let place = self.store.folder(&self.id);
        let _links = self.store.lock_links()?;
        if place.is_dir() {
            rename(&place, &self.folder.with_extension("broken"))?;
        }
        rename(&self.folder, &place)?;
        sync_folder(&versions)?;
        if makes_current { self.store.link(&self.id) } else { Ok(()) }
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        // Whatever cannot be removed goes when the next version comes.
        let _ = fs::remove_dir_all(self.store.dir().join(PULLING));
    }
}
