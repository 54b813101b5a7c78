//! Customers in a file of our own: the schema's columns as they were cleaned, and what the rows are known by.
//!
//! It is CSV (RFC 4180, UTF-8). The first line has the titles of the schema's columns, then `customer` and `row`:
//! hashes of the customer's identifier and of all cells of the row, as 16 and 32 hex digits, `customer` empty where the
//! row has none. The writer keys the hashes, so that nobody can try identifiers out. Behind the title `customer`, as in
//! `customer k:0a1b2c3d e:1,3 6-3`, are a mark of the key, how many rows each customer had who was erased, so that the
//! others' identifiers are judged as before, and how many digits the identifiers had that were numbers
//! (`IdentifierDigits`). Files of earlier versions have no mark. Names are as they were cleaned, levels as the schema
//! has them, days as `2026-03-01`, numbers so that they are read as the same bits.
//!
//! Such a file is written here alone, so it is read in this process. It is cleaned once more all the same: the schema
//! may have changed since. A file that is not as it should be is refused as a whole.

mod lines;

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use rustc_hash::FxHashMap;

use self::lines::{Lines, Titles, changed, unreadable};
use super::WorkbookError;
use crate::customer::{
    Believed, Cell, Column, CustomerColumn, KeyedTable, Kind, RowKey, Schema, SheetRow, TableBuilder, Value,
    normalize_header,
};

/// What such a file's name ends with.
pub const COLUMNS_EXTENSION: &str = "columns";

/// The rows of customers in such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsOfCustomers {
    /// Those of each customer, in the customers' order.
    Each(Vec<RowsOfCustomer>),
    /// There are rows, and none is anybody's.
    NobodyKnown,
    /// The hashes are of another key, so that nobody can be looked for.
    OfAnotherKey,
}

