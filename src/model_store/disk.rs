//! Files that are whole or absent, each failure named with its file: synced writes, bounded reads, checksums.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{FileFault, StoreError};
use crate::causes::hex;
use crate::{durable, text_file};

/// The largest model file that is read: 200,000 profiles of 500 features take 400 MB.
const MAX_FILE_BYTES: u64 = 1 << 30;

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes))
}

/// Writes a new file and syncs it.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    durable::write_new(path, bytes).map_err(|source| StoreError::Write { path: path.to_owned(), source })
}

/// Syncs a folder, so that the names in it last.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    durable::sync_folder(path).map_err(|source| StoreError::Write { path: path.to_owned(), source })
}

pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).map_err(|source| StoreError::Write { path: path.to_owned(), source })
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|source| StoreError::Write { path: to.to_owned(), source })
}

/// Reads a file whole.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, StoreError> {
    let fault = |fault| StoreError::File { path: path.to_owned(), fault };
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FileFault::Missing,
        _ => FileFault::Unreadable(source),
    };
    let file = durable::open_regular(path).map_err(|e| fault(unreadable(e)))?;
    let size_bytes = file.metadata().map_err(|e| fault(unreadable(e)))?.len();
    if size_bytes > MAX_FILE_BYTES {
        return Err(fault(FileFault::TooLarge { size_bytes }));
    }
    let mut bytes = Vec::with_capacity(size_bytes as usize);
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(|e| fault(unreadable(e)))?;
    if text_file::is_lfs_pointer(&bytes) { Err(fault(FileFault::LfsPointer)) } else { Ok(bytes) }
}
