//! What a retraining in another process reports: its progress, and last its outcome.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::causes::{cut, with_causes};
use crate::disk::is_full;
use crate::model_store::{RefusedName, StoreError, VersionId};
use crate::pipeline::Comparison;
use crate::retrain::{FailedCheck, NotPublished, Progress, RetrainError, RetrainOutcome, RetrainReport, SkippedFile};
use crate::shared_store::SharedStoreError;

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
    /// Ways to train were compared, and a training by one of them comes next.
    Compared {
        /// What was found.
        comparison: Box<Comparison>,
    },
    /// A version is sealed, and it is made the current one next. How the training ends by that: [`Outcome::Published`].
    Publishing(Outcome),
    /// The same, and the training waits for an answer: whoever started it has the keys of the shared store, and
    /// publishes the version first.
    ToPublish(Outcome),
    /// How it ended; nothing comes after it.
    Ended(Outcome),
}

/// The answer to [`Event::ToPublish`], in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    /// The version is the current one of the shared store.
    Published,
    /// It is not.
    NotPublished(NotPublished),
}

impl Answer {
    /// The answer where publishing failed by `error`.
    pub(super) fn of_error(error: &RetrainError) -> Self {
        // The training says by itself what that was in.
        let why = std::error::Error::source(error).map_or_else(|| sentence(error), sentence);
        Self::NotPublished(NotPublished { why, published_elsewhere: error.is_locked() })
    }

    pub(super) fn not_published(why: &str) -> Self {
        Self::NotPublished(NotPublished { why: why.to_owned(), published_elsewhere: false })
    }
}

/// What became of the rows that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowCounts {
    /// Rows below the headers of all files.
    #[schema(example = 5_012)]
    pub read: usize,
    /// Rows that were trained on, each a customer.
    #[schema(example = 5_000)]
    pub used: usize,
    /// Rows that were left out: copies, older rows of a customer, rows without a value that is needed. The report has
    /// the reasons.
    #[schema(example = 12)]
    pub dropped: usize,
}

impl RowCounts {
    fn of(report: &RetrainReport) -> Self {
        let (read, dropped) = (report.cleaning.rows_read, report.cleaning.n_dropped());
        Self { read, used: read.saturating_sub(dropped), dropped }
    }
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
        /// Files that were not read: they cannot be, or wait for approval.
        #[serde(rename = "left_out")]
        skipped: Vec<SkippedFile>,
        /// The rows that were read; `None` where they were not counted.
        #[serde(default)]
        rows: Option<RowCounts>,
    },
    /// The gate refused the candidate, or there was too little to train on; all is as it was.
    Refused {
        /// What its report is called; `None` where none is kept.
        #[serde(default)]
        report: Option<String>,
        /// Checks that it failed.
        failed_checks: Vec<FailedCheck>,
        /// Files that were not read: they cannot be, or wait for approval.
        #[serde(rename = "left_out")]
        skipped: Vec<SkippedFile>,
        /// The rows that were read; `None` where they were not counted.
        #[serde(default)]
        rows: Option<RowCounts>,
    },
    /// The live version was trained on the same customers in the same way, and stays.
    Unchanged {
        /// The live version.
        version: VersionId,
        /// Files that were not read: they cannot be, or wait for approval.
        #[serde(rename = "left_out")]
        skipped: Vec<SkippedFile>,
        /// The rows that were read; `None` where they were not counted.
        #[serde(default)]
        rows: Option<RowCounts>,
    },
    /// Ways to train were compared.
    Compared {
        /// What was found.
        comparison: Box<Comparison>,
        /// How the training by the chosen way ended; `None` where none was asked for, or no way passed, and all is as
        /// it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        then: Option<Box<Outcome>>,
    },
    /// Another process held the lock of the models, or published first; nothing changed.
    Locked {
        /// Who it is, in a sentence's end.
        why: String,
        /// Whether the other has published, and did not only hold the lock.
        #[serde(default)]
        published_elsewhere: bool,
    },
    /// A request ended it; the version that was current still is.
    Ended {
        /// That it was, in a sentence's end.
        why: String,
    },
    /// It did not finish; the version that was current still is, unless the cause is [`FailureCause::Unsettled`].
    Failed {
        /// What went wrong, in a sentence's end.
        why: String,
        /// What kind of thing that is.
        #[serde(default)]
        cause: FailureCause,
    },
}

