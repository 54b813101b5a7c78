//! `compare`: ways to train, tried on the base data and the waiting uploads; the best may be published.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use content_portal::model_store::ModelStore;
use content_portal::pipeline::{CandidateName, Comparison, Judged, TrainingSettings};
use content_portal::retrain::worker::Outcome;
use content_portal::retrain::{self, GateLimits, Progress, RetrainRequest, comparison_page};
use jiff::Timestamp;

use super::config::Config;
use super::output::print_line;
use super::progress::{Events, ProgressView};
use super::setup;
use super::training::{params, upload_folder};

/// What to do with the comparison.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Print the comparison as JSON.
    #[arg(long)]
    json: bool,
    /// Write the comparison as a page, one HTML file that needs no network.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Train as this candidate, or as the best where one passes, and publish the model if the gate lets it pass.
    #[arg(long, value_name = "NAME")]
    publish: Option<Chosen>,
    /// Tell of progress and of the result as JSON lines, for another program; nothing is published.
    #[arg(long, conflicts_with_all = ["json", "page", "publish"])]
    events: bool,
    /// Run at the lowest priority, so that it does not slow down a server on the same machine.
    #[arg(long)]
    pub lower_priority: bool,
    /// With --publish: publish a model of poor quality all the same.
    #[arg(long, requires = "publish")]
    force: bool,
}

/// Which candidate is to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    Best,
    Named(CandidateName),
}

impl FromStr for Chosen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "best" { Ok(Self::Best) } else { text.parse().map(Self::Named) }
    }
}

/// Compares, prints, and publishes where asked to.
pub fn compare(config: &Config, args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let store = ModelStore::new(&config.paths.models);
    if args.events {
        return compare_for_program(config, &store);
    }
    let progress = ProgressView::new();
    let comparison = compared(config, &store, &|now| progress.show(&now))?;
    progress.finish();
    if let Some(path) = &args.page {
        let page = comparison_page(&comparison)?;
        fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if args.json {
        print_line!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        print_comparison(&comparison);
    }
    let Some(chosen) = args.publish else { return Ok(ExitCode::SUCCESS) };
    let candidate = match chosen {
        Chosen::Best => comparison.best(),
        Chosen::Named(name) => comparison.candidate(name),
    };
    match candidate {
        Some(candidate) => publish(config, &store, &candidate.settings, args.force),
        None => {
            print_line!("published       nothing; what is live stays");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Progress and result as events.
fn compare_for_program(config: &Config, store: &ModelStore) -> anyhow::Result<ExitCode> {
    let events = Events::default();
    let comparison = compared(config, store, &|progress| events.show(progress))
        .inspect_err(|error| events.end(Outcome::failed(format!("{error:#}"))))?;
    events.end(Outcome::compared(comparison));
    Ok(ExitCode::SUCCESS)
}

fn compared(config: &Config, store: &ModelStore, progress: &(dyn Fn(Progress) + Sync)) -> anyhow::Result<Comparison> {
    let now = Timestamp::now();
    let (reader, params) = (setup::reader(config)?, params(config, store, &TrainingSettings::default())?);
    let pseudonyms = setup::pseudonyms(config)?;
    let request = RetrainRequest {
        base_data: &config.paths.base_data,
        uploads: Some(upload_folder(config)),
        pseudonyms: pseudonyms.as_ref(),
        schema: setup::schema(config)?,
        params: &params,
        reader: &reader,
        gate: GateLimits::default(),
        force: false,
        compare_first: false,
        keep: config.retrain_keep,
        now,
        today: now.to_zoned(config.server.time_zone.clone()).date(),
    };
    retrain::compare(&request, progress).context("the ways to train could not be compared")
}

/// Trains by these settings, as `content-portal retrain` does.
fn publish(config: &Config, store: &ModelStore, settings: &TrainingSettings, force: bool) -> anyhow::Result<ExitCode> {
    let uploads = Some(upload_folder(config));
    let training = super::training::Training { settings, uploads, force, recorded: false };
    super::retrain::retrain_for_people(config, store, training)
}

fn print_comparison(comparison: &Comparison) {
    print_line!("customers       {}, tried on {}", comparison.customers, comparison.tried_on);
    print_line!("");
    let head = ["segments", "outside", "least", "mean", "bits", "nothing", "told", "silh.", "DBCV"];
    print_line!("{:<28}{}", "candidate", head.map(|title| format!("{title:>9}")).concat());
    for judged in &comparison.candidates {
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
        let bits = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
        let cells = [
            judged.segments.map_or("–".to_owned(), |n| n.to_string()),
            judged.noise_share.map_or("–".to_owned(), |share| format!("{:.0} %", share * 100.0)),
            number(judged.least_jaccard),
            number(judged.mean_jaccard),
            bits(judged.bits.map(|bits| bits.mean)),
            bits(judged.bits.map(|bits| bits.null)),
            judged.told.len().to_string(),
            number(judged.silhouette),
            number(judged.dbcv),
        ];
        print_line!("{:<28}{}", judged.name.to_string(), cells.map(|cell| format!("{cell:>9}")).concat());
        print_line!("    {}", fate(judged, comparison));
    }
    print_line!("");
    print_line!("{}", comparison.sentence);
}

/// What a candidate is, and why it is out.
fn fate(judged: &Judged, comparison: &Comparison) -> String {
    let out: Vec<&str> = judged.out.iter().map(|why| why.words()).collect();
    let fate = match (&judged.failure, out.is_empty()) {
        (Some(failure), _) => format!("out: {failure}"),
        (None, false) => format!("out: {}", out.join("; ")),
        (None, true) if comparison.best == Some(judged.name) => "the best".to_owned(),
        (None, true) => "passes".to_owned(),
    };
    let decided = judged.decided_by.as_ref().map(|decided| format!(" {}", decided.sentence)).unwrap_or_default();
    format!("{}: {fate}.{decided}", judged.name.words())
}
