//! `settings`: every setting with its value and where it comes from.

use std::process::ExitCode;

use clap::Args;
use content_portal::config::{Loaded, Setting};
use serde_json::{Value, json};

use super::config::Config;
use super::misconfigured::misconfigured;
use super::output::{print_error, print_line};

#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints what was read, then what is wrong with it. Exit code 78 where a setting cannot be taken.
pub fn settings(loaded: &Loaded<Config>, args: &SettingsArgs) -> anyhow::Result<ExitCode> {
    let Loaded { settings, warnings, mistakes, .. } = loaded;
    if args.json {
        let settings: Vec<Value> = settings.iter().map(as_json).collect();
        let report = json!({"settings": settings, "warnings": warnings, "mistakes": mistakes});
        print_line!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let value = |setting: &Setting| setting.value.clone().unwrap_or_else(|| "–".to_owned());
        let name_width = settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
        let value_width = settings.iter().map(|setting| value(setting).chars().count()).max().unwrap_or_default();
        for setting in settings {
            print_line!("{:<name_width$}  {:<value_width$}  {}", setting.name, value(setting), setting.source);
        }
        warnings.iter().for_each(|warning| print_error(format_args!("warning: {warning}\n")));
        mistakes.iter().for_each(|mistake| print_error(format_args!("error: {mistake}\n")));
    }
    Ok(if mistakes.is_empty() { ExitCode::SUCCESS } else { misconfigured() })
}

fn as_json(setting: &Setting) -> Value {
    json!({"name": setting.name, "value": setting.value, "source": setting.source.to_string()})
}
