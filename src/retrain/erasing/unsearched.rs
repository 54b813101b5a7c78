//! Sheets and rows of a file in which nobody can be looked for.

use crate::customer::{CleaningReport, Note, SheetReport, UnusedSheet};

/// Why nobody was looked for in a sheet that holds rows, or may.
pub(super) fn why_unsearched(sheet: &SheetReport) -> Option<String> {
    let may_hold_rows = sheet.rows_read > 0 || sheet.reason == Some(UnusedSheet::Unreadable);
    if sheet.used || !may_hold_rows {
        return None;
    }
    let why = match (sheet.reason, &sheet.sentence) {
        // Its own sentence may quote a row.
        (Some(UnusedSheet::NoHeader) | None, _) | (_, None) => "it has no column of identifiers",
        (_, Some(sentence)) => sentence,
    };
    Some(format!("sheet {}: {why}", sheet.name))
}

/// Rows whose identifiers were rounded.
pub(super) fn rounded_rows(read: &CleaningReport) -> impl Iterator<Item = String> {
    let notes = read.notes.iter().filter(|note| note.code == Note::IDENTIFIERS_ROUNDED);
    notes.map(|note| note.sentence.clone())
}
