//! Headers, cells and forms as any file or caller could give them.

use std::sync::{Arc, LazyLock};

use content_portal::customer::{Cell, NewestStands, Schema, TableBuilder, Value, read_form, tidy_category};

use super::workbooks::{SCHEMA, TODAY, check_whole};

/// Another company's columns, of every kind.
static OTHER: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let json = br#"{"identifier": ["no"], "columns": [
        {"title": "Plan", "aliases": ["tariff"], "required": false, "kind": "category",
         "synonyms": {"fam": "Family"}, "persona": {"key": "Plan", "top": 2}},
        {"title": "Spend", "required": true, "kind": "number", "persona": {"key": "Spend", "top": 1}},
        {"title": "Bought", "required": false, "kind": "date", "phrase": "who last bought",
         "parts": [{"part": "quarter", "title": "Quarter", "persona": {"key": "Quarters", "top": 1}}]},
        {"title": "Grade", "required": false, "kind": "ordinal", "levels": ["C", "B", "A"],
         "score_title": "Score", "persona": {"key": "Grade", "top": 1}, "synonyms": {"best": "A"}}]}"#;
    Arc::new(Schema::from_json(json).expect("it is sound"))
});

/// Reads sheets written as lines of cells with tabs between them.
///
/// The first byte says by which schema (`b`: the built-in one, anything else: another) and whether to keep keys
/// (capitals do). A line `%sheet` or `%1904` begins a sheet. A cell that begins with `#` is a number, with `@` one that
/// is shown as a date, `!` is an error, `?` true; anything else is text, without the `'` that it may begin with.
pub fn check_sheets(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else { return };
    let schema = if how.eq_ignore_ascii_case(&b'b') { SCHEMA.clone() } else { OTHER.clone() };
    let text = String::from_utf8_lossy(rest);
    let is_keyed = how.is_ascii_uppercase();
    let new = if is_keyed { TableBuilder::keyed } else { TableBuilder::new };
    let (mut builder, mut is_1904) = (new(schema.clone(), TODAY), false);
    builder.begin_sheet(false);
    let mut header: Vec<&str> = Vec::new();
    for line in text.split('\n') {
        if line == "%sheet" || line == "%1904" {
            let _ = builder.end_sheet();
            is_1904 = line == "%1904";
            builder.begin_sheet(is_1904);
            continue;
        }
        let cells: Vec<Cell<'_>> = line.split('\t').map(|cell| cell_of(cell, is_1904)).collect();
        let rows_before = builder.rows_read();
        let _ = builder.push_row(&cells);
        assert!(builder.rows_read() <= rows_before + 1);
        check_texts(&cells);
        check_form(&schema, &header, line);
        if header.is_empty() || builder.rows_read() == 0 {
            header = line.split('\t').collect();
        }
    }
    let rows_read = builder.rows_read();
    let keyed = builder.finish_keyed();
    assert_eq!(keyed.table().cleaning().rows_read, rows_read);
    check_whole(keyed.table());
    if is_keyed {
        assert_eq!(keyed.keys().len(), keyed.table().n_rows());
        let mut merged = NewestStands::new(schema);
        for label in ["older", "newer"] {
            merged.add(label, &keyed).expect("it was read by the same schema");
        }
        let merged = merged.finish();
        assert!(merged.is_whole() && merged.n_rows() <= keyed.table().n_rows());
        assert_eq!(merged.n_rows() + merged.cleaning().n_dropped(), 2 * rows_read);
    }
}

fn cell_of(cell: &str, is_1904: bool) -> Cell<'_> {
    let number = || cell.get(1..).and_then(|number| number.parse().ok());
    match cell.as_bytes().first() {
        None => Cell::Empty,
        Some(b'#') => number().map_or(Cell::Text(cell), Cell::Number),
        Some(b'@') => number().map_or(Cell::Text(cell), |serial_days| Cell::DateTime { serial_days, is_1904 }),
        Some(b'!') if cell == "!" => Cell::Error,
        Some(b'?') if cell == "?" => Cell::Bool(true),
        Some(b'\'') => Cell::Text(&cell[1..]),
        Some(_) => Cell::Text(cell),
    }
}

/// Tidying a name twice changes nothing more.
fn check_texts(cells: &[Cell<'_>]) {
    for cell in cells {
        if let Cell::Text(text) = cell
            && let Some(tidy) = tidy_category(text)
        {
            assert!(!tidy.is_empty() && tidy.chars().count() <= 100 && tidy.trim() == tidy, "{tidy:?}");
            assert_eq!(tidy_category(&tidy).as_ref(), Some(&tidy));
        }
    }
}

/// The line as a form whose fields have the names of the header's cells.
fn check_form(schema: &Arc<Schema>, header: &[&str], line: &str) {
    let fields = header.iter().copied().zip(line.split('\t'));
    match read_form(schema, fields, TODAY) {
        Ok(form) => {
            assert!(form.table.is_whole() && form.table.n_rows() == 1);
            for value in form.table.columns().iter().flat_map(|column| &column.values) {
                match value {
                    Value::Date(day) => assert!(*day <= TODAY),
                    Value::Text(name) => assert!(!name.is_empty() && name.chars().count() <= 100),
                    Value::Number(number) => assert!(number.is_finite()),
                    Value::PartialDate { year, quarter: None, month, .. } => {
                        assert!(year.is_none_or(|year| (2000..=2100).contains(&year)));
                        assert!(month.is_none_or(|month| (1..=12).contains(&month)));
                    }
                    Value::Level(_) => {}
                    Value::PartialDate { quarter: Some(_), .. } => panic!("a form names no quarter: {value:?}"),
                }
            }
        }
        Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|error| header.contains(&error.field.as_str()))),
    }
}
