//! The words of a failure, whatever its shape: servers agree on none.
//!
//! OpenAI nests an object under `error`, Gemini puts that into a list, older vLLM and Mistral put its members at the
//! top, LM Studio and TGI make `error` a text, FastAPI answers `detail`, MiniMax `base_resp`, and others plain text.
//! Gateways send any of them with status 200. The words are only searched for known phrases; a log may show nothing but
//! the code. For the transport and what reads answers.

use serde_json::{Map, Value};

use super::learned::Scope;

/// The members that speak of the failure. FastAPI's `input` is not among them: it repeats the request.
const TELLING: [&str; 22] = [
    "error",
    "errors",
    "message",
    "code",
    "type",
    "param",
    "detail",
    "details",
    "msg",
    "loc",
    "field",
    "fieldviolations",
    "description",
    "reason",
    "reasons",
    "status",
    "metadata",
    "raw",
    "innererror",
    "base_resp",
    "status_msg",
    "errormessage",
];
/// An answer without content that has one of these members is a failure.
const FAILED: [&str; 8] = ["error", "errors", "message", "msg", "detail", "base_resp", "errormessage", "status_msg"];
/// The members that may hold a failure's code, the most telling first.
const CODES: [&str; 5] = ["code", "type", "error_type", "status", "status_code"];
/// Longer codes are sentences.
const MAX_CODE_CHARS: usize = 60;

/// How servers say that their rules on content forbid a request.
const FORBIDDEN: [&str; 10] = [
    "moderation",
    "content_policy",
    "content policy",
    "content_filter",
    "content management policy",
    "responsibleai",
    "safety system",
    "was flagged",
    "prohibited_content",
    "data_inspection_failed",
];
/// How servers say that there is no such model for this key.
const NO_MODEL: [&str; 5] =
    ["model_not_found", "model not found", "invalid model", "unknown model", "not have access to model"];
/// How servers say that what is to be read is too long.
const TOO_LONG: [&str; 9] = [
    "context_length_exceeded",
    "context length",
    "context window",
    "context size",
    "too many tokens",
    "too long",
    "reduce the length",
    "string_above_max_length",
    "exceeds the maximum number of tokens",
];
/// How servers say that a model did not keep to the format that was asked for.
const NOT_TO_FORMAT: [&str; 4] =
    ["json_validate_failed", "failed to generate json", "failed to validate json", "failed_generation"];

/// What a failure in an answer of status 200 is, by its words; the first that fits.
const IMPLIED: [(u16, &[&str]); 7] = [
    (
        429,
        &[
            "rate limit",
            "rate-limit",
            "rate_limit",
            "ratelimit",
            "too many requests",
            "too_many_requests",
            "resource_exhausted",
            "throttl",
        ],
    ),
    (402, &["insufficient_quota", "insufficient balance", "insufficient credit", "payment required"]),
    (400, &FORBIDDEN),
    (401, &["unauthorized", "authentication", "invalid api key", "invalid_api_key", "incorrect api key"]),
    (404, &NO_MODEL),
    (504, &["timed out", "timeout"]),
    (400, &TOO_LONG),
];
/// A failure that says nothing of its kind is the server's.
const SERVER_ERROR: u16 = 500;

/// A failure: its status, and its words in lower case.
#[derive(Debug, Default)]
pub struct Failure {
    status: u16,
    /// Whether the server says that the fault is its own.
    is_server_s: bool,
    code: Option<String>,
    words: Vec<String>,
}

