//! What was found in single columns: how their dates were read, which cells could not be, and what a person should
//! know.

use super::clean::Settled;
use super::schema::{Column, DateOrder};
use super::{CleaningReport, ColumnDates, CustomerColumn, DecidedBy, Note, Value, date, nothing, number};

/// Values that a note names.
const NAMED: usize = 3;

/// Adds to `report` how the open texts of a column were read.
pub(super) fn column_findings(column: &Column, settled: &Settled, report: &mut CleaningReport) {
    for decision in &settled.dates {
        let decided_by = match decision.by {
            date::Decider::Schema => DecidedBy::Schema,
            date::Decider::Header { .. } => DecidedBy::Header,
            date::Decider::Values => DecidedBy::Values,
            date::Decider::Nobody { .. } => DecidedBy::Assumed,
        };
        let found =
            ColumnDates { column: column.title.clone(), order: decision.order, decided_by, sources: Vec::new() };
        if !report.dates.contains(&found) {
            report.dates.push(found);
        }
    }
    let notes = date_notes(&column.title, settled).into_iter().chain(number_notes(&column.title, settled));
    for note in notes.chain(letters_note(&column.title, settled)) {
        if !report.notes.contains(&note) {
            report.notes.push(note);
        }
    }
}

fn date_notes(title: &str, settled: &Settled) -> Vec<Note> {
    let mut notes: Vec<Note> = settled.digits.iter().map(|found| digits_note(title, found)).collect();
    for decision in &settled.dates {
        let order = in_words(decision.order);
        if let Some(header) = decision.ignored_header.map(in_words) {
            notes.push(Note::new(
                Note::DATE_HEADER_IGNORED,
                format!("The header of {title:?} says {header}, but its dates do not look so; they were read {order}."),
            ));
        }
        match decision.by {
            date::Decider::Nobody { is_mixed: false } => {
                let example = if decision.has_short_years { "03/05/24" } else { "03/05/2024" };
                notes.push(Note::new(
                    Note::DATE_ORDER_ASSUMED,
                    format!(
                        "The dates in {title:?} can be read in more than one order, such as {example}; they were read \
                         {order}. To settle it, write them as 2024-05-03, write the order into the header, such as \
                         (dd/mm/yyyy), or set \"order\" for the column in the schema."
                    ),
                ));
            }
            date::Decider::Nobody { is_mixed: true } => notes.push(Note::new(
                Note::DATE_ORDERS_MIXED,
                format!(
                    "Some dates in {title:?} can only be read day first and others only month first or year first; \
                     those that can be read in more than one order were read like the others with the same separator, \
                     or {order}."
                ),
            )),
            date::Decider::Header { is_contradicted: true } => notes.push(Note::new(
                Note::DATE_ORDERS_MIXED,
                format!(
                    "Some dates in {title:?} cannot be read {order}, as its header says, and were read in the order \
                     that is left; those that can be read in more than one order were read {order}."
                ),
            )),
            date::Decider::Schema | date::Decider::Header { is_contradicted: false } | date::Decider::Values => {}
        }
    }
    if settled.look_swapped {
        notes.push(Note::new(
            Note::DATES_PERHAPS_SWAPPED,
            format!(
                "Day and month of many dates in {title:?} are probably swapped: nearly every cell that is a date has a \
                 day of at most 12, and nearly every date that is a text one of more than 12. A spreadsheet program \
                 with the date order of another country leaves a file so. Import the original file again with this \
                 column as text."
            ),
        ));
    }
    if settled.is_buddhist {
        notes.push(Note::new(
            Note::BUDDHIST_YEARS,
            format!("{title:?} counts years by the Buddhist calendar: each was read as 543 years earlier."),
        ));
    }
    notes
}

fn digits_note(title: &str, (found, order): &(date::DigitsFound, DateOrder)) -> Note {
    let sentence = match found {
        date::DigitsFound::ReadAsDays => format!(
            "Digits in {title:?}, in the manner of 040323, were read as dates, {}: a spreadsheet's own day numbers \
             have no zero in front, and fewer than eight digits. Write the order into the header to be sure, such as (DDMMYY).",
            in_words(*order)
        ),
        date::DigitsFound::PerhapsDays => format!(
            "{title:?} holds numbers of five digits, which were read as a spreadsheet's days, beside others of six that \
             look like dates without marks, such as 110523. If the zero in front of the first is lost, write the order \
             into the header, such as (DDMMYY)."
        ),
    };
    Note::new(Note::DATES_OF_DIGITS, sentence)
}

