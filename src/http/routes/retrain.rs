//! `POST /retrain`, `GET /retrain` and `GET /retrain/{id}`: retrainings, for administrators.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use super::docs::BodyProblems;
use crate::causes::with_causes;
use crate::http::problem::{ApiError, Document, FieldProblem, as_sentence, retraining_path};
use crate::http::request::accept::accepts;
use crate::http::request::admin::Admin;
use crate::http::request::incoming::{NamedFile, receive_files};
use crate::http::request::keeping::keep as keep_upload;
use crate::http::request::sender::about_upload;
use crate::http::request::workbook::Reading;
use crate::http::request_id::RequestContext;
use crate::http::response::event_stream::{Caller, Finished, Reporter};
use crate::http::state::AppState;
use crate::http::tasks::jobs::{AskedBy, Job, Status};
use crate::http::tasks::retraining::begin;
use crate::model_store::VersionId;
use crate::pipeline::{Comparison, FitParams, TrainingSettings};
use crate::retrain::worker::{Options, Outcome};
use crate::retrain::{FailedCheck, SkippedFile, Step};
use crate::upload_store::About;
use crate::workbook::Recorder;

/// The form's field that says how to train.
const TRAINING: &str = "training";

/// How to retrain, and when to answer.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RetrainQuery {
    /// Answer when the retraining is done, not at once.
    #[serde(default)]
    wait: bool,
    /// Publish even a model of poor quality or an unchanged one.
    #[serde(default)]
    force: bool,
}

/// Workbooks to train on, beside the base data and the waiting uploads.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RetrainForm {
    /// Up to 32 workbooks: .xlsx, .xls or .csv. Without any, and without a body, there is enough where it is.
    #[schema(value_type = Vec<String>, format = Binary, example = json!([]))]
    files: Vec<Vec<u8>>,
    /// JSON of how to train, such as `{"min_cluster_size": "4%"}`. What it does not name is as `TRAINING_PATH` has it, or
    /// else as in the live version.
    #[schema(required = false)]
    training: TrainingSettings,
}

/// One retraining.
#[derive(Serialize, ToSchema)]
#[schema(as = Retraining)]
pub(in crate::http) struct JobView {
    /// Its id.
    #[schema(example = "5f0c1d9be2a84b6f8f5f6c1d9be2a84b")]
    job: String,
    state: JobState,
    /// `request` or `schedule`.
    asked_by: AskedBy,
    /// When it started.
    #[schema(value_type = String, format = DateTime, example = "2027-01-01T02:00:00Z")]
    started_at: Timestamp,
    /// When it ended; null while it runs.
    #[schema(required, value_type = Option<String>, format = DateTime, example = "2027-01-01T02:00:09Z")]
    ended_at: Option<Timestamp>,
    /// What is being done: `starting`, `reading`, `comparing`, `neighbours`, `layout`, `clustering`, `scoring`, `judging` or
    /// `publishing`; null once it ended.
    #[schema(required, value_type = Option<String>, example = "layout")]
    step: Option<Step>,
    /// How much of the whole is done, 0 to 1.
    #[schema(example = 0.4)]
    share: f32,
    /// The published version or, where nothing has changed, the live one; otherwise null.
    #[schema(required, example = "20261122T194851Z-2a945ef3")]
    version: Option<String>,
    /// Where that version's report is; null where there is none.
    #[schema(required, example = "/models/20261122T194851Z-2a945ef3/report")]
    report: Option<String>,
    /// What was found of each way to train; absent of a retraining.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    /// The checks that the candidate failed.
    failed_checks: Vec<FailedCheck>,
    /// The workbooks that could not be read; they stay in place.
    #[serde(rename = "left_out")]
    skipped: Vec<SkippedFile>,
    /// Why there is no result; null where there is one.
    #[schema(required, example = "The retraining did not finish: killed by signal 9 before it reported a result.")]
    error: Option<String>,
}

/// The state of a retraining: `running`, or how it ended. `refused`: its candidate failed a check, or there was too
/// little data, and nothing changed; `unchanged`: the live version was trained on the same customers, with the same
/// schema and parameters, and stays; `compared`: it was a comparison; `locked`: another process was retraining; `failed`: it did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum JobState {
    Running,
    Published,
    Refused,
    Unchanged,
    Compared,
    Locked,
    Failed,
}

/// The latest retrainings of this server.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Retrainings {
    /// When the next scheduled retraining is due; null where no schedule is set.
    #[schema(required, example = "2027-01-01T02:00:00+08:00[Asia/Singapore]")]
    next: Option<String>,
    /// The latest retrainings, newest first; none from before the server's start.
    jobs: Vec<JobView>,
}

