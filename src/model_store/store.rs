//! The folder of versions: find, load, list, switch.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{read_file, rename, sha256_hex, sync_folder};
use super::format;
use super::manifest::{FORMAT_VERSIONS, Manifest, VersionId};
use super::{FileFault, StoreError};
use crate::disk::Keeper;
use crate::pipeline::{Model, Refit, TrainingProfile};

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const VERSIONS: &str = "versions";
pub(super) const STAGING: &str = "staging";
const CURRENT: &str = "current";

/// A folder of model versions.
#[derive(Debug, Clone)]
pub struct ModelStore {
    dir: PathBuf,
    disk: Keeper,
}

/// One version, loaded.
#[derive(Debug)]
pub struct ModelVersion {
    /// Its name.
    pub id: VersionId,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The model.
    pub model: Model,
    /// What its training data looked like; `None` in a version that was made without any.
    pub profile: Option<TrainingProfile>,
}

impl ModelVersion {
    /// What a second training on four fifths of the customers says; `None` in versions of earlier builds.
    pub fn refit(&self) -> Option<&Refit> {
        self.profile.as_ref()?.refit.as_ref()
    }
}

/// One line of a list of versions.
#[derive(Debug)]
pub struct VersionSummary {
    /// Its name.
    pub id: VersionId,
    /// Whether `current` leads to it.
    pub is_current: bool,
    /// What it says of itself, or why that cannot be read.
    pub manifest: Result<Manifest, StoreError>,
}

impl ModelStore {
    /// The versions under `dir`, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), disk: Keeper::new(0) }
    }

    /// The same, which stages no version that this keeper has no room for.
    #[must_use]
    pub fn with_disk(self, disk: Keeper) -> Self {
        Self { disk, ..self }
    }

    /// The keeper of its disk, for others that write beside versions.
    pub fn disk(&self) -> &Keeper {
        &self.disk
    }

    /// The version that `current` leads to.
    ///
    /// # Errors
    /// [`StoreError::NoCurrent`] before the first publication; [`StoreError::BrokenCurrent`] when `current` is not a
    /// link to a version under `versions/`.
    pub fn current(&self) -> Result<VersionId, StoreError> {
        let link = self.dir.join(CURRENT);
        let target = fs::read_link(&link).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => StoreError::NoCurrent { dir: self.dir.clone() },
            _ => StoreError::BrokenCurrent { link: link.clone() },
        })?;
        let name = target.strip_prefix(VERSIONS).ok().and_then(Path::to_str);
        name.and_then(|name| name.parse().ok()).ok_or(StoreError::BrokenCurrent { link })
    }

    /// Whether any version was ever published, whole or not.
    pub fn has_version(&self) -> bool {
        self.current().is_ok() || self.list().is_ok_and(|versions| !versions.is_empty())
    }

    /// Loads the version that `current` leads to.
    ///
    /// # Errors
    /// As [`ModelStore::current`] and [`ModelStore::load`].
    pub fn load_current(&self) -> Result<ModelVersion, StoreError> {
        let id = self.current()?;
        if !self.folder(&id).is_dir() {
            return Err(StoreError::BrokenCurrent { link: self.dir.join(CURRENT) });
        }
        self.load(&id)
    }

    /// Loads one version, checking every file that the model is made of, and its training profile, against the
    /// manifest.
    ///
    /// # Errors
    /// [`StoreError::NoSuchVersion`]; [`StoreError::File`] naming the first file that is missing, unreadable, changed
    /// since it was written, of another format or of the wrong shape; [`StoreError::Model`] when the files are whole
    /// but do not fit one another.
    pub fn load(&self, id: &VersionId) -> Result<ModelVersion, StoreError> {
        load_folder(self.folder(id), id)
    }

    /// Whether every file of a version is as its manifest has it. Loads nothing.
    pub fn is_as_written(&self, id: &VersionId) -> bool {
        let folder = self.folder(id);
        read_manifest(&folder, id)
            .is_ok_and(|manifest| manifest.files.keys().all(|name| read_listed(&folder, &manifest, name).is_ok()))
    }

    /// Loads the version in a folder of any name, such as a copy on another machine. A folder that is called as a
    /// version must be that version.
    ///
    /// # Errors
    /// As [`ModelStore::load`].
    pub fn load_copy(folder: &Path) -> Result<ModelVersion, StoreError> {
        let path = folder.join(MANIFEST);
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let named = real.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let id = match named {
            Some(id) => id,
            None => {
                let bytes = read_file(&path)?;
                let manifest: Manifest = serde_json::from_slice(&bytes)
                    .map_err(|error| StoreError::File { path, fault: FileFault::Contents(error.into()) })?;
                VersionId::new(manifest.created_at, &bytes)
            }
        };
        load_folder(folder.to_owned(), &id)
    }

    /// All versions, oldest first.
    ///
    /// # Errors
    /// [`StoreError::File`] when `versions/` exists and cannot be listed. A damaged version is listed with its error.
    pub fn list(&self) -> Result<Vec<VersionSummary>, StoreError> {
        let versions = self.dir.join(VERSIONS);
        let unreadable = |e| StoreError::File { path: versions.clone(), fault: FileFault::Unreadable(e) };
        let entries = match fs::read_dir(&versions) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let current = self.current().ok();
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<VersionId>().ok()) else { continue };
            let manifest = read_manifest(&self.folder(&id), &id);
            found.push(VersionSummary { is_current: current.as_ref() == Some(&id), id, manifest });
        }
        found.sort_by(|a, b| (a.created_at(), &a.id).cmp(&(b.created_at(), &b.id)));
        Ok(found)
    }

    /// Makes `id` the current version, if it is whole.
    ///
    /// # Errors
    /// As [`ModelStore::load`] when the version is not whole, [`StoreError::Write`] when the link could not be
    /// replaced. `current` is then as it was.
    pub fn activate(&self, id: &VersionId) -> Result<(), StoreError> {
        // Before the lock file is made: a store that does not exist stays so.
        self.load(id)?;
        let _links = self.lock_links()?;
        if !self.folder(id).is_dir() {
            return Err(StoreError::NoSuchVersion { id: id.to_string() });
        }
        self.link(id)
    }

    /// Lets `current` lead to `id`, for good; where that cannot be made to last, to what it led to before. The caller
    /// holds the links' lock.
    pub(super) fn link(&self, id: &VersionId) -> Result<(), StoreError> {
        let link = self.dir.join(CURRENT);
        let before = fs::read_link(&link).ok();
        self.point_current_to(&Path::new(VERSIONS).join(id.as_str()))?;
        sync_folder(&self.dir).inspect_err(|_| {
            // The first failure is the one to report.
            let _ = match before {
                Some(before) => self.point_current_to(&before),
                None => fs::remove_file(&link).map_err(|source| StoreError::Write { path: link, source }),
            };
        })
    }

    fn point_current_to(&self, target: &Path) -> Result<(), StoreError> {
        let next = self.dir.join(format!(".{CURRENT}-next"));
        match fs::remove_file(&next) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::Write { path: next, source });
            }
            _ => {}
        }
        std::os::unix::fs::symlink(target, &next).map_err(|source| StoreError::Write { path: next.clone(), source })?;
        rename(&next, &self.dir.join(CURRENT))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn folder(&self, id: &VersionId) -> PathBuf {
        self.dir.join(VERSIONS).join(id.as_str())
    }
}

