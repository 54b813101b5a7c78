//! `GET /models`, `GET /models/{version}/report` and `POST /models/{version}/activate`: the trained versions. Looking
//! at them takes the right to train, activating one the right to administer.

use std::path::PathBuf;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::schema::Object;
use utoipa::{IntoResponses, ToSchema};

use super::docs::{HasQuery, KeyProblems};
use crate::causes::with_causes;
use crate::http::accept::accepts;
use crate::http::problem::{ApiError, Document};
use crate::http::request::body::shortened;
use crate::http::request::known::NoQuery;
use crate::http::state::{AppState, Equipment, on_blocking_thread};
use crate::model_store::{ModelStore, RefusedName, StoreError, VersionId, VersionSummary};
use crate::pipeline::Scores;
use crate::segmentation::any_object;

/// The trained versions.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Versions {
    /// The version that answers requests; null before the first one.
    #[schema(required, example = "20261122T194851Z-2a945ef3")]
    live: Option<String>,
    /// Every version, the newest first.
    versions: Vec<Version>,
}

/// One trained version.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Version {
    /// Its name: when it was made, and a hash.
    #[schema(example = "20261122T194851Z-2a945ef3")]
    version: String,
    /// Whether a server that starts now would serve it.
    #[schema(example = true)]
    is_current: bool,
    /// When it was made; null where it is damaged.
    #[schema(required, value_type = Option<String>, format = DateTime, example = "2026-11-22T19:48:51Z")]
    created_at: Option<Timestamp>,
    /// The results of its training: customers, profiles, clusters, scores; null where it is damaged.
    #[schema(required, schema_with = scores_schema)]
    scores: Option<Scores>,
    /// Whether it was trained on the sample, whose customers are invented; null where it is damaged.
    #[schema(required, example = false)]
    trained_on_sample: Option<bool>,
    /// What is wrong with it; absent where nothing is.
    #[schema(example = "manifest.json is missing")]
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// The page has values of customers' columns, so it may load nothing and run no script.
const PAGE_HEADERS: [(HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
];

/// A report in the requested form.
enum Report {
    Data(Value),
    Page(PathBuf),
}

/// What an activation changed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Activated {
    /// The version that answers requests from now on.
    #[schema(example = "20261122T194851Z-2a945ef3")]
    live: String,
    /// The version that was live before, to go back to; null where this one was live already.
    #[schema(required, example = "20260822T020000Z-51e0aa93")]
    before: Option<String>,
    /// Whether another version is live now.
    #[schema(example = true)]
    changed: bool,
}

/// Why a route of the trained versions fails, beside its key.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum VersionProblems {
    /// There is no such version.
    #[response(status = 404, content_type = "application/problem+json")]
    NoVersion(Document<'static>),
    /// The version is damaged; the live one stays.
    #[response(status = 409, content_type = "application/problem+json")]
    Broken(Document<'static>),
    /// A fault of this service.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Document<'static>),
    /// The server is starting, or the shared store does not answer.
    #[response(status = 503, content_type = "application/problem+json")]
    Starting(Document<'static>),
    /// The disk is full.
    #[response(status = 507, content_type = "application/problem+json")]
    Storage(Document<'static>),
}

/// The trained versions, the live one among them
#[utoipa::path(get, path = "/models", tag = "models", operation_id = "list_models",
    responses((status = 200, description = "The versions", body = Versions), KeyProblems, VersionProblems))]
pub(in crate::http) async fn get_models(State(state): State<AppState>) -> Result<Json<Versions>, ApiError> {
    let live = state.ready().ok().map(|ready| ready.live.snapshot().id.to_string());
    let listed = in_store(&state, |store| store.list()).await?;
    let mut versions: Vec<Version> = listed.into_iter().map(Version::from).collect();
    versions.sort_by(|a, b| b.version.cmp(&a.version));
    Ok(Json(Versions { live, versions }))
}

/// The report of a training
///
/// With `Accept: text/html` it is a page for people, where the version has one. A candidate that was refused has a
/// report, too: its job has the address, and the latest ten are kept.
#[utoipa::path(get, path = "/models/{version}/report", tag = "models", operation_id = "get_model_report",
    params(("version" = String, Path, description = "A version, or a refused candidate as its job names it",
        example = "20261122T194851Z-2a945ef3")),
    responses(
        (status = 200, description = "The report",
            content((Object = "application/json"), (String = "text/html"))),
        KeyProblems, VersionProblems))]
