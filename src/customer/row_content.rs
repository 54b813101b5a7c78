//! What a row holds, whatever its cells mean: the same for a row whose cells come one by one and for one that was
//! looked at ahead of its turn.

use super::contact;
use super::header::SheetColumn;
use super::lost_digits::Loss;
use super::newest::{NOBODY, identities_of};
use super::origins::write_identifier;
use super::{Cell, IdentifierDigits};

/// What is known of the cells of a row that have come so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowContent {
    /// Whether any cell holds something.
    pub is_filled: bool,
    /// Whether one does in a column that is read.
    pub is_read: bool,
    /// Whether the one does that tells customers apart.
    pub has_identifier: bool,
    /// Whether one does in another column that tells them apart.
    pub has_contact: bool,
    /// Whether one does where the header has no column any more.
    pub is_wide: bool,
    /// Whether an empty cell of a text is there.
    pub has_blank_beyond: bool,
    /// How many cells hold something, and how many of them begin with a blank.
    n_filled: u16,
    n_indented: u16,
    /// Whether the first of them does.
    is_first_indented: bool,
    /// Whether the sheet does not show the row.
    pub is_hidden: bool,
    /// The sum of the cells' hashes.
    pub hash: u128,
    pub identity: u64,
    /// What the identity would be if case were not part of the identifier; [`NOBODY`] where it is not.
    pub folded_identity: u64,
    /// What the identifier says of digits that it may have lost.
    pub loss: Loss,
    /// How the identifier is written, where it is a number.
    pub digits: IdentifierDigits,
}

impl Default for RowContent {
    fn default() -> Self {
        Self {
            is_filled: false,
            is_read: false,
            has_identifier: false,
            has_contact: false,
            is_wide: false,
            has_blank_beyond: false,
            n_filled: 0,
            n_indented: 0,
            is_first_indented: false,
            is_hidden: false,
            hash: 0,
            identity: NOBODY,
            folded_identity: NOBODY,
            loss: Loss::default(),
            digits: IdentifierDigits::default(),
        }
    }
}

impl RowContent {
    /// Takes note of a cell that holds something. What the identifier's cell says is written into `identifier`, where
    /// identifiers are kept.
    #[inline]
    pub fn note(&mut self, cell: Cell<'_>, column: &SheetColumn, identifier: Option<&mut String>) {
        self.is_filled = true;
        self.is_wide |= column.is_beyond;
        let is_indented = matches!(cell, Cell::Text(text) if text.starts_with(' '));
        self.is_first_indented |= is_indented && self.n_filled == 0;
        self.n_filled = self.n_filled.saturating_add(1);
        self.n_indented = self.n_indented.saturating_add(u16::from(is_indented));
        self.has_contact |= column.is_contact && contact::is_value(cell);
        if !column.is_identifier {
            return;
        }
        self.is_read = true;
        self.has_identifier = true;
        (self.identity, self.folded_identity) = identities_of(cell);
        self.loss = Loss::of(cell);
        self.digits = IdentifierDigits::of(cell);
        if let Some(identifier) = identifier {
            write_identifier(identifier, if self.loss.is_rounded() { Cell::Empty } else { cell });
        }
    }

    /// Whether a value of the row may be in two cells, as of `Muster, Max` without quotes: its last cell is then empty,
    /// and another one begins with a blank, which is not the first. Where most cells do, they are written so.
    pub fn may_be_split(&self) -> bool {
        let has_second_half = self.n_indented > u16::from(self.is_first_indented);
        self.has_blank_beyond && has_second_half && 2 * u32::from(self.n_indented) <= u32::from(self.n_filled)
    }

    /// Adds a cell's share of the row's hash.
    #[inline]
    pub fn add_hash(&mut self, share: u128) {
        self.hash = self.hash.wrapping_add(share);
    }
}
