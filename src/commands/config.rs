//! The settings of every command: each part reads itself.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use content_portal::config::Reader;
use content_portal::content::WriterConfig;
use content_portal::http::Settings;
use content_portal::pipeline::Method;
use content_portal::shared_store;
use content_portal::workbook::{Bounds, Limits};

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the server listens, for whom, and how much it takes.
    pub server: Settings,
    /// Who writes the content.
    pub writer: WriterConfig,
    /// Where data lives.
    pub paths: Paths,
    /// The store that several servers share, where there is one.
    pub shared: shared_store::Settings,
    /// How large a workbook may be.
    pub limits: Limits,
    /// What the process that reads one may use.
    pub bounds: Bounds,
    /// `RETRAIN_KEEP`, trained versions that are kept; 10. The live one and the one before it always are.
    pub retrain_keep: NonZeroUsize,
    /// `RETRAIN_METHOD`, what finds the segments; as `TRAINING_PATH` or the live version has it.
    pub retrain_method: Option<RetrainMethod>,
    /// `RUST_LOG`, what is logged, such as `content_portal=debug`; without it each command has its own filter.
    pub log_filter: Option<String>,
}

/// What finds the segments of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetrainMethod {
    /// This method.
    Always(Method),
    /// The best of those that `content-portal compare` tries.
    Best,
}

/// Where data lives.
#[derive(Debug, Clone)]
pub struct Paths {
    /// `MODEL_DIR`; `models`.
    pub models: PathBuf,
    /// `BASE_DATA_DIR`, what models are trained on; `base_data`.
    pub base_data: PathBuf,
    /// `PERSONA_PATH`, a JSON file of marketers' additions to the personas.
    pub personas: Option<PathBuf>,
    /// `SCHEMA_PATH`, a JSON file that names other customer columns.
    pub schema: Option<PathBuf>,
    /// `TRAINING_PATH`, a JSON file of how to train; `training.json` beside the schema, or else in `MODEL_DIR`, if it
    /// is there.
    pub training: Option<PathBuf>,
}

impl Config {
    /// Reads every setting.
    pub fn read(read: &mut Reader<'_>) -> Self {
        let config = Self {
            server: Settings::read(read),
            log_filter: read.value("RUST_LOG", None, "a filter", |text| Some(text.to_owned())),
            writer: WriterConfig::read(read),
            paths: Paths::read(read),
            shared: shared_store::Settings::read(read),
            retrain_keep: read.count("RETRAIN_KEEP", 10, "versions"),
            retrain_method: RetrainMethod::read(read),
            limits: Limits::read(read),
            bounds: Bounds::read(read),
        };
        if is_within(&config.server.upload_dir, &config.paths.base_data) {
            read.mistake("UPLOAD_DIR", "is within BASE_DATA_DIR, where trainings read every file: set another folder");
        }
        config
    }
}

/// Whether a folder is the other one or below it. Links are followed as far as the folders are there.
fn is_within(folder: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let path = std::path::absolute(path).ok()?;
        path.ancestors().find_map(|above| Some(above.canonicalize().ok()?.join(path.strip_prefix(above).ok()?)))
    };
    whole(folder).zip(whole(other)).is_some_and(|(folder, other)| folder.starts_with(other))
}

impl RetrainMethod {
    fn read(read: &mut Reader<'_>) -> Option<Self> {
        read.value("RETRAIN_METHOD", None, "umap_hdbscan, latent_classes or best", |text| match text {
            "best" => Some(Self::Best),
            method => method.parse().ok().map(Self::Always),
        })
    }
}

impl Paths {
    fn read(read: &mut Reader<'_>) -> Self {
        Self {
            models: read.path("MODEL_DIR", "models"),
            base_data: read.path("BASE_DATA_DIR", "base_data"),
            personas: read.optional_path("PERSONA_PATH"),
            schema: read.optional_path("SCHEMA_PATH"),
            training: read.optional_path("TRAINING_PATH"),
        }
    }
}

#[cfg(test)]
mod tests;