/// Why a route for administrators rejects a request.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum KeyProblems {
    /// The administrators' key is missing or wrong.
    #[response(status = 401, content_type = "application/problem+json")]
    NotAdmin(Document<'static>),
    /// The routes are closed: no key is set.
    #[response(status = 403, content_type = "application/problem+json")]
    Closed(Document<'static>),
    /// More requests a minute than a client may send; `Retry-After` says when to retry.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Document<'static>),
}

/// Trains a new version
///
/// It trains on the base data, the waiting uploads and the workbooks in `files`, which are kept as uploads are, as
/// `training` says, or else as the live version was trained. It
/// answers at once with a job; with `?wait=true` when the job is done, and a published version is live. A refused
/// candidate is a success, too. With `Accept: text/event-stream` it sends `progress`, and `done` with the job, or
/// `error` with a problem. A caller that disconnects does not end the job.
#[utoipa::path(post, path = "/retrain", tag = "models", operation_id = "retrain", security(("admin_key" = [])),
    params(RetrainQuery), request_body(content = RetrainForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The job is done",
            content((JobView = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "The job has started; `Location` is its path", body = JobView),
        BodyProblems, KeyProblems,
        (status = 409, description = "Another retraining is running; `Location` is its path", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn post_retrain(
    _: Admin,
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    query: Result<Query<RetrainQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    state.ready()?;
    let Query(query) = query.map_err(|_| ApiError::Fields(vec![query_problem()]))?;
    if let Some(running) = state.jobs().running() {
        return Err(ApiError::RetrainRunning { job: running.id.clone() });
    }
    let (parts, body) = request.into_parts();
    let (files, texts) = receive_files(&state, &parts.headers, body).await?;
    let training = training_settings(&texts)?;
    let (files, recorded) = readable(&state, files).await?;
    // Before anything is kept, so that a second retraining keeps nothing.
    let permit = state.jobs().claim(AskedBy::Request)?;
    keep(&state, files, about_upload(&state, &parts.headers)).await?;
    let job = begin(permit, state.clone(), Options { force: query.force, recorded, training, compare: false });
    if query.wait || accepts(&parts.headers, "text/event-stream") {
        return answer_when_done(state, context, &parts.headers, job).await;
    }
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, retraining_path(&job.id))], Json(JobView::of(&job))).into_response())
}

/// The latest retrainings
#[utoipa::path(get, path = "/retrain", tag = "models", operation_id = "list_retrainings", security(("admin_key" = [])),
    responses(
        (status = 200, description = "The retrainings since the server's start", body = Retrainings), KeyProblems))]
pub(in crate::http) async fn get_retrainings(_: Admin, State(state): State<AppState>) -> Json<Retrainings> {
    let schedule = state.settings().schedule.as_ref();
    let next = schedule.and_then(|schedule| schedule.next_after(Timestamp::now())).map(|next| next.to_string());
    Json(Retrainings { next, jobs: state.jobs().latest().iter().map(|job| JobView::of(job)).collect() })
}

