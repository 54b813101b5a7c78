//! The workbook: a sheet of segments, a sheet of customers and, where there are any, one of texts, written row by row
//! (ISO/IEC 29500).
//!
//! Text goes into string cells, so that nothing in it is a formula or a link, whatever it starts with.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use jiff::civil::{Date, date};
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook, Worksheet, XlsxError};

use super::cell::{CellValue, cut};
use super::columns::Columns;
use super::segments::{SegmentLine, SegmentTable};
use super::sink::{CLUSTER_ID, CONTENT_ID, RowSink, VARIANT};
use super::tracked::TrackedText;
use super::{Export, ExportError};

/// Rows of a sheet below its header.
const MAX_ROWS: usize = 1_048_575;
/// Whole numbers beyond this lose digits in Excel, which keeps 15; they are shown as text.
const MAX_WHOLE: i128 = 999_999_999_999_999;
/// Excel counts the days before wrongly: its 1900 has a 29 February.
const FIRST_DAY: Date = date(1900, 3, 1);
/// How wide a column is, in characters.
const WIDTHS: std::ops::RangeInclusive<usize> = 8..=60;
/// How many rows are measured for it.
const MEASURED_ROWS: u32 = 200;
/// What the arrow of the filter takes of a header, in characters.
const ARROW_WIDTH: usize = 3;

/// The columns of the sheet of texts.
const CONTENT: [&str; 5] = [CLUSTER_ID, VARIANT, CONTENT_ID, "utm", "text"];

pub(super) fn write(export: &Export<'_>, out: impl Write + Send, scratch: &Path) -> Result<(), ExportError> {
    // The library panics where its scratch files cannot be written, which is all that it panics over.
    let written = catch_unwind(AssertUnwindSafe(|| write_book(export, out, scratch)));
    written.unwrap_or_else(|_| Err(ExportError::write(io::Error::from(io::ErrorKind::StorageFull))))
}

/// How much room the workbook and the scratch files take at most.
///
/// # Errors
/// [`ExportError::TooManyRows`].
pub(super) fn most_bytes(export: &Export<'_>) -> Result<u64, ExportError> {
    if export.survey.n_rows().max(export.segments.len()) > MAX_ROWS {
        return Err(ExportError::TooManyRows { limit: MAX_ROWS });
    }
    let mut size = export.survey.size();
    export.segments.iter().for_each(|line| size.add_line(line));
    Ok(size.xlsx_bytes())
}

fn write_book(export: &Export<'_>, out: impl Write + Send, scratch: &Path) -> Result<(), ExportError> {
    let columns = export.survey.columns();
    let formats = Formats::new();
    let mut book = Workbook::new();
    book.set_tempdir(scratch).map_err(ExportError::write_workbook)?;

    let table = SegmentTable::of(&export.segments)?;
    let sheet = book.add_worksheet_with_constant_memory().map_err(ExportError::write_workbook)?;
    let mut segments = Sheet::begin(sheet, "Segments", table.titles(), &formats)?;
    for line in &export.segments {
        segments.row(&table.cells(line))?;
    }
    segments.finish()?;

    let sheet = book.add_worksheet_with_constant_memory().map_err(ExportError::write_workbook)?;
    let sheet = Sheet::begin(sheet, "Rows", columns.titles().iter().map(String::as_str), &formats)?;
    let mut rows = XlsxRows { sheet, columns: &columns };
    export.rows.read_into(&mut rows)?;
    rows.sheet.finish()?;
    if export.segments.iter().any(|line| !line.tracked.0.is_empty()) {
        let sheet = book.add_worksheet_with_constant_memory().map_err(ExportError::write_workbook)?;
        write_texts(Sheet::begin(sheet, "Content", CONTENT.into_iter(), &formats)?, &export.segments)?;
    }
    let mut out = BufWriter::new(out);
    book.save_to_writer(&mut out).map_err(ExportError::write_workbook)?;
    out.flush().map_err(ExportError::write)
}

/// One line a text: for whom it is and what it is known by.
fn write_texts(mut sheet: Sheet<'_>, segments: &[SegmentLine<'_>]) -> Result<(), ExportError> {
    for (line, text) in segments.iter().flat_map(|line| line.tracked.0.iter().map(move |text| (line, text))) {
        let TrackedText { text, tracking } = text;
        let values = [
            CellValue::Whole(line.cluster_id.into()),
            CellValue::Whole(i128::try_from(tracking.variant).unwrap_or(i128::MAX)),
            CellValue::Text(Cow::Borrowed(&tracking.content_id)),
            CellValue::Text(Cow::Borrowed(&tracking.utm)),
            CellValue::Text(Cow::Borrowed(text)),
        ];
        sheet.row(&values)?;
    }
    sheet.finish()
}

