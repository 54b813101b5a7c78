//! Versions of models, trained once a binary and copied to each server's folders.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use content_portal::customer::Schema;
use content_portal::model_store::{ModelStore, VersionId};
use content_portal::pipeline::FitParams;
use content_portal::retrain::{GateLimits, RetrainOutcome, RetrainRequest, retrain};
use jiff::civil::{Date, date};

use crate::app::{reader, root};

/// A version of a model, in memory.
pub struct TrainedVersion {
    pub id: VersionId,
    files: BTreeMap<String, Vec<u8>>,
}

/// The model of the sample under `base_data/`, trained once a binary.
pub static SAMPLE_MODEL: LazyLock<TrainedVersion> = LazyLock::new(|| {
    TrainedVersion::train(
        &root("base_data"),
        Schema::built_in().unwrap().into(),
        &FitParams::default(),
        date(2026, 1, 1),
        false,
    )
});

/// The version that a retraining published.
fn published(outcome: RetrainOutcome) -> VersionId {
    match outcome {
        RetrainOutcome::Published(published) => published.id,
        other => panic!("not published: {other:#?}"),
    }
}

impl TrainedVersion {
    /// Trains a first version on the workbooks under `base_data`.
    pub fn train(base_data: &Path, schema: Arc<Schema>, params: &FitParams, today: Date, force: bool) -> Self {
        let models = tempfile::tempdir().unwrap();
        let request = RetrainRequest {
            base_data,
            schema,
            params,
            reader: &reader(),
            uploads: None,
            pseudonyms: None,
            profiles: None,
            gate: GateLimits::default(),
            force,
            compare_first: false,
            judged: None,
            publisher: None,
            keep: NonZeroUsize::MIN,
            now: format!("{today}T02:00:00Z").parse().unwrap(),
            today,
        };
        let outcome = retrain(&ModelStore::new(models.path()), &request, &|_| {}).unwrap();
        Self::read(models.path(), published(outcome))
    }

    /// As [`TrainedVersion::train`], on one workbook.
    pub fn train_on(name: &str, workbook: &[u8], schema: Arc<Schema>, params: &FitParams, force: bool) -> Self {
        let base_data = tempfile::tempdir().unwrap();
        let month = base_data.path().join("2026-01-01");
        fs::create_dir(&month).unwrap();
        fs::write(month.join(name), workbook).unwrap();
        Self::train(base_data.path(), schema, params, date(2026, 1, 2), force)
    }

    /// Takes a published version into memory.
    pub fn read(models: &Path, id: VersionId) -> Self {
        let entries = fs::read_dir(models.join("versions").join(id.as_str())).unwrap().map(Result::unwrap);
        let files = entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
        Self { id, files: files.collect() }
    }

    /// Its files that are text, with their names.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(name, bytes)| Some((name.as_str(), str::from_utf8(bytes).ok()?)))
    }

    /// Writes the version below `models` and makes it the current one.
    pub fn publish_to(&self, models: &Path) -> PathBuf {
        let folder = models.join("versions").join(self.id.as_str());
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &self.files {
            fs::write(folder.join(name), bytes).unwrap();
        }
        ModelStore::new(models).activate(&self.id).unwrap();
        folder
    }
}
