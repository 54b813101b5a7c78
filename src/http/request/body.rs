//! Reads JSON bodies: bounded, as bytes or as the object of their fields.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::described::DISTINGUISHING;
use crate::http::admission::{Slot, is_too_slow};
use crate::http::problem::{ApiError, BodyError, FieldProblem};
use crate::http::state::AppState;
use crate::unique_json::{ValueFault, parse_value};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The largest JSON body, in bytes: the portal sends a segment with its members.
const MAX_BODY_BYTES: usize = 8 << 20;
/// Up to this size, parsing takes well under a millisecond. A larger body takes room for each further piece of this
/// size, as it arrives.
const SMALL_BODY_BYTES: usize = 64 << 10;
/// The longest field, in bytes of JSON: a persona with all that marketers add to it.
const MAX_FIELD_BYTES: usize = 64 << 10;
/// The most keys of one object and of those inside it; `members` and `distinguishing` do not count. The rest of a
/// segment as an answer gives it has some fifty.
const MAX_KEYS: usize = 256;
/// How deeply the value of a field may be nested: a segment's `distinguishing` reaches 3.
const MAX_DEPTH: usize = 16;
/// The customers of a segment, which callers send back with it and nothing reads.
const MEMBERS: &str = "members";
/// The longest name of a field in an answer, in characters.
const MAX_NAME_CHARS: usize = 60;
/// What is wrong with a field that a request has twice: which of both counts, proxies and servers read differently.
pub(in crate::http) const GIVEN_TWICE: &str = "is given twice; send it once";

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
/// [`BodyError::NotJson`], [`BodyError::TooLarge`], [`BodyError::CutOff`], [`BodyError::BrokenJson`],
/// [`BodyError::NotAnObject`], [`BodyError::TooManyKeys`], [`ApiError::Fields`] for a field that is longer than any use
/// of it.
pub(in crate::http) async fn read_object_and<T: Send + 'static>(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    look: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<(Map<String, Value>, T), ApiError> {
    let body = read_json(state, headers, body, MAX_BODY_BYTES).await?;
    let read = |bytes: &[u8]| Ok((parse_object(bytes)?, look(bytes)));
    if body.bytes().len() <= SMALL_BODY_BYTES {
        return read(body.bytes());
    }
    // With its slot, which the body holds for as long as it is parsed, also where the client has gone.
    state.on_cpu_pool("parsing a body", move || read(body.bytes())).await?
}

/// Parses all fields but `members`, for which null stands; rejects a field that is longer than any that is read, and a
/// key that an object has twice.
///
/// # Errors
/// [`BodyError::BrokenJson`], [`BodyError::NotAnObject`], [`BodyError::TooManyKeys`], [`ApiError::Fields`].
pub(in crate::http) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let RawFields { fields: raw, repeated, has_members, has_too_many_keys } =
        serde_json::from_slice(bytes).map_err(|e| match e.classify() {
            serde_json::error::Category::Data => BodyError::NotAnObject,
            _ => BodyError::BrokenJson(e),
        })?;
    if has_too_many_keys {
        return Err(BodyError::TooManyKeys { limit: MAX_KEYS }.into());
    }
    let mut object = Map::new();
    if has_members {
        object.insert(MEMBERS.to_owned(), Value::Null);
    }
    let mut problems: Vec<_> = repeated.iter().map(|name| FieldProblem::new(shortened(name), GIVEN_TWICE)).collect();
    for (name, value) in raw {
        match field_value(value) {
            Ok(value) => {
                object.insert(name, value);
            }
            Err(message) => problems.push(FieldProblem::new(shortened(&name), message)),
        }
    }
    if problems.is_empty() { Ok(object) } else { Err(ApiError::Fields(problems)) }
}

