//! What the body of a failure says, whatever its shape: servers agree on none.
//!
//! OpenAI nests an object under `error`, older vLLM and Mistral put its members at the top, LM Studio and TGI make
//! `error` a text, FastAPI answers `detail` and others plain text. Only looked through for words that are known; nothing
//! of it is ever shown. For the transport beside it alone.

use serde_json::Value;

/// The members that speak of the failure. FastAPI's `input` is not among them: it repeats the request.
const TELLING: [&str; 11] =
    ["error", "message", "code", "type", "param", "detail", "msg", "loc", "metadata", "raw", "innererror"];
/// What servers call the part of the request that asks for a JSON schema, and what they make of it.
const SCHEMA: [&str; 8] = [
    "response_format",
    "response format",
    "json_schema",
    "json schema",
    "structured output",
    "structured_output",
    "guided_json",
    "grammar",
];
/// How servers say that their rules on content forbid a request.
const FORBIDDEN: [&str; 5] = ["moderation", "content_policy", "content_filter", "responsibleai", "safety system"];

/// How servers say that there is no such model for this key.
const NO_MODEL: [&str; 5] =
    ["model_not_found", "model not found", "invalid model", "unknown model", "not have access to model"];

/// The words of a failure, in lower case.
#[derive(Debug, Default)]
pub(super) struct Failure {
    words: Vec<String>,
}

impl Failure {
    /// Reads the body of a failure; one that is neither JSON nor text has no words.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut words = Vec::new();
        match serde_json::from_slice(body) {
            Ok(value) => gather(&value, &mut words),
            Err(_) => words.extend(std::str::from_utf8(body).ok().map(str::to_lowercase)),
        }
        Self { words }
    }

    /// Whether the server takes no JSON schema.
    pub(super) fn refuses_schema(&self) -> bool {
        self.says(&SCHEMA)
    }

    /// Whether the account's quota is used up, which no waiting mends.
    pub(super) fn is_out_of_quota(&self) -> bool {
        self.says(&["insufficient_quota"])
    }

    /// Whether the server's rules on content forbid the request.
    pub(super) fn forbids_content(&self) -> bool {
        self.says(&FORBIDDEN)
    }

    /// Whether the model is unknown, or not open to this key.
    pub(super) fn is_about_model(&self) -> bool {
        self.says(&NO_MODEL)
    }

    fn says(&self, any_of: &[&str]) -> bool {
        self.words.iter().any(|text| any_of.iter().any(|word| text.contains(word)))
    }
}

fn gather(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(text) => words.push(text.to_lowercase()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, words)),
        Value::Object(members) => {
            TELLING.iter().filter_map(|&name| members.get(name)).for_each(|value| gather(value, words));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Failure {
        Failure::read(body.to_string().as_bytes())
    }

    #[test]
    fn a_schema_is_refused_in_every_shape_that_servers_have_for_it() {
        for body in [
            json!({"error": {"message": "'response_format' of type 'json_schema' is not supported", "code": null}}),
            json!({"error": {"message": "Unsupported", "param": "response_format", "code": 400}}),
            json!({"object": "error", "message": "response_format json_schema not supported", "code": 40001}),
            json!({"error": "'response_format.type' must be 'json_object' or 'text'"}),
            json!({"detail": [{"type": "literal_error", "loc": ["body", "response_format", "type"], "msg": "Input"}]}),
            json!({"detail": "Structured output is not available"}),
            json!([{"error": {"message": "Invalid JSON schema"}}]),
            json!({"error": {"message": "Provider error", "metadata": {"raw": "{\"message\":\"response_format\"}"}}}),
        ] {
            assert!(read(&body).refuses_schema(), "{body}");
        }
        assert!(Failure::read(b"response_format.type: unknown variant `json_schema`, expected").refuses_schema());
    }

    #[test]
    fn what_a_server_repeats_of_the_request_is_no_refusal() {
        let input = json!({"messages": [], "response_format": {"type": "json_schema"}});
        for body in [
            json!({"detail": [{"loc": ["body", "messages"], "msg": "too short", "input": input}]}),
            json!({"error": {"message": "too many tokens", "code": 7, "type": null}}),
            json!({"error": 400}),
            json!(null),
        ] {
            assert!(!read(&body).refuses_schema(), "{body}");
        }
        assert!(!Failure::read(b"\xff response_format").refuses_schema());
    }

    #[test]
    fn a_used_up_quota_is_told_by_code_type_or_text() {
        for body in [
            json!({"error": {"code": "insufficient_quota"}}),
            json!({"error": {"type": "insufficient_quota", "code": 429}}),
            json!({"object": "error", "type": "insufficient_quota", "message": "no"}),
            json!({"error": "insufficient_quota: add credit"}),
            json!({"detail": "insufficient_quota"}),
        ] {
            assert!(read(&body).is_out_of_quota(), "{body}");
        }
        assert!(!read(&json!({"error": {"code": "rate_limit_exceeded"}})).is_out_of_quota());
    }
}
