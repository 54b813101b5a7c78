//! What a retraining in another process tells: how far it is, and last how it ended.

use serde::{Deserialize, Serialize};

use crate::model_store::{StoreError, VersionId};
use crate::pipeline::FitStep;
use crate::retrain::{RetrainError, RetrainEvent, RetrainOutcome, RetrainReport};

/// Entries of one list in an outcome; the report of the training has them all.
const MAX_LISTED: usize = 100;
/// Characters of one text in an outcome.
const MAX_CHARS: usize = 1_000;

/// One line of a retraining's standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// How far it is.
    Progress(Progress),
    /// How it ended; nothing comes after it.
    Ended(Outcome),
}

/// How far a retraining is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// How much of the whole is done, 0 to 1.
    pub share: f32,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The process has been started.
    Starting,
    /// Workbooks are being read.
    Reading,
    /// Each profile's neighbours are being found.
    Neighbours,
    /// The profiles are being laid out on the map.
    Layout,
    /// The clusters of the map are being found.
    Clustering,
    /// The result is being scored.
    Scoring,
    /// The candidate is being compared with the live version.
    Judging,
    /// The version is being published.
    Publishing,
}

/// How a retraining ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A new version is live.
    Published {
        /// The version.
        version: VersionId,
        /// Checks that it failed, and was published all the same.
        failed_checks: Vec<FailedCheck>,
        /// Files that could not be read.
        left_out: Vec<LeftOut>,
    },
    /// The gate refused the candidate, or there was too little to train on; all is as it was.
    Refused {
        /// Checks that it failed.
        failed_checks: Vec<FailedCheck>,
        /// Files that could not be read.
        left_out: Vec<LeftOut>,
    },
    /// The live version was trained on the same customers in the same way, and stays.
    Unchanged {
        /// The live version.
        version: VersionId,
        /// Files that could not be read.
        left_out: Vec<LeftOut>,
    },
    /// Another process is training; all is as it was.
    Locked {
        /// Who it is, in a sentence's end.
        why: String,
    },
    /// It came to no end; the version that was current still is.
    Failed {
        /// What went wrong, in a sentence's end.
        why: String,
    },
}

/// A check of the gate that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCheck {
    /// What was checked, such as `noise_share`.
    pub name: String,
    /// What was found and what it must be.
    pub sentence: String,
}

/// A file that could not be read, and is where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The file, below its folder.
    pub file: String,
    /// What is wrong with it.
    pub why: String,
}

impl Progress {
    /// Before the process has told anything.
    pub const STARTING: Self = Self { step: Step::Starting, share: 0.0 };
}

impl From<&RetrainEvent<'_>> for Progress {
    fn from(event: &RetrainEvent<'_>) -> Self {
        let (step, share) = match event {
            RetrainEvent::Reading { number, of, .. } => (Step::Reading, 0.05 * (*number as f32) / (*of as f32)),
            RetrainEvent::Fitting(FitStep::Neighbours, _) => (Step::Neighbours, 0.1),
            RetrainEvent::Fitting(FitStep::Layout, done) => (Step::Layout, 0.15 + 0.7 * done),
            RetrainEvent::Fitting(FitStep::Clustering, _) => (Step::Clustering, 0.87),
            RetrainEvent::Fitting(FitStep::Scoring, _) => (Step::Scoring, 0.92),
            RetrainEvent::Judging => (Step::Judging, 0.95),
            RetrainEvent::Publishing => (Step::Publishing, 0.97),
        };
        Self { step, share }
    }
}

impl Outcome {
    /// One that came to no end.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed { why: why.into() }
    }
}

impl From<&Result<RetrainOutcome, RetrainError>> for Outcome {
    fn from(outcome: &Result<RetrainOutcome, RetrainError>) -> Self {
        match outcome {
            Ok(RetrainOutcome::Published(published)) => Self::Published {
                version: published.id.clone(),
                failed_checks: failed_checks(&published.report),
                left_out: left_out(&published.report),
            },
            Ok(RetrainOutcome::Refused(report)) => {
                Self::Refused { failed_checks: failed_checks(report), left_out: left_out(report) }
            }
            Ok(RetrainOutcome::Unchanged(unchanged)) => {
                Self::Unchanged { version: unchanged.live.clone(), left_out: left_out(&unchanged.report) }
            }
            Err(RetrainError::Store(locked @ StoreError::Locked { .. })) => Self::Locked { why: sentence(locked) },
            Err(error) => Self::Failed { why: sentence(error) },
        }
    }
}

fn failed_checks(report: &RetrainReport) -> Vec<FailedCheck> {
    let failed =
        report.failed().map(|check| FailedCheck { name: check.name.to_owned(), sentence: cut(check.sentence()) });
    failed.take(MAX_LISTED).collect()
}

fn left_out(report: &RetrainReport) -> Vec<LeftOut> {
    let skipped = report.skipped.iter().take(MAX_LISTED);
    skipped
        .map(|skipped| LeftOut { file: cut(skipped.file.display().to_string()), why: cut(skipped.why.clone()) })
        .collect()
}

fn sentence(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    cut(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_as_it_was_meant() {
        let version: VersionId = "20261122T194851Z-2a945ef3".parse().unwrap();
        let failed_checks = vec![FailedCheck { name: "dbcv".to_owned(), sentence: "dbcv is undefined".to_owned() }];
        let left_out = vec![LeftOut { file: "uploads/a\n\u{1b}.csv".to_owned(), why: "is \"empty\"".to_owned() }];
        let outcomes = [
            Outcome::Unchanged { version: version.clone(), left_out: left_out.clone() },
            Outcome::Published { version, failed_checks: failed_checks.clone(), left_out: left_out.clone() },
            Outcome::Refused { failed_checks, left_out },
            Outcome::Locked { why: "process 1".to_owned() },
            Outcome::failed("no disk"),
        ];
        let progress = Event::Progress(Progress { step: Step::Layout, share: 0.25 });
        for event in outcomes.into_iter().map(Event::Ended).chain([progress]) {
            let line = serde_json::to_string(&event).unwrap();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event, "{line}");
        }
    }

    #[test]
    fn the_share_of_a_retraining_grows_from_step_to_step() {
        let file = std::path::Path::new("a.csv");
        let fitting = |step| [0.0, 1.0].map(|done| RetrainEvent::Fitting(step, done));
        let mut events =
            vec![RetrainEvent::Reading { file, number: 1, of: 2 }, RetrainEvent::Reading { file, number: 2, of: 2 }];
        for step in [FitStep::Neighbours, FitStep::Layout, FitStep::Clustering, FitStep::Scoring] {
            events.extend(fitting(step));
        }
        events.extend([RetrainEvent::Judging, RetrainEvent::Publishing]);
        let shares: Vec<f32> = events.iter().map(|event| Progress::from(event).share).collect();
        assert!(shares.is_sorted() && shares.iter().all(|share| (0.0..1.0).contains(share)), "{shares:?}");
    }
}
