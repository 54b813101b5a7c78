//! The tables of several files made into one, in which the newest row of a customer counts.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::clean::Key;
use super::lacking::Lacking;
use super::newest::{Fate, Newest};
use super::report::NAMED_ROWS;
use super::same_name;
use super::{
    BrokenTable, CleaningReport, ColumnDates, CustomerColumn, CustomerTable, Dropped, IdentifierDigits, KeyedTable,
    MIN_CUSTOMERS, MISSING, Schema, SheetReport, SheetRow, ValueRows,
};

/// Files added in the order of their age: of several rows of one customer, by the schema's identifier, the newest
/// usable one stands, and the others are counted as [`Dropped::ReplacedByNewer`].
///
/// Identifiers that tell hardly any rows of a file apart, or that more than 20 of its rows share, identify nobody.
#[derive(Debug)]
pub struct NewestStands {
    schema: Arc<Schema>,
    columns: Vec<MergedColumn>,
    rows: Newest,
    /// The rows of each used sheet among `cleaning.sheets`, and its position there.
    sheets: Vec<(Range<usize>, usize)>,
    /// The rows of each file, in the order in which the files were added.
    rows_of_files: Vec<Range<usize>>,
    lacking: Lacking,
    /// How the identifiers of each file are written.
    digits: Vec<(String, IdentifierDigits)>,
    cleaning: CleaningReport,
}

#[derive(Debug, Default)]
struct MergedColumn {
    column: CustomerColumn,
    code_of: FxHashMap<Key, u32>,
}

impl NewestStands {
    /// No file yet; each is to be read by this schema.
    pub fn new(schema: Arc<Schema>) -> Self {
        let columns = schema.columns.iter().map(|_| MergedColumn::default()).collect();
        let (rows, sheets, rows_of_files, lacking, digits, cleaning) = Default::default();
        Self { schema, columns, rows, sheets, rows_of_files, lacking, digits, cleaning }
    }

    /// Adds a file that is younger than the others; reports call it `label`.
    ///
    /// # Errors
    /// [`BrokenTable`] when it was read by another schema; nothing is added then.
    pub fn add(&mut self, label: &str, file: &KeyedTable) -> Result<(), BrokenTable> {
        let table = file.table();
        if table.schema() != &self.schema || file.keys().len() != table.n_rows() {
            return Err(BrokenTable("read by another schema"));
        }
        for (merged, column) in self.columns.iter_mut().zip(table.columns()) {
            merged.add(column);
        }
        self.note(label, table.cleaning());
        self.lacking.add(label, &self.schema, table.cleaning());
        self.digits.push((label.to_owned(), table.cleaning().identifier_digits));
        self.rows_of_files.push(self.rows.len()..self.rows.len() + table.n_rows());
        self.rows.add_file(label, file.keys(), &file.erased);
        Ok(())
    }

    /// The table of all rows that count.
    pub fn finish(self) -> CustomerTable {
        self.finish_counted().0
    }

    /// The table of all rows that count, and how many of its customers were in each file first, in the order in which
    /// the files were added.
    pub fn finish_counted(mut self) -> (CustomerTable, Vec<usize>) {
        let fates = self.rows.fates();
        self.cleaning.notes.extend(self.rows.take_notes());
        for (row, &fate) in fates.iter().enumerate() {
            match fate {
                Fate::Stands => {}
                Fate::Copy => self.drop_row(Dropped::Duplicate, row),
                Fate::Replaced => self.drop_row(Dropped::ReplacedByNewer, row),
            }
        }
        let stands: Vec<bool> = fates.iter().map(|&fate| fate == Fate::Stands).collect();
        let n_rows = stands.iter().filter(|&&stands| stands).count();
        let standing =
            |rows: &Range<usize>| stands.get(rows.clone()).unwrap_or_default().iter().filter(|&&stands| stands).count();
        let customers: Vec<usize> = self.rows_of_files.iter().map(standing).collect();
        let columns = self.columns.into_iter().map(|merged| same_name::merged(merged.column.keep(&stands))).collect();
        let (schema, mut cleaning) = (self.schema, self.cleaning);
        self.lacking.report(&schema, &customers, &mut cleaning);
        let is_frequent = |rows: usize| u64::try_from(rows).is_ok_and(|rows| rows >= MIN_CUSTOMERS);
        // A report is kept, and a value that few rows have may be anything that has slipped into the column.
        cleaning.unknown_levels.values_mut().for_each(|levels| levels.retain(|level| is_frequent(level.rows)));
        cleaning.unknown_levels.retain(|_, levels| !levels.is_empty());
        cleaning.notes.extend(IdentifierDigits::note_on_files(&self.digits));
        let table = CustomerTable { schema, columns, n_rows, weights: None, cleaning, origins: None };
        (table, self.rows.brought())
    }

