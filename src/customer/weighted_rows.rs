//! Rows that stand for many customers each, on their way into a table: what a data engine's `GROUP BY` yields.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::clean::Key;
use super::lacking::notes_on_missing_columns;
use super::report::NAMED_ROWS;
use super::single_cell::Reading;
use super::{CleaningReport, CustomerColumn, CustomerTable, Dropped, MISSING, Note, Schema, SheetRow, same_name};

/// Rows added one by one. The report counts customers, as if each had come in a row of its own.
#[derive(Debug)]
pub struct WeightedRows {
    schema: Arc<Schema>,
    columns: Vec<(CustomerColumn, FxHashMap<Key, u32>)>,
    weights: Vec<u32>,
    n_customers: u32,
    cleaning: CleaningReport,
}

/// More customers than a training counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the profiles stand for more than {} customers, which is more than a training counts", u32::MAX)]
pub struct TooManyCustomers;

impl WeightedRows {
    /// No row yet. `columns_used` holds for each column of the schema the name that it was found by.
    pub fn new(schema: Arc<Schema>, columns_used: impl IntoIterator<Item = (String, String)>) -> Self {
        let columns = schema.columns.iter().map(|_| Default::default()).collect();
        let cleaning = CleaningReport { columns_used: columns_used.into_iter().collect(), ..CleaningReport::default() };
        Self { schema, columns, weights: Vec::new(), n_customers: 0, cleaning }
    }

    /// Adds what a person should know of the columns.
    pub fn note(&mut self, note: Note) {
        self.cleaning.notes.push(note);
    }

    /// Adds a row that stands for `customers`, with a reading for each of the schema's columns.
    ///
    /// # Errors
    /// [`TooManyCustomers`] where all rows together would stand for more than 2³² − 1; the row is not added.
    pub fn add<'r>(
        &mut self,
        row_number: u32,
        readings: impl Iterator<Item = &'r Reading> + Clone,
        customers: u32,
    ) -> Result<(), TooManyCustomers> {
        self.n_customers = self.n_customers.checked_add(customers).ok_or(TooManyCustomers)?;
        let rows = customers as usize;
        self.cleaning.rows_read += rows;
        let place = || SheetRow { row: row_number, ..SheetRow::default() };
        let dropped = readings.clone().find_map(|reading| match reading {
            Reading::Dropped(reason) => Some(reason.clone()),
            Reading::Value(_) | Reading::Empty | Reading::Unusable => None,
        });
        for (column, reading) in self.schema.columns.iter().zip(readings.clone()) {
            if *reading == Reading::Unusable {
                let known = self.cleaning.unusable.entry(column.title.clone());
                let known = known.or_default();
                known.rows += rows;
                note(&mut known.first, place());
            }
        }
        if let Some(reason) = dropped {
            self.drop_row(reason, rows, place());
            return Ok(());
        }
        for ((column, code_of), reading) in self.columns.iter_mut().zip(readings) {
            let code = match reading {
                Reading::Value(value) => *code_of.entry(Key::of(value)).or_insert_with(|| {
                    column.values.push(value.clone());
                    u32::try_from(column.values.len() - 1).unwrap_or(MISSING)
                }),
                Reading::Empty | Reading::Unusable | Reading::Dropped(_) => MISSING,
            };
            column.codes.push(code);
        }
        self.weights.push(customers);
        Ok(())
    }

    fn drop_row(&mut self, reason: Dropped, rows: usize, place: SheetRow) {
        *self.cleaning.dropped.entry(reason.clone()).or_default() += rows;
        note(self.cleaning.first_dropped.entry(reason).or_default(), place);
    }

    /// How many different values a column has, of the one that has most.
    pub fn most_values(&self) -> usize {
        self.columns.iter().map(|(column, _)| column.values.len()).max().unwrap_or(0)
    }

    /// The table of the rows that can be used.
    pub fn finish(self) -> CustomerTable {
        let Self { schema, columns, weights, mut cleaning, .. } = self;
        cleaning.notes.extend(notes_on_missing_columns(&schema, &cleaning));
        let columns = columns.into_iter().map(|(column, _)| same_name::merged_weighted(column, &weights)).collect();
        let n_rows = weights.len();
        CustomerTable { schema, columns, n_rows, weights: Some(weights), cleaning, origins: None }
    }
}

fn note(first: &mut Vec<SheetRow>, place: SheetRow) {
    if first.len() < NAMED_ROWS {
        first.push(place);
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::customer::{Cell, CellReader};

    fn rows(rows: &[([&str; 4], u32)]) -> Result<CustomerTable, TooManyCustomers> {
        let schema = Arc::new(Schema::built_in().unwrap());
        let readers: Vec<CellReader> =
            schema.columns.iter().map(|column| CellReader::new(column, date(2026, 3, 1))).collect();
        let mut all = WeightedRows::new(schema, []);
        for (number, (cells, customers)) in (2..).zip(rows) {
            let readings: Vec<Reading> = readers.iter().zip(cells).map(|(r, cell)| r.read(Cell::Text(cell))).collect();
            all.add(number, readings.iter(), *customers)?;
        }
        Ok(all.finish())
    }

    #[test]
    fn the_report_counts_customers_and_names_rows() {
        let table = rows(&[
            (["Bedok", "F", "2024-02-01", "Gold"], 3),
            (["", "F", "2024-02-01", "Gold"], 2),
            (["Yishun", "a@b.example", "2024-02-01", "Gold"], 5),
        ]);
        let table = table.unwrap();
        assert_eq!((table.n_rows(), table.n_customers(), table.cleaning().rows_read), (2, 8, 10));
        let missing = Dropped::Missing("Location".to_owned());
        assert_eq!(table.cleaning().dropped[&missing], 2);
        assert_eq!(table.cleaning().first_dropped[&missing][0].row, 3);
        assert_eq!(table.cleaning().unusable["Gender"].rows, 5);
    }

    #[test]
    fn spellings_of_one_name_become_the_one_of_most_customers() {
        let row = |town: &'static str, customers| ([town, "F", "2024-02-01", "Gold"], customers);
        let table = rows(&[row("Strasse", 1), row("Straße", 3), row("Strasse", 1)]).unwrap();
        assert_eq!(table.columns()[0].values, [crate::customer::Value::Text("Straße".to_owned())]);
    }

    #[test]
    fn more_customers_than_a_training_counts_are_an_error() {
        let row = |customers| (["Bedok", "F", "2024-02-01", "Gold"], customers);
        assert_eq!(rows(&[row(u32::MAX), row(1)]).unwrap_err(), TooManyCustomers);
        assert_eq!(rows(&[row(u32::MAX)]).unwrap().n_customers(), u64::from(u32::MAX));
    }
}
