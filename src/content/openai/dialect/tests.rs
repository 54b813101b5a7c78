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
    let on = Dialect { stream: Stream::On, ..Dialect::default() };
    let without_usage = Dialect { stream: Stream::OnWithoutUsage, ..on };
    let refused = says("Unrecognized request argument supplied: stream_options");
    assert_eq!((after(on, 400, &refused), after(without_usage, 400, &refused)), (Some(without_usage), None));
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