    fn drop_row(&mut self, reason: Dropped, row: usize) {
        *self.cleaning.dropped.entry(reason.clone()).or_default() += 1;
        let mut place = self.rows.place_of(row);
        let at = self.sheets.partition_point(|(rows, _)| rows.end <= row);
        let sheet = self.sheets.get(at).filter(|(rows, _)| rows.contains(&row)).map(|&(_, index)| index);
        if let Some(sheet) = sheet.and_then(|index| self.cleaning.sheets.get_mut(index)) {
            sheet.rows_used = sheet.rows_used.saturating_sub(1);
            place.sheet.clone_from(&sheet.name);
        }
        let first = self.cleaning.first_dropped.entry(reason).or_default();
        if first.len() < NAMED_ROWS {
            first.push(place);
        }
    }

    /// Adds the account of a file whose rows come next.
    fn note(&mut self, label: &str, file: &CleaningReport) {
        let all = &mut self.cleaning;
        all.rows_read += file.rows_read;
        for (reason, rows) in &file.dropped {
            *all.dropped.entry(reason.clone()).or_default() += rows;
        }
        for (reason, rows) in &file.first_dropped {
            let first = all.first_dropped.entry(reason.clone()).or_default();
            let room = NAMED_ROWS.saturating_sub(first.len());
            first.extend(rows.iter().take(room).map(|at| SheetRow { source: label.to_owned(), ..at.clone() }));
        }
        // A sheet is reported only where its workbook has others.
        if file.sheets.len() > 1 {
            let mut first_row = self.rows.len();
            for sheet in &file.sheets {
                let rows = first_row..first_row + sheet.rows_used;
                first_row = rows.end;
                self.sheets.push((rows, all.sheets.len()));
                all.sheets.push(SheetReport { source: label.to_owned(), ..sheet.without_cells() });
            }
        }
        for note in &file.notes {
            all.notes.push(note.of_file(label));
        }
        for (title, header) in &file.columns_used {
            all.columns_used.entry(title.clone()).or_insert_with(|| header.clone());
        }
        for (title, cells) in &file.unusable {
            let known = all.unusable.entry(title.clone()).or_default();
            known.rows += cells.rows;
            known.in_future += cells.in_future;
            let room = NAMED_ROWS.saturating_sub(known.first.len());
            let first = cells.first.iter().take(room);
            known.first.extend(first.map(|at| SheetRow { source: label.to_owned(), ..at.clone() }));
        }
        for (title, levels) in &file.unknown_levels {
            add_levels(all.unknown_levels.entry(title.clone()).or_default(), levels);
        }
        file.dates.iter().for_each(|dates| add_dates(&mut all.dates, label, dates));
        all.identifier_used = all.identifier_used.take().or_else(|| file.identifier_used.clone());
    }
}

/// Adds how the dates of a column were read in a file; of all files that read them so the first few are named.
fn add_dates(all: &mut Vec<ColumnDates>, label: &str, dates: &ColumnDates) {
    let is_same = |known: &&mut ColumnDates| {
        (&known.column, known.order, known.decided_by) == (&dates.column, dates.order, dates.decided_by)
    };
    match all.iter_mut().find(is_same) {
        Some(known) if known.sources.len() < NAMED_ROWS => known.sources.push(label.to_owned()),
        Some(_) => {}
        None => all.push(ColumnDates { sources: vec![label.to_owned()], ..dates.clone() }),
    }
}

/// Adds the rows of levels; of all levels the most frequent are named.
fn add_levels(all: &mut Vec<ValueRows>, levels: &[ValueRows]) {
    for level in levels {
        match all.iter_mut().find(|known| known.value == level.value) {
            Some(known) => known.rows += level.rows,
            None => all.push(level.clone()),
        }
    }
    all.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.value.cmp(&b.value)));
    all.truncate(NAMED_ROWS);
}

impl MergedColumn {
    fn add(&mut self, file: &CustomerColumn) {
        let Self { column, code_of } = self;
        let codes: Vec<u32> = file
            .values
            .iter()
            .map(|value| {
                *code_of.entry(Key::of(value)).or_insert_with(|| {
                    column.values.push(value.clone());
                    u32::try_from(column.values.len() - 1).unwrap_or(MISSING)
                })
            })
            .collect();
        let code = |&code: &u32| codes.get(code as usize).copied().unwrap_or(MISSING);
        column.codes.extend(file.codes.iter().map(code));
    }
}
