//! The table of what was sent and who acted: its rows as they are written, and what of it does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Seek;
use std::sync::Arc;

use anyhow::{Context, bail};
use content_portal::content::ContentId;
use content_portal::customer::{CustomerTable, Dropped, Keep, Note, Schema, UnusedSheet, Value};
use content_portal::outcome::Sending;
use content_portal::workbook::{ReadRequest, Watch};
use serde_json::json;

use super::line::{At, Figures, Line, stratum_key};
use super::strays::{without_copies, without_overviews, without_placeholders};
use super::sums::Sums;
use crate::commands::config::Config;
use crate::commands::files::Input;
use crate::commands::setup;

/// The columns of numbers of people.
const PEOPLE: [&str; 2] = ["sent", "acted"];
/// The headers of the ids.
const IDS: [&str; 2] = ["content_id", "utm_content"];
/// The header of the strata.
const STRATUM: &str = "stratum";
/// The longest stratum, in characters. Of a longer one the reader keeps the start alone.
const MAX_STRATUM_CHARS: usize = 99;
/// The largest whole number that a cell holds exactly.
const MAX_PEOPLE: f64 = 9_007_199_254_740_992.0;
/// Texts of one segment and platform: far more than anybody compares.
const MAX_TEXTS: usize = 200;

/// What a table says.
pub(super) struct Table {
    pub sendings: Vec<Sending>,
    /// What a person should know of rows and sheets that do not count.
    pub notes: Vec<String>,
}

/// Reads every row of the table.
pub(super) fn read(config: &Config, mut input: Input) -> anyhow::Result<Table> {
    // With keys, so that equal rows all count.
    let table = setup::reader(config)?.read_keyed(again(&mut input)?, &labelled(config, &IDS, &PEOPLE)?)?.into_table();
    check(&table)?;
    check_written(config, &mut input, &table)?;
    let mut notes = notes_on_reading(&table);
    let strata = read_again(config, &mut input, STRATUM, &PEOPLE)?;
    let strata_of_rows = labels_beside(&table, &strata)?;
    let places = places_of(&table)?;
    let lines = strata_of_rows.into_iter().enumerate().map(|(position, stratum)| {
        let at = at(&table, &places, position);
        Line { at, id: label(&table, position), stratum, figures: figures(&table, at).ok() }
    });
    let lines = without_copies(lines.collect(), &mut notes);
    let lines = without_overviews(without_placeholders(lines, &mut notes), &mut notes);
    let Sums { left_out, notes: of_sums } = Sums::of(&lines)?;
    notes.extend(of_sums);
    let counted = lines.iter().filter(|line| !left_out.contains(&line.at));
    let sendings = counted.map(|line| sending(&table, line)).collect::<anyhow::Result<Vec<_>>>()?;
    if sendings.is_empty() {
        bail!("no row of the table is of a text");
    }
    check_texts(&sendings)?;
    Ok(Table { sendings, notes })
}

/// Refuses a table that cannot be counted.
fn check(table: &CustomerTable) -> anyhow::Result<()> {
    let cleaning = table.cleaning();
    if let Some((reason, rows)) = cleaning.first_dropped.iter().find(|(reason, _)| **reason != Dropped::Total) {
        let rows: Vec<String> = rows.iter().map(|at| at.row.to_string()).collect();
        bail!("{reason}, in row {}", rows.join(", "));
    }
    // A comma within a number makes two cells of it. In a sheet, what is beside the table moves nothing.
    let is_text = cleaning.encoding.is_some();
    let is_wrong = |note: &&Note| {
        note.is_any_of(&[Note::COLUMNS_ALIKE, Note::UNIT_APPLIED]) || (is_text && note.is(Note::MORE_CELLS_THAN_HEADER))
    };
    if let Some(note) = cleaning.notes.iter().find(is_wrong) {
        let sentence = note.sentence.trim_end_matches('.');
        let advice = if note.is(Note::UNIT_APPLIED) { "; write whole numbers of people" } else { "" };
        bail!("{sentence}{advice}");
    }
    if cleaning.identifier_used.is_none() {
        bail!("the sheet needs a column \"content_id\" (or utm_content)");
    }
    if table.n_rows() == 0 {
        bail!("the sheet has a header but no row below it");
    }
    Ok(())
}

