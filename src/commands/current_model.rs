//! The model that a command works with: the current version, one from the shared store, or the first one, trained now.

use std::fs;
use std::path::Path;

use anyhow::bail;
use content_portal::causes::with_causes;
use content_portal::model_store::{ModelStore, ModelVersion, StoreError};
use content_portal::pipeline::TrainingSettings;
use content_portal::retrain::{GateCheck, RetrainError, RetrainOutcome};
use content_portal::shared_store::{Followed, Follower, SharedStoreError};

use super::config::Config;
use super::training::{Training, train};
use super::{folders, setup};

/// The current version, or where it is broken the whole one before it; where none was ever activated, the newest; where
/// nothing was ever published, one that is trained now from the base data, which `before_training` announces.
pub fn current_or_trained(
    config: &Config,
    store: &ModelStore,
    before_training: &dyn Fn(),
) -> anyhow::Result<ModelVersion> {
    catch_up(config, store)?;
    loaded_or_trained(config, store, before_training)
}

/// The same, after [`catch_up`].
pub fn loaded_or_trained(
    config: &Config,
    store: &ModelStore,
    before_training: &dyn Fn(),
) -> anyhow::Result<ModelVersion> {
    loop {
        match setup::live_version(store) {
            Err(StoreError::NoCurrent { .. }) => {
                check_base_data(config)?;
                before_training();
                train_first(config, store)?;
            }
            loaded => return Ok(loaded?),
        }
    }
}

/// Takes over what is current in the shared store, where there is one; what goes on following it. A folder with a
/// version does without it.
pub fn catch_up(config: &Config, store: &ModelStore) -> anyhow::Result<Option<Follower>> {
    let Some(shared) = setup::shared_store(config)? else { return Ok(None) };
    let follower = shared.follower(store, config.retrain_keep.get());
    match follower.look() {
        Ok(Followed::Now(..) | Followed::Same) => {}
        Ok(Followed::NoCurrent) => {
            if store.has_version() {
                tracing::warn!(
                    event = "shared_store_empty",
                    store = shared.url(),
                    "the shared store has no version yet, and other machines cannot follow this one: content-portal \
                     models push puts one there"
                );
            }
        }
        Err(error) if store.has_version() || error.is_of_version() => {
            tracing::error!(
                event = "shared_store_not_followed",
                causes = with_causes(&error),
                "the shared store's current version cannot be taken over: the newest whole one in MODEL_DIR is used"
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Some(follower))
}

/// Publishes the first version, or waits for the process that is about to.
fn train_first(config: &Config, store: &ModelStore) -> anyhow::Result<()> {
    let base_data = config.paths.base_data.display();
    tracing::info!(event = "first_training", "there is no model yet: training one from {base_data}");
    let (settings, show) = (TrainingSettings::default(), |_| {});
    match train(config, store, Training::by(&settings), &show)? {
        Ok(RetrainOutcome::Published(_) | RetrainOutcome::Unchanged(_)) => Ok(()),
        Ok(RetrainOutcome::Refused(report)) => {
            let failed = report.failed().map(GateCheck::sentence);
            let skipped = report.skipped.iter().map(|skipped| format!("{}: {}", skipped.file, skipped.why));
            let sample = report
                .sample_set_aside
                .first()
                .map(|file| format!("{file} is the sample, which is used only where there is no other workbook"));
            let why: Vec<_> = failed.chain(skipped).chain(sample).collect();
            bail!(
                "there is no model, and {base_data} does not hold enough to train one from: {} ({})",
                put_customers(config),
                why.join("; ")
            )
        }
        Err(RetrainError::Store(StoreError::Locked { holder, .. })) => {
            tracing::info!(
                event = "waiting_for_first_training",
                holder,
                "another process trains the first model: waiting for it"
            );
            Ok(store.wait_for_writer()?)
        }
        Err(RetrainError::Shared(swapped @ SharedStoreError::Swapped { .. })) => {
            tracing::info!(event = "first_training_elsewhere", why = %swapped, "another machine trained the first model");
            catch_up(config, store).map(|_| ())
        }
        Err(error) => Err(anyhow::Error::from(error).context("nothing was published")),
    }
}

/// Whether there is neither a model nor anything to train a first one from.
pub fn has_nothing(config: &Config, store: &ModelStore) -> bool {
    !store.has_version() && !holds_anything(&config.paths.base_data)
}

/// What to do where [`has_nothing`]. An administrator can begin in the console.
pub fn how_to_begin(config: &Config) -> String {
    if may_train(config) {
        return no_model(config, "an administrator uploads the first workbook in the console, or with POST /retrain");
    }
    let put = put_customers(config);
    no_model(config, &format!("{put} and start again, or set ADMIN_KEY and upload them in the console"))
}

/// That there is neither a model nor anything to train one from, and what to do `next`.
fn no_model(config: &Config, next: &str) -> String {
    let (models, base_data) = (config.paths.models.display(), config.paths.base_data.display());
    format!("there is no model in {models} and no workbook in {base_data} to train one from: {next}")
}

fn put_customers(config: &Config) -> String {
    format!("put customers (.xlsx, .xls or .csv) into {}", config.paths.base_data.display())
}

/// Whether any key may train.
pub fn may_train(config: &Config) -> bool {
    config.server.admin_key.is_some() || config.server.keys_file.is_some()
}

/// Whether there is anything to train a first model from; the sentence that says what to do where there is not.
fn check_base_data(config: &Config) -> anyhow::Result<()> {
    if holds_anything(&config.paths.base_data) {
        return Ok(());
    }
    folders::make_base_data(config);
    let put = put_customers(config);
    bail!(no_model(config, &format!("{put}, or set MODEL_DIR to a folder with a model")))
}

/// Hidden files, such as one that keeps a folder in git, are no workbooks.
fn holds_anything(dir: &Path) -> bool {
    let is_hidden = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
    fs::read_dir(dir).is_ok_and(|entries| entries.flatten().any(|entry| !is_hidden(&entry)))
}
