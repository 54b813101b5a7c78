//! Tables made of a table: its distinct rows, a draw of its customers, the same customers by another schema, and one in
//! which the columns know nothing of one another.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{CleaningReport, CustomerColumn, CustomerTable, MISSING, Schema, Value};

impl CustomerTable {
    /// The distinct rows, each standing for its customers, in an order that is the same for the same customers; of each
    /// day its year and month alone. Nothing is said of the cleaning.
    ///
    /// A row stands for 2³² − 1 customers at most.
    #[must_use]
    pub fn distinct(&self) -> Self {
        self.distinct_rows().0
    }

    /// As [`CustomerTable::distinct`], and for each distinct row one row of this table that it stands for.
    #[must_use]
    pub fn distinct_rows(&self) -> (Self, Vec<usize>) {
        let columns: Vec<CustomerColumn> = self.columns.iter().map(coarse).collect();
        let mut place: FxHashMap<Vec<u32>, usize> = FxHashMap::default();
        let (mut rows, mut weights) = (Vec::new(), Vec::<u32>::new());
        for (row, weight) in (0..self.n_rows).zip(self.weights()) {
            let key = columns.iter().map(|column| column.codes.get(row).copied().unwrap_or(MISSING)).collect();
            let place = *place.entry(key).or_insert_with(|| {
                rows.push(row);
                weights.push(0);
                rows.len() - 1
            });
            if let Some(customers) = weights.get_mut(place) {
                *customers = customers.saturating_add(weight);
            }
        }
        let (schema, n_rows) = (self.schema.clone(), self.n_rows);
        let cleaning = CleaningReport::default();
        let whole = Self { schema, columns, n_rows, weights: None, cleaning, origins: None };
        let mut order: Vec<(usize, u32)> = rows.into_iter().zip(weights).collect();
        order.sort_by(|a, b| whole.compare_rows(a.0, b.0));
        (whole.of_rows(&order), order.into_iter().map(|(row, _)| row).collect())
    }

    /// The rows that stand for a customer or more when each stands for as many as `customers` says, in their order.
    #[must_use]
    pub fn drawn(&self, customers: &[u32]) -> Self {
        let rows: Vec<(usize, u32)> = customers.iter().copied().enumerate().filter(|&(_, n)| n > 0).collect();
        self.of_rows(&rows)
    }

    /// One customer a row, where the value of a column in row `n` is that of the customer `orders[column][n]`; a column
    /// without an order keeps its own. With a random order for each, the columns know nothing of one another.
    #[must_use]
    pub fn permuted(&self, orders: &[Vec<usize>]) -> Self {
        let customers: Vec<usize> =
            (0..self.n_rows).zip(self.weights()).flat_map(|(row, n)| std::iter::repeat_n(row, n as usize)).collect();
        let own: Vec<usize> = (0..customers.len()).collect();
        let columns = self.columns.iter().enumerate().map(|(index, column)| {
            let order = orders.get(index).unwrap_or(&own);
            let row = |place: &usize| customers.get(*place).copied().unwrap_or(usize::MAX);
            let codes = order.iter().map(|place| column.codes.get(row(place)).copied().unwrap_or(MISSING));
            CustomerColumn { values: column.values.clone(), codes: codes.collect() }
        });
        let columns = columns.collect();
        Self { columns, n_rows: customers.len(), weights: None, origins: None, ..self.clone() }
    }

    /// The same customers by a schema with the same columns, in which they count for more or for less.
    #[must_use]
    pub fn with_schema(&self, schema: Arc<Schema>) -> Self {
        Self { schema, ..self.clone() }
    }

    /// These rows, each with its customers.
    fn of_rows(&self, rows: &[(usize, u32)]) -> Self {
        let columns = self.columns.iter().map(|column| {
            let codes = rows.iter().map(|&(row, _)| column.codes.get(row).copied().unwrap_or(MISSING)).collect();
            CustomerColumn { values: column.values.clone(), codes }.keep(&vec![true; rows.len()])
        });
        let (schema, columns) = (self.schema.clone(), columns.collect());
        let weights = Some(rows.iter().map(|&(_, customers)| customers).collect());
        let cleaning = CleaningReport::default();
        Self { schema, columns, n_rows: rows.len(), weights, cleaning, origins: None }
    }
}

