//! `POST /upload-excel`: groups the customers of a workbook and writes content for each segment.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use futures::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::docs::BodyProblems;
use super::export::keep_of;
use super::map::MAX_POINTS;
use super::upload_places::{Places, QUERY, UploadQuery};
use crate::causes::with_causes;
use crate::content::{Campaign, Engagement, FunnelStage, Output, Platform, Requester, Tone, Written, write_all_for};
use crate::customer::Keep;
use crate::http::access::{Right, Sender};
use crate::http::admission::{for_this_request, promise_answer};
use crate::http::problem::ApiError;
use crate::http::progress::Progress;
use crate::http::request::fields::Fields;
use crate::http::request::ignored::{Ignored, inputs};
use crate::http::request::incoming::receive;
use crate::http::request::keeping::{keep as keep_upload, sync_ahead};
use crate::http::request::known::read_query;
use crate::http::request::note_codes::PLACES_NEED_ADMIN;
use crate::http::request::workbook::{KEEP, Reading, read_and_group};
use crate::http::request_id::RequestContext;
use crate::http::response::event_stream::{Caller, Finished, Reporter};
use crate::http::response::public_address::PublicAddress;
use crate::http::state::AppState;
use crate::model_store::ModelVersion;
use crate::segmentation::{Answer, AnswerContext, Grouped, SegmentAnswer};
use crate::upload_store::{About, Received, Stored, TrainOn, UploadState};

/// A workbook of customers and the campaign to write for its segments.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct UploadRequest {
    /// The workbook: .xlsx, .xls or .csv, its columns found by their headers.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What the campaign is for, in the marketer's words.
    #[schema(nullable = false, max_length = 100, example = "Increase sales of winter coats")]
    objective: Option<String>,
    /// The trade, in the marketer's words.
    #[schema(nullable = false, max_length = 100, example = "Retail")]
    industry: Option<String>,
    /// Awareness (the default), Consideration, Decision or Loyalty. Also `funnel_stage`.
    #[schema(rename = "funnelStage", nullable = false, example = "Decision")]
    funnel_stage: Option<FunnelStage>,
    /// High, Moderate (the default) or Low. Also `past_engagement`.
    #[schema(rename = "pastEngagement", nullable = false, example = "High")]
    past_engagement: Option<Engagement>,
    /// Instagram (the default), Facebook, LinkedIn, TikTok, Email or Website.
    #[schema(nullable = false, example = "Instagram")]
    platform: Option<Platform>,
    /// Professional, Fun, Empathetic, Casual (the default) or Playful.
    #[schema(nullable = false, example = "Casual")]
    tone: Option<Tone>,
    /// Text, Image, Both, ImagePrompt or TextAndPrompt (the default).
    #[schema(nullable = false, example = "Text")]
    post_type: Option<Output>,
    /// How many variants a segment, 1 (the default) to 10.
    #[schema(value_type = i64, required = false, minimum = 1, maximum = 10, example = 1)]
    num_variants: Option<u8>,
    /// `row`: each member has the number of its row, as its sheet shows it, in `row`; and its sheet in `sheet`, where
    /// several are read.
    #[schema(nullable = false, example = "row")]
    keep: Option<String>,
}

/// The answer, with the kept upload and the time of each step.
#[derive(Serialize, ToSchema)]
#[schema(as = UploadAnswer)]
pub(in crate::http) struct Timed<'a> {
    #[serde(flatten)]
    answer: Answer<'a>,
    upload: KeptUpload,
    /// Where the workbook's customers are on the map; only with `?places=1` and, unless the model was trained on the
    /// sample, the administrators' key: positions of chosen customers would tell who was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    places: Option<Places>,
    timings_ms: Timings,
    #[serde(flatten)]
    ignored: Ignored,
}

/// The kept workbook.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct KeptUpload {
    /// The id of its content: the same content has the same id.
    #[schema(example = "2cf24dba5fb0a30e26e83b2ac5b9e29e")]
    id: String,
    /// Whether the same content was kept before; it is stored once.
    #[schema(example = false)]
    #[serde(rename = "stored_before")]
    is_duplicate: bool,
    /// `approved`: a training may learn from it. `waiting`: it came without a key, and waits for approval first.
    state: UploadState,
    /// Whether these rows will teach the model, in a sentence.
    #[schema(example = "The next training learns from these rows, but for those of customers who were erased.")]
    training: String,
}

