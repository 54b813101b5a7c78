//! Several rows of one customer, from files read one after the other: the newest stands.
//!
//! Newer is what is read later. A row is known by the cell of its identifier column, and only where that column tells
//! customers apart: within each file at least half of its filled cells must be distinct, or the column is not believed
//! (it is a branch, a batch, the same number everywhere), and a value that more than [`MAX_ROWS_OF_ONE`] rows of one file
//! share is a placeholder. Rows without a believed identifier are customers of their own, unless they are exact copies.
//! Only rows that can be used take part: a newer row without a date does not push an older, whole one out.

use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64;

use super::{Cell, SheetRow, text};

/// Different rows of one customer that one file may hold.
const MAX_ROWS_OF_ONE: usize = 20;
/// No identifier.
const NOBODY: u64 = 0;

/// Every usable row so far, 32 bytes each.
#[derive(Debug, Default)]
pub(super) struct Newest {
    rows: Vec<Known>,
    /// Label and first row of each file.
    files: Vec<(String, usize)>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    identity: u64,
    row_number: u32,
    hash: u128,
}

/// What becomes of a row once all are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stands.
    Stands,
    /// It is the same in every cell as one that was read before it.
    Copy,
    /// A newer row of the same customer stands.
    Replaced,
}

/// The identifier in a cell, [`NOBODY`] for a blank or a word for nothing. A number and its text are the same: the one
/// comes from a workbook, the other from a CSV file.
pub(super) fn identity_of(cell: Cell<'_>) -> u64 {
    let folded = match cell {
        Cell::Text(raw) => text::fold(raw),
        Cell::Number(number) => Some(number.to_string()),
        Cell::Empty | Cell::Error | Cell::Bool(_) | Cell::DateTime { .. } => None,
    };
    folded.map_or(NOBODY, |text| xxh3_64(text.as_bytes()).max(1))
}

impl Newest {
    pub(super) fn begin_file(&mut self, label: &str) {
        self.files.push((label.to_owned(), self.rows.len()));
    }

    pub(super) fn push(&mut self, identity: u64, hash: u128, row_number: u32) {
        self.rows.push(Known { identity, row_number, hash });
    }

    /// The fate of every row, in order.
    pub(super) fn fates(&mut self) -> Vec<Fate> {
        self.forget_unbelieved();
        let mut fates = vec![Fate::Stands; self.rows.len()];
        let mut standing: FxHashMap<u64, usize> = FxHashMap::default();
        let mut hashes: FxHashSet<u128> = FxHashSet::default();
        for (row, known) in self.rows.iter().enumerate() {
            let is_new = hashes.insert(known.hash);
            let older = if known.identity == NOBODY { None } else { standing.get(&known.identity).copied() };
            let is_copy = match older.and_then(|older| self.rows.get(older)) {
                Some(older) => older.hash == known.hash,
                None => !is_new,
            };
            let (loser, fate) = if is_copy { (Some(row), Fate::Copy) } else { (older, Fate::Replaced) };
            if let Some(slot) = loser.and_then(|loser| fates.get_mut(loser)) {
                *slot = fate;
            }
            if !is_copy && known.identity != NOBODY {
                standing.insert(known.identity, row);
            }
        }
        fates
    }

    /// Where row `row` stands.
    pub(super) fn place_of(&self, row: usize) -> SheetRow {
        let file = self.files.partition_point(|&(_, first)| first <= row).checked_sub(1);
        let source = file.and_then(|file| self.files.get(file)).map(|(label, _)| label.clone()).unwrap_or_default();
        SheetRow { row: self.rows.get(row).map_or(0, |known| known.row_number), source }
    }

    /// Makes nobody of every identifier that identifies nobody.
    fn forget_unbelieved(&mut self) {
        let ends = self.files.iter().skip(1).map(|&(_, first)| first).chain([self.rows.len()]);
        let ranges: Vec<_> = self.files.iter().map(|&(_, first)| first).zip(ends).collect();
        for (first, end) in ranges {
            let Some(rows) = self.rows.get_mut(first..end) else { continue };
            let mut hashes: FxHashSet<u128> = FxHashSet::default();
            let mut rows_of: FxHashMap<u64, usize> = FxHashMap::default();
            for known in rows.iter().filter(|known| known.identity != NOBODY) {
                if hashes.insert(known.hash) {
                    *rows_of.entry(known.identity).or_insert(0) += 1;
                }
            }
            let filled: usize = rows_of.values().sum();
            let is_believed = |identity: &u64| {
                2 * rows_of.len() >= filled && rows_of.get(identity).is_some_and(|&rows| rows <= MAX_ROWS_OF_ONE)
            };
            for known in rows.iter_mut().filter(|known| !is_believed(&known.identity)) {
                known.identity = NOBODY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fates of rows given as file, identifier and the rest of the row.
    fn fates(rows: &[(&str, &str, u128)]) -> Vec<Fate> {
        let mut newest = Newest::default();
        let mut last = "";
        for &(file, id, rest) in rows {
            if file != last {
                newest.begin_file(file);
                last = file;
            }
            let identity = identity_of(Cell::Text(id));
            newest.push(identity, u128::from(identity) << 64 | rest, 1);
        }
        newest.fates()
    }

    #[test]
    fn a_customer_who_changed_there_and_back_has_the_last_row() {
        use Fate::{Replaced, Stands};
        assert_eq!(fates(&[("a", "C1", 1), ("b", "C1", 2), ("c", "c1 ", 1)]), [Replaced, Replaced, Stands]);
    }

    #[test]
    fn a_copy_counts_once_and_is_no_newer_row() {
        use Fate::{Copy, Replaced, Stands};
        assert_eq!(fates(&[("a", "C1", 1), ("b", "C1", 1), ("c", "C1", 2)]), [Replaced, Copy, Stands]);
        assert_eq!(fates(&[("a", "", 1), ("b", "n/a", 1), ("b", "", 2)]), [Stands, Copy, Stands]);
    }

    #[test]
    fn an_identifier_that_most_rows_share_replaces_nobody() {
        let rows: Vec<_> = (0..90).map(|n| ("a", ["north", "south"][n % 2], n as u128)).collect();
        assert!(fates(&rows).iter().all(|&fate| fate == Fate::Stands));
    }

    #[test]
    fn a_placeholder_among_identifiers_replaces_nobody() {
        let names: Vec<String> = (0..200).map(|n| if n % 4 == 0 { "0".into() } else { n.to_string() }).collect();
        let rows: Vec<_> = names.iter().zip(0..).map(|(name, n)| ("a", name.as_str(), n)).collect();
        assert!(fates(&rows).iter().all(|&fate| fate == Fate::Stands));
    }

    #[test]
    fn a_number_of_a_workbook_is_the_text_of_a_csv_file() {
        assert_eq!(identity_of(Cell::Number(1042.0)), identity_of(Cell::Text(" 1042")));
        assert_ne!(identity_of(Cell::Number(1042.0)), identity_of(Cell::Text("01042")));
        assert_eq!(identity_of(Cell::Text("-")), NOBODY);
    }
}
