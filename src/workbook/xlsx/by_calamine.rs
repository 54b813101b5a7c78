//! The same workbook as calamine reads it, to hold the reading against. Part of no build that is served.

use std::io::{Read, Seek};

use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx, XlsxError};

use crate::customer::Cell;
use crate::workbook::WorkbookError;
use crate::workbook::feed::{Flow, SheetFeed};
use crate::workbook::merge::Merge;
use crate::workbook::sheets::{Book, SheetInfo, SheetKind};

use super::package::Package;

/// A workbook that calamine has opened.
pub(super) struct CalamineBook<R> {
    workbook: Xlsx<R>,
    sheets: Vec<SheetInfo>,
    is_1904: bool,
    recalculates: bool,
}

impl<R: Read + Seek> CalamineBook<R> {
    pub(super) fn open(mut source: R) -> Result<Self, WorkbookError> {
        // Calamine does not tell of it.
        let recalculates =
            zip::ZipArchive::new(&mut source).ok().and_then(|mut archive| Package::read(&mut archive).ok());
        let recalculates = recalculates.is_some_and(|package| package.recalculates);
        source.rewind().map_err(WorkbookError::io)?;
        let workbook = Xlsx::new(source).map_err(error)?;
        let kind = |sheet: &calamine::Sheet| match (sheet.visible, sheet.typ) {
            (SheetVisible::Visible, SheetType::WorkSheet) => SheetKind::Visible,
            (_, SheetType::WorkSheet) => SheetKind::Hidden,
            _ => SheetKind::NoCells,
        };
        let sheets = workbook.sheets_metadata().iter();
        let sheets = sheets.map(|sheet| SheetInfo { name: sheet.name.clone(), kind: kind(sheet) }).collect();
        let is_1904 = workbook.has_1904_epoch();
        Ok(Self { workbook, sheets, is_1904, recalculates })
    }

    fn cells(&mut self, name: &str, feed: &mut SheetFeed<'_>) -> Result<(), WorkbookError> {
        let mut cells = self.workbook.worksheet_cells_reader(name).map_err(error)?;
        loop {
            let cell = match cells.next_cell_with_formula_metadata() {
                Ok(Some(cell)) => cell,
                Ok(None) => return Ok(()),
                // One cell of an error, a number or a flag that calamine does not know (`#SPILL!`, say) is not a reason
                // to refuse the others. It is left out; the reader is behind it.
                Err(XlsxError::CellError(_) | XlsxError::ParseFloat(_) | XlsxError::Unrecognized { .. }) => continue,
                Err(cause) => return Err(error(cause)),
            };
            let (row, column) = cell.pos;
            let has_result = match &cell.value {
                DataRef::Empty => false,
                DataRef::Float(number) => *number != 0.0 || !self.recalculates,
                DataRef::DateTime(day) => day.as_f64() != 0.0 || !self.recalculates,
                _ => true,
            };
            let is_without_result = cell.formula.is_some() && !has_result;
            if borrowed(&cell.value, self.is_1904).is_blank() && !is_without_result {
                continue;
            }
            if feed.open_row(row)? == Flow::Enough {
                return Ok(());
            }
            if is_without_result {
                feed.formula_without_result(column as usize);
            } else {
                feed.cell(column as usize, borrowed(&cell.value, self.is_1904))?;
            }
        }
    }
}

impl<R: Read + Seek> Book for CalamineBook<R> {
    fn sheets(&self) -> &[SheetInfo] {
        &self.sheets
    }

    fn is_1904(&self) -> bool {
        self.is_1904
    }

    fn has_pivot_table(&mut self, _: usize) -> bool {
        false
    }

    fn feed(&mut self, sheet: usize, feed: &mut SheetFeed<'_>) -> Result<(), WorkbookError> {
        let name = self.sheets.get(sheet).map(|sheet| sheet.name.clone()).unwrap_or_default();
        self.cells(&name, feed)?;
        if feed.wants_merges() {
            let merges = self.workbook.merge_cells_by_sheet_name(&name).map_err(error)?;
            for merge in merges {
                feed.merge(Merge::between(merge.start, merge.end))?;
            }
        }
        Ok(())
    }
}

fn borrowed<'a>(value: &'a DataRef<'a>, is_1904: bool) -> Cell<'a> {
    match value {
        DataRef::SharedString(text) => Cell::Text(text),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(text),
        DataRef::Float(number) => Cell::Number(*number),
        #[expect(clippy::cast_precision_loss, reason = "Excel itself keeps every number as a double")]
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::DateTime(date) if date.is_duration() => Cell::Number(date.as_f64()),
        DataRef::DateTime(date) => Cell::DateTime { serial_days: date.as_f64(), is_1904 },
        DataRef::Bool(value) => Cell::Bool(*value),
        DataRef::Error(_) => Cell::Error,
        DataRef::Empty => Cell::Empty,
    }
}

fn error(cause: XlsxError) -> WorkbookError {
    match cause {
        XlsxError::Password => WorkbookError::Encrypted,
        cause => WorkbookError::damaged(cause),
    }
}
