//! Names of tables and columns, from what a person typed to what an engine reads.

use super::Dialect;

/// The longest name, in characters.
const MAX_CHARS: usize = 1_024;
/// DuckDB's functions that read files.
const FILE_FUNCTIONS: [&str; 7] =
    ["read_parquet", "parquet_scan", "read_csv", "read_csv_auto", "read_json", "read_json_auto", "delta_scan"];

/// A table, or in DuckDB files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Table {
    /// A name with the names around it, such as `crm.customers`.
    Named(Vec<String>),
    /// Files that a function of DuckDB reads.
    Files {
        /// The function.
        function: &'static str,
        /// The files, with `*` for several.
        path: String,
    },
}

/// A name that cannot be written in a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// It is empty, too long, or holds a character that the dialect cannot quote.
    #[error("{0:?} cannot be a name in this dialect")]
    Unquotable(String),
    /// It is neither a name nor files that a function reads.
    #[error(
        "{0:?} must be a name such as crm.customers, or in DuckDB files such as read_parquet('customers/*.parquet')"
    )]
    NotATable(String),
}

impl Table {
    /// Reads a table as it is named in a statement: names with dots between them, quoted or not, or in DuckDB one of
    /// its functions that read files, with one text.
    ///
    /// # Errors
    /// [`NameFault::NotATable`] for anything else.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, NameFault> {
        let not_a_table = || NameFault::NotATable(text.to_owned());
        if dialect == Dialect::Duckdb
            && let Some((function, rest)) = text.trim().split_once('(')
        {
            let name = function.trim().to_ascii_lowercase();
            let function = FILE_FUNCTIONS.into_iter().find(|known| *known == name).ok_or_else(not_a_table)?;
            let path = rest.trim_end().strip_suffix(')').map(str::trim);
            let path = path.and_then(|path| path.strip_prefix('\'')?.strip_suffix('\'')).ok_or_else(not_a_table)?;
            let unescaped = path.replace("''", "'");
            if 2 * unescaped.matches('\'').count() != path.matches('\'').count() {
                return Err(not_a_table());
            }
            return Ok(Self::Files { function, path: unescaped });
        }
        let mut names = Vec::new();
        let mut rest = text.trim();
        loop {
            let (name, behind) = first_name(rest).ok_or_else(not_a_table)?;
            names.push(name);
            match behind.strip_prefix('.') {
                Some(next) => rest = next,
                None if behind.is_empty() => return Ok(Self::Named(names)),
                None => return Err(not_a_table()),
            }
        }
    }

    /// The table as a statement names it.
    pub(super) fn quoted(&self, dialect: Dialect) -> Result<String, NameFault> {
        match self {
            Self::Named(names) => {
                let names: Result<Vec<String>, NameFault> = names.iter().map(|name| quoted(name, dialect)).collect();
                Ok(names?.join("."))
            }
            Self::Files { function: "read_csv" | "read_csv_auto", path } => {
                Ok(format!("read_csv({}, header = true, all_varchar = true)", literal(path)?))
            }
            Self::Files { function, path } => Ok(format!("{function}({})", literal(path)?)),
        }
    }
}

/// The first name of names with dots between them, and what is behind it.
fn first_name(text: &str) -> Option<(String, &str)> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '`')) else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        let is_plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
        return is_plain.then(|| (name.to_owned(), rest));
    };
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            name.push(quote);
        } else {
            return Some((name, text.get(at + 1..)?));
        }
    }
    None
}

/// A name as a statement holds it.
pub(super) fn quoted(name: &str, dialect: Dialect) -> Result<String, NameFault> {
    // BigQuery reads escapes between its quotes.
    let is_escape = |c: char| dialect == Dialect::Bigquery && matches!(c, '`' | '\\');
    check(name, is_escape)?;
    let quote = dialect.quote();
    let doubled: String = [quote, quote].iter().collect();
    Ok(format!("{quote}{}{quote}", name.replace(quote, &doubled)))
}

/// A text in DuckDB, which knows no escape but a doubled quote.
fn literal(text: &str) -> Result<String, NameFault> {
    check(text, |_| false)?;
    Ok(format!("'{}'", text.replace('\'', "''")))
}

fn check(name: &str, is_forbidden: impl Fn(char) -> bool) -> Result<(), NameFault> {
    let is_bad = |c: char| c.is_control() || is_forbidden(c);
    if name.trim().is_empty() || name.chars().nth(MAX_CHARS).is_some() || name.chars().any(is_bad) {
        return Err(NameFault::Unquotable(name.chars().take(80).collect()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, dialect: Dialect) -> Option<String> {
        Table::parse(text, dialect).and_then(|table| table.quoted(dialect)).ok()
    }

    #[test]
    fn a_table_is_a_name_with_dots_or_files_that_duckdb_reads() {
        let cases = [
            ("customers", Dialect::Postgres, "\"customers\""),
            ("crm.\"Kunden 1\"", Dialect::Duckdb, "\"crm\".\"Kunden 1\""),
            ("my-project.crm.customers", Dialect::Bigquery, "`my-project`.`crm`.`customers`"),
            ("parquet.`s3://crm/a.parquet`", Dialect::Spark, "`parquet`.`s3://crm/a.parquet`"),
            ("read_parquet('s3://crm/*.parquet')", Dialect::Duckdb, "read_parquet('s3://crm/*.parquet')"),
            ("READ_CSV( 'it''s.csv' )", Dialect::Duckdb, "read_csv('it''s.csv', header = true, all_varchar = true)"),
        ];
        for (text, dialect, expected) in cases {
            assert_eq!(written(text, dialect).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_name_never_becomes_code() {
        let code = [
            "customers; DROP TABLE customers",
            "a b",
            "(SELECT 1)",
            "read_parquet('a') UNION SELECT 1 --')",
            "read_parquet('a', 'b')",
            "read_parquet('a''')'')",
            "getenv('HOME')",
            "\"a\" WHERE 1=1",
            "\"a",
            "a..b",
            "",
        ];
        for text in code {
            for dialect in [Dialect::Duckdb, Dialect::Spark, Dialect::Bigquery, Dialect::Postgres] {
                assert_eq!(written(text, dialect), None, "{text}");
            }
        }
        let hostile = "a\"; DROP TABLE b; --";
        assert_eq!(quoted(hostile, Dialect::Duckdb).unwrap(), "\"a\"\"; DROP TABLE b; --\"");
        assert_eq!(quoted("a`b", Dialect::Spark).unwrap(), "`a``b`");
        assert!(quoted("a\\`b", Dialect::Bigquery).is_err() && quoted("a\nb", Dialect::Spark).is_err());
    }
}