/// Why a retraining does not finish, by what a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// A fault of the training, or of what it was to read.
    #[default]
    Fault,
    /// A disk that is full or read-only.
    FullDisk,
    /// The server is stopping.
    Stopping,
    /// The way to train that was asked for is none of those that were compared.
    NotTried,
    /// It was ended while its version was being published, and what came of that is not known.
    Unsettled,
}

impl Outcome {
    /// One that has published `id`.
    pub(super) fn published(id: &VersionId, report: &RetrainReport) -> Self {
        Self::Published {
            version: id.clone(),
            failed_checks: failed_checks(report),
            skipped: skipped(report),
            rows: Some(RowCounts::of(report)),
        }
    }

    /// The version that the last step published.
    pub fn published_version(&self) -> Option<&VersionId> {
        if let Self::Published { version, .. } = self.last() { Some(version) } else { None }
    }

    /// A comparison that ended, and how the training after it did.
    pub fn compared(comparison: Comparison, then: Option<Self>) -> Self {
        Self::Compared { comparison: Box::new(comparison), then: then.map(Box::new) }
    }

    /// How the last step ended: the training after a comparison, where there was one.
    pub fn last(&self) -> &Self {
        match self {
            Self::Compared { then: Some(then), .. } => then,
            _ => self,
        }
    }

    /// One that did not finish.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed { why: why.into(), cause: FailureCause::Fault }
    }

    /// One that this error kept from finishing.
    pub fn of_error(error: &(dyn std::error::Error + 'static)) -> Self {
        let cause = if is_full(error) { FailureCause::FullDisk } else { FailureCause::Fault };
        Self::Failed { why: sentence(error), cause }
    }
}

impl From<&Result<RetrainOutcome, RetrainError>> for Outcome {
    fn from(outcome: &Result<RetrainOutcome, RetrainError>) -> Self {
        match outcome {
            Ok(RetrainOutcome::Published(published)) => Self::published(&published.id, &published.report),
            Ok(RetrainOutcome::Refused(report)) => Self::Refused {
                report: Some(RefusedName::of(report.at).to_string()),
                failed_checks: failed_checks(report),
                skipped: skipped(report),
                rows: Some(RowCounts::of(report)),
            },
            Ok(RetrainOutcome::Unchanged(unchanged)) => Self::Unchanged {
                version: unchanged.live.clone(),
                skipped: skipped(&unchanged.report),
                rows: Some(RowCounts::of(&unchanged.report)),
            },
            Err(RetrainError::Store(locked @ StoreError::Locked { .. })) => {
                Self::Locked { why: sentence(locked), published_elsewhere: false }
            }
            Err(RetrainError::Shared(swapped @ SharedStoreError::Swapped { .. })) => {
                Self::Locked { why: sentence(swapped), published_elsewhere: true }
            }
            Err(RetrainError::NotPublished(not)) if not.published_elsewhere => {
                Self::Locked { why: sentence(not), published_elsewhere: true }
            }
            Err(error) => Self::of_error(error),
        }
    }
}

fn failed_checks(report: &RetrainReport) -> Vec<FailedCheck> {
    let failed = report.failed().take(MAX_LISTED).map(FailedCheck::from);
    failed.map(|check| FailedCheck { sentence: shortened(check.sentence), ..check }).collect()
}

fn skipped(report: &RetrainReport) -> Vec<SkippedFile> {
    let waits = |file: &String| SkippedFile { file: file.clone(), why: "it waits for approval".to_owned() };
    let skipped = report.skipped.iter().cloned().chain(report.unapproved.iter().map(waits)).take(MAX_LISTED);
    skipped.map(|SkippedFile { file, why }| SkippedFile { file: shortened(file), why: shortened(why) }).collect()
}

fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    shortened(with_causes(error))
}

fn shortened(text: String) -> String {
    cut(text, MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::FitStep;
    use crate::retrain::Step;

    #[test]
    fn what_is_told_is_read_as_it_was_meant() {
        let version: VersionId = "20261122T194851Z-2a945ef3".parse().unwrap();
        let failed_checks = vec![FailedCheck { name: "dbcv".to_owned(), sentence: "dbcv is undefined".to_owned() }];
        let skipped = vec![SkippedFile { file: "uploads/a\n\u{1b}.csv".to_owned(), why: "is \"empty\"".to_owned() }];
        let rows = Some(RowCounts { read: 3, used: 2, dropped: 1 });
        let published = Outcome::Published {
            version: version.clone(),
            failed_checks: failed_checks.clone(),
            skipped: skipped.clone(),
            rows,
        };
        let outcomes = [
            Outcome::Unchanged { version, skipped: skipped.clone(), rows },
            published.clone(),
            Outcome::Refused { report: Some("20261122T194851.000000Z".to_owned()), failed_checks, skipped, rows: None },
            Outcome::Locked { why: "process 1".to_owned(), published_elsewhere: true },
            Outcome::Ended { why: "it was ended".to_owned() },
            Outcome::Failed { why: "no disk".to_owned(), cause: FailureCause::FullDisk },
        ];
        let step = Step::Fitting(FitStep::Layout);
        let progress = Event::Progress(Progress { step, share: 0.25, seconds_left: Some(7), file: None });
        let (candidates, sentence) = (Vec::new(), "None passes.".to_owned());
        let comparison = Box::new(Comparison { customers: 10, tried_on: 10, candidates, best: None, sentence });
        let others = [
            progress,
            Event::Compared { comparison },
            Event::Publishing(published.clone()),
            Event::ToPublish(published),
        ];
        for event in outcomes.into_iter().map(Event::Ended).chain(others) {
            is_read_as_it_was_meant(&event);
        }
        for answer in [Answer::Published, Answer::not_published("the store\nis \"full\"")] {
            is_read_as_it_was_meant(&answer);
        }
    }

    fn is_read_as_it_was_meant<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(told: &T) {
        let line = serde_json::to_string(told).unwrap();
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<T>(&line).unwrap(), *told, "{line}");
    }

    #[test]
    fn what_kept_a_version_from_being_published_is_told_as_by_the_process_that_was_to_publish_it() {
        let (url, by, version) = ("s3://ml".to_owned(), "process 7".to_owned(), "another".to_owned());
        let swapped = || SharedStoreError::Swapped { url: url.clone(), by: by.clone(), version: version.clone() };
        let failed = || SharedStoreError::Failed { url: url.clone(), why: "it cannot be reached".to_owned() };
        for error in [swapped(), failed()] {
            let itself = RetrainError::Shared(error);
            let Answer::NotPublished(not_published) = Answer::of_error(&itself) else { panic!() };
            let by_another = RetrainError::NotPublished(not_published);
            assert_eq!(by_another.is_locked(), itself.is_locked());
            assert_eq!(Outcome::from(&Err(by_another)), Outcome::from(&Err(itself)));
        }
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures_however_deep_it_is() {
        let cause = |kind: std::io::ErrorKind| {
            let path = "models/staging".into();
            let error = RetrainError::Store(StoreError::Write { path, source: kind.into() });
            match Outcome::from(&Err(error)) {
                Outcome::Failed { cause, .. } => cause,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(cause(std::io::ErrorKind::StorageFull), FailureCause::FullDisk);
        assert_eq!(cause(std::io::ErrorKind::ReadOnlyFilesystem), FailureCause::FullDisk);
        assert_eq!(cause(std::io::ErrorKind::PermissionDenied), FailureCause::Fault);
    }
}
