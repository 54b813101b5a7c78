//! `retrain`: train on the base data and the waiting uploads, publish, say what came out.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use content_portal::config::Config;
use content_portal::customer::Schema;
use content_portal::model_store::ModelStore;
use content_portal::pipeline::{FitParams, Scores, Segment};
use content_portal::retrain::{
    GateCheck, GateLimits, Published, PutAway, RetrainError, RetrainEvent, RetrainOutcome, RetrainReport,
    RetrainRequest, Verdict, retrain as run_retrain,
};
use content_portal::trainer;
use hdbscan::{HdbscanParams, MinClusterSize};
use jiff::Timestamp;
use umap::UmapParams;

use super::models::score;
use super::output::say;
use super::progress::{Events, Progress};
use super::setup;

/// The exit code of a training whose candidate was refused: no error, and nothing new is live.
const REFUSED: u8 = 3;
/// Added to the priority; the system goes no lower.
const LOWEST: i32 = 19;

/// What a training takes along, and what it overrides.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    pub params: &'a FitParams,
    /// The folder of the waiting uploads, if they are to be used and put away.
    pub uploads: Option<&'a Path>,
    pub force: bool,
}

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
    /// Run at the lowest priority, so that a server on the same machine does not feel it.
    #[arg(long)]
    give_way: bool,
}