impl KeptUpload {
    fn new(kept: Stored, train_on: TrainOn) -> Self {
        let id = kept.id.to_string();
        let training = match (train_on, kept.state) {
            (TrainOn::Off, _) => "No training learns from these rows: TRAIN_ON_UPLOADS is off.".to_owned(),
            // Whether anybody in the file was erased is not the sender's to know.
            (TrainOn::All, _) | (TrainOn::Approved, UploadState::Approved) => {
                "The next training learns from these rows, but for those of customers who were erased.".to_owned()
            }
            (TrainOn::Approved, UploadState::Waiting) => format!(
                "No training learns from these rows until an administrator approves them: they came without a key. \
                 On the server: content-portal uploads approve {id}"
            ),
        };
        Self { id, is_duplicate: kept.is_duplicate, state: kept.state, training }
    }
}

/// Milliseconds of each step.
#[derive(Serialize, ToSchema, Clone, Copy)]
pub(in crate::http) struct Timings {
    /// From the first byte of the body to the last.
    #[schema(example = 4.1)]
    receiving: f64,
    /// Reading the workbook and placing its customers.
    #[schema(example = 41.0)]
    grouping: f64,
    /// Writing every segment, and keeping the upload.
    #[schema(example = 1.9)]
    writing: f64,
}

/// A valid form.
struct Upload {
    state: AppState,
    context: RequestContext,
    version: Arc<ModelVersion>,
    file: Received,
    campaign: Campaign,
    ignored: Ignored,
    keep: Keep,
    query: UploadQuery,
    address: PublicAddress,
    about: About,
    requester: Requester,
    receiving: f64,
}

/// Groups the customers of a workbook and writes content for each segment
///
/// The customers are assigned to the trained segments; the same customer gets the same segment with any other rows in
/// the file. A segment whose writing fails says so in `content.error`, with the request that writes it again in
/// `content.regenerate`; the other segments are kept. With `Accept: text/event-stream` it sends `progress` (`reading`
/// with the rows so far, `writing` with the segments done), each `segment` as soon as it is written, and `done` with
/// the whole answer, or `error` with a problem.
#[utoipa::path(post, path = "/upload-excel", tag = "segments", operation_id = "upload_excel",
    params(UploadQuery), request_body(content = UploadRequest, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The segments that occur in the workbook, written",
            content((Timed<'static> = "application/json"), (String = "text/event-stream"))),
        BodyProblems))]
pub(in crate::http) async fn post_upload_excel(
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    Extension(sender): Extension<Sender>,
    request: Request,
) -> Result<Response, ApiError> {
    state.ready()?;
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let mut query: UploadQuery = read_query(&parts.uri, &QUERY)?;
    let texts: Vec<&str> = inputs().chain([KEEP]).collect();
    let incoming = receive(&state, &parts.headers, body, &texts).await?;
    let mut fields = Fields::from_texts(incoming.texts);
    let mut ignored = Ignored::of_upload(&fields);
    let keep = keep_of(fields.text([KEEP]).as_ref().map(|(_, words)| words.as_str()))?;
    if keep.identifier {
        fields.refuse(KEEP, "may be row here: identifiers are in exports alone; send the workbook to /segments/export");
    }
    let campaign = fields.campaign()?.campaign;
    let address = PublicAddress::of(&state, &parts);
    let (file, about) = (incoming.file, About::sent_by(sender.name()));
    let version = state.ready()?.live.snapshot();
    let may_see_places = version.manifest.is_of_the_sample() || sender.has(Right::Admin);
    if query.places.is_some_and(|places| places > 0) && !may_see_places {
        query.places = None;
        ignored.note(PLACES_NEED_ADMIN, "places need the administrators' key: they would tell who was trained on");
    }
    let caller = Caller::new(state.clone(), context.clone(), Some(&version.id), &parts.headers);
    let receiving = elapsed_ms(started);
    let requester = state.requester(sender.payer());
    let upload =
        Upload { state, context, version, file, campaign, ignored, keep, query, address, about, requester, receiving };
    caller.answer(|reporter| upload.run(reporter)).await
}

