//! Every workbook under a folder, as one table.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{RetrainError, RetrainEvent, RetrainRequest};
use crate::customer::{CustomerTable, TableBuilder};
use crate::workbook::{self, WorkbookError};

/// How deep folders below the base data are followed.
const MAX_DEPTH: usize = 8;

/// A file that was left out of a training.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedFile {
    /// The file, relative to the base data.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

pub(super) struct Collected {
    pub table: CustomerTable,
    pub files: Vec<PathBuf>,
    pub skipped: Vec<SkippedFile>,
}

/// Reads every file below the base data, in the order of their paths: with one folder a day, the oldest first.
pub(super) fn collect(
    request: &RetrainRequest<'_>,
    progress: &(dyn Fn(RetrainEvent<'_>) + Sync),
) -> Result<Collected, RetrainError> {
    let mut paths = Vec::new();
    list(request.base_data, MAX_DEPTH, &mut paths)?;
    paths.sort();
    if paths.is_empty() {
        return Err(RetrainError::NoData { dir: request.base_data.to_owned() });
    }
    let mut skipped: Vec<SkippedFile> = Vec::new();
    let (table, files) = loop {
        // `None`: some rows of a damaged file are in the table already; it is read again without that file.
        if let Some(read) = read_all(request, &paths, &mut skipped, progress) {
            break read;
        }
    };
    if files.is_empty() {
        let first = skipped.first().map(|s| format!("{}: {}", s.file.display(), s.why)).unwrap_or_default();
        return Err(RetrainError::NothingReadable { n: skipped.len(), first });
    }
    Ok(Collected { table, files, skipped })
}

/// Reads every file that is not in `skipped`, and adds those that cannot be read to it.
fn read_all(
    request: &RetrainRequest<'_>,
    paths: &[PathBuf],
    skipped: &mut Vec<SkippedFile>,
    progress: &(dyn Fn(RetrainEvent<'_>) + Sync),
) -> Option<(CustomerTable, Vec<PathBuf>)> {
    let mut builder = TableBuilder::new(request.schema.clone(), request.today);
    let mut files = Vec::new();
    for (number, path) in (1..).zip(paths) {
        let file = path.strip_prefix(request.base_data).unwrap_or(path).to_owned();
        if skipped.iter().any(|skipped| skipped.file == file) {
            continue;
        }
        progress(RetrainEvent::Reading { file: path, number, of: paths.len() });
        builder.set_source(&file.to_string_lossy());
        let rows_before = builder.rows_read();
        let read = File::open(path)
            .map_err(WorkbookError::Io)
            .and_then(|source| workbook::read_into(BufReader::new(source), &mut builder, &request.limits));
        match read {
            Ok(()) => files.push(file),
            Err(error) => {
                skipped.push(SkippedFile { file, why: sentence(&error) });
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

/// The error and its causes, as one sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
