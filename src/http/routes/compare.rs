//! `POST /compare`: ways to train, compared in a process of its own, for administrators.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::job::{JobView, answer_to_start, query_problem};
use super::retrain::KeyProblems;
use crate::http::problem::{ApiError, Document, FieldProblem};
use crate::http::request_id::RequestContext;
use crate::http::state::AppState;
use crate::http::tasks::jobs::{AskedBy, JobKind};
use crate::http::tasks::retraining::begin;
use crate::pipeline::CandidateName;
use crate::retrain::worker::{Options, Publish};

/// What to publish, and when to answer.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct CompareQuery {
    /// Answer when the comparison, and the training after it, is done, not at once.
    #[serde(default)]
    wait: bool,
    /// `best`, or the name of a candidate: train by it on all customers, and publish the model if the gate lets it
    /// pass.
    #[param(example = "best")]
    publish: Option<String>,
    /// With `publish`: publish even a model of poor quality.
    #[serde(default)]
    force: bool,
}

/// Compares ways to train
///
/// On the base data and the waiting uploads, as `content-portal compare` does: up to three minutes. It is a job like a
/// retraining, and only one of both runs at a time; its `comparison` has the result. With `publish` a training by the
/// best or a named candidate follows, through the gate, and the job ends as that does; where none passes, `best`
/// publishes nothing, and the job's state is `compared`. Otherwise nothing is published. A candidate's `settings` can
/// be sent as `training` of `POST /retrain`, too.
#[utoipa::path(post, path = "/compare", tag = "models", operation_id = "compare",
    params(CompareQuery),
    responses(
        (status = 200, description = "The job is done",
            content((JobView = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "The job has started; `Location` is its path", body = JobView),
        KeyProblems,
        (status = 422, description = "`publish` names no candidate", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "Another job is running; `Location` is its path", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn post_compare(
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    query: Result<Query<CompareQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    state.ready()?;
    let Query(query) = query.map_err(|_| ApiError::Fields(vec![query_problem()]))?;
    let publish = publish(&query)?;
    let permit = state.jobs().claim(JobKind::Comparison, AskedBy::Request)?;
    let options = Options { compare: Some(publish), force: query.force, ..Options::default() };
    let job = begin(permit, state.clone(), options);
    answer_to_start(state, context, &headers, query.wait, job).await
}

/// What is to be published.
fn publish(query: &CompareQuery) -> Result<Publish, ApiError> {
    let problem = |field: &str, message: &str, allowed: Vec<String>| {
        let (field, message) = (field.to_owned(), message.to_owned());
        Err(ApiError::Fields(vec![FieldProblem { field, message, allowed }]))
    };
    match query.publish.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        None if query.force => problem("force", "goes with publish", Vec::new()),
        None => Ok(Publish::Nothing),
        Some(name) => name.parse().or_else(|_| {
            let named = CandidateName::ALL.iter().map(ToString::to_string);
            let allowed = std::iter::once("best".to_owned()).chain(named).collect();
            problem("publish", "must be best or the name of a candidate", allowed)
        }),
    }
}
