//! Every route with its admission class, and the layers around all of them, on one page.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, Any as AnyOrigin, CorsLayer};
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::access::{Guard, Origins, Right, refuse_foreign};
use super::admission::{Admission, Class, Classes, admit, drain_rejected_bodies, minimum_rate};
use super::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED};
use super::problem::ApiError;
use super::request_id::{X_MODEL_VERSION, identify_and_log};
use super::response::compression::{compression, slice_large_texts};
use super::response::security_headers::add_security_headers;
use super::routes::docs::ApiDescription;
use super::routes::{
    answer_headers, compare, console, export, generate, health, images, index, map, metrics, models, openapi, retrain,
    segments, status, upload, uploads,
};
use super::state::AppState;

/// Every route of the API description, with its class and the right that its callers' keys need. Where neither
/// `API_KEYS` nor `KEYS_FILE` is set, the routes of `Read`, `Upload` and `Generate` need no key.
fn api_routes() -> Routes {
    use Class::{Generation, Open, Standard, Upload};
    Routes::default()
        .add(Open, None, routes!(index::get_index))
        .add(Upload, Right::Upload, routes!(upload::post_upload_excel))
        .add(Standard, Right::Read, routes!(segments::get_segments))
        .add(Standard, Right::Admin, routes!(segments::put_extras))
        .add(Standard, Right::Read, routes!(map::get_map))
        .add(Upload, Right::Upload, routes!(export::post_segments_export))
        .add(Generation, Right::Generate, routes!(generate::post_generate_promo))
        .add(Generation, Right::Generate, routes!(generate::post_generate_post))
        .add(Generation, Right::Generate, routes!(generate::post_generate_editor_post))
        .add(Open, None, routes!(images::get_image))
        .add(Standard, Right::Read, routes!(images::post_proxy_download))
        .add(Standard, Right::Train, routes!(models::get_models))
        .add(Standard, Right::Train, routes!(models::get_model_report))
        .add(Standard, Right::Admin, routes!(models::post_activate))
        .add(Upload, Right::Train, routes!(retrain::post_retrain, retrain::get_retrainings))
        .add(Standard, Right::Train, routes!(retrain::get_retraining, retrain::delete_retraining))
        .add(Standard, Right::Train, routes!(compare::post_compare))
        .add(Standard, Right::Admin, routes!(uploads::get_uploads))
        .add(Standard, Right::Admin, routes!(uploads::post_approve_upload))
        .add(Standard, Right::Admin, routes!(uploads::delete_upload))
        .add(Standard, Right::Read, routes!(status::get_status))
        .add(Open, None, routes!(health::get_healthz))
        .add(Open, None, routes!(health::get_readyz))
        .add(Standard, Right::Read, routes!(metrics::get_metrics))
}

/// The service's routes and the layers around them, outermost first.
///
/// # Errors
/// [`ApiError::Internal`] when the API description cannot be written.
pub(super) fn router(state: AppState) -> Result<Router, ApiError> {
    let settings = state.settings();
    let Routes { router, mut classes } = api_routes();
    for pattern in openapi::PATTERNS.into_iter().chain([console::PATTERN]) {
        classes.set(pattern, Class::Open, None);
    }
    let (routes, mut description) = router.split_for_parts();
    openapi::add_key_requirements(&mut description, &classes, state.access().needs_keys());
    answer_headers::add_headers(&mut description);
    let classes = Arc::new(classes);
    let admission = Arc::new(Admission::new(state.access().clone(), classes.clone(), state.in_flight().clone()));
    let origins = Arc::new(Origins::new(&settings.allow_origins));
    let guard = Guard::new(&settings.allow_hosts, origins.clone(), settings.public_url.as_deref());
    let console = if settings.console { console::routes() } else { Router::new() };
    // One layer of all: the router clones what is behind each of its layers for each request, and a box apiece.
    let around = ServiceBuilder::new()
        .layer(from_fn(add_security_headers))
        .layer(compression())
        .layer(from_fn(slice_large_texts))
        .layer(from_fn_with_state((state.clone(), classes), identify_and_log))
        .layer(cors(origins))
        .layer(from_fn(minimum_rate))
        // Outside admission: a client that is rejected in the middle of a body can read why, too.
        .layer(from_fn(drain_rejected_bodies))
        .layer(from_fn_with_state(Arc::new(guard), refuse_foreign))
        .layer(from_fn_with_state(admission, admit))
        .layer(CatchPanicLayer::custom(answer_a_panic));
    Ok(routes
        .merge(openapi::routes(&description)?)
        .merge(console)
        .fallback(async || ApiError::NoRoute)
        .method_not_allowed_fallback(async || ApiError::NoMethod)
        .layer(around)
        .with_state(state))
}

/// Routes, each added with its class.
struct Routes {
    router: OpenApiRouter<AppState>,
    classes: Classes,
}

impl Default for Routes {
    fn default() -> Self {
        Self { router: OpenApiRouter::with_openapi(ApiDescription::openapi()), classes: Classes::default() }
    }
}

impl Routes {
    fn add(mut self, class: Class, right: impl Into<Option<Right>>, routes: UtoipaMethodRouter<AppState>) -> Self {
        let right = right.into();
        for pattern in routes.1.paths.keys() {
            self.classes.set(pattern, class, right);
        }
        Self { router: self.router.routes(routes), ..self }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn answer_a_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal("a handler", text.unwrap_or("it panicked").to_owned()).into_response()
}

fn cors(origins: Arc<Origins>) -> CorsLayer {
    let allowed = if origins.allow_all() {
        AllowOrigin::from(AnyOrigin)
    } else {
        AllowOrigin::predicate(move |origin, _| origins.allow(origin))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::AUTHORIZATION,
            header::IF_MATCH,
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
