//! The folder of base data: every file below it, and what a process that was killed has left there.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{RetrainError, SkippedFile, uploads};
use crate::model_store::WriterLock;
use crate::upload_store::{UploadId, is_staged};
use crate::workbook::COLUMNS_EXTENSION;

/// What the names of workbooks end with.
const WORKBOOKS: [&str; 4] = ["xlsx", "xls", "csv", COLUMNS_EXTENSION];
/// How deep folders below the base data are followed.
const MAX_DEPTH: usize = 8;
/// Why nothing of a folder is read.
const TOO_DEEP: &str = "folders deeper than 8 below BASE_DATA_DIR are not looked into";
const HIDDEN: &str = "hidden folders are not looked into";

/// What is below the folder of base data, and no folder that is followed.
#[derive(Debug, Default)]
pub(super) struct BaseFiles {
    pub files: Vec<PathBuf>,
    /// Hidden workbooks, which no training reads and an erasure does.
    pub hidden: Vec<PathBuf>,
    /// Folders that are too deep to be looked into, or cannot be listed.
    pub closed: Vec<SkippedFile>,
    /// Hidden folders, into which neither looks: an erasure says so.
    pub hidden_folders: Vec<SkippedFile>,
    /// What a training or an erasure that was killed has left unfinished.
    unfinished: Vec<PathBuf>,
}

impl BaseFiles {
    /// Lists the folder, also while another process writes to it.
    ///
    /// # Errors
    /// [`RetrainError::Unlistable`].
    pub(super) fn list(base_data: &Path) -> Result<Self, RetrainError> {
        let mut found = Self::default();
        found.add(base_data, base_data, MAX_DEPTH)?;
        Ok(found)
    }

    /// Lists the folder and removes what a training or an erasure that was killed has left unfinished. Without the lock
    /// nobody writes to the base data.
    ///
    /// # Errors
    /// [`RetrainError::Unlistable`]; [`RetrainError::Upload`] naming what could not be removed.
    pub(super) fn swept(base_data: &Path, _lock: &WriterLock) -> Result<Self, RetrainError> {
        let mut found = Self::list(base_data)?;
        for file in found.unfinished.drain(..) {
            fs::remove_file(&file).map_err(|source| RetrainError::Upload { file, source })?;
        }
        Ok(found)
    }

    /// Whether there is nothing in it, nor anything that could not be looked into.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.hidden.is_empty() && self.closed.is_empty() && self.unfinished.is_empty()
    }

    /// Adds what is below `dir` and no folder. A regular file, or one that a link leads to, is read; a link to anything
    /// else, a pipe, a socket or a device is named with the files that cannot be. Hidden ones and what Office leaves
    /// beside a workbook that is open are passed over.
    fn add(&mut self, base_data: &Path, dir: &Path, depth: usize) -> Result<(), RetrainError> {
        let unlistable = |source| RetrainError::Unlistable { dir: dir.to_owned(), source };
        let entries = match fs::read_dir(dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Such as `lost+found` on a disk of its own.
            Err(error) if dir != base_data => {
                let why = format!("the folder cannot be listed: {error}");
                self.closed.push(SkippedFile { file: base_label(base_data, dir), why });
                return Ok(());
            }
            entries => entries.map_err(unlistable)?,
        };
        for entry in entries {
            let entry = entry.map_err(unlistable)?;
            let kind = entry.file_type().map_err(unlistable)?;
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if kind.is_file() && (is_staged(name) || name == uploads::UNFINISHED.as_bytes()) {
                self.unfinished.push(entry.path());
            } else if name.starts_with(b"~$") {
                continue;
            } else if name.starts_with(b".") && kind.is_dir() {
                let file = base_label(base_data, &entry.path());
                self.hidden_folders.push(SkippedFile { file, why: HIDDEN.to_owned() });
            } else if name.starts_with(b".") {
                self.hidden.extend(Some(entry.path()).filter(|path| is_workbook(path)));
            } else if !kind.is_dir() {
                self.files.push(entry.path());
            } else if depth > 0 {
                self.add(base_data, &entry.path(), depth - 1)?;
            } else {
                let file = base_label(base_data, &entry.path());
                self.closed.push(SkippedFile { file, why: TOO_DEEP.to_owned() });
            }
        }
        Ok(())
    }
}

/// Whether a file's name says that it is to be trained on.
pub(super) fn is_workbook(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| WORKBOOKS.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

/// What reports call a file of the base data.
pub(super) fn base_label(base_data: &Path, path: &Path) -> String {
    path.strip_prefix(base_data).unwrap_or(path).display().to_string()
}

/// The uploads that trainings have put into the base data, with their ids.
///
/// # Errors
/// [`RetrainError::Unlistable`].
pub fn taken_uploads(base_data: &Path) -> Result<Vec<(UploadId, PathBuf)>, RetrainError> {
    Ok(uploads::taken(BaseFiles::list(base_data)?.files))
}
