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

impl Note {
    /// Places on the map were asked for without the administrators' key.
    pub const PLACES_NEED_ADMIN: &str = "places_need_admin";
    /// Cells hold formulas whose results were never stored in the file.
    pub const FORMULAS_WITHOUT_RESULTS: &str = "formulas_without_results";
    /// Rows have more cells than the header: those of a text were left out, those of a sheet read.
    pub const MORE_CELLS_THAN_HEADER: &str = "more_cells_than_header";
    /// Rows above the header look like customers, and were left out.
    pub const ROWS_ABOVE_HEADER: &str = "rows_above_header";
    /// The rows of a text are separated by another character than its header.
    pub const DELIMITERS_DIFFER: &str = "delimiters_differ";
    /// Rows that the sheet does not show were read.
    pub const HIDDEN_ROWS_READ: &str = "hidden_rows_read";
    /// Rows were left out as copies where nothing tells customers apart who are alike.
    pub const COPIES_WITHOUT_IDENTIFIER: &str = "copies_without_identifier";
    /// A row below the header looks like another header, and was not read as one.
    pub const HEADER_WITHIN_ROWS: &str = "header_within_rows";
    /// Rows have the identifier of another row, and each counts.
    pub const REPEATED_IDENTIFIERS: &str = "repeated_identifiers";
    /// A column of identifiers tells nobody apart, or some of its values do not, and each row counts as a customer.
    pub const IDENTIFIERS_TELL_NOBODY_APART: &str = "identifiers_tell_nobody_apart";
    /// Identifiers may differ by zeros in front alone, and count as different customers.
    pub const IDENTIFIERS_DIFFER_BY_ZEROS: &str = "identifiers_differ_by_zeros";
    /// Identifiers differ in case alone, and count as different customers.
    pub const IDENTIFIERS_DIFFER_BY_CASE: &str = "identifiers_differ_by_case";
    /// Identifiers are numbers that have lost digits, or have more than a number of a workbook holds.
    pub const IDENTIFIERS_ROUNDED: &str = "identifiers_rounded";
    /// Identifiers are dates or truth values.
    pub const IDENTIFIERS_RETYPED: &str = "identifiers_retyped";
    /// Several columns of a sheet are named for one of the schema's; one was read.
    pub const COLUMNS_ALIKE: &str = "columns_alike";
    /// The rows that were read look like sums over customers.
    pub const LOOKS_LIKE_TOTALS: &str = "looks_like_totals";
    /// Nothing in a column of numbers says which sign stands before their decimals: one was assumed.
    pub const DECIMALS_ASSUMED: &str = "decimal_separator_assumed";
    /// The numbers of a column contradict one another on the sign before their decimals.
    pub const DECIMALS_MIXED: &str = "decimal_separators_mixed";
    /// The header of a column of numbers has a unit, by which they were multiplied.
    pub const UNIT_APPLIED: &str = "unit_applied";
    /// No text has the segment's special offer.
    pub const OFFER_LEFT_OUT: &str = "offer_left_out";
    /// No file has an optional column.
    pub const COLUMN_IN_NO_FILE: &str = "column_in_no_file";
    /// Some files have an optional column, and others do not.
    pub const COLUMN_NOT_IN_ALL_FILES: &str = "column_not_in_all_files";
    /// Sheets that may hold customers were not read: they have fewer of the columns than others, or are called sums.
    pub const SHEETS_LEFT_OUT: &str = "sheets_left_out";

    /// A note of this kind. What reports do not repeat is taken out of the sentence.
    pub fn new(code: &str, sentence: impl AsRef<str>) -> Self {
        Self { code: code.to_owned(), sentence: sayable(sentence.as_ref()) }
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
