//! `.xls`: calamine lays each sheet out as a grid of at most 65,536 × 256 cells; the format allows no streaming.

use std::io::Cursor;

use calamine::{Data, Reader, SheetType, SheetVisible, Xls, XlsError};

use crate::customer::{Cell, TableBuilder};

use super::feed::{Flow, SheetFeed};
use super::merge::Merge;
use super::sheets::{self, Book, SheetInfo, SheetKind};
use super::{Limits, WorkbookError};

/// Reads the sheets with customers.
pub(super) fn read(bytes: Vec<u8>, builder: &mut TableBuilder, limits: &Limits) -> Result<(), WorkbookError> {
    let workbook = Xls::new(Cursor::new(bytes)).map_err(error)?;
    let kind = |sheet: &calamine::Sheet| match (sheet.visible, sheet.typ) {
        (SheetVisible::Visible, SheetType::WorkSheet) => SheetKind::Visible,
        (_, SheetType::WorkSheet) => SheetKind::Hidden,
        _ => SheetKind::NoCells,
    };
    let sheets = workbook.sheets_metadata().iter();
    let sheets = sheets.map(|sheet| SheetInfo { name: sheet.name.clone(), kind: kind(sheet) }).collect();
    let is_1904 = workbook.has_1904_epoch();
    sheets::read(&mut XlsBook { workbook, sheets, is_1904 }, builder, limits)
}

struct XlsBook {
    workbook: Xls<Cursor<Vec<u8>>>,
    sheets: Vec<SheetInfo>,
    is_1904: bool,
}

impl Book for XlsBook {
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
        let name = self.sheets.get(sheet).map(|sheet| sheet.name.as_str()).unwrap_or_default();
        let range = self.workbook.worksheet_range(name).map_err(error)?;
        let (first_row, first_column) = range.start().unwrap_or_default();
        for (row, cells) in (first_row..).zip(range.rows()) {
            for (column, value) in (first_column as usize..).zip(cells) {
                let cell = borrowed(value, self.is_1904);
                if !cell.is_blank() {
                    if feed.open_row(row)? == Flow::Enough {
                        return Ok(());
                    }
                    feed.cell(column, cell)?;
                }
            }
        }
        if feed.wants_merges() {
            for merge in self.workbook.merge_cells_by_sheet_name(name).map_err(error)? {
                feed.merge(Merge::between(merge.start, merge.end))?;
            }
        }
        Ok(())
    }
}

fn borrowed(value: &Data, is_1904: bool) -> Cell<'_> {
    match value {
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => Cell::Text(text),
        Data::Float(number) => Cell::Number(*number),
        #[expect(clippy::cast_precision_loss, reason = "Excel itself keeps every number as a double")]
        Data::Int(number) => Cell::Number(*number as f64),
        Data::DateTime(date) if date.is_duration() => Cell::Number(date.as_f64()),
        Data::DateTime(date) => Cell::DateTime { serial_days: date.as_f64(), is_1904 },
        Data::Bool(value) => Cell::Bool(*value),
        Data::Error(_) => Cell::Error,
        Data::Empty => Cell::Empty,
    }
}

fn error(cause: XlsError) -> WorkbookError {
    match cause {
        XlsError::Password => WorkbookError::Encrypted,
        cause => WorkbookError::damaged(cause),
    }
}
