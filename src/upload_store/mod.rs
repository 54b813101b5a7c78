//! Uploads that last: each comes in as a hidden file, and is kept under a name that says when it came and what it
//! holds.
//!
//! A kept upload is called `<utc-time>-<id>.<ext>`, the id being the first half of its content's SHA-256. What is there
//! follows from the names alone, so it survives a restart without a database, and content that is sent again is found
//! again and stored once: it keeps its first name, and its age begins anew. Uploads that a training has moved into the
//! base data are not looked for: those files are the operator's to edit, so content that is sent once more waits once
//! more, and the training drops the rows that are copies.
//!
//! - Kept means: the file is synced, renamed, and its folder is synced. What is not kept is removed by the process
//!   that received it or, if that was killed, by the next one.
//! - Nothing is received that would leave less room on the file system than is to stay free; uploads under way count
//!   with all that they may become.
//! - Where a limit of age or size is set, the oldest are removed. Only files that are named as this module names them
//!   are ever touched. The caller sees to it that no training reads them meanwhile.
//!
//! What its sender calls a file decides its extension and nothing else. Blocking; knows no HTTP and no workbook,
//! imports [`crate::config`] alone of ours.

mod expiry;
mod name;
mod received;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::config::{Reader, defaults};
use crate::durable;

pub use name::{Extension, UploadId};
pub use received::{Received, Receiving, Stored};

use name::StoredName;

/// What an earlier process left unfinished is removed once it is this old; a younger one may be another process's.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
const INCOMING: &str = ".incoming-";

/// What bounds the uploads that are kept.
#[derive(Debug, Clone)]
pub struct UploadRules {
    /// `UPLOAD_KEEP_DAYS`, how long an upload is kept since it was last sent; without it, forever.
    pub keep_for: Option<Duration>,
    /// `UPLOAD_MAX_GB`, what all of them may hold together; no limit without it.
    pub max_total_bytes: Option<u64>,
    /// `MIN_FREE_MB`, what must stay free on their file system; 256.
    pub min_free_bytes: u64,
}

impl UploadRules {
    /// Reads the rules from the settings.
    pub fn read(read: &mut Reader<'_>) -> Self {
        let days = |days: NonZeroU32| Duration::from_secs(u64::from(days.get()) * 86_400);
        let gigabytes = |gigabytes: NonZeroU32| u64::from(gigabytes.get()) << 30;
        Self {
            keep_for: read.limit("UPLOAD_KEEP_DAYS", "days").map(days),
            max_total_bytes: read.limit("UPLOAD_MAX_GB", "gigabytes").map(gigabytes),
            min_free_bytes: read.megabytes("MIN_FREE_MB", 0, 256),
        }
    }
}

impl Default for UploadRules {
    fn default() -> Self {
        defaults(Self::read)
    }
}

/// Why an upload was not taken. Nothing of it is then left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// Too little would stay free.
    #[error(
        "the upload folder has {free_bytes} bytes free, and the upload needs {needed_bytes} with what must stay free"
    )]
    NoRoom {
        /// What is free for this process.
        free_bytes: u64,
        /// What this upload and those under way may become, and the reserve.
        needed_bytes: u64,
    },
    /// The file system or a quota was full before the upload was whole.
    #[error("the upload folder's disk is full")]
    Full(#[source] io::Error),
    /// The folder or the file could not be written.
    #[error("the upload could not be written")]
    Write(#[source] io::Error),
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Write(error),
        }
    }
}

/// An upload that is kept and waits for a training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What its content is known by.
    pub id: UploadId,
    /// When the content came first.
    pub received_at: Timestamp,
    /// Its size.
    pub size_bytes: u64,
}

/// The folder of uploads. Clones are the same store.
#[derive(Debug, Clone)]
pub struct UploadStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    rules: UploadRules,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The names under which contents are kept, as far as this process knows; the disk has the last word.
    names: HashMap<UploadId, StoredName>,
    /// What uploads under way may become, in bytes.
    promised_bytes: u64,
}

impl State {
    /// Remembers a name. Before there would have to be more memory for it, those are forgotten whose files a training
    /// has moved away since.
    fn remember(&mut self, id: UploadId, name: StoredName, dir: &Path) {
        if self.names.len() == self.names.capacity() {
            self.names.retain(|id, name| dir.join(name.of(*id)).exists());
        }
        self.names.insert(id, name);
    }
}

/// Space on the disk, reserved until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct DiskSpace {
    store: UploadStore,
    size_bytes: u64,
}

impl Drop for DiskSpace {
    fn drop(&mut self) {
        let mut state = self.store.lock();
        state.promised_bytes = state.promised_bytes.saturating_sub(self.size_bytes);
    }
}

