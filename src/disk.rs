//! The keeper of the disks: what has to stay free, and room that is reserved before it is written.
//!
//! A writer of uploads, exports, pictures, columns of uploads, tables for a retraining or a new version of the model
//! reserves room before: all of it at once where this program knows how much, or ahead of each piece
//! ([`Keeper::reserving`]). The size that a caller declares reserves nothing, since declaring costs nothing.
//! Reservations of one keeper count together, by file system, so that many writers cannot each find the same room free.
//! A server has one keeper; a command that runs beside it has its own, and sees only what the server has written.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::causes::chain;

/// Bytes that are reserved ahead of a writer whose size is not known.
const AHEAD_BYTES: u64 = 1 << 20;
/// Files that must stay possible on a file system that has room for so many only: each upload takes two, however small
/// it is, and without any left no model, budget or erasure can be written.
const MIN_FREE_FILES: u64 = 1_000;

/// What has to stay free on a file system, and what is reserved on each. Clones are the same keeper.
#[derive(Debug, Clone)]
pub struct Keeper(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    min_free_bytes: u64,
    /// Reserved bytes by the number of the file system.
    reserved: Mutex<BTreeMap<u64, u64>>,
}

/// Why room was not reserved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// Too little would stay free.
    #[error("the disk has {free_bytes} bytes free, and {needed_bytes} are needed with what must stay free")]
    NoRoom {
        /// What is free for this process.
        free_bytes: u64,
        /// What this writer and those under way may write, and what must stay free.
        needed_bytes: u64,
    },
    /// Too few files would stay possible.
    #[error("the disk has room for {free_files} more files, and {MIN_FREE_FILES} must stay free")]
    NoFiles {
        /// How many more files this process could make.
        free_files: u64,
    },
    /// The file system cannot be asked.
    #[error("the disk cannot be asked for its free space")]
    Unknown(#[source] io::Error),
}

/// Room on a file system, reserved until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Reserved {
    keeper: Keeper,
    device: u64,
    size_bytes: u64,
}

/// A file that reserves room ahead of what is written into it.
#[derive(Debug)]
pub struct Reserving<W> {
    out: W,
    keeper: Keeper,
    folder: PathBuf,
    ahead: Option<Reserved>,
}

impl Keeper {
    /// Keeps `min_free_bytes` free (`MIN_FREE_MB`).
    pub fn new(min_free_bytes: u64) -> Self {
        Self(Arc::new(Shared { min_free_bytes, reserved: Mutex::default() }))
    }

    /// Reserves `size_bytes` on the file system of `folder`, which need not exist yet.
    ///
    /// # Errors
    /// [`DiskError::NoRoom`] when less than the reserve would stay free, were all that is reserved there written;
    /// [`DiskError::NoFiles`] when hardly any file can be made there; [`DiskError::Unknown`] when the system cannot
    /// say.
    pub fn reserve(&self, folder: &Path, size_bytes: u64) -> Result<Reserved, DiskError> {
        let mut all = self.reserved();
        let (device, reserved_bytes) = self.with_more(&all, folder, size_bytes)?;
        all.insert(device, reserved_bytes);
        Ok(Reserved { keeper: self.clone(), device, size_bytes })
    }

    /// Finds out whether `size_bytes` could be reserved by now, and reserves nothing.
    ///
    /// # Errors
    /// As [`Keeper::reserve`].
    pub fn check(&self, folder: &Path, size_bytes: u64) -> Result<(), DiskError> {
        self.with_more(&self.reserved(), folder, size_bytes).map(|_| ())
    }

    /// The file system of `folder`, and what is reserved on it with `size_bytes` more.
    fn with_more(&self, all: &BTreeMap<u64, u64>, folder: &Path, size_bytes: u64) -> Result<(u64, u64), DiskError> {
        let nearest = nearest(folder);
        let device = fs::metadata(nearest).map_err(DiskError::Unknown)?.dev();
        let disk = rustix::fs::statvfs(nearest).map_err(|error| DiskError::Unknown(error.into()))?;
        // Some file systems have no such limit, and say that they have room for none.
        if disk.f_files > 0 && disk.f_favail < MIN_FREE_FILES {
            return Err(DiskError::NoFiles { free_files: disk.f_favail });
        }
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        let before = all.get(&device).copied().unwrap_or_default();
        let reserved_bytes = before.saturating_add(size_bytes);
        let needed_bytes = reserved_bytes.saturating_add(self.0.min_free_bytes);
        if free_bytes < needed_bytes {
            return Err(DiskError::NoRoom { free_bytes, needed_bytes });
        }
        Ok((device, reserved_bytes))
    }

