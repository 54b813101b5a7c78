//! The statements.

use std::collections::BTreeMap;

use super::name::quoted;
use super::{Dialect, NameFault, Table};
use crate::customer::{Column, DatePart, Schema, normalize_header};

/// What the number of a customer's row is called inside a statement, 1 for the newest.
const ROW: &str = "content_portal_row";

/// A table of customers.
#[derive(Debug, Clone)]
pub struct Customers<'a> {
    /// The table.
    pub table: &'a Table,
    /// What the schema's columns are called in it, by title; the others by their titles.
    pub columns: &'a [(String, String)],
    /// How to find the newest of several rows of one customer, if there may be several.
    pub identified: Option<Identified<'a>>,
}

/// How the newest row of a customer is found.
#[derive(Debug, Clone, Copy)]
pub struct Identified<'a> {
    /// The column that tells customers apart. Rows without a value are customers of their own.
    pub by: &'a str,
    /// The column by which a row is newer than another.
    pub newest_by: &'a str,
}

/// Why there is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementFault {
    /// A name cannot be written.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// A column is named that the schema does not have.
    #[error("the schema has no column {0:?}; it has {1}")]
    NoSuchColumn(String, String),
}

/// One expression that is the same for all customers of a profile.
struct Key {
    /// What it is called, quoted.
    name: String,
    /// Made of the customers' table.
    of_customers: String,
    /// Made of the table of segments, which has it under its name.
    of_segments: String,
    is_text: bool,
}

/// The statement that groups `customers` into profiles.
///
/// # Errors
/// [`StatementFault`].
pub fn group(schema: &Schema, customers: &Customers<'_>, dialect: Dialect) -> Result<String, StatementFault> {
    let keys = keys(schema, customers, dialect, "")?;
    let selected: Vec<String> = keys.iter().map(|key| format!("  {} AS {}", key.of_customers, key.name)).collect();
    let positions: Vec<String> = (1..=keys.len()).map(|position| position.to_string()).collect();
    let table = customers.table.quoted(dialect)?;
    let count = quoted("customers", dialect)?;
    let mut statement = format!("SELECT\n{},\n  COUNT(*) AS {count}\n", selected.join(",\n"));
    match customers.identified {
        None => statement += &format!("FROM {table}\n"),
        Some(Identified { by, newest_by }) => {
            // An empty identifier is none: those customers are not one.
            let (by, newest_by) = (dialect.text(&quoted(by, dialect)?), quoted(newest_by, dialect)?);
            // Of rows that are equally new always the same one.
            let ties: Vec<String> = keys.iter().map(|key| key.of_customers.clone()).collect();
            statement += &format!(
                "FROM (\n  SELECT *, ROW_NUMBER() OVER (\n    PARTITION BY {by} ORDER BY {newest_by} DESC NULLS LAST, {}\n  \
                 ) AS {ROW}\n  FROM {table}\n) AS newest\nWHERE {ROW} = 1 OR {by} IS NULL\n",
                ties.join(", ")
            );
        }
    }
    statement += &format!("GROUP BY {}", positions.join(", "));
    Ok(statement)
}

/// The statement that selects every row of `customers` with its segment, from a table of the profiles' segments.
///
/// # Errors
/// [`StatementFault`].
pub fn join(
    schema: &Schema,
    customers: &Customers<'_>,
    segments: &Table,
    dialect: Dialect,
) -> Result<String, StatementFault> {
    let keys = keys(schema, customers, dialect, "c.")?;
    let name = |name: &str| quoted(name, dialect);
    let added = [
        ("cluster_id", dialect.whole(&name("cluster_id")?)),
        ("strength", dialect.real(&name("strength")?)),
        ("nearest_id", dialect.whole(&name("nearest_id")?)),
        ("is_new", dialect.boolean(&name("is_new")?)),
        ("row_fault", dialect.text(&name("row_fault")?)),
    ];
    let mut inner: Vec<String> = Vec::new();
    let mut outer: Vec<String> = vec!["  c.*".to_owned()];
    let mut conditions: Vec<String> = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        inner.push(format!("    {} AS key_{index}", key.of_segments));
        conditions.push(dialect.same(&key.of_customers, &format!("s.key_{index}"), key.is_text));
    }
    for (title, expression) in added {
        inner.push(format!("    {expression} AS {}", name(title)?));
        outer.push(format!("  s.{}", name(title)?));
    }
    // A profile that came back twice must not double its customers.
    Ok(format!(
        "SELECT\n{}\nFROM {} AS c\nLEFT JOIN (\n  SELECT DISTINCT\n{}\n  FROM {}\n) AS s\nON {}",
        outer.join(",\n"),
        customers.table.quoted(dialect)?,
        inner.join(",\n"),
        segments.quoted(dialect)?,
        conditions.join("\n  AND ")
    ))
}

