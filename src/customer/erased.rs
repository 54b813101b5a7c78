//! Rows by what they are known by: given other keys, or taken out where their customers were erased.

use rayon::iter::{IntoParallelRefMutIterator, ParallelIterator};
use rustc_hash::FxHashMap;

use super::identifier_belief::Believed;
use super::newest::{KeyedTable, NOBODY, RowKey, identity_of};
use super::{Cell, CustomerColumn, CustomerTable, Dropped, SheetRow};

/// Rows in which a customer's identifier was found.
#[derive(Debug, Default)]
pub struct JudgedRows {
    /// A training knows them by it, or reads none of them.
    pub own: Vec<SheetRow>,
    /// A training reads them, and the identifier is no customer's in this file, as that of a branch.
    pub shared: Vec<SheetRow>,
    /// A training knows them by another identifier, or by none.
    pub doubtful: Vec<SheetRow>,
}

/// What the rows of a customer are known by who has this identifier; `None` for a word for nothing.
pub fn identity_of_text(identifier: &str) -> Option<u64> {
    Some(identity_of(Cell::Text(identifier))).filter(|&identity| identity != NOBODY)
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
    /// The table with other keys.
    #[must_use]
    pub fn with_keys(mut self, key: impl Fn(RowKey) -> RowKey + Sync) -> Self {
        self.keys.par_iter_mut().for_each(|known| *known = key(*known));
        self
    }

    /// The table without the rows of customers for whom `is_erased`; they are counted as [`Dropped::Erased`]. Where
    /// identifiers tell nobody apart, as those of branches, they are no customer's, and all rows stay.
    #[must_use]
    pub fn without(self, is_erased: impl Fn(u64) -> bool) -> Self {
        let is_named = |key: &RowKey| key.is_of_somebody() && is_erased(key.identity);
        if !self.keys.iter().any(is_named) {
            return self;
        }
        let known = self.keys.iter().filter(|key| key.is_of_somebody()).map(|key| (key.identity, key.hash));
        let believed = Believed::of(known, &self.erased);
        let stands = self.keys.iter().map(|key| !(is_named(key) && believed.is_customer(key.identity)));
        let stands: Vec<bool> = stands.collect();
        let mut left = self.only(&stands);
        left.erased.extend(believed.erased_rows(is_erased));
        left
    }

    /// What rows of the same file, in which a customer's identifier was found, are to a training.
    #[must_use]
    pub fn judge(&self, identity: u64, rows: Vec<SheetRow>) -> JudgedRows {
        let known = self.keys.iter().filter(|key| key.is_of_somebody()).map(|key| (key.identity, key.hash));
        let is_customer = Believed::of(known, &self.erased).is_customer(identity);
        // The rows of the sheets follow one another. A row without the name of a sheet is of the only one.
        let sheets = self.table.cleaning.sheets.iter();
        let sheet_of = sheets.flat_map(|sheet| std::iter::repeat_n(sheet.name.as_str(), sheet.rows_used));
        let mut is_known: FxHashMap<(u32, &str), bool> = FxHashMap::default();
        for (key, sheet) in self.keys.iter().zip(sheet_of.chain(std::iter::repeat(""))) {
            for place in [(key.row_number, sheet), (key.row_number, "")] {
                *is_known.entry(place).or_default() |= key.identity == identity;
            }
        }
        let mut judged = JudgedRows::default();
        for row in rows {
            let of = match is_known.get(&(row.row, row.sheet.as_str())) {
                Some(true) if !is_customer => &mut judged.shared,
                None | Some(true) => &mut judged.own,
                Some(false) => &mut judged.doubtful,
            };
            of.push(row);
        }
        judged
    }

    /// How many different rows each customer had whose rows were taken out: what the others' identifiers are worth
    /// does not depend on who is gone.
    pub fn erased(&self) -> &[usize] {
        &self.erased
    }

    /// The same, from which rows were taken out before.
    #[must_use]
    pub fn with_erased(mut self, erased: Vec<usize>) -> Self {
        self.erased = erased;
        self
    }

    fn only(self, stands: &[bool]) -> Self {
        let n_rows = stands.iter().filter(|&&stands| stands).count();
        if n_rows == stands.len() {
            return self;
        }
        let Self { table, mut keys, erased } = self;
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
        let columns: Vec<CustomerColumn> = table.columns.iter().map(|column| column.keep(stands)).collect();
        let table = CustomerTable { columns, n_rows, cleaning, weights: None, origins: None, ..table };
        Self { table, keys, erased }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;

    use super::*;
    use crate::customer::{Schema, TableBuilder};

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
    fn an_identifier_that_is_no_customers_erases_nobody() {
        let rows_left = |n_branches: usize, n_rows: usize, erased: &str| {
            let mut builder = TableBuilder::keyed(Arc::new(Schema::built_in().unwrap()), date(2026, 3, 1));
            builder.push_row(&["ID", "Date Joined", "Location", "Loyalty Tier"].map(Cell::Text)).unwrap();
            for row in 0..n_rows {
                let (id, town) = ((row % n_branches).to_string(), format!("Town {row}"));
                builder.push_row(&[id.as_str(), "2024-01-02", &town, "Gold"].map(Cell::Text)).unwrap();
            }
            builder.end_sheet().unwrap();
            let erased = identity_of_text(erased).unwrap();
            builder.finish_keyed().without(|identity| identity == erased).table().n_rows()
        };
        assert_eq!(rows_left(5, 60, "3"), 60, "a column of branches");
        assert_eq!(rows_left(30, 60, "3"), 58, "two rows each are believed");
    }

    #[test]
    fn found_rows_are_judged_by_what_a_training_knows_of_them() {
        let mut builder = TableBuilder::keyed(Arc::new(Schema::built_in().unwrap()), date(2026, 3, 1));
        for (sheet, ids) in [("This year", ["C1", "C2"]), ("Archive", ["C3", "C1"])] {
            builder.begin_named_sheet(sheet, false);
            builder.push_row(&["Customer ID", "Date Joined", "Location", "Loyalty Tier"].map(Cell::Text)).unwrap();
            for id in ids {
                builder.push_row(&[id, "2024-01-02", "Bedok", "Gold"].map(Cell::Text)).unwrap();
            }
            builder.end_sheet().unwrap();
        }
        let table = builder.finish_keyed();
        let row = |sheet: &str, row| SheetRow { row, sheet: sheet.to_owned(), source: String::new() };
        let rows = [row("This year", 2), row("This year", 3), row("Archive", 3), row("Orders", 3)];
        let judged = table.judge(identity_of_text("C1").unwrap(), rows.to_vec());
        assert_eq!(judged.own, [rows[0].clone(), rows[2].clone(), rows[3].clone()]);
        assert_eq!((judged.doubtful, judged.shared), (vec![rows[1].clone()], vec![]));
    }
}
