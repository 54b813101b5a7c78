//! What a report of the cleaning names: rows, values, and how a column was read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::DateOrder;

/// Where a row is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct SheetRow {
    /// Its number as the sheet shows it, counted from 1.
    #[schema(example = 7)]
    pub row: u32,
    /// The name of its sheet, where its workbook has several; empty otherwise.
    #[schema(example = "January")]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sheet: String,
    /// The label of its file, where several were read; empty otherwise.
    #[schema(example = "2026-01-01/customers.xlsx")]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// In which order a column's dates were read, where that mattered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ColumnDates {
    /// The column's title.
    #[schema(example = "Date Joined")]
    pub column: String,
    /// What comes first in dates such as 03/05/2024.
    pub order: DateOrder,
    /// What the order follows from.
    pub decided_by: DecidedBy,
    /// The labels of the first five files that were read so, where several were read.
    #[schema(example = json!(["2026-01-01/customers.csv"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// What the order of a column's dates follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DateOrderDecidedBy)]
pub enum DecidedBy {
    /// Other dates of the column, which can be read in one order alone.
    Values,
    /// The header, such as `Joined (mm/dd/yyyy)`.
    Header,
    /// The schema's `order`.
    Schema,
    /// Nothing: the likelier order is assumed, which is day first as a rule. A note says so.
    Assumed,
}

/// Cells of an optional column that held something that cannot be used; their rows count as without a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unusable {
    /// How many rows.
    pub rows: usize,
    /// How many of them hold a date that has not come yet.
    pub in_future: usize,
    /// The first few of them.
    pub first: Vec<SheetRow>,
}

/// A value with the rows that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValueRows {
    /// The spelling that came first.
    #[schema(example = "Bronze")]
    pub value: String,
    /// How many rows have it.
    #[schema(example = 3)]
    pub rows: usize,
}
