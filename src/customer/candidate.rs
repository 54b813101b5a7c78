//! A cell of a row that may be the header.

use super::{Cell, OwnedCell};

/// A cell and its column, kept until its row is known for a header, or another.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub column: usize,
    cell: OwnedCell,
}

impl Candidate {
    pub fn new(column: usize, cell: Cell<'_>) -> Self {
        Self { column, cell: OwnedCell::of(cell) }
    }

    pub fn cell(&self) -> Cell<'_> {
        self.cell.as_cell()
    }

    /// `None` for anything but text.
    pub fn text(&self) -> Option<&str> {
        if let Cell::Text(text) = self.cell() { Some(text) } else { None }
    }
}
