//! Tables whose parts come from elsewhere, believed only once every promise of [`CustomerTable`] has been looked at.

use std::sync::Arc;

use jiff::civil::Date;

use super::clean::MAX_NUMBER;
use super::is_invisible;
use super::note::{MAX_NOTES, is_sayable};
use super::report::NAMED_ROWS;
use super::schema::{Column, Kind};
use super::sheet::tidy;
use super::text::MAX_VALUE_CHARS;
use super::{
    BrokenTable, CleaningReport, ColumnDates, CustomerColumn, CustomerTable, Dropped, MISSING, Note, Schema,
    SheetReport, Value, ValueRows,
};

/// The longest header that a report repeats, in bytes.
const MAX_HEADER_BYTES: usize = 256;
/// The longest level that a report repeats, in bytes.
const MAX_LEVEL_BYTES: usize = 160;
/// Orders of dates that a report names at most: a few a column.
const MAX_DATES: usize = 1_024;
/// The longest name of an encoding, in bytes.
const MAX_NAME_BYTES: usize = 40;
/// Codes of a column that are looked at together.
const CODES_AT_ONCE: usize = 4_096;

impl CustomerTable {
    /// A table of these columns, in the schema's order, that was read on the day `today`.
    ///
    /// # Errors
    /// [`BrokenTable`] unless there is one column for each of the schema's, all of the same length; every code is a
    /// position in its column's values, or [`MISSING`] in an optional column; every value is one that cleaning makes
    /// for the column's kind; and the report accounts for every row and names the schema's columns alone.
    pub fn checked(
        schema: Arc<Schema>,
        columns: Vec<CustomerColumn>,
        cleaning: CleaningReport,
        today: Date,
    ) -> Result<Self, BrokenTable> {
        let n_rows = columns.first().map_or(0, |column| column.codes.len());
        if columns.len() != schema.columns.len() || columns.iter().any(|column| column.codes.len() != n_rows) {
            return Err(BrokenTable("columns are missing or of different lengths"));
        }
        for (column, rules) in columns.iter().zip(&schema.columns) {
            check_column(column, rules, today)?;
        }
        check_report(&cleaning, &schema, n_rows)?;
        Ok(Self { schema, columns, n_rows, weights: None, cleaning, origins: None })
    }
}

impl Column {
    /// Whether cleaning could have made this value for the column on the day `today`; it is short, then.
    pub fn can_hold(&self, value: &Value, today: Date) -> bool {
        match (value, &self.kind) {
            (Value::Text(name), Kind::Category { .. }) => {
                !name.is_empty() && !name.chars().any(is_invisible) && name.chars().nth(MAX_VALUE_CHARS).is_none()
            }
            (Value::Level(rank), Kind::Ordinal { levels, .. }) => (*rank as usize) < levels.len(),
            (Value::Date(day), Kind::Date { .. }) => *day <= self.last_day(today),
            (Value::Number(number), Kind::Number { .. }) => number.abs() <= MAX_NUMBER,
            _ => false,
        }
    }
}

fn check_column(column: &CustomerColumn, rules: &Column, today: Date) -> Result<(), BrokenTable> {
    let n_values = u32::try_from(column.values.len()).unwrap_or(u32::MAX);
    let is_code = |code: u32| (code < n_values) | ((code == MISSING) & !rules.required);
    // Without a way out among them the processor looks at several at once.
    let are_codes = |codes: &[u32]| codes.iter().fold(true, |are, &code| are & is_code(code));
    if !column.codes.chunks(CODES_AT_ONCE).all(are_codes) {
        return Err(BrokenTable("a code stands for no value"));
    }
    let is_clean = |value: &Value| rules.can_hold(value, today);
    if column.values.iter().all(is_clean) { Ok(()) } else { Err(BrokenTable("a value is not of its column")) }
}

