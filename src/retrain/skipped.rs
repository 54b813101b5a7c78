//! Files that a training left where they are.

use std::path::PathBuf;

use serde::Serialize;

/// A file that was left out of a training.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedFile {
    /// The file: base data relative to their folder, an upload with its folder's name.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}