impl Failure {
    /// Reads the body of an answer with a status that is no success; one that is neither JSON nor text has no words.
    pub fn read(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(value) => Self::of(status, &value),
            Err(_) => {
                let words = text(body).into_iter().collect();
                Self { status, is_server_s: status >= SERVER_ERROR, code: None, words }
            }
        }
    }

    /// The failure in the body of an answer with status 200 that holds no content; `None` where there is none.
    pub fn inside(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let first = value.get(0).unwrap_or(&value);
        let members = first.as_object()?;
        let is_failure =
            members.iter().any(|(name, value)| FAILED.contains(&lower(name).as_str()) && says_anything(value));
        is_failure.then(|| Self::told(first))
    }

    /// The failure that an error object tells: its status is what its code says, or else what its words do.
    pub fn told(error: &Value) -> Self {
        let failure = Self::of(SERVER_ERROR, error);
        let implied = || IMPLIED.iter().find(|(_, words)| failure.says(words)).map(|&(status, _)| status);
        let status = status_in(error).or_else(implied);
        let is_server_s = status.is_some_and(|status| status >= SERVER_ERROR);
        Self { status: status.unwrap_or(SERVER_ERROR), is_server_s, ..failure }
    }

    fn of(status: u16, value: &Value) -> Self {
        let mut words = Vec::new();
        gather(value, &mut words);
        Self { status, is_server_s: status >= SERVER_ERROR, code: code_in(value), words }
    }

    /// The status that the failure has, or that it tells of itself.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// For which requests what it says of a request's fields may hold. What a model makes of a prompt is its client's
    /// affair, and so are the words of a fault of the server's: they may be those of the prompt.
    pub fn scope(&self) -> Scope {
        if self.is_server_s || self.is_not_to_format() { Scope::Client } else { Scope::All }
    }

    /// What the server calls the failure; a short name that holds no sentence.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The words of the failure, in lower case: the texts of its members, in their order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// Whether the account's quota is used up, which no waiting mends.
    pub fn is_out_of_quota(&self) -> bool {
        self.says(&["insufficient_quota"])
    }

    /// Whether the server's rules on content forbid the request.
    pub fn forbids_content(&self) -> bool {
        self.says(&FORBIDDEN)
    }

    /// Whether the model is unknown, or not open to this key.
    pub fn is_about_model(&self) -> bool {
        self.says(&NO_MODEL)
    }

    /// Whether what is to be read is longer than the model takes.
    pub fn is_too_long(&self) -> bool {
        self.says(&TOO_LONG)
    }

    /// Whether the model wrote something that is not of the format asked for: no fault of the request.
    pub fn is_not_to_format(&self) -> bool {
        self.says(&NOT_TO_FORMAT)
    }

    /// Whether one of these occurs in the failure's words.
    pub fn says(&self, any_of: &[&str]) -> bool {
        self.words.iter().any(|text| any_of.iter().any(|word| text.contains(word)))
    }
}

