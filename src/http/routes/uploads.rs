//! `GET /uploads`: what the next retraining will read, for administrators.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::retrain::KeyProblems;
use crate::http::problem::{ApiError, Document};
use crate::http::request::admin::Admin;
use crate::http::state::AppState;

/// Kept uploads that no training has taken yet.
#[derive(Serialize, ToSchema)]
#[schema(as = Uploads)]
pub(in crate::http) struct UploadsAnswer {
    /// The earliest first.
    uploads: Vec<WaitingUpload>,
    /// All of them together, in bytes.
    #[schema(example = 212_345)]
    bytes: u64,
}

/// One kept upload. What its sender called it is not kept.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct WaitingUpload {
    /// What its content is known by, as in the upload's answer.
    #[schema(example = "2cf24dba5fb0a30e26e83b2ac5b9e29e")]
    id: String,
    /// When the content came first.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T19:48:51Z")]
    received_at: Timestamp,
    /// Its size.
    #[schema(example = 212_345)]
    bytes: u64,
}

/// What the next retraining will read
///
/// Uploads wait until a training puts them into the base data.
#[utoipa::path(get, path = "/uploads", tag = "models", operation_id = "list_uploads", security(("admin_key" = [])),
    responses(
        (status = 200, description = "The uploads", body = UploadsAnswer), KeyProblems,
        (status = 500, description = "The folder cannot be read", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn get_uploads(
    _: Admin,
    State(state): State<AppState>,
) -> Result<Json<UploadsAnswer>, ApiError> {
    let listed = tokio::task::spawn_blocking(move || state.uploads().waiting()).await;
    let listed = listed.map_err(|e| ApiError::internal("listing uploads", e))?;
    let waiting = listed.map_err(|e| ApiError::internal("listing uploads", e))?;
    let uploads = waiting.iter().map(|upload| WaitingUpload {
        id: upload.id.to_string(),
        received_at: upload.received_at,
        bytes: upload.size_bytes,
    });
    Ok(Json(UploadsAnswer { uploads: uploads.collect(), bytes: waiting.iter().map(|upload| upload.size_bytes).sum() }))
}