impl RetrainArgs {
    /// Takes the lowest priority where that was asked for. To be called before the first thread is started, which is
    /// the log's: each takes its priority from the one that starts it.
    pub fn give_way_if_asked(&self) -> anyhow::Result<()> {
        if self.give_way {
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
    let (params, uploads) = (args.params(), Some(config.paths.uploads.as_path()));
    let training = Training { params: &params, uploads, force: args.force };
    if args.events {
        retrain_for_program(config, &store, training)
    } else {
        retrain_for_people(config, &store, training)
    }
}

/// Progress and outcome as events.
fn retrain_for_program(config: &Config, store: &ModelStore, training: Training<'_>) -> anyhow::Result<ExitCode> {
    let events = Events::default();
    let outcome = train(config, store, training, &|event| events.show(&event))
        .inspect_err(|error| events.end(trainer::Outcome::failed(format!("{error:#}"))))?;
    events.end((&outcome).into());
    match outcome.context("nothing was published")? {
        RetrainOutcome::Published(_) | RetrainOutcome::Unchanged(_) => Ok(ExitCode::SUCCESS),
        RetrainOutcome::Refused(_) => Ok(ExitCode::from(REFUSED)),
    }
}

/// Progress as a bar or lines, and the report.
fn retrain_for_people(config: &Config, store: &ModelStore, training: Training<'_>) -> anyhow::Result<ExitCode> {
    let progress = Progress::new();
    let outcome = train(config, store, training, &|event| progress.show(&event))?;
    progress.finish();
    match outcome.context("nothing was published")? {
        RetrainOutcome::Published(published) => {
            let model = store.load(&published.id)?.model;
            print_published(&published);
            if let Some(page) = store.report_page(&published.id) {
                say!("report          {}", page.display());
            }
            print_report(&published.report);
            print_segments(model.schema(), model.segments());
            Ok(ExitCode::SUCCESS)
        }
        RetrainOutcome::Unchanged(unchanged) => {
            say!("unchanged       {} stays", unchanged.live);
            say!("                the customers, the schema and the parameters are as they were; --force publishes");
            print_put_away(&unchanged.put_away);
            print_report(&unchanged.report);
            Ok(ExitCode::SUCCESS)
        }
        RetrainOutcome::Refused(report) => {
            say!("refused         nothing was published; what was live stays");
            report.failed().for_each(|check| say!("                {}", check.sentence()));
            if report.files.is_empty() {
                let dir = config.paths.base_data.display();
                say!("                put an .xlsx, .xls or .csv file of customers into {dir}");
            }
            print_report(&report);
            Ok(ExitCode::from(REFUSED))
        }
    }
}

/// Runs a training with the settings' folders. The outer error is one of the settings.
pub fn train(
    config: &Config,
    store: &ModelStore,
    training: Training<'_>,
    progress: &(dyn Fn(RetrainEvent<'_>) + Sync),
) -> anyhow::Result<Result<RetrainOutcome, RetrainError>> {
    let now = Timestamp::now();
    let reader = setup::reader(config)?;
    let request = RetrainRequest {
        base_data: &config.paths.base_data,
        uploads: training.uploads,
        schema: setup::schema(config)?,
        params: training.params,
        reader: &reader,
        gate: GateLimits::default(),
        force: training.force,
        keep: config.retrain_keep,
        now,
        today: now.to_zoned(config.time_zone.clone()).date(),
    };
    let outcome = run_retrain(store, &request, progress);
    match &outcome {
        Ok(RetrainOutcome::Published(published)) => warn_of(published),
        Ok(RetrainOutcome::Unchanged(unchanged)) => warn_of_left(&unchanged.put_away),
        _ => {}
    }
    Ok(outcome)
}

/// What did not go well and did not keep the version from being published.
fn warn_of(published: &Published) {
    let Published { report, put_away, pruned, .. } = published;
    if report.verdict != Verdict::Passed {
        for check in report.failed() {
            tracing::warn!(check = check.name, "published all the same: {}", check.sentence());
        }
    }
    warn_of_left(put_away);
    if let Err(error) = pruned {
        tracing::warn!(%error, "old versions could not be taken away");
    }
}

fn warn_of_left(put_away: &PutAway) {
    for left in &put_away.left {
        tracing::warn!(file = %left.file.display(), why = left.why, "a used upload could not be put away, and still waits");
    }
}

fn print_published(published: &Published) {
    say!("published       {}", published.id);
    if published.report.verdict != Verdict::Passed {
        let failed: Vec<_> = published.report.failed().map(GateCheck::sentence).collect();
        say!("                although {}", failed.join("; "));
    }
    print_put_away(&published.put_away);
    match &published.pruned {
        Ok(pruned) if pruned.is_empty() => {}
        Ok(pruned) => say!("pruned          {} old versions", pruned.len()),
        Err(error) => say!("pruned          not: {error}"),
    }
}

fn print_put_away(put_away: &PutAway) {
    say!("uploads         {} taken over", put_away.moved.len());
    for left in &put_away.left {
        say!("                {} still waits: {}", left.file.display(), left.why);
    }
}

fn print_report(report: &RetrainReport) {
    let (cleaning, matching) = (&report.cleaning, &report.matching);
    say!("files           {} read, {} skipped", report.files.len(), report.skipped.len());
    for skipped in &report.skipped {
        say!("                {}: {}", skipped.file.display(), skipped.why);
    }
    if report.trained_on_sample {
        say!("                they are the sample, whose customers are invented; put your own beside it and retrain");
    }
    for file in &report.sample_set_aside {
        say!("                {} was left out: it is the sample, and there are other files", file.display());
    }
    say!("rows            {} read, {} dropped", cleaning.rows_read, cleaning.n_dropped());
    for line in cleaning.lines() {
        say!("                {line}");
    }
    for sheet in &cleaning.sheets {
        say!("                sheet {}: {}", sheet.place(), sheet.fate());
    }
    for note in &cleaning.notes {
        say!("                note: {}", note.sentence);
    }
    let Some(scores) = &report.scores else { return };
    print_scores(scores);
    let took = report.seconds;
    say!("time            {:.2} s reading, {:.2} s fitting, {:.2} s judging", took.reading, took.fitting, took.judging);
    if report.live.is_some() {
        let (kept, new, gone) = (matching.kept.len(), matching.new.len(), matching.vanished.len());
        say!("against live    {kept} segments go on, {new} are new, {gone} are no more");
    }
    say!("segments        {}", scores.clusters);
}

/// The scores, one a line.
pub fn print_scores(scores: &Scores) {
    say!("customers       {} in {} distinct profiles", scores.rows, scores.profiles);
    say!("outside         {:.1} % of the customers", scores.noise_share * 100.0);
    let error = scores.silhouette_error.map(|error| format!(" ± {error:.4}, from a sample")).unwrap_or_default();
    say!("silhouette      {}{error}", score(scores.silhouette));
    say!("dbcv            {}", score(scores.dbcv));
    say!("trustworthiness {:.4}", scores.trustworthiness);
}

/// The segments, one a line.
pub fn print_segments(schema: &Schema, segments: &[Segment]) {
    for Segment { cluster_id, customers, share, persona } in segments {
        let (id, share, summary) = (cluster_id.get(), share * 100.0, persona.summary(schema));
        say!("  {id:>3}  {customers:>7} customers  {share:>5.1} %  {summary}");
    }
}