/// What a person should know of what the reader left out: sheets, and rows whose id says that they are sums; and what
/// the reader says itself, but for what is asked of the figures once more.
fn notes_on_reading(table: &CustomerTable) -> Vec<String> {
    let cleaning = table.cleaning();
    let sheets = cleaning.sheets.iter().filter(|sheet| !sheet.used && sheet.reason != Some(UnusedSheet::Empty));
    let sheets = sheets.map(|sheet| format!("sheet {} is {}", sheet.place(), sheet.fate()));
    let n_sums = cleaning.dropped.get(&Dropped::Total).copied().unwrap_or_default();
    let first = cleaning.first_dropped.get(&Dropped::Total).and_then(|rows| rows.first());
    let sums = first.map(|first| match n_sums {
        1 => format!("row {} is left out: by its id it is a sum of other rows", first.row),
        n => format!("{n} rows are left out, the first of them row {}: by their ids they are sums", first.row),
    });
    let asked_again = [
        Note::DECIMALS_ASSUMED,
        Note::DECIMALS_MIXED,
        Note::IDENTIFIERS_DIFFER_BY_CASE,
        Note::LOOKS_LIKE_TOTALS,
        Note::SHEETS_LEFT_OUT,
    ];
    let others = cleaning.notes.iter().filter(|note| !note.is_any_of(&asked_again));
    let others = others.map(|note| note.sentence.trim_end_matches('.').to_owned());
    sheets.chain(sums).chain(others).collect()
}

/// The same file with the cells of another column as they are written. Which sheets count is decided by the first
/// reading, which knows their rows by ids: without those, a sheet may look like sums.
fn read_again(config: &Config, input: &mut Input, header: &str, people: &[&str]) -> anyhow::Result<CustomerTable> {
    let by = labelled(config, &[header], people)?;
    Ok(setup::reader(config)?.read_every_sheet(again(input)?, &by)?.into_table())
}

/// A reading with the cells under one of `headers` as they are written. Ids and strata are the sender's own words: a
/// day, a list or `NA` is one, while in a column about customers it might be personal data, or nothing. The reader
/// keeps one such column, so each takes a reading.
fn labelled(config: &Config, headers: &[&str], people: &[&str]) -> anyhow::Result<ReadRequest> {
    let of_people = |title: &&str| {
        json!({
            "title": title, "kind": "number", "required": true,
            "persona": { "key": title, "top": 1 },
        })
    };
    let columns: Vec<serde_json::Value> = people.iter().map(of_people).collect();
    let schema = json!({ "identifier": headers, "columns": columns }).to_string();
    let schema = Arc::new(Schema::from_json(schema.as_bytes())?);
    let keep = Keep { row: true, identifier: true };
    Ok(ReadRequest { schema, today: setup::today(config), keep, watch: Watch::default() })
}

/// The file from its start, once more.
fn again(input: &mut Input) -> anyhow::Result<File> {
    input.file.rewind().context("it cannot be read twice")?;
    input.file.try_clone().context("it cannot be read twice")
}

/// Refuses numbers of people that may be others than those that were read, by how they are written.
fn check_written(config: &Config, input: &mut Input, table: &CustomerTable) -> anyhow::Result<()> {
    let guesses = [Note::DECIMALS_ASSUMED, Note::DECIMALS_MIXED];
    let has_guesses = table.cleaning().notes.iter().any(|note| note.is_any_of(&guesses));
    let places = places_of(table)?;
    let [sent, acted] = PEOPLE;
    for (column, title, other) in [(0, sent, acted), (1, acted, sent)] {
        let written = read_again(config, input, title, &[other])?;
        for (position, written) in labels_beside(table, &written)?.into_iter().enumerate() {
            let (Some(written), at) = (written, at(table, &places, position)) else { continue };
            if has_guesses && is_of_thousands_or_decimals(written) {
                bail!("{at}: {title} {written} may be thousands or decimals; write the whole number without a point");
            }
            if number(table, column, position).is_some_and(|number| is_rounded(written, number)) {
                bail!("{at}: {title} {written} is rounded; write the whole number");
            }
        }
    }
    Ok(())
}

/// `30.000`: digits, a point, and three digits, whatever sign or currency is beside them. It is thirty where a point
/// stands before decimals, and thirty thousand where it separates thousands.
fn is_of_thousands_or_decimals(written: &str) -> bool {
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    written
        .trim_matches(|c: char| !c.is_ascii_digit())
        .split_once('.')
        .is_some_and(|(whole, three)| are_digits(whole) && are_digits(three) && three.len() == 3)
}

