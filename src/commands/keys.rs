//! `keys`: keys for `KEYS_FILE`.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use content_portal::content::{Writer, WriterConfig};
use content_portal::http::{Expiry, Key, KeyLine, KeysFileError, Right, check_budgets, read_keys};
use jiff::Timestamp;
use uuid::Uuid;

use super::config::Config;
use super::misconfigured::Misconfigured;
use super::output::print_line;

/// How a key begins, so that it is known for one where it should not be.
const PREFIX: &str = "cp_";

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Print a new key, this once, and the line for KEYS_FILE, which holds the key's digest alone.
    New {
        /// What the key is called in logs.
        #[arg(value_parser = key_name)]
        name: String,
        /// What it may do, separated by commas: read, upload, generate, train, admin.
        #[arg(long, value_delimiter = ',', required = true)]
        rights: Vec<Right>,
        /// Its last day (UTC), such as 2027-03-31, or the time from which it is no longer good.
        #[arg(long, value_parser = future)]
        expires: Option<Expiry>,
        /// Requests a minute.
        #[arg(long, value_name = "REQUESTS", value_parser = requests)]
        rate: Option<NonZeroU32>,
        /// US dollars that its calls may cost in one day.
        #[arg(long, value_name = "USD", value_parser = dollars)]
        budget: Option<f64>,
    },
    /// List the keys of KEYS_FILE.
    List,
}

fn key_name(text: &str) -> Result<String, &'static str> {
    if !KeyLine::is_name(text) {
        return Err("take at most 40 letters, digits and the signs - _ .");
    }
    if KeyLine::is_name_of_settings(text) {
        return Err("take another name: ADMIN_KEY and API_KEYS are what logs call the keys of these settings");
    }
    Ok(text.to_owned())
}

fn future(text: &str) -> Result<Expiry, &'static str> {
    let expires: Expiry = text.parse()?;
    if expires.moment() > Timestamp::now() { Ok(expires) } else { Err("it is in the past: such a key is never good") }
}

fn requests(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "it must be a whole number of requests a minute, 1 or more")
}

fn dollars(text: &str) -> Result<f64, &'static str> {
    let usd = text.parse().ok().filter(|usd: &f64| usd.is_finite() && *usd > 0.0);
    usd.ok_or("it must be US dollars, more than 0, such as 2.50")
}

/// Makes or lists keys.
pub fn keys(config: &Config, command: &KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::List => list(config)?,
        KeysCommand::New { name, rights, expires, rate, budget } => {
            if let Some(budget) = budget {
                try_budget(config, name, *budget)?;
            }
            // The first key is made before its file.
            let is_begun = |path: &Path| path.metadata().is_ok_and(|file| file.len() > 0);
            let is_begun = config.server.keys_file.as_deref().is_some_and(is_begun);
            if is_begun && of_file(config)?.is_some_and(|keys| keys.iter().any(|key| key.name == *name)) {
                bail!("KEYS_FILE has a key {name} already: choose another name, or take its line out first");
            }
            let key = fresh();
            let line = KeyLine {
                name: name.clone(),
                sha256: Key::new(&key).to_hex(),
                rights: rights.clone(),
                expires: *expires,
                requests_per_minute: *rate,
                budget_usd_per_day: *budget,
            };
            print_line!("key   {key}");
            print_line!("line  {}", serde_json::to_string(&line)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// 244 random bits of the system.
fn fresh() -> String {
    format!("{PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// The keys of `KEYS_FILE`; `None` where it is not set.
///
/// # Errors
/// [`Misconfigured::File`] when the file cannot be used.
pub fn of_file(config: &Config) -> Result<Option<Vec<KeyLine>>, Misconfigured> {
    let Some(path) = config.server.keys_file.as_deref() else { return Ok(None) };
    read_keys(path).map(Some).map_err(|cause| unusable(config, cause))
}

fn unusable(config: &Config, cause: KeysFileError) -> Misconfigured {
    let path = config.server.keys_file.clone().unwrap_or_default();
    Misconfigured::File { variable: "KEYS_FILE", path, cause: cause.into() }
}

/// Whether a budget covers a call of the writer that the settings ask for.
fn try_budget(config: &Config, name: &str, budget_usd: f64) -> anyhow::Result<()> {
    // Without budgets nothing is read or written of what is spent.
    let writer = WriterConfig { budget: None, has_key_budgets: false, ..config.writer.clone() };
    let least_call_usd = Writer::new(&writer).map_err(Misconfigured::from)?.least_call_usd();
    Ok(check_budgets(std::iter::once((name, Some(budget_usd))), least_call_usd)?)
}

/// Whether the budget of each of these keys of `KEYS_FILE` covers a call.
///
/// # Errors
/// [`Misconfigured::File`] when one does not.
pub fn check_keys(config: &Config, keys: &[KeyLine], least_call_usd: Option<f64>) -> Result<(), Misconfigured> {
    let budgets = keys.iter().map(|key| (key.name.as_str(), key.budget_usd_per_day));
    check_budgets(budgets, least_call_usd).map_err(|cause| unusable(config, cause))
}

/// An amount to the cent, or to its last digit where that is less than a cent.
fn as_given(usd: f64) -> String {
    let to_the_cent = format!("{usd:.2}");
    if to_the_cent.parse() == Ok(usd) { to_the_cent } else { usd.to_string() }
}

fn list(config: &Config) -> anyhow::Result<()> {
    for key in of_file(config)?.ok_or(Misconfigured::NoKeysFile)? {
        let rights: Vec<&str> = key.rights.iter().map(|right| right.name()).collect();
        let expires = key.expires.map_or_else(|| "never expires".to_owned(), |expires| format!("until {expires}"));
        let rate = key.requests_per_minute.map(|rate| format!("{rate} requests a minute"));
        let budget = key.budget_usd_per_day.map(|usd| format!("{} USD a day", as_given(usd)));
        let more: Vec<String> = std::iter::once(expires).chain(rate).chain(budget).collect();
        print_line!("{:<20}  {:<32}  {}", key.name, rights.join(","), more.join(", "));
    }
    Ok(())
}
