//! Why a retraining does not finish.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::matching::MatchError;
use super::page::PageError;
use crate::model_store::StoreError;
use crate::pipeline::{FitError, TrainingSize, in_bytes};
use crate::shared_store::SharedStoreError;
use crate::workbook::WorkbookError;

/// Why a retraining did not finish. The current version is then as it was, and so are the uploads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrainError {
    /// A folder could not be listed.
    #[error("{} cannot be listed", dir.display())]
    Unlistable {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An upload that an earlier training used could not be compared with its copy in the base data, or not be removed.
    #[error("{} cannot be taken off the waiting uploads", file.display())]
    Upload {
        /// The upload.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No process could be started to read the workbooks with.
    #[error("the workbooks could not be read")]
    Reader(#[source] WorkbookError),
    /// The training needs more memory than there is; it was not begun.
    #[error(
        "the training would take about {size}, of which {} are free: {} different profiles are encoded into {} columns \
         each{}. Leave out a column or give it weight 0, merge rare names by min_customers, set a smaller n_neighbors, \
         train by latent_classes, or use a machine with more memory",
        in_bytes(*free_bytes), size.profiles, size.features, neighbours(size)
    )]
    TooLarge {
        /// What it would take.
        size: TrainingSize,
        /// Memory that is free, in bytes.
        free_bytes: u64,
    },
    /// Ways to train cannot be compared in the memory that there is; it was not begun.
    #[error(
        "comparing ways to train would take about {} of memory for {at_once} trainings at once, of which {} are free: \
         train by one method, let fewer processors compare (RAYON_NUM_THREADS), or use a machine with more memory",
        in_bytes(*size_bytes), in_bytes(*free_bytes)
    )]
    ComparisonTooLarge {
        /// What it would take, in bytes.
        size_bytes: u64,
        /// Trainings at one time.
        at_once: usize,
        /// Memory that is free, in bytes.
        free_bytes: u64,
    },
    /// The customers do not make a model.
    #[error("the model could not be trained")]
    Fit(#[from] FitError),
    /// The new segments could not be matched with the old ones.
    #[error("the segments could not be matched with the live version's")]
    Match(#[from] MatchError),
    /// The report could not be written as JSON.
    #[error("the report could not be written")]
    Report(#[source] serde_json::Error),
    /// The report could not be made a page.
    #[error("the report's page could not be made")]
    Page(#[from] PageError),
    /// Another retraining is under way, or the version could not be written.
    #[error("the version could not be published")]
    Store(#[from] StoreError),
    /// The shared store could not be read or written, or another process was first.
    #[error("{}", of_shared_store(is_swapped(.0)))]
    Shared(#[from] SharedStoreError),
    /// The process that publishes for this one did not.
    #[error("{}", of_shared_store(.0.published_elsewhere))]
    NotPublished(#[source] NotPublished),
}

/// Why another process did not publish a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{why}")]
pub struct NotPublished {
    /// What it said.
    pub why: String,
    /// Whether another process has published first.
    pub published_elsewhere: bool,
}

fn is_swapped(error: &SharedStoreError) -> bool {
    matches!(error, SharedStoreError::Swapped { .. })
}

fn of_shared_store(published_elsewhere: bool) -> &'static str {
    if published_elsewhere { "another machine published first" } else { "the shared store could not be used" }
}

impl RetrainError {
    /// Whether another training is under way, or published first.
    pub fn is_locked(&self) -> bool {
        match self {
            Self::Store(error) => matches!(error, StoreError::Locked { .. }),
            Self::Shared(error) => is_swapped(error),
            Self::NotPublished(why) => why.published_elsewhere,
            _ => false,
        }
    }
}

fn neighbours(size: &TrainingSize) -> String {
    if size.neighbours == 0 { String::new() } else { format!(" and have {} neighbours", size.neighbours) }
}
