//! Customers in a file of our own: the schema's columns as they were cleaned, and what the rows are known by.
//!
//! It is CSV (RFC 4180, UTF-8). The first line has the titles of the schema's columns, then `customer` and `row`:
//! hashes of the customer's identifier and of all cells of the row, as 16 and 32 hex digits, `customer` empty where the
//! row has none. The writer keys the hashes, so that nobody can try identifiers out. Behind the title `customer` is a
//! mark of the key and how many digits the identifiers had that were numbers, as in `customer k:0a1b2c3d 6-3`
//! ([`IdentifierDigits`]); files of earlier versions have no mark. Names are as they were cleaned, levels as the schema
//! has them, days as `2026-03-01`, numbers so that they are read as the same bits.
//!
//! Such a file is written here alone, so it is read in this process. It is cleaned once more all the same: the schema
//! may have changed since. A file that is not as it should be is refused as a whole.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use rustc_hash::FxHashMap;

use super::WorkbookError;
use crate::customer::{
    Cell, Column, CustomerColumn, IdentifierDigits, KeyedTable, Kind, RowKey, Schema, SheetRow, TableBuilder, Value,
    normalize_header,
};

/// What such a file's name ends with.
pub const COLUMNS_EXTENSION: &str = "columns";

/// The last two columns.
const KEYS: [&str; 2] = ["customer", "row"];
/// What the mark of the key begins with.
const MARK: &str = "k:";
/// The longest file, in bytes: a million rows of a schema with many columns.
const MAX_BYTES: u64 = 1 << 30;

/// Why a line is not one of such a file.
#[derive(Debug, thiserror::Error)]
#[error("it is not as it was written")]
struct Changed;

/// The rows of customers in such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsOfCustomers {
    /// Those of each customer, in the customers' order, the titles being row 1.
    Each(Vec<Vec<SheetRow>>),
    /// No row is known by anybody.
    NobodyKnown,
    /// The hashes are of another key, so that nobody can be looked for.
    OfAnotherKey,
}

/// What the title of the customers' hashes says of them.
#[derive(Debug, PartialEq, Eq)]
struct Hashed<'t> {
    /// The mark of the key; `None` in a file of an earlier version.
    mark: Option<&'t str>,
    /// How the identifiers were written.
    digits: IdentifierDigits,
}

impl<'t> Hashed<'t> {
    /// Reads the title; `None` where it is another column's.
    fn read(title: &'t str) -> Option<Self> {
        let [customer, _] = KEYS;
        let mut words = title.split(' ');
        if words.next() != Some(customer) {
            return None;
        }
        let mut words = words.peekable();
        let mark = words.next_if(|word| word.starts_with(MARK));
        let digits = words.next().map_or(Some(IdentifierDigits::default()), |digits| digits.parse().ok())?;
        words.next().is_none().then_some(Self { mark, digits })
    }

    /// The title of hashes by the key of this mark.
    fn title(mark: &str, digits: IdentifierDigits) -> String {
        let [customer, _] = KEYS;
        let digits = if digits.is_empty() { String::new() } else { format!(" {digits}") };
        format!("{customer} {MARK}{mark}{digits}")
    }

    /// Whether the hashes may be by the key of this mark.
    fn may_be_by(&self, mark: &str) -> bool {
        self.mark.and_then(|known| known.strip_prefix(MARK)).is_none_or(|known| known == mark)
    }
}

/// Whether a file's name says that it is one.
pub fn is_columns_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == COLUMNS_EXTENSION)
}

