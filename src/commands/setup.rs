//! What several commands put together from the settings.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use content_portal::content::{Gallery, Lease, Lessor, Writer};
use content_portal::customer::Schema;
use content_portal::disk::Keeper;
use content_portal::model_store::{ModelStore, ModelVersion, Servable, StoreError, VersionId};
use content_portal::pipeline::{SegmentId, TrainingSettings};
use content_portal::pseudonyms::Pseudonyms;
use content_portal::shared_store::SharedStore;
use content_portal::text_file;
use content_portal::unique_json::{ValueFault, parse_value};
use content_portal::workbook::Reader;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::config::Config;
use super::misconfigured::Misconfigured;
use super::of_flask_service;

/// The file of training parameters, where `TRAINING_PATH` names no other.
const TRAINING: &str = "training.json";

/// Marketers' entries by cluster id, from `PERSONA_PATH`.
pub type PersonaEntries = BTreeMap<SegmentId, Map<String, Value>>;

/// The schema to train by: `SCHEMA_PATH`, or the built-in one.
pub fn schema(config: &Config) -> anyhow::Result<Arc<Schema>> {
    let schema = match &config.paths.schema {
        Some(path) => {
            let unusable = |cause| Misconfigured::File { variable: "SCHEMA_PATH", path: path.clone(), cause };
            let json = text_file::read(path).map_err(|e| unusable(e.into()))?;
            let schema = Schema::from_json(json.as_bytes()).map_err(|e| unusable(e.into()))?;
            schema.check_titles().map_err(|e| unusable(e.into()))?;
            schema
        }
        None => Schema::built_in()?,
    };
    Ok(Arc::new(schema))
}

/// The model store, with the reserve on its disk.
pub fn store(config: &Config) -> ModelStore {
    ModelStore::new(&config.paths.models).with_disk(Keeper::new(config.server.upload_rules.min_free_bytes))
}

/// The store that several servers share; `None` where `STORE_URL` is not set. One for the whole process, whose settings
/// do not change.
pub fn shared_store(config: &Config) -> anyhow::Result<Option<SharedStore>> {
    static OPENED: OnceLock<SharedStore> = OnceLock::new();
    if let Some(opened) = OPENED.get() {
        return Ok(Some(opened.clone()));
    }
    let opened = SharedStore::of_settings(&config.shared).map_err(Misconfigured::from)?;
    Ok(opened.map(|opened| OPENED.get_or_init(|| opened).clone()))
}

/// The current version, or the newest whole one in its place; the log says why.
///
/// # Errors
/// As [`ModelStore::load_servable`].
pub fn live_version(store: &ModelStore) -> Result<ModelVersion, StoreError> {
    let Servable { version, fallback_from } = store.load_servable()?;
    if let Some(fault) = fallback_from {
        tell_why(&version, fault);
    }
    Ok(version)
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

/// Makes a version the current one: of the shared store first, where there is one.
pub fn activate(config: &Config, store: &ModelStore, id: &VersionId) -> anyhow::Result<()> {
    match shared_store(config)? {
        Some(shared) => shared.activate(store, id)?,
        None => store.activate(id)?,
    }
    Ok(())
}

/// The key of identifiers, and who was erased; `None` where neither was ever needed.
pub fn pseudonyms(config: &Config) -> anyhow::Result<Option<Pseudonyms>> {
    let folder = &config.writer.state_dir;
    Pseudonyms::load(folder).with_context(|| format!("the key of identifiers in {} cannot be used", folder.display()))
}

/// How to train: `TRAINING_PATH`, or else `training.json` beside the schema or in the model folder, if it is there.
pub fn training_settings(config: &Config) -> anyhow::Result<TrainingSettings> {
    let paths = &config.paths;
    let beside = paths.schema.as_deref().and_then(Path::parent).unwrap_or(&paths.models);
    let path = paths.training.clone().unwrap_or_else(|| beside.join(TRAINING));
    let unusable = |cause| Misconfigured::File { variable: "TRAINING_PATH", path: path.clone(), cause };
    if paths.training.is_none() && !path.exists() {
        return Ok(TrainingSettings::default());
    }
    let json = text_file::read(&path).map_err(|error| unusable(error.into()))?;
    Ok(TrainingSettings::from_json(&json).map_err(|error| unusable(error.into()))?)
}

/// The day that it is by the clock of `TIME_ZONE`: dates after it are in the future.
pub fn today(config: &Config) -> Date {
    Timestamp::now().to_zoned(config.server.time_zone.clone()).date()
}

/// The writer that the settings ask for.
pub fn writer(config: &Config) -> anyhow::Result<Writer> {
    let mut settings = config.writer.clone();
    if let Some(shared) = shared_store(config)? {
        settings.lessor = Some(Arc::new(Together(shared.clone())));
        settings.gallery = Some(Arc::new(Together(shared)));
    }
    Ok(Writer::new(&settings).map_err(Misconfigured::from)?)
}

/// What the writers of several machines have together, in the shared store.
#[derive(Debug)]
struct Together(SharedStore);

impl Lessor for Together {
    fn lease(&self, lease: &Lease) -> io::Result<f64> {
        let leased = self.0.lease(lease.day, lease.key.as_deref(), |leased_usd| lease.grant(leased_usd));
        leased.map_err(io::Error::other)
    }

    fn give_again(&self, day: Date, key: Option<&str>, usd: f64) {
        self.0.give_again(day, key, usd);
    }

    fn returnable_usd(&self, day: Date, key: Option<&str>) -> f64 {
        self.0.leased_here_usd(day, key)
    }

    fn give_back(&self, day: Date, key: Option<&str>, usd: f64) -> io::Result<()> {
        self.0.give_back(day, key, usd).map_err(io::Error::other)
    }
}

impl Gallery for Together {
    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.put_picture(name, bytes).map_err(io::Error::other)
    }

    fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.picture(name).map_err(io::Error::other)
    }
}

