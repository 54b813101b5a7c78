//! Whether the process lives, and whether it can answer as fast as it ever will.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::error::ApiError;
use super::state::AppState;

/// `GET /healthz`: 200 as long as the process answers.
pub(super) async fn get_healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: 200 once a model is loaded and warm, 503 before.
pub(super) async fn get_readyz(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    let ready = state.ready()?;
    let version = ready.live.snapshot();
    Ok(Json(json!({
        "status": "ready",
        "model_version": version.id.as_str(),
        "segments": version.model.segments().len(),
        "writer": ready.writer.name(),
    })))
}