impl UploadStore {
    /// The uploads in `dir`, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>, rules: UploadRules) -> Self {
        Self(Arc::new(Shared { dir: dir.into(), rules, state: Mutex::default() }))
    }

    /// Removes what an earlier process left unfinished for an hour or more, and learns what is kept.
    pub fn start(&self) {
        let entries = match fs::read_dir(self.dir()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                tracing::warn!(
                    event = "upload_folder_unlistable",
                    %error,
                    "the folder of uploads cannot be listed: what is in it may be stored once more"
                );
                return;
            }
        };
        let mut names = HashMap::new();
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(INCOMING.as_bytes()) {
                remove_abandoned(&entry);
            } else if let Some((id, name)) = entry.file_name().to_str().and_then(StoredName::read) {
                names.insert(id, name);
            }
        }
        self.lock().names.extend(names);
    }

    /// Reserves space for an upload of `size_bytes`.
    ///
    /// # Errors
    /// [`UploadError::NoRoom`] when less than the reserve would stay free, were this upload and all that are under way
    /// stored; [`UploadError::Write`] when the folder cannot be made or asked.
    pub fn reserve(&self, size_bytes: u64) -> Result<DiskSpace, UploadError> {
        durable::create_folder(self.dir())?;
        let free_bytes = self.free_bytes()?;
        let mut state = self.lock();
        let promised_bytes = state.promised_bytes.saturating_add(size_bytes);
        let needed_bytes = promised_bytes.saturating_add(self.0.rules.min_free_bytes);
        if free_bytes < needed_bytes {
            return Err(UploadError::NoRoom { free_bytes, needed_bytes });
        }
        state.promised_bytes = promised_bytes;
        drop(state);
        Ok(DiskSpace { store: self.clone(), size_bytes })
    }

    /// What is free for this process on the file system of the uploads, also of a folder that is still to be made, in
    /// bytes.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let here = Path::new(".");
        let nearest = self.dir().ancestors().find(|folder| folder.is_dir()).unwrap_or(here);
        let disk = rustix::fs::statvfs(nearest)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// How many uploads are kept and wait for a training.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn n_waiting(&self) -> io::Result<usize> {
        let entries = match fs::read_dir(self.dir()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let is_kept = |entry: &fs::DirEntry| entry.file_name().to_str().and_then(StoredName::read).is_some();
        Ok(entries.flatten().filter(is_kept).count())
    }

    /// The kept uploads that wait for a training, the earliest first.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn waiting(&self) -> io::Result<Vec<Waiting>> {
        let entries = match fs::read_dir(self.dir()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let waiting = |entry: fs::DirEntry| {
            let (id, name) = StoredName::read(entry.file_name().to_str()?)?;
            // One that a training moves away meanwhile does not wait.
            Some(Waiting { id, received_at: name.received_at(), size_bytes: entry.metadata().ok()?.len() })
        };
        let mut waiting: Vec<Waiting> = entries.flatten().filter_map(waiting).collect();
        waiting.sort_by_key(|upload| (upload.received_at, upload.id.to_string()));
        Ok(waiting)
    }

    /// Begins an upload, as an empty hidden file.
    ///
    /// # Errors
    /// [`UploadError::Full`] and [`UploadError::Write`] when the folder or the file cannot be made.
    pub fn receive(&self, extension: Extension) -> Result<Receiving, UploadError> {
        durable::create_folder(self.dir())?;
        Receiving::begin(self.clone(), extension)
    }

    /// Renames the synced file at `hidden`, or finds that its content is kept already; either lasts when this returns.
    /// Says whether it was kept already.
    fn keep(&self, hidden: &Path, content: &Content) -> Result<bool, UploadError> {
        let mut state = self.lock();
        let known = state.names.get(&content.id).map(|name| name.of(content.id));
        let kept_before = known.and_then(|name| self.renew(&name, content.size_bytes));
        let is_duplicate = kept_before.is_some();
        if !is_duplicate {
            let name = StoredName::new(Timestamp::now(), content.extension);
            fs::rename(hidden, self.dir().join(name.of(content.id)))?;
            state.remember(content.id, name, self.dir());
        }
        drop(state);
        // The second sender relies on the file, too, and the first may not have synced it yet.
        if let Some(file) = kept_before {
            file.sync_all()?;
        }
        durable::sync_folder(self.dir())?;
        Ok(is_duplicate)
    }

    /// Begins the age of the file `name` anew, if it is there and of this size.
    fn renew(&self, name: &str, size_bytes: u64) -> Option<File> {
        let file = File::open(self.dir().join(name)).ok()?;
        let is_whole = file.metadata().is_ok_and(|file| file.is_file() && file.len() == size_bytes);
        // If its age cannot be renewed, the content is kept once more instead.
        (is_whole && file.set_modified(SystemTime::now()).is_ok()).then_some(file)
    }

    fn dir(&self) -> &Path {
        &self.0.dir
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept, and under which extension.
#[derive(Debug)]
struct Content {
    id: UploadId,
    size_bytes: u64,
    extension: Extension,
}

fn remove_abandoned(entry: &fs::DirEntry) {
    let age = entry.metadata().and_then(|file| file.modified()).ok().and_then(|time| time.elapsed().ok());
    if age.is_some_and(|age| age > ABANDONED_AFTER)
        && let Err(error) = fs::remove_file(entry.path())
    {
        tracing::warn!(event = "abandoned_upload_remove_failed", %error, "an abandoned upload cannot be removed");
    }
}

#[cfg(test)]
mod tests;
