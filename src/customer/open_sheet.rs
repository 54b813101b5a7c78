//! The sheet that is being read: where its header is, and what of its open row has come so far.

use super::clean::Outcome;
use super::header::{Candidate, Layout, MissingColumns};
use super::newest::{NOBODY, cell_hash};
use super::{Cell, TableBuilder};

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
    pub rows_read_before: usize,
    pub n_rows_before: usize,
    pub is_1904: bool,
    pub next_row: u32,
    pub rows_above_header: usize,
    /// Cells of a row that may be a header.
    pub candidates: Vec<Candidate>,
    pub closest: Option<MissingColumns>,
    pub layout: Option<Layout>,
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

/// The row that is being read.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub has_content: bool,
    /// Whether a cell of it is in a column that is read, and in the one that tells customers apart.
    pub is_read: bool,
    pub has_identifier: bool,
    /// Cells that cannot be used and are headers.
    pub n_headers: usize,
    /// Cells in columns that are not read and are headers; counted near the header alone.
    pub n_headers_beside: usize,
    pub hash: u128,
    pub identity: u64,
    pub outcomes: Vec<Outcome>,
    /// As its cell reads, where identifiers are to be kept.
    pub identifier: String,
}

impl TableBuilder {
    /// Reads the row as the header, if it is one.
    pub(super) fn find_header(&mut self, row_number: u32) -> Result<(), MissingColumns> {
        let candidates = self.sheet.take_candidates();
        match self.header_index.layout(&candidates) {
            Ok(layout) => {
                self.adopt(layout, &candidates, row_number);
                return Ok(());
            }
            Err(error) => {
                if self.sheet.closest.as_ref().is_none_or(|closest| error.is_closer_than(closest)) {
                    self.sheet.closest = Some(error);
                }
            }
        }
        self.sheet.rows_above_header += 1;
        if self.sheet.rows_above_header < HEADER_ROWS { Ok(()) } else { self.end_sheet() }
    }

    /// Whether the row is the header of a further table, by which the rows below it are read.
    pub(super) fn change_header(&mut self, row_number: u32) -> bool {
        let candidates = self.sheet.take_candidates();
        let layout = self.header_index.layout(&candidates);
        layout.map(|layout| self.adopt(layout, &candidates, row_number)).is_ok()
    }

    fn adopt(&mut self, mut layout: Layout, header: &[Candidate], row_number: u32) {
        for (title, header) in std::mem::take(&mut layout.columns_used) {
            self.columns_used.entry(title).or_insert(header);
        }
        self.identifier_used = self.identifier_used.take().or(layout.identifier_used.take());
        let mut hashes = vec![0_u128; layout.n_tables];
        for cell in header {
            let column = layout.column(cell.column);
            let text = cell.text.as_deref().map_or(Cell::Error, Cell::Text);
            if let Some(hash) = hashes.get_mut(column.table) {
                *hash = hash.wrapping_add(cell_hash(text, column.seed));
            }
        }
        let outcomes = vec![Outcome::Empty; self.schema.columns.len()];
        self.rows.resize(layout.n_tables, Row { outcomes, ..Row::default() });
        self.sheet.header_hashes = hashes;
        self.sheet.header_row = row_number;
        self.sheet.may_change = false;
        self.sheet.rows_below_header = 0;
        self.sheet.layout = Some(layout);
    }
}

impl OpenSheet {
    /// Adds a cell of a row that may be a header.
    pub(super) fn push_candidate(&mut self, column: usize, cell: Cell<'_>) {
        if column < MAX_HEADER_COLUMNS {
            let text = if let Cell::Text(text) = cell { Some(start(text).to_owned()) } else { None };
            self.candidates.push(Candidate { column, text });
        }
    }

    /// The cells of the row, from the left to the right.
    fn take_candidates(&mut self) -> Vec<Candidate> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.sort_by_key(|cell| cell.column);
        candidates
    }
}

impl Row {
    pub(super) fn clear(&mut self) {
        self.has_content = false;
        self.is_read = false;
        self.has_identifier = false;
        self.n_headers = 0;
        self.n_headers_beside = 0;
        self.hash = 0;
        self.identity = NOBODY;
        self.identifier.clear();
        self.outcomes.fill(Outcome::Empty);
    }
}

/// The start of a text, whole characters of at most [`MAX_HEADER_BYTES`].
fn start(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_HEADER_BYTES)).unwrap_or(text)
}
