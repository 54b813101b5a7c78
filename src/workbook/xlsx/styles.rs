//! Which styles of a workbook show a number as a day, as calamine sees it.
//!
//! Calamine tells of no style what it shows. So it is given a workbook of this one part and a sheet whose cells have
//! each style once: what it reads there is what it would decide over the whole workbook, by its own rules.

use std::fmt::Write as _;
use std::io::{Cursor, Read, Seek, Write as _};

use calamine::{DataRef, Reader as _, Xlsx};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::cell_value::Shown;

/// More styles than spreadsheet programs allow (64,000) are not looked at.
const MAX_STYLES: usize = 1 << 16;

const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// What each style shows; nothing is known where the part cannot be read, and numbers stay numbers then.
pub(super) fn read<R: Read + Seek>(archive: &mut ZipArchive<R>, part: Option<usize>) -> Vec<Shown> {
    part.and_then(|part| shown(archive, part)).unwrap_or_default()
}

fn shown<R: Read + Seek>(archive: &mut ZipArchive<R>, part: usize) -> Option<Vec<Shown>> {
    let mut styles = Vec::new();
    archive.by_index(part).ok()?.read_to_end(&mut styles).ok()?;
    // At least as many as there are.
    let n_styles = memchr::memmem::find_iter(&styles, b"xf").count().min(MAX_STYLES);
    let mut book = Xlsx::new(workbook_of(&styles, n_styles)?).ok()?;
    let mut cells = book.worksheet_cells_reader("s").ok()?;
    let mut shown = Vec::new();
    while let Ok(Some(cell)) = cells.next_cell() {
        shown.push(match cell.get_value() {
            DataRef::DateTime(day) if day.is_duration() => Shown::Duration,
            DataRef::DateTime(_) => Shown::Day,
            _ => Shown::Number,
        });
    }
    Some(shown)
}

/// A workbook with these styles.
fn workbook_of(styles: &[u8], n_styles: usize) -> Option<Cursor<Vec<u8>>> {
    let mut cells = String::new();
    for style in 0..n_styles {
        // Writing to a string cannot fail.
        let _ = write!(cells, "<c s=\"{style}\"><v>1</v></c>");
    }
    let related = |kind: &str, target: &str| {
        format!(
            "<Relationships><Relationship Id=\"r\" Type=\"{RELATIONSHIPS}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let parts = [
        ("_rels/.rels", related("officeDocument", "xl/workbook.xml")),
        ("xl/_rels/workbook.xml.rels", related("worksheet", "worksheets/sheet1.xml")),
        ("xl/workbook.xml", "<workbook><sheets><sheet name=\"s\" r:id=\"r\"/></sheets></workbook>".to_owned()),
        ("xl/worksheets/sheet1.xml", format!("<worksheet><sheetData><row>{cells}</row></sheetData></worksheet>")),
    ];
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut book = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in
        parts.iter().map(|(name, content)| (*name, content.as_bytes())).chain([("xl/styles.xml", styles)])
    {
        book.start_file(name, options).ok()?;
        book.write_all(content).ok()?;
    }
    book.finish().ok()
}