/// Writes the rows of `table` and their keys, which are hashes by the key of this `mark`.
///
/// # Errors
/// Those of `out`.
pub fn write_columns(table: &KeyedTable, mark: &str, out: impl Write) -> io::Result<()> {
    let mut file = ::csv::Writer::from_writer(out);
    let rows = table.table();
    // A training tells a column that the file did not have from one without values.
    let found = &rows.cleaning().columns_used;
    let has = |rules: &Column| rules.required || found.is_empty() || found.contains_key(&rules.title);
    let columns: Vec<(&CustomerColumn, &Column)> =
        rows.columns().iter().zip(&rows.schema().columns).filter(|(_, rules)| has(rules)).collect();
    let [_, row] = KEYS;
    let customer = Hashed::title(mark, rows.cleaning().identifier_digits);
    file.write_record(columns.iter().map(|(_, rules)| rules.title.as_str()).chain([customer.as_str(), row]))?;
    let texts: Vec<Vec<String>> = columns
        .iter()
        .map(|(column, rules)| column.values.iter().map(|value| text_of(value, rules.levels())).collect())
        .collect();
    for (row, key) in table.keys().iter().enumerate() {
        for ((column, _), texts) in columns.iter().zip(&texts) {
            file.write_field(cell_of(column, texts, row))?;
        }
        let customer = if key.is_of_somebody() { format!("{:016x}", key.identity()) } else { String::new() };
        file.write_record([customer, format!("{:032x}", key.hash())])?;
    }
    file.flush()
}

/// Reads the rows that [`write_columns`] has written, by another schema perhaps.
///
/// # Errors
/// [`WorkbookError::Damaged`] where the file is not as it was written, [`WorkbookError::MissingColumns`] where the
/// schema asks for columns that were not kept, [`WorkbookError::Io`].
pub fn read_columns(source: impl Read, schema: &Arc<Schema>, today: Date) -> Result<KeyedTable, WorkbookError> {
    let mut file = ::csv::ReaderBuilder::new().has_headers(false).from_reader(source.take(MAX_BYTES));
    let mut builder = TableBuilder::keyed(schema.clone(), today).of_customers_alone();
    let mut keys = Vec::new();
    let mut kinds: Vec<Option<&Kind>> = Vec::new();
    let mut record = ::csv::StringRecord::new();
    let mut digits = IdentifierDigits::default();
    while file.read_record(&mut record).map_err(unreadable)? {
        if kinds.is_empty() {
            kinds = kinds_of(&record, schema)?;
            digits = hashed_in(&record, kinds.len()).ok_or_else(changed)?.digits;
            let titles: Vec<Cell<'_>> = record.iter().take(kinds.len()).map(Cell::Text).collect();
            builder.push_row(&titles).map_err(WorkbookError::MissingColumns)?;
            continue;
        }
        keys.push(key_of(&record, kinds.len()).ok_or_else(changed)?);
        for (at, (text, kind)) in record.iter().zip(&kinds).enumerate() {
            let cell = match kind {
                // Written so that it is the same number again, whatever the others of the column look like.
                Some(Kind::Number { .. }) if !text.is_empty() => Cell::Number(text.parse().map_err(|_| changed())?),
                _ => Cell::Text(text),
            };
            builder.push_cell(at, cell);
        }
        // A row of empty cells is a row, too: the column that nobody reads keeps it one.
        builder.push_cell(kinds.len(), Cell::Bool(true));
        let row_number = u32::try_from(keys.len() + 1).map_err(|_| changed())?;
        builder.end_row(row_number).map_err(WorkbookError::MissingColumns)?;
    }
    builder.end_sheet().map_err(WorkbookError::MissingColumns)?;
    let table = builder.finish_keyed().with_identifier_digits(digits);
    Ok(table.with_keys(|key| {
        let known = usize::try_from(key.row_number()).ok().and_then(|number| keys.get(number.checked_sub(2)?));
        let (identity, hash) = known.copied().unwrap_or((key.identity(), key.hash()));
        RowKey::new(identity, key.row_number(), hash)
    }))
}

