//! Rows in, a table out: finds each sheet's header, drops what cannot be used, counts everything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::Date;
use rustc_hash::FxHashSet;

use super::clean::Outcome;
use super::header::{Candidate, HeaderIndex, Layout, MissingColumns};
use super::kept::{FinishedRows, KeptRows};
use super::newest::{KeyedTable, NOBODY, RowKey, cell_hash, identity_of};
use super::note::MAX_NOTES;
use super::spelling::{is_wrapped, said};
use super::tally::{Place, Tally};
use super::{Cell, CleaningReport, CustomerTable, Dropped, Note, Schema, SheetReport};

/// Among how many rows that hold anything the header is looked for: people put titles and notes above it.
const HEADER_ROWS: usize = 20;
/// How much of a cell above or in the header is looked at, in bytes.
const MAX_HEADER_BYTES: usize = 256;
/// How many rows wait until it is looked at together which of them are copies.
const MAX_WAITING: usize = 256;
/// The widest sheet there is: no header lies further right.
const MAX_HEADER_COLUMNS: usize = 16_384;

/// Takes the rows of one sheet or of several, one after the other, and keeps the schema's columns alone.
///
/// Memory grows with the distinct values, by 4 bytes a kept row and column, by 16 bytes a row to tell copies, and by as
/// many for a row with a text that its column has yet to decide.
#[derive(Debug)]
pub struct TableBuilder {
    schema: Arc<Schema>,
    header_index: HeaderIndex,
    sheet: Sheet,
    row: Row,
    kept: KeptRows,
    rows_read: usize,
    rows_so_far: Arc<AtomicUsize>,
    /// Rows that are complete, until it is looked at together which of them are copies.
    waiting: Vec<RowKey>,
    /// What each of them has in the schema's columns, one row behind the other.
    waiting_outcomes: Vec<Outcome>,
    row_hashes: FxHashSet<u128>,
    duplicates: Tally,
    columns_used: BTreeMap<String, String>,
    identifier_used: Option<String>,
    /// Of a workbook, in its order.
    sheets: Vec<SheetReport>,
    notes: Vec<Note>,
}

/// The sheet that is being read.
#[derive(Debug, Default)]
struct Sheet {
    /// Without one its rows are accounted for by the file alone.
    name: Option<String>,
    rows_read_before: usize,
    n_rows_before: usize,
    is_1904: bool,
    next_row: u32,
    rows_above_header: usize,
    header_row: Vec<Candidate>,
    closest: Option<MissingColumns>,
    layout: Option<Layout>,
}

/// The row that is being read.
#[derive(Debug, Default)]
struct Row {
    has_content: bool,
    hash: u128,
    identity: u64,
    outcomes: Vec<Outcome>,
}

