//! Every workbook under the base data, and every upload that waits, as one table.
//!
//! Files are read in the order of their age, since of several rows of one customer the newest counts
//! ([`NewestStands`]): base data by their folders' names (one folder a day; one that does not begin with a year is
//! older than those that do), within a folder by their own, but uploads that an earlier training put there after the
//! others, by when they were sent last; then the uploads that wait, by the same. Within a file a later row is the newer
//! one.
//!
//! The sample is not read where there is another workbook or another file with customers: invented customers and own
//! ones are never in one table. A workbook that cannot be read counts here too, for it was meant to be trained on.

use std::ffi::OsStr;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::base_data::{BaseFiles, base_label, is_workbook};
use super::left_out::MostLeftOut;
use super::novelty::Brought;
use super::sample::is_sample;
use super::uploads;
use super::{FileInTurn, Progress, RetrainError, RetrainRequest, SkippedFile};
use crate::causes::with_causes;
use crate::customer::{CustomerTable, Keep, KeyedTable, NewestStands};
use crate::durable;
use crate::upload_store::About;
use crate::workbook::{ReadRequest, Watch, WorkbookError, is_columns_file, read_columns};

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
    /// What each waiting upload brought, without those that somebody who may train has sent to be trained on.
    pub brought: Vec<Brought>,
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
/// the sample. One that cannot be read is left out whole. Without any, the table is empty. `base` is what is in the
/// base data, where they were listed before.
pub(super) fn collect(
    request: &RetrainRequest<'_>,
    base: Option<BaseFiles>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Collected, RetrainError> {
    if let Some(Profiles { label, table }) = request.profiles {
        (progress)(Progress::reading(FileInTurn { name: label.clone(), number: 1, of: 1 }));
        return Ok(Collected::of(table.clone(), label.clone()));
    }
    let base = base.map_or_else(|| BaseFiles::list(request.base_data), Ok)?;
    let Sources { sources, unapproved, closed } = sources(request, base)?;
    let (sample, own): (Vec<_>, Vec<_>) = sources.into_iter().partition(|source| is_sample(&source.path));
    let has_workbook = own.iter().any(|source| is_workbook(&source.path));
    let of = own.len() + if has_workbook { 0 } else { sample.len() };
    let mut collecting = Collecting::new(request, progress, of);
    collecting.skipped.extend(closed);
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
    let Collecting { all, files, skipped, uploads, senders, most_left_out, .. } = collecting;
    let (table, brought) = all.finish_counted();
    let brought =
        files.iter().zip(brought).zip(senders).filter_map(|((label, customers), sender)| {
            Some(Brought { upload: label.clone(), sender: sender?, customers })
        });
    let brought = brought.collect();
    Ok(Collected { table, files, skipped, is_sample, set_aside, uploads, unapproved, brought, most_left_out })
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
    /// Who sent each of `files`; `None` of base data, and of what was sent to be trained on.
    senders: Vec<Option<String>>,
    most_left_out: MostLeftOut,
}

impl<'a> Collecting<'a> {
    fn new(request: &'a RetrainRequest<'a>, progress: &'a (dyn Fn(Progress) + Sync), of: usize) -> Self {
        let all = NewestStands::new(request.schema.clone());
        let (files, skipped, uploads, senders, most_left_out) = Default::default();
        Self { request, progress, number: 0, of, all, files, skipped, uploads, senders, most_left_out }
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
                self.senders.push(if *is_upload { sender_of(path, label) } else { None });
                self.uploads.extend(is_upload.then(|| path.clone()));
            }
            Err(why) => self.skipped.push(SkippedFile { file: label.clone(), why }),
        }
        Ok(())
    }
}

/// Who answers for what the waiting upload at `path` brings; `None` where it was sent to be trained on. A file that an
/// operator has put there stands for itself.
fn sender_of(path: &Path, label: &str) -> Option<String> {
    const UNKNOWN: &str = "senders without a key";
    match About::read(path) {
        Ok(Some(about)) if about.is_for_training => None,
        Ok(Some(about)) => Some(about.sent_by.map_or_else(|| UNKNOWN.to_owned(), |key| format!("the key {key}"))),
        Ok(None) if uploads::own_id(path).is_none() => Some(label.to_owned()),
        Ok(None) | Err(_) => Some(UNKNOWN.to_owned()),
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
        read => {
            Ok(read.map(|table| known(request, table, is_columns)).map_err(|error| with_causes(&error.without_cells())))
        }
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
    /// The folders that are not looked into.
    closed: Vec<SkippedFile>,
}

fn sources(request: &RetrainRequest<'_>, base: BaseFiles) -> Result<Sources, RetrainError> {
    let BaseFiles { files: mut base, closed, .. } = base;
    base.sort_by_cached_key(|path| {
        let sent = if uploads::is_taken(path) { About::last_counted(path) } else { None };
        let folder = path.parent().map(|folder| folder.iter().map(in_order).collect::<Vec<_>>());
        // Without its extension: `list2.csv` is later than `list.csv`.
        let name = in_order(path.file_stem().unwrap_or_default());
        (has_year(request.base_data, path), folder, uploads::is_taken(path), sent, name, path.clone())
    });
    let found = request.uploads.map(uploads::found).transpose()?.unwrap_or_default();
    let waiting = uploads::forget_taken(found.used, &base)?;
    let from_base =
        base.into_iter().map(|path| Source { label: base_label(request.base_data, &path), path, is_upload: false });
    let unapproved = found.unapproved.iter().map(|path| uploads::label(path)).collect();
    let from_uploads = waiting.into_iter().map(|path| Source { label: uploads::label(&path), path, is_upload: true });
    Ok(Sources { sources: from_base.chain(from_uploads).collect(), unapproved, closed })
}

/// A name as it is compared: digits that follow one another are a number, so that `2026-9-30` is before `2026-10-01`.
fn in_order(name: &OsStr) -> Vec<(usize, Vec<u8>)> {
    let parts = name.as_encoded_bytes().chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit());
    let in_order = parts.map(|part| match part {
        [first, ..] if first.is_ascii_digit() => {
            let zeros = part.iter().take_while(|digit| **digit == b'0').count();
            let number: Vec<u8> = part.iter().skip(zeros).copied().collect();
            // The longer number is the larger one.
            (1 + number.len(), number)
        }
        _ => (0, part.to_vec()),
    });
    in_order.collect()
}

/// Whether the folder of the base data that a file is in begins with a year, as `2026-03-01` does. Trainings put
/// uploads into such folders; `first` or `Kunden` would sort behind them for ever.
fn has_year(base_data: &Path, path: &Path) -> bool {
    let below = path.strip_prefix(base_data).unwrap_or(path).parent();
    let folder = below.and_then(|below| below.iter().next()).unwrap_or_default();
    let year = folder.as_encoded_bytes().get(..4);
    year.is_some_and(|year| year.iter().all(u8::is_ascii_digit))
}
