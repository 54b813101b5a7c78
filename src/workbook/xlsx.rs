//! `.xlsx`, streamed cell by cell.

use std::io::{Read, Seek};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use crate::customer::{Cell, TableBuilder};

use super::feed::{Closest, SheetEnd, SheetFeed};
use super::{Limits, WorkbookError};

/// Reads the first visible sheet whose header matches.
pub(super) fn read<R: Read + Seek>(
    source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
) -> Result<(), WorkbookError> {
    let mut workbook = Xlsx::new(source).map_err(error)?;
    let sheets = workbook.sheets_metadata();
    if sheets.len() > limits.max_sheets {
        return Err(WorkbookError::TooManySheets { limit: limits.max_sheets });
    }
    let is_readable =
        |sheet: &&calamine::Sheet| sheet.visible == SheetVisible::Visible && matches!(sheet.typ, SheetType::WorkSheet);
    let names: Vec<String> = sheets.iter().filter(is_readable).map(|sheet| sheet.name.clone()).collect();
    let mut closest = Closest::default();
    for name in names {
        match read_sheet(&mut workbook, &name, builder, limits)? {
            SheetEnd::Read => return Ok(()),
            SheetEnd::NoHeader(missing) => closest.note(missing),
        }
    }
    Err(closest.into_error())
}

fn read_sheet<R: Read + Seek>(
    workbook: &mut Xlsx<R>,
    name: &str,
    builder: &mut TableBuilder,
    limits: &Limits,
) -> Result<SheetEnd, WorkbookError> {
    let is_1904 = workbook.has_1904_epoch();
    let mut cells = workbook.worksheet_cells_reader(name).map_err(error)?;
    let mut feed = SheetFeed::begin(builder, limits, is_1904);
    loop {
        let cell = match cells.next_cell() {
            Ok(Some(cell)) => cell,
            Ok(None) => return feed.end(),
            // One cell of an error, a number or a flag that calamine does not know (`#SPILL!`, say) is no reason to
            // refuse the others. It is left out; the reader stands behind it.
            Err(XlsxError::CellError(_) | XlsxError::ParseFloat(_) | XlsxError::Unrecognized { .. }) => continue,
            Err(cause) => return Err(error(cause)),
        };
        let (row, column) = cell.get_position();
        let value = borrowed(cell.get_value(), is_1904);
        if value.is_blank() {
            continue;
        }
        if let Err(missing) = feed.open_row(row)? {
            return Ok(SheetEnd::NoHeader(missing));
        }
        feed.cell(column as usize, value)?;
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