    /// `out`, a file in `folder`, with room reserved ahead of what is written. Without room, writing fails with
    /// [`io::ErrorKind::StorageFull`].
    pub fn reserving<W: Write>(&self, folder: &Path, out: W) -> Reserving<W> {
        Reserving { out, keeper: self.clone(), folder: folder.to_owned(), ahead: None }
    }

    fn reserved(&self) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        self.0.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved {
    /// Counts bytes as written and no longer as reserved: the free space has shrunk by them.
    fn use_up(&mut self, size_bytes: u64) {
        let used = size_bytes.min(self.size_bytes);
        self.size_bytes -= used;
        let mut all = self.keeper.reserved();
        if let Some(bytes) = all.get_mut(&self.device) {
            *bytes = bytes.saturating_sub(used);
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.use_up(self.size_bytes);
    }
}

impl<W> Reserving<W> {
    /// What is written into.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// The same, with the room ahead given back.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn reserve(&mut self, size_bytes: u64) -> io::Result<()> {
        if self.ahead.as_ref().is_none_or(|ahead| ahead.size_bytes < size_bytes) {
            self.ahead = None;
            let reserved = self.keeper.reserve(&self.folder, size_bytes.max(AHEAD_BYTES));
            let full = |error: DiskError| io::Error::new(io::ErrorKind::StorageFull, error);
            self.ahead = Some(reserved.map_err(full)?);
        }
        Ok(())
    }
}

impl<W: Write> Write for Reserving<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reserve(bytes.len() as u64)?;
        let n_bytes = self.out.write(bytes)?;
        if let Some(ahead) = &mut self.ahead {
            ahead.use_up(n_bytes as u64);
        }
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Whether a disk that is full or read-only caused `error`.
pub fn is_full(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let is_full = |cause: &(dyn Error + 'static)| match cause.downcast_ref::<io::Error>() {
        Some(error) => matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem),
        None => matches!(cause.downcast_ref(), Some(DiskError::NoRoom { .. } | DiskError::NoFiles { .. })),
    };
    chain(error).any(is_full)
}

/// What is free for this process on the file system of `folder`, which need not exist yet; in bytes.
///
/// # Errors
/// When the system cannot say.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(nearest(folder))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The folder, or the nearest one around it that exists.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_reserved_once_however_many_ask_and_free_again_when_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let to_be_made = folder.path().join("to/be/made");
        // Half of what is free, and a bit more: other tests write as well.
        let most = free_bytes(&to_be_made).unwrap() / 8 * 5;
        let keeper = Keeper::new(0);
        let first = keeper.reserve(&to_be_made, most).unwrap();
        assert!(matches!(keeper.reserve(folder.path(), most), Err(DiskError::NoRoom { .. })));
        drop(first);
        drop(keeper.reserve(folder.path(), most).unwrap());
        let full = keeper.reserve(folder.path(), most).unwrap();
        let mut out = keeper.reserving(folder.path(), Vec::new());
        out.write_all(&[7; 3 << 20]).unwrap();
        assert_eq!((out.get_ref().len(), keeper.reserved().values().sum::<u64>()), (3 << 20, most));
        out.write_all(&[7]).unwrap();
        assert!(keeper.reserved().values().sum::<u64>() > most, "some room is reserved ahead");
        drop((out, full));
        assert_eq!(keeper.reserved().values().sum::<u64>(), 0);
        let demanding = Keeper::new(u64::MAX);
        let refused = demanding.reserving(folder.path(), io::sink()).write_all(&[7]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert!(matches!(demanding.reserve(folder.path(), 0), Err(DiskError::NoRoom { .. })));
    }
}
