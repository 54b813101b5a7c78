//! A kept upload without the rows of a customer, in the place of the upload.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::disk::{Keeper, Reserving};
use crate::durable;
use crate::upload_store::{About, stage};
use crate::workbook::COLUMNS_EXTENSION;

/// Puts the rows that `write` writes into the place of the upload at `path`, as far as `disk` has room for them beside
/// it; it returns how many they are, and without any the upload is removed. Whatever ends the process, the one or the
/// other is there, whole.
pub(super) fn replace(
    path: &Path,
    disk: &Keeper,
    write: impl FnOnce(&mut BufWriter<Reserving<&File>>) -> io::Result<usize>,
) -> io::Result<()> {
    let new = path.with_extension(COLUMNS_EXTENSION);
    let (staged, file) = stage(durable::folder_of(path))?;
    let fill = || {
        let mut out = BufWriter::new(disk.reserving(durable::folder_of(path), &file));
        let left = write(&mut out)?;
        out.flush()?;
        if left > 0 {
            // Whom it was not asked for is kept no longer than before.
            file.set_modified(fs::metadata(path)?.modified()?)?;
            file.sync_all()?;
            About::copy(path, &new, left)?;
            fs::rename(&staged, &new)?;
        } else {
            fs::remove_file(&staged)?;
        }
        Ok(left)
    };
    let left = match fill() {
        Ok(left) => left,
        Err(error) => {
            // The first failure is the one to report.
            let _ = fs::remove_file(&staged);
            return Err(error);
        }
    };
    durable::sync_folder(durable::folder_of(path))?;
    if new != path || left == 0 {
        fs::remove_file(path)?;
        About::forget(path);
    }
    durable::sync_folder(durable::folder_of(path))
}
