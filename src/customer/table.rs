//! What is left of a sheet: the schema's columns, interned, with the report of their cleaning.

use std::cmp::Ordering;
use std::sync::Arc;

use rayon::slice::ParallelSliceMut;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::schema::{DateFeature, Kind};
use super::{BrokenTable, CleaningReport, MISSING, Origins, Schema, Value};

/// Customers, as dictionary-encoded columns in the schema's order: one a row, or as many as the row stands for.
///
/// Invariants: every column has `n_rows` codes, each either [`MISSING`] or a position in that column's `values`;
/// only optional columns hold [`MISSING`]; where rows have weights there is one a row, 1 or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomerTable {
    pub(super) schema: Arc<Schema>,
    pub(super) columns: Vec<CustomerColumn>,
    pub(super) n_rows: usize,
    /// How many customers each row stands for; `None` where each is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) weights: Option<Vec<u32>>,
    pub(super) cleaning: CleaningReport,
    /// Where the rows are, where somebody asked; never written down.
    #[serde(skip)]
    pub(super) origins: Option<Origins>,
}

/// One column: its distinct values in order of first appearance, and for each row which of them it has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomerColumn {
    /// The distinct values.
    pub values: Vec<Value>,
    /// For each row a position in `values`, or [`MISSING`].
    pub codes: Vec<u32>,
}

