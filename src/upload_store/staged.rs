//! Files that are being written and have no name yet, and what is left of them where their process was killed.
//!
//! The process that writes such a file holds the system's lock on it. The system takes the lock away when that process
//! ends, however it ends. So a file that nobody has locked is abandoned.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::durable;

const INCOMING: &str = ".incoming-";
/// How old a file is that nobody writes any more, where the file system has no locks.
const WITHOUT_LOCKS: Duration = Duration::from_secs(3600);

/// Makes a hidden file in `folder`, locked and for its owner alone, to be renamed once it is whole.
///
/// # Errors
/// What the system said.
pub fn stage(folder: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let path = folder.join(format!("{INCOMING}{}", Uuid::new_v4().simple()));
        let file = durable::create_private(&path)?;
        match file.try_lock() {
            // Some file systems have no locks. There the age of a file has to do.
            Ok(()) | Err(TryLockError::Error(_)) if file.metadata()?.nlink() > 0 => return Ok((path, file)),
            // It was removed as abandoned before it was locked.
            _ => {}
        }
    }
}

/// Whether a file of this name is one that was being written.
pub fn is_staged(name: &[u8]) -> bool {
    name.starts_with(INCOMING.as_bytes())
}

/// Files without a name of their own, as a sweep found them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Those of processes that have ended, which were removed.
    pub n_removed: usize,
    /// Those that a process is writing, or may be.
    pub n_left: usize,
}

/// Removes from `folder` the files that were being written by a process that has ended, if they were last written
/// `least_age` ago or earlier. Says how many they were, and how many others there are.
///
/// # Errors
/// When the folder exists and cannot be listed, or such a file cannot be opened or removed.
pub fn remove_abandoned(folder: &Path, least_age: Duration) -> io::Result<Swept> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Swept::default()),
        entries => entries?,
    };
    let mut swept = Swept::default();
    for entry in entries {
        let entry = entry?;
        if is_staged(entry.file_name().as_encoded_bytes()) && entry.file_type()?.is_file() {
            match remove_if_abandoned(&entry.path(), least_age) {
                Ok(true) => swept.n_removed += 1,
                Ok(false) => swept.n_left += 1,
                // It has its name by now, or is gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(swept)
}

fn remove_if_abandoned(path: &Path, least_age: Duration) -> io::Result<bool> {
    let file = File::options().read(true).write(true).open(path)?;
    let (has_locks, least_age) = match file.try_lock() {
        Ok(()) => (true, least_age),
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(_)) => (false, least_age.max(WITHOUT_LOCKS)),
    };
    // A time that is still to come says nothing.
    let age = SystemTime::now().duration_since(file.metadata()?.modified()?);
    if !age.map_or(has_locks, |age| age >= least_age) {
        return Ok(false);
    }
    // The lock is held until the file is gone, so that nobody takes it for theirs.
    fs::remove_file(path)?;
    Ok(true)
}
