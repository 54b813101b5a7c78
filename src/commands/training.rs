//! Trainings that commands run: on request, or because there is no model yet.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use content_portal::assign::{ProfilesRequest, read_profiles};
use content_portal::causes::with_causes;
use content_portal::customer::Schema;
use content_portal::model_store::{ModelStore, ModelVersion, Servable, StoreError};
use content_portal::pipeline::{FitParams, Judged, TrainingSettings};
use content_portal::retrain::worker::Parent;
use content_portal::retrain::{
    GateCheck, GateLimits, Profiles, Progress, Published, Publisher, PutAway, RetrainError, RetrainOutcome,
    RetrainRequest, Together, UploadFolder, Verdict, retrain,
};
use content_portal::shared_store::{Followed, Follower, SharedStoreError};
use jiff::Timestamp;
use jiff::civil::Date;

use super::config::{Config, RetrainMethod};
use super::files::is_standard;
use super::{folders, setup};

/// What a training takes along, and what it overrides.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    pub settings: &'a TrainingSettings,
    /// The folder of the waiting uploads, if they are to be used and put away.
    pub uploads: Option<UploadFolder<'a>>,
    pub force: bool,
    /// A file of profiles that are trained on in place of all others; `-` for standard input.
    pub profiles: Option<&'a Path>,
    /// Whether standard input has tables that another process has read already.
    pub recorded: bool,
    /// What a comparison of the same customers found of these settings.
    pub judged: Option<&'a Judged>,
    /// The process that publishes for several machines; `None` where this one does.
    pub parent: Option<&'a Parent>,
}

/// Runs a training with the settings' folders, by what is asked for, then by the settings, then as the live version was
/// trained. The outer error is one of the settings.
pub fn train(
    config: &Config,
    store: &ModelStore,
    training: Training<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<Result<RetrainOutcome, RetrainError>> {
    let now = Timestamp::now();
    let mut reader = setup::reader(config)?;
    if training.recorded {
        reader = reader.with_recorded(File::from(io::stdin().as_fd().try_clone_to_owned()?));
    }
    let begin = |shared| Together::begin(shared, store, config.retrain_keep.get());
    let together = match setup::shared_store(config)?.map(begin).transpose() {
        Ok(together) => together,
        Err(error) => return Ok(Err(error)),
    };
    let itself = together.as_ref().map(|together| together as &dyn Publisher);
    let params = params(config, store, training.settings)?;
    let pseudonyms = setup::pseudonyms(config)?;
    let schema = setup::schema(config)?;
    let today = now.to_zoned(config.server.time_zone.clone()).date();
    let profiles = training.profiles.map(|path| profiles(config, path, schema.clone(), today)).transpose()?;
    let request = RetrainRequest {
        base_data: &config.paths.base_data,
        uploads: training.uploads,
        pseudonyms: pseudonyms.as_ref(),
        profiles: profiles.as_ref(),
        schema,
        params: &params,
        reader: &reader,
        gate: GateLimits::default(),
        force: training.force,
        compare_first: training.settings.method.is_none() && config.retrain_method == Some(RetrainMethod::Best),
        judged: training.judged,
        publisher: training.parent.map(|parent| parent as &dyn Publisher).or(itself),
        keep: config.retrain_keep,
        now,
        today,
    };
    let outcome = retrain(store, &request, progress);
    match &outcome {
        Ok(RetrainOutcome::Published(published)) => warn_of(published),
        Ok(RetrainOutcome::Unchanged(unchanged)) => warn_of_left(&unchanged.put_away),
        _ => {}
    }
    Ok(outcome)
}

/// The folder of the waiting uploads, and from which of them a training learns.
pub fn upload_folder(config: &Config) -> UploadFolder<'_> {
    UploadFolder { dir: &config.server.upload_dir, train_on: config.server.upload_rules.train_on }
}

/// The customers that a data engine has grouped into the profiles of a file.
fn profiles(config: &Config, path: &Path, schema: Arc<Schema>, today: Date) -> anyhow::Result<Profiles> {
    let (max_rows, max_values) = (config.limits.max_rows, config.limits.max_names);
    let request = ProfilesRequest { schema, today, max_rows, max_values };
    let (label, file) = if is_standard(path) {
        ("standard input".to_owned(), File::from(io::stdin().as_fd().try_clone_to_owned()?))
    } else {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        (path.file_name().map_or(name, |name| name.to_string_lossy().into_owned()), file)
    };
    let table = read_profiles(BufReader::new(file), &request).with_context(|| label.clone())?;
    Ok(Profiles { label, table })
}

