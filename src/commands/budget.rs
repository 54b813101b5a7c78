//! `budget`: what was spent today; counts it as nothing on request.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use content_portal::content::DaySpending;

use super::config::Config;
use super::keys;
use super::misconfigured::Misconfigured;
use super::output::print_line;
use super::setup;

#[derive(Debug, Subcommand)]
pub enum BudgetCommand {
    /// Print what is spent of today (UTC), in all and by key, with the limits.
    Show,
    /// Count today's spending as nothing. Calls under way count neither before nor after it, and hold nothing.
    Reset {
        /// That of one key alone; the sum of all stays.
        #[arg(long, value_name = "NAME")]
        key: Option<String>,
    },
}

impl BudgetCommand {
    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Reset { .. })
    }
}

/// Shows or resets.
pub fn budget(config: &Config, command: &BudgetCommand) -> anyhow::Result<ExitCode> {
    let today = DaySpending::of_today(&config.writer.state_dir).map_err(Misconfigured::from)?;
    match command {
        BudgetCommand::Show => show(config, &today)?,
        BudgetCommand::Reset { key } => {
            if let Some(name) = key {
                is_known(config, &today, name)?;
            }
            today.reset(key.as_deref())?;
            if let Some(shared) = setup::shared_store(config)? {
                shared.forget_leases(today.day, key.as_deref())?;
            }
            let whose = key.as_ref().map_or_else(|| "of everybody".to_owned(), |name| format!("of the key {name}"));
            print_line!("the spending {whose} on {} counts as nothing now", today.day);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a key of this name has spent something today, or is in `KEYS_FILE`.
fn is_known(config: &Config, today: &DaySpending, name: &str) -> anyhow::Result<()> {
    let is_listed =
        || Ok::<_, Misconfigured>(keys::of_file(config)?.unwrap_or_default().iter().any(|k| k.name == name));
    if today.spending.keys.contains_key(name) || is_listed()? {
        return Ok(());
    }
    bail!(
        "no key {name:?} has spent anything today, and KEYS_FILE has none of that name: see content-portal budget show"
    )
}

fn show(config: &Config, today: &DaySpending) -> anyhow::Result<()> {
    let of = |limit: Option<f64>| limit.map_or_else(|| "no limit".to_owned(), |usd| format!("of {usd:.4} USD"));
    let total = config.writer.budget.as_ref().map(|budget| budget.usd_per_day);
    print_line!("{:<20}  {:>10.4} USD  {}", today.day, today.spending.spent_usd, of(total));
    let limits = keys::of_file(config)?.unwrap_or_default();
    for line in limits.iter().filter(|line| !today.spending.keys.contains_key(&line.name)) {
        print_line!("{:<20}  {:>10.4} USD  {}", line.name, 0.0, of(line.budget_usd_per_day));
    }
    for (name, usd) in &today.spending.keys {
        let limit = limits.iter().find(|line| line.name == *name).and_then(|line| line.budget_usd_per_day);
        print_line!("{name:<20}  {usd:>10.4} USD  {}", of(limit));
    }
    if let Some(shared) = setup::shared_store(config)? {
        let leased = shared.leased(today.day)?;
        print_line!("{:<20}  {:>10.4} USD  by all machines together", "leased", leased.leased_usd);
        print_line!("                      the lines above are what this machine spent");
    }
    if let Some(ahead) = today.day_ahead()? {
        print_line!("the file has spending of {ahead} too: the clock was ahead once; it does not count for today");
    }
    Ok(())
}
