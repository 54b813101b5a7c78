//! Which of the compared ways to train a model is trained by, and published.

use std::fmt;
use std::str::FromStr;

use crate::pipeline::{CandidateName, Comparison, Judged};

/// The word for the best way, whichever that is.
const BEST: &str = "best";

/// What becomes of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Publish {
    /// Nothing is trained for good.
    #[default]
    Nothing,
    /// A model is trained by the best way, where one passes.
    Best,
    /// A model is trained by this way.
    Named(CandidateName),
}

impl Publish {
    /// What can be asked for by name: `best`, and each candidate.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once(BEST).chain(CandidateName::ALL.map(CandidateName::as_str))
    }

    /// The candidate of `comparison` that is to be trained by.
    pub fn choose(self, comparison: &Comparison) -> Option<&Judged> {
        match self {
            Self::Nothing => None,
            Self::Best => comparison.best(),
            Self::Named(name) => comparison.candidate(name),
        }
    }

    /// Why a named candidate was not tried, in a sentence's end; `None` where it was, or none is named.
    pub fn not_tried(self, comparison: &Comparison) -> Option<String> {
        let Self::Named(name) = self else { return None };
        if comparison.candidate(name).is_some() {
            return None;
        }
        let tried = comparison.candidates.iter().map(|judged| judged.name.as_str()).collect::<Vec<_>>().join(", ");
        Some(format!("{name} changes nothing of these customers' columns and was not tried: choose from {tried}"))
    }
}

impl fmt::Display for Publish {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => out.write_str("nothing"),
            Self::Best => out.write_str(BEST),
            Self::Named(name) => name.fmt(out),
        }
    }
}

impl FromStr for Publish {
    type Err = String;

    /// Reads one of [`Publish::names`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == BEST {
            return Ok(Self::Best);
        }
        let names = || Self::names().collect::<Vec<_>>().join(", ");
        text.parse().map(Self::Named).map_err(|_: String| format!("it must be one of {}", names()))
    }
}
