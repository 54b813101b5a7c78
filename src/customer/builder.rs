//! Rows in, a table out: finds each sheet's header, drops what cannot be used, counts everything.

mod above;
mod finish;
mod header_search;
mod odd_rows;
mod rows;
mod signs;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::Date;

use super::cell_search::{CellSearch, SearchFindings};
use super::clean::Outcome;
use super::header::HeaderIndex;
use super::identifier_case::IdentifierCase;
use super::kept::KeptRows;
use super::lost_digits::LostDigits;
use super::missing_columns::MissingColumns;
use super::newest::cell_hash;
use super::open_sheet::{HEADER_ROWS, OpenSheet, Row};
use super::repeated::Repeated;
use super::tally::Tally;
use super::{Cell, IdentifierDigits, Keep, Note, Schema, SheetReport};
use odd_rows::OddRows;
use waiting::WaitingRows;

/// Takes the rows of one sheet or of several, one after the other, and keeps the schema's columns alone.
///
/// Memory grows with the distinct values, by 4 bytes a kept row and column, by 24 to 48 bytes a row to tell copies and
/// by 8 for its identifier, and by 16 for a row with a text that its column has yet to decide.
#[derive(Debug, Clone)]
pub struct TableBuilder {
    pub(super) schema: Arc<Schema>,
    today: Date,
    pub(super) header_index: HeaderIndex,
    pub(super) sheet: OpenSheet,
    /// The row of each table side by side; of one, nearly always.
    pub(super) rows: Vec<Row>,
    pub(super) kept: KeptRows,
    /// By which lines are judged that may be rows, so that they leave no trace unless they are.
    judging: Option<Box<KeptRows>>,
    rows_read: usize,
    rows_so_far: Arc<AtomicUsize>,
    waiting: WaitingRows,
    duplicates: Tally,
    /// Copies without an address or a telephone number: what their identifiers are known by.
    alike: Vec<u64>,
    totals: Tally,
    pub(super) odd: OddRows,
    /// Whether every row is a customer, whatever it is called.
    has_customers_alone: bool,
    /// Whether every sheet that has the required columns is to be read.
    is_of_every_sheet: bool,
    /// Compares every cell in place of reading it.
    pub(super) search: Option<Box<CellSearch>>,
    repeated: Repeated,
    identifier_digits: IdentifierDigits,
    identifier_case: IdentifierCase,
    lost_digits: LostDigits,
    pub(super) columns_used: BTreeMap<String, String>,
    pub(super) identifier_used: Option<String>,
    /// Of a workbook, in its order.
    pub(super) sheets: Vec<SheetReport>,
    pub(super) encoding: Option<String>,
    pub(super) notes: Vec<Note>,
    /// Formulas without a result, by schema column; the last number is of those in columns of identifiers.
    pub(super) without_result: Vec<usize>,
}

impl TableBuilder {
    /// An empty table. Dates after `today` are in the future.
    pub fn new(schema: Arc<Schema>, today: Date) -> Self {
        let n_columns = schema.columns.len();
        Self {
            header_index: HeaderIndex::new(&schema),
            kept: KeptRows::new(schema.clone(), today),
            judging: None,
            rows: vec![Row { outcomes: vec![Outcome::Empty; n_columns], ..Row::default() }],
            schema,
            today,
            sheet: OpenSheet::default(),
            rows_read: 0,
            rows_so_far: Arc::default(),
            waiting: WaitingRows::default(),
            duplicates: Tally::default(),
            alike: Vec::new(),
            totals: Tally::default(),
            odd: OddRows::default(),
            has_customers_alone: false,
            is_of_every_sheet: false,
            search: None,
            repeated: Repeated::default(),
            identifier_digits: IdentifierDigits::default(),
            identifier_case: IdentifierCase::default(),
            lost_digits: LostDigits::default(),
            columns_used: BTreeMap::new(),
            identifier_used: None,
            sheets: Vec::new(),
            encoding: None,
            notes: Vec::new(),
            without_result: vec![0; n_columns + 1],
        }
    }

    /// An empty table of the same schema and day, to look at a sheet with.
    pub fn scratch(&self) -> Self {
        Self::new(self.schema.clone(), self.today)
    }

    /// As [`TableBuilder::new`], for one of several files: copies stay, and what tells the kept rows apart is noted, in
    /// 32 bytes a row, for [`finish_keyed`](Self::finish_keyed).
    pub fn keyed(schema: Arc<Schema>, today: Date) -> Self {
        let builder = Self::new(schema, today);
        Self { kept: builder.kept.with_keys(), ..builder }
    }

    /// Keeps this of the rows, too: 4 bytes a row for where it is, and its identifier.
    pub fn keeping(self, keep: Keep) -> Self {
        Self { kept: self.kept.keeping(keep), ..self }
    }

    /// Takes every row for a customer: what is read was written by this service.
    pub fn of_customers_alone(self) -> Self {
        Self { has_customers_alone: true, ..self }
    }

    /// Wants every sheet that has the required columns, hidden ones and sums included.
    pub fn of_every_sheet(self) -> Self {
        Self { is_of_every_sheet: true, ..self }
    }

    /// Gives every cell of every sheet to this search, and reads none.
    pub fn searching(self, search: CellSearch) -> Self {
        Self { search: Some(Box::new(search)), ..self }
    }

    /// Whether it searches, and reads nothing.
    pub fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// What was found, and the sheets that could not be searched to their end.
    pub fn finish_search(self) -> (SearchFindings, Vec<SheetReport>) {
        (self.search.map(|search| search.finish()).unwrap_or_default(), self.sheets)
    }