/// `1.2k`, read as 1,200: a word for thousands gives other digits than those of the number.
fn is_rounded(written: &str, number: f64) -> bool {
    let digits: String = written.chars().filter_map(|c| c.to_digit(10)).map(|digit| digit.to_string()).collect();
    let is_number = digits.parse::<f64>().is_ok_and(|digits| digits == number);
    written.chars().any(char::is_alphabetic) && !is_number
}

/// Where the rows of a table are: the place of the sheet among all, and the row.
fn places_of(table: &CustomerTable) -> anyhow::Result<Vec<(usize, u32)>> {
    let origins = table.origins().context("the rows have no places")?;
    Ok(origins.rows().iter().enumerate().map(|(row, &at)| (origins.sheet_of(row).unwrap_or_default(), at)).collect())
}

fn at<'t>(table: &'t CustomerTable, places: &[(usize, u32)], position: usize) -> At<'t> {
    let (sheet, row) = places.get(position).copied().unwrap_or_default();
    let sheets = &table.cleaning().sheets;
    let has_several = sheets.iter().filter(|sheet| sheet.used).count() > 1;
    let sheet = sheets.get(sheet).filter(|_| has_several).map_or("", |sheet| sheet.name.as_str());
    At { position, row, sheet }
}

/// What each row of `table` has in the column that `other`, a reading of the same file, reads as it is written. `None`
/// where that reading left out the row.
fn labels_beside<'t>(table: &CustomerTable, other: &'t CustomerTable) -> anyhow::Result<Vec<Option<&'t str>>> {
    let places = places_of(other)?;
    let mut next = 0;
    let label = |at: &(usize, u32)| {
        while places.get(next).is_some_and(|other| other < at) {
            next += 1;
        }
        let is_there = places.get(next) == Some(at);
        next += usize::from(is_there);
        is_there.then(|| label(other, next - 1))
    };
    Ok(places_of(table)?.iter().map(label).collect())
}

/// What a row has in the column that is read as it is written; empty where it has nothing.
fn label(table: &CustomerTable, row: usize) -> &str {
    table.origins().and_then(|origins| origins.identifiers()).map_or("", |labels| labels.get(row))
}

fn number(table: &CustomerTable, column: usize, row: usize) -> Option<f64> {
    match table.columns().get(column)?.value(row)? {
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// The numbers of people in a row.
fn figures(table: &CustomerTable, at: At<'_>) -> anyhow::Result<Figures> {
    let people = |column: usize, title: &str| match number(table, column, at.position) {
        Some(n) if (0.0..=MAX_PEOPLE).contains(&n) && n.fract() == 0.0 => Ok(n as u64),
        Some(n) => bail!("{at}: {title} must be a whole number of people, and is {n}"),
        None => bail!("{at}: {title} is not a number"),
    };
    Ok(Figures { sent: people(0, "sent")?, acted: people(1, "acted")? })
}

/// What a row of the table says.
fn sending(table: &CustomerTable, line: &Line<'_>) -> anyhow::Result<Sending> {
    let (at, id) = (line.at, line.id);
    if id.is_empty() {
        bail!("{at} has no content_id: give it one, or delete the row if it is a sum or of no text");
    }
    let Some(id) = ContentId::read(id) else {
        bail!("{at}: {id:?} is not a content_id; copy it from an answer or an export, or delete the row");
    };
    let Figures { sent, acted } = figures(table, at)?;
    if acted > sent {
        bail!("{at}: {acted} acted, but the text was sent to {sent}");
    }
    let stratum = line.stratum.unwrap_or_default();
    if stratum.chars().count() > MAX_STRATUM_CHARS {
        bail!("{at}: a stratum may have at most {MAX_STRATUM_CHARS} characters");
    }
    let stratum = stratum_key(stratum);
    Ok(Sending { content_id: id.as_str().to_owned(), group: id.group().to_owned(), stratum, sent, acted })
}

/// Refuses more texts of one segment and platform than can be compared.
fn check_texts(sendings: &[Sending]) -> anyhow::Result<()> {
    let mut texts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sending in sendings {
        texts.entry(&sending.group).or_default().insert(&sending.content_id);
    }
    match texts.iter().find(|(_, texts)| texts.len() > MAX_TEXTS) {
        Some((group, texts)) => {
            bail!("{} texts start with {group}, and at most {MAX_TEXTS} can be compared", texts.len())
        }
        None => Ok(()),
    }
}