/// What a person should know of names that say that nothing is known. Those of fewer rows than `min_rows` are not said.
pub(super) fn unknown_note(column: &Column, read: &CustomerColumn, min_rows: usize) -> Option<Note> {
    let names = (0_u32..).zip(&read.values).filter_map(|(code, value)| match value {
        Value::Text(name) if nothing::is_unknown(name) && !column.says_something(name) => Some((code, name)),
        _ => None,
    });
    // Of most columns no rows need to be counted.
    let count = |of: u32| read.codes.iter().filter(|&&code| code == of).count();
    let found = names.map(|(code, name)| (count(code), name)).filter(|&(rows, _)| rows > 0);
    let found: Vec<(usize, &String)> = found.collect();
    let rows: usize = found.iter().map(|(rows, _)| rows).sum();
    if rows == 0 {
        return None;
    }
    let (title, rows) = (&column.title, if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") });
    let then = if column.required { "such a row is then left out" } else { "the row is then read without a value" };
    let names = found.iter().filter(|(rows, _)| *rows >= min_rows).take(NAMED).map(|(_, name)| format!("{name:?}"));
    let names = names.collect::<Vec<_>>().join(", ");
    let names = if names.is_empty() { "a name such as \"Unknown\"" } else { &names };
    Some(Note::new(
        Note::UNKNOWN_IS_A_VALUE,
        format!(
            "{title:?} is {names} in {rows}: that counts as a value like any other, and no text says it. Leave the \
             cell empty if nothing is known: {then}."
        ),
    ))
}

fn letters_note(title: &str, settled: &Settled) -> Option<Note> {
    let (garbled, letter) = settled.garbled.as_ref()?;
    Some(Note::new(
        Note::LETTERS_GARBLED,
        format!(
            "{title:?} holds letters that were read in the wrong encoding before this file was saved, such as \
             {garbled:?} for {letter:?}; they were read as they are. Export the file again as UTF-8 from where it comes."
        ),
    ))
}

fn in_words(order: DateOrder) -> &'static str {
    match order {
        DateOrder::DayFirst => "day first",
        DateOrder::MonthFirst => "month first",
        DateOrder::YearFirst => "year first",
    }
}

fn number_notes(title: &str, settled: &Settled) -> Vec<Note> {
    let mut notes = Vec::new();
    for convention in &settled.numbers {
        let (read, as_what) = match convention.decimal {
            number::Decimal::Point => ("1,234 was read as 1234 and 1.234 as a little more than 1", "point"),
            number::Decimal::Comma => ("1.234 was read as 1234 and 1,234 as a little more than 1", "comma"),
        };
        match convention.by {
            number::DecidedBy::Values => {}
            number::DecidedBy::Guess { is_mixed: false } => notes.push(Note::new(
                Note::DECIMALS_ASSUMED,
                format!(
                    "Numbers in {title:?} have three digits behind a single point or comma, which separates thousands \
                     or decimals: {read}."
                ),
            )),
            number::DecidedBy::Guess { is_mixed: true } => notes.push(Note::new(
                Note::DECIMALS_MIXED,
                format!(
                    "Numbers in {title:?} have decimals behind points as well as behind commas; where either was \
                     possible the {as_what} was taken for the decimal separator: {read}."
                ),
            )),
        }
    }
    if !settled.currencies.is_empty() {
        let currencies = settled.currencies.join(", ");
        notes.push(Note::new(
            Note::CURRENCIES_MIXED,
            format!("{title:?} holds amounts in different currencies ({currencies}), which were not converted."),
        ));
    }
    if settled.mixes_percentages {
        notes.push(Note::new(
            Note::PERCENTAGES_MIXED,
            format!("{title:?} holds percentages and other numbers: 12 % was read as 0.12, and 12 as 12."),
        ));
    }
    notes
}
