//! Every workbook under the base data, and every upload that waits, as one table.
//!
//! Files are read in the order of their age, since of several rows of one customer the newest stands
//! ([`TableBuilder::newest_stands`]): base data by their folders' names (one folder a day), within a folder by their own,
//! but uploads that an earlier training put there after the others; then the uploads that wait, by their names, which
//! begin with their time. Within a file a later row is the newer one.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::uploads::{self, TAKEN};
use super::{RetrainError, RetrainEvent, RetrainRequest, sentence};
use crate::customer::{CustomerTable, TableBuilder};
use crate::workbook::{self, WorkbookError};

/// How deep folders below the base data are followed.
const MAX_DEPTH: usize = 8;

/// A file that was left out of a training.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedFile {
    /// The file: base data relative to their folder, an upload with its folder's name.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

pub(super) struct Collected {
    pub table: CustomerTable,
    pub files: Vec<PathBuf>,
    pub skipped: Vec<SkippedFile>,
    /// Where the uploads among `files` are.
    pub uploads: Vec<PathBuf>,
}

/// A file to be read.
struct Source {
    path: PathBuf,
    /// What reports call it.
    label: PathBuf,
    is_upload: bool,
}

/// Reads every file. Without any, the table is empty.
pub(super) fn collect(
    request: &RetrainRequest<'_>,
    progress: &(dyn Fn(RetrainEvent<'_>) + Sync),
) -> Result<Collected, RetrainError> {
    let sources = sources(request)?;
    let mut skipped: Vec<SkippedFile> = Vec::new();
    loop {
        // `None`: some rows of a damaged file are in the table already; it is read again without that file.
        if let Some((table, read)) = read_all(request, &sources, &mut skipped, progress) {
            let files = read.iter().map(|source| source.label.clone()).collect();
            let uploads = read.iter().filter(|source| source.is_upload).map(|source| source.path.clone()).collect();
            return Ok(Collected { table, files, skipped, uploads });
        }
    }
}

/// Every file to be read, the oldest first.
fn sources(request: &RetrainRequest<'_>) -> Result<Vec<Source>, RetrainError> {
    let mut base = Vec::new();
    list(request.base_data, MAX_DEPTH, &mut base)?;
    base.sort_by_cached_key(|path| {
        let name = path.file_name().unwrap_or_default().to_owned();
        let was_upload = name.as_encoded_bytes().starts_with(TAKEN.as_bytes());
        (path.parent().map(Path::to_owned), was_upload, name)
    });
    let waiting = match request.uploads {
        Some(dir) => uploads::forget_taken(uploads::waiting(dir)?, &base)?,
        None => Vec::new(),
    };
    let from_base = base.into_iter().map(|path| {
        let label = path.strip_prefix(request.base_data).unwrap_or(&path).to_owned();
        Source { path, label, is_upload: false }
    });
    let from_uploads = waiting.into_iter().map(|path| {
        let label = Path::new("uploads").join(path.file_name().unwrap_or_default());
        Source { path, label, is_upload: true }
    });
    Ok(from_base.chain(from_uploads).collect())
}

/// Reads every file that is not in `skipped`, and adds those that cannot be read to it.
fn read_all<'s>(
    request: &RetrainRequest<'_>,
    sources: &'s [Source],
    skipped: &mut Vec<SkippedFile>,
    progress: &(dyn Fn(RetrainEvent<'_>) + Sync),
) -> Option<(CustomerTable, Vec<&'s Source>)> {
    let mut builder = TableBuilder::newest_stands(request.schema.clone(), request.today);
    let mut files = Vec::new();
    for (number, source) in (1..).zip(sources) {
        if skipped.iter().any(|skipped| skipped.file == source.label) {
            continue;
        }
        progress(RetrainEvent::Reading { file: &source.path, number, of: sources.len() });
        builder.set_source(&source.label.to_string_lossy());
        let rows_before = builder.rows_read();
        let read = File::open(&source.path)
            .map_err(WorkbookError::Io)
            .and_then(|file| workbook::read_into(BufReader::new(file), &mut builder, &request.limits));
        match read {
            Ok(()) => files.push(source),
            Err(error) => {
                skipped.push(SkippedFile { file: source.label.clone(), why: sentence(&error) });
                if builder.rows_read() > rows_before {
                    return None;
                }
            }
        }
    }
    Some((builder.finish(), files))
}

/// Adds the files below `dir`; hidden ones and links are passed over.
fn list(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), RetrainError> {
    let unlistable = |source| RetrainError::Unlistable { dir: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(unlistable)?,
    };
    for entry in entries {
        let entry = entry.map_err(unlistable)?;
        let kind = entry.file_type().map_err(unlistable)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_file() {
            found.push(entry.path());
        } else if kind.is_dir() && depth > 0 {
            list(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}
