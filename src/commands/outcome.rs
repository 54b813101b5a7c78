//! `outcome FILE`: what the texts came to, by a table of what was sent and who acted.

mod sums;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Seek;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use content_portal::content::ContentId;
use content_portal::customer::{CustomerTable, Keep, Note, Schema, Value};
use content_portal::outcome::{GroupOutcome, Outcome, Sending, Test};
use content_portal::workbook::{ReadRequest, Watch};
use serde_json::json;

use super::config::Config;
use super::files::Input;
use super::output::{print_error, print_line};
use super::setup;
use sums::{Figures, Line, Sums, stratum_key};

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

#[derive(Debug, Args)]
pub struct OutcomeArgs {
    /// A .xlsx, .xls or .csv with the columns content_id (or utm_content), sent and acted, and perhaps stratum; - for
    /// standard input.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Reads, tests and prints.
pub fn outcome(config: &Config, args: &OutcomeArgs) -> anyhow::Result<()> {
    let input = Input::open(&args.file, config.server.max_upload_bytes)?;
    let name = input.name.clone();
    let outcome = Outcome::of(&read(config, input).context(name)?);
    if args.json {
        print_line!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print(&outcome);
    }
    Ok(())
}

/// Every row of the table.
fn read(config: &Config, mut input: Input) -> anyhow::Result<Vec<Sending>> {
    let table = read_labelled(config, again(&mut input)?, &IDS, &PEOPLE)?;
    let cleaning = table.cleaning();
    if let Some((reason, rows)) = cleaning.first_dropped.first_key_value() {
        let rows: Vec<String> = rows.iter().map(|at| at.row.to_string()).collect();
        bail!("{reason}, in row {}", rows.join(", "));
    }
    if let Some(note) = cleaning.notes.iter().find(|note| note.code == Note::COLUMNS_ALIKE) {
        bail!("{}", note.sentence.trim_end_matches('.'));
    }
    if cleaning.identifier_used.is_none() {
        bail!("the sheet needs a column \"content_id\" (or utm_content)");
    }
    if table.n_rows() == 0 {
        bail!("the sheet has a header but no row below it");
    }
    refuse_guesses(config, &mut input, &table)?;
    let strata = read_labelled(config, again(&mut input)?, &[STRATUM], &PEOPLE)?;
    let strata: BTreeMap<u32, &str> =
        rows_of(&strata)?.iter().enumerate().map(|(row, &at)| (at, label(&strata, row))).collect();
    let places = rows_of(&table)?;
    let line = |(row, &at): (usize, &u32)| Line {
        at,
        id: label(&table, row),
        stratum: strata.get(&at).copied(),
        figures: figures(&table, row, at).ok(),
    };
    let Sums { left_out, notes } = Sums::of(&places.iter().enumerate().map(line).collect::<Vec<_>>())?;
    notes.iter().for_each(|note| print_error(format_args!("note: {note}\n")));
    let counted = places.iter().enumerate().filter(|(_, at)| !left_out.contains(at));
    let sendings = counted.map(|(row, &at)| sending(&table, &strata, row, at));
    let sendings: Vec<Sending> = sendings.collect::<anyhow::Result<_>>()?;
    let mut texts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sending in &sendings {
        texts.entry(&sending.group).or_default().insert(&sending.content_id);
    }
    if let Some((group, texts)) = texts.iter().find(|(_, texts)| texts.len() > MAX_TEXTS) {
        bail!("{} texts start with {group}, and at most {MAX_TEXTS} can be compared", texts.len());
    }
    Ok(sendings)
}

/// The table, with the cells under one of `headers` as they are written. Ids and strata are the sender's own words: a
/// day, a list or `NA` is one, while in a column about customers it might be personal data, or nothing. The reader
/// keeps one such column, so each takes a reading.
fn read_labelled(config: &Config, file: File, headers: &[&str], people: &[&str]) -> anyhow::Result<CustomerTable> {
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
    let request = ReadRequest { schema, today: setup::today(config), keep, watch: Watch::default() };
    // With keys, so that equal rows all count.
    Ok(setup::reader(config)?.read_keyed(file, &request)?.into_table())
}

/// The file from its start, once more.
fn again(input: &mut Input) -> anyhow::Result<File> {
    input.file.rewind().context("it cannot be read twice")?;
    input.file.try_clone().context("it cannot be read twice")
}

/// Refuses a number of people that was read by a guess: `30.000` is thirty where a point stands before decimals, and
/// thirty thousand where it separates thousands.
fn refuse_guesses(config: &Config, input: &mut Input, table: &CustomerTable) -> anyhow::Result<()> {
    let guesses = [Note::DECIMALS_ASSUMED, Note::DECIMALS_MIXED];
    if !table.cleaning().notes.iter().any(|note| guesses.contains(&note.code.as_str())) {
        return Ok(());
    }
    let [sent, acted] = PEOPLE;
    for (title, other) in [(sent, acted), (acted, sent)] {
        let labelled = read_labelled(config, again(input)?, &[title], &[other])?;
        for (row, at) in rows_of(&labelled)?.iter().enumerate() {
            let written = label(&labelled, row);
            if is_of_thousands_or_decimals(written) {
                bail!(
                    "row {at}: {title} {written} may be thousands or decimals; write the whole number without a point"
                );
            }
        }
    }
    Ok(())
}

/// `30.000`: digits, a point, and three digits, whatever sign or currency is beside them.
fn is_of_thousands_or_decimals(written: &str) -> bool {
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    written
        .trim_matches(|c: char| !c.is_ascii_digit())
        .split_once('.')
        .is_some_and(|(whole, three)| are_digits(whole) && are_digits(three) && three.len() == 3)
}

fn rows_of(table: &CustomerTable) -> anyhow::Result<&[u32]> {
    Ok(table.origins().context("the rows have no places")?.rows())
}

/// What a row has in the column that is read as it is written; empty where it has nothing.
fn label(table: &CustomerTable, row: usize) -> &str {
    table.origins().and_then(|origins| origins.identifiers()).map_or("", |labels| labels.get(row))
}

/// What a row of the table says; `at` is its number in the sheet.
fn sending(table: &CustomerTable, strata: &BTreeMap<u32, &str>, row: usize, at: u32) -> anyhow::Result<Sending> {
    let id = label(table, row);
    if id.is_empty() {
        bail!("row {at} has no content_id");
    }
    let Some(id) = ContentId::read(id) else {
        bail!("row {at}: {id:?} is not a content_id; copy it from an answer or an export");
    };
    let Figures { sent, acted } = figures(table, row, at)?;
    if acted > sent {
        bail!("row {at}: {acted} acted, but the text was sent to {sent}");
    }
    let stratum = strata.get(&at).copied().unwrap_or_default();
    if stratum.chars().count() > MAX_STRATUM_CHARS {
        bail!("row {at}: a stratum may have at most {MAX_STRATUM_CHARS} characters");
    }
    let stratum = stratum_key(stratum);
    Ok(Sending { content_id: id.as_str().to_owned(), group: id.group().to_owned(), stratum, sent, acted })
}

/// The numbers of people in a row; `at` is its number in the sheet.
fn figures(table: &CustomerTable, row: usize, at: u32) -> anyhow::Result<Figures> {
    let people = |column: usize, title: &str| match table.columns().get(column).and_then(|column| column.value(row)) {
        Some(&Value::Number(n)) if (0.0..=MAX_PEOPLE).contains(&n) && n.fract() == 0.0 => Ok(n as u64),
        Some(Value::Number(n)) => bail!("row {at}: {title} must be a whole number of people, and is {n}"),
        _ => bail!("row {at}: {title} is not a number"),
    };
    Ok(Figures { sent: people(0, "sent")?, acted: people(1, "acted")? })
}

fn print(outcome: &Outcome) {
    print_line!("{:<18}  {:>9}  {:>9}  {:>7}  95 % interval", "content_id", "sent", "acted", "share");
    for content in &outcome.contents {
        let percent = |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0));
        let (share, low, high) = (percent(content.share), percent(content.share_low), percent(content.share_high));
        let (id, sent, acted) = (&content.content_id, content.sent, content.acted);
        print_line!("{id:<18}  {sent:>9}  {acted:>9}  {share:>7}  {low} to {high}");
    }
    outcome.groups.iter().for_each(print_group);
    if let Some(test) = &outcome.all_groups {
        print_line!("\nall groups together\n  {}", tested(test));
    }
}

fn print_group(group: &GroupOutcome) {
    let n_texts = group.content_ids.len();
    let texts = if n_texts == 1 { "1 text".to_owned() } else { format!("{n_texts} texts") };
    print_line!("\n{}…: {texts}, sent to {}, {} acted", group.group, group.sent, group.acted);
    if let Some(test) = &group.pooled {
        print_line!("  pooled      {}", tested(test));
    }
    if let Some(test) = group.stratified.as_ref().filter(|_| group.strata_in_all > 1) {
        let strata = if group.strata == 1 { "1 stratum".to_owned() } else { format!("{} strata", group.strata) };
        let odds = group.odds_ratio.map(|ratio| format!(", odds ratio {ratio:.2}")).unwrap_or_default();
        print_line!("  stratified  {} over {strata}{odds}", tested(test));
    }
    print_line!("  {}", group.sentence);
}

fn tested(test: &Test) -> String {
    let p = if test.p_value < 0.001 { "p < 0.001".to_owned() } else { format!("p = {:.3}", test.p_value) };
    format!("χ² = {:.2} with {} df, {p}", test.statistic, test.degrees)
}
