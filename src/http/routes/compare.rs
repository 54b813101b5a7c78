//! `POST /compare`: ways to train, compared in a process of its own, for administrators.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::retrain::{JobView, KeyProblems, answer_when_done};
use crate::http::problem::{ApiError, Document, FieldProblem, retraining_path};
use crate::http::request::accept::accepts;
use crate::http::request::admin::Admin;
use crate::http::request_id::RequestContext;
use crate::http::state::AppState;
use crate::http::tasks::jobs::AskedBy;
use crate::http::tasks::retraining::begin;
use crate::retrain::worker::Options;

/// When to answer.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct CompareQuery {
    /// Answer when the comparison is done, not at once.
    #[serde(default)]
    wait: bool,
}

/// Compares ways to train
///
/// On the base data and the waiting uploads, as `content-portal compare` does: up to three minutes. It is a job like a
/// retraining, and only one of both runs at a time; its `comparison` has the result. Nothing is published: for that send
/// a candidate's `settings` as `training` of `POST /retrain`.
#[utoipa::path(post, path = "/compare", tag = "models", operation_id = "compare", security(("admin_key" = [])),
    params(CompareQuery),
    responses(
        (status = 200, description = "The job is done",
            content((JobView = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "The job has started; `Location` is its path", body = JobView),
        KeyProblems,
        (status = 409, description = "Another job is running; `Location` is its path", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn post_compare(
    _: Admin,
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    query: Result<Query<CompareQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    state.ready()?;
    let Query(query) = query.map_err(|_| ApiError::Fields(vec![query_problem()]))?;
    let permit = state.jobs().claim(AskedBy::Request)?;
    let job = begin(permit, state.clone(), Options { compare: true, ..Options::default() });
    if query.wait || accepts(&headers, "text/event-stream") {
        return answer_when_done(state, context, &headers, job).await;
    }
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, retraining_path(&job.id))], Json(JobView::of(&job))).into_response())
}

fn query_problem() -> FieldProblem {
    let allowed = ["true", "false"].map(str::to_owned).to_vec();
    FieldProblem { field: "wait".to_owned(), message: "must be true or false".to_owned(), allowed }
}
