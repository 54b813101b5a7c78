//! How the engines differ: quotes, types, and what they make of text that is not a date.

use std::str::FromStr;

/// An engine's SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// DuckDB.
    Duckdb,
    /// Apache Spark 3.5 and later.
    Spark,
    /// Google BigQuery.
    Bigquery,
    /// PostgreSQL.
    Postgres,
}

/// Text that names no dialect.
#[derive(Debug, thiserror::Error)]
#[error("it must be duckdb, spark, bigquery or postgres")]
pub struct UnknownDialect;

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "duckdb" => Ok(Self::Duckdb),
            "spark" => Ok(Self::Spark),
            "bigquery" => Ok(Self::Bigquery),
            "postgres" => Ok(Self::Postgres),
            _ => Err(UnknownDialect),
        }
    }
}

impl Dialect {
    /// The character around a name.
    pub(super) fn quote(self) -> char {
        match self {
            Self::Duckdb | Self::Postgres => '"',
            Self::Spark | Self::Bigquery => '`',
        }
    }

    /// Text of a column: without blanks around it, and nothing for empty text, since files do not tell the two apart.
    pub(super) fn text(self, column: &str) -> String {
        let kind = match self {
            Self::Duckdb => "VARCHAR",
            Self::Spark | Self::Bigquery => "STRING",
            Self::Postgres => "TEXT",
        };
        format!("NULLIF(TRIM(CAST({column} AS {kind})), '')")
    }

    /// A part of the date in a column, such as `YEAR`; nothing for a date in the future, and for text that is not a
    /// date. PostgreSQL ends with an error at such text.
    pub(super) fn part(self, part: &str, column: &str) -> String {
        let day = match self {
            Self::Duckdb | Self::Spark => format!("TRY_CAST({column} AS DATE)"),
            Self::Bigquery => format!("SAFE_CAST({column} AS DATE)"),
            Self::Postgres => format!("CAST({column} AS DATE)"),
        };
        let part = self.whole(&format!("EXTRACT({part} FROM {day})"));
        // '-infinity' has no year, and would end the statement.
        let finite = if self == Self::Postgres { format!("ISFINITE({day}) AND ") } else { String::new() };
        format!("CASE WHEN {finite}{day} <= CURRENT_DATE THEN {part} END")
    }

    /// A whole number.
    pub(super) fn whole(self, expression: &str) -> String {
        let kind = match self {
            Self::Duckdb | Self::Postgres => "INTEGER",
            Self::Spark => "INT",
            Self::Bigquery => "INT64",
        };
        format!("CAST({expression} AS {kind})")
    }

    /// A number of single precision.
    pub(super) fn real(self, expression: &str) -> String {
        let kind = match self {
            Self::Duckdb | Self::Postgres => "REAL",
            Self::Spark => "FLOAT",
            Self::Bigquery => "FLOAT64",
        };
        format!("CAST({expression} AS {kind})")
    }

    /// True or false.
    pub(super) fn boolean(self, expression: &str) -> String {
        let kind = if self == Self::Bigquery { "BOOL" } else { "BOOLEAN" };
        format!("CAST({expression} AS {kind})")
    }

    /// Whether two expressions are the same, where nothing is the same as nothing. PostgreSQL joins by hash only where
    /// it sees an equality, so there it is one, with what no cell holds in place of nothing.
    pub(super) fn same(self, a: &str, b: &str, is_text: bool) -> String {
        match self {
            Self::Duckdb | Self::Bigquery => format!("{a} IS NOT DISTINCT FROM {b}"),
            Self::Spark => format!("{a} <=> {b}"),
            Self::Postgres => {
                let nothing = if is_text { "''" } else { "-1" };
                format!("COALESCE({a}, {nothing}) = COALESCE({b}, {nothing})")
            }
        }
    }
}
