//! `retrain`: train on the base data and the waiting uploads, publish, say what came out.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use content_portal::model_store::ModelStore;
use content_portal::pipeline::FitParams;
use content_portal::retrain::RetrainOutcome;
use content_portal::retrain::worker::Outcome;
use hdbscan::{HdbscanParams, MinClusterSize};
use umap::UmapParams;

use super::config::Config;
use super::output::print_line;
use super::progress::{Events, ProgressView};
use super::report::{print_published, print_put_away, print_report, print_segments};
use super::training::{Training, train};

/// The exit code of a training whose candidate was refused: no error, and nothing new is live.
const REFUSED: u8 = 3;
/// Added to the priority; the system goes no lower.
const LOWEST: i32 = 19;

/// How to train; the defaults are the README's.
#[derive(Debug, Args)]
pub struct RetrainArgs {
    /// The smallest segment: a number of customers (400) or a share of them (8%).
    #[arg(long, value_name = "SIZE")]
    min_cluster_size: Option<MinClusterSize>,
    /// The seed of the map; the same data and seed give the same model.
    #[arg(long)]
    seed: Option<u64>,
    /// Publish a model of poor quality all the same.
    #[arg(long)]
    force: bool,
    /// Tell of progress and of the outcome as JSON lines, for another program.
    #[arg(long)]
    events: bool,
    /// Run at the lowest priority, so that it does not slow down a server on the same machine.
    #[arg(long, alias = "give-way")]
    lower_priority: bool,
    /// Take over the tables on standard input, which another process has read already.
    #[arg(long, hide = true)]
    recorded: bool,
}

impl RetrainArgs {
    /// Takes the lowest priority where asked to. Call it before the first thread starts, which is the log's: a thread
    /// inherits its priority.
    pub fn lower_priority_if_asked(&self) -> anyhow::Result<()> {
        if self.lower_priority {
            rustix::process::nice(LOWEST).context("the priority cannot be lowered")?;
        }
        Ok(())
    }

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

/// Trains, publishes and prints the report.
pub fn retrain(config: &Config, args: &RetrainArgs) -> anyhow::Result<ExitCode> {
    let store = ModelStore::new(&config.paths.models);
    let (params, uploads) = (args.params(), Some(config.server.upload_dir.as_path()));
    let training = Training { params: &params, uploads, force: args.force, recorded: args.recorded };
    if args.events {
        retrain_for_program(config, &store, training)
    } else {
        retrain_for_people(config, &store, training)
    }
}

/// Progress and outcome as events.
fn retrain_for_program(config: &Config, store: &ModelStore, training: Training<'_>) -> anyhow::Result<ExitCode> {
    let events = Events::default();
    let outcome = train(config, store, training, &|progress| events.show(progress))
        .inspect_err(|error| events.end(Outcome::failed(format!("{error:#}"))))?;
    events.end((&outcome).into());
    match outcome.context("nothing was published")? {
        RetrainOutcome::Published(_) | RetrainOutcome::Unchanged(_) => Ok(ExitCode::SUCCESS),
        RetrainOutcome::Refused(_) => Ok(ExitCode::from(REFUSED)),
    }
}

/// Progress as a bar or lines, and the report.
fn retrain_for_people(config: &Config, store: &ModelStore, training: Training<'_>) -> anyhow::Result<ExitCode> {
    let progress = ProgressView::new();
    let outcome = train(config, store, training, &|now| progress.show(&now))?;
    progress.finish();
    match outcome.context("nothing was published")? {
        RetrainOutcome::Published(published) => {
            let model = store.load(&published.id)?.model;
            print_published(&published);
            if let Some(page) = store.report_page(&published.id) {
                print_line!("report          {}", page.display());
            }
            print_report(&published.report);
            print_segments(model.schema(), model.segments());
            Ok(ExitCode::SUCCESS)
        }
        RetrainOutcome::Unchanged(unchanged) => {
            print_line!("unchanged       {} stays", unchanged.live);
            print_line!(
                "                the customers, the schema and the parameters are as they were; --force publishes"
            );
            print_put_away(&unchanged.put_away);
            print_report(&unchanged.report);
            Ok(ExitCode::SUCCESS)
        }
        RetrainOutcome::Refused(report) => {
            print_line!("refused         nothing was published; what was live stays");
            report.failed().for_each(|check| print_line!("                {}", check.sentence()));
            if report.files.is_empty() {
                let dir = config.paths.base_data.display();
                print_line!("                put an .xlsx, .xls or .csv file of customers into {dir}");
            }
            print_report(&report);
            Ok(ExitCode::from(REFUSED))
        }
    }
}