/// How to train: as `settings` say, then `RETRAIN_METHOD`, then `TRAINING_PATH`, then as the live version was trained.
pub fn params(config: &Config, store: &ModelStore, settings: &TrainingSettings) -> anyhow::Result<FitParams> {
    let method = match config.retrain_method {
        Some(RetrainMethod::Always(method)) => Some(method),
        Some(RetrainMethod::Best) | None => None,
    };
    let by_setting = TrainingSettings { method, ..TrainingSettings::default() };
    let settings = settings.clone().over(&by_setting).over(&setup::training_settings(config)?);
    Ok(settings.applied(&live_params(store))?)
}

/// How the version was trained that a training goes on from, the newest whole one where the current one is broken; the
/// defaults where there is none.
fn live_params(store: &ModelStore) -> FitParams {
    match store.load_servable() {
        Ok(Servable { version, fallback_from }) => {
            if let Some(fault) = fallback_from {
                tell_why(&version, fault);
            }
            version.manifest.params
        }
        Err(StoreError::NoCurrent { .. }) => FitParams::default(),
        Err(fault) => {
            tracing::warn!(
                event = "no_whole_version",
                causes = with_causes(&fault),
                "no model version is whole: what is not set is trained by the defaults"
            );
            FitParams::default()
        }
    }
}

/// What did not go well and did not keep the version from being published.
fn warn_of(published: &Published) {
    let Published { report, put_away, pruned, .. } = published;
    if report.verdict != Verdict::Passed {
        for check in report.failed() {
            tracing::warn!(
                event = "published_despite_check",
                check = check.name,
                "published all the same: {}",
                check.sentence()
            );
        }
    }
    warn_of_left(put_away);
    if let Err(error) = pruned {
        tracing::warn!(event = "prune_failed", %error, "old versions could not be taken away");
    }
}

fn warn_of_left(put_away: &PutAway) {
    for left in &put_away.left {
        tracing::warn!(
            event = "upload_left_waiting",
            file = left.file,
            why = left.why,
            "a used upload could not be put away, and still waits"
        );
    }
}

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
        match store.load_servable() {
            Ok(Servable { version, fallback_from }) => {
                if let Some(fault) = fallback_from {
                    tell_why(&version, fault);
                }
                return Ok(version);
            }
            Err(StoreError::NoCurrent { .. }) => {
                check_base_data(config)?;
                before_training();
                train_first(config, store)?;
            }
            Err(error) => return Err(error.into()),
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

/// Says why another version than the current one is taken.
fn tell_why(version: &ModelVersion, fault: StoreError) {
    let id = &version.id;
    match fault {
        StoreError::NoCurrent { .. } => tracing::warn!(
            event = "no_active_version",
            model_version = %id,
            "no model version was activated yet: the newest is taken; content-portal models activate {id} settles it"
        ),
        fault => {
            let fault = format!("{:#}", anyhow::Error::from(fault));
            tracing::error!(
                event = "current_version_broken",
                model_version = %id,
                fault,
                "the current model version is broken: an earlier one is taken"
            );
        }
    }
}

/// Publishes the first version, or waits for the process that is about to.
fn train_first(config: &Config, store: &ModelStore) -> anyhow::Result<()> {
    let base_data = config.paths.base_data.display();
    tracing::info!(event = "first_training", "there is no model yet: training one from {base_data}");
    let training = Training {
        settings: &TrainingSettings::default(),
        uploads: None,
        force: false,
        profiles: None,
        recorded: false,
        judged: None,
        parent: None,
    };
    match train(config, store, training, &|_| {})? {
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
                "there is no model, and {base_data} does not hold enough to train one from: put customers (.xlsx, .xls \
                 or .csv) into it ({})",
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
    let (models, base_data) = (config.paths.models.display(), config.paths.base_data.display());
    let next = if may_train(config) {
        "an administrator uploads the first workbook in the console, or with POST /retrain".to_owned()
    } else {
        format!(
            "put customers (.xlsx, .xls or .csv) into {base_data} and start again, or set ADMIN_KEY and upload them in \
             the console"
        )
    };
    format!("there is no model in {models} and no workbook in {base_data} to train one from: {next}")
}

/// Whether any key may train.
pub fn may_train(config: &Config) -> bool {
    config.server.admin_key.is_some() || config.server.keys_file.is_some()
}

/// Whether there is anything to train a first model from; the sentence that says what to do where there is not.
fn check_base_data(config: &Config) -> anyhow::Result<()> {
    let base_data = config.paths.base_data.display();
    if holds_anything(&config.paths.base_data) {
        return Ok(());
    }
    folders::make_base_data(config);
    bail!(
        "there is no model in {} and no workbook in {base_data} to train one from: put customers (.xlsx, .xls or .csv) \
         into {base_data}, or set MODEL_DIR to a folder with a model",
        config.paths.models.display(),
    )
}

/// Hidden files, such as one that keeps a folder in git, are no workbooks.
fn holds_anything(dir: &Path) -> bool {
    let is_hidden = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
    fs::read_dir(dir).is_ok_and(|entries| entries.flatten().any(|entry| !is_hidden(&entry)))
}
