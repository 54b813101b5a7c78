//! `retrain`: train on the base data, publish, say what came out.

use anyhow::Context;
use content_portal::config::Config;
use content_portal::model_store::{ModelStore, VersionId};
use content_portal::pipeline::{FitParams, Persona};
use content_portal::retrain::{RetrainEvent, RetrainReport, RetrainRequest, retrain as run_retrain};
use jiff::{Timestamp, Zoned};

use super::progress::Progress;
use super::setup;

/// Trains, publishes and prints the report.
pub fn retrain(config: &Config, params: &FitParams) -> anyhow::Result<()> {
    let store = ModelStore::new(&config.paths.models);
    let progress = Progress::new();
    let (id, report) = train_and_publish(config, &store, params, &|event| progress.show(&event))?;
    progress.finish();
    print_report(config, &id, &report)
}

/// Trains on the base data and publishes.
pub fn train_and_publish(
    config: &Config,
    store: &ModelStore,
    params: &FitParams,
    progress: &(dyn Fn(RetrainEvent<'_>) + Sync),
) -> anyhow::Result<(VersionId, RetrainReport)> {
    let request = RetrainRequest {
        base_data: &config.paths.base_data,
        schema: setup::schema(config)?,
        params,
        limits: setup::workbook_limits(config),
        now: Timestamp::now(),
        today: Zoned::now().date(),
    };
    let (id, report) = run_retrain(store, &request, progress).context("nothing was published")?;
    if report.scores.clusters < 2 {
        tracing::warn!(segments = report.scores.clusters, "the customers are too few or too alike to be told apart");
    }
    Ok((id, report))
}

fn print_report(config: &Config, id: &VersionId, report: &RetrainReport) -> anyhow::Result<()> {
    let (scores, cleaning) = (&report.scores, &report.cleaning);
    println!("published       {id}");
    println!("files           {} read, {} skipped", report.files.len(), report.skipped.len());
    for skipped in &report.skipped {
        println!("                {}: {}", skipped.file.display(), skipped.why);
    }
    println!("rows            {} read, {} dropped", cleaning.rows_read, cleaning.n_dropped());
    for (reason, rows) in &cleaning.dropped {
        println!("                {rows} × {reason}");
    }
    println!("customers       {} in {} distinct profiles", scores.rows, scores.profiles);
    println!("outside         {:.1} % of the customers", scores.noise_share * 100.0);
    if let Some(silhouette) = scores.silhouette {
        println!("silhouette      {silhouette:.3}");
    }
    println!("trustworthiness {:.4}", scores.trustworthiness);
    println!("time            {:.2} s reading, {:.2} s fitting", report.reading_s, report.fitting_s);
    println!("segments        {}", scores.clusters);
    let schema = setup::schema(config)?;
    for segment in &report.segments {
        let summary = Persona::from_json(&schema, &segment.persona).summary(&schema);
        println!(
            "  {:>3}  {:>7} customers  {:>5.1} %  {summary}",
            segment.cluster_id,
            segment.customers,
            segment.share * 100.0
        );
    }
    Ok(())
}
