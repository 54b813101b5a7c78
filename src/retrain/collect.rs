//! Every workbook under the base data, and every upload that waits, as one table.
//!
//! Files are read in the order of their age, since of several rows of one customer the newest counts
//! ([`NewestStands`]): base data by their folders' names (one folder a day), within a folder by their own,
//! but uploads that an earlier training put there after the others; then the uploads that wait, by their names, which
//! begin with their time. Within a file a later row is the newer one.
//!
//! The sample is not read where there is another workbook or another file with customers: invented customers and own
//! ones are never in one table. A workbook that cannot be read counts here too, for it was meant to be trained on.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::left_out::MostLeftOut;
use super::sample::is_sample;
use super::uploads;
use super::{FileInTurn, Progress, RetrainError, RetrainRequest, SkippedFile};
use crate::causes::with_causes;
use crate::customer::{CustomerTable, Keep, KeyedTable, NewestStands};
use crate::durable;
use crate::upload_store::{About, UploadId, is_staged};
use crate::workbook::{COLUMNS_EXTENSION, ReadRequest, Watch, WorkbookError, is_columns_file, read_columns};

/// How deep folders below the base data are followed.
const MAX_DEPTH: usize = 8;
/// Why nothing of a folder is read.
pub(super) const TOO_DEEP: &str = "folders deeper than 8 below BASE_DATA_DIR are not looked into";

/// What the names of workbooks end with.
const WORKBOOKS: [&str; 4] = ["xlsx", "xls", "csv", COLUMNS_EXTENSION];

/// Customers that a data engine has grouped into profiles.
#[derive(Debug, Clone)]
pub struct Profiles {
    /// What reports call their file.
    pub label: String,
    /// The profiles, each with its number of customers, by the schema to train by.
    pub table: CustomerTable,
}

pub(super) struct Collected {
    pub table: CustomerTable,
    pub files: Vec<String>,
    pub skipped: Vec<SkippedFile>,
    /// Whether the files that were read are the sample.
    pub is_sample: bool,
    /// The files that are the sample, and were not read since there are others.
    pub set_aside: Vec<String>,
    /// Where the uploads among `files` and `set_aside` are.
    pub uploads: Vec<PathBuf>,
    /// The uploads that wait for approval, and were not read.
    pub unapproved: Vec<String>,
    /// How many of the customers each waiting upload brought, those that no file before it has; without the uploads
    /// that somebody who may train has sent to be trained on.
    pub brought: Vec<(String, usize)>,
    /// The file that most rows were left out of.
    pub most_left_out: MostLeftOut,
}

impl Collected {
    /// Customers from one place that is no workbook.
    fn of(table: CustomerTable, label: String) -> Self {
        Self {
            table,
            files: vec![label],
            skipped: Vec::new(),
            is_sample: false,
            set_aside: Vec::new(),
            uploads: Vec::new(),
            unapproved: Vec::new(),
            brought: Vec::new(),
            most_left_out: None,
        }
    }
}

/// A file to be read.
struct Source {
    path: PathBuf,
    /// What reports call it, readable whatever its name is.
    label: String,
    is_upload: bool,
}

