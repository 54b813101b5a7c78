//! `GET /healthz` and `GET /readyz`: liveness and readiness.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::{ApiError, Document};
use crate::http::state::AppState;

/// The process answers.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// What the server is ready with.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Readiness {
    /// Always `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// The live model version.
    #[schema(example = "20261122T194851Z-2a945ef3")]
    model_version: String,
    /// Whether it was trained on the sample, whose customers are invented.
    #[schema(example = false)]
    trained_on_sample: bool,
    /// How many segments it has.
    #[schema(example = 4)]
    segments: usize,
    /// The writer: `openai` or `offline`.
    #[schema(example = "offline")]
    writer: &'static str,
}

/// Liveness: the process answers
#[utoipa::path(get, path = "/healthz", tag = "operation", operation_id = "get_healthz",
    responses((status = 200, description = "The process answers", body = Health)))]
pub(in crate::http) async fn get_healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Readiness: a model is loaded and warm
#[utoipa::path(get, path = "/readyz", tag = "operation", operation_id = "get_readyz",
    responses(
        (status = 200, description = "A model is loaded and warm", body = Readiness),
        (status = 503, description = "The server is starting, or there is no model yet", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn get_readyz(State(state): State<AppState>) -> Result<Json<Readiness>, ApiError> {
    let ready = state.ready()?;
    let version = ready.live.snapshot();
    Ok(Json(Readiness {
        status: "ready",
        model_version: version.id.to_string(),
        trained_on_sample: version.manifest.is_of_the_sample(),
        segments: version.model.segments().len(),
        writer: ready.writer.name(),
    }))
}
