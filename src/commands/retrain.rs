//! `retrain`: train on the base data and the waiting uploads, publish, say what came out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use content_portal::causes::with_causes;
use content_portal::customer::ColumnSettings;
use content_portal::model_store::ModelStore;
use content_portal::pipeline::{FitParams, Method, SegmentId, TrainingSettings, WrongSetting, WrongSettings};
use content_portal::retrain::worker::{Outcome, Parent};
use content_portal::retrain::{RetrainError, RetrainOutcome};
use hdbscan::{ClusterSelection, MinClusterSize};
use serde_json::{Value, json};

use super::config::Config;
use super::output::{print_field, print_further};
use super::progress::{Events, ProgressView};
use super::report::{print_published, print_put_away, print_report, print_segments};
use super::training::{Training, train, upload_folder};
use super::{exposure, setup};

/// The exit code of a training whose candidate was refused: no error, and nothing new is live.
const REFUSED: u8 = 3;
/// Added to the priority; the system goes no lower.
const LOWEST: i32 = 19;

/// How to find the segments: what is not given is as `TRAINING_PATH` has it, or else as in the live version.
#[derive(Debug, Clone, Args)]
pub struct SettingArgs {
    /// What finds the segments: umap_hdbscan or latent_classes.
    #[arg(long, value_name = "METHOD")]
    method: Option<Method>,
    /// Neighbours of a profile on the map, itself among them.
    #[arg(long, value_name = "N")]
    n_neighbors: Option<usize>,
    /// The distance on the map up to which two profiles count as one, 0 to 1.
    #[arg(long, value_name = "DISTANCE")]
    min_dist: Option<f32>,
    /// Dimensions of the map.
    #[arg(long, value_name = "N")]
    n_components: Option<usize>,
    /// Neighbours that make a place on the map dense.
    #[arg(long, value_name = "N")]
    min_samples: Option<usize>,
    /// The smallest segment: a number of customers (400) or a share of them (8%).
    #[arg(long, value_name = "SIZE")]
    min_cluster_size: Option<MinClusterSize>,
    /// Which clusters are chosen: excess_of_mass or leaf.
    #[arg(long, value_name = "RULE", value_parser = selection)]
    selection: Option<ClusterSelection>,
    /// The seed of the map; the same customers and seed give the same model.
    #[arg(long, allow_negative_numbers = true, value_parser = seed)]
    seed: Option<u64>,
    /// How columns count, as JSON: {"weights": {"Join_Quarter": 0}, "scales": {"Spend": "log"}}; {} is as the schema
    /// has it.
    #[arg(long, value_name = "JSON", value_parser = columns)]
    columns: Option<ColumnSettings>,
}

fn columns(json: &str) -> Result<ColumnSettings, String> {
    let broken = |error: serde_json::Error| format!("the JSON is broken at column {}", error.column());
    let columns: Value = serde_json::from_str(json).map_err(broken)?;
    let settings = TrainingSettings::from_json(&json!({ "columns": columns }).to_string());
    settings.map(|settings| settings.columns.unwrap_or_default()).map_err(|wrong| wrong.to_string())
}

fn seed(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "it must be a whole number, 0 or more")
}

fn selection(text: &str) -> Result<ClusterSelection, &'static str> {
    match text {
        "excess_of_mass" | "eom" => Ok(ClusterSelection::ExcessOfMass),
        "leaf" => Ok(ClusterSelection::Leaf),
        _ => Err("it must be excess_of_mass or leaf"),
    }
}

impl From<SettingArgs> for TrainingSettings {
    fn from(args: SettingArgs) -> Self {
        let SettingArgs { method, n_neighbors, min_dist, n_components, min_samples, .. } = args;
        let SettingArgs { min_cluster_size, selection, seed, columns, .. } = args;
        Self { method, n_neighbors, min_dist, n_components, min_samples, min_cluster_size, selection, seed, columns }
    }
}

/// How to train.
#[derive(Debug, Args)]
pub struct RetrainArgs {
    #[command(flatten)]
    settings: SettingArgs,
    /// Publish even a model of poor quality, or an unchanged one.
    #[arg(long)]
    force: bool,
    /// Report progress and the outcome as JSON lines, for another program.
    #[arg(long)]
    events: bool,
    /// Run at the lowest priority, so that it does not slow down a server on the same machine.
    #[arg(long, alias = "give-way")]
    lower_priority: bool,
    /// Read the environment alone, and no .env file.
    #[arg(long)]
    pub no_env_file: bool,
    /// Train on the profiles of this file, each with its number of customers, and on nothing else: CSV or an Arrow IPC
    /// stream, as the statement of `sql group` yields it; - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "recorded")]
    profiles: Option<PathBuf>,
    /// Take over the tables on standard input, which another process has read already.
    #[arg(long, hide = true)]
    recorded: bool,
    /// Leave it to the process at the other end of standard output to publish for several machines. New segments get
    /// ids from this one on.
    #[arg(long, hide = true, value_name = "ID", requires = "events")]
    parent_publishes: Option<u32>,
}

