//! The sheet that is being read: where its header is, and what of its open row has come so far.

use std::sync::Arc;

use super::Cell;
use super::candidate::Candidate;
use super::clean::Outcome;
use super::header::{Layout, SheetColumn};
use super::missing_columns::MissingColumns;
use super::row_content::RowContent;
use super::schema::{Column, Kind, Schema};
use super::total_row::{self, Said};

/// Among how many rows that hold anything the header is looked for: people put titles and notes above it.
pub(super) const HEADER_ROWS: usize = 20;
/// How much of a cell above or in the header is looked at, in bytes.
const MAX_HEADER_BYTES: usize = 256;
/// The widest sheet there is: no header lies further right.
const MAX_HEADER_COLUMNS: usize = 16_384;

/// The sheet that is being read.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenSheet {
    /// Without one its rows are accounted for by the file alone.
    pub name: Option<String>,
    /// Its cells go to the search alone.
    pub is_only_searched: bool,
    pub rows_read_before: usize,
    pub n_rows_before: usize,
    pub is_1904: bool,
    pub next_row: u32,
    /// Rows that are no header, until it is found.
    pub above: Vec<RowAbove>,
    /// Cells of a row that may be a header.
    pub candidates: Vec<Candidate>,
    pub closest: Option<MissingColumns>,
    pub layout: Option<Arc<Layout>>,
    pub header_row: u32,
    /// The hash that a row has which repeats the header, by table.
    pub header_hashes: Vec<u128>,
    /// Whether the next row may be the header of another table: it is behind a gap, or a row that cannot be used.
    pub may_change: bool,
    /// The first row that names headers in another order than the header does.
    pub odd_header: Option<u32>,
    pub rows_below_header: usize,
    /// The first row that holds the headers of a further table, in columns that are not read.
    pub header_beside: Option<u32>,
}

/// A row above the header.
#[derive(Debug, Clone)]
pub(super) struct RowAbove {
    pub row_number: u32,
    pub cells: Vec<Candidate>,
}

/// The row that is being read.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub content: RowContent,
    /// Whether it has a text, and whether the first one, or the identifier, is a name of sums.
    pub has_text: bool,
    pub starts_as_total: bool,
    pub is_identified_as_total: bool,
    /// The schema's column of the cell that is a name of sums.
    pub total_in: Option<usize>,
    /// Cells that cannot be used and are headers.
    pub n_headers: usize,
    /// Cells in columns that are not read and are headers; counted near the header alone.
    pub n_headers_beside: usize,
    pub outcomes: Vec<Outcome>,
    /// As its cell reads, where identifiers are to be kept.
    pub identifier: String,
}

impl OpenSheet {
    /// Adds a cell of a row that may be a header.
    pub(super) fn push_candidate(&mut self, column: usize, cell: Cell<'_>) {
        if column < MAX_HEADER_COLUMNS {
            let cell = if let Cell::Text(text) = cell { Cell::Text(start(text)) } else { cell };
            self.candidates.push(Candidate::new(column, cell));
        }
    }

    /// The cells of the row, from the left to the right.
    pub(super) fn take_candidates(&mut self) -> Vec<Candidate> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.sort_by_key(|cell| cell.column);
        candidates
    }
}

impl Row {
    /// Takes note of a text: the first one of the row, or its identifier, may be a name of sums. `has_group` says
    /// whether a column of the schema has had a name so far.
    pub(super) fn note_text(&mut self, text: &str, column: &SheetColumn, has_group: impl Fn(usize, &str) -> bool) {
        if self.has_text && !column.is_identifier {
            return;
        }
        self.has_text = true;
        let is_total = match total_row::said(text) {
            Said::Nothing => false,
            Said::Total => true,
            // A group is one of the rows above; a customer may well be called so.
            Said::TotalOf(group) => column.schema_column.is_some_and(|index| has_group(index, group)),
        };
        let told = if column.is_identifier { &mut self.is_identified_as_total } else { &mut self.starts_as_total };
        *told = is_total;
        if is_total {
            self.total_in = column.schema_column;
        }
    }

    /// Whether the row is a sum of others. One with an identifier of its own is a customer, whatever its first text is,
    /// and so is one that has more than numbers beside that text: people and towns may be called `Suma`.
    pub(super) fn is_total(&self, schema: &Schema) -> bool {
        let has_trait = |(index, (outcome, column)): (usize, (&Outcome, &Column))| {
            let is_number = matches!(column.kind, Kind::Number { .. });
            !is_number && Some(index) != self.total_in && !matches!(outcome, Outcome::Empty)
        };
        let is_named = self.is_identified_as_total || (self.starts_as_total && !self.content.has_identifier);
        is_named && !self.outcomes.iter().zip(&schema.columns).enumerate().any(has_trait)
    }

    pub(super) fn clear(&mut self) {
        self.content = RowContent::default();
        self.has_text = false;
        self.starts_as_total = false;
        self.is_identified_as_total = false;
        self.total_in = None;
        self.n_headers = 0;
        self.n_headers_beside = 0;
        self.identifier.clear();
        self.outcomes.fill(Outcome::Empty);
    }
}

/// The start of a text, whole characters of at most [`MAX_HEADER_BYTES`].
fn start(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_HEADER_BYTES)).unwrap_or(text)
}
