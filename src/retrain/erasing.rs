//! Erasing a customer: from every later training, and from what is kept of uploads.
//!
//! First the customer's pseudonym is noted, so that no training reads a row of theirs again, from whatever file. Then
//! every file is searched, cell by cell ([`crate::customer::CellSearch`]): a training passes over sheets, rows and
//! columns, and they may name the customer all the same. A kept upload that holds the customer is rewritten without
//! those rows, as columns of our own ([`crate::workbook::write_columns`]), which a training reads as the same
//! customers; the bytes that came are gone. Such columns are searched for the pseudonym, and copied without the rows of
//! all who were erased. A workbook that an operator put into a folder is never changed: it is named with its rows, for
//! the operator to change.
//!
//! A version knows no single customer. It is named if it was trained on a file that held the customer.

mod alike;
mod error;
mod other_rows;
mod outcome;
mod replacing;
mod schemas;
mod sources;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader};
use std::iter;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

pub use self::error::EraseError;
pub use self::outcome::{AlikeRows, ErasedCustomer, FoundRows, KeptBack};

use self::alike::{Alike, alike};
use self::other_rows::OtherRows;
use self::replacing::replace;
use self::schemas::lacking;
use self::sources::{Source, of_base_data, of_uploads};
use self::versions::{Versions, versions};
use super::base_data::BaseFiles;
use super::{RetrainError, SkippedFile, uploads};
use crate::causes::with_causes;
use crate::customer::{
    FoundCell, Keep, KeyedTable, MAX_FOUND, Said, Schema, SheetRow, identity_of_text, is_sought_elsewhere,
};
use crate::disk::Keeper;
use crate::durable;
use crate::model_store::ModelStore;
use crate::pseudonyms::{Erased, Erasures, Pseudonyms};
use crate::workbook::{
    COLUMNS_EXTENSION, ReadRequest, Reader, RowsOfCustomer, RowsOfCustomers, Watch, WorkbookError,
    copy_columns_without, is_columns_file, rows_of_customers, write_columns,
};

/// Why nobody was looked for in kept columns.
const OF_ANOTHER_KEY: &str = "its customers are known by another key than identifiers.key of STATE_DIR";

/// How often the uploads are listed, at most. What the last listing has more than the others is not searched.
const MAX_LISTINGS: usize = 4;

/// What is looked through, and by what.
#[derive(Debug, Clone)]
pub struct EraseRequest<'a> {
    /// The folder of base data.
    pub base_data: &'a Path,
    /// The folder of uploads.
    pub uploads: &'a Path,
    /// The folder of the key and of who was erased.
    pub state_dir: &'a Path,
    /// The columns, and the headers of identifiers.
    pub schema: Arc<Schema>,
    /// Reads the workbooks.
    pub reader: &'a Reader,
    /// When it was asked for.
    pub now: Timestamp,
    /// The day after which a date is in the future.
    pub today: Date,
}

/// Erases the customer who has this identifier.
///
/// # Errors
/// [`EraseError`]; `StoreError::Locked` while a training is under way.
pub fn erase_customer(
    store: &ModelStore,
    request: &EraseRequest<'_>,
    identifier: &str,
) -> Result<ErasedCustomer, EraseError> {
    let identity = identity_of_text(identifier).ok_or(EraseError::NoIdentifier)?;
    if request.schema.identifier.is_empty() {
        return Err(EraseError::NoIdentifierColumn);
    }
    check_place(store, request)?;
    let lock = store.lock()?;
    let state = request.state_dir;
    let pseudonyms = Pseudonyms::open(state).map_err(EraseError::State)?;
    let (pseudonym, mark) = (pseudonyms.of(identity), pseudonyms.mark());
    note(request, (pseudonym, &mark), Vec::new())?;
    // What a process that was killed has left may hold the customer.
    let base = BaseFiles::swept(request.base_data, &lock)?;
    let pseudonyms = Pseudonyms::open(state).map_err(EraseError::State)?;
    let mut erased = ErasedCustomer::default();
    let alike = alike(identifier, &pseudonyms);
    let erasing =
        Erasing { request, disk: store.disk(), pseudonyms: &pseudonyms, identifier, identity, pseudonym, alike };
    erased.unread.extend(base.closed.iter().chain(&base.hidden_folders).cloned());
    for file in &of_base_data(request.base_data, base) {
        erasing.look_through(file, &mut erased)?;
    }
    erasing.look_through_uploads(&mut erased)?;
    let kept_back = erased.kept_back.iter().map(|kept| &kept.found);
    let found = erased.rewritten.iter().chain(&erased.left).chain(kept_back).map(|found| found.file.clone());
    let found: Vec<String> = found.collect();
    let is_found = !found.is_empty();
    let known = note(request, (pseudonym, &mark), found)?;
    erased.was_found_before = !known.files.is_empty() && !is_found;
    let Versions { trained_on, unknown, of_gone_files } = versions(store, &known, &erased.there)?;
    (erased.versions, erased.unknown_versions, erased.versions_of_gone_files) = (trained_on, unknown, of_gone_files);
    Ok(erased)
}

