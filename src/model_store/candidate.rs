//! What a training hands over to be stored.

use jiff::Timestamp;

use super::TrainedOn;
use crate::pipeline::{FitParams, Fitted, GoldenSample, SegmentId, TrainingProfile};

/// A model on its way to become a version.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The model, its scores and its cluster profiles.
    pub fitted: &'a Fitted,
    /// How it was trained.
    pub params: &'a FitParams,
    /// The customers it was trained on.
    pub trained_on: TrainedOn,
    /// Customers whose segments are known.
    pub golden: &'a GoldenSample,
    /// What the training data looked like, column by column.
    pub profile: &'a TrainingProfile,
    /// The first id that no segment has ever had.
    pub next_segment_id: SegmentId,
    /// When it was made.
    pub created_at: Timestamp,
}