fn text(body: &[u8]) -> Option<String> {
    std::str::from_utf8(body).ok().map(str::to_lowercase)
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Whether a member that stands for a failure holds one: gateways send `"error": null` and `""` with whole answers.
fn says_anything(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Number(_) => true,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn gather(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(text) => words.push(text.to_lowercase()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, words)),
        Value::Object(members) => TELLING.iter().for_each(|name| {
            members.iter().filter(|(key, _)| lower(key) == **name).for_each(|(_, value)| gather(value, words));
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The objects of a failure from the innermost `error` outwards.
fn objects(value: &Value) -> Vec<&Map<String, Value>> {
    let mut objects = Vec::new();
    let mut at = value.get(0).or(Some(value));
    while let Some(object) = at.and_then(Value::as_object) {
        objects.push(object);
        at = object.get("error").or_else(|| object.get("base_resp"));
        at = at.or_else(|| object.get("errors").and_then(|errors| errors.get(0)));
    }
    objects.reverse();
    objects
}

/// An HTTP status of a failure, as a number or as its digits.
fn status_in(value: &Value) -> Option<u16> {
    let number = |value: &Value| match value {
        Value::String(digits) => digits.trim().parse().ok(),
        other => other.as_u64().and_then(|number| u16::try_from(number).ok()),
    };
    let of = |object: &&Map<String, Value>| {
        CODES.iter().filter_map(|&name| number(object.get(name)?)).find(|status| (400..600).contains(status))
    };
    objects(value).iter().find_map(of)
}

/// A code that a log may show: a short name, for a longer text may repeat anything.
fn code_in(value: &Value) -> Option<String> {
    let is_name = |text: &&str| {
        let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        is_plain && !text.is_empty() && text.len() <= MAX_CODE_CHARS
    };
    let named = |object: &&Map<String, Value>| {
        CODES.iter().filter_map(|&name| object.get(name)?.as_str()).find(is_name).map(str::to_owned)
    };
    objects(value).iter().find_map(named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Failure {
        Failure::read(400, body.to_string().as_bytes())
    }

    #[test]
    fn the_words_of_a_failure_are_found_in_every_shape_that_servers_have_for_it() {
        for body in [
            json!({"error": {"message": "No such thing as MinItems", "code": null}}),
            json!({"error": {"message": "Unsupported", "param": "minItems", "code": 400}}),
            json!({"object": "error", "message": "minItems not supported", "code": 40001}),
            json!({"error": "'minItems' is unknown"}),
            json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "minItems"], "msg": "Extra"}]}),
            json!({"detail": "minItems is not available"}),
            json!([{"error": {"message": "Unknown name \"minItems\""}}]),
            json!([{"error": {"details": [{"fieldViolations": [{"field": "schema.minItems"}]}]}}]),
            json!({"error": {"message": "Provider error", "metadata": {"raw": "{\"message\":\"minItems\"}"}}}),
            json!({"errors": [{"message": "minItems"}], "success": false}),
            json!({"Message": "minItems", "__type": "ValidationException"}),
            json!({"base_resp": {"status_code": 2013, "status_msg": "minItems"}}),
        ] {
            assert!(read(&body).says(&["minitems"]), "{body}");
        }
        assert!(Failure::read(422, b"unknown field `minItems`, expected").says(&["minitems"]));
    }

    #[test]
    fn what_a_server_repeats_of_the_request_or_of_the_answer_says_nothing() {
        let input = json!({"messages": [], "response_format": {"type": "json_schema"}});
        for body in [
            json!({"detail": [{"loc": ["body", "messages"], "msg": "too short", "input": input}]}),
            json!({"error": {"message": "too many tokens", "code": 7, "failed_generation": "json_schema"}}),
            json!({"error": 400}),
            json!(null),
        ] {
            assert!(!read(&body).says(&["json_schema", "response_format"]), "{body}");
        }
        assert!(!Failure::read(400, b"\xff json_schema").says(&["json_schema"]));
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

    #[test]
    fn a_failure_of_status_200_has_the_status_that_it_tells() {
        for (body, status) in [
            (json!({"error": {"message": "Provider returned error", "code": 429}}), 429),
            (json!({"error": {"message": "Provider returned error", "code": "503"}, "choices": null}), 503),
            (json!([{"error": {"message": "no", "code": 400, "status": "INVALID_ARGUMENT"}}]), 400),
            (json!({"error": {"message": "Rate limit reached for requests", "code": "rate_limit_exceeded"}}), 429),
            (json!({"error": "Too Many Requests"}), 429),
            (json!({"object": "error", "message": "Throttling: slow down", "code": 50001}), 429),
            (json!({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}), 429),
            (json!({"success": false, "errors": [{"code": 7003, "message": "no route"}]}), 500),
            (json!({"code": 1301, "msg": "data_inspection_failed"}), 400),
            (json!({"error": {"message": "Incorrect API key provided", "type": "x"}}), 401),
            (json!({"error": {"code": "insufficient_quota"}}), 402),
            (json!({"detail": "model not found"}), 404),
            (json!({"error": "upstream timed out"}), 504),
            (json!({"error": {"message": "Something broke"}}), 500),
        ] {
            assert_eq!(Failure::inside(body.to_string().as_bytes()).unwrap().status(), status, "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_failure_is_none() {
        for body in [
            json!({"choices": [], "object": "chat.completion", "error": null}),
            json!({"data": [], "error": "", "created": 1}),
            json!({"type": "message", "content": [], "code": 0}),
            json!([]),
            json!("error"),
        ] {
            assert!(Failure::inside(body.to_string().as_bytes()).is_none(), "{body}");
        }
        assert!(Failure::inside(b"<html>error</html>").is_none());
    }

    #[test]
    fn a_code_is_a_short_name_of_the_innermost_error_and_never_a_sentence() {
        for (body, code) in [
            (json!({"error": {"code": "model_not_found", "type": "invalid_request_error"}}), Some("model_not_found")),
            (json!({"error": {"code": null, "type": "api_error"}}), Some("api_error")),
            (json!([{"error": {"code": 404, "status": "NOT_FOUND"}}]), Some("NOT_FOUND")),
            (json!({"object": "error", "type": "NotFoundError", "code": 404}), Some("NotFoundError")),
            (json!({"error": {"code": "no key sk-abc was found"}, "code": "outer"}), Some("outer")),
            (json!({"error": {"code": "x".repeat(61)}}), None),
            (json!({"error": "unauthorized"}), None),
        ] {
            assert_eq!(read(&body).code(), code, "{body}");
        }
    }
}