/// Takes over the profiles, where there are some. Else reads every file but the sample or, where there is nothing else,
/// the sample. One that cannot be read is left out whole. Without any, the table is empty.
pub(super) fn collect(
    request: &RetrainRequest<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Collected, RetrainError> {
    if let Some(Profiles { label, table }) = request.profiles {
        (progress)(Progress::reading(FileInTurn { name: label.clone(), number: 1, of: 1 }));
        return Ok(Collected::of(table.clone(), label.clone()));
    }
    let Sources { sources, unapproved, too_deep } = sources(request)?;
    let (sample, own): (Vec<_>, Vec<_>) = sources.into_iter().partition(|source| is_sample(&source.path));
    let has_workbook = own.iter().any(|source| is_workbook(&source.path));
    let of = own.len() + if has_workbook { 0 } else { sample.len() };
    let mut collecting = Collecting::new(request, progress, of);
    collecting.skipped.extend(too_deep.into_iter().map(|file| SkippedFile { file, why: TOO_DEEP.to_owned() }));
    own.iter().try_for_each(|source| collecting.read(source))?;
    let is_sample = !sample.is_empty() && !has_workbook && collecting.files.is_empty();
    let mut set_aside = Vec::new();
    for source in &sample {
        if is_sample {
            collecting.read(source)?;
        } else {
            set_aside.push(source.label.clone());
            collecting.uploads.extend(source.is_upload.then(|| source.path.clone()));
        }
    }
    let Collecting { all, files, skipped, uploads, from_uploads, most_left_out, .. } = collecting;
    let (table, brought) = all.finish_counted();
    let brought = files.iter().zip(brought).zip(from_uploads).filter(|(_, is_upload)| *is_upload);
    let brought = brought.map(|((label, customers), _)| (label.clone(), customers)).collect();
    Ok(Collected { table, files, skipped, is_sample, set_aside, uploads, unapproved, brought, most_left_out })
}

/// Whether a file's name says that it is to be trained on.
fn is_workbook(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| WORKBOOKS.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

/// What was read so far.
struct Collecting<'a> {
    request: &'a RetrainRequest<'a>,
    progress: &'a (dyn Fn(Progress) + Sync),
    /// Files that were begun, of so many.
    number: usize,
    of: usize,
    all: NewestStands,
    files: Vec<String>,
    skipped: Vec<SkippedFile>,
    uploads: Vec<PathBuf>,
    /// Which of `files` are uploads that nobody has sent to be trained on.
    from_uploads: Vec<bool>,
    most_left_out: MostLeftOut,
}

impl<'a> Collecting<'a> {
    fn new(request: &'a RetrainRequest<'a>, progress: &'a (dyn Fn(Progress) + Sync), of: usize) -> Self {
        let all = NewestStands::new(request.schema.clone());
        let (files, skipped, uploads, from_uploads, most_left_out) = Default::default();
        Self { request, progress, number: 0, of, all, files, skipped, uploads, from_uploads, most_left_out }
    }

    /// Reads one more file.
    fn read(&mut self, source: &Source) -> Result<(), RetrainError> {
        let Source { path, label, is_upload } = source;
        self.number += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (self.progress)(Progress::reading(FileInTurn { name, number: self.number, of: self.of }));
        let added = read(self.request, path)?.and_then(|file| {
            self.all.add(label, &file).map_err(|error| with_causes(&error))?;
            Ok(file.table().cleaning().left_out().map(|(_, rows)| rows).sum::<usize>())
        });
        match added {
            Ok(left_out) => {
                if left_out > self.most_left_out.as_ref().map_or(0, |(_, most)| *most) {
                    self.most_left_out = Some((label.clone(), left_out));
                }
                self.files.push(label.clone());
                self.from_uploads.push(*is_upload && !About::was_for_training(path));
                self.uploads.extend(is_upload.then(|| path.clone()));
            }
            Err(why) => self.skipped.push(SkippedFile { file: label.clone(), why }),
        }
        Ok(())
    }
}

/// The rows of one file, or what is wrong with it.
fn read(request: &RetrainRequest<'_>, path: &Path) -> Result<Result<KeyedTable, String>, RetrainError> {
    let file = match durable::open_regular(path) {
        Ok(file) => file,
        Err(error) => return Ok(Err(format!("the file cannot be opened: {error}"))),
    };
    let by = ReadRequest {
        schema: request.schema.clone(),
        today: request.today,
        keep: Keep::default(),
        watch: Watch::default(),
    };
    let is_columns = is_columns_file(path);
    let read = if is_columns {
        read_columns(BufReader::new(file), &request.schema, request.today)
    } else {
        request.reader.read_keyed(file, &by)
    };
    match read {
        // Not the fault of this file: the next ones would fail as well.
        Err(error @ WorkbookError::NoReader(_)) => Err(RetrainError::Reader(error)),
        read => Ok(read.map(|table| known(request, table, is_columns)).map_err(|error| with_causes(&error))),
    }
}

/// The table as it is known everywhere: by pseudonyms where there is a key, and without customers who were erased.
fn known(request: &RetrainRequest<'_>, table: KeyedTable, is_columns: bool) -> KeyedTable {
    let Some(pseudonyms) = request.pseudonyms else {
        if is_columns {
            tracing::warn!(
                event = "key_of_identifiers_missing",
                "kept columns are read without the key in STATE_DIR: customers of other files are not known again in them"
            );
        }
        return table;
    };
    pseudonyms.without_erased(if is_columns { table } else { pseudonyms.blinded(table) })
}

/// What there is to read. What is not read has the names that reports call it by.
struct Sources {
    /// Every file to be read, the oldest first.
    sources: Vec<Source>,
    /// The uploads that wait for approval.
    unapproved: Vec<String>,
    /// The folders that are too deep.
    too_deep: Vec<String>,
}

fn sources(request: &RetrainRequest<'_>) -> Result<Sources, RetrainError> {
    let BaseFiles { files: mut base, too_deep, .. } = base_files(request.base_data)?;
    let too_deep = too_deep.iter().map(|path| base_label(request.base_data, path)).collect();
    base.sort_by_cached_key(|path| {
        let name = path.file_name().unwrap_or_default().to_owned();
        (path.parent().map(Path::to_owned), uploads::is_taken(path), name)
    });
    let found = request.uploads.map(uploads::found).transpose()?.unwrap_or_default();
    let waiting = uploads::forget_taken(found.used, &base)?;
    let from_base =
        base.into_iter().map(|path| Source { label: base_label(request.base_data, &path), path, is_upload: false });
    let unapproved = found.unapproved.iter().map(|path| uploads::label(path)).collect();
    let from_uploads = waiting.into_iter().map(|path| Source { label: uploads::label(&path), path, is_upload: true });
    Ok(Sources { sources: from_base.chain(from_uploads).collect(), unapproved, too_deep })
}

/// The uploads that trainings have put into the base data, with their ids.
///
/// # Errors
/// [`RetrainError::Unlistable`].
pub fn taken_uploads(base_data: &Path) -> Result<Vec<(UploadId, PathBuf)>, RetrainError> {
    Ok(uploads::taken(base_files(base_data)?.files))
}

/// What is below the folder of base data, and no folder that is followed.
#[derive(Debug, Default)]
pub(super) struct BaseFiles {
    pub files: Vec<PathBuf>,
    /// Folders that are too deep to be looked into.
    pub too_deep: Vec<PathBuf>,
    /// What a training or an erasure that was killed has left unfinished.
    pub unfinished: Vec<PathBuf>,
}

/// Every file of the base data.
pub(super) fn base_files(base_data: &Path) -> Result<BaseFiles, RetrainError> {
    let mut base = BaseFiles::default();
    list(base_data, MAX_DEPTH, &mut base)?;
    Ok(base)
}

/// Removes what a training or an erasure that was killed has left unfinished. The caller holds the model store's lock,
/// without which nobody writes to the base data.
pub(super) fn remove_unfinished(base_data: &Path) -> Result<(), RetrainError> {
    for path in base_files(base_data)?.unfinished {
        fs::remove_file(&path).map_err(|source| RetrainError::Upload { file: path, source })?;
    }
    Ok(())
}

/// What reports call a file of the base data.
pub(super) fn base_label(base_data: &Path, path: &Path) -> String {
    path.strip_prefix(base_data).unwrap_or(path).display().to_string()
}

/// Adds what is below `dir` and no folder. A regular file, or one that a link leads to, is read; a link to anything
/// else, a pipe, a socket or a device is named with the files that cannot be. Hidden ones and what Office leaves beside
/// a workbook that is open are passed over.
fn list(dir: &Path, depth: usize, found: &mut BaseFiles) -> Result<(), RetrainError> {
    let unlistable = |source| RetrainError::Unlistable { dir: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(unlistable)?,
    };
    for entry in entries {
        let entry = entry.map_err(unlistable)?;
        let kind = entry.file_type().map_err(unlistable)?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if kind.is_file() && (is_staged(name) || name == uploads::UNFINISHED.as_bytes()) {
            found.unfinished.push(entry.path());
        } else if [&b"."[..], b"~$"].iter().any(|start| name.starts_with(start)) {
            continue;
        } else if !kind.is_dir() {
            found.files.push(entry.path());
        } else if depth > 0 {
            list(&entry.path(), depth - 1, found)?;
        } else {
            found.too_deep.push(entry.path());
        }
    }
    Ok(())
}
