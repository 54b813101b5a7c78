//! What is left of a sheet: the schema's columns, interned, with the report of their cleaning.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{CleaningReport, Schema};

/// The code of an optional value that a row does not have.
pub const MISSING: u32 = u32::MAX;

/// Customers, one row each, as dictionary-encoded columns in the schema's order.
///
/// Invariants: every column has `n_rows` codes, each either [`MISSING`] or a position in that column's `values`;
/// only optional columns hold [`MISSING`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomerTable {
    pub(super) schema: Arc<Schema>,
    pub(super) columns: Vec<CustomerColumn>,
    pub(super) n_rows: usize,
    pub(super) cleaning: CleaningReport,
}

/// One column: its distinct values in order of first appearance, and for each row which of them it has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomerColumn {
    /// The distinct values.
    pub values: Vec<Value>,
    /// For each row a position in `values`, or [`MISSING`].
    pub codes: Vec<u32>,
}

/// A cleaned cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A category's name, trimmed and title-cased.
    Text(String),
    /// The position of an ordinal's level in the schema, counted from 0.
    Level(u32),
    /// A day, never in the future.
    Date(Date),
    /// What a form says of a day; never read from a sheet.
    PartialDate {
        /// The year, if it is known.
        year: Option<i16>,
        /// The month, 1 to 12, if it is known.
        month: Option<i8>,
    },
    /// A finite number.
    Number(f64),
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

    /// How many customers there are.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What was kept and what was dropped.
    pub fn cleaning(&self) -> &CleaningReport {
        &self.cleaning
    }
}

impl CustomerColumn {
    /// The value of row `row`; `None` where the row has none or there is no such row.
    pub fn value(&self, row: usize) -> Option<&Value> {
        self.values.get(usize::try_from(*self.codes.get(row)?).ok()?)
    }
}
