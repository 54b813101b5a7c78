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
//!   that received it or, if that was killed, by the next one within two minutes (`staged`).
//! - An upload that came without a key waits until it is approved, before a training learns from it (`about`).
//! - Nothing is received that would leave less room on the file system than is to stay free; uploads in progress
//!   reserve 1 MB at a time.
//! - So many files may be kept, and, where a limit of size is set, so many bytes. What would go beyond is refused:
//!   nobody's accepted upload makes room for another's. Those that wait for approval have half of both.
//! - Where a limit of age is set, older ones are removed. Only files that are named as this module names them are ever
//!   touched. The caller sees to it that no training reads them meanwhile.
//!
//! What its sender calls a file decides its extension and nothing else. Blocking; knows no HTTP and no workbook.

mod about;
mod expiry;
mod listing;
mod name;
mod received;
mod staged;
mod total;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::config::{Reader, defaults};
use crate::disk::{self, DiskError, Keeper};
use crate::durable;

pub use about::{About, UploadState};
pub use listing::{Cursor, ListedUpload, Page};
pub use name::{Extension, NoUploadId, UploadId, is_taken_name, name_before, taken_name};
pub use received::{Received, Receiving, Stored};
pub use staged::{Swept, is_staged, remove_abandoned, stage};

use name::StoredName;
use total::{Added, Counted};

/// An upload that no process writes any more is removed once it is this old. An earlier version of this program, which
/// locks no upload, may be receiving a younger one.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);
/// The most uploads that are kept. Each takes two files of the disk, however small it is, and lists look at them all.
const MAX_FILES: u64 = 50_000;

/// What bounds the uploads that are kept.
#[derive(Debug, Clone)]
pub struct UploadRules {
    /// `UPLOAD_KEEP_DAYS`, how long an upload is kept since it was last sent; without it, forever.
    pub keep_for: Option<Duration>,
    /// `UPLOAD_MAX_GB`, what all of them may hold together, beyond which uploads are refused; no limit without it.
    pub max_total_bytes: Option<u64>,
    /// The most uploads that are kept: 50,000, not configurable. Further ones are refused.
    pub max_files: u64,
    /// `MIN_FREE_MB`, what must stay free on their file system; 256.
    pub min_free_bytes: u64,
    /// `KEEP_UPLOADS`, what is kept of them; the file as it came.
    pub keep: KeepUploads,
    /// `TRAIN_ON_UPLOADS`, from which of them a training learns; the approved ones.
    pub train_on: TrainOn,
}

/// What is kept of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepUploads {
    /// The file as it came.
    #[default]
    Original,
    /// The schema's columns, and pseudonyms in place of identifiers.
    Columns,
}

/// From which kept uploads a training learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrainOn {
    /// From none.
    Off,
    /// From those of callers with a key, those that an administrator approved, and those that an operator put into the
    /// folder by hand.
    #[default]
    Approved,
    /// From all.
    All,
}

impl UploadRules {
    /// Reads the rules from the settings.
    pub fn read(read: &mut Reader<'_>) -> Self {
        Self {
            keep_for: read.limit_of_days("UPLOAD_KEEP_DAYS"),
            max_total_bytes: read.limit_of_gigabytes("UPLOAD_MAX_GB"),
            max_files: MAX_FILES,
            min_free_bytes: read.megabytes("MIN_FREE_MB", 0, 256),
            keep: read.choice(
                "KEEP_UPLOADS",
                ("original", KeepUploads::Original),
                &[("columns", KeepUploads::Columns)],
            ),
            train_on: read.choice(
                "TRAIN_ON_UPLOADS",
                ("approved", TrainOn::Approved),
                &[("off", TrainOn::Off), ("all", TrainOn::All)],
            ),
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
    #[error("there is too little room in the upload folder")]
    NoRoom(#[source] DiskError),
    /// The kept uploads hold as much as they may.
    #[error("the uploads that wait for a training would hold more than {limit_bytes} bytes")]
    StoreFull {
        /// `UPLOAD_MAX_GB`, in bytes; half of it for those that wait for approval.
        limit_bytes: u64,
    },
    /// As many uploads are kept as may be.
    #[error("more than {limit} uploads would wait for a training")]
    TooManyFiles {
        /// The most of them; half for those that wait for approval.
        limit: u64,
    },
    /// The file system or a quota was full before the upload was whole.
    #[error("the upload folder's disk is full")]
    Full(#[source] io::Error),
    /// The folder or the file could not be written.
    #[error("the upload could not be written")]
    Write(#[source] io::Error),
}

impl From<DiskError> for UploadError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Unknown(cause) => Self::Write(cause),
            no_room => Self::NoRoom(no_room),
        }
    }
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Write(error),
        }
    }
}

/// The folder of uploads. Clones are the same store.
#[derive(Debug, Clone)]
pub struct UploadStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    rules: UploadRules,
    disk: Keeper,
    state: Mutex<State>,
    /// Held by who syncs an upload that may still be refused.
    syncing_ahead: Mutex<()>,
    /// Held by who counts what is kept.
    counting: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The names under which contents are kept, as far as this process knows; the disk has the last word.
    names: HashMap<UploadId, StoredName>,
    /// How much is kept, where that is known.
    counted: Option<Counted>,
    /// How much this process has kept.
    added: Added,
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

