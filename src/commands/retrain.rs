//! `retrain`: train on the base data and the waiting uploads, publish, say what came out.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use content_portal::config::Config;
use content_portal::customer::Schema;
use content_portal::model_store::ModelStore;
use content_portal::pipeline::{FitParams, Scores, Segment};
use content_portal::retrain::{
    GateCheck, GateLimits, Published, RetrainError, RetrainEvent, RetrainOutcome, RetrainReport, RetrainRequest,
    Verdict, retrain as run_retrain,
};
use jiff::{Timestamp, Zoned};

use super::models::score;
use super::progress::Progress;
use super::setup;

/// The exit code of a training whose candidate was refused: no error, and nothing new is live.
const REFUSED: u8 = 3;

/// What a training takes along, and what it overrides.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    pub params: &'a FitParams,
    /// The folder of the waiting uploads, if they are to be used and put away.
    pub uploads: Option<&'a Path>,
    pub force: bool,
}

/// Trains, publishes and prints the report.
pub fn retrain(config: &Config, params: &FitParams, force: bool) -> anyhow::Result<ExitCode> {
    let store = ModelStore::new(&config.paths.models);
    let progress = Progress::new();
    let training = Training { params, uploads: Some(&config.paths.uploads), force };
    let outcome = train(config, &store, training, &|event| progress.show(&event))?;
    progress.finish();
    match outcome.context("nothing was published")? {
        RetrainOutcome::Published(published) => {
            let model = store.load(&published.id)?.model;
            print_published(&published);
            print_report(&published.report);
            print_segments(model.schema(), model.segments());
            Ok(ExitCode::SUCCESS)
        }
        RetrainOutcome::Refused(report) => {
            println!("refused         nothing was published; what was live stays");
            report.failed().for_each(|check| println!("                {}", check.sentence()));
            if report.files.is_empty() {
                let dir = config.paths.base_data.display();
                println!("                put an .xlsx, .xls or .csv file of customers into {dir}");
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
        now: Timestamp::now(),
        today: Zoned::now().date(),
    };
    let outcome = run_retrain(store, &request, progress);
    if let Ok(RetrainOutcome::Published(published)) = &outcome {
        warn_of(published);
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
    for left in &put_away.left {
        tracing::warn!(file = %left.file.display(), why = left.why, "a used upload could not be put away, and still waits");
    }
    if let Err(error) = pruned {
        tracing::warn!(%error, "old versions could not be taken away");
    }
}

fn print_published(published: &Published) {
    println!("published       {}", published.id);
    if published.report.verdict != Verdict::Passed {
        let failed: Vec<_> = published.report.failed().map(GateCheck::sentence).collect();
        println!("                although {}", failed.join("; "));
    }
    println!("uploads         {} taken over", published.put_away.moved.len());
    for left in &published.put_away.left {
        println!("                {} still waits: {}", left.file.display(), left.why);
    }
    match &published.pruned {
        Ok(pruned) if pruned.is_empty() => {}
        Ok(pruned) => println!("pruned          {} old versions", pruned.len()),
        Err(error) => println!("pruned          not: {error}"),
    }
}

fn print_report(report: &RetrainReport) {
    let (cleaning, matching) = (&report.cleaning, &report.matching);
    println!("files           {} read, {} skipped", report.files.len(), report.skipped.len());
    for skipped in &report.skipped {
        println!("                {}: {}", skipped.file.display(), skipped.why);
    }
    println!("rows            {} read, {} dropped", cleaning.rows_read, cleaning.n_dropped());
    for (reason, rows) in &cleaning.dropped {
        println!("                {rows} × {reason}");
    }
    let Some(scores) = &report.scores else { return };
    print_scores(scores);
    let took = report.seconds;
    println!(
        "time            {:.2} s reading, {:.2} s fitting, {:.2} s judging",
        took.reading, took.fitting, took.judging
    );
    if report.live.is_some() {
        let (kept, new, gone) = (matching.kept.len(), matching.new.len(), matching.vanished.len());
        println!("against live    {kept} segments go on, {new} are new, {gone} are no more");
    }
    println!("segments        {}", scores.clusters);
}

/// The scores, one a line.
pub fn print_scores(scores: &Scores) {
    println!("customers       {} in {} distinct profiles", scores.rows, scores.profiles);
    println!("outside         {:.1} % of the customers", scores.noise_share * 100.0);
    println!("silhouette      {}", score(scores.silhouette));
    println!("dbcv            {}", score(scores.dbcv));
    println!("trustworthiness {:.4}", scores.trustworthiness);
}

/// The segments, one a line.
pub fn print_segments(schema: &Schema, segments: &[Segment]) {
    for Segment { cluster_id, customers, share, persona } in segments {
        let (id, share, summary) = (cluster_id.get(), share * 100.0, persona.summary(schema));
        println!("  {id:>3}  {customers:>7} customers  {share:>5.1} %  {summary}");
    }
}
