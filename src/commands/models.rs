//! `models`: look at the trained versions, switch between them, check them, take old ones away, bring pickles along;
//! copy them to a shared store and from one (`transfer.rs`).

mod transfer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, anyhow};
use clap::Subcommand;
use content_portal::model_store::{Manifest, ModelStore, VersionId};
use content_portal::pickles::{self, ImportRequest, Imported};
use content_portal::pipeline::Scores;
use jiff::Timestamp;

use super::config::Config;
use super::output::{counted, print_field, print_further, print_line};
use super::report::{print_scores, print_segments, score};
use super::setup;

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List every version, oldest first; a star marks the current one.
    List,
    /// Show one version: its scores and its segments.
    Show {
        /// The version, or `current`.
        #[arg(value_name = "VERSION")]
        wanted: Wanted,
        /// Print the report of its training as JSON.
        #[arg(long)]
        report: bool,
    },
    /// Make a version the current one; a running server takes it over by itself.
    Activate {
        /// The version.
        #[arg(value_name = "VERSION")]
        wanted: Wanted,
    },
    /// Check every file of a version, or of all; ends with an error if one is not as it was written.
    Verify {
        /// The version, or `current`; without it every version is checked.
        #[arg(value_name = "VERSION")]
        wanted: Option<Wanted>,
    },
    /// Make a version of the Flask service's pickles, as tools/export_pickles.py wrote them into DIR.
    Import {
        /// The folder that the script wrote.
        dir: PathBuf,
        /// Make the version the current one.
        #[arg(long)]
        activate: bool,
    },
    /// Copy a version to a shared store and make it the current one there.
    Push(transfer::TransferArgs),
    /// Copy a version from a shared store and make it the current one here, once it is whole.
    Pull(transfer::TransferArgs),
    /// Take the oldest versions away until RETRAIN_KEEP are left; never the current one, nor the one before it.
    Prune,
}

impl ModelsCommand {
    /// Whether it changes something, here or in a shared store.
    pub fn writes(&self) -> bool {
        match self {
            Self::Activate { .. } | Self::Import { .. } | Self::Push(_) | Self::Pull(_) | Self::Prune => true,
            Self::List | Self::Show { .. } | Self::Verify { .. } => false,
        }
    }
}

/// A version that was asked for.
#[derive(Debug, Clone)]
pub enum Wanted {
    Current,
    Version(VersionId),
}

impl FromStr for Wanted {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "current" { Ok(Self::Current) } else { Ok(Self::Version(text.parse()?)) }
    }
}

impl Wanted {
    fn id(&self, store: &ModelStore) -> anyhow::Result<VersionId> {
        match self {
            Self::Current => Ok(store.current()?),
            Self::Version(id) => Ok(id.clone()),
        }
    }
}

