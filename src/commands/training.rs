//! Trainings that commands run, by the settings' folders and parameters.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use content_portal::assign::{ProfilesRequest, read_profiles};
use content_portal::causes::with_causes;
use content_portal::customer::Schema;
use content_portal::model_store::{ModelStore, StoreError};
use content_portal::pipeline::{Comparison, FitParams, Judged, TrainingSettings};
use content_portal::pseudonyms::Pseudonyms;
use content_portal::retrain::worker::Parent;
use content_portal::retrain::{
    self, GateLimits, Profiles, Progress, Published, Publisher, PutAway, RetrainError, RetrainOutcome, RetrainRequest,
    Together, UploadFolder, Verdict, retrain,
};
use content_portal::workbook::Reader;
use jiff::Timestamp;
use jiff::civil::Date;

use super::config::{Config, RetrainMethod};
use super::files::is_standard;
use super::setup;

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
    /// The process that reads the events; `None` where nobody does.
    pub parent: Option<&'a Parent>,
}

impl<'a> Training<'a> {
    /// A training by these settings, on base data alone.
    pub fn by(settings: &'a TrainingSettings) -> Self {
        Self { settings, uploads: None, force: false, profiles: None, recorded: false, judged: None, parent: None }
    }
}

/// What a training reads, and by what.
struct Ingredients {
    reader: Reader,
    params: FitParams,
    pseudonyms: Option<Pseudonyms>,
    schema: Arc<Schema>,
    profiles: Option<Profiles>,
    now: Timestamp,
    today: Date,
}

impl Ingredients {
    /// By what is asked for, then by the settings, then as the live version was trained.
    fn of(config: &Config, store: &ModelStore, training: &Training<'_>) -> anyhow::Result<Self> {
        let now = Timestamp::now();
        let today = now.to_zoned(config.server.time_zone.clone()).date();
        let mut reader = setup::reader(config)?;
        if training.recorded {
            reader = reader.with_recorded(File::from(io::stdin().as_fd().try_clone_to_owned()?));
        }
        let params = params(config, store, training.settings)?;
        let pseudonyms = setup::pseudonyms(config)?;
        let schema = setup::schema(config)?;
        let profiles = training.profiles.map(|path| profiles(config, path, schema.clone(), today)).transpose()?;
        Ok(Self { reader, params, pseudonyms, schema, profiles, now, today })
    }

    fn request<'a>(
        &'a self,
        config: &'a Config,
        training: &Training<'a>,
        publisher: Option<&'a dyn Publisher>,
    ) -> RetrainRequest<'a> {
        RetrainRequest {
            base_data: &config.paths.base_data,
            uploads: training.uploads,
            pseudonyms: self.pseudonyms.as_ref(),
            profiles: self.profiles.as_ref(),
            schema: self.schema.clone(),
            params: &self.params,
            reader: &self.reader,
            gate: GateLimits::default(),
            force: training.force,
            compare_first: training.settings.method.is_none() && config.retrain_method == Some(RetrainMethod::Best),
            judged: training.judged,
            publisher,
            keep: config.retrain_keep,
            now: self.now,
            today: self.today,
        }
    }
}

/// Runs a training with the settings' folders. The outer error is one of the settings.
pub fn train(
    config: &Config,
    store: &ModelStore,
    training: Training<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<Result<RetrainOutcome, RetrainError>> {
    let begin = |shared| Together::begin(shared, store, config.retrain_keep.get());
    // A parent that publishes has begun.
    let publishes = !training.parent.is_some_and(Parent::publishes);
    let shared = if publishes { setup::shared_store(config)? } else { None };
    let together = match shared.map(begin).transpose() {
        Ok(together) => together,
        Err(error) => return Ok(Err(error)),
    };
    let itself = together.as_ref().map(|together| together as &dyn Publisher);
    let publisher = itself.or(training.parent.map(|parent| parent as &dyn Publisher));
    let ingredients = Ingredients::of(config, store, &training)?;
    let outcome = retrain(store, &ingredients.request(config, &training, publisher), progress);
    match &outcome {
        Ok(RetrainOutcome::Published(published)) => warn_of(published),
        Ok(RetrainOutcome::Unchanged(unchanged)) => warn_of_left(&unchanged.put_away),
        _ => {}
    }
    Ok(outcome)
}

/// Compares ways to train on the base data and the waiting uploads.
pub fn compare(
    config: &Config,
    store: &ModelStore,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<Comparison> {
    let settings = TrainingSettings::default();
    let training = Training { uploads: Some(upload_folder(config)), ..Training::by(&settings) };
    let ingredients = Ingredients::of(config, store, &training)?;
    let compared = retrain::compare(&ingredients.request(config, &training, None), progress);
    compared.context("the ways to train could not be compared")
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
fn params(config: &Config, store: &ModelStore, settings: &TrainingSettings) -> anyhow::Result<FitParams> {
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
    match setup::live_version(store) {
        Ok(version) => version.manifest.params,
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
