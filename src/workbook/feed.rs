//! What every format shares: the cells of a sheet go to the builder row by row, within the limits.

use crate::customer::{Cell, Meanings, MissingColumns, RowReader, RowsAhead, TableBuilder};

use super::merge::{Merge, Spans};
use super::{Limits, WorkbookError};

/// What a sheet is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For its customers.
    Rows,
    /// To find its header, and to look at so many rows below it.
    Survey(usize),
    /// To count the rows that hold anything below this one, as the sheet numbers it.
    Count(u32),
}

/// One sheet on its way into a builder.
pub(super) struct SheetFeed<'a> {
    builder: &'a mut TableBuilder,
    limits: &'a Limits,
    purpose: Purpose,
    /// Rows of this file that were read before the sheet.
    rows_before: usize,
    /// The row that is open, counted from 0.
    row: u32,
    row_has_content: bool,
    /// Rows that hold anything: all, or those that are counted.
    n_rows: usize,
    /// Whether there is a formula whose result is not in the file.
    lacks_results: bool,
    /// None of the first rows is a header. What follows is counted.
    no_header: Option<MissingColumns>,
    spans: Spans,
    /// The merged cells that matter and were not known before; `None` where they were.
    found: Option<Vec<Merge>>,
    /// What the cells mean that were looked at ahead.
    meanings: Option<Meanings>,
}

/// Whether a sheet has to be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    GoOn,
    Enough,
}

/// How a sheet ended that was not refused.
pub(super) enum SheetEnd {
    /// Its rows are in the builder.
    Read,
    /// It has no header, and left nothing in the builder.
    NoHeader(MissingColumns),
    /// It has merged cells over rows that were read without knowing of them. The builder is of no use any more.
    Merged(Vec<Merge>),
}

impl<'a> SheetFeed<'a> {
    /// Starts a sheet whose merged cells are `merges`, if they are known. `rows_before` is what the builder had read
    /// when the file was begun. The builder's sheet has been begun.
    pub(super) fn new(
        builder: &'a mut TableBuilder,
        limits: &'a Limits,
        rows_before: usize,
        merges: Option<&[Merge]>,
    ) -> Self {
        Self {
            builder,
            limits,
            purpose: Purpose::Rows,
            rows_before,
            row: 0,
            row_has_content: false,
            n_rows: 0,
            lacks_results: false,
            no_header: None,
            spans: Spans::new(merges.unwrap_or_default()),
            found: merges.is_none().then(Vec::new),
            meanings: None,
        }
    }

    /// The same for another purpose.
    pub(super) fn with_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// Opens the row (counted from 0) and ends the one before it. Cells that come in another order than their rows
    /// make rows of their own.
    pub(super) fn open_row(&mut self, row: u32) -> Result<Flow, WorkbookError> {
        if row == self.row {
            return Ok(Flow::GoOn);
        }
        let flow = self.end_row()?;
        if row > self.row.saturating_add(1) {
            self.builder.note_gap();
        }
        self.row = row;
        Ok(flow)
    }