/// The value of a field, or what is wrong with it.
fn field_value(json: &RawValue) -> Result<Value, String> {
    if json.get().len() > MAX_FIELD_BYTES {
        return Err(format!("must be at most {} KB long", MAX_FIELD_BYTES >> 10));
    }
    if Shape::of(json.get()).is_too_deep() {
        return Err(format!("must be nested at most {MAX_DEPTH} levels deep"));
    }
    parse_value(json.get()).map_err(|fault| match fault {
        ValueFault::Repeated(key) => format!("has the key {} twice; send it once", shortened(&key)),
        ValueFault::Unreadable => {
            "has a number that is too large, or half of a surrogate pair such as \\ud800 alone".to_owned()
        }
    })
}

/// The fields of an object but `members`, unparsed. Keys are counted while they are parsed: beyond the limit, nothing
/// more is kept.
struct RawFields<'a> {
    fields: BTreeMap<String, &'a RawValue>,
    /// The names that are there more than once.
    repeated: BTreeSet<String>,
    has_members: bool,
    has_too_many_keys: bool,
}

impl<'de> Deserialize<'de> for RawFields<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(RawFieldsVisitor)
    }
}

struct RawFieldsVisitor;

impl<'de> Visitor<'de> for RawFieldsVisitor {
    type Value = RawFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawFields<'de>, A::Error> {
        let (mut fields, mut repeated, mut n_keys) = (BTreeMap::new(), BTreeSet::new(), 0_usize);
        let mut has_members = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == MEMBERS || n_keys > MAX_KEYS {
                map.next_value::<IgnoredAny>()?;
                if name == MEMBERS && std::mem::replace(&mut has_members, true) {
                    repeated.insert(name);
                }
                continue;
            }
            let value = map.next_value::<&RawValue>()?;
            let n_inside = if name == DISTINGUISHING { 0 } else { Shape::of(value.get()).n_keys };
            n_keys = n_keys.saturating_add(1 + n_inside);
            if n_keys > MAX_KEYS {
                continue;
            }
            match fields.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(entry) => {
                    repeated.insert(entry.key().clone());
                }
            }
        }
        Ok(RawFields { fields, repeated, has_members, has_too_many_keys: n_keys > MAX_KEYS })
    }
}

/// How many keys a JSON text has in all, and how deeply it is nested.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    n_keys: usize,
    depth: usize,
}

