//! Every workbook under the base data, and every upload that waits, as one table.
//!
//! Files are read in the order of their age, since of several rows of one customer the newest stands
//! ([`NewestStands`]): base data by their folders' names (one folder a day), within a folder by their own,
//! but uploads that an earlier training put there after the others; then the uploads that wait, by their names, which
//! begin with their time. Within a file a later row is the newer one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::uploads::{self, TAKEN};
use super::{RetrainError, RetrainEvent, RetrainRequest, SkippedFile, sentence};
use crate::customer::{CustomerTable, KeyedTable, NewestStands};
use crate::workbook::{ReadRequest, Watch, WorkbookError};

/// How deep folders below the base data are followed.
const MAX_DEPTH: usize = 8;

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

/// Reads every file; one that cannot be read is left out whole. Without any, the table is empty.
pub(super) fn collect(
    request: &RetrainRequest<'_>,
    progress: &(dyn Fn(RetrainEvent<'_>) + Sync),
) -> Result<Collected, RetrainError> {
    let sources = sources(request)?;
    let of = sources.len();
    let mut all = NewestStands::new(request.schema.clone());
    let (mut files, mut skipped, mut uploads) = (Vec::new(), Vec::new(), Vec::new());
    for (number, Source { path, label, is_upload }) in (1..).zip(sources) {
        progress(RetrainEvent::Reading { file: &path, number, of });
        let added = read(request, &path)?;
        let added = added.and_then(|file| all.add(&label.to_string_lossy(), &file).map_err(|error| sentence(&error)));
        match added {
            Ok(()) => {
                files.push(label);
                uploads.extend(is_upload.then_some(path));
            }
            Err(why) => skipped.push(SkippedFile { file: label, why }),
        }
    }
    Ok(Collected { table: all.finish(), files, skipped, uploads })
}

/// The rows of one file, or what is wrong with it.
fn read(request: &RetrainRequest<'_>, path: &Path) -> Result<Result<KeyedTable, String>, RetrainError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return Ok(Err(format!("the file cannot be opened: {error}"))),
    };
    let by = ReadRequest { schema: request.schema.clone(), today: request.today, watch: Watch::default() };
    match request.reader.read_keyed(file, &by) {
        // No fault of the file: the next ones would fare no better.
        Err(error @ WorkbookError::NoReader(_)) => Err(RetrainError::Reader(error)),
        read => Ok(read.map_err(|error| sentence(&error))),
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