    pub(super) fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), WorkbookError> {
        if cell.is_blank() {
            self.builder.push_blank(column);
            return Ok(());
        }
        self.row_has_content = true;
        if self.is_counting() {
            return Ok(());
        }
        if column >= self.limits.max_columns {
            let cell = self.cell_name(column);
            return Err(WorkbookError::TooManyColumns { cell, limit: self.limits.max_columns });
        }
        if let Cell::Text(text) = cell
            && text.len() > self.limits.max_cell_bytes
        {
            let cell = self.cell_name(column);
            return Err(WorkbookError::CellTooLong { cell, limit: self.limits.max_cell_bytes });
        }
        if !self.spans.is_empty() {
            self.spans.note(self.row, column, cell);
        }
        self.builder.push_cell(column, cell);
        Ok(())
    }

    /// How large the workbook may be.
    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// Whether the header is in this row, counted from 0.
    pub(super) fn has_header_in(&self, row: u32) -> bool {
        self.builder.header_row() == Some(row.saturating_add(1))
    }

    /// Whether the column tells customers apart.
    pub(super) fn identifies(&self, column: usize) -> bool {
        self.builder.identifies(column)
    }

    /// Has the rows below be left out that have more cells than the header, which has so many.
    pub(super) fn set_header_width(&mut self, n_cells: usize) {
        self.builder.set_header_width(n_cells);
    }

    /// Takes note that the sheet does not show the open row.
    pub(super) fn hide_row(&mut self) {
        if !self.is_counting() {
            self.builder.hide_row();
        }
    }

    /// Readers for the further rows, where these can be looked at before their turn.
    pub(super) fn readers_ahead(&mut self, n_readers: usize) -> Option<Vec<RowReader>> {
        if self.purpose != Purpose::Rows || self.is_counting() || !self.spans.is_empty() {
            return None;
        }
        let (meanings, readers) = self.builder.readers_ahead(n_readers)?;
        self.meanings = Some(meanings);
        Some(readers)
    }

    /// Takes note of the cells that a reader met first in these rows.
    pub(super) fn met(&mut self, rows: &mut RowsAhead) {
        if let Some(meanings) = &mut self.meanings {
            meanings.add(rows);
        }
    }

    /// Opens the row (counted from 0), and gives it the cells of the row at a position of `rows`, of which at least one
    /// holds something. `false` where they have to be given one by one.
    pub(super) fn row_ahead(&mut self, row: u32, rows: &RowsAhead, at: usize) -> Result<bool, WorkbookError> {
        self.open_row(row)?;
        let Some(meanings) = self.meanings.as_mut().filter(|_| self.no_header.is_none() && !self.row_has_content)
        else {
            return Ok(false);
        };
        self.row_has_content = self.builder.push_row_ahead(meanings, rows, at);
        #[cfg(test)]
        N_AHEAD.with(|n_ahead| n_ahead.set(n_ahead.get() + usize::from(self.row_has_content)));
        Ok(self.row_has_content)
    }

    /// Which of a line's cells show that it is a row by itself: see [`TableBuilder::signs_of_row`].
    pub(super) fn signs_of_row(&mut self, first: &[&str], line: &[&str]) -> Vec<usize> {
        self.builder.signs_of_row(first, line)
    }

    /// Takes note of a formula whose result is not in the file.
    pub(super) fn formula_without_result(&mut self, column: usize) {
        self.lacks_results = true;
        if !self.is_counting() {
            self.builder.push_formula_without_result(column);
        }
    }

    /// Whether merged cells are wanted.
    pub(super) fn wants_merges(&self) -> bool {
        self.found.is_some() && !matches!(self.purpose, Purpose::Count(_))
    }

    /// Takes note of merged cells, behind all rows.
    pub(super) fn merge(&mut self, merge: Merge) -> Result<(), WorkbookError> {
        let has_header = self.builder.header_row();
        let matters = merge.spans_rows()
            && match has_header {
                // Columns that nobody reads, and the merged headers of titles and groups.
                Some(header_row) => merge.first_row >= header_row && self.builder.reads_column(merge.column as usize),
                None => true,
            };
        let Some(found) = self.found.as_mut().filter(|_| matters) else { return Ok(()) };
        if found.len() >= self.limits.max_rows {
            return Err(WorkbookError::damaged("there are more merged cells than rows"));
        }
        found.push(merge);
        Ok(())
    }

    /// Whether the rows are no more than counted, so that a fault among them is not a reason to refuse the others.
    pub(super) fn is_counting(&self) -> bool {
        self.no_header.is_some() || matches!(self.purpose, Purpose::Count(_))
    }

    /// Rows that hold anything: those below the one that [`Purpose::Count`] names, or all.
    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Whether a formula has no result in the file.
    pub(super) fn lacks_results(&self) -> bool {
        self.lacks_results
    }

    pub(super) fn end(&mut self) -> Result<SheetEnd, WorkbookError> {
        self.end_row()?;
        if let Some(found) = self.found.take_if(|found| !found.is_empty()) {
            return Ok(SheetEnd::Merged(found));
        }
        if let Some(missing) = self.no_header.take() {
            return Ok(SheetEnd::NoHeader(missing));
        }
        if self.is_counting() {
            return Ok(SheetEnd::Read);
        }
        Ok(self.builder.end_sheet().map_or_else(SheetEnd::NoHeader, |()| SheetEnd::Read))
    }

    /// Ends the open row.
    fn end_row(&mut self) -> Result<Flow, WorkbookError> {
        let number = self.row.saturating_add(1);
        let is_counted = !matches!(self.purpose, Purpose::Count(above) if number <= above);
        self.n_rows += usize::from(std::mem::take(&mut self.row_has_content) && is_counted);
        if self.is_counting() {
            return Ok(if self.n_rows >= self.limits.max_rows { Flow::Enough } else { Flow::GoOn });
        }
        if !self.spans.is_empty() {
            for (column, first_row, cell) in self.spans.reaching(self.row) {
                // A header that reaches down over the rows is not a value of theirs.
                if self.builder.header_row().is_none_or(|header_row| first_row >= header_row) {
                    self.builder.fill_cell(column, cell);
                }
            }
        }
        self.no_header = self.builder.end_row(number).err();
        if self.builder.rows_read().saturating_sub(self.rows_before) > self.limits.max_rows {
            return Err(WorkbookError::TooManyRows { limit: self.limits.max_rows });
        }
        let is_surveyed = matches!(self.purpose, Purpose::Survey(rows) if self.builder.rows_read() >= rows);
        Ok(if is_surveyed { Flow::Enough } else { Flow::GoOn })
    }

    /// The open row's cell as people name it, such as `XFD1048576`.
    fn cell_name(&self, column: usize) -> String {
        let mut letters = Vec::new();
        let mut rest = column + 1;
        while rest > 0 {
            letters.push(char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
            rest = (rest - 1) / 26;
        }
        let letters: String = letters.into_iter().rev().collect();
        format!("{letters}{}", u64::from(self.row) + 1)
    }
}

#[cfg(test)]
thread_local! {
    static N_AHEAD: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Rows that this thread has taken as another found them.
#[cfg(test)]
pub(super) fn rows_taken_ahead() -> usize {
    N_AHEAD.get()
}
