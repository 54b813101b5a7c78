//! Whether a file's column of identifiers tells customers apart. It may be one of branches or batches, or have the same
//! number everywhere: then each row is a customer of its own, and a note says so.
//!
//! It is believed where at least half of its different rows have a value of their own, or where it has [`MANY`]
//! different values with at most [`MAX_ROWS_OF_ONE`] rows each on average: a list of orders, or of months. A value that
//! more than [`MAX_ROWS_OF_ONE`] rows share is a placeholder, in any column.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Note;

/// Different rows of one customer that one file may hold.
pub(super) const MAX_ROWS_OF_ONE: usize = 20;
/// More different values than a company has branches in a list of customers.
const MANY: usize = 100;

/// How many rows the identifiers of one file have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Belief {
    pub n_distinct: usize,
    pub n_rows: usize,
    /// Those that have too many rows each, and all their rows.
    n_placeholders: usize,
    n_rows_of_placeholders: usize,
}

impl Belief {
    /// One more identifier, and its different rows.
    pub fn add(&mut self, rows: usize) {
        self.n_distinct += 1;
        self.n_rows += rows;
        if rows > MAX_ROWS_OF_ONE {
            self.n_placeholders += 1;
            self.n_rows_of_placeholders += rows;
        }
    }

    /// So many more identifiers of one row each.
    pub fn add_single(&mut self, n: usize) {
        self.n_distinct += n;
        self.n_rows += n;
    }

    /// Whether the column tells customers apart.
    pub fn tells_apart(&self) -> bool {
        let has_many = self.n_distinct >= MANY && self.n_rows <= self.n_distinct.saturating_mul(MAX_ROWS_OF_ONE);
        2 * self.n_distinct >= self.n_rows || has_many
    }

    /// Whether an identifier with so many rows is a customer's.
    pub fn is_customer(&self, rows: usize) -> bool {
        self.tells_apart() && rows <= MAX_ROWS_OF_ONE
    }

    /// What a person should know of the column that is called so.
    pub fn note(&self, column: &str) -> Option<Note> {
        let sentence = if !self.tells_apart() {
            let values =
                if self.n_distinct == 1 { "1 value" } else { &format!("{} different values", self.n_distinct) };
            format!(
                "{column} has {values} in {} rows and tells nobody apart: each different row counts as a customer",
                self.n_rows
            )
        } else if self.n_placeholders > 0 {
            let have = match self.n_placeholders {
                1 => "1 value has".to_owned(),
                n => format!("{n} values have"),
            };
            format!(
                "{have} more than {MAX_ROWS_OF_ONE} rows in {column}, and is taken for a placeholder: each of the {} \
                 different rows counts as a customer",
                self.n_rows_of_placeholders
            )
        } else {
            return None;
        };
        Some(Note::new(Note::IDENTIFIERS_TELL_NOBODY_APART, sentence))
    }
}

/// The identifiers of one file, by their hashes, and which of them are believed.
#[derive(Debug, Default)]
pub struct Believed {
    /// The different rows of each.
    rows_of: FxHashMap<u64, usize>,
    belief: Belief,
}

impl Believed {
    /// Of the rows that have an identifier, each with the hash of all its cells. `erased` is how many rows each
    /// identifier had whose rows were taken out before: the file is judged as it came.
    pub fn of(rows: impl Iterator<Item = (u64, u128)>, erased: &[usize]) -> Self {
        let mut hashes: FxHashSet<u128> = FxHashSet::default();
        let mut rows_of: FxHashMap<u64, usize> = FxHashMap::default();
        for (identity, _) in rows.filter(|&(_, hash)| hashes.insert(hash)) {
            *rows_of.entry(identity).or_insert(0) += 1;
        }
        let mut belief = Belief::default();
        rows_of.values().chain(erased).for_each(|&rows| belief.add(rows));
        Self { rows_of, belief }
    }

    /// What the column is worth.
    pub(super) fn belief(&self) -> Belief {
        self.belief
    }

    /// Whether an identifier of the file is one customer's.
    pub fn is_customer(&self, identity: u64) -> bool {
        self.rows_of.get(&identity).is_some_and(|&rows| self.belief.is_customer(rows))
    }

    /// How many different rows each customer has for whom `is_erased`.
    pub fn erased_rows(&self, is_erased: impl Fn(u64) -> bool) -> Vec<usize> {
        let customers = self.rows_of.iter().filter(|&(_, &rows)| self.belief.is_customer(rows));
        customers.filter(|&(&identity, _)| is_erased(identity)).map(|(_, &rows)| rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn belief(rows_of_each: impl IntoIterator<Item = usize>) -> Belief {
        let mut belief = Belief::default();
        rows_of_each.into_iter().for_each(|rows| belief.add(rows));
        belief
    }

    #[test]
    fn a_column_of_many_customers_with_several_rows_each_is_believed_and_one_of_branches_is_not() {
        for believed in [belief([1; 3]), belief([2; 40]), belief([3; 150]), belief([12; 100])] {
            assert_eq!((believed.tells_apart(), believed.note("ID")), (true, None), "{believed:?}");
        }
        for (unbelieved, says) in [
            (belief([3; 99]), "ID has 99 different values in 297 rows"),
            (belief([30; 200]), "ID has 200 different values in 6000 rows"),
            (belief([450]), "ID has 1 value in 450 rows"),
        ] {
            let note = unbelieved.note("ID").unwrap();
            assert!(!unbelieved.tells_apart() && note.sentence.starts_with(says), "{note:?}");
        }
        let with_placeholder = belief([2; 200].into_iter().chain([34]));
        assert!(with_placeholder.is_customer(2) && !with_placeholder.is_customer(34));
        let note = with_placeholder.note("ID").unwrap();
        assert!(note.sentence.starts_with("1 value has more than 20 rows in ID"), "{note:?}");
    }
}
