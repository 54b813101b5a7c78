//! What a workbook consists of, as calamine sees it: which part is which sheet, and what its styles show.
//!
//! Calamine tells no part's name and no style's kind. So it is given the workbook without its large parts: in the place
//! of each sheet and of the shared strings stands a small part that says which it stands for, and whose cells have each
//! style once. What it reads there is what it would decide over the whole workbook, by its own rules.

use std::fmt::Write as _;
use std::io::{Cursor, Read, Seek, Write as _};

use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::cells::Shown;

/// Larger parts are no workbook's list of sheets, in packed bytes.
const MAX_COPIED_BYTES: u64 = 1 << 20;
/// What stands for sheets and strings is not more than this, in bytes.
const MAX_STAND_IN_BYTES: usize = 4 << 20;

/// What a workbook consists of.
#[derive(Debug)]
pub(super) struct Anatomy {
    /// For each visible sheet of cells its part's position in the archive; `None` where it is not told.
    pub sheets: Vec<Option<usize>>,
    /// The position of the shared strings, if there are any.
    pub strings: Option<usize>,
    pub is_1904: bool,
    pub styles: Vec<Shown>,
}

impl Anatomy {
    /// `None` where calamine sees no workbook, or more than `max_sheets` sheets.
    pub(super) fn of<R: Read + Seek>(archive: &mut ZipArchive<R>, max_sheets: usize) -> Option<Self> {
        let n_styles = count_styles(archive)?;
        let small = without_large_parts(archive, n_styles).ok()??;
        let mut book = Xlsx::new(small).ok()?;
        let sheets = book.sheets_metadata();
        if sheets.is_empty() || sheets.len() > max_sheets {
            return None;
        }
        let names: Vec<String> = sheets.iter().filter(|sheet| is_readable(sheet)).map(|s| s.name.clone()).collect();
        let mut anatomy =
            Self { sheets: Vec::new(), strings: None, is_1904: book.has_1904_epoch(), styles: Vec::new() };
        for name in names {
            anatomy.add_sheet(&mut book, &name, n_styles);
        }
        Some(anatomy)
    }

    /// Reads what stands for a sheet: its part, each style, the part of the shared strings.
    fn add_sheet<R: Read + Seek>(&mut self, book: &mut Xlsx<R>, name: &str, n_styles: usize) {
        self.sheets.push(None);
        let Ok(mut cells) = book.worksheet_cells_reader(name) else { return };
        let mut next = || cells.next_cell().ok().flatten();
        let Some(part) = next().and_then(|cell| position(cell.get_value())) else { return };
        let mut styles = Vec::new();
        for _ in 0..n_styles {
            styles.push(match next().as_ref().map(calamine::Cell::get_value) {
                Some(DataRef::Float(_)) => Shown::Number,
                Some(DataRef::DateTime(day)) if day.is_duration() => Shown::Duration,
                Some(DataRef::DateTime(_)) => Shown::Day,
                _ => return,
            });
        }
        self.strings = next().and_then(|cell| position(cell.get_value()));
        self.styles = styles;
        if let Some(sheet) = self.sheets.last_mut() {
            *sheet = Some(part);
        }
    }
}

/// Whether a sheet may be the one with the customers.
pub(super) fn is_readable(sheet: &calamine::Sheet) -> bool {
    sheet.visible == SheetVisible::Visible && matches!(sheet.typ, SheetType::WorkSheet)
}

/// The position that a stand-in tells.
fn position(value: &DataRef<'_>) -> Option<usize> {
    match value {
        DataRef::SharedString(text) => text.strip_prefix(STRINGS_MARK)?.parse().ok(),
        DataRef::String(text) => text.strip_prefix(SHEET_MARK)?.parse().ok(),
        _ => None,
    }
}

const SHEET_MARK: &str = "stands for sheet part ";
const STRINGS_MARK: &str = "stands for strings part ";

/// At least as many as there are styles of cells.
fn count_styles<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Option<usize> {
    let mut n_styles = 0;
    for index in 0..archive.len() {
        if archive.name_for_index(index)?.ok()?.to_ascii_lowercase().ends_with("styles.xml") {
            let mut part = Vec::new();
            archive.by_index(index).ok()?.read_to_end(&mut part).ok()?;
            n_styles += memchr::memmem::find_iter(&part, b"<xf").count();
        }
    }
    Some(n_styles)
}

/// The workbook with something small in the place of what is large; `None` where that would be large itself.
fn without_large_parts<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    n_styles: usize,
) -> ZipResult<Option<Cursor<Vec<u8>>>> {
    let mut small = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut styles = String::new();
    for style in 0..n_styles {
        // Writing to a string cannot fail.
        let _ = write!(styles, "<c s=\"{style}\"><v>1</v></c>");
    }
    let mut n_bytes = 0;
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index)?;
        let name = part.name()?.into_owned();
        let stand_in = match Kind::of(&name) {
            Kind::Sheet => format!(
                "<worksheet><sheetData><row><c t=\"str\"><v>{SHEET_MARK}{index}</v></c>{styles}<c t=\"s\"><v>0</v></c>\
                 </row></sheetData></worksheet>"
            ),
            Kind::Strings => format!("<sst><si><t>{STRINGS_MARK}{index}</t></si></sst>"),
            Kind::Styles => {
                small.raw_copy_file(part)?;
                continue;
            }
            Kind::Other if part.compressed_size() <= MAX_COPIED_BYTES => {
                n_bytes += usize::try_from(part.compressed_size()).unwrap_or(MAX_STAND_IN_BYTES);
                small.raw_copy_file(part)?;
                continue;
            }
            Kind::Other | Kind::Unread => continue,
        };
        n_bytes += stand_in.len();
        if n_bytes > MAX_STAND_IN_BYTES {
            return Ok(None);
        }
        small.start_file(name, options)?;
        small.write_all(stand_in.as_bytes())?;
    }
    small.finish().map(Some)
}

/// What a part is, by its name. A wrong guess costs time alone: a sheet that nothing stands for is left to calamine.
enum Kind {
    Sheet,
    Strings,
    Styles,
    Other,
    /// Pictures and the like.
    Unread,
}

impl Kind {
    fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let is_plain = name.is_ascii() && !name.starts_with('/') && !name.contains(['\\', ':']) && !name.contains("..");
        if lower.ends_with("styles.xml") {
            Self::Styles
        } else if lower.ends_with("sharedstrings.xml") && is_plain {
            Self::Strings
        } else if lower.contains("worksheets/sheet") && lower.ends_with(".xml") && is_plain {
            Self::Sheet
        } else if lower.ends_with(".xml") || lower.ends_with(".rels") {
            Self::Other
        } else {
            Self::Unread
        }
    }
}
