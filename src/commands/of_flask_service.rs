//! Pickles of the Flask service where something else is expected: noticed, never read.

use std::fs;
use std::path::Path;

use content_portal::text_file::{self, TextFileError};

use super::config::Config;

/// Whether a file is a pickle, by its name or by how it begins.
pub fn is_pickle(path: &Path) -> bool {
    has_pickle_name(path) || matches!(text_file::read(path), Err(TextFileError::Pickle))
}

fn has_pickle_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["pkl", "pickle", "joblib"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Says that a pickle is not read, and which command brings along what is in it.
pub fn warn_of(variable: &str, path: &Path) {
    tracing::warn!(event = "flask_pickle_ignored", "{}", sentence(variable, path));
}

/// Says it of the folder of models, where pickles lie in it.
pub fn warn_of_models(config: &Config) {
    let folder = &config.paths.models;
    if holds_pickles(folder) {
        warn_of("MODEL_DIR", folder);
    }
}

/// Whether a file of a folder is called as a pickle is.
fn holds_pickles(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.path().is_file() && has_pickle_name(&entry.path()))
}

fn sentence(variable: &str, path: &Path) -> String {
    format!(
        "{variable} {} holds a pickle of the Flask service, which is never read: bring its model along with \
         tools/export_pickles.py and content-portal models import (docs/operations.md, Coming from the Flask service)",
        path.display()
    )
}
