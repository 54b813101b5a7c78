//! `POST /compare`: ways to train, compared in a process of its own, for keys that may train.

use axum::extract::{Extension, Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;

use super::docs::{KeyProblems, NotReady};
use super::job::{FORCE, JobView, WAIT, answer_to_start};
use crate::http::problem::{ApiError, Document, FieldProblem};
use crate::http::request::incoming::read_nothing;
use crate::http::request::known::{Parameter, read_query};
use crate::http::request_id::RequestContext;
use crate::http::state::AppState;
use crate::http::tasks::jobs::{AskedBy, JobKind};
use crate::http::tasks::retraining::begin;
use crate::retrain::worker::{Options, Publish};

const PUBLISH: Parameter = Parameter::new("publish", "must be best or the name of a candidate");

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
/// On the base data and the waiting uploads, as `content-portal compare` does. It takes minutes. It is a job like a
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
        KeyProblems, NotReady,
        (status = 400, description = "The body was cut off", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 422, description = "A parameter of the query is wrong, there is a body, or the way to train in `publish` was not tried", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "Another job is running, and `Location` is its path; or the one that was waited for was ended \
            by request", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 500, description = "The job that was waited for failed", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 507, description = "The disk is full", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn post_compare(
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> Result<Response, ApiError> {
    state.ready()?;
    let (Parts { uri, headers, .. }, body) = request.into_parts();
    let query: CompareQuery = read_query(&uri, &[WAIT, PUBLISH, FORCE])?;
    if !read_nothing(body).await? {
        return Err(ApiError::field("body", "must be empty: wait, publish and force belong in the query"));
    }
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
            let allowed = Publish::names().map(str::to_owned).collect();
            problem("publish", "must be best or the name of a candidate", allowed)
        }),
    }
}