impl UploadStore {
    /// The uploads in `dir`, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>, rules: UploadRules) -> Self {
        let disk = Keeper::new(rules.min_free_bytes);
        Self(Arc::new(Shared {
            dir: dir.into(),
            rules,
            disk,
            state: Mutex::default(),
            syncing_ahead: Mutex::default(),
            counting: Mutex::default(),
        }))
    }

    /// The keeper of the disk, for others that write beside uploads.
    pub fn disk(&self) -> &Keeper {
        &self.0.disk
    }

    /// Learns what is kept, and removes the notes of uploads that have been gone for an hour or more.
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
            if about::is_note_of_nothing(&entry.path()) {
                about::remove_old_note(&entry.path());
            } else if let Some((id, name)) = entry.file_name().to_str().and_then(StoredName::read) {
                names.insert(id, name);
            }
        }
        self.lock().names.extend(names);
    }

    /// Removes what processes that were killed have received of uploads; says so in the log. What a process is still
    /// receiving stays, also where that is another process.
    ///
    /// # Errors
    /// As [`remove_abandoned`].
    pub fn sweep(&self) -> io::Result<()> {
        let Swept { n_removed, .. } = remove_abandoned(self.dir(), ABANDONED_AFTER)?;
        if n_removed > 0 {
            tracing::info!(
                event = "abandoned_uploads_removed",
                n_removed,
                "what a process that was killed had received of uploads was removed"
            );
        }
        Ok(())
    }

    /// Finds out whether there is room on the disk for `size_bytes` by now. Reserves nothing. Whether the store may
    /// hold as much is asked when it is kept: exports keep nothing, and content that is kept already takes no room.
    ///
    /// # Errors
    /// [`UploadError::NoRoom`] when less than the reserve would stay free; [`UploadError::Write`] when the folder
    /// cannot be made or asked.
    pub fn check_room(&self, size_bytes: u64) -> Result<(), UploadError> {
        durable::create_private_folder(self.dir())?;
        Ok(self.0.disk.check(self.dir(), size_bytes)?)
    }

    /// What is free for this process on the file system of the uploads, also of a folder that is still to be made, in
    /// bytes.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn free_bytes(&self) -> io::Result<u64> {
        disk::free_bytes(self.dir())
    }

    /// What is kept of an upload.
    pub fn what_is_kept(&self) -> KeepUploads {
        self.0.rules.keep
    }

    /// From which uploads a training learns.
    pub fn train_on(&self) -> TrainOn {
        self.0.rules.train_on
    }

    /// Begins an upload, as an empty hidden file.
    ///
    /// # Errors
    /// [`UploadError::Full`] and [`UploadError::Write`] when the folder or the file cannot be made.
    pub fn receive(&self, extension: Extension) -> Result<Receiving, UploadError> {
        durable::create_private_folder(self.dir())?;
        Receiving::begin(self.clone(), extension)
    }

    /// Renames the synced file at `hidden`, or finds that its content is kept already; either lasts when this returns,
    /// and so does what is known of it. One that is kept already is approved if this sender's is.
    fn keep(&self, hidden: &Path, content: &Content, about: &About) -> Result<(bool, UploadState), UploadError> {
        let size_bytes = fs::metadata(hidden)?.len();
        let known = self.lock().names.get(&content.id).map(|name| self.dir().join(name.of(content.id)));
        if !known.is_some_and(|path| path.exists()) {
            self.count_ahead(size_bytes, about)?;
        }
        let new = StoredName::new(Timestamp::now(), content.extension);
        let new_path = self.dir().join(new.of(content.id));
        let mut state = self.lock();
        let kept_before = state.names.get(&content.id).and_then(|&name| self.renew(name, content, about));
        if kept_before.is_none() {
            // Others may have been kept since this one began to arrive.
            self.count_in(&mut state, size_bytes, about)?;
            // Before the upload has its name, and while the store is locked: of two senders of one content in the same
            // second, the second would write over the first one's note.
            about.write(&new_path)?;
            fs::rename(hidden, &new_path)?;
            state.remember(content.id, new, self.dir());
        }
        drop(state);
        let Some((file, path)) = kept_before else {
            durable::sync_folder(self.dir())?;
            return Ok((false, about.state));
        };
        // The second sender relies on the file, too, and the first may not have synced it yet.
        file.sync_all()?;
        durable::sync_folder(self.dir())?;
        let was_approved = About::is_approved(&path);
        if about.state == UploadState::Waiting {
            return Ok((true, if was_approved { UploadState::Approved } else { UploadState::Waiting }));
        }
        // Where it changes nothing, the folder is not searched for it: a sender may send one content again and again.
        if !was_approved || about.is_for_training && !About::was_for_training(&path) {
            self.approve_as(content.id, about.sent_by.as_deref(), about.is_for_training)?;
        }
        Ok((true, UploadState::Approved))
    }

    /// Begins the age of the kept content anew, if its file is there and whole.
    fn renew(&self, name: StoredName, content: &Content, about: &About) -> Option<(File, PathBuf)> {
        let path = self.dir().join(name.of(content.id));
        let file = durable::open_regular(&path).ok()?;
        // How long the columns of a content are is known only where they are made of it.
        let size_bytes = if name.is_original() { Some(content.original_bytes) } else { content.columns_bytes };
        let found = file.metadata().ok().filter(|file| size_bytes.is_none_or(|n| n == file.len()))?;
        // If its age cannot be renewed, the content is kept once more instead.
        let is_renewed = || {
            about.note_again(&path, found.modified()?)?;
            file.set_modified(SystemTime::now())
        };
        is_renewed().is_ok().then_some((file, path))
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
    /// What came, in bytes.
    original_bytes: u64,
    /// What is kept in its place, in bytes; `None` where that is what came.
    columns_bytes: Option<u64>,
    extension: Extension,
}

#[cfg(test)]
mod tests;
