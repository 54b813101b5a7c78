//! `.xls`: calamine lays each sheet out as a grid of at most 65,536 × 256 cells; the format allows no streaming.

mod globals;
mod texts;

use std::io::Cursor;

use calamine::{Data, Reader, SheetType, SheetVisible, Xls, XlsError, XlsOptions};

use crate::customer::{Cell, Note, TableBuilder};

use super::encoding::Charset;
use super::feed::{Flow, SheetFeed};
use super::merge::Merge;
use super::sheets::{self, Book, SheetInfo, SheetKind};
use super::unlock::unlock_biff;
use super::{Limits, WorkbookError};

use globals::Globals;
use texts::{BYTES_AS_LETTERS, Sample, Texts};

/// UTF-16: what every BIFF8 file is in, whatever its code page says.
const UTF_16: u16 = 1200;

/// Reads the sheets with customers.
pub(super) fn read(mut bytes: Vec<u8>, builder: &mut TableBuilder, limits: &Limits) -> Result<(), WorkbookError> {
    let mut globals = Globals::of(&bytes);
    if globals.is_some_and(|globals| globals.is_encrypted) {
        bytes = unlock_biff(bytes).ok_or(WorkbookError::Encrypted)?;
        globals = Globals::of(&bytes);
    }
    let mut options = XlsOptions::default();
    options.force_codepage = globals.map(|globals| if globals.is_biff5 { BYTES_AS_LETTERS } else { UTF_16 });
    let mut workbook = Xls::new_with_options(Cursor::new(bytes), options).map_err(error)?;
    let texts = texts_of(globals, &mut workbook, builder)?;
    let kind = |sheet: &calamine::Sheet| match (sheet.visible, sheet.typ) {
        (SheetVisible::Visible, SheetType::WorkSheet) => SheetKind::Visible,
        (_, SheetType::WorkSheet) => SheetKind::Hidden,
        _ => SheetKind::NoCells,
    };
    let sheets = workbook.sheets_metadata().iter();
    let sheets =
        sheets.map(|sheet| SheetInfo { name: texts.read(&sheet.name).into_owned(), kind: kind(sheet) }).collect();
    let names = workbook.sheet_names();
    let is_1904 = workbook.has_1904_epoch();
    sheets::read(&mut XlsBook { workbook, names, sheets, texts, is_1904 }, builder, limits)
}

struct XlsBook {
    workbook: Xls<Cursor<Vec<u8>>>,
    /// The sheets as calamine names them.
    names: Vec<String>,
    sheets: Vec<SheetInfo>,
    texts: Texts,
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
        let name = self.names.get(sheet).map(String::as_str).unwrap_or_default();
        let range = self.workbook.worksheet_range(name).map_err(error)?;
        let (first_row, first_column) = range.start().unwrap_or_default();
        for (row, cells) in (first_row..).zip(range.rows()) {
            for (column, value) in (first_column as usize..).zip(cells) {
                let text;
                let cell = if let Data::String(value) = value {
                    text = self.texts.read(value);
                    Cell::Text(&text)
                } else {
                    borrowed(value, self.is_1904)
                };
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

/// How the texts of a workbook are read. One that names no code page, or one that says nothing of letters beyond ASCII,
/// tells it by its texts, and the report says so.
fn texts_of(
    globals: Option<Globals>,
    workbook: &mut Xls<Cursor<Vec<u8>>>,
    builder: &mut TableBuilder,
) -> Result<Texts, WorkbookError> {
    let Some(globals) = globals.filter(|globals| globals.is_biff5) else { return Ok(Texts::Unicode) };
    if let Some(charset) = globals.code_page.and_then(Charset::of_code_page) {
        return Ok(Texts::Bytes(charset));
    }
    let mut sample = Sample::default();
    for name in workbook.sheet_names() {
        sample.add(&workbook.worksheet_range(&name).map_err(error)?);
    }
    let Some(charset) = sample.guess() else { return Ok(Texts::Unicode) };
    let sentence = format!(
        "The workbook does not say which letters it holds; going by them it was read as {}. If names look wrong, save \
         it as .xlsx and send that.",
        charset.name()
    );
    builder.add_note(Note::new(Note::ENCODING_GUESSED, sentence));
    Ok(Texts::Bytes(charset))
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
