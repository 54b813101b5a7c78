//! Reads JSON bodies: bounded, as bytes or as the object of their fields.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::SemaphorePermit;

use crate::http::admission::is_too_slow;
use crate::http::problem::{ApiError, FieldProblem};
use crate::http::state::AppState;

/// The largest JSON body, in bytes: the portal sends a segment with its members.
const MAX_BODY_BYTES: usize = 8 << 20;
/// Up to this size, parsing takes well under a millisecond.
const SMALL_BODY_BYTES: usize = 64 << 10;
/// The longest field, in bytes of JSON: a persona with all that marketers add to it.
const MAX_FIELD_BYTES: usize = 64 << 10;
/// The longest name of a field in an answer, in characters.
const MAX_NAME_CHARS: usize = 60;
/// How long a body may take from its first byte to its last.
const MAX_BODY_TIME: Duration = Duration::from_secs(60);

/// The body as a JSON object. A large one is parsed on a blocking thread.
///
/// # Errors
/// As [`read_object_and`].
pub(in crate::http) async fn read_object(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
) -> Result<Map<String, Value>, ApiError> {
    read_object_and(state, headers, body, |_| ()).await.map(|(object, ())| object)
}

/// The body as a JSON object, and the result of `look` on its bytes. A large one is parsed on a blocking thread.
///
/// # Errors
/// [`ApiError::NotJson`], [`ApiError::BodyTooLarge`], [`ApiError::BodyCutOff`], [`ApiError::BrokenJson`],
/// [`ApiError::NotAnObject`], [`ApiError::Fields`] for a field that is longer than any use of it.
pub(in crate::http) async fn read_object_and<T: Send + 'static>(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    look: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<(Map<String, Value>, T), ApiError> {
    let body = read_json(state, headers, body, MAX_BODY_BYTES).await?;
    let read = |bytes: &[u8]| Ok((parse_object(bytes)?, look(bytes)));
    if body.bytes.len() <= SMALL_BODY_BYTES {
        return read(&body.bytes);
    }
    let bytes = body.bytes.clone();
    state.on_cpu_pool("parsing a body", move || read(&bytes)).await?
}

/// Parses all fields but `members`; rejects a field that is longer than any that is read.
pub(in crate::http) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => ApiError::NotAnObject,
        _ => ApiError::BrokenJson(e),
    })?;
    let (mut object, mut problems) = (Map::new(), Vec::new());
    for (name, value) in raw {
        if name == "members" {
            continue;
        }
        let parsed = if value.get().len() <= MAX_FIELD_BYTES {
            // Valid JSON that cannot be read: too deeply nested, or with a number out of range.
            serde_json::from_str(value.get())
                .map_err(|_| "is nested too deeply or has a number out of range".to_owned())
        } else {
            Err(format!("must be at most {} KB long", MAX_FIELD_BYTES >> 10))
        };
        match parsed {
            Ok(value) => {
                object.insert(name, value);
            }
            Err(message) => problems.push(FieldProblem { field: shortened(&name), message, allowed: Vec::new() }),
        }
    }
    if problems.is_empty() { Ok(object) } else { Err(ApiError::Fields(problems)) }
}

/// A caller's name for a field, shortened for an answer.
fn shortened(name: &str) -> String {
    let mut chars = name.chars();
    let mut short: String = chars.by_ref().take(MAX_NAME_CHARS).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// The media type of a body, in lower case and without parameters; empty where there is no `Content-Type`.
pub(in crate::http) fn media_type(headers: &HeaderMap) -> String {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A JSON body, unparsed. A large one holds its permit to be in memory until it is dropped.
pub(in crate::http) struct JsonBody<'s> {
    pub bytes: Bytes,
    _permit: Option<SemaphorePermit<'s>>,
}

/// Reads a JSON body of at most `max_bytes` bytes, unparsed.
///
/// # Errors
/// [`ApiError::NotJson`] for another media type, [`ApiError::BodyTooLarge`], [`ApiError::BodyCutOff`],
/// [`ApiError::BodyTooSlow`], [`ApiError::Busy`] when too many large bodies are in memory.
pub(in crate::http) async fn read_json<'s>(
    state: &'s AppState,
    headers: &HeaderMap,
    body: Body,
    max_bytes: usize,
) -> Result<JsonBody<'s>, ApiError> {
    let media_type = media_type(headers);
    if media_type != "application/json" && !media_type.ends_with("+json") {
        return Err(ApiError::NotJson);
    }
    let is_small = body.size_hint().upper().is_some_and(|n_bytes| n_bytes <= SMALL_BODY_BYTES as u64);
    let permit = if is_small { None } else { Some(state.large_body().await?) };
    let received = tokio::time::timeout(MAX_BODY_TIME, axum::body::to_bytes(body, max_bytes)).await;
    let bytes = received.map_err(|_| ApiError::BodyTooSlow)?.map_err(|e| {
        let is_limit =
            std::error::Error::source(&e).is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
        match is_limit {
            true => ApiError::BodyTooLarge { limit_bytes: max_bytes },
            false if is_too_slow(&e) => ApiError::BodyTooSlow,
            false => ApiError::BodyCutOff,
        }
    })?;
    Ok(JsonBody { bytes, _permit: permit })
}
