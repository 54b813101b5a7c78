//! Retraining: the workbooks under `base_data/` become a published model version.
//!
//! One code path for every way to ask for it. Blocking and heavy on the processor: an async caller runs it on a thread
//! of its own. Knows nothing of HTTP; may import [`crate::model_store`], [`crate::pipeline`], [`crate::customer`] and
//! [`crate::workbook`].

mod collect;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::customer::{CleaningReport, Schema};
use crate::model_store::{Candidate, ModelStore, StoreError, VersionId};
use crate::pipeline::{FitError, FitParams, FitStep, Scores, SegmentParts, fit};
use crate::workbook;

pub use collect::SkippedFile;

/// What to train on, and how.
#[derive(Debug, Clone)]
pub struct RetrainRequest<'a> {
    /// The folder whose workbooks are read, with every folder below it.
    pub base_data: &'a Path,
    /// The columns to learn from.
    pub schema: Arc<Schema>,
    /// How to train.
    pub params: &'a FitParams,
    /// What one workbook may hold.
    pub limits: workbook::Limits,
    /// The time of the training; names the version.
    pub now: Timestamp,
    /// The day after which a date is in the future.
    pub today: Date,
}

/// A step of a retraining, for whoever watches.
#[derive(Debug, Clone, PartialEq)]
pub enum RetrainEvent<'a> {
    /// File `number` of `of` is being read.
    Reading {
        /// The file.
        file: &'a Path,
        /// Counted from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// The fit is at this step, this far (0 to 1).
    Fitting(FitStep, f32),
    /// The version is being written.
    Publishing,
}

/// What a retraining did; stored in the version as `report.json`.
#[derive(Debug, Clone, Serialize)]
pub struct RetrainReport {
    /// The files that were read, relative to the base data.
    pub files: Vec<PathBuf>,
    /// The files that could not be read, and why.
    pub skipped: Vec<SkippedFile>,
    /// Rows kept and dropped.
    pub cleaning: CleaningReport,
    /// How good the model is.
    pub scores: Scores,
    /// The segments, in the order of their ids.
    pub segments: Vec<SegmentParts>,
    /// Seconds spent reading.
    pub reading_s: f64,
    /// Seconds spent fitting.
    pub fitting_s: f64,
}

/// Why a retraining published nothing. The current version is then as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrainError {
    /// There is nothing to train on.
    #[error("{} holds no workbook: put an .xlsx, .xls or .csv file of customers into it", dir.display())]
    NoData {
        /// The base data folder.
        dir: PathBuf,
    },
    /// A folder could not be listed.
    #[error("{} cannot be listed", dir.display())]
    Unlistable {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not one file could be read.
    #[error("none of the {n} files could be read; the first: {first}")]
    NothingReadable {
        /// How many there are.
        n: usize,
        /// The first file and what is wrong with it.
        first: String,
    },
    /// The customers do not make a model.
    #[error("the model could not be trained")]
    Fit(#[from] FitError),
    /// The report could not be written as JSON.
    #[error("the report could not be written")]
    Report(#[source] serde_json::Error),
    /// The version could not be written.
    #[error("the version could not be published")]
    Store(#[from] StoreError),
}

/// Trains on everything under the base data folder and publishes the result as the current version.
///
/// A file that cannot be read is named in the report and left out.
///
/// # Errors
/// [`RetrainError`]; nothing is then published.
pub fn retrain(
    store: &ModelStore,
    request: &RetrainRequest<'_>,
    progress: &(dyn Fn(RetrainEvent<'_>) + Sync),
) -> Result<(VersionId, RetrainReport), RetrainError> {
    let started = Instant::now();
    let collected = collect::collect(request, progress)?;
    let reading = started.elapsed();
    let started = Instant::now();
    let fitted = fit(&collected.table, request.params, &|step, done| progress(RetrainEvent::Fitting(step, done)))?;
    let report = RetrainReport {
        files: collected.files,
        skipped: collected.skipped,
        cleaning: collected.table.cleaning().clone(),
        scores: fitted.scores.clone(),
        segments: fitted.model.segments().iter().map(crate::pipeline::Segment::to_parts).collect(),
        reading_s: seconds(reading),
        fitting_s: seconds(started.elapsed()),
    };
    progress(RetrainEvent::Publishing);
    let json = serde_json::to_value(&report).map_err(RetrainError::Report)?;
    let candidate = Candidate { fitted: &fitted, params: request.params, report: &json, created_at: request.now };
    Ok((store.publish(&candidate)?, report))
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