/// Loads the version `id`, which is in `folder`.
pub(super) fn load_folder(folder: PathBuf, id: &VersionId) -> Result<ModelVersion, StoreError> {
    if !folder.is_dir() {
        return Err(StoreError::NoSuchVersion { id: id.to_string() });
    }
    let manifest = read_manifest(&folder, id)?;
    let mut files = BTreeMap::new();
    for name in format::MODEL_FILES.into_iter().filter(|name| format::is_needed(name, &manifest.files)) {
        files.insert(name, read_listed(&folder, &manifest, name)?);
    }
    // A version that was not trained here has none.
    let profile = manifest.files.contains_key(format::PROFILE).then(|| read_profile(&folder, &manifest)).transpose()?;
    let parts = format::decode(manifest.schema.clone(), &files)
        .map_err(|(name, fault)| StoreError::File { path: folder.join(name), fault })?;
    let mut model = Model::from_parts(parts).map_err(|source| StoreError::Model { dir: folder, source })?;
    if manifest.is_of_the_sample() {
        model.mark_as_sample();
    }
    Ok(ModelVersion { id: id.clone(), manifest, model, profile })
}

/// Reads a file of a version, which must be as the manifest has it.
fn read_listed(folder: &Path, manifest: &Manifest, name: &str) -> Result<Vec<u8>, StoreError> {
    let bytes = read_file(&folder.join(name))?;
    let fault = |fault| StoreError::File { path: folder.join(name), fault };
    let expected = manifest.files.get(name).ok_or_else(|| fault(FileFault::NotListed))?;
    if *expected == sha256_hex(&bytes) { Ok(bytes) } else { Err(fault(FileFault::Checksum)) }
}

fn read_profile(folder: &Path, manifest: &Manifest) -> Result<TrainingProfile, StoreError> {
    let contents = |source| StoreError::File { path: folder.join(format::PROFILE), fault: FileFault::Contents(source) };
    format::decode_profile(&read_listed(folder, manifest, format::PROFILE)?).map_err(contents)
}

pub(super) fn read_manifest(folder: &Path, id: &VersionId) -> Result<Manifest, StoreError> {
    let path = folder.join(MANIFEST);
    let bytes = read_file(&path)?;
    parse_manifest(&path, &bytes, id)
}

/// What the manifest of version `id` at `path` says, if these bytes are its.
pub(super) fn parse_manifest(path: &Path, bytes: &[u8], id: &VersionId) -> Result<Manifest, StoreError> {
    /// Read on its own first: another format may differ in every other field.
    #[derive(serde::Deserialize)]
    struct Format {
        format_version: u32,
    }
    let fault = |fault| StoreError::File { path: path.to_owned(), fault };
    let contents = |e: serde_json::Error| fault(FileFault::Contents(e.into()));
    let is_signed = id.signs(bytes);
    match serde_json::from_slice(bytes) {
        Ok(Format { format_version }) if !FORMAT_VERSIONS.contains(&format_version) => {
            Err(fault(FileFault::Format { found: format_version, known: FORMAT_VERSIONS }))
        }
        _ if !is_signed => Err(fault(FileFault::ManifestChecksum)),
        Ok(_) => serde_json::from_slice(bytes).map_err(contents),
        Err(error) => Err(contents(error)),
    }
}