/// The rows that one customer's hash has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsOfCustomer {
    /// The rows, the titles being row 1.
    pub rows: Vec<SheetRow>,
    /// Whether the hash is one customer's, and not that of a branch or a placeholder.
    pub is_believed: bool,
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
    let titles = columns.iter().map(|(_, rules)| rules.title.as_str());
    let (digits, erased) = (rows.cleaning().identifier_digits, table.erased().to_vec());
    let of_hashes = Titles { n_columns: columns.len(), digits, mark: Some(mark.to_owned()), erased }.of_hashes();
    file.write_record(titles.chain(of_hashes.iter().map(String::as_str)))?;
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
    let mut lines = Lines::open(source)?;
    let kinds = kinds_of(&lines, schema);
    let mut builder = TableBuilder::keyed(schema.clone(), today).of_customers_alone();
    let titles: Vec<Cell<'_>> = lines.line().iter().take(kinds.len()).map(Cell::Text).collect();
    builder.push_row(&titles).map_err(WorkbookError::MissingColumns)?;
    let mut keys = Vec::new();
    while let Some(key) = lines.next_row()? {
        keys.push(key);
        for (at, (text, kind)) in lines.line().iter().zip(&kinds).enumerate() {
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
    let Titles { digits, erased, .. } = lines.titles;
    let table = builder.finish_keyed().with_identifier_digits(digits).with_erased(erased);
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
    let mut lines = Lines::open(source)?;
    let mut found = vec![RowsOfCustomer::default(); customers.len()];
    let mut known = Vec::new();
    let mut row_number = 1;
    while let Some((customer, hash)) = lines.next_row()? {
        row_number += 1;
        known.extend((customer != 0).then_some((customer, hash)));
        if let Some(found) = position_of.get(&customer).and_then(|&position| found.get_mut(position)) {
            found.rows.push(SheetRow { row: row_number, ..SheetRow::default() });
        }
    }
    let (has_rows, is_anybody_known) = (row_number > 1, !known.is_empty());
    let believed = Believed::of(known.into_iter(), &lines.titles.erased);
    for (found, &customer) in found.iter_mut().zip(customers) {
        found.is_believed = believed.is_customer(customer);
    }
    Ok(match (is_anybody_known, lines.titles.may_be_by(mark)) {
        (false, _) if has_rows => RowsOfCustomers::NobodyKnown,
        (true, false) => RowsOfCustomers::OfAnotherKey,
        (false, _) | (true, true) => RowsOfCustomers::Each(found),
    })
}

/// Copies the file that `open` opens, but for the rows of customers who were erased; returns how many rows are left.
/// A hash that many rows share is no customer's, and its rows stay.
///
/// # Errors
/// As [`rows_of_customers`], and those of `out`.
pub fn copy_columns_without<R: Read>(
    open: impl Fn() -> io::Result<R>,
    out: impl Write,
    is_erased: impl Fn(u64) -> bool,
) -> Result<usize, WorkbookError> {
    let lines = || Lines::open(open().map_err(|error| WorkbookError::Io(error.into()))?);
    let mut first = lines()?;
    let mut known = Vec::new();
    while let Some((customer, hash)) = first.next_row()? {
        known.extend((customer != 0).then_some((customer, hash)));
    }
    let believed = Believed::of(known.into_iter(), &first.titles.erased);
    let mut lines = lines()?;
    lines.titles.erased.extend(believed.erased_rows(&is_erased));
    let mut copy = ::csv::Writer::from_writer(out);
    let (titles, of_hashes) = (lines.line().iter().take(lines.titles.n_columns), lines.titles.of_hashes());
    copy.write_record(titles.chain(of_hashes.iter().map(String::as_str))).map_err(unreadable)?;
    let mut left = 0;
    while let Some((customer, _)) = lines.next_row()? {
        if !(is_erased(customer) && believed.is_customer(customer)) {
            left += 1;
            copy.write_record(lines.line()).map_err(unreadable)?;
        }
    }
    copy.flush().map_err(|error| WorkbookError::Io(error.into()))?;
    Ok(left)
}

/// What the cells of each kept column mean by the schema; `None` of a column that it does not have.
fn kinds_of<'s, R: Read>(lines: &Lines<R>, schema: &'s Schema) -> Vec<Option<&'s Kind>> {
    let kind = |title: &str| {
        let title = normalize_header(title);
        let has_it = |header: &str| normalize_header(header) == title;
        let column = schema.columns.iter().find(|column| column.headers().any(has_it));
        column.map(|column| &column.kind)
    };
    lines.line().iter().take(lines.titles.n_columns).map(kind).collect()
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
        let row = SheetRow { row: 3, ..SheetRow::default() };
        let found = RowsOfCustomers::Each(vec![RowsOfCustomer { rows: vec![row], is_believed: true }]);
        assert_eq!(rows(&text, "0a1b2c3d"), found);
        assert_eq!(rows(&text, "ffffffff"), RowsOfCustomers::OfAnotherKey);
        let titles = text.split_inclusive('\n').next().unwrap();
        assert_eq!(
            rows(titles, "0a1b2c3d"),
            RowsOfCustomers::Each(vec![RowsOfCustomer::default()]),
            "where nobody is, nobody is missed"
        );
        let earlier = text.replace(" k:0a1b2c3d", "");
        assert_eq!(rows(&earlier, "ffffffff"), found);
        assert_eq!(read_columns(earlier.as_bytes(), &schema, TODAY).unwrap().keys(), table.keys());
    }

    #[test]
    fn who_is_erased_changes_nothing_of_what_the_other_identifiers_are_worth() {
        let schema = with_spend();
        let rows = (0..300).map(|row| format!("C{},Bedok,{row},Pro\n", row % 100)).collect::<String>();
        let table = read(&schema, &format!("id,Town,Spend,Plan\n{rows}"));
        let gone = table.keys()[0].identity();
        let text = written(&table);
        let mut copy = Vec::new();
        let left = copy_columns_without(|| Ok(text.as_bytes()), &mut copy, |customer| customer == gone).unwrap();
        let copy = String::from_utf8(copy).unwrap();
        assert!(left == 297 && copy.starts_with("Town,Spend,Plan,customer k:0a1b2c3d e:3,row\n"), "{copy:.60}");
        let again = read_columns(copy.as_bytes(), &schema, TODAY).unwrap();
        assert_eq!((again.erased(), written(&again)), ([3].as_slice(), copy.clone()));
        let other = table.keys()[1].identity();
        let RowsOfCustomers::Each(found) = rows_of_customers(copy.as_bytes(), &[other], "0a1b2c3d").unwrap() else {
            panic!("{copy}")
        };
        assert!(found[0].is_believed && found[0].rows.len() == 3, "{found:?}");
        let of_branches = text.replace(&format!("{other:016x}"), &format!("{gone:016x}"));
        let left =
            copy_columns_without(|| Ok(of_branches.as_bytes()), Vec::new(), |customer| customer == gone).unwrap();
        assert_eq!(left, 300, "99 values in 300 rows are nobody's");
    }
}