/// The column with of each day its year and month alone.
fn coarse(column: &CustomerColumn) -> CustomerColumn {
    let mut values: Vec<Value> = Vec::new();
    let mut months: FxHashMap<(i16, i8), u32> = FxHashMap::default();
    let new_codes: Vec<u32> = column
        .values
        .iter()
        .map(|value| {
            let mut next = |value: Value| {
                values.push(value);
                u32::try_from(values.len() - 1).unwrap_or(MISSING)
            };
            let Value::Date(day) = value else { return next(value.clone()) };
            let (year, month) = (day.year(), day.month());
            *months.entry((year, month)).or_insert_with(|| next(Value::year_and_month(*day)))
        })
        .collect();
    let codes = column.codes.iter().map(|&code| new_codes.get(code as usize).copied().unwrap_or(MISSING));
    CustomerColumn { codes: codes.collect(), values }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"columns": [
        {"title": "Town", "required": true, "kind": "category", "persona": {"key": "Towns", "top": 3}},
        {"title": "Joined", "required": true, "kind": "date", "phrase": "who joined", "parts": [
            {"part": "month", "title": "Month", "persona": {"key": "Months", "top": 1}}]}]}"#;

    fn table(rows: &[(&str, &str)]) -> CustomerTable {
        let schema = Arc::new(Schema::from_json(SCHEMA.as_bytes()).unwrap());
        let columns = [
            column(rows.iter().map(|(town, _)| Value::Text((*town).to_owned()))),
            column(rows.iter().map(|(_, day)| Value::Date(day.parse().unwrap()))),
        ];
        let (columns, n_rows) = (columns.to_vec(), rows.len());
        let cleaning = CleaningReport::default();
        CustomerTable { schema, columns, n_rows, weights: None, cleaning, origins: None }
    }

    fn column(values: impl Iterator<Item = Value>) -> CustomerColumn {
        let mut column = CustomerColumn::default();
        for value in values {
            let known = column.values.iter().position(|other| *other == value);
            let code = known.unwrap_or_else(|| {
                column.values.push(value);
                column.values.len() - 1
            });
            column.codes.push(u32::try_from(code).unwrap());
        }
        column
    }

    #[test]
    fn customers_of_one_town_and_month_are_one_row_in_any_order() {
        let rows =
            [("Bedok", "2024-01-03"), ("Yishun", "2024-01-03"), ("Bedok", "2024-01-31"), ("Bedok", "2024-02-01")];
        let distinct = table(&rows).distinct();
        assert_eq!(distinct.weights().collect::<Vec<_>>(), [2, 1, 1]);
        let mut reversed = rows;
        reversed.reverse();
        let other = table(&reversed).distinct();
        assert_eq!((distinct.fingerprint(), distinct.n_customers()), (other.fingerprint(), 4));
        assert_eq!(distinct.weights().collect::<Vec<_>>(), other.weights().collect::<Vec<_>>());
    }

    #[test]
    fn rows_that_nobody_was_drawn_of_are_gone_with_their_values() {
        let drawn = table(&[("Bedok", "2024-01-03"), ("Yishun", "2024-01-03")]).drawn(&[0, 3]);
        assert_eq!((drawn.n_rows(), drawn.n_customers()), (1, 3));
        assert_eq!(drawn.columns()[0].values, [Value::Text("Yishun".to_owned())]);
    }

    #[test]
    fn a_permuted_column_has_the_values_of_other_customers() {
        let table = table(&[("Bedok", "2024-01-03"), ("Yishun", "2024-02-03")]).distinct();
        let permuted = table.permuted(&[vec![1, 0]]);
        assert_eq!(permuted.columns()[0].value(0), table.columns()[0].value(1));
        assert_eq!(permuted.columns()[1].value(0), table.columns()[1].value(0));
    }
}
