//! Every route, on one page.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, Any as AnyOrigin, CorsLayer};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admission::{Entrance, Origins, admit, hold_to_a_pace, part_with_refused_bodies};
use super::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED};
use super::problem::ApiError;
use super::request_id::identify_and_log;
use super::response::compression::{compression, slice_large_texts};
use super::response::event_stream::X_MODEL_VERSION;
use super::response::security_headers::harden;
use super::routes::docs::ApiDescription;
use super::routes::{export, generate, health, images, index, metrics, models, openapi, retrain, upload};
use super::state::AppState;

/// The service's routes and the layers around them, outermost last.
///
/// # Errors
/// [`ApiError::Internal`] when the API's own description cannot be written.
pub(super) fn router(state: AppState) -> Result<Router, ApiError> {
    let settings = state.settings();
    let cors = cors(&settings.allow_origins);
    let keys_are_set = !settings.api_keys.is_empty();
    let entrance = Arc::new(Entrance::new(settings));
    let (routes, description) = OpenApiRouter::with_openapi(ApiDescription::openapi())
        .routes(routes!(index::get_index))
        .routes(routes!(upload::post_upload_excel))
        .routes(routes!(export::post_segments_export))
        .routes(routes!(generate::post_generate_promo))
        .routes(routes!(generate::post_generate_post))
        .routes(routes!(generate::post_generate_editor_post))
        .routes(routes!(images::get_image))
        .routes(routes!(images::post_proxy_download))
        .routes(routes!(models::get_models))
        .routes(routes!(models::get_model_report))
        .routes(routes!(models::post_activate))
        .routes(routes!(retrain::post_retrain, retrain::get_retrainings))
        .routes(routes!(retrain::get_retraining))
        .routes(routes!(health::get_healthz))
        .routes(routes!(health::get_readyz))
        .routes(routes!(metrics::get_metrics))
        .split_for_parts();
    Ok(routes
        .merge(openapi::routes(description, keys_are_set)?)
        .fallback(async || ApiError::NoRoute)
        .method_not_allowed_fallback(async || ApiError::NoMethod)
        .layer(CatchPanicLayer::custom(answer_a_panic))
        .layer(from_fn_with_state(entrance, admit))
        // Outside the entrance: who is turned away in the middle of a body gets to read why, too.
        .layer(from_fn(part_with_refused_bodies))
        .layer(from_fn(hold_to_a_pace))
        .layer(cors)
        .layer(from_fn_with_state(state.clone(), identify_and_log))
        .layer(from_fn(slice_large_texts))
        .layer(compression())
        .layer(from_fn(harden))
        .with_state(state))
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
        let origins = Origins::new(origins);
        AllowOrigin::predicate(move |origin, _| origins.allow(origin))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::AUTHORIZATION,
            IDEMPOTENCY_KEY,
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([
            header::CONTENT_DISPOSITION,
            header::LOCATION,
            header::RETRY_AFTER,
            IDEMPOTENT_REPLAYED,
            HeaderName::from_static("x-request-id"),
            X_MODEL_VERSION,
        ])
        .max_age(std::time::Duration::from_secs(600))
}
