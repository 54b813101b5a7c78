//! Rows on their way into a table: kept or dropped, with what their columns decide at the end.

use std::sync::Arc;

use jiff::civil::Date;

use super::clean::{ColumnCleaner, Fault, Outcome, Settled};
use super::findings::{column_findings, unknown_note};
use super::newest::{NOBODY, RowKey};
use super::same_name::merged;
use super::schema::MIN_CUSTOMERS;
use super::tally::{Place, Tally};
use super::{
    Cell, CleaningReport, CustomerColumn, Keep, MISSING, Origins, Schema, SheetReport, Unusable, date, number,
};

/// Set in the code of a text that its column decides; the rest is the text's number. No column has as many values.
const OPEN: u32 = 1 << 31;

/// The rows that are kept so far, 4 bytes a row and column and 16 a row with an open text, and the account of the
/// others.
#[derive(Debug, Clone)]
pub(super) struct KeptRows {
    schema: Arc<Schema>,
    cleaners: Vec<ColumnCleaner>,
    codes: Vec<Vec<u32>>,
    n_rows: usize,
    /// By which the kept rows are compared with other files' later on.
    keys: Option<Vec<RowKey>>,
    /// Where they are, where that is to be kept.
    origins: Option<Origins>,
    /// Kept rows with an open text, of which some may be dropped yet.
    open: Vec<OpenRow>,
    /// By schema column, then by fault.
    faults: Vec<[Tally; 5]>,
    /// By schema column: cells of optional ones that held something unusable.
    unusable: Vec<Tally>,
    /// By schema column: those of them that hold a date that has not come yet.
    in_future: Vec<usize>,
}

/// Where a row with an open text is.
#[derive(Debug, Clone, Copy)]
struct OpenRow {
    /// Among the kept rows.
    position: u32,
    place: Place,
}

/// A table without its schema.
#[derive(Debug)]
pub(super) struct FinishedRows {
    pub columns: Vec<CustomerColumn>,
    pub n_rows: usize,
    pub keys: Option<Vec<RowKey>>,
    pub origins: Option<Origins>,
    /// What was dropped and why, and what was found in single columns.
    pub report: CleaningReport,
}

impl KeptRows {
    pub fn new(schema: Arc<Schema>, today: Date) -> Self {
        let n_columns = schema.columns.len();
        Self {
            cleaners: schema.columns.iter().map(|column| ColumnCleaner::new(column, today)).collect(),
            codes: vec![Vec::new(); n_columns],
            faults: vec![Default::default(); n_columns],
            unusable: vec![Tally::default(); n_columns],
            in_future: vec![0; n_columns],
            schema,
            n_rows: 0,
            keys: None,
            origins: None,
            open: Vec::new(),
        }
    }

    /// Keeps what tells the rows apart as well.
    pub fn with_keys(self) -> Self {
        Self { keys: Some(Vec::new()), ..self }
    }

    /// Keeps this of the rows, too.
    pub fn keeping(self, keep: Keep) -> Self {
        Self { origins: keep.is_anything().then(|| Origins::keeping(keep)), ..self }
    }

    /// Whether identifiers are to be kept.
    pub fn keeps_identifiers(&self) -> bool {
        self.origins.as_ref().is_some_and(|origins| origins.identifiers().is_some())
    }

    /// Notes where the row is that was kept last.
    pub fn note_origin(&mut self, place: Place, identifier: &str) {
        if let Some(origins) = &mut self.origins {
            origins.push(place.sheet().unwrap_or_default(), place.row_number, identifier);
        }
    }

    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// The identifiers of the rows so far, where those have keys.
    pub fn identities(&self) -> impl Iterator<Item = u64> {
        self.keys.iter().flatten().map(|key| key.identity)
    }

    /// Makes nobody of these identifiers.
    pub fn forget(&mut self, is_nobodys: impl Fn(u64) -> bool) {
        for key in self.keys.iter_mut().flatten().filter(|key| is_nobodys(key.identity)) {
            key.identity = NOBODY;
        }
    }

