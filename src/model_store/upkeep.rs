//! The care of versions: checked, fallen back to, pruned; and the reports of candidates that were refused.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;

use super::disk::{create_folder, read_file, rename, sha256_hex};
use super::format;
use super::manifest::next_segment_id;
use super::store::{MANIFEST, STAGING, load_folder, read_manifest};
use super::{FileFault, ModelStore, ModelVersion, StoreError, VersionId, VersionSummary, WriterLock};
use crate::durable;
use crate::pipeline::SegmentId;

const REFUSED: &str = "refused";
/// How many reports of refused candidates are kept.
const MAX_REFUSED: usize = 10;

/// What the report of a refused candidate is called: the time of its training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedName(String);

impl RefusedName {
    /// The name of what was refused at `at`.
    pub fn of(at: Timestamp) -> Self {
        Self(at.strftime("%Y%m%dT%H%M%S%.6fZ").to_string())
    }
}

impl FromStr for RefusedName {
    type Err = ();

    /// Reads a name such as `20261122T194851.000000Z`, and nothing that could lead elsewhere.
    fn from_str(text: &str) -> Result<Self, ()> {
        let is_good = text.len() == 23
            && text.bytes().enumerate().all(|(index, byte)| match index {
                8 => byte == b'T',
                15 => byte == b'.',
                22 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        if is_good { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

impl fmt::Display for RefusedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version that can be served, and why it is not the current one.
#[derive(Debug)]
pub struct Servable {
    /// The version.
    pub version: ModelVersion,
    /// What is wrong with the current one, where another had to be taken.
    pub fallback_from: Option<StoreError>,
}

impl ModelStore {
    /// Loads the current version or, where it is broken, the newest whole one before it. Where `current` leads to no
    /// version at all, the newest whole one of all.
    ///
    /// # Errors
    /// What is wrong with the current version, when no other can take its place; [`StoreError::NoCurrent`] where there
    /// is not a version at all.
    pub fn load_servable(&self) -> Result<Servable, StoreError> {
        let broken = match self.load_current() {
            Ok(version) => return Ok(Servable { version, fallback_from: None }),
            Err(error) => error,
        };
        let before = self.current().ok().filter(|id| self.folder(id).is_dir());
        let Ok(mut others) = self.list() else { return Err(broken) };
        if let Some(position) = before.and_then(|id| others.iter().position(|version| version.id == id)) {
            others.truncate(position);
        }
        match others.iter().rev().find_map(|other| self.load(&other.id).ok()) {
            Some(version) => Ok(Servable { version, fallback_from: Some(broken) }),
            None => Err(broken),
        }
    }

    /// Every fault of a version: files that are missing or not as they were written, files that do not make a model,
    /// customers of its golden sample that the model places elsewhere. Empty for a whole version.
    ///
    /// # Errors
    /// [`StoreError::NoSuchVersion`].
    pub fn verify(&self, id: &VersionId) -> Result<Vec<StoreError>, StoreError> {
        let folder = self.folder(id);
        if !folder.is_dir() {
            return Err(StoreError::NoSuchVersion { id: id.to_string() });
        }
        Ok(verify_folder(&folder, id))
    }

    /// Takes away the oldest versions until `keep` are left; never the current one, nor the one before it. Returns what
    /// was taken away.
    ///
    /// # Errors
    /// As [`ModelStore::list`]; [`StoreError::Write`] naming a version that could not be taken away.
    pub fn prune(&self, _lock: &WriterLock, keep: usize) -> Result<Vec<VersionId>, StoreError> {
        let _links = self.lock_links()?;
        let versions = self.list()?;
        // Without a current version it is not known which one is missed.
        let Some(current) = versions.iter().position(|version| version.is_current) else { return Ok(Vec::new()) };
        let is_needed = |position: usize| position == current || position + 1 == current;
        let surplus = versions.len().saturating_sub(keep);
        let oldest_first = versions.into_iter().enumerate().filter(|&(position, _)| !is_needed(position));
        let pruned: Vec<VersionId> = oldest_first.take(surplus).map(|(_, version)| version.id).collect();
        pruned.iter().try_for_each(|id| self.remove(id))?;
        Ok(pruned)
    }

    /// Takes a version out of `versions/` in one step: it is never half there.
    fn remove(&self, id: &VersionId) -> Result<(), StoreError> {
        let staging = self.dir().join(STAGING);
        create_folder(&staging)?;
        let gone = staging.join(id.as_str());
        rename(&self.folder(id), &gone)?;
        fs::remove_dir_all(&gone).map_err(|source| StoreError::Write { path: gone, source })
    }

    /// The first id that no segment of any version has had, nor any that marketers have added to: ids are never used
    /// again, also not after a roll back. Versions that are damaged or of a newer format count, too.
    ///
    /// # Errors
    /// As [`ModelStore::list`]; the fault of a version whose ids cannot be read, where no later one has counted on from
    /// it.
    pub fn next_segment_id(&self) -> Result<SegmentId, StoreError> {
        // What cannot be read of it is told where it is served.
        let extras = self.extras().unwrap_or_default();
        let mut next = first_after(extras.into_keys());
        let mut unknown = None;
        for version in self.list()? {
            match next_segment_id_of(&self.folder(&version.id)) {
                Some(own) => (next, unknown) = (next.max(own), None),
                None => unknown = version.manifest.err(),
            }
        }
        unknown.map_or(Ok(next), Err)
    }

    /// Keeps the report of a candidate that was refused at `at`, and its page beside it; of earlier ones the latest
    /// nine.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn keep_refused(
        &self,
        _lock: &WriterLock,
        at: Timestamp,
        report: &serde_json::Value,
        page: &str,
    ) -> Result<PathBuf, StoreError> {
        let dir = self.dir().join(REFUSED);
        create_folder(&dir)?;
        let path = dir.join(format!("{}.json", RefusedName::of(at)));
        let json = format::json(report)
            .map_err(|source| StoreError::File { path: path.clone(), fault: FileFault::Contents(source) })?;
        write_anew(&path.with_extension("html"), page.as_bytes())?;
        write_anew(&path, &json)?;
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut kept: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        kept.sort();
        for old in kept.iter().take(kept.len().saturating_sub(MAX_REFUSED)) {
            // A report without a page may be an older build's; a page without a report would never go.
            for path in [old.with_extension("html"), old.clone()] {
                match fs::remove_file(&path) {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        return Err(StoreError::Write { path, source });
                    }
                    _ => {}
                }
            }
        }
        Ok(path)
    }

    /// The report of a candidate that was refused; `None` where it is not kept any more.
    ///
    /// # Errors
    /// [`StoreError::File`] when it cannot be read or is not JSON.
    pub fn refused_report(&self, name: &RefusedName) -> Result<Option<serde_json::Value>, StoreError> {
        let path = self.dir().join(REFUSED).join(format!("{name}.json"));
        if !path.is_file() {
            return Ok(None);
        }
        let report = serde_json::from_slice(&read_file(&path)?);
        report.map(Some).map_err(|e| StoreError::File { path, fault: FileFault::Contents(e.into()) })
    }

    /// Where the report of a refused candidate is as a page; `None` where it is not kept any more.
    pub fn refused_page(&self, name: &RefusedName) -> Option<PathBuf> {
        Some(self.dir().join(REFUSED).join(format!("{name}.html"))).filter(|path| path.is_file())
    }

    /// What a version tells people of its training, as `report.json` has it.
    ///
    /// # Errors
    /// [`StoreError::File`] when there is none or it is not JSON.
    pub fn report(&self, id: &VersionId) -> Result<serde_json::Value, StoreError> {
        let path = self.folder(id).join(format::REPORT);
        let bytes = read_file(&path)?;
        serde_json::from_slice(&bytes).map_err(|e| StoreError::File { path, fault: FileFault::Contents(e.into()) })
    }

    /// Where a version's report is as a page; `None` for a version without one.
    pub fn report_page(&self, id: &VersionId) -> Option<PathBuf> {
        Some(self.folder(id).join(format::PAGE)).filter(|path| path.is_file())
    }
}

/// The first id that no segment of the version in `folder` has: by its manifest and its segments, of whatever format,
/// and damaged or not.
fn next_segment_id_of(folder: &Path) -> Option<SegmentId> {
    let read = |name| read_file(&folder.join(name)).ok();
    let by_manifest = read(MANIFEST).and_then(|json| next_segment_id(&json));
    let by_segments = read(format::PERSONAS).and_then(|json| format::segment_ids(&json)).map(first_after);
    by_manifest.max(by_segments)
}

fn first_after(ids: impl IntoIterator<Item = SegmentId>) -> SegmentId {
    let last = ids.into_iter().max();
    SegmentId::new(last.map_or(0, |id| id.get().saturating_add(1)))
}

/// Writes a file whole, through another name in its folder; it lasts when this returns.
pub(super) fn write_anew(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    durable::write(path, &path.with_file_name(".unfinished"), bytes)
        .map_err(|source| StoreError::Write { path: path.to_owned(), source })
}

impl VersionSummary {
    /// When the version was made: by its manifest, or to the second by its name.
    pub(super) fn created_at(&self) -> Timestamp {
        self.manifest.as_ref().map_or_else(|_| self.id.created_at(), |manifest| manifest.created_at)
    }
}

/// Every fault of the version `id` in `folder`, as [`ModelStore::verify`] tells them.
pub(super) fn verify_folder(folder: &Path, id: &VersionId) -> Vec<StoreError> {
    let manifest = match read_manifest(folder, id) {
        Ok(manifest) => manifest,
        Err(fault) => return vec![fault],
    };
    let checked = manifest.files.iter().map(|(name, sum)| check_file(folder, name, sum));
    let mut faults: Vec<StoreError> = checked.filter_map(Result::err).collect();
    if faults.is_empty() {
        faults.extend(load_folder(folder.to_owned(), id).and_then(|version| check_golden(folder, &version)).err());
    }
    faults
}

/// Compares a file with its checksum.
fn check_file(folder: &Path, name: &str, sum: &str) -> Result<(), StoreError> {
    check_name(folder, name)?;
    let fault = |fault| StoreError::File { path: folder.join(name), fault };
    if sha256_hex(&read_file(&folder.join(name))?) == sum { Ok(()) } else { Err(fault(FileFault::Checksum)) }
}

/// Checks a name that comes from a manifest: it must be a file's, and no path.
pub(super) fn check_name(folder: &Path, name: &str) -> Result<(), StoreError> {
    let is_name = matches!(Path::new(name).components().collect::<Vec<_>>().as_slice(), [Component::Normal(_)]);
    if is_name && name != MANIFEST {
        Ok(())
    } else {
        Err(StoreError::File { path: folder.join(MANIFEST), fault: FileFault::NotListed })
    }
}

fn check_golden(folder: &Path, version: &ModelVersion) -> Result<(), StoreError> {
    let path = folder.join(format::GOLDEN);
    let golden = format::decode_golden(&read_file(&path)?)
        .map_err(|source| StoreError::File { path: path.clone(), fault: FileFault::Contents(source) })?;
    match golden.agreement(&version.model) {
        Ok(agreement) if agreement.is_full() => Ok(()),
        Ok(agreement) => Err(StoreError::File {
            path,
            fault: FileFault::Disagrees { agreeing: agreement.agreeing, of: agreement.of },
        }),
        Err(error) => Err(StoreError::File { path, fault: FileFault::Contents(error.into()) }),
    }
}
