//! What is left of a sheet: the schema's columns, interned, and a count of every row that was dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Schema;

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
    /// A finite number.
    Number(f64),
}

/// What became of the rows of a sheet (or of several): every row is either kept or counted under a reason.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CleaningReport {
    /// Rows below the header that hold anything at all.
    pub rows_read: usize,
    /// Rows left out, by reason.
    pub dropped: BTreeMap<Dropped, usize>,
    /// For each column of the schema that was found, the header it was found by.
    pub columns_used: BTreeMap<String, String>,
}

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// An earlier row is the same in every cell.
    Duplicate,
    /// The required column of this title is empty.
    Missing(String),
    /// The column of this title holds something that is not a date.
    NotADate(String),
    /// The date in the column of this title has not come yet.
    InFuture(String),
    /// The column of this title holds a level that the schema does not know.
    UnknownLevel(String),
    /// The column of this title holds something that is not a number.
    NotANumber(String),
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

impl CleaningReport {
    /// Rows left out for any reason.
    pub fn n_dropped(&self) -> usize {
        self.dropped.values().sum()
    }
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Duplicate => write!(f, "an exact copy of an earlier row"),
            Self::Missing(column) => write!(f, "no {column}"),
            Self::NotADate(column) => write!(f, "{column} is not a date"),
            Self::InFuture(column) => write!(f, "{column} is in the future"),
            Self::UnknownLevel(column) => write!(f, "unknown {column}"),
            Self::NotANumber(column) => write!(f, "{column} is not a number"),
        }
    }
}
