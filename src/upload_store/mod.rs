//! Uploads that last: each comes in as a hidden file, and is kept under a name that says when it came and what it holds.
//!
//! A kept upload is called `<utc-time>-<id>.<ext>`, the id being the first half of its content's SHA-256. What is there
//! is told by the names alone, so it survives a restart without a database, and content that is sent again is found
//! again and stored once: it keeps its first name, and its age begins anew. Uploads that a training has moved into the
//! base data are not looked for: those files are the operator's to edit, so content that is sent once more waits once
//! more, and the training drops the rows that are copies.
//!
//! - Kept means: the file is synced, renamed, and its folder is synced. What is not kept is removed, by whoever received
//!   it or, where that process was killed, by the next one.
//! - Nothing is received that would leave less room on the file system than is to stay free; uploads under way count
//!   with all that they may become.
//! - Where a limit of age or size is set, the oldest are removed. Only files that are named as this module names them
//!   are ever touched. The caller sees to it that no training reads them meanwhile.
//!
//! What its sender calls a file decides its extension and nothing else. Blocking; knows no HTTP and no workbook, imports
//! [`crate::config`] alone of ours.

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
pub use received::{Kept, Received, Receiving};

use name::StoredName;

/// What an earlier process left unfinished is removed once it is this old; a younger one may be another process's.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
const INCOMING: &str = ".incoming-";

/// What bounds the uploads that are kept.
#[derive(Debug, Clone)]
pub struct UploadRules {
    /// `UPLOAD_KEEP_DAYS`, how long an upload is kept since it was last sent; for ever without it.
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
    /// Remembers a name. Before there would have to be more memory for it, those are forgotten whose files a training has
    /// moved away since.
    fn remember(&mut self, id: UploadId, name: StoredName, dir: &Path) {
        if self.names.len() == self.names.capacity() {
            self.names.retain(|id, name| dir.join(name.of(*id)).exists());
        }
        self.names.insert(id, name);
    }
}

/// Room on the disk that is set aside until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Room {
    store: UploadStore,
    size_bytes: u64,
}

impl Drop for Room {
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

    /// Sets room for an upload of `size_bytes` aside.
    ///
    /// # Errors
    /// [`UploadError::NoRoom`] when less than the reserve would stay free, were this upload and all that are under way
    /// stored; [`UploadError::Write`] when the folder cannot be made or asked.
    pub fn room_for(&self, size_bytes: u64) -> Result<Room, UploadError> {
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
        Ok(Room { store: self.clone(), size_bytes })
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
        let was_there = kept_before.is_some();
        if !was_there {
            let name = StoredName::new(Timestamp::now(), content.extension);
            fs::rename(hidden, self.dir().join(name.of(content.id)))?;
            state.remember(content.id, name, self.dir());
        }
        drop(state);
        // Whoever is told that it was there already relies on it as well: the first sender may not have come so far yet.
        if let Some(file) = kept_before {
            file.sync_all()?;
        }
        durable::sync_folder(self.dir())?;
        Ok(was_there)
    }

