//! How far a retraining is.

use serde::{Deserialize, Serialize};

use crate::pipeline::FitStep;

/// How far a retraining is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// How much of the whole is done, 0 to 1.
    pub share: f32,
    /// The seconds that a comparison will still take, as far as can be said; none of another step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u32>,
    /// The workbook that is being read, for the terminal alone.
    #[serde(skip)]
    pub file: Option<FileInTurn>,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The process has been started.
    Starting,
    /// Workbooks are being read.
    Reading,
    /// Ways to train are being compared.
    Comparing,
    /// The candidate is written, read back and compared with the live version.
    Judging,
    /// The version is being published.
    Publishing,
    /// The model is being fitted.
    #[serde(untagged)]
    Fitting(FitStep),
}

/// A workbook that is being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInTurn {
    /// Its name.
    pub name: String,
    /// Its number, counted from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Progress {
    /// Before the first report.
    pub const STARTING: Self = Self { step: Step::Starting, share: 0.0, seconds_left: None, file: None };
    pub(super) const JUDGING: Self = Self { step: Step::Judging, share: 0.95, seconds_left: None, file: None };
    pub(super) const PUBLISHING: Self = Self { step: Step::Publishing, share: 0.97, seconds_left: None, file: None };

    pub(super) fn reading(file: FileInTurn) -> Self {
        let share = 0.05 * (file.number as f32) / (file.of as f32);
        Self { step: Step::Reading, share, seconds_left: None, file: Some(file) }
    }

    /// A comparison; `share` is done of the whole beyond the reading.
    pub(super) fn comparing(share: f32, seconds_left: Option<u32>) -> Self {
        Self { step: Step::Comparing, share: 0.05 + share, seconds_left, file: None }
    }

    /// A fit at `step`, which is `done`, 0 to 1.
    pub(super) fn fitting(step: FitStep, done: f32) -> Self {
        let share = match step {
            FitStep::Neighbours => 0.1,
            FitStep::Layout => 0.15 + 0.7 * done,
            FitStep::Clustering => 0.87,
            FitStep::Scoring => 0.92,
        };
        Self { step: Step::Fitting(step), share, seconds_left: None, file: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_a_retraining_grows_from_step_to_step() {
        let reading = |number| Progress::reading(FileInTurn { name: "a.csv".to_owned(), number, of: 2 });
        let mut all = vec![Progress::STARTING, reading(1), reading(2)];
        for step in [FitStep::Neighbours, FitStep::Layout, FitStep::Clustering, FitStep::Scoring] {
            all.extend([0.0, 1.0].map(|done| Progress::fitting(step, done)));
        }
        all.extend([Progress::JUDGING, Progress::PUBLISHING]);
        let shares: Vec<f32> = all.iter().map(|progress| progress.share).collect();
        assert!(shares.is_sorted() && shares.iter().all(|share| (0.0..1.0).contains(share)), "{shares:?}");
    }

    #[test]
    fn a_step_of_the_fit_is_named_like_any_other_step() {
        let json = serde_json::to_string(&Progress::fitting(FitStep::Layout, 0.5)).unwrap();
        assert_eq!(json, r#"{"step":"layout","share":0.5}"#);
        for step in [Step::Starting, Step::Comparing, Step::Fitting(FitStep::Scoring), Step::Publishing] {
            let json = serde_json::to_string(&step).unwrap();
            assert_eq!(serde_json::from_str::<Step>(&json).unwrap(), step, "{json}");
        }
        assert!(serde_json::from_str::<Step>(r#""cooking""#).is_err());
    }
}
