//! `GET /uploads`, `POST /uploads/{id}/approve` and `DELETE /uploads/{id}`: what the next retraining reads, for
//! administrators.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{StatusCode, Uri};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::docs::{HasQuery, KeyProblems, NotReady};
use crate::http::access::Sender;
use crate::http::problem::{ApiError, Document};
use crate::http::request::known::{NoQuery, Parameter, read_query};
use crate::http::state::{AppState, on_blocking_thread};
use crate::model_store::StoreError;
use crate::upload_store::{Cursor, ListedUpload, Page, UploadId, UploadState};

/// How many uploads a page has without `limit`, and at most.
const PAGE: u16 = 100;
const MAX_PAGE: u16 = 1_000;
const LIMIT: Parameter = Parameter::new("limit", "must be a whole number from 1 to 1000");
const AFTER: Parameter = Parameter::new("after", "must be `next` of the page before");

/// Which page of the list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct UploadsQuery {
    /// How many uploads the page has at most: up to 1,000, and 100 without it.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<u16>,
    /// `next` of the page before; without it the list begins.
    #[param(example = "20261122T194851Z-2cf24dba5fb0a30e26e83b2ac5b9e29e.xlsx")]
    after: Option<String>,
}

/// Kept uploads that no training has taken yet.
#[derive(Serialize, ToSchema)]
#[schema(as = Uploads)]
pub(in crate::http) struct UploadsAnswer {
    /// Those of this page, the earliest first.
    uploads: Vec<WaitingUpload>,
    /// What the next page takes as `after`; null on the last one.
    #[schema(required, example = "20261122T194851Z-2cf24dba5fb0a30e26e83b2ac5b9e29e.xlsx")]
    next: Option<String>,
    /// How many there are, on all pages.
    #[schema(example = 1)]
    count: usize,
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
    /// When it was last sent. Of a customer in several uploads a training takes the row of the one sent last, where an
    /// approved one is as new as when somebody last sent it whose uploads need no approval.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T19:48:51Z")]
    last_sent_at: Timestamp,
    /// Its size.
    #[schema(example = 212_345)]
    bytes: u64,
    /// `approved`: the next training learns from it, unless `TRAIN_ON_UPLOADS` says otherwise. `waiting`: it came
    /// without a key, and is left out until it is approved.
    state: UploadState,
    /// The name of the key that it came with; null without one, and for uploads of earlier versions.
    #[schema(required, example = "portal")]
    sent_by: Option<String>,
    /// The name of the key that approved it later; null where it was approved from the start or by command, and where
    /// it waits.
    #[schema(required, example = "ADMIN_KEY")]
    approved_by: Option<String>,
    /// Its usable rows; null where they were not counted.
    #[schema(required, example = 5000)]
    rows: Option<u64>,
}

