//! What a retraining did, for people and for the version's folder.

use jiff::Timestamp;
use serde::Serialize;

use super::SkippedFile;
use super::gate::{GateCheck, GateLimits, Verdict};
use super::matching::Matching;
use crate::customer::CleaningReport;
use crate::model_store::VersionId;
use crate::pipeline::{Comparison, Drift, FitParams, Refit, Scores, Segment, SegmentParts};

/// What a retraining did; stored in the version as `report.json`, or under `refused/`.
#[derive(Debug, Clone, Serialize)]
pub struct RetrainReport {
    /// When it was.
    pub at: Timestamp,
    /// What the gate decided.
    pub verdict: Verdict,
    /// Every check of the gate.
    pub gate: Vec<GateCheck>,
    /// What the checks asked for.
    pub limits: GateLimits,
    /// The files that were read, oldest first: base data relative to their folder, uploads as `uploads/…`.
    pub files: Vec<String>,
    /// The files that could not be read, and why; they are where they were.
    pub skipped: Vec<SkippedFile>,
    /// Whether those are the sample, whose customers are invented.
    pub trained_on_sample: bool,
    /// Files that are the sample, and were not trained on since there are others.
    pub sample_set_aside: Vec<String>,
    /// Uploads that wait for approval, and were not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unapproved: Vec<String>,
    /// Rows kept and dropped.
    pub cleaning: CleaningReport,
    /// How the model was trained.
    pub params: FitParams,
    /// Whether the method that was asked for found no segment, so that the first version has one, everyone; `params`
    /// are those that made it, and the next training is made as was asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub everyone_instead: bool,
    /// What was found of other ways to train, where they were compared first; `params` are those of the best, or the
    /// settings' where none passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// How good it is; `None` where there was too little to train on.
    pub scores: Option<Scores>,
    /// What a second training on four fifths of the customers says of it; `None` where there was too little for that.
    pub refit: Option<Refit>,
    /// The version that was live and is compared with; `None` where that was trained on the sample and this one was
    /// not, or the other way round: of other people there is nothing to be compared.
    pub live: Option<LiveVersion>,
    /// The version that was live and is not compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_not_compared: Option<VersionId>,
    /// Why the version that should have been live could not be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_fault: Option<String>,
    /// The segments, in the order of their ids.
    pub segments: Vec<SegmentReport>,
    /// How far the customers have moved from those of the live version; `None` without one, or where it learned from a
    /// column that they no longer have.
    pub drift: Option<Drift>,
    /// Which of the live version's segments they go on from.
    pub matching: Matching,
    /// Where the time went.
    pub seconds: Seconds,
}

/// A segment, and what sets its customers apart in sentences.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentReport {
    #[serde(flatten)]
    segment: SegmentParts,
    persona_summary: String,
}

impl SegmentReport {
    pub(super) fn new(segment: &Segment) -> Self {
        Self { segment: segment.to_parts(), persona_summary: segment.summary().to_owned() }
    }
}

/// The version that a candidate was compared with.
#[derive(Debug, Clone, Serialize)]
pub struct LiveVersion {
    /// Its name.
    pub version: VersionId,
    /// How good it was on its own training data.
    pub scores: Scores,
}

/// Seconds of each step.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Seconds {
    /// Reading the files.
    pub reading: f64,
    /// Fitting the model.
    pub fitting: f64,
    /// Matching the segments, and looking at the candidate on disk.
    pub judging: f64,
}

impl RetrainReport {
    /// The checks that failed and are not tolerated.
    pub fn failed(&self) -> impl Iterator<Item = &GateCheck> {
        self.gate.iter().filter(|check| !check.passed && !check.is_tolerated)
    }
}