fn check_report(cleaning: &CleaningReport, schema: &Schema, n_rows: usize) -> Result<(), BrokenTable> {
    let dropped = cleaning.dropped.values().try_fold(n_rows, |sum, &rows| sum.checked_add(rows));
    if dropped != Some(cleaning.rows_read) {
        return Err(BrokenTable("rows are not accounted for"));
    }
    let is_column = |title: &String| schema.columns.iter().any(|column| column.title == *title);
    let is_reason = |reason: &Dropped| match reason {
        Dropped::Duplicate | Dropped::Total | Dropped::AboveHeader | Dropped::MoreCells => true,
        Dropped::ReplacedByNewer | Dropped::Erased => false,
        Dropped::Missing(title)
        | Dropped::NotADate(title)
        | Dropped::InFuture(title)
        | Dropped::UnknownLevel(title)
        | Dropped::NotANumber(title) => is_column(title),
    };
    let is_named = |sheet: &String| sheet.is_empty() || cleaning.sheets.iter().any(|known| known.name == *sheet);
    let first_are_named = cleaning.first_dropped.iter().all(|(reason, first)| {
        let rows = cleaning.dropped.get(reason).copied().unwrap_or(0);
        first.len() <= rows.min(NAMED_ROWS) && first.iter().all(|at| at.source.is_empty() && is_named(&at.sheet))
    });
    if !cleaning.dropped.keys().all(is_reason) || !first_are_named {
        return Err(BrokenTable("rows were dropped for no reason that there is"));
    }
    check_findings(cleaning, schema)?;
    let headers = cleaning.columns_used.values().chain(&cleaning.identifier_used);
    let are_short = headers.into_iter().all(|header| header.len() <= MAX_HEADER_BYTES);
    if !are_short || !cleaning.columns_used.keys().all(is_column) {
        return Err(BrokenTable("headers are not the schema's"));
    }
    check_sheets(&cleaning.sheets, cleaning.rows_read, n_rows)?;
    let is_name = |name: &String| name.len() <= MAX_NAME_BYTES && name.bytes().all(|byte| byte.is_ascii_graphic());
    if !cleaning.encoding.iter().all(is_name) {
        return Err(BrokenTable("the encoding is none"));
    }
    if cleaning.notes.len() > MAX_NOTES || !cleaning.notes.iter().all(Note::is_sayable) {
        return Err(BrokenTable("notes are too many or too long"));
    }
    Ok(())
}

/// Each used sheet accounts for its rows, and all of them together for the file's.
fn check_sheets(sheets: &[SheetReport], rows_read: usize, n_rows: usize) -> Result<(), BrokenTable> {
    let is_whole = |sheet: &SheetReport| {
        let is_told = match (&sheet.reason, &sheet.sentence) {
            (None, None) => sheet.used && sheet.rows_used <= sheet.rows_read,
            (Some(_), Some(sentence)) => !sheet.used && sheet.rows_used == 0 && is_sayable(sentence),
            _ => false,
        };
        is_told && sheet.name == tidy(&sheet.name) && sheet.source.is_empty()
    };
    let used = || sheets.iter().filter(|sheet| sheet.used);
    let sum = |rows: fn(&SheetReport) -> usize| used().try_fold(0_usize, |sum, sheet| sum.checked_add(rows(sheet)));
    let adds_up = sum(|sheet| sheet.rows_read) == Some(rows_read) && sum(|sheet| sheet.rows_used) == Some(n_rows);
    if sheets.iter().all(is_whole) && (sheets.is_empty() || adds_up) {
        Ok(())
    } else {
        Err(BrokenTable("sheets do not account for the rows"))
    }
}

