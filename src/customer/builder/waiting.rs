//! Rows that are complete, until it is looked at together which of them are copies. In a large table each look waits
//! for the memory; where many are made in a row, the processor waits for several at once.

use crate::customer::clean::Outcome;
use crate::customer::newest::RowKey;
use crate::customer::row_hashes::RowHashes;

/// How many rows wait at most.
const MAX_WAITING: usize = 256;

/// Rows that wait, and the hashes of all rows that did.
#[derive(Debug, Clone, Default)]
pub(in crate::customer) struct WaitingRows {
    rows: Vec<WaitingRow>,
    /// What each row has in the schema's columns, one row behind the other.
    outcomes: Vec<Outcome>,
    /// Their identifiers, where those are to be kept.
    identifiers: Vec<String>,
    hashes: RowHashes,
}

/// A row that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingRow {
    pub key: RowKey,
    /// Whether it has an address or a telephone number, which tells it from customers who are alike otherwise.
    pub has_contact: bool,
}

impl WaitingRows {
    /// Adds a row.
    pub(super) fn push(&mut self, row: WaitingRow, outcomes: &[Outcome], identifier: Option<String>) {
        self.rows.push(row);
        self.outcomes.extend_from_slice(outcomes);
        self.identifiers.extend(identifier);
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no further row should wait.
    pub(super) fn are_enough(&self) -> bool {
        self.rows.len() >= MAX_WAITING
    }

    /// Which of the rows have the cells of a row before them. Asked once, since the rows count as seen from then on.
    pub(super) fn find_copies(&mut self) -> Vec<bool> {
        self.rows.iter().map(|row| !self.hashes.insert(row.key.hash)).collect()
    }

    /// The rows, each with its outcomes and its identifier; that is empty where none are kept.
    pub(super) fn iter(&self) -> impl Iterator<Item = (WaitingRow, &[Outcome], &str)> {
        let n_columns = self.outcomes.len().checked_div(self.rows.len()).unwrap_or_default();
        let identifiers = self.identifiers.iter().map(String::as_str).chain(std::iter::repeat(""));
        let rows = self.rows.iter().zip(self.outcomes.chunks(n_columns.max(1))).zip(identifiers);
        rows.map(|((row, outcomes), identifier)| (*row, outcomes, identifier))
    }

    /// Ends the waiting of all.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.outcomes.clear();
        self.identifiers.clear();
    }
}
