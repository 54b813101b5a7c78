//! Token counts of an answer, which compatible servers send as floats, texts, negative numbers, lists, or not at all.
//!
//! A budget is charged by these numbers, so an implausible one counts as unknown and never as less. For what reads
//! answers.

use serde_json::Value;

use super::super::TokenCounts;

/// More tokens than any model reads or writes in one call.
const MOST: f64 = 1e9;

/// What one call used, as far as its server tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    pub(super) prompt: Option<u64>,
    pub(super) completion: Option<u64>,
}

impl Usage {
    /// Reads `usage` of an answer, under the names of OpenAI's two APIs.
    pub(super) fn read(usage: &Value) -> Self {
        let number = |names: [&str; 2]| names.iter().find_map(|&name| count(usage.get(name)?));
        let prompt = number(["prompt_tokens", "input_tokens"]);
        let completion = number(["completion_tokens", "output_tokens"]);
        let beyond_prompt = number(["total_tokens", "total_tokens"]).zip(prompt).map(|(total, prompt)| {
            // Some servers count thinking in the total alone, and charge for it.
            total.saturating_sub(prompt)
        });
        // The total replaces a missing completion, but not one that is wrong.
        let is_wrong = |name: &str| usage.get(name).is_some_and(|value| !value.is_null());
        let completion = match completion {
            Some(completion) => Some(completion.max(beyond_prompt.unwrap_or_default())),
            None if is_wrong("completion_tokens") || is_wrong("output_tokens") => None,
            None => beyond_prompt.filter(|&tokens| tokens > 0),
        };
        Self { prompt, completion }
    }

    /// Both counts, where the server gives both.
    pub(super) fn counts(self) -> Option<TokenCounts> {
        Some(TokenCounts { prompt: self.prompt?, completion: self.completion? })
    }
}

/// A count of tokens; a part of one counts as a whole. No call reads or writes none, so zero is as unknown as a number
/// that is negative or beyond all models.
fn count(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    // Exact: the bounds are far below the first whole number that a float cannot hold.
    (number > 0.0 && number <= MOST).then(|| number.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(usage: &Value) -> (Option<u64>, Option<u64>) {
        let Usage { prompt, completion } = Usage::read(usage);
        (prompt, completion)
    }

    #[test]
    fn a_count_may_be_of_any_type_and_is_never_read_as_less() {
        for (usage, counts) in [
            (json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}), (Some(100), Some(50))),
            (json!({"prompt_tokens": 100.0, "completion_tokens": 37.25}), (Some(100), Some(38))),
            (json!({"prompt_tokens": "100", "completion_tokens": " 50 "}), (Some(100), Some(50))),
            (json!({"input_tokens": 100, "output_tokens": 50}), (Some(100), Some(50))),
            (json!({"prompt_tokens": 100, "input_tokens": 7, "completion_tokens": 50}), (Some(100), Some(50))),
            (json!({"prompt_tokens": 1151, "completion_tokens": -35, "total_tokens": 1116}), (Some(1_151), None)),
            (json!({"prompt_tokens": 100, "completion_tokens": -35, "total_tokens": 150}), (Some(100), None)),
            (json!({"prompt_tokens": 0, "completion_tokens": 0}), (None, None)),
            (json!({"prompt_tokens": 100, "completion_tokens": 1e300}), (Some(100), None)),
            (json!({"prompt_tokens": "many", "completion_tokens": [50]}), (None, None)),
            (json!({"prompt_tokens": true, "completion_tokens": null}), (None, None)),
            // Thinking that is charged and counted in the total alone.
            (json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 950}), (Some(100), Some(850))),
            (json!({"prompt_tokens": 100, "total_tokens": 150}), (Some(100), Some(50))),
            (json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 3}), (Some(100), Some(50))),
        ] {
            assert_eq!(read(&usage), counts, "{usage}");
        }
        for usage in [json!(null), json!([]), json!([100, 50]), json!("150"), json!(7), json!(true)] {
            assert_eq!(read(&usage), (None, None), "{usage}");
        }
    }

    proptest! {
        #[test]
        fn a_count_is_unknown_or_at_least_the_number(number in proptest::num::f64::ANY) {
            if let Some(count) = count(&json!(number)) {
                prop_assert!(count as f64 >= number && count >= 1);
            }
        }
    }
}