impl TableBuilder {
    /// An empty table. Dates after `today` are in the future.
    pub fn new(schema: Arc<Schema>, today: Date) -> Self {
        let n_columns = schema.columns.len();
        Self {
            header_index: HeaderIndex::new(&schema),
            kept: KeptRows::new(schema.clone(), today),
            row: Row { outcomes: vec![Outcome::Empty; n_columns], ..Row::default() },
            schema,
            sheet: Sheet::default(),
            rows_read: 0,
            rows_so_far: Arc::default(),
            waiting: Vec::new(),
            waiting_outcomes: Vec::new(),
            row_hashes: FxHashSet::default(),
            duplicates: Tally::default(),
            columns_used: BTreeMap::new(),
            identifier_used: None,
            sheets: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// As [`TableBuilder::new`], for one of several files: copies stay, and what tells the kept rows apart is noted, in
    /// 32 bytes a row, for [`finish_keyed`](Self::finish_keyed).
    pub fn keyed(schema: Arc<Schema>, today: Date) -> Self {
        let builder = Self::new(schema, today);
        Self { kept: builder.kept.with_keys(), ..builder }
    }

    /// Shows [`rows_read`](Self::rows_read) in `rows_so_far` from now on, for another thread to follow a long reading.
    pub fn show_rows_in(&mut self, rows_so_far: Arc<AtomicUsize>) {
        self.rows_so_far = rows_so_far;
        self.rows_so_far.store(self.rows_read, Ordering::Relaxed);
    }

    /// Starts a sheet, whose header is to be found. `is_1904` says which date system its plain numbers are read by.
    pub fn begin_sheet(&mut self, is_1904: bool) {
        self.take_waiting();
        self.kept.end_sheet();
        self.sheet = Sheet { is_1904, ..Sheet::default() };
        self.row.clear();
    }

    /// As [`begin_sheet`](Self::begin_sheet), for a sheet of a workbook: once it has [ended](Self::end_sheet) with a
    /// header, the report accounts for its rows under its name.
    pub fn begin_named_sheet(&mut self, name: &str, is_1904: bool) {
        self.begin_sheet(is_1904);
        self.sheet.name = Some(name.to_owned());
        self.sheet.rows_read_before = self.rows_read;
        self.sheet.n_rows_before = self.kept.n_rows();
    }

    /// Has the report say of a sheet that it was not used.
    pub fn add_unused_sheet(&mut self, sheet: SheetReport) {
        self.sheets.push(sheet);
    }

    /// Has the report say something to a person.
    pub fn add_note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// Whether the sheet's header has been found.
    pub fn has_header(&self) -> bool {
        self.sheet.layout.is_some()
    }

    /// Rows below a header that held anything, over all sheets so far.
    pub fn rows_read(&self) -> usize {
        self.rows_read
    }

    /// How many of the schema's columns a row of headers names; for telling how a text is to be split.
    pub fn count_matches<'a>(&self, headers: impl IntoIterator<Item = &'a str>) -> usize {
        self.header_index.count_matches(headers.into_iter())
    }

    /// Adds a cell to the row; `column` counts from 0. Blank cells need not be given; where a column is given twice,
    /// the later cell stands.
    pub fn push_cell(&mut self, column: usize, cell: Cell<'_>) {
        let unwrapped;
        let cell = match cell {
            Cell::Text(text) if is_wrapped(text) => {
                unwrapped = said(text);
                Cell::Text(&unwrapped)
            }
            cell => cell,
        };
        if cell.is_blank() {
            return;
        }
        self.row.has_content = true;
        let Some(layout) = &self.sheet.layout else {
            if column < MAX_HEADER_COLUMNS {
                let text = if let Cell::Text(text) = cell { Some(start(text).to_owned()) } else { None };
                self.sheet.header_row.push(Candidate { column, text });
            }
            return;
        };
        let sheet_column = layout.column(column);
        self.row.hash = self.row.hash.wrapping_add(cell_hash(cell, sheet_column.seed));
        if sheet_column.is_identifier && self.kept.has_keys() {
            self.row.identity = identity_of(cell);
        }
        if let Some(index) = sheet_column.schema_column
            && let Some(outcome) = self.row.outcomes.get_mut(index)
        {
            *outcome = self.kept.outcome(index, cell, self.sheet.is_1904);
        }
    }

    /// Ends the row; `row_number` is the one that the sheet shows. A row without content is no row.
    ///
    /// # Errors
    /// [`MissingColumns`] when this was the 20th row with content and none had every required column.
    pub fn end_row(&mut self, row_number: u32) -> Result<(), MissingColumns> {
        self.sheet.next_row = row_number.saturating_add(1);
        if !self.row.has_content {
            return Ok(());
        }
        let result = if self.has_header() {
            self.take_row(row_number);
            Ok(())
        } else {
            self.try_header()
        };
        self.row.clear();
        result
    }

    /// Adds a whole row, whose number is one more than the last one's.
    ///
    /// # Errors
    /// As [`end_row`](Self::end_row).
    pub fn push_row(&mut self, cells: &[Cell<'_>]) -> Result<(), MissingColumns> {
        for (column, cell) in cells.iter().enumerate() {
            self.push_cell(column, *cell);
        }
        self.end_row(self.sheet.next_row.max(1))
    }

    /// Ends the sheet.
    ///
    /// # Errors
    /// [`MissingColumns`] when its header was not found.
    pub fn end_sheet(&mut self) -> Result<(), MissingColumns> {
        if self.has_header() {
            self.account_for_sheet();
            return Ok(());
        }
        match self.sheet.closest.take() {
            Some(closest) => Err(closest),
            None => self.header_index.layout(&[]).map(drop),
        }
    }

    /// The table of all rows that were kept, with what tells them apart: nothing, unless the builder is
    /// [`keyed`](Self::keyed).
    pub fn finish_keyed(mut self) -> KeyedTable {
        self.take_waiting();
        let FinishedRows { columns, n_rows, keys, report } = self.kept.finish(&mut self.sheets);
        let mut cleaning = CleaningReport {
            rows_read: self.rows_read,
            columns_used: self.columns_used,
            identifier_used: self.identifier_used,
            sheets: self.sheets,
            ..report
        };
        // Those of the file come before those of its columns.
        cleaning.notes.splice(0..0, self.notes);
        cleaning.notes.truncate(MAX_NOTES);
        if self.duplicates.rows > 0 {
            cleaning.dropped.insert(Dropped::Duplicate, self.duplicates.rows);
            let first = self.duplicates.first_rows(&cleaning.sheets);
            cleaning.first_dropped.insert(Dropped::Duplicate, first);
        }
        let table = CustomerTable { schema: self.schema, columns, n_rows, cleaning };
        KeyedTable { table, keys: keys.unwrap_or_default() }
    }

    /// The table of all rows that were kept.
    pub fn finish(self) -> CustomerTable {
        self.finish_keyed().into_table()
    }

    /// Writes down what became of the rows of the sheet that has ended.
    fn account_for_sheet(&mut self) {
        self.take_waiting();
        let Some(name) = self.sheet.name.take() else { return };
        let rows_read = self.rows_read.saturating_sub(self.sheet.rows_read_before);
        let rows_used = self.kept.n_rows().saturating_sub(self.sheet.n_rows_before);
        self.sheets.push(SheetReport::used(&name, rows_read, rows_used));
    }

    fn try_header(&mut self) -> Result<(), MissingColumns> {
        let candidates = std::mem::take(&mut self.sheet.header_row);
        match self.header_index.layout(&candidates) {
            Ok(mut layout) => {
                for (title, header) in std::mem::take(&mut layout.columns_used) {
                    self.columns_used.entry(title).or_insert(header);
                }
                self.identifier_used = self.identifier_used.take().or(layout.identifier_used.take());
                self.sheet.layout = Some(layout);
                return Ok(());
            }
            Err(error) => {
                if self.sheet.closest.as_ref().is_none_or(|closest| error.is_closer_than(closest)) {
                    self.sheet.closest = Some(error);
                }
            }
        }
        self.sheet.rows_above_header += 1;
        if self.sheet.rows_above_header < HEADER_ROWS { Ok(()) } else { self.end_sheet() }
    }

    fn take_row(&mut self, row_number: u32) {
        self.rows_read += 1;
        // A number to look at: nothing else is read by it, so it orders nothing.
        self.rows_so_far.store(self.rows_read, Ordering::Relaxed);
        self.waiting.push(RowKey { identity: self.row.identity, row_number, hash: self.row.hash });
        self.waiting_outcomes.extend_from_slice(&self.row.outcomes);
        if self.waiting.len() >= MAX_WAITING {
            self.take_waiting();
        }
    }

    /// Keeps or drops the rows that wait. In a large table each look for a copy waits for the memory; where many are
    /// made in a row, the processor waits for several at once.
    fn take_waiting(&mut self) {
        let sheet = self.sheet.name.is_some().then_some(self.sheets.len());
        let waiting = std::mem::take(&mut self.waiting);
        let outcomes = std::mem::take(&mut self.waiting_outcomes);
        let is_copy: Vec<bool> = if self.kept.has_keys() {
            vec![false; waiting.len()]
        } else {
            waiting.iter().map(|row| !self.row_hashes.insert(row.hash)).collect()
        };
        let outcomes_of = outcomes.chunks(self.schema.columns.len().max(1));
        let first = self.rows_read.saturating_sub(waiting.len());
        for (((at, row), is_copy), outcomes) in (first..).zip(&waiting).zip(is_copy).zip(outcomes_of) {
            let place = Place::new(at, row.row_number, sheet);
            if is_copy {
                self.duplicates.add(place);
            } else {
                self.kept.add(*row, place, outcomes);
            }
        }
        (self.waiting, self.waiting_outcomes) = (waiting, outcomes);
        self.waiting.clear();
        self.waiting_outcomes.clear();
    }
}

impl Row {
    fn clear(&mut self) {
        self.has_content = false;
        self.hash = 0;
        self.identity = NOBODY;
        self.outcomes.fill(Outcome::Empty);
    }
}

/// The start of a text, whole characters of at most [`MAX_HEADER_BYTES`].
fn start(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_HEADER_BYTES)).unwrap_or(text)
}
