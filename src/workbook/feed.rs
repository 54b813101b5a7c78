//! What every format shares: cells go to the builder row by row, within the limits.

use crate::customer::{Cell, MissingColumns, TableBuilder};

use super::{Limits, WorkbookError};

/// One sheet on its way into a builder.
pub(super) struct SheetFeed<'a> {
    builder: &'a mut TableBuilder,
    limits: &'a Limits,
    rows_before: usize,
    /// The row that is open, counted from 0.
    row: u32,
}

/// Where a sheet stands that another reader goes on with.
#[derive(Clone, Copy)]
pub(super) struct Paused {
    rows_before: usize,
    row: u32,
}

/// How a sheet ended that was not refused.
pub(super) enum SheetEnd {
    /// Its rows are in the builder.
    Read,
    /// It has no header, and left nothing in the builder.
    NoHeader(MissingColumns),
}

impl<'a> SheetFeed<'a> {
    /// Starts a sheet of a file that has put no row into the builder yet.
    pub(super) fn begin(builder: &'a mut TableBuilder, limits: &'a Limits, is_1904: bool) -> Self {
        builder.begin_sheet(is_1904);
        Self { rows_before: builder.rows_read(), builder, limits, row: 0 }
    }

    /// Lets go of the builder within a sheet.
    pub(super) fn pause(self) -> Paused {
        Paused { rows_before: self.rows_before, row: self.row }
    }

    /// Goes on with a sheet; nothing else was put into the builder meanwhile.
    pub(super) fn resume(builder: &'a mut TableBuilder, limits: &'a Limits, paused: Paused) -> Self {
        Self { builder, limits, rows_before: paused.rows_before, row: paused.row }
    }

    /// Opens the row (counted from 0) and ends the one before it. Cells that come in another order than their rows
    /// make rows of their own.
    pub(super) fn open_row(&mut self, row: u32) -> Result<Result<(), MissingColumns>, WorkbookError> {
        if row == self.row {
            return Ok(Ok(()));
        }
        let ended = self.builder.end_row(self.row.saturating_add(1));
        self.row = row;
        self.check_rows()?;
        Ok(ended)
    }

    pub(super) fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), WorkbookError> {
        if cell.is_blank() {
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
        self.builder.push_cell(column, cell);
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<SheetEnd, WorkbookError> {
        let ended = self.builder.end_row(self.row.saturating_add(1));
        self.check_rows()?;
        Ok(match ended.and_then(|()| self.builder.end_sheet()) {
            Ok(()) => SheetEnd::Read,
            Err(missing) => SheetEnd::NoHeader(missing),
        })
    }

    fn check_rows(&self) -> Result<(), WorkbookError> {
        if self.builder.rows_read() - self.rows_before > self.limits.max_rows {
            return Err(WorkbookError::TooManyRows { limit: self.limits.max_rows });
        }
        Ok(())
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

/// The sheets of a workbook that had no header: the one that came closest is the one to tell of.
#[derive(Default)]
pub(super) struct Closest(Option<MissingColumns>);

impl Closest {
    pub(super) fn note(&mut self, missing: MissingColumns) {
        if self.0.as_ref().is_none_or(|closest| missing.is_closer_than(closest)) {
            self.0 = Some(missing);
        }
    }

    /// The error of a workbook none of whose visible sheets has the header.
    pub(super) fn into_error(self) -> WorkbookError {
        self.0.map_or(WorkbookError::NoSheet, WorkbookError::MissingColumns)
    }
}
