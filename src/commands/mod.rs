//! The commands, each a short paragraph over the library.

mod assign;
mod budget;
mod check;
mod compare;
mod config;
mod current_model;
mod customers;
mod descriptors;
mod exposure;
mod files;
mod folders;
mod health;
mod keys;
mod log;
mod misconfigured;
mod models;
mod of_flask_service;
mod outcome;
mod output;
mod owner;
mod progress;
mod report;
mod retrain;
mod segment;
mod serve;
mod service_manager;
mod settings;
mod setup;
mod sql;
mod training;
mod uploads;
mod welcome;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use content_portal::config::Loaded;
use content_portal::workbook::run_reader;

use config::Config;
use misconfigured::exit_code;

/// Where the settings are, which are no options.
const SETTINGS: &str = "Settings come from the environment or a .env file; .env.example lists them all, README.md says \
                        what they do, and `content-portal settings` prints their values.";

/// Groups customers into segments and writes marketing content for each.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, after_help = SETTINGS)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API (the default). Trains a model first where there is none.
    Serve,
    /// Train on BASE_DATA_DIR and the waiting uploads, and publish the model if it is good enough (else: exit code 3).
    Retrain(retrain::RetrainArgs),
    /// Compare ways to train on BASE_DATA_DIR and the waiting uploads: which segments are found again and tell
    /// something.
    Compare(compare::CompareArgs),
    /// Group the customers of one workbook and write content for each segment.
    Segment(segment::SegmentArgs),
    /// Compare texts by their response rates, from a file of what was sent and who acted.
    Outcome(outcome::OutcomeArgs),
    /// Add each row's segment to the rows of a data engine: an Arrow IPC stream, or CSV, from standard input to
    /// standard output. Close standard input after the stream's end mark: `assign` waits for that.
    Assign(assign::AssignArgs),
    /// Print the statements by which a data engine groups customers into profiles, and joins their segments.
    #[command(subcommand)]
    Sql(sql::SqlCommand),
    /// Look at the trained models, and switch between them.
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Erase a customer.
    #[command(subcommand)]
    Customers(customers::CustomersCommand),
    /// Look at the kept uploads, let trainings learn from them, or erase them.
    #[command(subcommand)]
    Uploads(uploads::UploadsCommand),
    /// Show what was spent today, or count it as nothing.
    #[command(subcommand)]
    Budget(budget::BudgetCommand),
    /// Make a key for KEYS_FILE, or list the keys that are in it.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Print every setting with its value and where it comes from; secrets are masked.
    Settings(settings::SettingsArgs),
    /// Try what serving needs: folders, the model, one token of each model of the writer, the port.
    Check,
    /// Ask the server at HOST and PORT whether it is ready: exit code 0 if it is, else 1.
    Health(health::HealthArgs),
    /// The reader process: reads the workbook on standard input for the process at the other end of standard output.
    #[command(hide = true, name = content_portal::workbook::READER_COMMAND)]
    ReadWorkbook {
        /// Bytes of memory it may have.
        memory_bytes: u64,
        /// Seconds of processor time it may have.
        cpu_seconds: u64,
    },
}

/// What is logged where `RUST_LOG` is not set.
fn default_log_filter(command: &Command) -> &'static str {
    match command {
        Command::Serve => "info",
        // A training says what memory and time it will take.
        Command::Retrain(_) | Command::Compare(_) => "warn,content_portal::retrain=info",
        _ => "warn",
    }
}

impl Command {
    /// Whether it may write into the service's folders; root then works on them as their owner.
    fn writes(&self) -> bool {
        match self {
            Self::Retrain(args) => !args.is_for_program(),
            Self::Compare(args) => !args.is_for_program(),
            Self::Segment(_) | Self::Customers(_) | Self::Check => true,
            Self::Models(command) => command.writes(),
            Self::Uploads(command) => command.writes(),
            Self::Budget(command) => command.writes(),
            // A server is the service, whoever starts it. The others write nothing there.
            Self::Serve | Self::Outcome(_) | Self::Assign(_) | Self::Sql(_) | Self::Keys(_) => false,
            Self::Settings(_) | Self::Health(_) | Self::ReadWorkbook { .. } => false,
        }
    }

    fn reads_env_file(&self) -> bool {
        match self {
            Self::Retrain(args) => !args.no_env_file,
            Self::Compare(args) => !args.no_env_file,
            _ => true,
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Retrain(args)) = &cli.command
        && let Some(fault) = args.fault()
    {
        Cli::command().error(ErrorKind::ValueValidation, fault).exit();
    }
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::print_error(format_args!("error: {error:#}\n"));
            exit_code(&error)
        }
    }
}

/// Runs the command of `cli`; the exit code of one that came to its end.
fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let command = cli.command.unwrap_or(Command::Serve);
    if let Command::ReadWorkbook { memory_bytes, cpu_seconds } = command {
        // It reads no setting, logs nothing and starts no thread.
        return Ok(run_reader(memory_bytes, cpu_seconds).map(|()| ExitCode::SUCCESS)?);
    }
    if let Command::Assign(args) = &command {
        // It starts on every worker of an engine, with an environment that is not ours.
        return Ok(assign::assign(args));
    }
    let loaded = if command.reads_env_file() {
        Loaded::from_environment(Config::read)
    } else {
        Loaded::from_environment_alone(Config::read)
    };
    if let Command::Settings(args) = &command {
        return settings::settings(&loaded, args);
    }
    let (warnings, without_secrets) = (loaded.warnings.clone(), loaded.without_secrets());
    let config = loaded.config()?;
    let became = if command.writes() { owner::become_owner(&config)? } else { None };
    if let Command::Retrain(args) = &command {
        args.lower_priority_if_asked()?;
    }
    if matches!(&command, Command::Compare(args) if args.lower_priority) {
        retrain::lower_priority()?;
    }
    let log = log::start(&config, default_log_filter(&command))?;
    // A probe comes every few seconds.
    if !matches!(command, Command::Health(_)) {
        warnings.iter().for_each(|warning| tracing::warn!(event = "setting_suspicious", "{warning}"));
        of_flask_service::warn_of_models(&config);
    }
    let done = match command {
        Command::Serve => serve::serve(&config, without_secrets, log.terminal()).map(|()| ExitCode::SUCCESS),
        Command::Retrain(args) => retrain::retrain(&config, &args),
        Command::Compare(args) => compare::compare(&config, &args),
        Command::Segment(args) => segment::segment(&config, &args).map(|()| ExitCode::SUCCESS),
        Command::Outcome(args) => outcome::outcome(&config, &args).map(|()| ExitCode::SUCCESS),
        Command::Sql(command) => sql::sql(&config, &command),
        Command::Models(command) => models::models(&config, &command),
        Command::Customers(command) => customers::customers(&config, &command),
        Command::Uploads(command) => uploads::uploads(&config, &command),
        Command::Budget(command) => budget::budget(&config, &command),
        Command::Keys(command) => keys::keys(&config, &command),
        Command::Check => check::check(&config),
        Command::Health(args) => health::health(&config, &args),
        Command::Settings(_) | Command::Assign(_) | Command::ReadWorkbook { .. } => Ok(ExitCode::FAILURE),
    };
    done.inspect_err(|_| {
        if let Some(owned) = became {
            output::print_error(format_args!("note: {owned}, and this ran as that user, not as root\n"));
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_declared_without_contradictions() {
        Cli::command().debug_assert();
    }
}