impl CustomerTable {
    /// The schema the rows were read by.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The columns, in the schema's order.
    pub fn columns(&self) -> &[CustomerColumn] {
        &self.columns
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// How many customers there are.
    pub fn n_customers(&self) -> u64 {
        self.weights.as_ref().map_or(self.n_rows as u64, |weights| weights.iter().map(|&n| u64::from(n)).sum())
    }

    /// How many customers a row stands for, row by row.
    pub fn weights(&self) -> impl Iterator<Item = u32> {
        let weights = self.weights.as_deref();
        (0..self.n_rows).map(move |row| weights.map_or(1, |weights| weights.get(row).copied().unwrap_or(1)))
    }

    /// The table with a number of customers for each row.
    ///
    /// # Errors
    /// [`BrokenTable`] unless there is one number a row, each 1 or more.
    pub fn with_weights(self, weights: Vec<u32>) -> Result<Self, BrokenTable> {
        if weights.len() != self.n_rows || weights.contains(&0) {
            return Err(BrokenTable("not one number of customers a row, each 1 or more"));
        }
        Ok(Self { weights: Some(weights), ..self })
    }

    /// The table with other columns; each has as many rows.
    pub(crate) fn with_columns(&self, columns: Vec<CustomerColumn>) -> Self {
        Self { columns, ..self.clone() }
    }

    /// A table of these rows alone, in this order, one customer each, with of each day its year and month alone. Rows
    /// that do not exist are passed over; nothing is said of the cleaning.
    pub fn excerpt(&self, rows: &[usize]) -> Self {
        let rows: Vec<usize> = rows.iter().copied().filter(|&row| row < self.n_rows).collect();
        let coarse = |value: &Value| match value {
            Value::Date(day) => Value::year_and_month(*day),
            Value::PartialDate { year, quarter, month, .. } => Value::partial(*year, *quarter, *month),
            other => other.clone(),
        };
        let columns = self.columns.iter().map(|column| {
            let codes = rows.iter().map(|&row| column.codes.get(row).copied().unwrap_or(MISSING)).collect();
            let mut column = CustomerColumn { values: column.values.clone(), codes }.keep(&vec![true; rows.len()]);
            column.values.iter_mut().for_each(|value| *value = coarse(value));
            column.merged(rows.len())
        });
        let (schema, columns) = (self.schema.clone(), columns.collect());
        let cleaning = CleaningReport::default();
        Self { schema, columns, n_rows: rows.len(), weights: None, cleaning, origins: None }
    }

    /// The order of two rows by their values, column by column.
    pub(crate) fn compare_rows(&self, a: usize, b: usize) -> Ordering {
        let orders = self.columns.iter().map(|column| match (column.value(a), column.value(b)) {
            (Some(a), Some(b)) => a.total_order(b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        orders.fold(Ordering::Equal, Ordering::then)
    }

    /// Whether every column has a code for every row: a table from outside may not.
    pub fn is_whole(&self) -> bool {
        self.columns.len() == self.schema.columns.len()
            && self.columns.iter().all(|column| column.codes.len() == self.n_rows)
    }

    /// What tells these customers from others: 32 hex digits that are the same for the same customers in any order, a
    /// row each or several in one. Of a day counts what the schema learns from.
    pub fn fingerprint(&self) -> String {
        let columns = self.columns.iter().zip(&self.schema.columns);
        let hashes_of_values = columns.map(|(column, rules)| match &rules.kind {
            Kind::Date { parts, .. } => column.values.iter().map(|day| hash_of_parts(day, parts)).collect(),
            Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => {
                column.values.iter().map(Value::hash).collect()
            }
        });
        let hashes_of_values: Vec<Vec<u128>> = hashes_of_values.collect();
        let mut row = Vec::with_capacity(16 * self.columns.len());
        let mut rows: Vec<(u128, u64)> = (0..self.n_rows)
            .zip(self.weights())
            .map(|(n, customers)| {
                row.clear();
                for (column, hashes) in self.columns.iter().zip(&hashes_of_values) {
                    let code = column.codes.get(n).and_then(|&code| usize::try_from(code).ok());
                    let hash = code.and_then(|code| hashes.get(code)).copied().unwrap_or_default();
                    row.extend_from_slice(&hash.to_le_bytes());
                }
                (xxh3_128(&row), u64::from(customers))
            })
            .collect();
        rows.par_sort_unstable();
        rows.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            kept.1 += if is_same { later.1 } else { 0 };
            is_same
        });
        let bytes = |(row, customers): &(u128, u64)| row.to_le_bytes().into_iter().chain(customers.to_le_bytes());
        format!("{:032x}", xxh3_128(&rows.iter().flat_map(bytes).collect::<Vec<u8>>()))
    }

    /// The table with where its rows stand.
    ///
    /// # Errors
    /// [`BrokenTable`] unless there is an origin for each row.
    pub fn with_origins(self, origins: Origins) -> Result<Self, BrokenTable> {
        if origins.rows().len() != self.n_rows {
            return Err(BrokenTable("not one origin a row"));
        }
        Ok(Self { origins: Some(origins), ..self })
    }

    /// Where the rows are; `None` where nobody asked for it.
    pub fn origins(&self) -> Option<&Origins> {
        self.origins.as_ref()
    }

    /// What was kept and what was dropped.
    pub fn cleaning(&self) -> &CleaningReport {
        &self.cleaning
    }
}

/// What tells days apart of which the schema learns these parts.
fn hash_of_parts(day: &Value, parts: &[DateFeature]) -> u128 {
    let parts: Vec<Option<i64>> = parts.iter().map(|part| part.part.of(day)).collect();
    xxh3_128(format!("{parts:?}").as_bytes())
}

impl CustomerColumn {
    /// The column of the rows for which `stands` is true, with the values that they have, in order of first appearance.
    pub(super) fn keep(&self, stands: &[bool]) -> Self {
        let mut new_code = vec![MISSING; self.values.len()];
        let mut kept = Self::default();
        for (&code, _) in self.codes.iter().zip(stands).filter(|&(_, &stands)| stands) {
            let code = match new_code.get_mut(code as usize) {
                None => MISSING,
                Some(new) => {
                    if *new == MISSING {
                        *new = u32::try_from(kept.values.len()).unwrap_or(MISSING);
                        kept.values.extend(self.values.get(code as usize).cloned());
                    }
                    *new
                }
            };
            kept.codes.push(code);
        }
        kept
    }

    /// The column of `n_rows` rows in which equal values are one, in order of first appearance.
    fn merged(self, n_rows: usize) -> Self {
        let mut merged = self;
        let mut first_of: Vec<u32> = Vec::with_capacity(merged.values.len());
        for (code, value) in (0_u32..).zip(&merged.values) {
            let same = merged.values.iter().position(|other| other == value);
            first_of.push(same.and_then(|same| u32::try_from(same).ok()).unwrap_or(code));
        }
        for code in &mut merged.codes {
            *code = first_of.get(*code as usize).copied().unwrap_or(*code);
        }
        merged.keep(&vec![true; n_rows])
    }

    /// The value of row `row`; `None` where the row has none or there is no such row.
    pub fn value(&self, row: usize) -> Option<&Value> {
        self.values.get(usize::try_from(*self.codes.get(row)?).ok()?)
    }
}