/// One retraining
///
/// With `Accept: text/event-stream` it sends `progress` as it comes, and `done` with the job, or `error` with a
/// problem.
#[utoipa::path(get, path = "/retrain/{id}", tag = "models", operation_id = "get_retraining",
    security(("admin_key" = [])), params(("id" = String, Path, example = "5f0c1d9be2a84b6f8f5f6c1d9be2a84b")),
    responses(
        (status = 200, description = "The state of the job",
            content((JobView = "application/json"), (String = "text/event-stream"))),
        KeyProblems,
        (status = 404, description = "There is no such retraining", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 503, description = "The server is starting", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn get_retraining(
    _: Admin,
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let job = id.ok().and_then(|Path(id)| state.jobs().find(&id)).ok_or(ApiError::NoJob)?;
    if accepts(&headers, "text/event-stream") {
        return answer_when_done(state, context, &headers, job).await;
    }
    Ok(Json(JobView::of(&job)).into_response())
}

/// Answers with the outcome: as JSON, or as an event stream that ends with it.
pub(in crate::http) async fn answer_when_done(
    state: AppState,
    context: RequestContext,
    headers: &HeaderMap,
    job: Arc<Job>,
) -> Result<Response, ApiError> {
    if accepts(headers, "text/event-stream") {
        let version = state.ready()?.live.snapshot();
        let caller = Caller::new(state, context, &version.id, headers);
        return caller.answer(|reporter| follow(job, reporter)).await;
    }
    job.ended().await;
    let view = JobView::of(&job);
    view.failure().map_or_else(|| Ok(Json(view).into_response()), Err)
}

/// Reports the progress of a job until its end.
async fn follow(job: Arc<Job>, reporter: Reporter) -> Result<Finished, ApiError> {
    let mut status = job.watch();
    loop {
        let now = status.borrow_and_update().clone();
        let Status::Running(progress) = now else { break };
        reporter.send("progress", &progress).await;
        if status.changed().await.is_err() {
            break;
        }
    }
    let view = JobView::of(&job);
    match view.failure() {
        None => Finished::new(&view, Duration::ZERO),
        Some(failure) => Err(failure),
    }
}

/// The files, if all of them are workbooks to train on, and their tables for the retraining.
async fn readable(state: &AppState, files: Vec<NamedFile>) -> Result<(Vec<NamedFile>, Option<File>), ApiError> {
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    // Without one, the retraining reads the files once more.
    let mut recorder = if files.is_empty() { None } else { Recorder::new(&state.settings().upload_dir).ok() };
    for file in files {
        let (reading_state, schema) = (state.clone(), state.parts().schema.clone());
        let reading = Reading::default();
        let _stop = reading.stop_when_dropped();
        let read = move || {
            let table = reading.recorded_table(&reading_state, schema, &file.file, recorder.as_mut());
            let why = match table {
                Ok(table) => table.cleaning().no_usable_row(),
                Err(ApiError::Workbook(error)) if error.is_of_the_file() => Some(error.to_string()),
                Err(error) => return Err(error),
            };
            let problem = |why: String| FieldProblem {
                field: file.name.clone(),
                message: as_sentence(&why),
                allowed: Vec::new(),
            };
            Ok((why.map(problem).map_or(Ok(file), Err), recorder))
        };
        let outcome;
        (outcome, recorder) = state.on_cpu_pool("checking a workbook", read).await??;
        match outcome {
            Ok(file) => good.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok((good, recorder.and_then(Recorder::finish))) } else { Err(ApiError::Files(problems)) }
}

/// Keeps the files, in a task that does not end where the caller disconnects between two of them.
async fn keep(state: &AppState, files: Vec<NamedFile>, about: About) -> Result<(), ApiError> {
    let state = state.clone();
    let keep_all = async move {
        for file in files {
            keep_upload(state.clone(), file.file, about.clone(), state.parts().schema.clone()).await?;
        }
        Ok(())
    };
    tokio::spawn(keep_all).await.map_err(|e| ApiError::internal("keeping uploads", e))?
}

/// How to train, by the form's field `training`.
fn training_settings(texts: &BTreeMap<String, String>) -> Result<TrainingSettings, ApiError> {
    let Some(json) = texts.get(TRAINING).filter(|json| !json.trim().is_empty()) else {
        return Ok(TrainingSettings::default());
    };
    let parsed = serde_json::from_str(json).map_err(|error| error.to_string());
    let checked = parsed.and_then(|settings: TrainingSettings| {
        let can_be_taken = settings.applied(&FitParams::default());
        can_be_taken.map(|_| settings).map_err(|error| with_causes(&error))
    });
    checked.map_err(|why| {
        let message = format!("cannot be taken: {why}");
        ApiError::Fields(vec![FieldProblem { field: TRAINING.to_owned(), message, allowed: Vec::new() }])
    })
}

fn query_problem() -> FieldProblem {
    let allowed = ["true", "false"].map(str::to_owned).to_vec();
    FieldProblem { field: "wait, force".to_owned(), message: "must be true or false".to_owned(), allowed }
}

impl JobView {
    pub fn of(job: &Job) -> Self {
        let mut view = Self {
            job: job.id.clone(),
            state: JobState::Running,
            asked_by: job.asked_by,
            started_at: job.started_at,
            ended_at: None,
            step: None,
            share: 1.0,
            version: None,
            report: None,
            comparison: None,
            failed_checks: Vec::new(),
            skipped: Vec::new(),
            error: None,
        };
        match &*job.watch().borrow() {
            Status::Running(progress) => (view.step, view.share) = (Some(progress.step), progress.share),
            Status::Ended { at, outcome } => {
                view.ended_at = Some(*at);
                view.end(outcome);
            }
        }
        view
    }

    fn end(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Published { version, failed_checks, skipped } => {
                self.state = JobState::Published;
                self.name(version);
                self.list(failed_checks, skipped);
            }
            Outcome::Unchanged { version, skipped } => {
                self.state = JobState::Unchanged;
                self.name(version);
                self.list(&[], skipped);
            }
            Outcome::Refused { failed_checks, skipped } => {
                self.state = JobState::Refused;
                self.list(failed_checks, skipped);
            }
            Outcome::Compared { comparison } => {
                self.state = JobState::Compared;
                self.comparison = Some(Comparison::clone(comparison));
            }
            Outcome::Locked { why } => (self.state, self.error) = (JobState::Locked, Some(as_sentence(why))),
            Outcome::Failed { why } => (self.state, self.error) = (JobState::Failed, Some(as_sentence(why))),
        }
    }

    fn name(&mut self, version: &VersionId) {
        self.version = Some(version.to_string());
        self.report = Some(format!("/models/{version}/report"));
    }

    fn list(&mut self, failed_checks: &[FailedCheck], skipped: &[SkippedFile]) {
        self.failed_checks = failed_checks.to_vec();
        self.skipped = skipped.to_vec();
    }

    /// The error for a caller that waited for a job that failed.
    fn failure(&self) -> Option<ApiError> {
        (self.state == JobState::Failed).then(|| ApiError::Retrain(self.error.clone().unwrap_or_default()))
    }
}