/// What the next retraining will read
///
/// Uploads stay until a training puts them into the base data. Those that came without a key wait for approval first.
/// The list comes in pages.
#[utoipa::path(get, path = "/uploads", tag = "models", operation_id = "list_uploads", params(UploadsQuery),
    responses(
        (status = 200, description = "A page of the uploads", body = UploadsAnswer), KeyProblems,
        (status = 422, description = "A parameter of the query is wrong", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 500, description = "The folder cannot be read", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn get_uploads(
    State(state): State<AppState>,
    uri: Uri,
) -> Result<Json<UploadsAnswer>, ApiError> {
    let UploadsQuery { limit, after } = read_query(&uri, &[LIMIT, AFTER])?;
    let wrong = |parameter: &Parameter| ApiError::field(parameter.name, parameter.must_be);
    let limit = limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(wrong(&LIMIT));
    }
    let after = after.map(|after| after.parse::<Cursor>()).transpose().map_err(|()| wrong(&AFTER))?;
    let page = in_folder("listing uploads", move || state.uploads().page(after.as_ref(), limit.into())).await?;
    Ok(Json(page.into()))
}

/// Lets trainings learn from an upload
///
/// An upload that came without a key is left out of trainings until then. Approving an approved one changes nothing.
#[utoipa::path(post, path = "/uploads/{id}/approve", tag = "models", operation_id = "approve_upload",
    params(("id" = String, Path, example = "2cf24dba5fb0a30e26e83b2ac5b9e29e")),
    responses(
        (status = 200, description = "The next training learns from it", body = WaitingUpload), KeyProblems, HasQuery,
        (status = 500, description = "The folder cannot be read or written", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 404, description = "No such upload waits", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn post_approve_upload(
    State(state): State<AppState>,
    Extension(sender): Extension<Sender>,
    _: NoQuery,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<WaitingUpload>, ApiError> {
    let (id, by) = (upload_id(id)?, sender.name());
    let approved = in_folder("approving an upload", move || state.uploads().approve(id, by.as_deref())).await?;
    let approved = approved.ok_or(ApiError::NoUpload)?;
    tracing::info!(event = "upload_approved", upload = %id, "an upload was approved for training");
    Ok(Json(approved.into()))
}

/// Removes an upload that no training has taken yet
#[utoipa::path(delete, path = "/uploads/{id}", tag = "models", operation_id = "delete_upload",
    params(("id" = String, Path, example = "2cf24dba5fb0a30e26e83b2ac5b9e29e")),
    responses(
        (status = 204, description = "The upload is removed"), KeyProblems, NotReady, HasQuery,
        (status = 500, description = "The folder cannot be read or written", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 404, description = "No such upload waits", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "A retraining is reading the uploads", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn delete_upload(
    State(state): State<AppState>,
    _: NoQuery,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let id = upload_id(id)?;
    // One of this server may be about to take the lock that `remove_uploads` looks at.
    if state.jobs().running().is_some() {
        return Err(ApiError::UploadsInUse);
    }
    if remove_uploads(&state, vec![id]).await? == 0 {
        return Err(ApiError::NoUpload);
    }
    tracing::info!(event = "upload_erased", upload = %id, "an upload was removed");
    Ok(StatusCode::NO_CONTENT)
}

fn upload_id(id: Result<Path<String>, PathRejection>) -> Result<UploadId, ApiError> {
    id.ok().and_then(|Path(text)| text.parse().ok()).ok_or(ApiError::NoUpload)
}

async fn in_folder<T: Send + 'static>(
    doing: &'static str,
    ask: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    on_blocking_thread(doing, ask).await?.map_err(|e| ApiError::internal(doing, e))
}

/// Removes uploads, and says how many of them were there.
///
/// # Errors
/// [`ApiError::UploadsInUse`] while a training may be reading them, of another process too.
pub(in crate::http) async fn remove_uploads(state: &AppState, uploads: Vec<UploadId>) -> Result<usize, ApiError> {
    const REMOVING: &str = "removing an upload";
    let (store, kept) = (state.equipment()?.store.clone(), state.uploads().clone());
    let remove = move || {
        // A training holds this lock from before it lists the uploads until it has moved them.
        let _lock = store.lock().map_err(|error| match error {
            StoreError::Locked { .. } => ApiError::UploadsInUse,
            error => ApiError::Model(error),
        })?;
        let mut n_removed = 0;
        for id in uploads {
            n_removed += usize::from(kept.remove(id).map_err(|e| ApiError::internal(REMOVING, e))?);
        }
        Ok(n_removed)
    };
    let _turn = state.removal().await;
    on_blocking_thread(REMOVING, remove).await?
}

impl From<Page> for UploadsAnswer {
    fn from(page: Page) -> Self {
        Self {
            uploads: page.uploads.into_iter().map(WaitingUpload::from).collect(),
            next: page.next.map(|next| next.to_string()),
            count: page.n_all,
            bytes: page.all_bytes,
        }
    }
}

impl From<ListedUpload> for WaitingUpload {
    fn from(upload: ListedUpload) -> Self {
        let state = upload.state();
        let noted = upload.about.map(|about| (about.sent_by, about.approved_by, about.rows));
        let (sent_by, approved_by, rows) = noted.unwrap_or_default();
        Self {
            id: upload.id.to_string(),
            received_at: upload.received_at,
            last_sent_at: upload.last_sent_at,
            bytes: upload.size_bytes,
            state,
            sent_by,
            approved_by,
            rows,
        }
    }
}
