//! What a person should know of a file or a request that was taken all the same.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::is_invisible;

/// Notes that a report has at most.
pub(super) const MAX_NOTES: usize = 64;
/// The longest sentence, in characters.
const MAX_SENTENCE_CHARS: usize = 500;
/// The longest code, in bytes.
const MAX_CODE_BYTES: usize = 64;

/// A sentence for a person, with a code for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// What it is about, such as `unknown_field`.
    #[schema(example = "unknown_field")]
    pub code: String,
    /// The sentence.
    #[schema(example = "objectve is not a field; did you mean objective?")]
    pub sentence: String,
}

/// What a note is about, as programs read it. The codes of files are [`Note`]'s; those of requests are in
/// `http::request::note_codes`, and those of content in `content::note_codes`. `docs/notes.md` lists all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoteCode(&'static str);

impl NoteCode {
    /// A code of a constant: a test finds the codes by this call in the sources.
    pub const fn new(code: &'static str) -> Self {
        Self(code)
    }
}

impl Note {
    /// The text is not UTF-8, or the workbook names no code page: its encoding was guessed by its letters.
    pub const ENCODING_GUESSED: NoteCode = NoteCode::new("encoding_guessed");
    /// Some cells are in another encoding than the rest.
    pub const ENCODINGS_MIXED: NoteCode = NoteCode::new("encodings_mixed");
    /// A column has letters that were read in a wrong encoding before the file was saved.
    pub const LETTERS_GARBLED: NoteCode = NoteCode::new("letters_garbled");
    /// The rows of a text are separated by another character than its header.
    pub const DELIMITERS_DIFFER: NoteCode = NoteCode::new("delimiters_differ");
    /// A quote that is never closed was read as text.
    pub const QUOTES_AS_TEXT: NoteCode = NoteCode::new("quotes_as_text");
    /// Rows have more cells than the header: those of a text were left out, those of a sheet read.
    pub const MORE_CELLS_THAN_HEADER: NoteCode = NoteCode::new("more_cells_than_header");
    /// Rows above the header look like customers, and were left out.
    pub const ROWS_ABOVE_HEADER: NoteCode = NoteCode::new("rows_above_header");
    /// Sheets that may hold customers were not read: they have fewer of the columns than others, or are called sums.
    pub const SHEETS_LEFT_OUT: NoteCode = NoteCode::new("sheets_left_out");
    /// The rows that were read look like sums over customers.
    pub const LOOKS_LIKE_TOTALS: NoteCode = NoteCode::new("looks_like_totals");
    /// A row below the header looks like another header, and was not read as one.
    pub const HEADER_WITHIN_ROWS: NoteCode = NoteCode::new("header_within_rows");
    /// Rows that the sheet does not show were read.
    pub const HIDDEN_ROWS_READ: NoteCode = NoteCode::new("hidden_rows_read");
    /// Cells hold formulas whose results were never stored in the file.
    pub const FORMULAS_WITHOUT_RESULTS: NoteCode = NoteCode::new("formulas_without_results");
    /// Several columns of a sheet are named for one of the schema's; one was read.
    pub const COLUMNS_ALIKE: NoteCode = NoteCode::new("columns_alike");
    /// No file has an optional column.
    pub const COLUMN_IN_NO_FILE: NoteCode = NoteCode::new("column_in_no_file");
    /// Some files have an optional column, and others do not.
    pub const COLUMN_NOT_IN_ALL_FILES: NoteCode = NoteCode::new("column_not_in_all_files");
    /// Rows were left out as copies where nothing tells customers apart who are alike.
    pub const COPIES_WITHOUT_IDENTIFIER: NoteCode = NoteCode::new("copies_without_identifier");
    /// Rows have the identifier of another row, and each counts.
    pub const REPEATED_IDENTIFIERS: NoteCode = NoteCode::new("repeated_identifiers");
    /// A column of identifiers tells nobody apart, or some of its values do not, and each row counts as a customer.
    pub const IDENTIFIERS_TELL_NOBODY_APART: NoteCode = NoteCode::new("identifiers_tell_nobody_apart");
    /// Identifiers may differ by zeros in front alone, and count as different customers.
    pub const IDENTIFIERS_DIFFER_BY_ZEROS: NoteCode = NoteCode::new("identifiers_differ_by_zeros");
    /// Identifiers differ in case alone, and count as different customers.
    pub const IDENTIFIERS_DIFFER_BY_CASE: NoteCode = NoteCode::new("identifiers_differ_by_case");
    /// Identifiers are numbers that have lost digits, or have more than a number of a workbook holds.
    pub const IDENTIFIERS_ROUNDED: NoteCode = NoteCode::new("identifiers_rounded");
    /// Identifiers are dates or truth values.
    pub const IDENTIFIERS_RETYPED: NoteCode = NoteCode::new("identifiers_retyped");
    /// Nothing settles the order of day and month in a column: one was assumed.
    pub const DATE_ORDER_ASSUMED: NoteCode = NoteCode::new("date_order_assumed");
    /// Some dates of a column can only be read in one order, and some only in another.
    pub const DATE_ORDERS_MIXED: NoteCode = NoteCode::new("date_orders_mixed");
    /// The order in the header contradicts most dates of the column, and was not followed.
    pub const DATE_HEADER_IGNORED: NoteCode = NoteCode::new("date_header_ignored");
    /// Digits without marks were read as dates, or may be dates.
    pub const DATES_OF_DIGITS: NoteCode = NoteCode::new("dates_of_digits");
    /// Day and month of many dates are probably swapped.
    pub const DATES_PERHAPS_SWAPPED: NoteCode = NoteCode::new("dates_perhaps_swapped");
    /// Years of the Buddhist calendar were read as those of the common one.
    pub const BUDDHIST_YEARS: NoteCode = NoteCode::new("buddhist_years");
    /// Nothing in a column of numbers says which sign stands before their decimals: one was assumed.
    pub const DECIMALS_ASSUMED: NoteCode = NoteCode::new("decimal_separator_assumed");
    /// The numbers of a column contradict one another on the sign before their decimals.
    pub const DECIMALS_MIXED: NoteCode = NoteCode::new("decimal_separators_mixed");
    /// A column has amounts of several currencies.
    pub const CURRENCIES_MIXED: NoteCode = NoteCode::new("currencies_mixed");
    /// A column has percentages and other numbers.
    pub const PERCENTAGES_MIXED: NoteCode = NoteCode::new("percentages_mixed");
    /// The header of a column of numbers has a unit, by which they were multiplied.
    pub const UNIT_APPLIED: NoteCode = NoteCode::new("unit_applied");
    /// The header of a column of numbers may have a unit; they were read as they are written.
    pub const UNIT_UNCLEAR: NoteCode = NoteCode::new("unit_unclear");
    /// A name such as `Unknown` counts as a value.
    pub const UNKNOWN_IS_A_VALUE: NoteCode = NoteCode::new("unknown_is_a_value");

