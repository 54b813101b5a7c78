//! The folder of versions: publish, load, list.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::disk::{create_folder, read_file, rename, sha256_hex, sync_folder, write_file};
use super::format;
use super::manifest::{FORMAT_VERSION, Manifest, VersionId};
use super::{FileFault, StoreError};
use crate::pipeline::{FitParams, Fitted, Model};

const MANIFEST: &str = "manifest.json";
const CURRENT: &str = "current";
const VERSIONS: &str = "versions";
const STAGING: &str = "staging";

/// A folder of model versions.
#[derive(Debug, Clone)]
pub struct ModelStore {
    dir: PathBuf,
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
}

/// A model on its way to become a version.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The model, its scores and its cluster profiles.
    pub fitted: &'a Fitted,
    /// How it was trained.
    pub params: &'a FitParams,
    /// What the training has to tell, stored as `report.json`.
    pub report: &'a serde_json::Value,
    /// When it was made.
    pub created_at: Timestamp,
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
        Self { dir: dir.into() }
    }

    /// The version that `current` leads to.
    ///
    /// # Errors
    /// [`StoreError::NoCurrent`] before the first publication; [`StoreError::BrokenCurrent`] when `current` is no link
    /// to a version under `versions/`.
    pub fn current(&self) -> Result<VersionId, StoreError> {
        let link = self.dir.join(CURRENT);
        let target = fs::read_link(&link).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => StoreError::NoCurrent { dir: self.dir.clone() },
            _ => StoreError::BrokenCurrent { link: link.clone() },
        })?;
        let name = target.strip_prefix(VERSIONS).ok().and_then(Path::to_str);
        name.and_then(|name| name.parse().ok()).ok_or(StoreError::BrokenCurrent { link })
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

    /// Loads one version, checking every file that the model is made of against the manifest.
    ///
    /// # Errors
    /// [`StoreError::NoSuchVersion`]; [`StoreError::File`] naming the first file that is missing, unreadable, changed
    /// since it was written, of another format or of the wrong shape; [`StoreError::Model`] when the files are whole
    /// but do not fit one another.
    pub fn load(&self, id: &VersionId) -> Result<ModelVersion, StoreError> {
        let folder = self.folder(id);
        if !folder.is_dir() {
            return Err(StoreError::NoSuchVersion { id: id.to_string() });
        }
        let manifest = read_manifest(&folder)?;
        let mut files = BTreeMap::new();
        for name in format::MODEL_FILES {
            let bytes = read_file(&folder.join(name))?;
            let fault = |fault| StoreError::File { path: folder.join(name), fault };
            let expected = manifest.files.get(name).ok_or_else(|| fault(FileFault::NotListed))?;
            if *expected != sha256_hex(&bytes) {
                return Err(fault(FileFault::Checksum));
            }
            files.insert(name, bytes);
        }
        let parts = format::decode(manifest.schema.clone(), &files)
            .map_err(|(name, fault)| StoreError::File { path: folder.join(name), fault })?;
        let model = Model::from_parts(parts).map_err(|source| StoreError::Model { dir: folder, source })?;
        Ok(ModelVersion { id: id.clone(), manifest, model })
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
            let manifest = read_manifest(&self.folder(&id));
            found.push(VersionSummary { is_current: current.as_ref() == Some(&id), id, manifest });
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Writes `candidate` as a new version and makes it the current one.
    ///
    /// # Errors
    /// [`StoreError::Write`] naming the file or folder that could not be written. `current` is then as it was, and
    /// nothing half-written is left in `versions/`.
    pub fn publish(&self, candidate: &Candidate<'_>) -> Result<VersionId, StoreError> {
        let staging = self.dir.join(STAGING).join(format!("{}", std::process::id()));
        self.sweep()?;
        let written = self.write_version(&staging, candidate);
        if written.is_err() {
            // The error that is reported is the first one; what is left is swept by a later publication.
            let _ = fs::remove_dir_all(&staging);
        }
        let id = written?;
        self.activate(&id)?;
        Ok(id)
    }

    /// Makes `id` the current version.
    ///
    /// # Errors
    /// [`StoreError::NoSuchVersion`], or [`StoreError::Write`] when the link could not be replaced; it is then as it was.
    pub fn activate(&self, id: &VersionId) -> Result<(), StoreError> {
        if !self.folder(id).is_dir() {
            return Err(StoreError::NoSuchVersion { id: id.to_string() });
        }
        let link = self.dir.join(CURRENT);
        let next = self.dir.join(format!(".{CURRENT}-{}", std::process::id()));
        match fs::remove_file(&next) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::Write { path: next, source });
            }
            _ => {}
        }
        std::os::unix::fs::symlink(Path::new(VERSIONS).join(id.as_str()), &next)
            .map_err(|source| StoreError::Write { path: next.clone(), source })?;
        rename(&next, &link)?;
        sync_folder(&self.dir)
    }

    fn write_version(&self, staging: &Path, candidate: &Candidate<'_>) -> Result<VersionId, StoreError> {
        let versions = self.dir.join(VERSIONS);
        create_folder(&versions)?;
        create_folder(staging)?;
        let files = format::encode(candidate).map_err(|(name, source)| StoreError::File {
            path: staging.join(name),
            fault: FileFault::Contents(source),
        })?;
        let mut sums = BTreeMap::new();
        for (name, bytes) in &files {
            write_file(&staging.join(name), bytes)?;
            sums.insert((*name).to_owned(), sha256_hex(bytes));
        }
        let id = VersionId::new(candidate.created_at, &sums);
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            created_at: candidate.created_at,
            params: candidate.params.clone(),
            schema: candidate.fitted.model.schema().as_ref().clone(),
            scores: candidate.fitted.scores.clone(),
            files: sums,
        };
        let json = format::json(&manifest)
            .map_err(|e| StoreError::File { path: staging.join(MANIFEST), fault: FileFault::Contents(e) })?;
        write_file(&staging.join(MANIFEST), &json)?;
        sync_folder(staging)?;
        rename(staging, &self.folder(&id))?;
        sync_folder(&versions)?;
        Ok(id)
    }

    /// Removes what publications left behind whose process is gone, or was an earlier one of this process's number.
    fn sweep(&self) -> Result<(), StoreError> {
        let staging = self.dir.join(STAGING);
        let entries = match fs::read_dir(&staging) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|source| StoreError::Write { path: staging, source })?,
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_alive = Path::new("/proc").join(&name).exists() && name != *std::process::id().to_string();
            if !is_alive {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(|source| StoreError::Write { path, source })?;
            }
        }
        Ok(())
    }

    fn folder(&self, id: &VersionId) -> PathBuf {
        self.dir.join(VERSIONS).join(id.as_str())
    }
}

fn read_manifest(folder: &Path) -> Result<Manifest, StoreError> {
    /// Read on its own first: a later format may differ in every other field.
    #[derive(serde::Deserialize)]
    struct Format {
        format_version: u32,
    }
    let path = folder.join(MANIFEST);
    let bytes = read_file(&path)?;
    let fault = |fault| StoreError::File { path: path.clone(), fault };
    let contents = |e: serde_json::Error| fault(FileFault::Contents(e.into()));
    let Format { format_version } = serde_json::from_slice(&bytes).map_err(contents)?;
    if format_version != FORMAT_VERSION {
        return Err(fault(FileFault::Format { found: format_version, known: FORMAT_VERSION }));
    }
    serde_json::from_slice(&bytes).map_err(contents)
}
