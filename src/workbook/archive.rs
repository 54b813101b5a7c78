//! What is looked at in a zip archive before calamine opens it: whether it is an `.xlsx`, and what it would unpack to.
//!
//! The sizes are those that the archive declares. They hold: the zip crate, which calamine reads by as well, gives up a
//! part that goes on beyond its declared size, and one whose own header says another size than the table of contents.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::{Limits, WorkbookError};

/// A part that unpacks to more than this is looked at for how tightly it is packed, in bytes.
const LARGE_PART_BYTES: u64 = 64 << 20;
/// The most bytes that a byte of a large part may become: the sample's sheet reaches 7, a bomb 1,000.
const MAX_RATIO: u64 = 200;

/// Tells an `.xlsx` from the other formats that are zip archives, and refuses one that would unpack to too much.
///
/// # Errors
/// [`WorkbookError::NotAWorkbook`]; [`WorkbookError::TooManyParts`]; [`WorkbookError::UnpacksTooLarge`] where the table
/// of contents says so; [`WorkbookError::Damaged`] where it cannot be read, or says that the same bytes are several
/// parts.
pub(super) fn check<R: Read + Seek>(source: &mut R, limits: &Limits) -> Result<(), WorkbookError> {
    let mut archive = ZipArchive::new(source).map_err(WorkbookError::damaged)?;
    if archive.len() > limits.max_parts {
        return Err(WorkbookError::TooManyParts { limit: limits.max_parts });
    }
    check_kind(&archive)?;
    if archive.has_overlapping_files().map_err(WorkbookError::damaged)? {
        return Err(WorkbookError::damaged("parts of the archive overlap"));
    }
    check_sizes(&mut archive, limits)
}

fn check_kind<R: Read + Seek>(archive: &ZipArchive<R>) -> Result<(), WorkbookError> {
    let names: Vec<String> =
        archive.file_names().flatten().map(|name| name.trim_start_matches('/').to_ascii_lowercase()).collect();
    let has = |part: &str| names.iter().any(|name| name == part);
    let has_folder = |folder: &str| names.iter().any(|name| name.starts_with(folder));
    let found = if has("xl/workbook.bin") {
        "a binary workbook (.xlsb)"
    } else if has_folder("xl/") || has_folder("xl\\") {
        return Ok(());
    } else if has_folder("word/") {
        "a text document (.docx)"
    } else if has_folder("ppt/") {
        "a presentation (.pptx)"
    } else if has("content.xml") || has("mimetype") {
        "an OpenDocument file (such as .ods)"
    } else {
        "a zip archive"
    };
    Err(WorkbookError::not_a_workbook(found))
}

fn check_sizes<R: Read + Seek>(archive: &mut ZipArchive<R>, limits: &Limits) -> Result<(), WorkbookError> {
    let mut unpacked_bytes = 0_u64;
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index).map_err(WorkbookError::damaged)?;
        unpacked_bytes = unpacked_bytes.saturating_add(part.size());
        let is_too_tight = part.size() > LARGE_PART_BYTES && part.size() / MAX_RATIO > part.compressed_size();
        if unpacked_bytes > limits.max_unpacked_bytes || is_too_tight {
            return Err(WorkbookError::UnpacksTooLarge { limit_bytes: limits.max_unpacked_bytes });
        }
    }
    Ok(())
}