impl Shape {
    /// The shape of a valid JSON text: outside of its strings, each colon follows a key.
    fn of(json: &str) -> Self {
        let (mut shape, mut depth, mut in_string) = (Self::default(), 0_usize, false);
        let mut bytes = json.bytes();
        while let Some(byte) = bytes.next() {
            match (in_string, byte) {
                (true, b'\\') => {
                    bytes.next();
                }
                (_, b'"') => in_string = !in_string,
                (false, b':') => shape.n_keys += 1,
                (false, b'{' | b'[') => {
                    depth += 1;
                    shape.depth = shape.depth.max(depth);
                }
                (false, b'}' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        shape
    }

    fn is_too_deep(&self) -> bool {
        self.depth > MAX_DEPTH
    }
}

/// A caller's name for a field, shortened for an answer.
pub(in crate::http) fn shortened(name: &str) -> String {
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

/// A JSON body, unparsed. It holds the room that it takes until it is dropped.
pub(in crate::http) struct JsonBody {
    bytes: Vec<u8>,
    _room: Vec<Slot>,
}

impl JsonBody {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a JSON body of at most `max_bytes` bytes, unparsed.
///
/// # Errors
/// [`BodyError::NotJson`] for another media type, [`BodyError::TooLarge`], [`BodyError::CutOff`],
/// [`BodyError::TooSlow`], [`ApiError::Busy`] when large bodies hold all the memory that they may.
pub(in crate::http) async fn read_json(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    max_bytes: usize,
) -> Result<JsonBody, ApiError> {
    let media_type = media_type(headers);
    if media_type != "application/json" && !media_type.ends_with("+json") {
        return Err(BodyError::NotJson.into());
    }
    let (mut bytes, mut room) = (Vec::new(), Vec::new());
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e| if is_too_slow(&e) { BodyError::TooSlow } else { BodyError::CutOff })?;
        let n_bytes = bytes.len() + piece.len();
        if n_bytes > max_bytes {
            return Err(BodyError::TooLarge { limit_bytes: max_bytes }.into());
        }
        // Of what has arrived alone: a body that comes slowly, or not at all, keeps no other out.
        while n_bytes > (room.len() + 1) * SMALL_BODY_BYTES {
            room.push(if room.is_empty() { state.body_room().await? } else { state.more_body_room()? });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(JsonBody { bytes, _room: room })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(body: &Value) -> Result<Map<String, Value>, ApiError> {
        parse_object(body.to_string().as_bytes())
    }

    fn object(n_keys: usize) -> Map<String, Value> {
        (0..n_keys).map(|n| (format!("a:{{\"{n}"), json!("x: {[\\\""))).collect()
    }

    #[test]
    fn keys_count_wherever_they_are_but_in_members() {
        assert_eq!(parsed(&Value::Object(object(MAX_KEYS))).unwrap(), object(MAX_KEYS));
        assert!(matches!(
            parsed(&Value::Object(object(MAX_KEYS + 1))),
            Err(ApiError::Body(BodyError::TooManyKeys { limit: MAX_KEYS }))
        ));
        assert!(parsed(&json!({ "persona": object(MAX_KEYS - 1) })).is_ok());
        assert!(matches!(
            parsed(&json!({ "persona": object(MAX_KEYS) })),
            Err(ApiError::Body(BodyError::TooManyKeys { .. }))
        ));
        let members: Vec<_> = (0..1_000).map(|_| object(5)).collect();
        let object =
            parsed(&json!({ "members": members, "tone": "Fun", "distinguishing": vec![object(5); 60] })).unwrap();
        assert_eq!((object.len(), &object["members"]), (3, &Value::Null));
        let many = format!("{{{}\"a\": 1}}", "\"a\": 1, ".repeat(580_000));
        assert!(
            matches!(parse_object(many.as_bytes()), Err(ApiError::Body(BodyError::TooManyKeys { .. }))),
            "also under one name"
        );
    }

    #[test]
    fn a_deeply_nested_field_is_named() {
        let nested = |depth: usize| format!("{{\"persona\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_ok());
        for depth in [MAX_DEPTH + 1, 100] {
            let Err(ApiError::Fields(problems)) = parse_object(nested(depth).as_bytes()) else { panic!("taken") };
            assert_eq!(problems[0].field, "persona");
        }
    }

    #[test]
    fn a_field_that_is_given_twice_is_named_and_so_is_a_key_within_a_field() {
        let problems = |json: &str| match parse_object(json.as_bytes()) {
            Err(ApiError::Fields(problems)) => {
                problems.into_iter().map(|problem| format!("{} {}", problem.field, problem.message)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        let twice = |name: &str| format!("{name} {GIVEN_TWICE}");
        assert_eq!(problems(r#"{"tone": "Fun", "tone": "Fun"}"#), [twice("tone")]);
        assert_eq!(problems(r#"{"tone": "Fun", "t\u006fne": "Casual", "a": 1, "a": 2}"#), [twice("a"), twice("tone")]);
        assert_eq!(problems(r#"{"members": [], "members": []}"#), [twice("members")]);
        let nested = r#"{"persona": {"Top_Gender": "Male", "Top_Gender": "Female"}}"#;
        assert_eq!(problems(nested), ["persona has the key Top_Gender twice; send it once"]);
    }

    #[test]
    fn half_of_a_character_is_called_that() {
        let Err(ApiError::Fields(problems)) = parse_object(br#"{"objective": "\ud800"}"#) else { panic!("taken") };
        assert!(problems[0].message.contains("surrogate"), "{problems:?}");
    }
}