pub(in crate::http) async fn get_model_report(
    State(state): State<AppState>,
    headers: HeaderMap,
    version: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(name) = version.map_err(|_| ApiError::NoVersion)?;
    let wants_page = accepts(&headers, "text/html");
    let report = move |store: &ModelStore| match name.parse() {
        Ok(refused) => refused_report(store, &refused, wants_page),
        Err(()) => version_report(store, &name, wants_page),
    };
    match in_store(&state, report).await? {
        Report::Data(report) => Ok(Json(report).into_response()),
        Report::Page(path) => {
            let html = tokio::fs::read(path).await.map_err(|e| ApiError::internal("reading a report's page", e))?;
            Ok((PAGE_HEADERS, html).into_response())
        }
    }
}

fn version_report(store: &ModelStore, name: &str, wants_page: bool) -> Result<Report, StoreError> {
    let listed = store.list()?.into_iter().find(|version| version.id.as_str() == name);
    let id = listed.ok_or_else(|| StoreError::NoSuchVersion { id: shortened(name) })?.id;
    match store.report_page(&id).filter(|_| wants_page) {
        Some(page) => Ok(Report::Page(page)),
        None => Ok(Report::Data(store.report(&id)?)),
    }
}

fn refused_report(store: &ModelStore, name: &RefusedName, wants_page: bool) -> Result<Report, StoreError> {
    match store.refused_page(name).filter(|_| wants_page) {
        Some(page) => Ok(Report::Page(page)),
        None => {
            let report = store.refused_report(name)?;
            report.map(Report::Data).ok_or_else(|| StoreError::NoSuchVersion { id: name.to_string() })
        }
    }
}

/// Makes a version the live one
///
/// Activate an earlier version to undo a training. Requests in progress keep the version that they began with. For the
/// version that is live already nothing changes: `changed` says so, and `before` is null.
#[utoipa::path(post, path = "/models/{version}/activate", tag = "models", operation_id = "activate_model",
    params(("version" = String, Path, example = "20261122T194851Z-2a945ef3")),
    responses((status = 200, description = "The version is live", body = Activated), KeyProblems, VersionProblems, HasQuery))]
pub(in crate::http) async fn post_activate(
    State(state): State<AppState>,
    _: NoQuery,
    version: Result<Path<String>, PathRejection>,
) -> Result<Json<Activated>, ApiError> {
    let id = version_id(version)?;
    let before = state.ready()?.live.snapshot().id.to_string();
    activate(&state, id).await?;
    let taking_over = state.clone();
    let take_over = move || taking_over.equipment().map(Equipment::take_over_current);
    on_blocking_thread("taking over a version", take_over).await??.map_err(ApiError::Model)?;
    let live = state.ready()?.live.snapshot().id.to_string();
    let changed = live != before;
    if changed {
        tracing::info!(event = "model_version_activated", model_version = %live, %before, "a version was activated");
    }
    Ok(Json(Activated { live, before: changed.then_some(before), changed }))
}

fn scores_schema() -> Object {
    let example = json!({"rows": 5000, "profiles": 2684, "clusters": 4, "noise_share": 0.0, "silhouette": 0.94,
        "decided_by": {"columns": ["Join_Quarter"], "share": 1.0,
            "sentence": "These segments restate Join_Quarter; a filter would do."}});
    any_object("The results of the training; null where the version is damaged.", example)
}

fn version_id(version: Result<Path<String>, PathRejection>) -> Result<VersionId, ApiError> {
    version.ok().and_then(|Path(text)| text.parse().ok()).ok_or(ApiError::NoVersion)
}

/// Makes a version the current one: of the shared store first, where there is one.
async fn activate(state: &AppState, id: VersionId) -> Result<(), ApiError> {
    let equipment = state.equipment()?;
    let Some(shared) = equipment.shared.clone() else { return in_store(state, move |store| store.activate(&id)).await };
    Ok(on_blocking_thread("activating a version", move || shared.activate(&id)).await??)
}

/// Runs `ask` on the store, on a blocking thread.
async fn in_store<T: Send + 'static>(
    state: &AppState,
    ask: impl FnOnce(&ModelStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    let store = state.equipment()?.store.clone();
    on_blocking_thread("asking the model store", move || ask(&store)).await?.map_err(ApiError::Model)
}

impl From<VersionSummary> for Version {
    fn from(summary: VersionSummary) -> Self {
        let (manifest, fault) = match summary.manifest {
            Ok(manifest) => (Some(manifest), None),
            Err(error) => (None, Some(with_causes(&error))),
        };
        Self {
            version: summary.id.to_string(),
            is_current: summary.is_current,
            created_at: manifest.as_ref().map(|manifest| manifest.created_at),
            trained_on_sample: manifest.as_ref().map(|manifest| manifest.is_of_the_sample()),
            scores: manifest.map(|manifest| manifest.scores),
            fault,
        }
    }
}