struct XlsxRows<'a> {
    sheet: Sheet<'a>,
    columns: &'a Columns,
}

impl RowSink for XlsxRows<'_> {
    fn cell(&mut self, key: &str, value: CellValue<'_>) -> Result<(), ExportError> {
        self.columns.position(key).map_or(Ok(()), |column| self.sheet.cell(column, &value))
    }

    fn end_row(&mut self) -> Result<(), ExportError> {
        self.sheet.end_row();
        Ok(())
    }
}

struct Formats {
    header: CellFormat,
    day: CellFormat,
}

impl Formats {
    fn new() -> Self {
        Self { header: CellFormat::new().set_bold(), day: CellFormat::new().set_num_format("yyyy-mm-dd") }
    }
}

/// One sheet, written from top to bottom.
struct Sheet<'a> {
    sheet: &'a mut Worksheet,
    formats: &'a Formats,
    /// The row that is open; the header is row 0.
    row: u32,
    /// By column, in characters.
    widths: Vec<usize>,
}

impl<'a> Sheet<'a> {
    fn begin<'t>(
        sheet: &'a mut Worksheet,
        name: &str,
        titles: impl Iterator<Item = &'t str>,
        formats: &'a Formats,
    ) -> Result<Self, ExportError> {
        sheet.set_name(name).map_err(ExportError::write)?;
        sheet.set_freeze_panes(1, 0).map_err(ExportError::write)?;
        let mut widths = Vec::new();
        for (column, title) in (0..).zip(titles) {
            sheet.write_string_with_format(0, column, cut(title), &formats.header).map_err(ExportError::write)?;
            widths.push(title.chars().count() + ARROW_WIDTH);
        }
        Ok(Self { sheet, formats, row: 1, widths })
    }

    /// Writes a whole row.
    fn row(&mut self, values: &[CellValue<'_>]) -> Result<(), ExportError> {
        for (column, value) in values.iter().enumerate() {
            self.cell(column, value)?;
        }
        self.end_row();
        Ok(())
    }

    /// Writes into the open row.
    fn cell(&mut self, column: usize, value: &CellValue<'_>) -> Result<(), ExportError> {
        if self.row <= MEASURED_ROWS
            && let Some(width) = self.widths.get_mut(column)
        {
            *width = (*width).max(value.text().chars().take(*WIDTHS.end()).count());
        }
        let column = u16::try_from(column).map_err(ExportError::write)?;
        self.put(column, value).map_err(ExportError::write)
    }

    fn put(&mut self, column: u16, value: &CellValue<'_>) -> Result<(), XlsxError> {
        let (sheet, row) = (&mut *self.sheet, self.row);
        match value {
            CellValue::Nothing => return Ok(()),
            CellValue::Text(text) => sheet.write_string(row, column, cut(text))?,
            CellValue::Flag(flag) => sheet.write_boolean(row, column, *flag)?,
            CellValue::Whole(whole) if whole.unsigned_abs() > MAX_WHOLE.unsigned_abs() => {
                sheet.write_string(row, column, whole.to_string())?
            }
            #[expect(clippy::cast_precision_loss, reason = "15 digits fit a double")]
            CellValue::Whole(whole) => sheet.write_number(row, column, *whole as f64)?,
            CellValue::Number(number) => sheet.write_number(row, column, *number)?,
            CellValue::Date(day) if *day < FIRST_DAY => sheet.write_string(row, column, day.to_string())?,
            CellValue::Date(day) => {
                let (year, month, of_month) = (day.year().unsigned_abs(), day.month(), day.day());
                let day = ExcelDateTime::from_ymd(year, month.unsigned_abs(), of_month.unsigned_abs())?;
                sheet.write_datetime_with_format(row, column, day, &self.formats.day)?
            }
        };
        Ok(())
    }

    fn end_row(&mut self) {
        self.row += 1;
    }

    fn finish(self) -> Result<(), ExportError> {
        for (column, width) in (0..).zip(&self.widths) {
            let width = u32::try_from((*width).clamp(*WIDTHS.start(), *WIDTHS.end())).unwrap_or_default();
            self.sheet.set_column_width(column, f64::from(width)).map_err(ExportError::write)?;
        }
        let last = u16::try_from(self.widths.len().saturating_sub(1)).map_err(ExportError::write)?;
        self.sheet.autofilter(0, 0, self.row - 1, last).map_err(ExportError::write)?;
        Ok(())
    }
}