impl RetrainArgs {
    /// What is wrong with the settings that were given.
    pub fn fault(&self) -> Option<String> {
        let settings = TrainingSettings::from(self.settings.clone());
        // By themselves: with those of the live version they are checked again.
        let json = serde_json::to_string(&settings).ok()?;
        let of_flag = |wrong: &WrongSetting| format!("--{} {}", wrong.key.replace('_', "-"), wrong.message);
        match TrainingSettings::from_json(&json) {
            Err(WrongSettings(wrong)) => Some(wrong.iter().map(of_flag).collect::<Vec<_>>().join("; ")),
            Ok(settings) => settings.applied(&FitParams::default()).err().map(|error| with_causes(&error)),
        }
    }

    /// Whether another program started it: a server's training has the server's user.
    pub fn is_for_program(&self) -> bool {
        self.events
    }

    /// Takes the lowest priority where asked to. Call it before the first thread starts, which is the log's: a thread
    /// inherits its priority.
    pub fn lower_priority_if_asked(&self) -> anyhow::Result<()> {
        if self.lower_priority { lower_priority() } else { Ok(()) }
    }
}

/// Takes the lowest priority, for this thread and those that it starts.
pub(super) fn lower_priority() -> anyhow::Result<()> {
    rustix::process::nice(LOWEST).context("the priority cannot be lowered")?;
    Ok(())
}

/// Trains, publishes and prints the report.
pub fn retrain(config: &Config, args: &RetrainArgs) -> anyhow::Result<ExitCode> {
    if config.shared.url.is_some() {
        // The keys of the store may be in this process's environment.
        exposure::hide_from_others();
    }
    let store = setup::store(config);
    let (settings, uploads) = (args.settings.clone().into(), Some(upload_folder(config)));
    let parent = args.events.then(|| parent(args.parent_publishes));
    let training = Training {
        uploads,
        force: args.force,
        profiles: args.profiles.as_deref(),
        recorded: args.recorded,
        parent: parent.as_ref(),
        ..Training::by(&settings)
    };
    if args.events {
        retrain_for_program(config, &store, training)
    } else {
        retrain_for_people(config, &store, training)
    }
}

/// The process that reads the events, which publishes where it has said from where new segments' ids go on.
pub(super) fn parent(next_segment_id: Option<u32>) -> Parent {
    Parent::new(next_segment_id.map(SegmentId::new))
}

/// Progress and outcome as events.
fn retrain_for_program(config: &Config, store: &ModelStore, training: Training<'_>) -> anyhow::Result<ExitCode> {
    let events = Events::default();
    let outcome = train(config, store, training, &|progress| events.show(progress))
        .inspect_err(|error| events.end(Outcome::of_error(error.as_ref())))?;
    events.end((&outcome).into());
    match finished(outcome)? {
        RetrainOutcome::Published(_) | RetrainOutcome::Unchanged(_) => Ok(ExitCode::SUCCESS),
        RetrainOutcome::Refused(_) => Ok(ExitCode::from(REFUSED)),
    }
}

/// What came of a training; where another one is under way or published first, it ended `locked`.
pub(super) fn finished(outcome: Result<RetrainOutcome, RetrainError>) -> anyhow::Result<RetrainOutcome> {
    outcome.map_err(|error| {
        let locked = if error.is_locked() { "locked: " } else { "" };
        anyhow::Error::from(error).context(format!("{locked}nothing was published"))
    })
}

/// Progress as a bar or lines, and the report.
pub(super) fn retrain_for_people(
    config: &Config,
    store: &ModelStore,
    training: Training<'_>,
) -> anyhow::Result<ExitCode> {
    let progress = ProgressView::new();
    let outcome = train(config, store, training, &|now| progress.show(&now))?;
    progress.finish();
    match finished(outcome)? {
        RetrainOutcome::Published(published) => {
            let model = store.load(&published.id)?.model;
            print_published(&published);
            if let Some(page) = store.report_page(&published.id) {
                print_field!("report", "{}", page.display());
            }
            print_report(&published.report);
            print_segments(model.segments());
            Ok(ExitCode::SUCCESS)
        }
        RetrainOutcome::Unchanged(unchanged) => {
            print_field!("unchanged", "{} stays", unchanged.live);
            print_further!("the customers, the schema and the parameters are as they were; --force publishes");
            print_put_away(&unchanged.put_away);
            print_report(&unchanged.report);
            Ok(ExitCode::SUCCESS)
        }
        RetrainOutcome::Refused(report) => {
            print_field!("refused", "nothing was published; what was live stays");
            report.failed().for_each(|check| print_further!("{}", check.sentence()));
            if report.files.is_empty() {
                let dir = config.paths.base_data.display();
                print_further!("put an .xlsx, .xls or .csv file of customers into {dir}");
            }
            print_report(&report);
            Ok(ExitCode::from(REFUSED))
        }
    }
}