/// Refuses where nobody can be found, before a folder or a key is made.
fn check_place(store: &ModelStore, request: &EraseRequest<'_>) -> Result<(), EraseError> {
    let (base, waiting) = (BaseFiles::list(request.base_data)?, uploads::waiting(request.uploads)?);
    let versions = store.list()?;
    if base.is_empty() && waiting.is_empty() && versions.is_empty() {
        return Err(EraseError::NothingHere {
            base_data: request.base_data.to_owned(),
            uploads: request.uploads.to_owned(),
        });
    }
    let live = versions.iter().find(|version| version.is_current).and_then(|version| version.manifest.as_ref().ok());
    let live = live.filter(|live| !live.is_of_the_sample());
    if let Some(what) = live.and_then(|live| lacking(&live.schema, &request.schema)) {
        return Err(EraseError::OtherSchema { what });
    }
    let by_key = base.files.iter().chain(&base.hidden).chain(&waiting).find(|path| is_columns_file(path));
    match (by_key, Pseudonyms::load(request.state_dir).map_err(EraseError::State)?) {
        (Some(file), None) => Err(EraseError::KeyLost { state: request.state_dir.to_owned(), file: file.clone() }),
        _ => Ok(()),
    }
}

/// Notes that the customer, by pseudonym and the mark of its key, is erased and rows were in these files; returns when
/// that was first, and all files in which some ever were.
fn note(request: &EraseRequest<'_>, customer: (u64, &str), files: Vec<String>) -> Result<Erased, EraseError> {
    let mut erasures = Erasures::load(request.state_dir).map_err(EraseError::State)?;
    let known = erasures.add(customer, request.now, files).clone();
    erasures.save(request.state_dir).map_err(EraseError::State)?;
    Ok(known)
}

struct Erasing<'a> {
    request: &'a EraseRequest<'a>,
    disk: &'a Keeper,
    pseudonyms: &'a Pseudonyms,
    identifier: &'a str,
    identity: u64,
    pseudonym: u64,
    /// Other ways to write it, for what was kept as columns.
    alike: Vec<Alike>,
}

/// What a search of one file came to.
enum Search {
    Rows(Box<Rows>),
    /// The file knows nobody by an identifier.
    NobodyKnown,
    /// It knows customers by another key.
    OfAnotherKey,
}

/// The rows of one file.
#[derive(Default)]
struct Rows {
    own: Vec<SheetRow>,
    /// What a training reads of a file with own rows, where it can.
    table: Option<KeyedTable>,
    /// With the identifier, and perhaps of somebody else.
    doubtful: Vec<SheetRow>,
    /// With the identifier, which is no customer's alone there.
    shared: Vec<SheetRow>,
    /// By how the identifier is written there.
    alike: BTreeMap<String, Vec<SheetRow>>,
    /// Why sheets were not searched, one by one.
    unsearched: Vec<String>,
    /// That there are more rows than are named.
    further: Option<String>,
    /// That no sheet has a header of identifiers; or else which have none.
    has_no_header: bool,
    sheets_without: Vec<String>,
}