/// The keys of a profile. `prefix` is what the customers' columns are reached by.
fn keys(
    schema: &Schema,
    customers: &Customers<'_>,
    dialect: Dialect,
    prefix: &str,
) -> Result<Vec<Key>, StatementFault> {
    let names = names(schema, customers.columns)?;
    let mut keys = Vec::new();
    for column in &schema.columns {
        let own = names.get(column.title.as_str()).copied().unwrap_or(&column.title);
        let own = format!("{prefix}{}", quoted(own, dialect)?);
        keys.extend(keys_of(column, &own, dialect)?);
    }
    Ok(keys)
}

/// The keys that the column `own` of the customers' table yields.
fn keys_of(column: &Column, own: &str, dialect: Dialect) -> Result<Vec<Key>, StatementFault> {
    let parts = column.part_titles();
    if parts.is_empty() {
        let name = quoted(&column.title, dialect)?;
        let (of_customers, of_segments) = (dialect.text(own), dialect.text(&name));
        return Ok(vec![Key { name, of_customers, of_segments, is_text: true }]);
    }
    let key = |(part, title): (DatePart, &str)| {
        let part = match part {
            DatePart::Year => "YEAR",
            DatePart::Month => "MONTH",
            DatePart::Quarter => "QUARTER",
        };
        let name = quoted(title, dialect)?;
        let (of_customers, of_segments) = (dialect.part(part, own), dialect.whole(&name));
        Ok(Key { name, of_customers, of_segments, is_text: false })
    };
    parts.into_iter().map(key).collect()
}

/// The names in the table, by title. A column may be given by any of its names.
fn names<'a>(
    schema: &'a Schema,
    columns: &'a [(String, String)],
) -> Result<BTreeMap<&'a str, &'a str>, StatementFault> {
    let mut names = BTreeMap::new();
    for (wanted, name) in columns {
        let normal = normalize_header(wanted);
        let is_wanted = |column: &&Column| column.headers().any(|header| normalize_header(header) == normal);
        let column = schema.columns.iter().find(is_wanted).ok_or_else(|| {
            let titles: Vec<&str> = schema.columns.iter().map(|column| column.title.as_str()).collect();
            StatementFault::NoSuchColumn(wanted.clone(), titles.join(", "))
        })?;
        names.insert(column.title.as_str(), name.as_str());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(dialect: Dialect) -> (String, String) {
        let schema = Schema::built_in().unwrap();
        let (table, segments) = (Table::parse("crm.customers", dialect), Table::parse("segments", dialect));
        let columns = [("tier".to_owned(), "level".to_owned())];
        let identified = Some(Identified { by: "id", newest_by: "seen" });
        let table = table.unwrap();
        let customers = Customers { table: &table, columns: &columns, identified };
        let grouped = group(&schema, &customers, dialect).unwrap();
        (grouped, join(&schema, &customers, &segments.unwrap(), dialect).unwrap())
    }

    #[test]
    fn the_statements_of_each_dialect_are_as_documented() {
        for (dialect, name) in [
            (Dialect::Duckdb, "duckdb"),
            (Dialect::Spark, "spark"),
            (Dialect::Bigquery, "bigquery"),
            (Dialect::Postgres, "postgres"),
        ] {
            let (group, join) = statements(dialect);
            insta::assert_snapshot!(format!("{name}_group"), group);
            insta::assert_snapshot!(format!("{name}_join"), join);
        }
    }

    #[test]
    fn a_column_that_the_schema_does_not_have_is_refused() {
        let schema = Schema::built_in().unwrap();
        let table = Table::parse("customers", Dialect::Duckdb).unwrap();
        let columns = [("Shoe Size".to_owned(), "size".to_owned())];
        let customers = Customers { table: &table, columns: &columns, identified: None };
        let error = group(&schema, &customers, Dialect::Duckdb).unwrap_err();
        assert!(matches!(error, StatementFault::NoSuchColumn(..)), "{error}");
    }
}