    /// Rows that are kept so far.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What a cell of the schema's column `index` means.
    pub fn outcome(&mut self, index: usize, cell: Cell<'_>, is_1904: bool) -> Outcome {
        self.cleaners.get_mut(index).map_or(Outcome::Empty, |cleaner| cleaner.outcome(cell, is_1904))
    }

    /// Whether a category's name stood in the schema's column `index` before.
    pub fn has_category(&self, index: usize, name: &str) -> bool {
        self.cleaners.get(index).is_some_and(|cleaner| cleaner.has_category(name))
    }

    /// Takes note of the pattern that a header has for the dates of the schema's column `index`.
    pub fn note_date_pattern(&mut self, index: usize, pattern: &date::Pattern) {
        if let Some(cleaner) = self.cleaners.get_mut(index) {
            cleaner.note_header(pattern);
        }
    }

    /// Takes note of what a header says of the size of the numbers of the schema's column `index`.
    pub fn note_unit(&mut self, index: usize, unit: Option<number::Unit>) {
        if let Some(cleaner) = self.cleaners.get_mut(index) {
            cleaner.note_unit(unit);
        }
    }

    /// Ends a sheet: what its texts say of how they are written does not bind the next one.
    pub fn end_sheet(&mut self) {
        self.cleaners.iter_mut().for_each(ColumnCleaner::end_sheet);
    }

    /// Keeps or drops a row, which has an outcome for each of the schema's columns. Whether it was kept.
    pub fn add(&mut self, row: RowKey, place: Place, outcomes: &[Outcome]) -> bool {
        let mut fault = None;
        for (index, (outcome, column)) in outcomes.iter().zip(&self.schema.columns).enumerate() {
            let found = match *outcome {
                Outcome::Seen(_) | Outcome::Open(_) => continue,
                Outcome::Empty if column.required => Fault::Missing,
                Outcome::Empty => continue,
                Outcome::Unusable(fault) => fault,
                Outcome::UnknownLevel(position) => {
                    let is_counted = !column.required || fault.is_none();
                    if let Some(cleaner) = self.cleaners.get_mut(index).filter(|_| is_counted) {
                        cleaner.unknown_levels().add(position);
                    }
                    Fault::UnknownLevel
                }
            };
            if !column.required {
                add_to(self.unusable.get_mut(index), place);
                count_future(&mut self.in_future, index, found);
            } else if fault.is_none() {
                fault = Some((index, found));
            }
        }
        if let Some((index, fault)) = fault {
            let tallies = self.faults.get_mut(index);
            add_to(tallies.and_then(|tallies| tallies.get_mut(fault as usize)), place);
            return false;
        }
        let mut is_open = false;
        for ((outcome, cleaner), codes) in outcomes.iter().zip(&mut self.cleaners).zip(&mut self.codes) {
            codes.push(match outcome {
                Outcome::Open(number) => {
                    is_open = true;
                    OPEN | number
                }
                outcome => cleaner.code(*outcome),
            });
        }
        if is_open {
            self.open.push(OpenRow { position: u32::try_from(self.n_rows).unwrap_or(u32::MAX), place });
        }
        if let Some(keys) = &mut self.keys {
            keys.push(row);
        }
        self.n_rows += 1;
        true
    }

