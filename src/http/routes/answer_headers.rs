//! The headers of answers that callers rely on, as the description names them.
//!
//! They are set where the answers are made. Here is one list of what each says, and on which answers of an operation it
//! may be. What every answer has, such as `x-request-id`, the description says of the service as a whole.

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{HeaderBuilder, Object, OpenApi as Description, Ref, RefOr, Type};

use super::openapi::operations;

const CONTENT_DISPOSITION: &str = "Content-Disposition";
const ETAG: &str = "ETag";
const IDEMPOTENT_REPLAYED: &str = "Idempotent-Replayed";
const LOCATION: &str = "Location";
const MODEL_VERSION: &str = "X-Model-Version";
const RETRY_AFTER: &str = "Retry-After";
const WWW_AUTHENTICATE: &str = "WWW-Authenticate";

/// What the headers say, each with an example.
fn headers() -> [(&'static str, &'static str, Value); 7] {
    [
        (
            CONTENT_DISPOSITION,
            "That the answer is a file, and its name.",
            json!("attachment; filename=\"segments.xlsx\""),
        ),
        (ETAG, "What the next change sends as `If-Match`.", json!("\"5f0c1d9be2a84b6f\"")),
        (
            IDEMPOTENT_REPLAYED,
            "`true`: the stored answer of an earlier request with the same `Idempotency-Key`. Otherwise it is missing.",
            json!("true"),
        ),
        (
            LOCATION,
            "The path of the job that has started or is in the way, or of the page.",
            json!("/retrain/5f0c1d9be2a84b6f8f5f6c1d9be2a84b"),
        ),
        (
            MODEL_VERSION,
            "The version of the model that the answer is by; missing where no model was asked.",
            json!("20261122T194851Z-2a945ef3"),
        ),
        (RETRY_AFTER, "After how many seconds a retry may succeed; missing where waiting does not help.", json!(5)),
        (WWW_AUTHENTICATE, "How a key is sent.", json!("Bearer")),
    ]
}

/// Operations whose answer is by a version of the model, and those whose answer is a file to keep.
const BY_MODEL: [&str; 5] =
    ["upload_excel", "generate_promo", "generate_post", "generate_editor_post", "export_segments"];
const FILES: [&str; 2] = ["export_segments", "proxy_download"];

/// Describes the headers of every answer that the operations describe.
pub(in crate::http) fn add_headers(description: &mut Description) {
    let components = description.components.get_or_insert_default();
    for (name, about, example) in headers() {
        let kind = if example.is_number() { Type::Integer } else { Type::String };
        let header = HeaderBuilder::new().schema(Some(Object::with_type(kind)));
        let header = header.description(Some(about)).example(Some(example)).build();
        components.headers.insert(name.to_owned(), RefOr::T(header));
    }
    for operation in description.paths.paths.values_mut().flat_map(operations) {
        let answers = Answers::of(operation);
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            for name in answers.headers_of(status) {
                let reference = Ref::new(format!("#/components/headers/{name}"));
                response.headers.insert(name.to_owned(), RefOr::Ref(reference));
            }
        }
    }
}

/// What decides on the headers of an operation's answers.
struct Answers {
    id: String,
    /// Whether its requests may have an `Idempotency-Key`, and whether they have an `If-Match`.
    may_be_repeated: bool,
    is_conditional: bool,
    /// Whether it starts a job, while another one may be running.
    starts_a_job: bool,
}

impl Answers {
    fn of(operation: &Operation) -> Self {
        let parameters = operation.parameters.iter().flatten();
        let names: Vec<&str> = parameters
            .filter_map(|parameter| match parameter {
                RefOr::T(parameter) => Some(parameter.name.as_str()),
                RefOr::Ref(_) => None,
            })
            .collect();
        Self {
            id: operation.operation_id.clone().unwrap_or_default(),
            may_be_repeated: names.contains(&"Idempotency-Key"),
            is_conditional: names.contains(&"If-Match"),
            starts_a_job: operation.responses.responses.contains_key("202"),
        }
    }

    /// The headers that an answer with this status may have.
    fn headers_of(&self, status: &str) -> impl Iterator<Item = &'static str> {
        let is_ok = status == "200";
        let is_conflict = status == "409";
        let must_wait = matches!(status, "429" | "503") || is_conflict && self.may_be_repeated;
        [
            (CONTENT_DISPOSITION, is_ok && FILES.contains(&self.id.as_str())),
            (ETAG, is_ok && self.is_conditional),
            (IDEMPOTENT_REPLAYED, is_ok && self.may_be_repeated),
            (LOCATION, matches!(status, "202" | "303") || is_conflict && self.starts_a_job),
            (MODEL_VERSION, is_ok && BY_MODEL.contains(&self.id.as_str())),
            (RETRY_AFTER, must_wait),
            (WWW_AUTHENTICATE, status == "401"),
        ]
        .into_iter()
        .filter_map(|(name, is_there)| is_there.then_some(name))
    }
}