    /// Begins the age of the file `name` anew, if it is there and of this size.
    fn renew(&self, name: &str, size_bytes: u64) -> Option<File> {
        let file = File::open(self.dir().join(name)).ok()?;
        let is_whole = file.metadata().is_ok_and(|file| file.is_file() && file.len() == size_bytes);
        // Where its age cannot be told anew, the content is kept once more instead.
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
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn keep(store: &UploadStore, content: &[u8]) -> Kept {
        let mut receiving = store.receive(Extension::Csv).unwrap();
        receiving.write(content).unwrap();
        receiving.finish().keep().unwrap()
    }

    fn store(dir: &Path, rules: UploadRules) -> UploadStore {
        let store = UploadStore::new(dir, rules);
        store.start();
        store
    }

    fn set_age(file: &Path, days: u64) {
        let then = SystemTime::now() - Duration::from_secs(days * 86_400);
        File::options().write(true).open(file).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn the_same_content_is_stored_once_also_after_a_restart_and_anew_where_it_was_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let first = keep(&store(dir.path(), UploadRules::default()), b"one");
        let restarted = store(dir.path(), UploadRules::default());
        let again = keep(&restarted, b"one");
        assert_eq!((first.was_there, again.was_there, first.id), (false, true, again.id));
        assert!(!keep(&restarted, b"other").was_there);
        let kept = names(dir.path());
        assert_eq!(kept.len(), 2);
        for name in &kept {
            fs::remove_file(dir.path().join(name)).unwrap();
        }
        assert!(!keep(&restarted, b"one").was_there);
        // A file of the same name that lacks its end is not the content.
        let [name] = names(dir.path()).try_into().unwrap();
        fs::write(dir.path().join(name), "o").unwrap();
        assert!(!keep(&restarted, b"one").was_there);
    }

    #[test]
    fn of_the_same_content_side_by_side_one_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), UploadRules::default());
        let content = vec![b'a'; 1 << 16];
        let kept = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..8).map(|_| scope.spawn(|| keep(&store, &content))).collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(kept.iter().filter(|kept| !kept.was_there).count(), 1);
        let [name] = names(dir.path()).try_into().unwrap();
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), content);
    }

    #[test]
    fn what_is_too_old_goes_and_content_that_was_sent_again_is_young() {
        let dir = tempfile::tempdir().unwrap();
        let rules = UploadRules { keep_for: Some(Duration::from_secs(30 * 86_400)), ..UploadRules::default() };
        let store = store(dir.path(), rules);
        for content in [b"old", b"new", b"met"] {
            keep(&store, content);
        }
        assert!(!store.has_expired(SystemTime::now()).unwrap());
        let strangers = ["customers.csv", ".incoming-1", "20260101T000000Z-0001.csv", "x-0123456789abcdef.csv"];
        for name in strangers {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        for name in names(dir.path()) {
            let path = dir.path().join(name);
            if fs::read(&path).unwrap() != b"new" {
                set_age(&path, 31);
            }
        }
        assert!(keep(&store, b"met").was_there);
        assert!(store.has_expired(SystemTime::now()).unwrap());
        assert_eq!(store.expire(SystemTime::now()).unwrap(), 1);
        let left: Vec<_> = names(dir.path()).iter().map(|name| fs::read(dir.path().join(name)).unwrap()).collect();
        assert_eq!(left.len(), 6);
        assert!(!left.contains(&b"old".to_vec()));
        assert!(!keep(&store, b"old").was_there);
    }

    #[test]
    fn the_oldest_go_until_all_fit() {
        let dir = tempfile::tempdir().unwrap();
        let rules = UploadRules { max_total_bytes: Some(25), ..UploadRules::default() };
        let store = store(dir.path(), rules);
        let contents: [&[u8]; 4] = [b"0000000000", b"1111111111", b"2222222222", b"3333"];
        for content in contents {
            keep(&store, content);
        }
        for name in names(dir.path()) {
            let path = dir.path().join(name);
            let nth = u64::from(fs::read(&path).unwrap()[0] - b'0');
            set_age(&path, 10 - nth);
        }
        assert_eq!(store.expire(SystemTime::now()).unwrap(), 1);
        let mut left: Vec<_> = names(dir.path()).iter().map(|name| fs::read(dir.path().join(name)).unwrap()).collect();
        left.sort();
        assert_eq!(left, contents[1..]);
    }

    #[test]
    fn names_of_files_that_were_moved_away_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), UploadRules::default());
        for n in 0..1_000_u32 {
            keep(&store, &n.to_le_bytes());
            let [name] = names(dir.path()).try_into().unwrap();
            fs::remove_file(dir.path().join(name)).unwrap();
        }
        let n_remembered = store.lock().names.len();
        assert!(n_remembered < 10, "{n_remembered} names");
    }

    #[test]
    fn room_that_is_promised_to_one_is_not_promised_to_another() {
        let dir = tempfile::tempdir().unwrap();
        let disk = rustix::fs::statvfs(dir.path()).unwrap();
        let most_bytes = disk.f_bavail * disk.f_frsize / 10 * 6;
        let store = store(dir.path(), UploadRules { min_free_bytes: 0, ..UploadRules::default() });
        let room = store.room_for(most_bytes).unwrap();
        assert!(matches!(store.room_for(most_bytes), Err(UploadError::NoRoom { .. })));
        drop(room);
        assert!(store.room_for(most_bytes).is_ok());
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn what_another_process_left_long_ago_is_swept_and_what_is_under_way_is_not() {
        let dir = tempfile::tempdir().unwrap();
        for (name, days) in [(".incoming-1", 1), (".incoming-2", 0), (".other", 1)] {
            fs::write(dir.path().join(name), "half").unwrap();
            set_age(&dir.path().join(name), days);
        }
        store(dir.path(), UploadRules::default());
        assert_eq!(names(dir.path()), [".incoming-2", ".other"]);
    }
}
