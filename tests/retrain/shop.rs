//! A shop with folders of its own, kinds of customers that are told apart with ease, and quick trainings.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use content_portal::customer::Schema;
use content_portal::model_store::{ModelStore, ModelVersion, VersionId};
use content_portal::pipeline::FitParams;
use content_portal::pseudonyms::Pseudonyms;
use content_portal::retrain::{
    GateLimits, Profiles, Published, RetrainError, RetrainOutcome, RetrainReport, RetrainRequest, Unchanged,
    UploadFolder, retrain,
};
use content_portal::upload_store::TrainOn;
use content_portal::workbook::{Bounds, Limits, Reader};
use hdbscan::{HdbscanParams, MinClusterSize};
use jiff::Timestamp;
use jiff::civil::date;
use tempfile::TempDir;
use umap::UmapParams;

pub use crate::customers::{HEADER, customers};

/// Folders for models, base data and uploads.
pub struct Shop {
    dir: TempDir,
    pub store: ModelStore,
    pub params: FitParams,
    pub gate: GateLimits,
    pub force: bool,
    pub train_on: TrainOn,
    pub keep: usize,
    pub schema: Schema,
    /// Trained on in place of every file.
    pub profiles: Option<Profiles>,
    second: i64,
}

impl Shop {
    /// Without any customers.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("uploads")).unwrap();
        fs::create_dir_all(dir.path().join("base_data")).unwrap();
        let store = ModelStore::new(dir.path().join("models"));
        let params = FitParams {
            umap: UmapParams::default().n_neighbors(10),
            hdbscan: HdbscanParams::default().min_cluster_size(MinClusterSize::Count(20)),
            ..FitParams::default()
        };
        // Its kinds of customers are columns' values, so one column may decide the segments.
        let gate = GateLimits { min_deciding_columns: 1, ..GateLimits::default() };
        let schema = Schema::built_in().unwrap();
        Self {
            dir,
            store,
            params,
            gate,
            force: false,
            train_on: TrainOn::Approved,
            keep: 10,
            schema,
            profiles: None,
            second: 1_767_232_800,
        }
    }

    /// With 72 customers of each of these kinds in `base_data/2026-01-01/<kind>.csv`.
    pub fn with(kinds: &str) -> Self {
        let shop = Self::new();
        for kind in kinds.chars() {
            shop.add(&format!("base_data/2026-01-01/{kind}.csv"), &customers(kind, 0, 72));
        }
        shop
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a CSV file of these lines below a header.
    pub fn add(&self, name: &str, lines: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{HEADER}{lines}")).unwrap();
    }

    /// Copies the sample that ships with the program.
    pub fn add_sample(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("base_data/2026-01-01/customers.xlsx"), path).unwrap();
    }

    /// Trains, one minute after the last training.
    pub fn retrain(&mut self) -> Result<RetrainOutcome, RetrainError> {
        self.second += 60;
        let (base_data, uploads) = (self.path("base_data"), self.path("uploads"));
        let pseudonyms = Pseudonyms::load(&self.path("state")).unwrap();
        let request = RetrainRequest {
            base_data: &base_data,
            uploads: Some(UploadFolder { dir: &uploads, train_on: self.train_on }),
            pseudonyms: pseudonyms.as_ref(),
            profiles: self.profiles.as_ref(),
            schema: Arc::new(self.schema.clone()),
            params: &self.params,
            reader: &Reader::new(env!("CARGO_BIN_EXE_content-portal"), Limits::default(), Bounds::default()),
            gate: self.gate.clone(),
            force: self.force,
            compare_first: false,
            judged: None,
            publisher: None,
            keep: NonZeroUsize::new(self.keep).unwrap(),
            now: Timestamp::from_second(self.second).unwrap(),
            today: date(2026, 3, 1),
        };
        retrain(&self.store, &request, &|_| {})
    }

    /// Trains, and the version is published, by force where nothing has changed.
    pub fn publish(&mut self) -> Published {
        let outcome = match self.retrain().unwrap() {
            RetrainOutcome::Unchanged(_) => {
                let force = std::mem::replace(&mut self.force, true);
                let outcome = self.retrain().unwrap();
                self.force = force;
                outcome
            }
            outcome => outcome,
        };
        match outcome {
            RetrainOutcome::Published(published) => *published,
            other => panic!("not published: {other:#?}"),
        }
    }

    /// Trains, and nothing has changed.
    pub fn unchanged(&mut self) -> Unchanged {
        match self.retrain().unwrap() {
            RetrainOutcome::Unchanged(unchanged) => *unchanged,
            other => panic!("not unchanged: {other:#?}"),
        }
    }

    /// Trains, and the candidate is refused.
    pub fn refused(&mut self) -> RetrainReport {
        match self.retrain().unwrap() {
            RetrainOutcome::Refused(report) => *report,
            other => panic!("not refused: {other:#?}"),
        }
    }

    pub fn current(&self) -> ModelVersion {
        self.store.load_current().unwrap()
    }

    /// The versions, oldest first.
    pub fn versions(&self) -> Vec<VersionId> {
        self.store.list().unwrap().into_iter().map(|version| version.id).collect()
    }

    /// The binary, run in the shop's folder with nothing of the surrounding environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_content-portal"));
        command.args(args).current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command
    }

    /// Exit code and everything that a command printed.
    pub fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        ended(&mut self.command(args))
    }
}

/// Exit code and everything that a command printed.
pub fn ended(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), text.join("\n"))
}

/// The names in a folder, hidden ones included, sorted; none where there is no folder.
pub fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