    /// The table, once every column has decided its open texts. Rows that are dropped only then are taken off those
    /// that `sheets` were used for.
    pub fn finish(mut self, sheets: &mut [SheetReport]) -> FinishedRows {
        let mut numbers = number::Evidence::default();
        self.cleaners.iter().for_each(|cleaner| numbers.add(&cleaner.number_evidence()));
        let settled = self.cleaners.iter_mut().map(|cleaner| cleaner.settle_beside(&numbers));
        let settled: Vec<Settled> = settled.collect();
        let stands = self.settle_rows(&settled, sheets);
        let mut report = CleaningReport::default();
        for (column, tallies) in self.schema.columns.iter().zip(self.faults) {
            for (fault, tally) in Fault::ALL.into_iter().zip(tallies).filter(|(_, tally)| tally.rows > 0) {
                let reason = fault.reason(&column.title);
                report.dropped.insert(reason.clone(), tally.rows);
                report.first_dropped.insert(reason, tally.first_rows(sheets));
            }
        }
        let columns = self.schema.columns.iter().zip(&settled);
        let unusable = self.unusable.into_iter().zip(self.in_future);
        for (((column, settled), cleaner), (unusable, in_future)) in columns.zip(&mut self.cleaners).zip(unusable) {
            column_findings(column, settled, &mut report);
            let levels = cleaner.unknown_levels().most_frequent();
            if !levels.is_empty() {
                report.unknown_levels.insert(column.title.clone(), levels);
            }
            if unusable.rows > 0 {
                let rows = unusable.rows;
                let found = Unusable { rows, in_future, first: unusable.first_rows(sheets) };
                report.unusable.insert(column.title.clone(), found);
            }
        }
        let columns = self.cleaners.into_iter().zip(self.codes).map(|(cleaner, codes)| {
            let column = CustomerColumn { values: cleaner.into_values(), codes };
            merged(match &stands {
                Some(stands) => column.keep(stands),
                None => column,
            })
        });
        let columns: Vec<CustomerColumn> = columns.collect();
        let read = self.schema.columns.iter().zip(&columns);
        // Reports of trainings say no value of fewer customers.
        let min_rows = if self.keys.is_some() { MIN_CUSTOMERS } else { 1 };
        let min_rows = usize::try_from(min_rows).unwrap_or(usize::MAX);
        report.notes.extend(read.filter_map(|(column, read)| unknown_note(column, read, min_rows)));
        if let Some(stands) = stands {
            let mut each = stands.iter();
            if let Some(keys) = &mut self.keys {
                keys.retain(|_| each.next().copied().unwrap_or(true));
            }
            self.origins = self.origins.map(|origins| origins.of_rows(&stands));
            self.n_rows = stands.iter().filter(|&&stands| stands).count();
        }
        FinishedRows { columns, n_rows: self.n_rows, keys: self.keys, origins: self.origins, report }
    }

    /// Gives every open row the codes of what its texts come to. Which rows still stand; `None` where none was open.
    fn settle_rows(&mut self, settled: &[Settled], sheets: &mut [SheetReport]) -> Option<Vec<bool>> {
        if self.open.is_empty() {
            return None;
        }
        let mut stands = vec![true; self.n_rows];
        for row in std::mem::take(&mut self.open) {
            if !self.settle_row(row, settled) {
                continue;
            }
            if let Some(stands) = stands.get_mut(row.position as usize) {
                *stands = false;
            }
            if let Some(sheet) = row.place.sheet().and_then(|index| sheets.get_mut(index)) {
                sheet.rows_used = sheet.rows_used.saturating_sub(1);
            }
        }
        Some(stands)
    }

    /// Whether the row is dropped.
    fn settle_row(&mut self, row: OpenRow, settled: &[Settled]) -> bool {
        let mut is_dropped = false;
        let columns = self.schema.columns.iter().zip(settled).enumerate();
        for (((index, (column, settled)), codes), cleaner) in columns.zip(&mut self.codes).zip(&mut self.cleaners) {
            let Some(code) = codes.get_mut(row.position as usize) else { continue };
            if *code & OPEN == 0 || *code == MISSING {
                continue;
            }
            let outcome = settled.outcomes.get((*code & !OPEN) as usize).copied().unwrap_or_default();
            *code = cleaner.code(outcome);
            let Outcome::Unusable(fault) = outcome else { continue };
            if !column.required {
                add_to(self.unusable.get_mut(index), row.place);
                count_future(&mut self.in_future, index, fault);
            } else if !is_dropped {
                add_to(self.faults.get_mut(index).and_then(|tallies| tallies.get_mut(fault as usize)), row.place);
                is_dropped = true;
            }
        }
        is_dropped
    }
}

fn add_to(tally: Option<&mut Tally>, place: Place) {
    if let Some(tally) = tally {
        tally.add(place);
    }
}

/// Counts a cell of an optional column whose date has not come yet.
fn count_future(in_future: &mut [usize], index: usize, fault: Fault) {
    if let Some(rows) = in_future.get_mut(index).filter(|_| fault == Fault::InFuture) {
        *rows += 1;
    }
}
