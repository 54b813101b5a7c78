//! The version that a retraining's process publishes, as the process that started it knows it.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::event::{Answer, FailureCause, Outcome};
use crate::causes::with_causes;
use crate::model_store::{ModelStore, VersionId};
use crate::retrain::{RetrainError, Together};

/// Who publishes, and how far that is.
#[derive(Debug, Default)]
pub(super) enum Publication {
    /// There is no version yet.
    #[default]
    Nothing,
    /// The process makes it the current one by itself.
    ByProcess {
        /// How the training ends by that.
        published: Outcome,
    },
    /// This process publishes it for the other.
    Asked {
        /// How the training ends by that.
        published: Outcome,
        answer: JoinHandle<Answer>,
    },
    /// It has done so, or could not.
    Answered {
        /// How the training ends where it has.
        published: Outcome,
        answer: Answer,
    },
}

impl Publication {
    /// Begins to publish `version` on a thread of its own.
    pub fn begin(version: VersionId, published: Outcome, together: Option<Arc<Together>>) -> Self {
        let publish = move || match together.map(|together| together.put_and_swap(&version)) {
            Some(Ok(())) => Answer::Published,
            Some(Err(error)) => Answer::of_error(&error),
            None => Answer::not_published("it was not started to be published by another process"),
        };
        Self::Asked { published, answer: tokio::task::spawn_blocking(publish) }
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Whether this process has published the version.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Answered { answer: Answer::Published, .. })
    }

    /// Waits until a version is published that is to be; the answer to give, once. Where this is dropped, the version
    /// is published all the same, and the next call has the answer.
    pub async fn answer(&mut self) -> Option<Answer> {
        let Self::Asked { answer, .. } = self else { return None };
        let answer = answer.await;
        let answer = answer.unwrap_or_else(|_| Answer::not_published("the process that was to publish it failed"));
        if let Self::Asked { published, .. } = std::mem::take(self) {
            *self = Self::Answered { published, answer: answer.clone() };
        }
        Some(answer)
    }

    /// How a training ended that tells nothing of it any more, as far as that depends on this; `None` where nothing was
    /// published, for whatever reason.
    pub async fn outcome(self, models: Option<ModelStore>) -> Option<Outcome> {
        match self {
            Self::Nothing => None,
            Self::Answered { published, answer: Answer::Published } => Some(published),
            Self::Answered { answer: Answer::NotPublished(why), .. } => {
                Some(Outcome::from(&Err(RetrainError::NotPublished(why))))
            }
            Self::Asked { .. } => Some(unsettled("the shared store has not said whether it is its current one")),
            Self::ByProcess { published } => match models {
                Some(models) => is_current(models, published).await,
                None => Some(unsettled("its process did not tell")),
            },
        }
    }
}

/// The outcome, if what it published is the current version of `models`.
async fn is_current(models: ModelStore, published: Outcome) -> Option<Outcome> {
    match tokio::task::spawn_blocking(move || models.current()).await {
        Ok(current) => {
            current.is_ok_and(|current| published.published_version() == Some(&current)).then_some(published)
        }
        Err(panic) => Some(unsettled(&with_causes(&panic))),
    }
}

fn unsettled(why: &str) -> Outcome {
    let why = format!("it was ended while it published its version, and {why}: GET /models says what is live");
    Outcome::Failed { why, cause: FailureCause::Unsettled }
}
