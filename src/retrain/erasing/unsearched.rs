//! Sheets and rows of a file in which nobody can be looked for.

use crate::customer::{CleaningReport, Dropped, Note, SheetReport, UnusedSheet};

/// Why nobody was looked for in kept columns.
pub(super) const OF_ANOTHER_KEY: &str = "its customers are known by another key than identifiers.key of STATE_DIR";

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

/// Rows that were left out since their values have moved: the identifier may be in any column.
pub(super) fn moved_rows(read: &CleaningReport) -> Option<String> {
    let have = match *read.dropped.get(&Dropped::MoreCells)? {
        1 => "1 row has".to_owned(),
        rows => format!("{rows} rows have"),
    };
    let first = read.first_dropped.get(&Dropped::MoreCells).and_then(|rows| rows.first());
    let first = first.map(|first| format!(", first row {}", first.row)).unwrap_or_default();
    Some(format!("{have} more cells than the header{first}: the identifier may be in another column"))
}

/// Rows whose identifiers a spreadsheet program has changed: rounded ones, shortened ones, and dates.
pub(super) fn rounded_rows(read: &CleaningReport) -> impl Iterator<Item = String> {
    let changed = [Note::IDENTIFIERS_ROUNDED, Note::IDENTIFIERS_RETYPED];
    let notes = read.notes.iter().filter(move |note| changed.contains(&note.code.as_str()));
    notes.map(|note| note.sentence.clone())
}
