//! Which fields a request for texts has for one server and model, and what a refusal changes.
//!
//! Compatible servers accept different fields. A refused format is weakened step by step, from a strict schema to the
//! prompt alone; a refused system message moves into the user message; a refused limit of tokens gets its other name or
//! a lower number. Each change removes something, so the search ends.

use super::super::upstream::ceiling::{self, Ceiling};
use super::super::upstream::failure::Failure;
use super::super::upstream::learned::Refusals;
use super::super::upstream::mention::{self, Place};

/// The optional parts of a request for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) format: Format,
    pub(super) stream: Stream,
    /// Whether the system message is put at the beginning of the user message.
    pub(super) folds_system: bool,
    pub(super) limit: Limit,
    /// The highest limit of tokens that the server takes.
    pub(super) max_tokens: usize,
    /// The same for one request alone: what its prompt leaves of the model's context, or a guess.
    pub(super) max_tokens_here: usize,
}

/// How a request asks for the answer's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) kind: FormatKind,
    /// Whether the schema has `minItems` and `maxItems`.
    pub(super) has_counts: bool,
    /// Whether the schema has `strict` and `additionalProperties`.
    pub(super) is_strict: bool,
}

/// The means to bind a model to a format, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FormatKind {
    /// `json_schema`
    Schema,
    /// `json_object`
    Object,
    /// The prompt alone.
    Words,
}

/// The field `stream`. Some servers stream by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    /// `stream: false`
    Off,
    /// Left out.
    Unsaid,
    /// `stream: true` with `stream_options`, for servers that support nothing else: they count no tokens unasked.
    On,
    /// `stream: true` alone.
    OnWithoutUsage,
}

/// The name of the field that limits tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    /// `max_completion_tokens`
    MaxCompletionTokens,
    /// `max_tokens`, its older name.
    MaxTokens,
}

/// How servers refer to the part of a request that asks for a format.
const FORMAT: [&str; 11] = [
    "response_format",
    "response format",
    "response_schema",
    "response_mime_type",
    "json_schema",
    "json schema",
    "structured output",
    "structured_output",
    "guided_json",
    "grammar",
    // OpenRouter, where no provider of the model accepts all fields.
    "requested parameters",
];
const COUNTS: [&str; 4] = ["minitems", "maxitems", "min_items", "max_items"];
const STRICTNESS: [&str; 3] = ["additionalproperties", "additional_properties", "strict"];
const LIMIT: [&str; 12] = [
    "max_completion_tokens",
    "max_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "maxoutputtokens",
    "max tokens",
    "maximum tokens",
    "completion tokens",
    "output tokens",
    "context length",
    "context window",
    "too many tokens",
];
const STREAM_ONLY: [&str; 6] = [
    "only support stream",
    "only supports stream",
    "stream must be",
    "stream to true",
    "enable the stream",
    "non-stream",
];
const USAGE: [&str; 2] = ["stream_options", "include_usage"];
/// How servers say that there is no such field.
const UNKNOWN: [&str; 12] = [
    "unsupported",
    "not supported",
    "does not support",
    "unknown",
    "unrecognized",
    "unexpected",
    "not permitted",
    "extra_forbidden",
    "not allowed",
    "cannot find",
    "no such field",
    "deprecated",
];
/// Where the word `system` speaks of the message.
const SYSTEM: [&str; 4] = ["role", "instruction", "message", "prompt"];
const ROLES: [&str; 4] = ["developer instruction", "developer role", "roles must alternate", "roles are supported"];

impl Default for Dialect {
    /// What OpenAI's own API takes.
    fn default() -> Self {
        Self {
            format: Format { kind: FormatKind::Schema, has_counts: true, is_strict: true },
            stream: Stream::Off,
            folds_system: false,
            limit: Limit::MaxCompletionTokens,
            max_tokens: usize::MAX,
            max_tokens_here: usize::MAX,
        }
    }
}

impl Refusals for Dialect {
    fn and(self, other: Self) -> Self {
        Self {
            format: Format {
                kind: self.format.kind.max(other.format.kind),
                has_counts: self.format.has_counts && other.format.has_counts,
                is_strict: self.format.is_strict && other.format.is_strict,
            },
            stream: self.stream.max(other.stream),
            folds_system: self.folds_system || other.folds_system,
            limit: self.limit.max(other.limit),
            max_tokens: self.max_tokens.min(other.max_tokens),
            max_tokens_here: self.max_tokens_here.min(other.max_tokens_here),
        }
    }
}

impl Dialect {
    /// What is true of every request to the model.
    pub(super) fn of_model(self) -> Self {
        Self { max_tokens_here: usize::MAX, ..self }
    }

    /// The highest limit of tokens for this request.
    pub(super) fn ceiling(self) -> usize {
        self.max_tokens.min(self.max_tokens_here)
    }