/// What was found in single columns is about columns that there are, and short.
fn check_findings(cleaning: &CleaningReport, schema: &Schema) -> Result<(), BrokenTable> {
    let is_column = |title: &String| schema.columns.iter().any(|column| column.title == *title);
    let levels_hold = cleaning.unknown_levels.iter().all(|(title, levels)| {
        let is_short = |text: &str| text.len() <= MAX_LEVEL_BYTES && !text.chars().any(is_invisible);
        let is_level = |level: &ValueRows| is_short(&level.value) && level.rows <= cleaning.rows_read;
        is_column(title) && levels.len() <= NAMED_ROWS && levels.iter().all(is_level)
    });
    let is_named = |sheet: &String| sheet.is_empty() || cleaning.sheets.iter().any(|known| known.name == *sheet);
    let cells_hold = cleaning.unusable.iter().all(|(title, cells)| {
        let is_few = cells.in_future <= cells.rows
            && cells.rows <= cleaning.rows_read
            && cells.first.len() <= cells.rows.min(NAMED_ROWS);
        let are_named = cells.first.iter().all(|at| at.source.is_empty() && is_named(&at.sheet));
        is_column(title) && is_few && are_named
    });
    let is_dates = |dates: &ColumnDates| is_column(&dates.column) && dates.sources.is_empty();
    let dates_hold = cleaning.dates.len() <= MAX_DATES && cleaning.dates.iter().all(is_dates);
    if levels_hold && cells_hold && dates_hold {
        Ok(())
    } else {
        Err(BrokenTable("what was found in its columns is not of them"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::civil::date;

    use super::*;
    use crate::customer::{SheetRow, UnusedSheet};

    /// Two customers, the second without a gender, and a third row that was dropped.
    fn parts() -> (Vec<CustomerColumn>, CleaningReport) {
        let column = |value: Value, codes: [u32; 2]| CustomerColumn { values: vec![value], codes: codes.to_vec() };
        let columns = vec![
            column(Value::Text("Bedok".into()), [0, 0]),
            column(Value::Text("Female".into()), [0, MISSING]),
            column(Value::Date(date(2024, 2, 29)), [0, 0]),
            column(Value::Level(2), [0, 0]),
        ];
        let cleaning = CleaningReport {
            rows_read: 3,
            dropped: [(Dropped::Duplicate, 1)].into(),
            first_dropped: [(Dropped::Duplicate, vec![SheetRow { row: 4, ..SheetRow::default() }])].into(),
            columns_used: [("Location".to_owned(), "branch".to_owned())].into(),
            encoding: Some("UTF-8".to_owned()),
            sheets: vec![
                SheetReport::used("January", 3, 2),
                SheetReport::unused("Notes", 7, UnusedSheet::NoHeader, "no row looks like a header"),
            ],
            ..CleaningReport::default()
        };
        (columns, cleaning)
    }

    fn check(break_it: impl FnOnce(&mut Vec<CustomerColumn>, &mut CleaningReport)) -> Result<usize, &'static str> {
        let (mut columns, mut cleaning) = parts();
        break_it(&mut columns, &mut cleaning);
        let schema = Arc::new(Schema::built_in().unwrap());
        let table = CustomerTable::checked(schema, columns, cleaning, date(2026, 3, 1));
        table.map(|table| table.n_rows()).map_err(|BrokenTable(why)| why)
    }

    #[test]
    fn parts_that_agree_are_a_table() {
        assert_eq!(check(|_, _| ()), Ok(2));
    }

    #[test]
    fn a_code_has_its_value_and_only_an_optional_column_lacks_one() {
        let broken = Err("a code stands for no value");
        assert_eq!(check(|columns, _| columns[0].codes[1] = 1), broken);
        assert_eq!(check(|columns, _| columns[2].codes[1] = MISSING), broken);
        assert_eq!(check(|columns, _| columns[1].values.clear()), broken);
    }

    #[test]
    fn columns_are_those_of_the_schema_and_of_one_length() {
        let broken = Err("columns are missing or of different lengths");
        assert_eq!(check(|columns, _| drop(columns.pop())), broken);
        assert_eq!(check(|columns, _| columns[3].codes.truncate(1)), broken);
    }

    #[test]
    fn a_value_is_one_that_cleaning_makes_for_its_column() {
        for value in
            [Value::Level(3), Value::Date(date(2024, 2, 29)), Value::Number(1.0), Value::partial(None, None, None)]
        {
            assert_eq!(check(|columns, _| columns[3].values[0] = value), Err("a value is not of its column"));
        }
        assert!(check(|columns, _| columns[2].values[0] = Value::Date(date(2026, 3, 2))).is_err());
        for name in [String::new(), "x".repeat(101), "Be\u{202e}dok".to_owned(), "Bedok\n".to_owned()] {
            assert!(check(|columns, _| columns[0].values[0] = Value::Text(name.clone())).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_report_accounts_for_every_row_by_reasons_that_there_are() {
        assert!(check(|_, cleaning| cleaning.rows_read = 4).is_err());
        assert!(check(|_, cleaning| cleaning.dropped = [(Dropped::Duplicate, usize::MAX)].into()).is_err());
        let replaced: BTreeMap<_, _> = [(Dropped::ReplacedByNewer, 1)].into();
        assert!(check(|_, cleaning| cleaning.dropped = replaced).is_err());
        let other: BTreeMap<_, _> = [(Dropped::Missing("Shoe Size".into()), 1)].into();
        assert!(check(|_, cleaning| cleaning.dropped = other).is_err());
        let level = |value: &str| vec![ValueRows { value: value.to_owned(), rows: 1 }];
        assert!(
            check(|_, cleaning| drop(cleaning.unknown_levels.insert("Loyalty Tier".into(), level("Bronze")))).is_ok()
        );
        assert!(check(|_, cleaning| drop(cleaning.unknown_levels.insert("Shoe Size".into(), level("9")))).is_err());
        assert!(check(|_, cleaning| drop(cleaning.unknown_levels.insert("Gender".into(), level("\n")))).is_err());
        let long = "x".repeat(257);
        assert!(check(|_, cleaning| drop(cleaning.columns_used.insert("Location".into(), long))).is_err());
    }

    #[test]
    fn each_sheet_accounts_for_its_rows_and_says_why_it_was_not_used() {
        let broken = Err("sheets do not account for the rows");
        assert_eq!(check(|_, cleaning| cleaning.sheets[0].rows_read = 4), broken);
        assert_eq!(check(|_, cleaning| cleaning.sheets[0].rows_used = 3), broken);
        assert_eq!(check(|_, cleaning| cleaning.sheets[0].rows_read = usize::MAX), broken);
        assert_eq!(check(|_, cleaning| cleaning.sheets[0].used = false), broken);
        assert_eq!(check(|_, cleaning| cleaning.sheets[1].rows_used = 1), broken);
        assert_eq!(check(|_, cleaning| cleaning.sheets[1].sentence = None), broken);
        assert_eq!(check(|_, cleaning| cleaning.sheets[1].name = "x".repeat(65)), broken);
        assert_eq!(check(|_, cleaning| drop(cleaning.sheets.remove(0))), broken);
        assert_eq!(check(|_, cleaning| cleaning.sheets.clear()), Ok(2));
        let other = |cleaning: &mut CleaningReport| {
            cleaning.first_dropped.values_mut().for_each(|first| first[0].sheet = "March".to_owned());
        };
        assert!(check(|_, cleaning| other(cleaning)).is_err());
    }

    #[test]
    fn notes_are_few_and_short() {
        let note = || Note::new(Note::FORMULAS_WITHOUT_RESULTS, "2 formulas have no result");
        assert_eq!(check(|_, cleaning| cleaning.notes.push(note())), Ok(2));
        assert!(check(|_, cleaning| cleaning.notes.resize_with(65, note)).is_err());
        for sentence in [String::new(), "x".repeat(501), "a\u{202e}b".to_owned()] {
            assert!(check(|_, cleaning| cleaning.notes.push(Note { sentence, ..note() })).is_err());
        }
        assert!(check(|_, cleaning| cleaning.notes.push(Note { code: "Two words".into(), ..note() })).is_err());
    }

    #[test]
    fn the_encoding_is_a_name() {
        for name in ["x".repeat(41), "UTF 8".to_owned()] {
            assert_eq!(check(|_, cleaning| cleaning.encoding = Some(name.clone())), Err("the encoding is none"));
        }
    }
}
