//! `.xls`: calamine lays each sheet out as a grid of at most 65,536 × 256 cells; the format allows no streaming.

use std::io::Cursor;

use calamine::{Data, Reader, SheetType, SheetVisible, Xls, XlsError};

use crate::customer::{Cell, TableBuilder};

use super::feed::{Closest, SheetEnd, SheetFeed};
use super::{Limits, WorkbookError};

/// Reads the first visible sheet whose header matches.
pub(super) fn read(bytes: Vec<u8>, builder: &mut TableBuilder, limits: &Limits) -> Result<(), WorkbookError> {
    let mut workbook = Xls::new(Cursor::new(bytes)).map_err(error)?;
    let sheets = workbook.sheets_metadata().to_vec();
    if sheets.len() > limits.max_sheets {
        return Err(WorkbookError::TooManySheets { limit: limits.max_sheets });
    }
    let is_1904 = workbook.has_1904_epoch();
    let mut closest = Closest::default();
    for sheet in sheets {
        if sheet.visible != SheetVisible::Visible || !matches!(sheet.typ, SheetType::WorkSheet) {
            continue;
        }
        let range = workbook.worksheet_range(&sheet.name).map_err(error)?;
        let feed = SheetFeed::begin(builder, limits, is_1904);
        match read_sheet(&range, feed, is_1904)? {
            SheetEnd::Read => return Ok(()),
            SheetEnd::NoHeader(missing) => closest.note(missing),
        }
    }
    Err(closest.into_error())
}

fn read_sheet(
    range: &calamine::Range<Data>,
    mut feed: SheetFeed<'_>,
    is_1904: bool,
) -> Result<SheetEnd, WorkbookError> {
    let (first_row, first_column) = range.start().unwrap_or_default();
    for (row, cells) in (first_row..).zip(range.rows()) {
        if let Err(missing) = feed.open_row(row)? {
            return Ok(SheetEnd::NoHeader(missing));
        }
        for (column, value) in (first_column as usize..).zip(cells) {
            feed.cell(column, borrowed(value, is_1904))?;
        }
    }
    feed.end()
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