    /// What to send after `failure` refused a request of this dialect with a limit of `limit_sent` tokens, if it had
    /// one. `None` where the failure is not about a field that can be changed.
    pub(super) fn after(self, failure: &Failure, limit_sent: Option<usize>) -> Option<Self> {
        // About the key, the account, the rate, the length or the server, and not about fields.
        if matches!(failure.status(), 401..=403 | 408 | 413 | 429 | 502..) || failure.forbids_content() {
            return None;
        }
        let of_limit = limit_sent.and_then(|_| mention::of_phrase(failure, &LIMIT));
        let of_system = mentions_system(failure).filter(|_| !self.folds_system);
        let of_usage = mention::of_phrase(failure, &USAGE).filter(|_| self.stream == Stream::On);
        let lessons: [(Option<Place>, Option<Self>); 5] = [
            (self.mentions_format(failure), self.with_weaker_format(failure)),
            (of_limit, self.with_other_limit(failure, limit_sent)),
            (mentions_stream(failure), self.with_other_stream(failure)),
            (of_usage, Some(Self { stream: Stream::OnWithoutUsage, ..self })),
            (of_system, Some(Self { folds_system: true, ..self })),
        ];
        let mentioned = lessons.into_iter().filter_map(|(place, lesson)| Some((place?, lesson)));
        mentioned.min_by_key(|&(place, _)| place).and_then(|(_, lesson)| lesson)
    }

    fn mentions_format(self, failure: &Failure) -> Option<Place> {
        if self.format.kind == FormatKind::Words {
            return None;
        }
        let keywords = [&COUNTS[..], &STRICTNESS[..]].concat();
        let named = mention::of_phrase(failure, &FORMAT).into_iter().chain(mention::of_word(failure, &keywords)).min();
        // A code says that the model did not keep to the format; its position means nothing.
        if failure.is_not_to_format() { Some(Place::default()) } else { named }
    }

    /// The next weaker format.
    fn with_weaker_format(self, failure: &Failure) -> Option<Self> {
        let Format { kind, has_counts, is_strict } = self.format;
        let names = |keywords: &[&str]| mention::of_word(failure, keywords).is_some();
        let is_schema = kind == FormatKind::Schema;
        let format = if kind == FormatKind::Words {
            return None;
        } else if failure.is_not_to_format() || failure.says(&["requested parameters"]) || is_unknown_format(failure) {
            Format { kind: FormatKind::Words, ..self.format }
        } else if is_schema && has_counts && names(&COUNTS) {
            Format { has_counts: false, ..self.format }
        } else if is_schema && is_strict && names(&STRICTNESS) {
            Format { is_strict: false, ..self.format }
        } else if is_schema {
            Format { kind: FormatKind::Object, ..self.format }
        } else {
            Format { kind: FormatKind::Words, ..self.format }
        };
        Some(Self { format, ..self })
    }

    /// A lower number where the server complains about it, else the field's other name. `None` where the server accepts
    /// neither name: without a limit, a budget could not bound the call.
    fn with_other_limit(self, failure: &Failure, sent: Option<usize>) -> Option<Self> {
        let sent = sent?;
        let lower_here = |max_tokens_here: usize| Self { max_tokens_here, ..self };
        let lower = |ceiling: Ceiling| match ceiling {
            Ceiling::OfModel(max_tokens) => Self { max_tokens, ..self },
            Ceiling::OfPrompt(max_tokens) => lower_here(max_tokens),
        };
        let other_name = || {
            let is_unknown = failure.says(&UNKNOWN) && self.limit == Limit::MaxCompletionTokens;
            is_unknown.then_some(Self { limit: Limit::MaxTokens, ..self })
        };
        let ceiling = ceiling::named(failure, sent).map(lower).or_else(other_name);
        ceiling.or_else(|| ceiling::guessed(failure, sent).map(lower_here))
    }

    fn with_other_stream(self, failure: &Failure) -> Option<Self> {
        let stream = match self.stream {
            Stream::Off | Stream::Unsaid if failure.says(&STREAM_ONLY) => Stream::On,
            Stream::Off => Stream::Unsaid,
            Stream::Unsaid | Stream::On | Stream::OnWithoutUsage => return None,
        };
        Some(Self { stream, ..self })
    }
}

/// Whether the whole field is refused, and not only its content.
fn is_unknown_format(failure: &Failure) -> bool {
    let of_its_content = ["json_schema", "json schema", "type", "schema"];
    failure.says(&["response_format"]) && failure.says(&UNKNOWN) && !failure.says(&of_its_content)
}

fn mentions_stream(failure: &Failure) -> Option<Place> {
    mention::of_word(failure, &["stream"]).into_iter().chain(mention::of_phrase(failure, &STREAM_ONLY)).min()
}

fn mentions_system(failure: &Failure) -> Option<Place> {
    let of_message = mention::of_word(failure, &["system"]).filter(|_| failure.says(&SYSTEM));
    of_message.into_iter().chain(mention::of_phrase(failure, &ROLES)).min()
}

#[cfg(test)]
mod tests;
