//! `models`: look at the trained versions.

use clap::Subcommand;
use content_portal::config::Config;
use content_portal::model_store::ModelStore;

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List every version, oldest first; a star marks the current one.
    List,
}

/// Runs a `models` command.
pub fn models(config: &Config, command: &ModelsCommand) -> anyhow::Result<()> {
    match command {
        ModelsCommand::List => list(config),
    }
}

fn list(config: &Config) -> anyhow::Result<()> {
    let versions = ModelStore::new(&config.paths.models).list()?;
    if versions.is_empty() {
        println!("there is no model in {}: run content-portal retrain", config.paths.models.display());
        return Ok(());
    }
    println!(
        "  {:<26}  {:>9}  {:>8}  {:>8}  {:>7}  {:>10}",
        "version", "customers", "profiles", "segments", "outside", "silhouette"
    );
    for version in versions {
        let mark = if version.is_current { '*' } else { ' ' };
        match version.manifest {
            Ok(manifest) => {
                let scores = manifest.scores;
                let silhouette = scores.silhouette.map_or("–".to_owned(), |s| format!("{s:.3}"));
                let outside = format!("{:.1} %", scores.noise_share * 100.0);
                println!(
                    "{mark} {:<26}  {:>9}  {:>8}  {:>8}  {outside:>7}  {silhouette:>10}",
                    version.id.as_str(),
                    scores.rows,
                    scores.profiles,
                    scores.clusters
                );
            }
            Err(error) => println!("{mark} {:<26}  {:#}", version.id.as_str(), anyhow::Error::from(error)),
        }
    }
    Ok(())
}
