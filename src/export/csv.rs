//! The customers as text separated by commas, as Excel likes it (RFC 4180); the segments, where no customers are
//! listed.
//!
//! The file starts with a byte order mark: without one Excel reads UTF-8 as the system's own code page and shows `é` as
//! `Ã©`. Text is a [`plain_cell`]: what a spreadsheet program would run as a formula has an apostrophe in front.
//! Numbers stay as they are.

use std::borrow::Cow;
use std::io::{BufWriter, Write};

use csv::{Terminator, Writer, WriterBuilder};

use super::cell::{CellValue, cut};
use super::columns::Columns;
use super::segments::{SegmentLine, SegmentTable};
use super::sink::RowSink;
use super::{Export, ExportError};
use crate::customer::plain_cell;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Rows times columns; every cell costs a comma, whether it holds anything or not.
const MAX_CELLS: usize = 1 << 28;

/// How large the file becomes at most.
///
/// # Errors
/// [`ExportError::TooManyCells`], and of segments alone [`ExportError::TooManyColumns`].
pub(super) fn most_bytes(export: &Export<'_>) -> Result<u64, ExportError> {
    let (n_columns, n_rows, size) = if export.is_without_rows() {
        let table = SegmentTable::of(&export.segments)?;
        let mut size = export.survey.size();
        table.titles().for_each(|title| size.add_text(title));
        export.segments.iter().for_each(|line| size.add_line(line));
        (table.titles().count(), export.segments.len(), size)
    } else {
        (export.survey.columns().titles().len(), export.survey.n_rows(), export.survey.size())
    };
    if n_rows.saturating_mul(n_columns) > MAX_CELLS {
        return Err(ExportError::TooManyCells { limit: MAX_CELLS });
    }
    Ok(size.csv_bytes(n_columns))
}

pub(super) fn write(export: &Export<'_>, out: impl Write) -> Result<(), ExportError> {
    let mut out = BufWriter::new(out);
    out.write_all(BYTE_ORDER_MARK).map_err(ExportError::write)?;
    let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
    if export.is_without_rows() {
        return write_segments(&export.segments, table);
    }
    let columns = export.survey.columns();
    let titles = columns.titles().iter().map(|title| guarded(title).into_owned());
    table.write_record(titles).map_err(ExportError::write)?;
    let row = vec![String::new(); columns.titles().len()];
    export.rows.read_into(&mut CsvRows { table: &mut table, columns: &columns, row })?;
    table.flush().map_err(ExportError::write)
}

fn write_segments(lines: &[SegmentLine<'_>], mut table: Writer<impl Write>) -> Result<(), ExportError> {
    let columns = SegmentTable::of(lines)?;
    table.write_record(columns.titles().map(|title| guarded(title).into_owned())).map_err(ExportError::write)?;
    for line in lines {
        table.write_record(columns.cells(line).iter().map(written)).map_err(ExportError::write)?;
    }
    table.flush().map_err(ExportError::write)
}

struct CsvRows<'a, W: Write> {
    table: &'a mut Writer<W>,
    columns: &'a Columns,
    row: Vec<String>,
}

impl<W: Write> RowSink for CsvRows<'_, W> {
    fn cell(&mut self, key: &str, value: CellValue<'_>) -> Result<(), ExportError> {
        if let Some(cell) = self.columns.position(key).and_then(|at| self.row.get_mut(at)) {
            cell.clear();
            cell.push_str(&written(&value));
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ExportError> {
        self.table.write_record(&self.row).map_err(ExportError::write)?;
        self.row.iter_mut().for_each(String::clear);
        Ok(())
    }
}

/// A value as a cell has it.
fn written(value: &CellValue<'_>) -> String {
    match value {
        CellValue::Text(text) => guarded(text).into_owned(),
        other => other.text().into_owned(),
    }
}

/// Text that stays text in whatever program opens it.
fn guarded(text: &str) -> Cow<'_, str> {
    match plain_cell(text) {
        Cow::Borrowed(text) => cut(text),
        Cow::Owned(text) => Cow::Owned(cut(&text).into_owned()),
    }
}
