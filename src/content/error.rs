//! Why content could not be written: one text for the caller, and another one for the log.
//!
//! Neither ever holds a prompt, a key, a body or a URL; the cause of a refusal names the server's host, the model and
//! the server's error code. Knows no status codes of ours: the HTTP layer maps [`WriteErrorKind`] in one match. An
//! error carries what was spent before it, because that is charged all the same.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{ImageName, SmallBudget, Spent};
use crate::text_file::TextFileError;

/// Which step of writing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteStep {
    /// Rendering the prompt from its templates.
    Prompt,
    /// The call that asks for the content.
    Call,
    /// The call that asks to mend a faulty answer.
    Repair,
    /// Reading and checking the answer.
    Check,
    /// Making the picture and storing it.
    Draw,
}

impl fmt::Display for WriteStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prompt => "building the prompt",
            Self::Call => "asking the writer",
            Self::Repair => "asking the writer for a repair",
            Self::Check => "checking the answer",
            Self::Draw => "drawing the picture",
        })
    }
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WriteErrorKind {
    /// No whole answer within the time-outs.
    TimedOut,
    /// The key was refused, or the model or address is unknown: trying again cannot help.
    Refused,
    /// The server rejected the request itself. Neither a retry nor the caller can mend that.
    RefusedRequest,
    /// The prompt is longer than the model takes.
    TooLong,
    /// The writer's rules on content, or the model, declined what was asked for.
    RefusedContent,
    /// Too many requests.
    RateLimited {
        /// How long the writer asked to wait, if it did.
        retry_after: Option<Duration>,
    },
    /// The account's quota is used up.
    OutOfQuota,
    /// Calls are paused because the server kept failing: nothing was sent.
    Paused {
        /// Until the next call is let through.
        retry_after: Duration,
    },
    /// The rest of the day's budget does not cover a call: nothing was sent.
    BudgetSpent {
        /// Until the next day begins.
        until_reset: Duration,
    },
    /// A whole day's budget is less than the call may cost: nothing was sent, and no wait helps.
    BudgetTooSmall(SmallBudget),
    /// It is not known what is left of the day's budget: nothing was sent.
    BudgetUnknown,
    /// Not reachable, or a failure on the writer's side.
    Upstream,
    /// An answer that cannot be used.
    BadAnswer,
    /// An answer that ends in the middle.
    CutOff,
    /// A picture could not be stored.
    Storage,
    /// Its turn did not come in time, or another picture of the same answer failed first: nothing was sent.
    Busy,
    /// Calls under way hold what is left of the day's budget: nothing was sent.
    Held,
    /// A bug or a failure in this service.
    Internal,
}

/// Why content could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {}", self.kind.sentence())]
pub struct WriteError {
    /// Which step failed.
    pub step: WriteStep,
    /// What went wrong.
    pub kind: WriteErrorKind,
    /// The cause, for the log.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// How long the writer's server was waited for, retries' pauses included; zero for the offline writer.
    pub waited: Duration,
    /// What was spent before it failed, repairs and pictures that were of no use included.
    pub spent: Spent,
    /// The pictures that were drawn and stored beside those that failed, by variant; they stay in the store.
    pub drawn: Box<[(usize, ImageName)]>,
    /// How many pictures were asked for and are not there; 0 where texts failed.
    pub n_failed: usize,
}

impl WriteError {
    pub(super) fn new(step: WriteStep, kind: WriteErrorKind) -> Self {
        let drawn = Box::default();
        Self { step, kind, source: None, waited: Duration::ZERO, spent: Spent::NOTHING, drawn, n_failed: 0 }
    }

    pub(super) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn after(mut self, waited: Duration, spent: Spent) -> Self {
        self.waited = waited;
        self.spent = spent;
        self
    }

    /// One sentence that is safe to show to a caller.
    pub fn caller_sentence(&self) -> Cow<'static, str> {
        self.kind.sentence()
    }
}