    /// Whether every sheet is wanted that has the required columns.
    pub fn is_of_every_sheet(&self) -> bool {
        self.is_of_every_sheet
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
        self.sheet = OpenSheet { is_1904, ..OpenSheet::default() };
        self.rows.truncate(1);
        self.rows.iter_mut().for_each(Row::clear);
    }

    /// Whether the sheet's header has been found.
    pub fn has_header(&self) -> bool {
        self.sheet.layout.is_some()
    }

    /// Rows below a header that held anything, over all sheets so far.
    pub fn rows_read(&self) -> usize {
        self.rows_read
    }

    /// Rows that were kept, over all sheets so far.
    pub fn n_rows(&mut self) -> usize {
        self.take_waiting();
        self.kept.n_rows()
    }

    /// How many of the schema's columns a row of headers names; for telling how a text is to be split.
    pub fn count_matches<'a>(&self, headers: impl IntoIterator<Item = &'a str>) -> usize {
        self.header_index.count_matches(headers.into_iter())
    }

    /// Takes note of an empty cell: in a text, one right of the header is there for a reason.
    pub fn push_blank(&mut self, column: usize) {
        let is_beyond = self.sheet.layout.as_ref().is_some_and(|layout| layout.is_delimited && column >= layout.width);
        if let Some(row) = self.rows.first_mut().filter(|_| is_beyond) {
            row.content.has_blank_beyond = true;
        }
    }

    /// Adds a cell to the row; `column` counts from 0. Blank cells need not be given; where a column is given twice,
    /// the later cell stands.
    pub fn push_cell(&mut self, column: usize, cell: Cell<'_>) {
        let mut unwrapped = String::new();
        let Some(cell) = cell.said(&mut unwrapped) else { return };
        if let Some(search) = &mut self.search {
            search.cell(column, cell);
            if self.sheet.is_only_searched {
                return;
            }
        }
        let Some(layout) = &self.sheet.layout else {
            self.rows.iter_mut().for_each(|row| row.content.is_filled = true);
            return self.sheet.push_candidate(column, cell);
        };
        let sheet_column = layout.column(column);
        if self.sheet.may_change {
            self.sheet.push_candidate(column, cell);
        }
        let Some(row) = self.rows.get_mut(sheet_column.table) else { return };
        row.content.note(cell, &sheet_column, self.kept.keeps_identifiers().then_some(&mut row.identifier));
        row.content.add_hash(cell_hash(cell, sheet_column.seed));
        if let Cell::Text(text) = cell {
            row.note_text(text, &sheet_column, |index, group| self.kept.has_category(index, group));
        }
        if let Some(index) = sheet_column.schema_column
            && let Some(outcome) = row.outcomes.get_mut(index)
        {
            row.content.is_read = true;
            *outcome = self.kept.outcome(index, cell, self.sheet.is_1904);
            if let (Outcome::Unusable(_) | Outcome::UnknownLevel(_), Cell::Text(text)) = (*outcome, cell) {
                row.n_headers += usize::from(self.header_index.names(text));
            }
        } else if !sheet_column.is_identifier
            && self.sheet.rows_below_header < HEADER_ROWS
            && let Cell::Text(text) = cell
        {
            row.n_headers_beside += usize::from(self.header_index.names(text));
        }
    }

    /// Adds the value of merged cells that reach down into the row, where it has none of its own. A row that has
    /// nothing of its own in the columns that are read goes on the one above it, and is not filled.
    pub fn fill_cell(&mut self, column: usize, cell: Cell<'_>) {
        if self.search.is_some() {
            return self.push_cell(column, cell);
        }
        let Some(layout) = &self.sheet.layout else {
            if self.rows.first().is_some_and(|row| row.content.is_filled) {
                self.sheet.push_candidate(column, cell);
            }
            return;
        };
        let sheet_column = layout.column(column);
        let Some(row) = self.rows.get(sheet_column.table) else { return };
        let is_empty = match sheet_column.schema_column {
            Some(index) => row.outcomes.get(index) == Some(&Outcome::Empty),
            None => sheet_column.is_identifier && !row.content.has_identifier,
        };
        if row.content.is_read && is_empty {
            self.push_cell(column, cell);
        }
    }

    /// Ends the row; `row_number` is the one that the sheet shows. A row without content is not a row, nor is one that
    /// repeats the header.
    ///
    /// # Errors
    /// [`MissingColumns`] when this was the 20th row with content and none had every required column.
    pub fn end_row(&mut self, row_number: u32) -> Result<(), MissingColumns> {
        self.sheet.next_row = row_number.saturating_add(1);
        let is_searching = self.search.is_some();
        if let Some(search) = &mut self.search {
            search.end_row(row_number);
            if self.sheet.is_only_searched {
                return Ok(());
            }
        }
        if !self.rows.iter().any(|row| row.content.is_filled) {
            self.rows.iter_mut().for_each(Row::clear);
            self.sheet.may_change = true;
            return Ok(());
        }
        let result = if !self.has_header() {
            self.find_header(row_number)
        } else {
            if !(self.sheet.may_change && self.change_header(row_number)) {
                self.take_rows(row_number);
            }
            Ok(())
        };
        self.rows.iter_mut().for_each(Row::clear);
        self.sheet.candidates.clear();
        if is_searching && result.is_err() {
            // Without a header the rows are searched all the same.
            self.sheet.is_only_searched = true;
            return Ok(());
        }
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
        if self.search.is_some() {
            return Ok(());
        }
        if self.has_header() {
            self.take_waiting();
            self.account_for_sheet(self.rows_read, self.kept.n_rows());
            return Ok(());
        }
        match self.sheet.closest.take() {
            Some(closest) => Err(closest),
            None => self.header_index.layout(&[]).map(drop),
        }
    }
}