/// Where the rows of each of these customers are, whose hashes are by the key of this `mark`. No schema is asked: a row
/// is its customer's whatever the columns are called today.
///
/// # Errors
/// [`WorkbookError::Damaged`] where the file is not as it was written, [`WorkbookError::Io`].
pub fn rows_of_customers(source: impl Read, customers: &[u64], mark: &str) -> Result<RowsOfCustomers, WorkbookError> {
    let position_of: FxHashMap<u64, usize> = customers.iter().copied().zip(0..).collect();
    let mut rows = vec![Vec::new(); customers.len()];
    let (mut row_number, mut is_anybody_known, mut is_by_this_key) = (0, false, true);
    each_row(source, |key, record| {
        row_number += 1;
        let Some((identity, _)) = key else {
            is_by_this_key = hashed_in(record, n_kept(record)?).is_some_and(|hashed| hashed.may_be_by(mark));
            return Ok(());
        };
        is_anybody_known |= identity != 0;
        if let Some(rows) = position_of.get(&identity).and_then(|&position| rows.get_mut(position)) {
            rows.push(SheetRow { row: row_number, ..SheetRow::default() });
        }
        Ok(())
    })?;
    Ok(match (is_anybody_known, is_by_this_key) {
        (false, _) => RowsOfCustomers::NobodyKnown,
        (true, false) => RowsOfCustomers::OfAnotherKey,
        (true, true) => RowsOfCustomers::Each(rows),
    })
}

/// Copies the file, but for the rows of the customers who are `gone`; returns how many rows are left.
///
/// # Errors
/// As [`rows_of_customers`], and those of `out`.
pub fn copy_columns_without(
    source: impl Read,
    out: impl Write,
    gone: impl Fn(u64) -> bool,
) -> Result<usize, WorkbookError> {
    let mut copy = ::csv::Writer::from_writer(out);
    let mut left = 0;
    each_row(source, |key, record| {
        match key {
            Some((identity, _)) if gone(identity) => return Ok(()),
            Some(_) => left += 1,
            None => {}
        }
        copy.write_record(record).map_err(unreadable)
    })?;
    copy.flush().map_err(|error| WorkbookError::Io(error.into()))?;
    Ok(left)
}

/// Hands over every line: the titles without a key, each row with its own.
fn each_row(
    source: impl Read,
    mut row: impl FnMut(Option<(u64, u128)>, &::csv::StringRecord) -> Result<(), WorkbookError>,
) -> Result<(), WorkbookError> {
    let mut file = ::csv::ReaderBuilder::new().has_headers(false).from_reader(source.take(MAX_BYTES));
    let mut record = ::csv::StringRecord::new();
    let mut n_columns = None;
    while file.read_record(&mut record).map_err(unreadable)? {
        let key = match n_columns {
            None => {
                n_columns = Some(n_kept(&record)?);
                None
            }
            Some(n_columns) => Some(key_of(&record, n_columns).ok_or_else(changed)?),
        };
        row(key, &record)?;
    }
    // Nothing at all is no file of ours.
    if n_columns.is_some() { Ok(()) } else { Err(changed()) }
}

/// What the cells of each kept column mean by the schema; `None` of a column that it does not have.
fn kinds_of<'s>(titles: &::csv::StringRecord, schema: &'s Schema) -> Result<Vec<Option<&'s Kind>>, WorkbookError> {
    let n_columns = n_kept(titles)?;
    let kind = |title: &str| {
        let title = normalize_header(title);
        let has_it = |header: &str| normalize_header(header) == title;
        let column = schema.columns.iter().find(|column| column.headers().any(has_it));
        column.map(|column| &column.kind)
    };
    Ok(titles.iter().take(n_columns).map(kind).collect())
}

/// How many columns were kept, by the first line, which the two of the keys end.
fn n_kept(titles: &::csv::StringRecord) -> Result<usize, WorkbookError> {
    let n_columns = titles.len().checked_sub(KEYS.len()).filter(|&n| n > 0).ok_or_else(changed)?;
    let [_, row] = KEYS;
    if hashed_in(titles, n_columns).is_some() && titles.get(n_columns + 1) == Some(row) {
        Ok(n_columns)
    } else {
        Err(changed())
    }
}

/// What the first line says of the hashes behind `n_columns` titles; `None` where they are something else.
fn hashed_in(titles: &::csv::StringRecord, n_columns: usize) -> Option<Hashed<'_>> {
    titles.get(n_columns).and_then(Hashed::read)
}

/// The customer and the row in a line behind `n_columns` cells.
fn key_of(record: &::csv::StringRecord, n_columns: usize) -> Option<(u64, u128)> {
    let (customer, row) = (record.get(n_columns)?, record.get(n_columns + 1)?);
    let identity = if customer.is_empty() { 0 } else { u64::from_str_radix(customer, 16).ok()? };
    Some((identity, u128::from_str_radix(row, 16).ok()?))
}