    /// A note of this kind. What reports do not repeat is taken out of the sentence.
    pub fn new(NoteCode(code): NoteCode, sentence: impl AsRef<str>) -> Self {
        Self { code: code.to_owned(), sentence: sayable(sentence.as_ref()) }
    }

    /// The same of one of several files.
    pub(super) fn of_file(&self, label: &str) -> Self {
        Self { code: self.code.clone(), sentence: sayable(&format!("{label}: {}", self.sentence)) }
    }

    /// Whether it is of this kind.
    pub fn is(&self, NoteCode(code): NoteCode) -> bool {
        self.code == code
    }

    /// Whether it is of one of these kinds.
    pub fn is_any_of(&self, codes: &[NoteCode]) -> bool {
        codes.iter().any(|&code| self.is(code))
    }

    /// Whether [`Note::new`] could have made it.
    pub(super) fn is_sayable(&self) -> bool {
        let is_code = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        (1..=MAX_CODE_BYTES).contains(&self.code.len()) && self.code.bytes().all(is_code) && is_sayable(&self.sentence)
    }
}

/// A sentence as reports repeat it: headers and names of sheets in it may hold anything.
pub(super) fn sayable(sentence: &str) -> String {
    sentence.chars().filter(|c| !is_invisible(*c)).take(MAX_SENTENCE_CHARS).collect()
}

/// Whether a sentence is one that reports repeat.
pub(super) fn is_sayable(sentence: &str) -> bool {
    !sentence.is_empty() && sentence.chars().nth(MAX_SENTENCE_CHARS).is_none() && !sentence.chars().any(is_invisible)
}
