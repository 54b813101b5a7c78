//! `GET /openapi.json`, and the page at `/docs` that shows it.
//!
//! The description says which routes need a key. Clients that have the current file get a 304.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi as Description, PathItem, Ref, ResponseBuilder, SecurityRequirement};
use utoipa_swagger_ui::{Config, SwaggerUi};
use xxhash_rust::xxh3::xxh3_64;

use super::docs::{ADMIN_KEY, API_KEY};
use crate::http::access::Right;
use crate::http::admission::{Class, Classes};
use crate::http::problem::ApiError;

/// The page loads its own scripts and styles. Swagger UI also uses inline styles and `data:` images.
const PAGE_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// The patterns of the routes that [`routes`] adds. They are not part of the description.
pub(in crate::http) const PATTERNS: [&str; 4] = ["/openapi.json", "/docs", "/docs/", "/docs/{*rest}"];

/// `/openapi.json` and `/docs`.
///
/// # Errors
/// [`ApiError::Internal`] when the description cannot be written.
pub(in crate::http) fn routes<S: Clone + Send + Sync + 'static>(
    description: &Description,
) -> Result<Router<S>, ApiError> {
    let json = description.to_pretty_json().map_err(|e| ApiError::internal("describing the API", e))?;
    let json = Bytes::from(json);
    let openapi = async move || ([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response();
    let config = Config::new(["/openapi.json"]).validator_url("none").try_it_out_enabled(true);
    let page: Router<S> = SwaggerUi::new("/docs").config(config).into();
    let page = page.layer(map_response(async |response: Response| match response.status() {
        StatusCode::NOT_FOUND => ApiError::NoRoute.into_response(),
        _ => ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], response).into_response(),
    }));
    let answered = Answered::default();
    Ok(page.route("/openapi.json", get(openapi)).layer(from_fn_with_state(answered, answer_not_modified)))
}

/// Describes which right a route needs of its caller's key, and whether it needs a key also where `keys_are_set` does
/// not hold. [`Class::Open`] routes need none.
pub(in crate::http) fn add_key_requirements(description: &mut Description, classes: &Classes, keys_are_set: bool) {
    let requirement = |scheme| SecurityRequirement::new(scheme, [] as [&str; 0]);
    for (route, item) in &mut description.paths.paths {
        for operation in operations(item) {
            add_refusal(operation, "421", "The `Host` is not one that the server answers under.");
        }
        let (class, right) = classes.of(Some(route));
        let Some(right) = right.filter(|_| class != Class::Open) else { continue };
        let needed = if right.always_needs_key() {
            vec![requirement(ADMIN_KEY)]
        } else if keys_are_set {
            vec![requirement(API_KEY)]
        } else {
            vec![SecurityRequirement::default(), requirement(API_KEY)]
        };
        for operation in operations(item) {
            add_refusal(operation, "401", "No key, an unknown one, or one that has expired.");
            let forbidden = "The key does not have the right, or the request comes from a web page that may not call.";
            add_refusal(operation, "403", forbidden);
            operation.security = Some(needed.clone());
            let text = operation.description.take().unwrap_or_default();
            operation.description = Some(format!("{text}\n\n{}", needs(right)).trim_start().to_owned());
        }
    }
}

/// The files that were asked for, by hash: one copy of each, however many slow clients read it. There are a dozen.
#[derive(Debug, Clone, Default)]
struct Answered(Arc<Mutex<HashMap<u64, Bytes>>>);

impl Answered {
    /// The copy that everybody gets.
    fn shared(&self, hash: u64, bytes: Bytes) -> Bytes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(hash).or_insert(bytes).clone()
    }
}

pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
}

/// Describes a problem that a request meets before its handler, unless the handler describes that status itself.
fn add_refusal(operation: &mut Operation, status: &str, about: &str) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(about).content("application/problem+json", problem).build();
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
}

/// The sentence about the right that a key needs.
fn needs(right: Right) -> String {
    let where_needed = if right.always_needs_key() { "" } else { ", where keys are set" };
    format!("Needs a key with the right `{right}`{where_needed}.")
}

/// Answers 304 to clients that have the current file (RFC 9110, 13.1.2).
async fn answer_not_modified(State(answered): State<Answered>, request: Request, next: Next) -> Response {
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (parts, body) = response.into_parts();
    // The files are part of this program, so they are small enough for memory.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return ApiError::Internal { doing: "reading a page", source: None }.into_response();
    };
    let number = xxh3_64(&bytes);
    let bytes = answered.shared(number, bytes);
    let hash = format!("\"{number:016x}\"");
    // Weak: the same file is sent with gzip and without.
    let caching = [
        (header::ETAG, format!("W/{hash}")),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::VARY, "accept-encoding".to_owned()),
    ];
    if names_tag(&known, &hash) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, Response::from_parts(parts, Body::from(bytes))).into_response()
}

/// Whether the values of `If-None-Match` name this tag or `*`; strong and weak tags count as the same.
pub(super) fn names_tag(values: &[HeaderValue], hash: &str) -> bool {
    let tags = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tags.map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_among_others_weak_or_strong() {
        let is_known = |value: &str| names_tag(&[value.parse().unwrap()], "\"0a\"");
        for known in ["W/\"0a\"", "\"0a\"", "*", "\"x\", W/\"0a\"", "\"x\",\"0a\""] {
            assert!(is_known(known), "{known}");
        }
        for other in ["", "W/\"0b\"", "0a", "W/0a", "\"x\""] {
            assert!(!is_known(other), "{other}");
        }
    }
}
