//! `customers erase`: a customer is taken out of kept uploads and of every later training.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use content_portal::customer::MIN_CHARS_ELSEWHERE;
use content_portal::pipeline::TrainingSettings;
use content_portal::retrain::{AlikeRows, EraseRequest, ErasedCustomer, FoundRows, KeptBack, erase_customer};
use jiff::Timestamp;

use super::config::Config;
use super::output::{counted, print_field, print_further};
use super::retrain::retrain_for_people;
use super::setup;
use super::training::{Training, upload_folder};

/// The exit code of an erasure that leaves rows in files which only their owner may change, rows that may be the
/// customer's, or files that could not be searched or were not there yet.
const LEFT: u8 = 4;
/// Rows of one file that are printed.
const MAX_ROWS: usize = 20;

#[derive(Debug, Subcommand)]
pub enum CustomersCommand {
    /// Erase a customer from kept uploads and from every later training; say which versions were trained on them.
    Erase(EraseArgs),
}

#[derive(Debug, Args)]
pub struct EraseArgs {
    /// The customer's identifier, as the files have it.
    #[arg(long, value_name = "ID", allow_hyphen_values = true, value_parser = identifier)]
    id: String,
    /// Train anew afterwards, so that the live version no longer counts the customer.
    #[arg(long)]
    retrain: bool,
}

/// An identifier as it was given, which may begin with a minus: `--retrain` in its place is a slip.
fn identifier(given: &str) -> Result<String, &'static str> {
    if given.starts_with("--") { Err("an identifier is missing before this option") } else { Ok(given.to_owned()) }
}

/// Runs a `customers` command.
pub fn customers(config: &Config, command: &CustomersCommand) -> anyhow::Result<ExitCode> {
    let CustomersCommand::Erase(args) = command;
    let store = setup::store(config);
    let request = EraseRequest {
        base_data: &config.paths.base_data,
        uploads: &config.server.upload_dir,
        state_dir: &config.writer.state_dir,
        schema: setup::schema(config)?,
        reader: &setup::reader(config)?,
        now: Timestamp::now(),
        today: setup::today(config),
    };
    let erased = erase_customer(&store, &request, &args.id).context("the customer is not erased everywhere")?;
    print_erased(&erased);
    let is_searched = erased.unread.is_empty() && erased.n_on_their_way == 0;
    let is_left = !erased.left.is_empty() || !erased.kept_back.is_empty();
    let is_done = is_searched && !is_left && !erased.has_perhaps();
    if args.retrain {
        let (settings, uploads) = (TrainingSettings::default(), Some(upload_folder(config)));
        let training = Training { uploads, ..Training::by(&settings) };
        let trained = retrain_for_people(config, &store, training)?;
        if is_done {
            return Ok(trained);
        }
    }
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::from(LEFT) })
}

fn print_erased(erased: &ErasedCustomer) {
    if erased.is_unknown() {
        print_field!(
            "not found",
            "no upload and no file of the base data has this identifier: is it spelt as in the files?"
        );
        print_field!("noted", "a row of this customer that comes later is passed over");
    } else if erased.is_perhaps() {
        print_field!(
            "noted",
            "a row with the identifier as it was given is passed over, unless the identifier tells nobody apart in its \
             file; below are rows that may be of the customer"
        );
    } else {
        print_field!("erased", "no training reads a row again that it knows by this identifier");
    }
    print_field!("searched", "{}", counted(erased.n_searched, "file"));
    for file in &erased.without_header {
        print_further!("{file} has no column of identifiers: each of its cells was compared");
    }
    for found in &erased.rewritten {
        print_field!("rewritten", "{}: without {}", found.file, rows(found));
    }
    for (file, n_rows) in &erased.gone_with {
        print_further!("{}, which no training can use, went with it from {file}", counted(*n_rows, "other row"));
    }
    for found in &erased.left {
        print_field!("left", "{}: delete {}", found.file, rows(found));
    }
    for KeptBack { found, n_later } in &erased.kept_back {
        print_field!(
            "left",
            "{}: {}; rewriting the upload would lose {} that a later training may use",
            found.file,
            rows(found),
            counted(*n_later, "row")
        );
    }
    for AlikeRows { identifier, is_erased, found } in &erased.alike {
        if *is_erased {
            print_field!("left", "{}: {} of {identifier}, which was erased before", found.file, rows(found));
        } else {
            print_field!("perhaps", "{}: {} of {identifier}", found.file, rows(found));
        }
    }
    for found in &erased.doubtful {
        print_field!("perhaps", "{}: {}, in another column or with lost digits", found.file, rows(found));
    }
    for found in &erased.shared {
        print_field!("perhaps", "{}: {}, where it tells nobody apart", found.file, rows(found));
    }
    print_unsearched(erased);
    for version in &erased.versions {
        print_field!("trained on", "{version} counts the customer among others");
    }
    for version in &erased.unknown_versions {
        print_field!("unknown", "{version} does not say what it was trained on");
    }
    for version in &erased.versions_of_gone_files {
        print_field!("unknown", "{version} was trained on a file that is not there any more");
    }
    print_what_to_do(erased);
}

