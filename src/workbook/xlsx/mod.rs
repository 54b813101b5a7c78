//! `.xlsx`, streamed cell by cell: plain ones by a reader of their own, all others by calamine, with the same result.

mod anatomy;
mod cells;
mod markup;
mod plain;
mod reference;
mod strings;
mod window;

use std::io::{Read, Seek};

use calamine::{DataRef, Reader, Xlsx, XlsxError};

use crate::customer::{Cell, TableBuilder};

use super::feed::{Closest, Paused, SheetEnd, SheetFeed};
use super::{Limits, WorkbookError};

use anatomy::is_readable;
use plain::PlainBook;

/// Reads the first visible sheet whose header matches.
pub(super) fn read<R: Read + Seek>(
    mut source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
) -> Result<(), WorkbookError> {
    let resume = match PlainBook::open(&mut source, limits) {
        None => Resume::default(),
        Some(mut book) => match book.read(builder, limits)? {
            None => return Ok(()),
            Some(resume) => resume,
        },
    };
    read_by_calamine(source, builder, limits, resume)
}

/// Reads the first visible sheet whose header matches by calamine alone.
#[cfg(any(test, fuzzing))]
pub(super) fn read_slowly<R: Read + Seek>(
    source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
) -> Result<(), WorkbookError> {
    read_by_calamine(source, builder, limits, Resume::default())
}

/// From where calamine goes on; by default from the start.
#[derive(Default)]
struct Resume {
    /// Of the visible sheets.
    sheet: usize,
    /// Cells of it that are in the builder already, or in no need of being there.
    cells: u64,
    feed: Option<Paused>,
    closest: Closest,
}

/// Reads on by calamine alone.
fn read_by_calamine<R: Read + Seek>(
    source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
    resume: Resume,
) -> Result<(), WorkbookError> {
    let mut workbook = Xlsx::new(source).map_err(error)?;
    let sheets = workbook.sheets_metadata();
    if sheets.len() > limits.max_sheets {
        return Err(WorkbookError::TooManySheets { limit: limits.max_sheets });
    }
    let names: Vec<String> = sheets.iter().filter(|sheet| is_readable(sheet)).map(|sheet| sheet.name.clone()).collect();
    let is_1904 = workbook.has_1904_epoch();
    let Resume { sheet, mut cells, mut feed, mut closest } = resume;
    for name in names.iter().skip(sheet) {
        let feed = match feed.take() {
            Some(paused) => SheetFeed::resume(builder, limits, paused),
            None => SheetFeed::begin(builder, limits, is_1904),
        };
        match read_sheet(&mut workbook, name, feed, std::mem::take(&mut cells))? {
            SheetEnd::Read => return Ok(()),
            SheetEnd::NoHeader(missing) => closest.note(missing),
        }
    }
    Err(closest.into_error())
}

/// Reads a sheet but for its first `cells_taken` cells.
fn read_sheet<R: Read + Seek>(
    workbook: &mut Xlsx<R>,
    name: &str,
    mut feed: SheetFeed<'_>,
    mut cells_taken: u64,
) -> Result<SheetEnd, WorkbookError> {
    let is_1904 = workbook.has_1904_epoch();
    let mut cells = workbook.worksheet_cells_reader(name).map_err(error)?;
    loop {
        let cell = match cells.next_cell() {
            Ok(Some(cell)) => Some(cell),
            Ok(None) => return feed.end(),
            // One cell of an error, a number or a flag that calamine does not know (`#SPILL!`, say) is no reason to
            // refuse the others. It is left out; the reader stands behind it.
            Err(XlsxError::CellError(_) | XlsxError::ParseFloat(_) | XlsxError::Unrecognized { .. }) => None,
            Err(cause) => return Err(error(cause)),
        };
        if cells_taken > 0 {
            cells_taken -= 1;
            continue;
        }
        let Some(cell) = cell else { continue };
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

#[cfg(test)]
mod tests;
