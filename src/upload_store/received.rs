//! One upload, from its first byte until it is kept or gone.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::{About, Content, Extension, UploadError, UploadId, UploadState, UploadStore, stage};
use crate::disk::Reserving;

/// An upload that is coming in. Dropped, it is gone.
#[derive(Debug)]
pub struct Receiving {
    hidden: Hidden,
    content: Sha256,
    size_bytes: u64,
    extension: Extension,
    /// The hidden file, with room reserved ahead of what is written into it.
    out: Reserving<File>,
}

/// An upload that is whole and not yet kept. Dropped, it is gone.
#[derive(Debug)]
pub struct Received {
    hidden: Hidden,
    content: Content,
}

/// An upload that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// What its name has for its content.
    pub id: UploadId,
    /// Whether the same content was kept before, and was not stored again.
    pub is_duplicate: bool,
    /// Whether a training may learn from it.
    pub state: UploadState,
}

/// A hidden file that is removed with this.
#[derive(Debug)]
struct Hidden {
    store: UploadStore,
    path: PathBuf,
    synced: Arc<SyncedOnce>,
}

/// A file that is written to its end, and synced by the first who asks for it.
#[derive(Debug)]
struct SyncedOnce {
    file: File,
    outcome: Mutex<Option<io::Result<()>>>,
}

impl SyncedOnce {
    /// Syncs the file, or waits for who does.
    fn sync(&self) -> MutexGuard<'_, Option<io::Result<()>>> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.is_none() {
            *outcome = Some(self.file.sync_all());
        }
        outcome
    }

    /// The same, with what came of it. The system reports an error once: another sync would seem to succeed.
    fn outcome_of_sync(&self) -> io::Result<()> {
        self.sync().replace(Ok(())).unwrap_or(Ok(()))
    }
}

impl Hidden {
    fn new(store: UploadStore) -> Result<Self, UploadError> {
        let (path, file) = stage(store.dir())?;
        Ok(Self { store, path, synced: Arc::new(SyncedOnce { file, outcome: Mutex::default() }) })
    }

    fn file(&self) -> &File {
        &self.synced.file
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Renamed, it is not there any more. One that cannot be removed is still hidden and never read.
        let _ = fs::remove_file(&self.path);
    }
}

impl Receiving {
    pub(super) fn begin(store: UploadStore, extension: Extension) -> Result<Self, UploadError> {
        let hidden = Hidden::new(store)?;
        let out = hidden.store.disk().reserving(hidden.store.dir(), hidden.file().try_clone()?);
        Ok(Self { hidden, content: Sha256::new(), size_bytes: 0, extension, out })
    }

    /// Adds `bytes`.
    ///
    /// # Errors
    /// [`UploadError::Full`] and [`UploadError::Write`] when they cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.out.write_all(bytes)?;
        self.content.update(bytes);
        self.size_bytes += bytes.len() as u64;
        Ok(())
    }

    /// That was all of it.
    pub fn finish(self) -> Received {
        let Self { hidden, content, size_bytes, extension, .. } = self;
        let (id, original_bytes, columns_bytes) = (UploadId::of(content), size_bytes, None);
        Received { hidden, content: Content { id, original_bytes, columns_bytes, extension } }
    }
}

impl Received {
    /// Where the file is for now.
    pub fn path(&self) -> &Path {
        &self.hidden.path
    }

    /// What syncs the upload ahead of [`keep`](Self::keep), for another thread while the upload is read: a large one
    /// waits for the disk longest. It promises nothing. Of several uploads one is synced ahead at a time, since some
    /// will be refused, and must not keep the disk from those that are kept.
    pub fn sync_ahead(&self) -> impl FnOnce() + Send + 'static {
        let (store, synced) = (self.hidden.store.clone(), self.hidden.synced.clone());
        move || {
            if let Ok(_alone) = store.0.syncing_ahead.try_lock() {
                drop(synced.sync());
            }
        }
    }

    /// Makes the upload last, or finds that it does already. When this returns, whatever ends the process or the
    /// machine, the content is on disk, whole, with what is known of it.
    ///
    /// # Errors
    /// [`UploadError::Full`] and [`UploadError::Write`] when it cannot be synced or renamed.
    pub fn keep(self, about: &About) -> Result<Stored, UploadError> {
        let Self { hidden, content } = self;
        // Before the store is locked: others need not wait for this disk's slowest step.
        hidden.synced.outcome_of_sync()?;
        let (is_duplicate, state) = hidden.store.keep(&hidden.path, &content, about)?;
        Ok(Stored { id: content.id, is_duplicate, state })
    }

    /// The upload with what `write` writes in the place of what came, which is removed. It is still known by what came.
    ///
    /// # Errors
    /// Those of `write`; [`UploadError::Full`] when too little would stay free, and [`UploadError::Write`] when it
    /// cannot be written.
    pub fn as_columns(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Self, UploadError> {
        let Self { hidden, content } = self;
        let columns = Hidden::new(hidden.store.clone())?;
        // They may take more than what came, and what must stay free stays free.
        let mut out = BufWriter::new(columns.store.disk().reserving(columns.store.dir(), columns.file()));
        write(&mut out)?;
        out.flush()?;
        drop(out);
        let columns_bytes = Some(columns.file().metadata()?.len());
        Ok(Self { hidden: columns, content: Content { columns_bytes, extension: Extension::Columns, ..content } })
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn who_keeps_an_upload_learns_that_it_could_not_be_synced_ahead() {
        // A pipe cannot be synced.
        let (pipe, _other_end) = io::pipe().unwrap();
        let synced = SyncedOnce { file: File::from(OwnedFd::from(pipe)), outcome: Mutex::default() };
        drop(synced.sync());
        assert_eq!(synced.outcome_of_sync().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