fn print_unsearched(erased: &ErasedCustomer) {
    for file in &erased.without_header_unsearched {
        print_field!(
            "not searched",
            "{file}: it has no column of identifiers, and fewer than {MIN_CHARS_ELSEWHERE} characters say nothing in \
             another column"
        );
    }
    for file in &erased.without_identifiers {
        print_field!("not searched", "{file}: it was kept without identifiers");
    }
    for unread in &erased.unread {
        print_field!("not searched", "{}: {}", unread.file, unread.why);
    }
    if erased.n_on_their_way > 0 {
        print_field!("not searched", "{}, on the way to the server", counted(erased.n_on_their_way, "upload"));
    }
}

fn print_what_to_do(erased: &ErasedCustomer) {
    if !erased.versions.is_empty() {
        print_further!("a new training does not: content-portal retrain; models prune removes old versions");
    }
    if !erased.kept_back.is_empty() {
        print_further!(
            "rows with an unknown level or a day to come, and sheets with fewer columns than others, may count by \
             another schema or on another day: add the level to the schema (SCHEMA_PATH), or wait for the day, and run \
             this again; or remove the upload as a whole with content-portal uploads erase ID; until then the exit \
             code is {LEFT}"
        );
    }
    if !erased.left.is_empty() {
        print_further!("run this again once these rows are deleted: until then the exit code is {LEFT}");
    }
    if let Some(AlikeRows { identifier, .. }) = erased.alike.iter().find(|alike| alike.is_erased) {
        print_further!(
            "run this again with --id {identifier}: it erases these rows, or names those to delete; until then the \
             exit code is {LEFT}"
        );
    }
    if let Some(AlikeRows { identifier, .. }) = erased.alike.iter().find(|alike| !alike.is_erased) {
        print_further!(
            "{identifier} differs by zeros before it, in its dashes, by groups of digits, in case alone or by digits \
             that a spreadsheet program may have lost: if it is the same customer, run this again with --id \
             {identifier}; until then the exit code is {LEFT}"
        );
    }
    if !erased.doubtful.is_empty() {
        print_further!(
            "a row with the identifier in another column may only mention the customer, and one whose digits are lost, \
             or that is a date, may be somebody else's: take it out, an upload with content-portal uploads erase ID; \
             until then the exit code is {LEFT}"
        );
    }
    if !erased.shared.is_empty() {
        print_further!(
            "identifiers that many rows share, as those of branches do, are no customer's, and trainings go on reading \
             these rows: if one is the customer's, take it out; until then the exit code is {LEFT}"
        );
    }
    if erased.n_on_their_way > 0 {
        print_further!("run this again once what is on its way is there; until then the exit code is {LEFT}");
    }
    if !erased.unread.is_empty() {
        print_further!(
            "files, sheets and rows that were not searched may hold the customer: mend or remove them, an upload with \
             content-portal uploads erase ID, and run this again; until then the exit code is {LEFT}"
        );
    }
}

/// The rows that were found, as far as a person reads them, each with its sheet where the workbook has several.
fn rows(found: &FoundRows) -> String {
    let shown = found.rows.iter().take(MAX_ROWS).map(|at| match at.sheet.as_str() {
        "" => at.row.to_string(),
        sheet => format!("{} of sheet {sheet}", at.row),
    });
    let shown: Vec<String> = shown.collect();
    let word = if found.rows.len() == 1 { "row" } else { "rows" };
    let more = match found.rows.len().saturating_sub(MAX_ROWS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{word} {}{more}", shown.join(", "))
}
