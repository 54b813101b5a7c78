//! Rows that a person would not expect among the customers: those with more cells than the header, hidden ones, and
//! those whose identifier a spreadsheet program has changed.

use crate::customer::lost_digits::Lost;
use crate::customer::tally::{Place, Tally};
use crate::customer::{Note, NoteCode, SheetReport};

/// Counts such rows, over all sheets.
#[derive(Debug, Clone, Default)]
pub(in crate::customer) struct OddRows {
    /// Rows of a text with more cells than the header, whose values have moved: one of them holds the delimiter, and
    /// is not in quotes. They are left out.
    pub left_out: Tally,
    /// Rows above the header that look like customers. They are left out.
    pub above: Tally,
    /// Other rows with something right of the header.
    wide: Tally,
    /// Rows that the sheet does not show.
    pub hidden: Tally,
}

impl OddRows {
    /// Counts a row with more cells than the header, which is left out where its values have moved.
    pub fn count_wide(&mut self, place: Place, has_moved: bool) {
        let tally = if has_moved { &mut self.left_out } else { &mut self.wide };
        tally.add(place);
    }

    /// As if no row had been hidden.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn forget_hidden(&mut self) {
        self.hidden = Tally::default();
    }

    /// What a person should know of them, and of those whose identifiers are `lost`.
    pub fn notes(&self, lost: &Lost, sheets: &[SheetReport]) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut note = |code: NoteCode, tally: &Tally, one: &str, several: &str, advice: &str| {
            let Some(first) = tally.clone().first_rows(sheets).into_iter().next() else { return };
            let sheet = if first.sheet.is_empty() { String::new() } else { format!(" of the sheet {:?}", first.sheet) };
            let rows = if tally.rows == 1 { format!("1 row {one}") } else { format!("{} rows {several}", tally.rows) };
            notes.push(Note::new(code, format!("{rows}, first row {}{sheet}: {advice}", first.row)));
        };
        note(
            Note::ROWS_ABOVE_HEADER,
            &self.above,
            "above the header looks like a customer and was left out",
            "above the header look like customers and were left out",
            "move the header above them",
        );
        note(
            Note::MORE_CELLS_THAN_HEADER,
            &self.left_out,
            "has more cells than the header and was left out",
            "have more cells than the header and were left out",
            "put a value that holds the delimiter into quotes, or give every column a header",
        );
        note(
            Note::MORE_CELLS_THAN_HEADER,
            &self.wide,
            "has more cells than the header",
            "have more cells than the header",
            "what is right of the header is not read; make sure that no values have moved to the right",
        );
        note(
            Note::HIDDEN_ROWS_READ,
            &self.hidden,
            "is hidden in the sheet and was read",
            "are hidden in the sheet and were read",
            "a filter in a spreadsheet program leaves nobody out here",
        );
        note(
            Note::IDENTIFIERS_ROUNDED,
            &lost.rounded,
            "has an identifier with more digits than a number holds",
            "have identifiers with more digits than a number holds",
            "they may be other customers' and count as blank; store them as text",
        );
        note(
            Note::IDENTIFIERS_ROUNDED,
            &lost.ending_in_zero,
            "has an identifier of 16 digits or more that ends in 0",
            "have identifiers of 16 digits or more that end in 0",
            "spreadsheet programs round such numbers, so they may be other customers' and count as blank; store them \
             as text, in a CSV file with an apostrophe in front",
        );
        note(
            Note::IDENTIFIERS_ROUNDED,
            &lost.shortened,
            "has an identifier that is shortened, as 7.01235E+11 is",
            "have identifiers that are shortened, as 7.01235E+11 is",
            "they may be other customers' and count as blank; show the column without decimals before you save the CSV \
             file",
        );
        note(
            Note::IDENTIFIERS_RETYPED,
            &lost.retyped,
            "has a date, TRUE or FALSE as its identifier",
            "have a date, TRUE or FALSE as their identifier",
            "a spreadsheet program makes such values of MAR-15 or 1-3, so they count as blank; store identifiers as \
             text",
        );
        notes
    }
}
