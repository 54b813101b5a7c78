//! The reasons for which rows are left out: their names in answers, and their words for people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "reason", content = "column", rename_all = "snake_case")]
pub enum Dropped {
    /// An earlier row is the same in every cell.
    Duplicate,
    /// The row is a total of others, such as `Grand Total`, and no customer.
    Total,
    /// The row is above the header, and looks like a customer.
    AboveHeader,
    /// The row of a text has more cells than the header, so that a value is in more than one cell.
    MoreCells,
    /// A newer row of the same customer counts.
    ReplacedByNewer,
    /// The customer was erased.
    Erased,
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

impl Dropped {
    /// Whether the row is a customer's, and could not be used.
    pub(super) fn is_unusable(&self) -> bool {
        match self {
            Self::Duplicate | Self::Total | Self::ReplacedByNewer | Self::Erased => false,
            Self::AboveHeader
            | Self::MoreCells
            | Self::Missing(_)
            | Self::NotADate(_)
            | Self::InFuture(_)
            | Self::UnknownLevel(_)
            | Self::NotANumber(_) => true,
        }
    }

    /// Whether a later training may use the row, by another schema or on another day.
    pub fn may_count_later(&self) -> bool {
        matches!(self, Self::UnknownLevel(_) | Self::InFuture(_))
    }

    /// The reason as answers and reports write it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Total => "total",
            Self::AboveHeader => "above_header",
            Self::MoreCells => "more_cells",
            Self::ReplacedByNewer => "replaced_by_newer",
            Self::Erased => "erased",
            Self::Missing(_) => "missing",
            Self::NotADate(_) => "not_a_date",
            Self::InFuture(_) => "in_future",
            Self::UnknownLevel(_) => "unknown_level",
            Self::NotANumber(_) => "not_a_number",
        }
    }
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Duplicate => write!(f, "an exact copy of an earlier row"),
            Self::Total => write!(f, "a total of other rows, and no customer"),
            Self::AboveHeader => write!(f, "above the header"),
            Self::MoreCells => write!(f, "more cells than the header"),
            Self::ReplacedByNewer => write!(f, "replaced by a newer row of the same customer"),
            Self::Erased => write!(f, "the customer was erased"),
            Self::Missing(column) => write!(f, "no {column}"),
            Self::NotADate(column) => write!(f, "{column} is not a date"),
            Self::InFuture(column) => write!(f, "{column} is in the future"),
            Self::UnknownLevel(column) => write!(f, "unknown {column}"),
            Self::NotANumber(column) => write!(f, "{column} is not a number"),
        }
    }
}
