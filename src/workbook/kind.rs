//! What a file is, by its content.

use std::io::{Cursor, Read, Seek, SeekFrom};

use super::padding::Unpadded;
use super::{Limits, WorkbookError, archive, unlock};
use crate::text_file;

/// How a compound file (OLE) begins.
const OLE_MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// A directory entry of a compound file: 128 bytes, aligned to its size, the name first in UTF-16.
const OLE_ENTRY_BYTES: usize = 128;
/// How much of the file is looked at to find out what it is, in bytes.
const PREFIX_BYTES: u64 = 1024;

/// Other formats by their first bytes.
const OTHERS: [(&[u8], &str); 18] = [
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"RIFF", "a media file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format", "a database"),
    (b"\x09\x00\x04\0", "a workbook older than Excel 5"),
    (b"\x09\x02\x06\0", "a workbook older than Excel 5"),
    (b"\x09\x04\x06\0", "a workbook older than Excel 5"),
];

/// A kind of file that is read.
pub(super) enum FileKind {
    Xlsx,
    /// One that was encrypted although nobody chose a password, with all its bytes.
    UnlockedXlsx(Vec<u8>),
    /// With all its bytes: a compound file cannot be read in order.
    Xls(Vec<u8>),
    /// Delimited text, judging by its start.
    Text,
}

/// Tells what a file is and leaves it at its start.
///
/// # Errors
/// [`WorkbookError::Empty`], [`WorkbookError::NotAWorkbook`], [`WorkbookError::Encrypted`]; for an archive those of
/// [`archive::check`]; [`WorkbookError::Io`].
pub(super) fn detect<R: Read + Seek>(source: &mut R, limits: &Limits) -> Result<FileKind, WorkbookError> {
    let mut prefix = Vec::new();
    source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
    source.by_ref().take(PREFIX_BYTES).read_to_end(&mut prefix).map_err(WorkbookError::io)?;
    source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
    if prefix.is_empty() {
        return Err(WorkbookError::Empty);
    }
    if prefix.starts_with(b"PK") && matches!(prefix.get(2..4), Some(b"\x03\x04" | b"\x05\x06" | b"\x07\x08")) {
        archive::check(&mut Unpadded::new(&mut *source).map_err(WorkbookError::io)?, limits)?;
        source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
        return Ok(FileKind::Xlsx);
    }
    if prefix.starts_with(OLE_MAGIC) {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).map_err(WorkbookError::io)?;
        return compound_kind(bytes, limits);
    }
    match other_kind(&prefix) {
        Some(found) => Err(WorkbookError::not_a_workbook(found)),
        None => Ok(FileKind::Text),
    }
}

fn other_kind(prefix: &[u8]) -> Option<&'static str> {
    if let Some((_, found)) = OTHERS.iter().find(|(magic, _)| prefix.starts_with(magic)) {
        return Some(found);
    }
    if text_file::is_lfs_pointer(prefix) {
        return Some("a Git LFS pointer (git lfs pull fetches the file itself)");
    }
    let text = prefix.strip_prefix(b"\xef\xbb\xbf").unwrap_or(prefix).trim_ascii_start();
    let starts = |tag: &str| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()));
    if ["<!doctype html", "<html", "<table", "<head", "<meta", "<style"].into_iter().any(starts) {
        return Some("a web page (HTML)");
    }
    starts("<?xml").then_some("an XML document")
}

/// Tells an `.xls` from the other formats that are compound files, by the streams in its directory.
fn compound_kind(bytes: Vec<u8>, limits: &Limits) -> Result<FileKind, WorkbookError> {
    let has = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        bytes.chunks_exact(OLE_ENTRY_BYTES).any(|entry| entry.starts_with(&name))
    };
    if has("EncryptedPackage") {
        let archive = unlock::unlock_package(&bytes).ok_or(WorkbookError::Encrypted)?;
        archive::check(&mut Cursor::new(&archive), limits)?;
        Ok(FileKind::UnlockedXlsx(archive))
    } else if has("Workbook") || has("Book") || has("WORKBOOK") || has("BOOK") {
        Ok(FileKind::Xls(bytes))
    } else if has("WordDocument") {
        Err(WorkbookError::not_a_workbook("a text document (.doc)"))
    } else if has("PowerPoint Document") {
        Err(WorkbookError::not_a_workbook("a presentation (.ppt)"))
    } else {
        Err(WorkbookError::not_a_workbook("an Office file without a sheet"))
    }
}