/// Runs a `models` command.
pub fn models(config: &Config, command: &ModelsCommand) -> anyhow::Result<ExitCode> {
    let store = setup::store(config);
    match command {
        ModelsCommand::List => list(config, &store)?,
        ModelsCommand::Show { wanted, report } => show(&store, &wanted.id(&store)?, *report)?,
        ModelsCommand::Activate { wanted } => {
            let id = wanted.id(&store)?;
            let before = store.current().ok();
            setup::activate(config, &store, &id).with_context(|| format!("{id} was not activated"))?;
            match before {
                Some(before) if before == id => print_field!("current", "{id}, as before: nothing has changed"),
                before => {
                    print_field!("current", "{id}");
                    if let Some(before) = before {
                        print_field!("before", "{before}");
                    }
                }
            }
        }
        ModelsCommand::Import { dir, activate } => import(config, &store, dir, *activate)?,
        ModelsCommand::Verify { wanted } => return verify(&store, wanted.as_ref()),
        ModelsCommand::Push(args) => transfer::push(config, &store, args)?,
        ModelsCommand::Pull(args) => transfer::pull(config, &store, args)?,
        ModelsCommand::Prune => {
            let pruned = store.prune(&store.lock()?, config.retrain_keep.get())?;
            print_field!("pruned", "{}", counted(pruned.len(), "version"));
            pruned.iter().for_each(|id| print_further!("{id}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(config: &Config, store: &ModelStore) -> anyhow::Result<()> {
    let versions = store.list()?;
    if versions.is_empty() {
        print_line!("there is no model in {}: run content-portal retrain", config.paths.models.display());
        return Ok(());
    }
    print_line!(
        "  {:<26}  {:>9}  {:>8}  {:>8}  {:>7}  {:>10}  {:>6}  {}",
        "version",
        "customers",
        "profiles",
        "segments",
        "outside",
        "silhouette",
        "dbcv",
        "trained on"
    );
    for version in versions {
        let mark = if version.is_current { '*' } else { ' ' };
        match version.manifest {
            Ok(manifest) => {
                let trained_on = trained_on(&manifest);
                let Scores { rows, profiles, clusters, noise_share, silhouette, dbcv, .. } = manifest.scores;
                let outside = format!("{:.1} %", noise_share * 100.0);
                print_line!(
                    "{mark} {:<26}  {rows:>9}  {profiles:>8}  {clusters:>8}  {outside:>7}  {:>10}  {:>6}  {trained_on}",
                    version.id.as_str(),
                    score(silhouette),
                    score(dbcv)
                );
            }
            Err(error) => print_line!("{mark} {:<26}  {:#}", version.id.as_str(), anyhow::Error::from(error)),
        }
    }
    Ok(())
}

fn show(store: &ModelStore, id: &VersionId, report: bool) -> anyhow::Result<()> {
    if report {
        print_line!("{}", serde_json::to_string_pretty(&store.report(id)?)?);
        return Ok(());
    }
    let version = store.load(id)?;
    let (manifest, scores) = (&version.manifest, &version.manifest.scores);
    let is_current = store.current().is_ok_and(|current| current == *id);
    super::report::print_decided_by(scores);
    print_field!("version", "{id}{}", if is_current { " (current)" } else { "" });
    print_field!("made", "{:.0}", manifest.created_at);
    print_field!("trained on", "{}", trained_on(manifest));
    if let Some(page) = store.report_page(id) {
        print_field!("report", "{}", page.display());
    }
    print_scores(scores);
    print_field!("segments", "{}", scores.clusters);
    print_segments(version.model.segments());
    Ok(())
}

fn import(config: &Config, store: &ModelStore, dir: &Path, activate: bool) -> anyhow::Result<()> {
    let (schema, now, today) = (setup::schema(config)?, Timestamp::now(), setup::today(config));
    let shared = setup::shared_store(config)?;
    let request = ImportRequest { dir, schema, activate: activate && shared.is_none(), now, today };
    let Imported { id, report } = pickles::import(store, &request).context("nothing was imported")?;
    if let Some(shared) = shared.filter(|_| activate) {
        shared.activate(store, &id)?;
    }
    print_field!("imported", "{id}{}", if activate { " (current)" } else { "" });
    print_scores(&report.scores);
    print_field!("labels", "{} of {} training rows keep theirs", report.labels_kept, report.scores.rows);
    print_field!("personas", "{} taken over", report.personas);
    for persona in &report.personas_without_cluster {
        print_further!("not the one of {persona}, which is no cluster");
    }
    print_field!("segments", "{}", report.scores.clusters);
    let model = store.load(&id)?.model;
    print_segments(model.segments());
    if !activate {
        print_field!("to serve it", "content-portal models activate {id}");
    }
    Ok(())
}

fn verify(store: &ModelStore, wanted: Option<&Wanted>) -> anyhow::Result<ExitCode> {
    let ids: Vec<VersionId> = match wanted {
        Some(wanted) => vec![wanted.id(store)?],
        None => store.list()?.into_iter().map(|version| version.id).collect(),
    };
    let mut n_broken = 0;
    for id in ids {
        let faults = store.verify(&id)?;
        print_line!("{id}  {}", if faults.is_empty() { "whole" } else { "broken" });
        n_broken += usize::from(!faults.is_empty());
        for fault in faults {
            print_line!("  {:#}", anyhow!(fault));
        }
    }
    Ok(if n_broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whose customers a version was trained on.
fn trained_on(manifest: &Manifest) -> &'static str {
    match &manifest.trained_on {
        Some(on) if on.sample => "the sample",
        Some(_) => "own customers",
        None => "–",
    }
}
