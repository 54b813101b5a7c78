//! One upload, from its first byte until it is kept or gone.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Content, Extension, INCOMING, UploadError, UploadId, UploadStore};

/// An upload that is coming in. Dropped, it is gone.
#[derive(Debug)]
pub struct Receiving {
    hidden: Hidden,
    content: Sha256,
    size_bytes: u64,
    extension: Extension,
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
}

/// A hidden file that is removed with this.
#[derive(Debug)]
struct Hidden {
    store: UploadStore,
    path: PathBuf,
    file: File,
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Renamed, it is not there any more. One that cannot be removed is still hidden and never read.
        let _ = fs::remove_file(&self.path);
    }
}

impl Receiving {
    pub(super) fn begin(store: UploadStore, extension: Extension) -> Result<Self, UploadError> {
        let path = store.dir().join(format!("{INCOMING}{}", Uuid::new_v4().simple()));
        let file = File::create_new(&path)?;
        Ok(Self { hidden: Hidden { store, path, file }, content: Sha256::new(), size_bytes: 0, extension })
    }

    /// Adds `bytes`.
    ///
    /// # Errors
    /// [`UploadError::Full`] and [`UploadError::Write`] when they cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.hidden.file.write_all(bytes)?;
        self.content.update(bytes);
        self.size_bytes += bytes.len() as u64;
        Ok(())
    }

    /// That was all of it.
    pub fn finish(self) -> Received {
        let Self { hidden, content, size_bytes, extension } = self;
        Received { hidden, content: Content { id: UploadId::of(content), size_bytes, extension } }
    }
}

impl Received {
    /// Where the file is for now.
    pub fn path(&self) -> &Path {
        &self.hidden.path
    }

    /// Makes the upload last, or finds that it does already. When this returns, whatever ends the process or the
    /// machine, the content is on disk, whole.
    ///
    /// # Errors
    /// [`UploadError::Full`] and [`UploadError::Write`] when it cannot be synced or renamed.
    pub fn keep(self) -> Result<Stored, UploadError> {
        let Self { hidden, content } = self;
        // Before the store is locked: others need not wait for this disk's slowest step.
        hidden.file.sync_all()?;
        let is_duplicate = hidden.store.keep(&hidden.path, &content)?;
        Ok(Stored { id: content.id, is_duplicate })
    }
}
