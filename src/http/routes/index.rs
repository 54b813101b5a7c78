//! `GET /`: redirects a browser to the page that describes the API, and gives a program the next addresses.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::request::accept::accepts;

const DOCS: &str = "/docs/";

/// The service and its next addresses.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Index {
    /// Always `content-portal`.
    #[schema(example = "content-portal")]
    service: &'static str,
    /// The version of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The page that describes the API, with a form to try it.
    #[schema(example = "/docs/")]
    docs: &'static str,
    /// The same for programs.
    #[schema(example = "/openapi.json")]
    openapi: &'static str,
    /// Whether a model is loaded, and which one.
    #[schema(example = "/readyz")]
    readiness: &'static str,
}

/// The service and its next addresses
///
/// With `Accept: text/html`, as browsers send it, a redirect to the page that describes the API.
#[utoipa::path(get, path = "/", tag = "operation", operation_id = "get_index",
    responses(
        (status = 200, description = "The next addresses", body = Index),
        (status = 303, description = "For a browser; `Location` is the page")))]
pub(in crate::http) async fn get_index(headers: HeaderMap) -> Response {
    let varies = (header::VARY, "accept");
    if accepts(&headers, "text/html") {
        return (StatusCode::SEE_OTHER, [varies, (header::LOCATION, DOCS)]).into_response();
    }
    let index = Index {
        service: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        docs: DOCS,
        openapi: "/openapi.json",
        readiness: "/readyz",
    };
    ([varies], Json(index)).into_response()
}
