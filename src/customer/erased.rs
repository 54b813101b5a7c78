//! Rows by what they are known by: given other keys, or taken out where their customers were erased.

use rayon::iter::{IntoParallelRefMutIterator, ParallelIterator};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::newest::{KeyedTable, NOBODY, RowKey, identities_of, identity_of};
use super::{Cell, CustomerColumn, CustomerTable, Dropped, Schema, SheetRow};

/// What the rows of a customer are known by who has this identifier; `None` for a word for nothing.
pub fn identity_of_text(identifier: &str) -> Option<u64> {
    Some(identity_of(Cell::Text(identifier))).filter(|&identity| identity != NOBODY)
}

/// What an identifier is known by in any case, by its [`identities_of`]: nothing that one is known by as it is written.
pub(super) fn in_any_case((identity, folded): (u64, u64)) -> u64 {
    match (identity, folded) {
        (NOBODY, _) => NOBODY,
        (identity, NOBODY) => xxh3_64(&identity.to_le_bytes()).max(1),
        (_, folded) => xxh3_64(&folded.to_le_bytes()).max(1),
    }
}

/// What a row is known by in a search whose identifier is this one in any case; `None` for a word for nothing.
pub fn identity_in_any_case(identifier: &str) -> Option<u64> {
    Some(in_any_case(identities_of(Cell::Text(identifier)))).filter(|&identity| identity != NOBODY)
}

impl Schema {
    /// The same columns, none of them required: every row that has anything is read, where the sheet has identifiers.
    #[must_use]
    pub fn with_nothing_required(&self) -> Self {
        let mut schema = self.clone();
        schema.columns.iter_mut().for_each(|column| column.required = false);
        schema
    }
}

impl RowKey {
    /// A key of these parts: the customer's hash, the row's number in its file, and the row's hash.
    pub fn new(identity: u64, row_number: u32, hash: u128) -> Self {
        Self { identity, row_number, hash }
    }

    /// The hash of the customer's identifier.
    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// Whether the row has an identifier.
    pub fn is_of_somebody(&self) -> bool {
        self.identity != NOBODY
    }

    /// The row's number in its file.
    pub fn row_number(&self) -> u32 {
        self.row_number
    }

    /// The hash of all its cells.
    pub fn hash(&self) -> u128 {
        self.hash
    }
}

impl KeyedTable {
    /// Where the rows of each of these customers are, in the customers' order, with the sheet's name where the workbook
    /// has several. A customer may be one [in any case](identity_in_any_case), where the table is a search's.
    pub fn rows_of(&self, identities: &[u64]) -> Vec<Vec<SheetRow>> {
        let position_of: FxHashMap<u64, usize> = identities.iter().copied().zip(0..).collect();
        let sheets = Some(&self.table.cleaning.sheets).filter(|sheets| sheets.len() > 1);
        let mut end = 0;
        // The rows of the sheets follow one another.
        let ends = sheets.into_iter().flatten().map(|sheet| {
            end += sheet.rows_used;
            (end, &sheet.name)
        });
        let ends: Vec<(usize, &String)> = ends.collect();
        let mut rows = vec![Vec::new(); identities.len()];
        for (at, key) in self.keys.iter().enumerate() {
            let in_any_case = u64::try_from(key.hash).unwrap_or(NOBODY);
            for position in [key.identity, in_any_case].iter().filter_map(|identity| position_of.get(identity)) {
                let Some(of_customer) = rows.get_mut(*position) else { continue };
                let sheet = ends.iter().find(|(end, _)| at < *end).map(|(_, name)| (*name).clone());
                let sheet = sheet.unwrap_or_default();
                of_customer.push(SheetRow { row: key.row_number, sheet, source: String::new() });
            }
        }
        rows
    }

    /// The table with other keys.
    #[must_use]
    pub fn with_keys(mut self, key: impl Fn(RowKey) -> RowKey + Sync) -> Self {
        self.keys.par_iter_mut().for_each(|known| *known = key(*known));
        self
    }

