//! The columns of a table whose rows have keys of their own.

use rustc_hash::FxHashMap;

/// Columns of one export: far more than any schema yields.
pub(super) const MAX_COLUMNS: usize = 1_024;

/// Different keys in their order, each a column.
#[derive(Default)]
pub(super) struct Columns {
    titles: Vec<String>,
    positions: FxHashMap<String, usize>,
}

impl Columns {
    pub fn titles(&self) -> &[String] {
        &self.titles
    }

    pub fn position(&self, key: &str) -> Option<usize> {
        self.positions.get(key).copied()
    }

    pub fn add(&mut self, key: &str) {
        if !self.positions.contains_key(key) {
            self.positions.insert(key.to_owned(), self.titles.len());
            self.titles.push(key.to_owned());
        }
    }
}

impl<'k> FromIterator<&'k str> for Columns {
    fn from_iter<T: IntoIterator<Item = &'k str>>(keys: T) -> Self {
        let mut columns = Self::default();
        keys.into_iter().for_each(|key| columns.add(key));
        columns
    }
}