impl Upload {
    async fn run(self, reporter: Reporter) -> Result<Finished, ApiError> {
        let Self {
            state,
            context,
            version,
            file,
            campaign,
            ignored,
            keep,
            query,
            address,
            about,
            requester,
            receiving,
        } = self;
        let started = Instant::now();
        let reading = Reading::keeping(keep);
        sync_ahead(&state, &file);
        let grouped = read_and_group(&state, version, file, reading.clone());
        let (grouped, file) = reporter.report_while(grouped, || reading.progress()).await?;
        let grouping = elapsed_ms(started);
        let max_members = state.settings().max_members.min(query.members.unwrap_or(usize::MAX));
        // Before anything is kept or paid for: what was paid for is answered, whatever else is on its way then.
        let answer_bytes = grouped.answer_bytes(max_members);
        promise_answer(answer_bytes)?;

        let started = Instant::now();
        // Accepted: the file is kept even if its caller disconnects before the segments are written.
        let about = about.with_rows(grouped.table().n_rows());
        let keeping = keep_upload(state.clone(), file, about, grouped.table().schema().clone());
        let kept = tokio::spawn(for_this_request(keeping));
        // What cannot be kept is refused, so nothing is written and paid for before it is kept.
        let kept = kept.await.map_err(|e| ApiError::internal("keeping an upload", e))??;
        context.brought(kept.id.to_string());
        state.metrics().uploaded(&grouped);
        let written = write(&state, &grouped, &campaign, &address, &requester, &reporter).await?;
        let timings_ms = Timings { receiving, grouping, writing: elapsed_ms(started) };
        let wants_places = query.places.is_some_and(|places| places > 0);
        let waited = waited(&written, state.settings().writers_at_once);
        let kept = KeptUpload::new(kept, state.uploads().train_on());
        let done = Done { grouped, written, campaign, ignored, address, kept, timings_ms, waited, answer_bytes };
        state.on_cpu_pool_final("writing an answer", move || done.finish(max_members, wants_places)).await?
    }
}

/// Writes every segment and reports each as soon as it is written. The results are in the order of the segments.
async fn write(
    state: &AppState,
    grouped: &Grouped,
    campaign: &Campaign,
    address: &PublicAddress,
    requester: &Requester,
    reporter: &Reporter,
) -> Result<Vec<Written>, ApiError> {
    let ready = state.ready()?;
    let briefs = grouped.briefs(campaign);
    let n = briefs.len();
    reporter.send("progress", &Progress::step("writing").done(0, n)).await;
    let mut writing = write_all_for(requester, ready.writer, &briefs, state.settings().writers_at_once);
    let mut written = Vec::with_capacity(n);
    while let Some((index, segment)) = writing.next().await {
        log_failures(&segment);
        state.metrics().segment(&segment);
        if let Some(group) = grouped.groups().get(index).filter(|_| reporter.is_heard()) {
            let context = AnswerContext { grouped, campaign, address_of: &|name| address.of_image(name) };
            let answer = SegmentAnswer::new(&context, group, &segment);
            reporter.send("segment", &answer).await;
        }
        written.push((index, segment));
        reporter.send("progress", &Progress::step("writing").done(written.len(), n)).await;
    }
    written.sort_by_key(|&(index, _)| index);
    Ok(written.into_iter().map(|(_, segment)| segment).collect())
}

/// What an answer is made of.
struct Done {
    grouped: Grouped,
    written: Vec<Written>,
    campaign: Campaign,
    ignored: Ignored,
    address: PublicAddress,
    kept: KeptUpload,
    timings_ms: Timings,
    waited: Duration,
    /// About how long it is.
    answer_bytes: usize,
}

impl Done {
    fn finish(self, max_members: usize, wants_places: bool) -> Result<Finished, ApiError> {
        let places = wants_places.then(|| self.grouped.places(MAX_POINTS)).transpose();
        let places =
            places.map_err(|e| ApiError::internal("placing customers on the map", e))?.flatten().map(Places::from);
        let address_of = |name: &_| self.address.of_image(name);
        let answer = Answer::new(&self.grouped, &self.written, &self.campaign, max_members, &address_of);
        let answer = Timed { answer, upload: self.kept, places, timings_ms: self.timings_ms, ignored: self.ignored };
        Finished::of_about(self.answer_bytes, &answer, self.waited)
    }
}

/// The least time that a request waited for the model API, with at most `at_once` segments written at the same time.
fn waited(written: &[Written], at_once: NonZeroUsize) -> Duration {
    let each = written.iter().map(|Written { content, pictures }| {
        let text = content.as_ref().map_or_else(|error| error.waited, |content| content.waited);
        let pictures = pictures.as_ref().map_or(Duration::ZERO, |pictures| {
            pictures.as_ref().map_or_else(|error| error.waited, |pictures| pictures.waited)
        });
        text + pictures
    });
    let (longest, sum) =
        each.fold((Duration::ZERO, Duration::ZERO), |(longest, sum), one| (longest.max(one), sum + one));
    longest.max(sum.div_f64(at_once.get() as f64))
}

/// Logs why a segment failed, which does not fail the upload.
fn log_failures(written: &Written) {
    let pictures = written.pictures.as_ref().and_then(|pictures| pictures.as_ref().err());
    for error in written.content.as_ref().err().into_iter().chain(pictures) {
        tracing::warn!(
            event = "segment_failed",
            kind = ?error.kind,
            causes = with_causes(error),
            "a segment was not written"
        );
    }
}

fn elapsed_ms(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}
