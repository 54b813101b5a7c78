//! Every route, on one page.

use std::any::Any;

use axum::Router;
use axum::http::{HeaderName, Method, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, Any as AnyOrigin, CorsLayer};

use super::error::ApiError;
use super::export::post_segments_export;
use super::generate::post_generate;
use super::health::{get_healthz, get_readyz};
use super::linger::read_refused_bodies;
use super::request_id::identify_and_log;
use super::state::AppState;
use super::upload::post_upload_excel;

/// The service's routes and the layers around them, outermost last.
pub(super) fn router(state: AppState) -> Router {
    let cors = cors(&state.settings().allow_origins);
    Router::new()
        .route("/healthz", get(get_healthz))
        .route("/readyz", get(get_readyz))
        .route("/generate-post", post(post_generate))
        .route("/generate-promo", post(post_generate))
        .route("/upload-excel", post(post_upload_excel))
        .route("/segments/export", post(post_segments_export))
        .fallback(async || ApiError::NoRoute)
        .method_not_allowed_fallback(async || ApiError::NoMethod)
        .layer(CatchPanicLayer::custom(answer_a_panic))
        .layer(from_fn(read_refused_bodies))
        .layer(from_fn(identify_and_log))
        .layer(cors)
        .with_state(state)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn answer_a_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal("a handler", text.unwrap_or("it panicked").to_owned()).into_response()
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::from(AnyOrigin)
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::AUTHORIZATION,
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([header::CONTENT_DISPOSITION, header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(std::time::Duration::from_secs(600))
}
