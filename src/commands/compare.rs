//! `compare`: ways to train, tried on the base data and the waiting uploads; the best may be published.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use content_portal::model_store::ModelStore;
use content_portal::pipeline::{Comparison, Judged};
use content_portal::retrain::worker::{FailureCause, Outcome, Parent, Publish};
use content_portal::retrain::{Progress, comparison_page};

use super::config::Config;
use super::files::OutputFile;
use super::output::{print_field, print_line};
use super::progress::{Events, ProgressView};
use super::training::{self, Training, train, upload_folder};
use super::{current_model, setup};

/// How much of the whole a comparison is, where a training comes after it.
const SHARE_OF_COMPARING: f32 = 0.9;

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
    #[arg(long, value_name = "NAME", value_parser = publishable())]
    publish: Option<Publish>,
    /// Report progress and the result as JSON lines, for another program.
    #[arg(long, conflicts_with_all = ["json", "page"])]
    events: bool,
    /// Run at the lowest priority, so that it does not slow down a server on the same machine.
    #[arg(long)]
    pub lower_priority: bool,
    /// Read the environment alone, and no .env file.
    #[arg(long)]
    pub no_env_file: bool,
    /// With --publish: publish even a model of poor quality.
    #[arg(long, requires = "publish")]
    force: bool,
    /// As that of `retrain`.
    #[arg(long, hide = true, value_name = "ID", requires = "events")]
    parent_publishes: Option<u32>,
}

impl CompareArgs {
    /// As that of `retrain`.
    pub fn is_for_program(&self) -> bool {
        self.events
    }
}

/// Reads what may be published, and lists it in --help.
fn publishable() -> impl TypedValueParser<Value = Publish> {
    PossibleValuesParser::new(Publish::names()).try_map(|name| name.parse::<Publish>())
}

/// Compares, prints, and publishes where asked to.
pub fn compare(config: &Config, args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let store = setup::store(config);
    if args.events {
        return compare_for_program(config, &store, args);
    }
    // Before minutes are spent.
    let page = args.page.as_deref().map(|path| OutputFile::at(path, &[])).transpose()?;
    let progress = ProgressView::new();
    let comparison = compared(config, &store, &|now| progress.show(&now))?;
    progress.finish();
    if comparison.customers == 0 {
        let dir = config.paths.base_data.display();
        bail!("there are no customers to compare by: put an .xlsx, .xls or .csv file of customers into {dir}");
    }
    if args.json {
        print_line!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        print_comparison(&comparison);
    }
    if let Some(page) = page {
        let html = comparison_page(&comparison)?;
        page.write(|mut out| Ok(out.write_all(html.as_bytes())?))?;
    }
    let Some(chosen) = args.publish else { return Ok(ExitCode::SUCCESS) };
    if let Some(why) = chosen.not_tried(&comparison) {
        bail!(why);
    }
    match chosen.choose(&comparison) {
        Some(candidate) => {
            super::retrain::retrain_for_people(config, &store, by_candidate(config, candidate, args.force, None))
        }
        None => {
            print_field!("published", "nothing; what is live stays");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Progress and result as events; trains by the chosen candidate, where one was asked for.
fn compare_for_program(config: &Config, store: &ModelStore, args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let events = Events::default();
    let publish = args.publish.unwrap_or_default();
    let share = if publish == Publish::Nothing { 1.0 } else { SHARE_OF_COMPARING };
    let scaled = |from: f32, share: f32| {
        let events = &events;
        move |progress: Progress| events.show(Progress { share: from + share * progress.share, ..progress })
    };
    let failed = |error: &anyhow::Error| events.end(Outcome::of_error(error.as_ref()));
    let comparison = compared(config, store, &scaled(0.0, share)).inspect_err(failed)?;
    let not_tried = || publish.not_tried(&comparison).map(|why| Outcome::Failed { why, cause: FailureCause::NotTried });
    let then = match publish.choose(&comparison) {
        Some(chosen) => {
            events.compared(&comparison);
            let parent = super::retrain::parent(args.parent_publishes);
            let training = by_candidate(config, chosen, args.force, Some(&parent));
            let trained = train(config, store, training, &scaled(share, 1.0 - share));
            Some(Outcome::from(&trained.inspect_err(failed)?))
        }
        None => not_tried(),
    };
    events.end(Outcome::compared(comparison, then));
    Ok(ExitCode::SUCCESS)
}

fn compared(config: &Config, store: &ModelStore, progress: &(dyn Fn(Progress) + Sync)) -> anyhow::Result<Comparison> {
    current_model::catch_up(config, store)?;
    training::compare(config, store, progress)
}

/// A training by the settings of this candidate, as `content-portal retrain` makes one.
fn by_candidate<'a>(config: &'a Config, chosen: &'a Judged, force: bool, parent: Option<&'a Parent>) -> Training<'a> {
    let uploads = Some(upload_folder(config));
    Training { uploads, force, judged: Some(chosen), parent, ..Training::by(&chosen.settings) }
}

fn print_comparison(comparison: &Comparison) {
    print_field!("customers", "{}, tried on {}", comparison.customers, comparison.tried_on);
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
