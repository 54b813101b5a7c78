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
    /// `stream: true`, for servers that support nothing else.
    On,
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
        let lessons: [(Option<Place>, Option<Self>); 4] = [
            (self.mentions_format(failure), self.with_weaker_format(failure)),
            (of_limit, self.with_other_limit(failure, limit_sent)),
            (mentions_stream(failure), self.with_other_stream(failure)),
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
            Stream::Unsaid | Stream::On => return None,
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
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is sent after a failure with these words, where a limit of 8,192 tokens was.
    fn after(dialect: Dialect, status: u16, body: &Value) -> Option<Dialect> {
        dialect.after(&Failure::read(status, body.to_string().as_bytes()), Some(8_192))
    }

    fn says(text: &str) -> Value {
        json!({ "error": { "message": text } })
    }

    const WORDS: Format = Format { kind: FormatKind::Words, has_counts: true, is_strict: true };

    fn with(kind: FormatKind) -> Dialect {
        Dialect { format: Format { kind, ..Dialect::default().format }, ..Dialect::default() }
    }

    #[test]
    fn a_schema_that_is_refused_in_any_words_gives_way_to_a_json_object() {
        for body in [
            json!({"error": {"message": "'response_format' of type 'json_schema' is not supported", "code": null}}),
            json!({"error": {"message": "Unsupported", "param": "response_format.json_schema", "code": 400}}),
            json!({"object": "error", "message": "response_format json_schema not supported", "code": 40001}),
            json!({"error": "'response_format.type' must be 'json_object' or 'text'"}),
            json!({"detail": [{"type": "literal_error", "loc": ["body", "response_format", "type"], "msg": "Input"}]}),
            json!({"detail": "Structured output is not available"}),
            json!([{"error": {"message": "Invalid JSON schema"}}]),
            json!({"error": {"message": "Provider error", "metadata": {"raw": "{\"message\":\"response_format\"}"}}}),
            json!({"error": "Grammar error: invalid", "error_type": "grammar"}),
            says("This response_format type is unavailable now"),
            says("Failed to parse grammar"),
        ] {
            for status in [400, 422, 500] {
                assert_eq!(after(Dialect::default(), status, &body), Some(with(FormatKind::Object)), "{body}");
            }
            assert_eq!(after(with(FormatKind::Object), 400, &body), Some(with(FormatKind::Words)), "{body}");
            assert_eq!(after(with(FormatKind::Words), 400, &body), None, "{body}");
        }
    }

    #[test]
    fn a_keyword_that_is_refused_is_left_out_of_the_schema() {
        for (text, has_counts, is_strict) in [
            ("Unknown name \"minItems\" at 'generation_config.response_schema.properties[0].value'", false, true),
            ("invalid schema for response format: minItems is not supported", false, true),
            ("response_schema.additionalProperties: unknown field", true, false),
            ("Unknown name \"strict\" at 'response_format.json_schema': Cannot find field.", true, false),
        ] {
            let format = Format { kind: FormatKind::Schema, has_counts, is_strict };
            let lesson = after(Dialect::default(), 400, &says(text)).unwrap();
            assert_eq!(lesson, Dialect { format, ..Dialect::default() }, "{text}");
            // Once more: something else about the schema is not understood.
            assert_eq!(after(lesson, 400, &says(text)).unwrap().format.kind, FormatKind::Object, "{text}");
        }
    }

    #[test]
    fn the_format_is_left_to_words_where_the_field_is_unknown_or_the_model_cannot_keep_to_it() {
        for (status, body) in [
            (400, json!({"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed"}})),
            (404, says("No endpoints found that can handle the requested parameters.")),
            (422, json!({"detail": [{"msg": "Extra inputs are not permitted", "loc": ["body", "response_format"]}]})),
            (400, says("Unrecognized request argument supplied: response_format")),
        ] {
            assert_eq!(after(Dialect::default(), status, &body), Some(with(FormatKind::Words)), "{body}");
        }
    }

    #[test]
    fn a_limit_goes_by_its_other_name_or_with_the_number_that_is_taken() {
        let other_name = Dialect { limit: Limit::MaxTokens, ..Dialect::default() };
        let extra = json!({"message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"],
            "msg": "Extra inputs are not permitted", "input": 8192}]}});
        for body in
            [extra, says("unknown field `max_completion_tokens`, expected one of `model`, `stream`, `response_format`")]
        {
            assert_eq!(after(Dialect::default(), 422, &body), Some(other_name), "{body}");
            assert_eq!(after(other_name, 422, &body), None, "a third name is not known: {body}");
        }
        let too_large = says("max_completion_tokens is too large: 8192. It supports at most 4096 completion tokens");
        let lower = Dialect { max_tokens: 4_096, ..Dialect::default() };
        assert_eq!(after(Dialect::default(), 400, &too_large), Some(lower));
        let unnamed = Dialect { max_tokens_here: 4_096, ..Dialect::default() };
        assert_eq!(after(Dialect::default(), 400, &says("max_tokens is too large")), Some(unnamed));
        let failure = Failure::read(400, too_large.to_string().as_bytes());
        assert_eq!(Dialect::default().after(&failure, None), None, "no limit was sent");
    }

    #[test]
    fn a_system_message_that_is_refused_is_folded_into_the_user_s() {
        for body in [
            json!({"object": "error", "message": "System role not supported", "code": 400}),
            says("Developer instruction is not enabled for models/gemma-3-27b-it"),
            says("Unsupported value: 'messages[0].role' does not support 'system' with this model."),
            says("Conversation roles must alternate user/assistant/user/assistant/..."),
            says("Only user and assistant roles are supported!"),
            json!({"error": "Template error: template error: System role not supported"}),
            says("messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter"),
        ] {
            let lesson = after(Dialect::default(), 400, &body).unwrap();
            assert_eq!(lesson, Dialect { folds_system: true, ..Dialect::default() }, "{body}");
            assert_eq!(after(lesson, 400, &body), None, "{body}");
        }
    }

    #[test]
    fn stream_is_left_unsaid_or_asked_for_where_that_is_the_only_way() {
        let stream = |status, text: &str| after(Dialect::default(), status, &says(text)).map(|dialect| dialect.stream);
        assert_eq!(stream(400, "Unrecognized request argument supplied: stream"), Some(Stream::Unsaid));
        assert_eq!(
            stream(400, "This model only support stream mode, please enable the stream parameter"),
            Some(Stream::On)
        );
        assert_eq!(stream(500, "upstream connect error"), None);
    }

    #[test]
    fn what_is_no_refusal_of_a_field_teaches_nothing() {
        for (status, body) in [
            (400, says("Your prompt is not nice")),
            (400, json!({"error": {"code": "content_filter", "message": "the response_format was filtered"}})),
            (401, says("no access to response_format")),
            (413, says("max_tokens")),
            (429, says("Limit on output tokens reached: max_tokens too large")),
            (500, says("internal system error")),
            (500, json!({})),
        ] {
            assert_eq!(after(Dialect::default(), status, &body), None, "{body}");
        }
    }

    #[test]
    fn what_two_calls_learn_side_by_side_is_kept_together() {
        let one = Dialect { folds_system: true, max_tokens: 4_096, ..Dialect::default() };
        let other = Dialect { format: WORDS, max_tokens: 8_192, ..Dialect::default() };
        let both = Dialect { folds_system: true, format: WORDS, max_tokens: 4_096, ..Dialect::default() };
        assert_eq!((one.and(other), other.and(one)), (both, both));
    }
}
