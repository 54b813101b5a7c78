//! `POST /retrain`, `GET /retrain`, `GET` and `DELETE /retrain/{id}`: retrainings, for keys that may train.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::docs::{BodyProblems, HasQuery, KeyProblems};
use super::job::{FORCE, JobView, WAIT, answer_to_start, answer_when_done};
use super::uploads::remove_uploads;
use crate::causes::with_causes;
use crate::customer::Schema;
use crate::http::accept::accepts;
use crate::http::access::Sender;
use crate::http::admission::for_this_request;
use crate::http::problem::{ApiError, Document, FieldProblem, as_sentence};
use crate::http::request::incoming::{NamedFile, receive_files};
use crate::http::request::keeping::keep as keep_upload;
use crate::http::request::known::{NoQuery, read_query, refuse_unknown};
use crate::http::request::workbook::Reading;
use crate::http::request_id::RequestContext;
use crate::http::state::{AppState, on_blocking_thread};
use crate::http::tasks::jobs::{AskedBy, Job, JobKind};
use crate::http::tasks::retraining::begin;
use crate::pipeline::{TrainingSettings, WrongSetting, WrongSettings};
use crate::retrain::worker::Options;
use crate::upload_store::{About, TrainOn};
use crate::workbook::Recorder;

/// The form's field that says how to train.
const TRAINING: &str = "training";

/// How long the end of a job is waited for that is to end.
const WAIT_FOR_END: Duration = Duration::from_secs(10);

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
    /// Up to 32 workbooks: .xlsx, .xls or .csv. Optional: without files the base data and the waiting
    /// uploads are used.
    #[schema(value_type = Vec<String>, format = Binary, example = json!([]))]
    files: Vec<Vec<u8>>,
    /// JSON of how to train, such as `{"min_cluster_size": "4%"}`. What it does not name is as `TRAINING_PATH` has it,
    /// or else as in the live version.
    #[schema(required = false)]
    training: TrainingSettings,
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

