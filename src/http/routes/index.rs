//! `GET /`: a browser gets the console, a program the addresses to go on from.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::console;
use crate::http::accept::accepts;
use crate::http::state::AppState;

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
/// With `Accept: text/html`, as browsers send it, the console: a page to look at customers, to upload, write and
/// retrain. With `CONSOLE=off` a redirection to the page that describes the API.
#[utoipa::path(get, path = "/", tag = "operation", operation_id = "get_index",
    responses(
        (status = 200, description = "The addresses to go on from; for a browser the console",
            content((Index = "application/json"), (String = "text/html"))),
        (status = 303, description = "For a browser, with `CONSOLE=off`; `Location` is the page")))]
pub(in crate::http) async fn get_index(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let varies = (header::VARY, "accept");
    if accepts(&headers, "text/html") {
        if state.settings().console {
            return console::page(&headers);
        }
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