fn cell_of<'t>(column: &CustomerColumn, texts: &'t [String], row: usize) -> &'t str {
    let code = column.codes.get(row).and_then(|&code| usize::try_from(code).ok());
    code.and_then(|code| texts.get(code)).map_or("", String::as_str)
}

fn text_of(value: &Value, levels: &[String]) -> String {
    match value {
        Value::Text(name) => name.clone(),
        Value::Level(rank) => levels.get(*rank as usize).cloned().unwrap_or_default(),
        Value::Date(day) => day.to_string(),
        Value::Number(number) => number.to_string(),
        // Only a form has one.
        Value::PartialDate { .. } => String::new(),
    }
}

fn unreadable(error: ::csv::Error) -> WorkbookError {
    match error.into_kind() {
        ::csv::ErrorKind::Io(cause) => WorkbookError::Io(cause.into()),
        _ => changed(),
    }
}

fn changed() -> WorkbookError {
    WorkbookError::Damaged(Changed.into())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2026, 3, 1);

    fn built_in() -> Arc<Schema> {
        Arc::new(Schema::built_in().unwrap())
    }

    fn with_spend() -> Arc<Schema> {
        let json = r#"{"identifier": ["id"], "columns": [
            {"title": "Town", "required": true, "kind": "category", "persona": {"key": "Towns", "top": 1}},
            {"title": "Spend", "required": false, "kind": "number", "persona": {"key": "Spend", "top": 1}},
            {"title": "Plan", "required": true, "kind": "ordinal", "levels": ["Basic, monthly", "Pro"],
             "score_title": "Plan_Score", "persona": {"key": "Plan", "top": 1}}]}"#;
        Arc::new(Schema::from_json(json.as_bytes()).unwrap())
    }

    fn read(schema: &Arc<Schema>, csv: &str) -> KeyedTable {
        let mut builder = TableBuilder::keyed(schema.clone(), TODAY);
        super::super::read_into(
            io::Cursor::new(csv.as_bytes().to_vec()),
            &mut builder,
            &super::super::Limits::default(),
        )
        .unwrap();
        builder.finish_keyed()
    }

    fn written(table: &KeyedTable) -> String {
        let mut bytes = Vec::new();
        write_columns(table, "0a1b2c3d", &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_was_written_is_read_as_the_same_customers_known_by_the_same_keys() {
        let cases = [
            (
                built_in(),
                "Customer ID,Name,Date Joined,Location,Gender,Loyalty Tier\n\
                 C1,Ann,05/03/2024,ang mo kio,F,gold member\nC2,Bob,13/04/2024,\"Bedok, North\",,Silver\n\
                 ,Cid,29/02/2024,Yishun,M,Platinum\nC4,,31/12/2023,東京,女,Gold\n",
            ),
            (
                with_spend(),
                "id,Town,Spend,Plan\n7,Bedok,1.234,Pro\n8,Bedok,\"0.1\",\"basic, monthly\"\n9,Yishun,,Pro\n",
            ),
        ];
        for (schema, csv) in cases {
            let table = read(&schema, csv);
            let text = written(&table);
            assert!(!text.contains("Ann") && !text.contains("C1"), "{text}");
            let again = read_columns(text.as_bytes(), &schema, TODAY).unwrap();
            assert_eq!(again.table().columns(), table.table().columns(), "{text}");
            assert_eq!(again.table().fingerprint(), table.table().fingerprint());
            let known_by = |table: &KeyedTable| -> Vec<_> {
                table.keys().iter().map(|key| (key.identity(), key.hash())).collect()
            };
            assert_eq!(known_by(&again), known_by(&table));
            assert_eq!(written(&again), text);
        }
    }

    #[test]
    fn a_column_that_the_file_did_not_have_is_not_kept_as_one_without_values() {
        let schema = with_spend();
        let text = written(&read(&schema, "id,Town,Plan\n7,Bedok,Pro\n8,Yishun,Pro\n"));
        assert!(text.starts_with("Town,Plan,customer k:0a1b2c3d 0-1,row\n"), "{text}");
        let again = read_columns(text.as_bytes(), &schema, TODAY).unwrap();
        assert_eq!(again.table().n_rows(), 2);
        assert!(!again.table().cleaning().columns_used.contains_key("Spend"));
        assert_eq!(written(&again), text);
    }

    #[test]
    fn rows_that_another_schema_cannot_use_are_dropped_and_the_others_keep_their_keys() {
        let schema = with_spend();
        let table =
            read(&schema, "id,Town,Spend,Plan\n7,Bedok,1,Pro\n8,Yishun,2,\"Basic, monthly\"\n9,Punggol,3,Pro\n");
        let mut narrower = Schema::clone(&schema);
        if let Kind::Ordinal { levels, .. } = &mut narrower.columns[2].kind {
            *levels = vec!["Pro".to_owned(), "Max".to_owned()];
        }
        let again = read_columns(written(&table).as_bytes(), &Arc::new(narrower), TODAY).unwrap();
        let kept: Vec<u64> = again.keys().iter().map(RowKey::identity).collect();
        assert_eq!(kept, [table.keys()[0].identity(), table.keys()[2].identity()]);
        let of_others = read_columns(written(&table).as_bytes(), &built_in(), TODAY);
        assert!(matches!(of_others, Err(WorkbookError::MissingColumns(_))), "{of_others:?}");
    }

    #[test]
    fn a_column_that_has_another_title_by_now_is_found_by_its_old_one_with_the_same_numbers() {
        let schema = with_spend();
        let table = read(&schema, "id,Town,Spend,Plan\n7,Bedok,1.234,Pro\n8,Bedok,0.5,Pro\n");
        let mut renamed = Schema::clone(&schema);
        renamed.columns[1].title = "Yearly Spend".to_owned();
        renamed.columns[1].aliases = vec!["spend".to_owned()];
        let again = read_columns(written(&table).as_bytes(), &Arc::new(renamed), TODAY).unwrap();
        assert_eq!(again.table().columns()[1].values, [Value::Number(1.234), Value::Number(0.5)]);
    }

    #[test]
    fn a_file_that_was_changed_is_refused_as_a_whole() {
        let schema = with_spend();
        let text = written(&read(&schema, "id,Town,Spend,Plan\n7,Bedok,1.5,Pro\n"));
        for changed in [
            text.replace(",row\n", ",rows\n"),
            text.replace(" 0-1,", " 0-x,"),
            text.replace(" k:", " "),
            text.replace(" 0-1,", " 0-1 0-1,"),
            text.replace("1.5", "1.5x"),
            text.replace(",Pro", ",Pro,more"),
            text.trim_end().strip_suffix(|c: char| c.is_ascii_hexdigit()).unwrap().to_owned() + "g",
            "customer,row\n".to_owned(),
        ] {
            let read = read_columns(changed.as_bytes(), &schema, TODAY);
            assert!(matches!(read, Err(WorkbookError::Damaged(_))), "{changed}: {read:?}");
        }
    }
    #[test]
    fn hashes_of_another_key_are_told_apart_and_those_of_an_earlier_version_are_not() {
        let schema = with_spend();
        let table = read(&schema, "id,Town,Spend,Plan\n7,Bedok,1.5,Pro\n8,Bedok,2.5,Pro\n");
        let customer = table.keys()[1].identity();
        let text = written(&table);
        let rows = |text: &str, mark| rows_of_customers(text.as_bytes(), &[customer], mark).unwrap();
        let found = RowsOfCustomers::Each(vec![vec![SheetRow { row: 3, ..SheetRow::default() }]]);
        assert_eq!(rows(&text, "0a1b2c3d"), found);
        assert_eq!(rows(&text, "ffffffff"), RowsOfCustomers::OfAnotherKey);
        let earlier = text.replace(" k:0a1b2c3d", "");
        assert_eq!(rows(&earlier, "ffffffff"), found);
        assert_eq!(read_columns(earlier.as_bytes(), &schema, TODAY).unwrap().keys(), table.keys());
    }
}
