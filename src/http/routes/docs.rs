//! What the routes' descriptions share: the service as a whole, its keys, and the problems of every body.
//!
//! The description (OpenAPI 3.1) is made from the handlers and the types beside them; [`super::openapi`] serves it.
//! Request types are there for the description only: bodies are read under many names and by the model's schema
//! ([`crate::http::request::fields`]), and a test holds the two together.

use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

use crate::http::problem::Document;

/// What the description says of the service as a whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "content-portal",
        description = "Groups customers into segments and writes marketing content for each.\n\n\
            Every error is a problem document (RFC 9457) with `code` and `error`, and with `request_id` once its head \
            was read; then `x-request-id` has the same: the caller's own, or a new one. One exception: a browser that \
            asks under a wrong host name gets its 421 as a page. Long requests send their progress as an event stream \
            if `Accept` names `text/event-stream`."
    ),
    tags(
        (name = "content", description = "Texts and pictures for a customer, a segment or everyone"),
        (name = "segments", description = "Workbooks of customers into segments, and segments into workbooks"),
        (name = "models", description = "The trained versions, trainings and uploads, for keys that may train or administer"),
        (name = "operation", description = "Health and metrics")
    ),
    modifiers(&KeySchemes)
)]
pub(in crate::http) struct ApiDescription;

/// The security scheme of routes that any client may call.
pub(in crate::http) const API_KEY: &str = "api_key";
/// The security scheme of routes that always need a key.
pub(in crate::http) const ADMIN_KEY: &str = "admin_key";

/// Describes the two kinds of keys, and names no licence: there is none yet.
struct KeySchemes;

impl Modify for KeySchemes {
    fn modify(&self, description: &mut Description) {
        description.info.license = None;
        let components = description.components.get_or_insert_default();
        for (name, about) in [
            (
                API_KEY,
                "One of API_KEYS, ADMIN_KEY, or a key of KEYS_FILE with the route's right. Where neither API_KEYS nor \
                KEYS_FILE is set, none is needed.",
            ),
            (
                ADMIN_KEY,
                "ADMIN_KEY, or a key of KEYS_FILE with the route's right. Where there is none, the route is closed.",
            ),
        ] {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

/// Why a request with a body fails.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum BodyProblems {
    /// The body is broken or cut off, or its file is missing.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Document<'static>),
    /// Keys are set, and none was sent, or it is wrong or has expired.
    #[response(status = 401, content_type = "application/problem+json")]
    NoKey(Document<'static>),
    /// The key does not have the route's right, or the request comes from a web page that may not call.
    #[response(status = 403, content_type = "application/problem+json")]
    NoRight(Document<'static>),
    /// The body took too long to arrive.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Document<'static>),
    /// The body or the workbook is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Document<'static>),
    /// The body has a media type that the route does not take.
    #[response(status = 415, content_type = "application/problem+json")]
    WrongKind(Document<'static>),
    /// Fields, rows or the workbook are invalid; `details` names each field with what to change.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Document<'static>),
    /// More requests, a minute or at once, than a client may send; `Retry-After` says when to retry.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Document<'static>),
    /// A fault of this service.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Document<'static>),
    /// The server is starting or busy, or has no model yet; `Retry-After` says when to retry, where waiting may help.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Document<'static>),
    /// The disk is full.
    #[response(status = 507, content_type = "application/problem+json")]
    Storage(Document<'static>),
}

/// Why a route that always needs a key rejects a request.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum KeyProblems {
    /// No key was sent, or it is wrong or has expired.
    #[response(status = 401, content_type = "application/problem+json")]
    NotAdmin(Document<'static>),
    /// No key is set that may call this route, the key does not have the right, or the request comes from a web page
    /// that may not call.
    #[response(status = 403, content_type = "application/problem+json")]
    Closed(Document<'static>),
    /// More requests a minute than a client may send; `Retry-After` says when to retry.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Document<'static>),
}

/// Why a route without a body, which any client may call, fails.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum LookProblems {
    /// Keys are set, and none was sent, or it is wrong or has expired.
    #[response(status = 401, content_type = "application/problem+json")]
    NoKey(Document<'static>),
    /// The key does not have the route's right.
    #[response(status = 403, content_type = "application/problem+json")]
    NoRight(Document<'static>),
    /// More requests a minute than a client may send; `Retry-After` says when to retry.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Document<'static>),
    /// A fault of this service.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Document<'static>),
}

/// Why such a route has to wait.
#[derive(IntoResponses)]
#[response(
    status = 503,
    description = "The server is starting or busy, or has no model yet",
    content_type = "application/problem+json"
)]
#[expect(dead_code, reason = "describes the problem that ApiError answers with")]
pub(in crate::http) struct NotReady(Document<'static>);

/// Why a route refuses a query.
#[derive(IntoResponses)]
#[response(
    status = 422,
    description = "The query has a parameter, and the route reads none",
    content_type = "application/problem+json"
)]
#[expect(dead_code, reason = "describes the problem that ApiError answers with")]
pub(in crate::http) struct HasQuery(Document<'static>);

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the answers that are files")]
pub(in crate::http) struct FileBytes(Vec<u8>);
