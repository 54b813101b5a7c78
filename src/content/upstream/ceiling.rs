//! The highest limit of tokens that a server takes, read from its refusal.
//!
//! Servers agree on no words: "supports at most 4096 completion tokens", "must be less than or equal to 4096", "the
//! valid range is [1, 4096]", "maximum context length is 4096 tokens and your request has 1000 input tokens". For what
//! learns from failures.

use super::failure::Failure;

/// How servers say that a number is too large, and not that its field is unknown.
const TOO_LARGE: [&str; 14] = [
    "too large",
    "too high",
    "too big",
    "at most",
    "less than",
    "lower than",
    "maximum",
    "exceed",
    "range",
    "limit",
    "context length",
    "context window",
    "must be",
    "<=",
];
/// Where a refusal speaks of the prompt, its numbers may be those of that prompt.
const OF_PROMPT: [&str; 3] = ["input", "prompt", "messages"];
/// What validators call the number itself: "Input should be less than or equal to 4096".
const OF_VALIDATORS: &str = "input should be";
/// Fewer tokens write no text.
const LEAST: usize = 256;
/// The divisor for a limit that is refused without a number.
const HALVED: usize = 2;

/// A ceiling that a failure names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceiling {
    /// Of every call.
    OfModel(usize),
    /// What one prompt leaves of the model's context.
    OfPrompt(usize),
}

/// The ceiling below `sent` that `failure` names for a call with a limit of `sent` tokens. `None` where the failure
/// does not complain about that number, or leaves too few tokens for a text.
pub fn named(failure: &Failure, sent: usize) -> Option<Ceiling> {
    if !failure.says(&TOO_LARGE) {
        return None;
    }
    let numbers: Vec<Number> = failure.words().flat_map(numbers).collect();
    let below = |value: usize| (LEAST..sent).contains(&value);
    if let Some(context) = numbers.iter().find(|number| number.is_context) {
        // Prompt and answer share the context. Without the length of the prompt, the prompt alone may be too long.
        let prompt = numbers.iter().find(|number| number.is_prompt)?;
        return context.value.checked_sub(prompt.value).filter(|&left| below(left)).map(Ceiling::OfPrompt);
    }
    let named = numbers.iter().map(|number| number.value).filter(|&value| below(value)).max();
    let is_of_prompt = failure.says(&OF_PROMPT) && !failure.says(&[OF_VALIDATORS]);
    named.map(if is_of_prompt { Ceiling::OfPrompt } else { Ceiling::OfModel })
}

/// Half of `sent`, for a server that complains about the number and names no ceiling.
pub fn guessed(failure: &Failure, sent: usize) -> Option<usize> {
    let is_about_limit = failure.says(&TOO_LARGE) && !failure.is_too_long();
    Some(sent / HALVED).filter(|&half| half >= LEAST && is_about_limit)
}

/// A number in a text, with what the words around it say it counts.
struct Number {
    value: usize,
    is_context: bool,
    is_prompt: bool,
}

/// The whole numbers of a text, except those inside names, versions and dates.
fn numbers(text: &str) -> Vec<Number> {
    let mut numbers = Vec::new();
    let mut rest = text;
    let mut before = "";
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (head, tail) = rest.split_at(start);
        let end = tail.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.,".contains(c))).unwrap_or(tail.len());
        let (token, after) = tail.split_at(end);
        let is_own_word = !head.ends_with(|c: char| c.is_ascii_alphanumeric() || "_-./".contains(c));
        let digits = token.trim_end_matches(['.', ',', '-']).replace(',', "");
        let context_before = if head.trim().is_empty() { before } else { head };
        if let (true, Ok(value)) = (is_own_word, digits.parse()) {
            let follows = after.trim_start();
            let starts = |any: &[&str]| any.iter().any(|word| follows.starts_with(word));
            let near = context_before.len().saturating_sub(40);
            let near = context_before.get(near..).unwrap_or(context_before);
            numbers.push(Number {
                value,
                is_context: near.contains("context length") || near.contains("context window"),
                is_prompt: starts(&[
                    "input token",
                    "in the messages",
                    "in your prompt",
                    "in the prompt",
                    "prompt token",
                ]),
            });
        }
        (before, rest) = (context_before, after);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failure(text: &str) -> Failure {
        Failure::read(400, json!({ "error": { "message": text } }).to_string().as_bytes())
    }

    #[test]
    fn a_ceiling_is_found_in_the_words_of_many_servers() {
        use Ceiling::{OfModel, OfPrompt};
        for (text, ceiling) in [
            (
                "max_completion_tokens is too large: 8192. This model supports at most 4096 completion tokens, \
                 whereas you provided 8192.",
                Some(OfModel(4_096)),
            ),
            (
                "`max_tokens` must be less than or equal to `4096`, the maximum value for this model",
                Some(OfModel(4_096)),
            ),
            (
                "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for \
                 claude-3-opus-20240229",
                Some(OfModel(4_096)),
            ),
            ("Invalid max_tokens value, the valid range of max_tokens is [1, 4096]", Some(OfModel(4_096))),
            ("Range of max_tokens should be [1, 2000]", Some(OfModel(2_000))),
            ("too many tokens: max tokens must be less than or equal to 4,096 - received 8,192.", Some(OfModel(4_096))),
            ("The maximum tokens you requested exceeds the model limit of 4096.", Some(OfModel(4_096))),
            (
                "This model's maximum context length is 4096 tokens. However, you requested 9192 tokens (1000 in the \
                 messages, 8192 in the completion).",
                Some(OfPrompt(3_096)),
            ),
            (
                "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is \
                 4096 tokens and your request has 1000 input tokens (8192 > 4096 - 1000).",
                Some(OfPrompt(3_096)),
            ),
            (
                "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 1079 `inputs` tokens and 8192 \
                 `max_new_tokens`",
                Some(OfPrompt(1_079)),
            ),
            ("This model's maximum context length is 1024 tokens. However, your request has 1000 input tokens.", None),
            ("max_tokens is too large for gpt-4o-2024-08-06 (v1.5000)", None),
            ("Unsupported parameter: 'max_tokens' (4096)", None),
        ] {
            assert_eq!(named(&failure(text), 8_192), ceiling, "{text}");
        }
    }

    #[test]
    fn a_ceiling_that_is_not_named_is_half_of_what_was_asked_for_and_enough_for_a_text() {
        assert_eq!(guessed(&failure("max_tokens is too large"), 8_192), Some(4_096));
        assert_eq!(guessed(&failure("max_tokens is too large"), 400), None);
        assert_eq!(guessed(&failure("max_tokens is unknown"), 8_192), None);
        assert_eq!(guessed(&failure("The prompt exceeds the context length"), 8_192), None, "less would not help");
    }
}