/// What reads workbooks: this binary, started once more.
pub fn reader(config: &Config) -> anyhow::Result<Reader> {
    // On Linux the running binary itself, also where another has taken its place on disk since.
    let running = Path::new("/proc/self/exe");
    let program = if running.exists() {
        running.to_owned()
    } else {
        std::env::current_exe().context("this program's own file cannot be found, to read workbooks with")?
    };
    Ok(Reader::new(program, config.limits, config.bounds))
}

/// Marketers' additions to the personas, or none.
pub fn persona_entries(config: &Config) -> anyhow::Result<PersonaEntries> {
    let Some(path) = config.paths.personas.as_deref() else { return Ok(PersonaEntries::new()) };
    if of_flask_service::is_pickle(path) {
        of_flask_service::warn_of("PERSONA_PATH", path);
        return Ok(PersonaEntries::new());
    }
    let unusable = |cause| Misconfigured::File { variable: "PERSONA_PATH", path: path.to_owned(), cause };
    let json = text_file::read(path).map_err(|e| unusable(e.into()))?;
    if let Err(ValueFault::Repeated(key)) = parse_value(&json) {
        return Err(unusable(format!("has the key {key} twice: give it once").into()).into());
    }
    Ok(serde_json::from_str(&json).map_err(|cause| unusable(NotEntries(cause).into()))?)
}

/// Text that is not a table of marketers' entries.
#[derive(Debug, thiserror::Error)]
#[error("must be a JSON object of cluster ids, such as {{\"0\": {{\"Interests\": \"running\"}}}}")]
struct NotEntries(#[source] serde_json::Error);

/// Lays marketers' additions over the personas of `version`.
pub fn overlay(version: &mut ModelVersion, entries: &PersonaEntries) {
    let overlaid = version.model.overlay_personas(entries);
    for id in overlaid.without_segment {
        tracing::warn!(
            event = "persona_entry_unknown",
            cluster_id = %id,
            "PERSONA_PATH names a segment that the model does not have"
        );
    }
    for (id, contradiction) in overlaid.contradictions {
        tracing::warn!(
            event = "persona_entry_contradicted",
            cluster_id = %id,
            "the entry of segment {id} in PERSONA_PATH is not of this model: {contradiction}; what was trained stays"
        );
    }
}

/// Warns if the segments are those of the sample's invented customers.
pub fn warn_of_sample(version: &ModelVersion) {
    if version.manifest.is_of_the_sample() {
        tracing::warn!(
            event = "trained_on_sample",
            model_version = %version.id,
            "the model was trained on the sample, whose customers are invented: put your own into BASE_DATA_DIR and \
             run content-portal retrain"
        );
    }
}
