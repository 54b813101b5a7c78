//! Jobs, retrainings and comparisons, as a caller sees them, and how a request that asks for one is answered.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::accept::accepts;
use crate::http::problem::{ApiError, as_sentence, retraining_path};
use crate::http::request::known::Parameter;
use crate::http::request_id::RequestContext;
use crate::http::response::event_stream::{Caller, Finished, Reporter};
use crate::http::state::AppState;
use crate::http::tasks::jobs::{AskedBy, Job, Status};
use crate::model_store::VersionId;
use crate::pipeline::Comparison;
use crate::retrain::worker::{Outcome, RowCounts};
use crate::retrain::{FailedCheck, SkippedFile, Step};

const REFUSED: &str = "Nothing was published, and every upload stays where it is for the next training. failed_checks \
    says why. If the candidate is right all the same, POST /retrain?force=true publishes it.";

/// The parameters of a request for a job.
pub(super) const WAIT: Parameter = Parameter::truth("wait");
pub(super) const FORCE: Parameter = Parameter::truth("force");

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
    /// What is being done: `starting`, `reading`, `comparing`, `neighbours`, `layout`, `clustering`, `scoring`,
    /// `judging` or `publishing`; null once it ended.
    #[schema(required, value_type = Option<String>, example = "layout")]
    step: Option<Step>,
    /// How much of the whole is done, 0 to 1.
    #[schema(example = 0.4)]
    share: f32,
    /// The published version or, where nothing has changed, the live one; otherwise null.
    #[schema(required, example = "20261122T194851Z-2a945ef3")]
    version: Option<String>,
    /// Where the report of that version is, or that of the candidate that was refused; null where there is none.
    #[schema(required, example = "/models/20261122T194851Z-2a945ef3/report")]
    report: Option<String>,
    /// The rows that were read, and how many of them were dropped; null while it runs, and where nothing was read.
    #[schema(required)]
    rows: Option<RowCounts>,
    /// What to do about a candidate that was refused, and where the uploads are; null where there is nothing to do.
    #[schema(required, example = "Nothing was published, and every upload stays where it is for the next training.")]
    advice: Option<&'static str>,
    /// What was found of each way to train; absent of a retraining. Where a way was to be published, the other fields
    /// say what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    /// The checks that the candidate failed.
    failed_checks: Vec<FailedCheck>,
    /// The workbooks that were not read, since they cannot be or wait for approval; they stay in place.
    #[serde(rename = "left_out")]
    skipped: Vec<SkippedFile>,
    /// Why there is no result, or why this server does not serve `version`; otherwise null.
    #[schema(required, example = "The retraining did not finish: killed by signal 9 before it reported a result.")]
    error: Option<String>,
}

/// The state of a retraining: `running`, or how it ended. `refused`: its candidate failed a check, or there was too
/// little data, and nothing changed; `unchanged`: the live version was trained on the same customers, with the same
/// schema and parameters, and stays; `compared`: it was a comparison, and nothing was published; `locked`: another
/// process held the lock of the models, or published first, and nothing changed; `ended`: a request ended it, and
/// nothing changed; `failed`: it did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum JobState {
    Running,
    Published,
    Refused,
    Unchanged,
    Compared,
    Locked,
    Ended,
    Failed,
}

/// Answers a request that started a job: at once with its path, or as [`answer_when_done`].
pub(in crate::http) async fn answer_to_start(
    state: AppState,
    context: RequestContext,
    headers: &HeaderMap,
    waits: bool,
    job: Arc<Job>,
) -> Result<Response, ApiError> {
    if waits || accepts(headers, "text/event-stream") {
        return answer_when_done(state, context, headers, job).await;
    }
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, retraining_path(&job.id))], Json(JobView::of(&job))).into_response())
}

/// Answers with the outcome: as JSON, or as an event stream that ends with it.
pub(in crate::http) async fn answer_when_done(
    state: AppState,
    context: RequestContext,
    headers: &HeaderMap,
    job: Arc<Job>,
) -> Result<Response, ApiError> {
    if accepts(headers, "text/event-stream") {
        let version = state.ready().ok().map(|ready| ready.live.snapshot());
        let caller = Caller::new(state, context, version.as_ref().map(|version| &version.id), headers);
        return caller.answer(|reporter| follow(job, reporter)).await;
    }
    job.ended().await;
    failure_of(&job).map_or_else(|| Ok(Json(JobView::of(&job)).into_response()), Err)
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
    failure_of(&job).map_or_else(|| Finished::new(&JobView::of(&job), Duration::ZERO), Err)
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
            rows: None,
            advice: None,
            comparison: None,
            failed_checks: Vec::new(),
            skipped: Vec::new(),
            error: None,
        };
        match &*job.watch().borrow() {
            Status::Running(progress) => (view.step, view.share) = (Some(progress.step), progress.share),
            Status::Ended { at, outcome, not_served } => {
                view.ended_at = Some(*at);
                view.end(outcome);
                view.error = view.error.or(not_served.as_deref().map(as_sentence));
            }
        }
        view
    }

    fn end(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Published { version, failed_checks, skipped, rows } => {
                (self.state, self.rows) = (JobState::Published, *rows);
                self.name(version);
                self.list(failed_checks, skipped);
            }
            Outcome::Unchanged { version, skipped, rows } => {
                (self.state, self.rows) = (JobState::Unchanged, *rows);
                self.name(version);
                self.list(&[], skipped);
            }
            Outcome::Refused { report, failed_checks, skipped, rows } => {
                (self.state, self.rows, self.advice) = (JobState::Refused, *rows, Some(REFUSED));
                self.report = report.as_ref().map(|name| format!("/models/{name}/report"));
                self.list(failed_checks, skipped);
            }
            Outcome::Compared { comparison, then } => {
                self.state = JobState::Compared;
                self.comparison = Some(Comparison::clone(comparison));
                if let Some(then) = then {
                    self.end(then);
                }
            }
            Outcome::Locked { why, .. } => (self.state, self.error) = (JobState::Locked, Some(as_sentence(why))),
            Outcome::Ended { why } => (self.state, self.error) = (JobState::Ended, Some(as_sentence(why))),
            Outcome::Failed { why, .. } => (self.state, self.error) = (JobState::Failed, Some(as_sentence(why))),
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
}

/// The error for a caller that waited for a job that did not finish.
fn failure_of(job: &Job) -> Option<ApiError> {
    let status = job.watch().borrow().clone();
    let Status::Ended { outcome, .. } = status else { return None };
    match outcome.last() {
        Outcome::Ended { why } => Some(ApiError::RetrainEnded(as_sentence(why))),
        Outcome::Failed { why, cause } => Some(ApiError::Retrain { sentence: as_sentence(why), cause: *cause }),
        _ => None,
    }
}