/// Trains a new version
///
/// It trains on the base data, the waiting uploads and the workbooks in `files`, which are kept as uploads are, as
/// `training` says, or else as the live version was trained. It also gives a server its first model. It answers
/// at once with a job; with `?wait=true` when the job is done, and a published version is live, or `error` says why it
/// is not. A refused candidate is a success, too. With `Accept: text/event-stream` it sends
/// `progress`, and `done` with the job, or `error` with a problem. A caller that disconnects does not end the job.
#[utoipa::path(post, path = "/retrain", tag = "models", operation_id = "retrain",
    params(RetrainQuery), request_body(content = RetrainForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The job is done",
            content((JobView = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "The job has started; `Location` is its path", body = JobView),
        BodyProblems, KeyProblems,
        (status = 409, description = "Another retraining or comparison is running, and `Location` is its path; or the one \
            that was waited for was ended by request", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn post_retrain(
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    Extension(sender): Extension<Sender>,
    request: Request,
) -> Result<Response, ApiError> {
    state.equipment()?;
    let query: RetrainQuery = read_query(request.uri(), &[WAIT, FORCE])?;
    if let Some(running) = state.jobs().running() {
        return Err(running.is_running());
    }
    let (parts, body) = request.into_parts();
    let (files, texts) = receive_files(&state, &parts.headers, body, &[TRAINING]).await?;
    refuse_unknown(texts.keys(), &[TRAINING])?;
    let training = training_settings(&texts, &state.parts().schema)?;
    refuse_unread(&state, &files)?;
    let (files, recorded) = readable(&state, files).await?;
    // Before anything is kept, so that a second retraining keeps nothing.
    let permit = state.jobs().claim(JobKind::Retraining, AskedBy::Request)?;
    let options = Options { force: query.force, recorded, training, ..Options::default() };
    let about = About::sent_by(sender.name()).for_training();
    // A caller that leaves must not leave files without the retraining that they came for.
    let beginning = state.clone();
    let begun = async move { keep(&beginning, files, about).await.map(|()| begin(permit, beginning, options)) };
    let job = tokio::spawn(for_this_request(begun)).await.map_err(|e| ApiError::internal("keeping uploads", e))??;
    answer_to_start(state, context, &parts.headers, query.wait, job).await
}

/// The latest retrainings
#[utoipa::path(get, path = "/retrain", tag = "models", operation_id = "list_retrainings",
    responses(
        (status = 200, description = "The retrainings since the server's start", body = Retrainings), KeyProblems))]
pub(in crate::http) async fn get_retrainings(State(state): State<AppState>) -> Json<Retrainings> {
    let schedule = state.settings().schedule.as_ref();
    let next = schedule.and_then(|schedule| schedule.next_after(Timestamp::now())).map(|next| next.to_string());
    Json(Retrainings { next, jobs: state.jobs().latest().iter().map(|job| JobView::of(job)).collect() })
}

/// One retraining
///
/// With `Accept: text/event-stream` it sends `progress` as it comes, and `done` with the job, or `error` with a
/// problem.
#[utoipa::path(get, path = "/retrain/{id}", tag = "models", operation_id = "get_retraining",
    params(("id" = String, Path, example = "5f0c1d9be2a84b6f8f5f6c1d9be2a84b")),
    responses(
        (status = 200, description = "The state of the job",
            content((JobView = "application/json"), (String = "text/event-stream"))),
        KeyProblems,
        (status = 404, description = "There is no such retraining", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 503, description = "The server is starting", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn get_retraining(
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let job = job_of(&state, id)?;
    if accepts(&headers, "text/event-stream") {
        return answer_when_done(state, context, &headers, job).await;
    }
    Ok(Json(JobView::of(&job)).into_response())
}

/// Ends a retraining or comparison
///
/// Its process is killed, and nothing is published; uploads stay where they are. One that has begun to publish is
/// waited for, up to 30 seconds, and ends as it says. The answer is the job as it ended, or as it is after ten seconds.
/// A job that has ended stays as it is.
#[utoipa::path(delete, path = "/retrain/{id}", tag = "models", operation_id = "end_retraining",
    params(("id" = String, Path, example = "5f0c1d9be2a84b6f8f5f6c1d9be2a84b")),
    responses(
        (status = 200, description = "The job, which has ended", body = JobView),
        KeyProblems, HasQuery,
        (status = 404, description = "There is no such retraining", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 503, description = "The server is starting", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn delete_retraining(
    State(state): State<AppState>,
    _: NoQuery,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobView>, ApiError> {
    let job = job_of(&state, id)?;
    job.ask_to_end();
    // A process that waits for a disk takes its time; the job shows it as running until then.
    let _ = tokio::time::timeout(WAIT_FOR_END, job.ended()).await;
    Ok(Json(JobView::of(&job)))
}

fn job_of(state: &AppState, id: Result<Path<String>, PathRejection>) -> Result<Arc<Job>, ApiError> {
    id.ok().and_then(|Path(id)| state.jobs().find(&id)).ok_or(ApiError::NoJob)
}

/// Refuses files where no training reads uploads: they would be kept, and teach nothing.
fn refuse_unread(state: &AppState, files: &[NamedFile]) -> Result<(), ApiError> {
    if state.uploads().train_on() != TrainOn::Off || files.is_empty() {
        return Ok(());
    }
    Err(ApiError::field("files", "teach nothing here, as TRAIN_ON_UPLOADS is off: put them into BASE_DATA_DIR"))
}

/// The files, if all of them are workbooks to train on, and their tables for the retraining.
async fn readable(state: &AppState, files: Vec<NamedFile>) -> Result<(Vec<NamedFile>, Option<File>), ApiError> {
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    // Without one, the retraining reads the files once more.
    let mut recorder = None;
    if !files.is_empty() {
        let beginning = state.clone();
        let begin = move || Recorder::new(&beginning.settings().upload_dir, beginning.uploads().disk()).ok();
        recorder = on_blocking_thread("recording", begin).await.ok().flatten();
    }
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
    let finish = move || recorder.and_then(Recorder::finish);
    let recorded = on_blocking_thread("recording", finish).await.ok().flatten();
    if problems.is_empty() { Ok((good, recorded)) } else { Err(ApiError::Files(problems)) }
}

/// Keeps the files. Where one cannot be kept, those that were not kept before are removed again.
async fn keep(state: &AppState, files: Vec<NamedFile>, about: About) -> Result<(), ApiError> {
    let mut new = Vec::new();
    for file in files {
        match keep_upload(state.clone(), file.file, about.clone(), state.parts().schema.clone()).await {
            Ok(stored) if stored.is_duplicate => {}
            Ok(stored) => new.push(stored.id),
            Err(error) => {
                if let Err(error) = remove_uploads(state, new).await {
                    tracing::warn!(
                        event = "retraining_files_kept_partly",
                        causes = with_causes(&error),
                        "of the files of a retraining one could not be kept; the others wait for the next one"
                    );
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

/// How to train, by the form's field `training`; each setting that cannot be taken is named.
fn training_settings(texts: &BTreeMap<String, String>, schema: &Schema) -> Result<TrainingSettings, ApiError> {
    let Some(json) = texts.get(TRAINING).filter(|json| !json.trim().is_empty()) else {
        return Ok(TrainingSettings::default());
    };
    let problem = |WrongSetting { key, message }: WrongSetting| {
        let dot = if key.is_empty() { "" } else { "." };
        FieldProblem { field: format!("{TRAINING}{dot}{key}"), message, allowed: Vec::new() }
    };
    let settings = TrainingSettings::from_json(json)
        .map_err(|WrongSettings(wrong)| ApiError::Fields(wrong.into_iter().map(problem).collect()))?;
    match settings.columns.as_ref().and_then(|columns| schema.fault_of(columns)) {
        Some(message) => Err(ApiError::Fields(vec![problem(WrongSetting { key: "columns".to_owned(), message })])),
        None => Ok(settings),
    }
}
