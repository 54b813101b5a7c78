//! As much of an answer of texts as is used.
//!
//! Read by lenient types of our own and not by async-openai's: compatible servers leave out fields that OpenAI's own
//! always send, and fill others with values of any type.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::super::TokenCounts;
use super::usage::Usage;

/// As much of a chat completion as is used.
#[derive(Deserialize)]
pub(super) struct ChatAnswer {
    #[serde(default)]
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(super) model: Option<Words>,
    #[serde(default)]
    pub(super) usage: Option<Value>,
    /// Gateways answer with status 200 before they know what their provider answers.
    #[serde(default)]
    pub(super) error: Option<Value>,
}

impl ChatAnswer {
    /// The tokens that it cost, as far as the server counts them.
    pub(super) fn usage(&self) -> Usage {
        self.usage.as_ref().map(Usage::read).unwrap_or_default()
    }

    /// The tokens that it cost, where the server counts both.
    pub(super) fn tokens(&self) -> Option<TokenCounts> {
        self.usage().counts()
    }

    /// The model, as it names itself or else as it was asked for.
    pub(super) fn model_or<'a>(&'a self, asked: &'a str) -> &'a str {
        self.model.as_ref().and_then(Words::as_str).unwrap_or(asked)
    }
}

/// One choice.
#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) message: Option<Message>,
    #[serde(default)]
    pub(super) finish_reason: Option<Words>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

/// The model's words, its refusal, or its thinking.
#[derive(Deserialize, Default)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) content: Option<Words>,
    #[serde(default)]
    pub(super) refusal: Option<Words>,
    /// DeepSeek's name, which vLLM and llama.cpp have taken over.
    #[serde(default)]
    pub(super) reasoning_content: Option<Words>,
    /// OpenRouter's name.
    #[serde(default)]
    pub(super) reasoning: Option<Words>,
}

/// A text, whole or in parts.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Words {
    Whole(String),
    Parts(Vec<Part>),
    Other(IgnoredAny),
}

/// A part of a text; a model's thinking comes as parts of other kinds.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Part {
    Bare(String),
    Typed {
        #[serde(rename = "type", default)]
        kind: Option<String>,
        text: String,
    },
    Other(IgnoredAny),
}

impl Words {
    /// The text itself; empty where there is none.
    pub(super) fn text(self) -> String {
        match self {
            Self::Whole(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(Part::text).collect(),
            Self::Other(_) => String::new(),
        }
    }

    /// A text that is whole and not empty, for names.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Whole(text) if !text.is_empty() => Some(text),
            Self::Whole(_) | Self::Parts(_) | Self::Other(_) => None,
        }
    }

    /// Whether it is a name at all.
    pub(super) fn is_some(&self) -> bool {
        self.as_str().is_some()
    }
}

impl Part {
    fn text(self) -> Option<String> {
        match self {
            Self::Bare(text) => Some(text),
            Self::Typed { kind, text } => {
                kind.is_none_or(|kind| matches!(kind.as_str(), "text" | "output_text")).then_some(text)
            }
            Self::Other(_) => None,
        }
    }
}