    /// The table without the rows of customers for whom `is_erased`; they are counted as [`Dropped::Erased`].
    #[must_use]
    pub fn without(self, is_erased: impl Fn(u64) -> bool) -> Self {
        let stands: Vec<bool> = self.keys.iter().map(|key| !key.is_of_somebody() || !is_erased(key.identity)).collect();
        let n_rows = stands.iter().filter(|&&stands| stands).count();
        if n_rows == stands.len() {
            return self;
        }
        let Self { table, mut keys } = self;
        let mut each = stands.iter();
        keys.retain(|_| each.next().copied().unwrap_or(true));
        let mut cleaning = table.cleaning;
        *cleaning.dropped.entry(Dropped::Erased).or_default() += stands.len() - n_rows;
        let mut rows = stands.iter();
        for sheet in &mut cleaning.sheets {
            // The rows of the sheets follow one another.
            let of_sheet = rows.by_ref().take(sheet.rows_used);
            sheet.rows_used = of_sheet.filter(|&&stands| stands).count();
        }
        let columns: Vec<CustomerColumn> = table.columns.iter().map(|column| column.keep(&stands)).collect();
        let table = CustomerTable { columns, n_rows, cleaning, weights: None, origins: None, ..table };
        Self { table, keys }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;

    use super::*;
    use crate::customer::TableBuilder;

    #[test]
    fn the_rows_of_an_erased_customer_are_counted_and_gone() {
        let mut builder = TableBuilder::keyed(Arc::new(Schema::built_in().unwrap()), date(2026, 3, 1));
        let mut push = |cells: [&str; 4]| builder.push_row(&cells.map(Cell::Text)).unwrap();
        push(["Customer ID", "Date Joined", "Location", "Loyalty Tier"]);
        push(["C1", "2024-01-02", "Bedok", "Gold"]);
        push(["C2", "2024-01-03", "Yishun", "Gold"]);
        push([" c1", "2024-02-02", "Tampines", "Silver"]);
        push(["", "2024-02-02", "Novena", "Silver"]);
        builder.end_sheet().unwrap();
        let erased = identity_of_text("C1").unwrap();
        let left = builder.finish_keyed().without(|identity| identity == erased);
        assert_eq!((left.table().n_rows(), left.keys().len()), (2, 2));
        let cleaning = left.table().cleaning();
        assert_eq!((cleaning.dropped[&Dropped::Erased], cleaning.rows_read - cleaning.n_dropped()), (2, 2));
        let towns: Vec<_> = left.table().columns()[0].values.iter().map(|town| format!("{town:?}")).collect();
        assert_eq!(towns, [r#"Text("Yishun")"#, r#"Text("Novena")"#]);
        assert_eq!(identity_of_text(" n/a "), None);
    }

    #[test]
    fn the_rows_of_a_customer_are_told_with_their_sheets() {
        let mut builder = TableBuilder::keyed(Arc::new(Schema::built_in().unwrap()), date(2026, 3, 1));
        for (sheet, ids) in [("This year", ["C1", "C2", "C3"]), ("Archive", ["C4", "C2", "C2"])] {
            builder.begin_named_sheet(sheet, false);
            builder.push_row(&["Customer ID", "Date Joined", "Location", "Loyalty Tier"].map(Cell::Text)).unwrap();
            for id in ids {
                builder.push_row(&[id, "2024-01-02", "Bedok", "Gold"].map(Cell::Text)).unwrap();
            }
            builder.end_sheet().unwrap();
        }
        let rows = builder.finish_keyed().rows_of(&[identity_of_text("C2").unwrap()]);
        let rows: Vec<_> = rows[0].iter().map(|at| (at.sheet.as_str(), at.row)).collect();
        assert_eq!(rows, [("This year", 3), ("Archive", 3), ("Archive", 4)]);
    }
}