impl Erasing<'_> {
    /// Looks through the uploads, and through those that come meanwhile. Those that are still on their way are counted.
    fn look_through_uploads(&self, erased: &mut ErasedCustomer) -> Result<(), EraseError> {
        let (mut seen, mut n_listings) = (BTreeSet::new(), 0);
        loop {
            let (mut new, n_coming) = of_uploads(self.request.uploads)?;
            new.retain(|source| seen.insert(source.path.clone()));
            n_listings += 1;
            if new.is_empty() || n_listings == MAX_LISTINGS {
                erased.n_on_their_way = n_coming + new.len();
                return Ok(());
            }
            for source in &new {
                self.look_through(source, erased)?;
                // What it was rewritten to holds nothing else.
                seen.insert(source.path.with_extension(COLUMNS_EXTENSION));
            }
        }
    }

    fn look_through(&self, source: &Source, erased: &mut ErasedCustomer) -> Result<(), EraseError> {
        erased.there.push(source.label.clone());
        let unread = |why| SkippedFile { file: source.label.clone(), why };
        let mut rows = match self.search(source)? {
            Ok(Search::Rows(rows)) => *rows,
            Ok(Search::NobodyKnown) => {
                erased.without_identifiers.push(source.label.clone());
                return Ok(());
            }
            Ok(Search::OfAnotherKey) => {
                erased.unread.push(unread(OF_ANOTHER_KEY.to_owned()));
                return Ok(());
            }
            Err(error) => {
                erased.unread.push(unread(with_causes(&error)));
                return Ok(());
            }
        };
        erased.n_searched += 1;
        let found = |rows| FoundRows { file: source.label.clone(), rows };
        erased.alike.extend(rows.alike.into_iter().map(|(identifier, rows)| AlikeRows {
            is_erased: self.is_erased(&identifier),
            identifier,
            found: found(rows),
        }));
        if !rows.own.is_empty() {
            let others = rows.table.as_ref().map(|table| OtherRows::of(table.table().cleaning(), &rows.own));
            let OtherRows { n_later, n_never } = others.unwrap_or_default();
            if source.is_ours && n_later > 0 {
                erased.kept_back.push(KeptBack { found: found(rows.own), n_later });
            } else if source.is_ours && self.rewrite(source, rows.table)? {
                erased.gone_with.extend((n_never > 0).then(|| (source.label.clone(), n_never)));
                erased.rewritten.push(found(rows.own));
                // With it went the sheets that were not searched.
                rows.unsearched.clear();
                rows.sheets_without.clear();
            } else {
                erased.left.push(found(rows.own));
            }
        }
        if !rows.doubtful.is_empty() {
            erased.doubtful.push(found(rows.doubtful));
        }
        if !rows.shared.is_empty() {
            erased.shared.push(found(rows.shared));
        }
        let is_searched = is_sought_elsewhere(self.identifier);
        if rows.has_no_header {
            let files = if is_searched { &mut erased.without_header } else { &mut erased.without_header_unsearched };
            files.push(source.label.clone());
        } else if !is_searched {
            let sheets = rows.sheets_without.iter().map(|sheet| format!("{}, sheet {sheet}", source.label));
            erased.without_header_unsearched.extend(sheets);
        }
        erased.unread.extend(rows.unsearched.into_iter().chain(rows.further).map(unread));
        Ok(())
    }

    /// The rows that are looked for.
    fn search(&self, source: &Source) -> Result<Result<Search, WorkbookError>, EraseError> {
        if is_columns_file(&source.path) {
            return Ok(self.search_columns(source));
        }
        let found = match self.read(source, |reader, file, by| reader.search(file, by, self.identifier))? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let mut rows = Rows::default();
        let unsearched =
            found.unread.into_iter().filter_map(|sheet| Some(format!("sheet {}: {}", sheet.name, sheet.sentence?)));
        rows.unsearched = unsearched.collect();
        rows.has_no_header = !found.has_identifiers;
        rows.sheets_without = found.sheets_without;
        let has_further = found.cells.len() > MAX_FOUND;
        rows.further = has_further.then(|| format!("{MAX_FOUND} rows say the identifier, and further ones"));
        for FoundCell { sheet, row, said, text } in found.cells {
            let row = SheetRow { row, sheet, source: String::new() };
            match said {
                Said::Same => rows.own.push(row),
                Said::Doubtful => rows.doubtful.push(row),
                Said::Alike => rows.alike.entry(text).or_default().push(row),
            }
        }
        // Headers say less than a training knows of a row.
        if !rows.own.is_empty()
            && let Ok(table) = self.read(source, Reader::read_keyed)?
        {
            let judged = table.judge(self.identity, std::mem::take(&mut rows.own));
            (rows.own, rows.shared) = (judged.own, judged.shared);
            rows.doubtful.extend(judged.doubtful);
            rows.table = Some(table);
        }
        Ok(Ok(Search::Rows(Box::new(rows))))
    }

    /// The same of what was kept as columns.
    fn search_columns(&self, source: &Source) -> Result<Search, WorkbookError> {
        let others = self.alike.iter().map(|other| other.pseudonym);
        let sought: Vec<u64> = iter::once(self.pseudonym).chain(others).collect();
        let mark = self.pseudonyms.mark();
        Ok(match rows_of_customers(BufReader::new(open(source)?), &sought, &mark)? {
            RowsOfCustomers::NobodyKnown => Search::NobodyKnown,
            RowsOfCustomers::OfAnotherKey => Search::OfAnotherKey,
            RowsOfCustomers::Each(found) => {
                let mut found = found.into_iter();
                let RowsOfCustomer { rows, is_believed } = found.next().unwrap_or_default();
                let (own, shared) = if is_believed { (rows, Vec::new()) } else { (Vec::new(), rows) };
                let others = self.alike.iter().map(|other| other.identifier.clone()).zip(found);
                let others = others.filter(|(_, found)| !found.rows.is_empty());
                let alike = others.map(|(identifier, found)| (identifier, found.rows)).collect();
                Search::Rows(Box::new(Rows { own, shared, alike, ..Rows::default() }))
            }
        })
    }

    /// What a reader makes of a workbook, or what is wrong with it.
    fn read<T>(
        &self,
        source: &Source,
        read: impl FnOnce(&Reader, File, &ReadRequest) -> Result<T, WorkbookError>,
    ) -> Result<Result<T, WorkbookError>, EraseError> {
        let file = match open(source) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let EraseRequest { schema, today, reader, .. } = self.request;
        let by = ReadRequest { schema: schema.clone(), today: *today, keep: Keep::default(), watch: Watch::default() };
        match read(reader, file, &by) {
            Err(error @ WorkbookError::NoReader(_)) => Err(RetrainError::Reader(error).into()),
            read => Ok(read),
        }
    }

    /// Whether a customer was erased by this identifier.
    fn is_erased(&self, identifier: &str) -> bool {
        let pseudonym = identity_of_text(identifier).map(|identity| self.pseudonyms.of(identity));
        pseudonym.is_some_and(|pseudonym| self.pseudonyms.is_erased(pseudonym))
    }

    /// Puts the upload's other customers into its place, as columns; `false` where trainings cannot read it.
    fn rewrite(&self, source: &Source, table: Option<KeyedTable>) -> Result<bool, EraseError> {
        let path = &source.path;
        let replaced = if is_columns_file(path) {
            replace(path, self.disk, |out| {
                let file = || durable::open_regular(path).map(BufReader::new);
                let is_erased = |customer| self.pseudonyms.is_erased(customer);
                copy_columns_without(file, out, is_erased).map_err(io::Error::other)
            })
        } else {
            let Some(table) = table else { return Ok(false) };
            // The customer is among those who were erased.
            let others = self.pseudonyms.without_erased(self.pseudonyms.blinded(table));
            let mark = self.pseudonyms.mark();
            replace(path, self.disk, |out| write_columns(&others, &mark, out).map(|()| others.table().n_rows()))
        };
        replaced.map_err(|source| EraseError::Rewrite { file: path.clone(), source })?;
        Ok(true)
    }
}

fn open(source: &Source) -> Result<File, WorkbookError> {
    durable::open_regular(&source.path).map_err(|error| WorkbookError::Io(error.into()))
}
