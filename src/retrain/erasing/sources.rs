//! The files that an erasure looks through.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::RetrainError;
use super::super::base_data::{BaseFiles, base_label, is_workbook};
use super::super::sample::is_sample;
use super::super::uploads::{is_taken, label, own_id, waiting};
use crate::upload_store::remove_abandoned;

/// A file to look through.
pub(super) struct Source {
    pub path: PathBuf,
    /// What reports call it.
    pub label: String,
    /// Whether it is a kept upload, and not a file of the operator's.
    pub is_ours: bool,
}

/// The base data but for the sample, whose customers are invented; hidden workbooks as well. Pipes, sockets and devices
/// hold nobody.
pub(super) fn of_base_data(base_data: &Path, files: BaseFiles) -> Vec<Source> {
    let files = files.files.into_iter().chain(files.hidden).filter(|path| may_hold_rows(path)).map(|path| Source {
        is_ours: is_taken(&path) && own_id(&path).is_some(),
        label: base_label(base_data, &path),
        path,
    });
    files.collect()
}

/// The uploads, hidden workbooks among them, the sample again left out, and how many further ones are on their way.
/// Folders are named as what cannot be opened. What a process that was killed has left may hold the customer, and is
/// removed.
pub(super) fn of_uploads(uploads: &Path) -> Result<(Vec<Source>, usize), RetrainError> {
    // Counted before the others are listed: one that gets its name in between is counted and listed, and never neither.
    let swept = remove_abandoned(uploads, Duration::ZERO)
        .map_err(|source| RetrainError::Unlistable { dir: uploads.to_owned(), source })?;
    let files = waiting(uploads)?
        .into_iter()
        .chain(passed_over_in(uploads))
        .filter(|path| may_hold_rows(path))
        .map(|path| Source { is_ours: own_id(&path).is_some(), label: label(&path), path });
    Ok((files.collect(), swept.n_left))
}

/// What no training reads in the folder of uploads: folders, and hidden workbooks. They are none of this service's.
fn passed_over_in(uploads: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(uploads).into_iter().flatten().flatten();
    let is_passed_over = |entry: &fs::DirEntry| {
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        entry.file_type().is_ok_and(|kind| kind.is_dir() || is_hidden && is_workbook(&entry.path()))
    };
    entries.filter(is_passed_over).map(|entry| entry.path())
}

/// Whether it is a regular file other than the sample, a folder that nothing is read from, such as one behind a link,
/// or a link that leads nowhere.
fn may_hold_rows(path: &Path) -> bool {
    path.metadata().map_or(true, |found| found.is_file() || found.is_dir()) && !is_sample(path)
}
