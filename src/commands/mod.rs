//! The commands, each a short paragraph over the library.
#![expect(clippy::print_stdout, reason = "a command's answer is what it prints")]

mod models;
mod progress;
mod retrain;
mod segment;
mod serve;
mod setup;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use content_portal::config::{Config, ConfigErrors};
use content_portal::pipeline::FitParams;
use content_portal::pipeline::hdbscan::{HdbscanParams, MinClusterSize};
use content_portal::pipeline::umap::UmapParams;
use content_portal::workbook::run_reader;

/// Groups customers into segments and writes marketing content for each.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API (the default). Trains a model first where there is none.
    Serve,
    /// Train on BASE_DATA_DIR and the waiting uploads, and publish the model if it is good enough (else: exit code 3).
    Retrain(TrainArgs),
    /// Group the customers of one workbook and write content for each segment.
    Segment(segment::SegmentArgs),
    /// Look at the trained models, and switch between them.
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// The reader process: reads the workbook on standard input for the process at the other end of standard output.
    #[command(hide = true, name = content_portal::workbook::READER_COMMAND)]
    ReadWorkbook {
        /// Bytes of memory it may have.
        memory_bytes: u64,
        /// Seconds of processor time it may have.
        cpu_seconds: u64,
    },
}

/// How to train; the defaults are the README's.
#[derive(Debug, Args, Clone, Default)]
struct TrainArgs {
    /// The smallest segment: a number of customers (400) or a share of them (8%).
    #[arg(long, value_name = "SIZE")]
    min_cluster_size: Option<MinClusterSize>,
    /// The seed of the map; the same data and seed give the same model.
    #[arg(long)]
    seed: Option<u64>,
    /// Publish a model of poor quality all the same.
    #[arg(long)]
    force: bool,
}

impl TrainArgs {
    fn params(&self) -> FitParams {
        let mut params = FitParams::default();
        if let Some(seed) = self.seed {
            params.umap = UmapParams::default().seed(seed);
        }
        if let Some(size) = self.min_cluster_size {
            params.hdbscan = HdbscanParams::default().min_cluster_size(size);
        }
        params
    }
}

/// Runs the command of `cli`; the exit code of one that came to its end.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let command = cli.command.unwrap_or(Command::Serve);
    if let Command::ReadWorkbook { memory_bytes, cpu_seconds } = command {
        // It reads no setting, logs nothing and starts no thread.
        return Ok(run_reader(memory_bytes, cpu_seconds).map(|()| ExitCode::SUCCESS)?);
    }
    let config = Config::from_environment().map_err(|ConfigErrors(mistakes)| {
        anyhow::anyhow!("the settings cannot be taken:\n  - {}", mistakes.join("\n  - "))
    })?;
    let is_server = matches!(command, Command::Serve);
    setup::start_log(&config, if is_server { "info" } else { "warn" })?;
    for name in &config.leftovers {
        tracing::warn!("{name} has no meaning here and is ignored");
    }
    match command {
        Command::Serve => serve::serve(&config).map(|()| ExitCode::SUCCESS),
        Command::Retrain(args) => retrain::retrain(&config, &args.params(), args.force),
        Command::Segment(args) => segment::segment(&config, &args).map(|()| ExitCode::SUCCESS),
        Command::Models(command) => models::models(&config, &command),
        Command::ReadWorkbook { .. } => Ok(ExitCode::FAILURE),
    }
}
