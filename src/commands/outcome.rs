//! `outcome FILE`: what the texts came to, by a table of what was sent and who acted.

mod line;
mod strays;
mod sums;
mod table;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use content_portal::outcome::{GroupOutcome, Outcome, Test, decimals};

use super::config::Config;
use super::files::Input;
use super::output::{print_error, print_line};

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
    let table = table::read(config, input).context(name)?;
    table.notes.iter().for_each(|note| print_error(format_args!("note: {note}\n")));
    let outcome = Outcome::of(&table.sendings);
    if args.json {
        print_line!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print(&outcome);
    }
    Ok(())
}

fn print(outcome: &Outcome) {
    print_line!("{:<18}  {:>9}  {:>9}  {:>7}  95 % interval", "content_id", "sent", "acted", "share");
    for content in &outcome.contents {
        let width = content.share_low.zip(content.share_high).map_or(1.0, |(low, high)| high - low);
        let digits = decimals(width * 100.0);
        let percent =
            |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.digits$} %", share * 100.0));
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
