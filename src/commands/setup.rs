//! What several commands put together from the settings.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use content_portal::config::{Config, WriterKind as WantedWriter};
use content_portal::content::{BudgetConfig, Secret, Writer, WriterConfig, WriterKind};
use content_portal::customer::Schema;
use content_portal::model_store::ModelVersion;
use content_portal::pipeline::SegmentId;
use content_portal::text_file;
use content_portal::upload_store::UploadRules;
use content_portal::workbook::{Bounds, Limits, Reader};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::misconfigured::Misconfigured;
use super::of_flask_service;

/// Marketers' entries by cluster id, from `PERSONA_PATH`.
pub type PersonaEntries = BTreeMap<SegmentId, Map<String, Value>>;

/// The schema to train by: `SCHEMA_PATH`, or the built-in one.
pub fn schema(config: &Config) -> anyhow::Result<Arc<Schema>> {
    let schema = match &config.paths.schema {
        Some(path) => {
            let unusable = |cause| Misconfigured::File { variable: "SCHEMA_PATH", path: path.clone(), cause };
            let json = text_file::read(path).map_err(|e| unusable(e.into()))?;
            Schema::from_json(json.as_bytes()).map_err(|e| unusable(e.into()))?
        }
        None => Schema::built_in()?,
    };
    Ok(Arc::new(schema))
}

/// The day that it is by the clock of `TIME_ZONE`: dates after it are in the future.
pub fn today(config: &Config) -> Date {
    Timestamp::now().to_zoned(config.time_zone.clone()).date()
}

/// The writer that the settings ask for.
pub fn writer(config: &Config) -> anyhow::Result<Writer> {
    let wanted = &config.writer;
    let defaults = WriterConfig::default();
    let config = WriterConfig {
        kind: match wanted.kind {
            WantedWriter::Auto => WriterKind::Auto,
            WantedWriter::Openai => WriterKind::Openai,
            WantedWriter::Offline => WriterKind::Offline,
        },
        api_key: wanted.api_key.as_ref().and_then(|key| Secret::new(key.expose())),
        base_url: wanted.base_url.clone(),
        auth_header: wanted.auth_header.clone(),
        model: wanted.model.clone(),
        fallback_models: wanted.fallback_models.clone(),
        image_model: wanted.image_model.clone(),
        timeout: wanted.timeout,
        deadline: wanted.deadline,
        image_timeout: wanted.image_timeout,
        retry: defaults.retry,
        breaker: defaults.breaker,
        budget: wanted
            .daily_budget_usd
            .map(|usd_per_day| BudgetConfig { usd_per_day, state_dir: config.paths.state.clone() }),
        prompt_dir: wanted.prompt_dir.clone(),
        prices: wanted.prices.clone(),
        image_dir: config.paths.images.clone(),
    };
    Ok(Writer::new(&config).map_err(Misconfigured::from)?)
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
    let limits = Limits {
        max_rows: config.limits.rows.get(),
        max_unpacked_bytes: config.limits.unpacked_bytes,
        ..Limits::default()
    };
    let bounds = Bounds { memory_bytes: config.limits.reader_memory_bytes, time: config.limits.reader_time };
    Ok(Reader::new(program, limits, bounds))
}

/// What bounds the uploads that are kept.
pub fn upload_rules(config: &Config) -> UploadRules {
    let days = |days: NonZeroU32| Duration::from_secs(u64::from(days.get()) * 86_400);
    UploadRules {
        keep_for: config.limits.upload_keep_days.map(days),
        max_total_bytes: config.limits.upload_max_gb.map(|gigabytes| u64::from(gigabytes.get()) << 30),
        min_free_bytes: config.limits.min_free_bytes,
    }
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
    Ok(serde_json::from_str(&json).map_err(|cause| unusable(NotEntries(cause).into()))?)
}

/// Text that is no table of marketers' entries.
#[derive(Debug, thiserror::Error)]
#[error("must be a JSON object of cluster ids, such as {{\"0\": {{\"Interests\": \"running\"}}}}")]
struct NotEntries(#[source] serde_json::Error);

/// Lays marketers' additions over the personas of `version`.
pub fn overlay(version: &mut ModelVersion, entries: &PersonaEntries) {
    let overlaid = version.model.overlay_personas(entries);
    for id in overlaid.strangers {
        tracing::warn!(cluster_id = %id, "PERSONA_PATH names a segment that the model does not have");
    }
    for (id, contradiction) in overlaid.contradictions {
        tracing::warn!(
            cluster_id = %id,
            "the entry of segment {id} in PERSONA_PATH is not of this model: {contradiction}; what was trained stays"
        );
    }
}

/// Says where segments are not those of anybody's customers.
pub fn warn_of_sample(version: &ModelVersion) {
    if version.manifest.is_of_the_sample() {
        tracing::warn!(
            model_version = %version.id,
            "the model was trained on the sample, whose customers are invented: put your own into BASE_DATA_DIR and \
             run content-portal retrain"
        );
    }
}