impl WriteErrorKind {
    /// What went wrong, for programs; stable.
    pub fn code(self) -> &'static str {
        match self {
            Self::TimedOut => "writer_timed_out",
            Self::Refused | Self::RefusedRequest | Self::TooLong | Self::RefusedContent => "writer_refused",
            Self::RateLimited { .. } => "writer_rate_limited",
            Self::OutOfQuota => "writer_out_of_quota",
            Self::Paused { .. } => "writer_paused",
            Self::BudgetSpent { .. } => "budget_spent",
            Self::BudgetTooSmall(_) => "budget_too_small",
            Self::BudgetUnknown => "budget_unknown",
            Self::Upstream => "writer_unavailable",
            Self::BadAnswer | Self::CutOff => "writer_bad_answer",
            Self::Storage => "storage",
            Self::Busy | Self::Held => "busy",
            Self::Internal => "internal",
        }
    }

    /// One sentence that is safe to show to a caller.
    pub fn sentence(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::TimedOut => "The writer did not answer in time; please try again.",
            Self::Refused => {
                "The writer's server refused the key, the model or the address; tell the operator the request_id."
            }
            Self::RefusedRequest => "The writer's server rejected the request; tell the operator the request_id.",
            Self::TooLong => "The persona and the campaign's inputs are too long for the writer; shorten them.",
            Self::RefusedContent => "The writer's rules on content forbid this; change the campaign's inputs.",
            Self::RateLimited { .. } => "The writer's rate limit is reached; please try again shortly.",
            Self::OutOfQuota => "The writer's quota is used up.",
            Self::Paused { retry_after } => {
                let seconds = retry_after.as_secs().max(1);
                let unit = if seconds == 1 { "second" } else { "seconds" };
                return Cow::Owned(format!(
                    "The model API keeps failing, so calls are paused; try again in {seconds} {unit}."
                ));
            }
            Self::BudgetSpent { .. } => {
                "The day's budget for the writer is spent, or what is left is less than a call may cost; a new one \
                 begins at midnight UTC."
            }
            Self::BudgetTooSmall(small) => {
                let whose = if small.is_of_key { "This key's" } else { "The server's" };
                return Cow::Owned(format!("{whose} {small}; tell the operator."));
            }
            Self::BudgetUnknown => {
                "It is not known at the moment what is left of the day's budget; please try again shortly."
            }
            Self::Upstream => "The writer is not available at the moment; please try again.",
            Self::BadAnswer => "The writer's answer could not be used; please try again.",
            Self::CutOff => "The writer's answer was cut off; please try again.",
            Self::Storage => "The picture could not be stored.",
            Self::Busy | Self::Held => "The server is busy; try again in a moment.",
            Self::Internal => "The content could not be written because of a fault in this service.",
        })
    }
}

/// Why no writer could be made from its configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriterConfigError {
    /// The openai writer was asked for, at OpenAI's own address, without a key.
    #[error("the openai writer needs a key: set OPENAI_API_KEY, or choose WRITER=offline")]
    NoKey,
    /// The base URL is not an http or https URL.
    #[error("the openai writer's base URL must start with http:// or https://")]
    BaseUrl,
    /// The key holds characters that no HTTP header may carry.
    #[error("the openai writer's key holds characters that cannot be sent")]
    Key,
    /// The header for the key has no valid name, or one with another purpose.
    #[error("OPENAI_AUTH_HEADER must be the name of a header for the key, such as api-key")]
    KeyHeader,
    /// The folder of prompt templates is not there, or is no folder.
    #[error("the folder of prompt templates, PROMPT_DIR, could not be read")]
    PromptDir(#[source] std::io::Error),
    /// A prompt template could not be read.
    #[error("the prompt template {name} could not be read")]
    ReadPrompt {
        /// The template's file name.
        name: &'static str,
        /// The cause.
        #[source]
        source: TextFileError,
    },
    /// A prompt template is faulty, or uses a name that does not exist.
    #[error("the prompt template {name} is faulty")]
    FaultyPrompt {
        /// The template's file name.
        name: &'static str,
        /// The cause, with the line.
        #[source]
        source: minijinja::Error,
    },
    /// A prompt template leaves a part of the prompt empty.
    #[error("the prompt template {name} gives an empty text")]
    EmptyPrompt {
        /// The template's file name.
        name: &'static str,
    },
    /// The table of prices could not be read.
    #[error("the table of prices {} could not be read", path.display())]
    ReadPrices {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: TextFileError,
    },
    /// The table of prices is not of the shape of the built-in one, or holds what is no price.
    #[error("the table of prices {} is faulty", path.display())]
    FaultyPrices {
        /// The file.
        path: PathBuf,
        /// The cause, with the line.
        #[source]
        source: serde_json::Error,
    },
    /// The file of the day's budget cannot be used.
    #[error("the file of the day's budget, {}, cannot be used", path.display())]
    Budget {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The day's budget never covers a call.
    #[error("DAILY_BUDGET_USD is less than one call may cost: the {small}")]
    SmallBudget {
        /// What it is, and what a call may cost.
        small: SmallBudget,
    },
    /// There is a budget, and a model whose price is not known.
    #[error(
        "a budget needs the price of every model under its own name: add {model} to the file that PRICES_PATH names"
    )]
    NoPrice {
        /// The model's name.
        model: String,
    },
    /// The font of the offline writer's posters is faulty; never for a build whose tests pass.
    #[error("the font of the offline writer's posters is faulty")]
    Font,
    /// The phrases of the offline writer are faulty; never for a build whose tests pass.
    #[error("the offline writer's phrases are faulty: {0}")]
    Phrases(String),
    /// The HTTP client could not be built, for instance for want of any trusted root certificate.
    #[error("the HTTP client of the openai writer could not be built")]
    Client(#[source] reqwest::Error),
}
