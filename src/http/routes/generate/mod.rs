//! `POST /generate-post`, `/generate-promo` and `/generate-editor-post`: content for a customer, a segment or everyone.
//!
//! The routes take the same body and give the same answer, which has the fields that each of their callers reads.

mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::http::HeaderValue;
use axum::response::Response;
use serde_json::{Value, json};

use super::docs::BodyProblems;
use crate::causes::with_causes;
use crate::content::{Brief, Content, ContentRequest, Output, Pictures, Requester, WriteError, WrittenFor};
use crate::http::access::Sender;
use crate::http::admission::{Admitted, for_this_request};
use crate::http::idempotency::{Claim, First, IDEMPOTENT_REPLAYED, IdempotencyKey, Turn, Whose};
use crate::http::problem::ApiError;
use crate::http::progress::Progress;
use crate::http::request::body::read_object_and;
use crate::http::request::fields::{Fields, GivenCampaign};
use crate::http::request::ignored::Ignored;
use crate::http::request::known::refuse_query;
use crate::http::request::persona::is_extra;
use crate::http::request::target::{Target, find_target};
use crate::http::request_id::RequestContext;
use crate::http::response::event_stream::{Caller, Finished, Reporter};
use crate::http::response::public_address::PublicAddress;
use crate::http::state::AppState;
use crate::model_store::ModelVersion;
use crate::pipeline::{SegmentId, in_steps};
use crate::segmentation::WrittenAnswer;
use wire::{
    FieldsUsed, GenerateAnswer, GenerateRequest, IdempotencyHeader, IdempotencyProblems, VariantEvent, WriterProblems,
};

/// A valid request.
struct Job {
    state: AppState,
    version: Arc<ModelVersion>,
    target: Target,
    given: GivenCampaign,
    ignored: Ignored,
    address: PublicAddress,
    requester: Requester,
}

/// Writes content for a campaign
///
/// For whom is decided by the first of these that the body has: `persona`, `cluster_id`, customer fields (`location`,
/// `loyalty_tier`, …: such a customer, and beyond what the fields say its segment), or nothing: the whole customer
/// base. A customer beside a segment, and fields that contradict each other, `campaign_inputs` among them, are refused.
/// With `Both`, a picture that fails leaves the texts, and `image_error` says why. With `Accept: text/event-stream` it
/// sends `progress`, each `variant` as soon as it is there, and `done` with the whole answer, or `error` with a
/// problem.
#[utoipa::path(post, path = "/generate-promo", tag = "content", operation_id = "generate_promo",
    request_body = GenerateRequest, params(IdempotencyHeader),
    responses(
        (status = 200, description = "What was written",
            content((GenerateAnswer<'static> = "application/json"), (String = "text/event-stream"))),
        BodyProblems, WriterProblems, IdempotencyProblems))]
pub(in crate::http) async fn post_generate_promo(
    state: State<AppState>,
    context: Extension<RequestContext>,
    request: Request,
) -> Result<Response, ApiError> {
    generate(state, context, request).await
}

/// Writes content for a campaign, or one segment of an upload again
///
/// The same as `/generate-promo`. To write a segment again, send its `cluster_id`, `persona`, `distinguishing`, `size`
/// and `campaign_inputs` as the upload's answer gave them. Without `distinguishing` the content is for the segment as
/// it was trained.
#[utoipa::path(post, path = "/generate-post", tag = "content", operation_id = "generate_post",
    request_body = GenerateRequest, params(IdempotencyHeader),
    responses(
        (status = 200, description = "What was written",
            content((GenerateAnswer<'static> = "application/json"), (String = "text/event-stream"))),
        BodyProblems, WriterProblems, IdempotencyProblems))]
pub(in crate::http) async fn post_generate_post(
    state: State<AppState>,
    context: Extension<RequestContext>,
    request: Request,
) -> Result<Response, ApiError> {
    generate(state, context, request).await
}

/// Writes content for a segment that a marketer edited
///
/// The same as `/generate-promo`, with the edited `persona`.
#[utoipa::path(post, path = "/generate-editor-post", tag = "content", operation_id = "generate_editor_post",
    request_body = GenerateRequest, params(IdempotencyHeader),
    responses(
        (status = 200, description = "What was written",
            content((GenerateAnswer<'static> = "application/json"), (String = "text/event-stream"))),
        BodyProblems, WriterProblems, IdempotencyProblems))]
pub(in crate::http) async fn post_generate_editor_post(
    state: State<AppState>,
    context: Extension<RequestContext>,
    request: Request,
) -> Result<Response, ApiError> {
    generate(state, context, request).await
}

async fn generate(
    State(state): State<AppState>,
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let version = state.ready()?.live.snapshot();
    let (parts, body) = request.into_parts();
    refuse_query(&parts.uri)?;
    let admitted = parts.extensions.get::<Admitted>().cloned();
    let requester = state.requester(parts.extensions.get().and_then(Sender::payer));
    let keyed = IdempotencyKey::of(&parts.headers)?.zip(admitted);
    let keyed = keyed.map(|keyed| (keyed, parts.uri.path().to_owned(), parts.headers.clone()));
    let claim = move |body: &[u8]| {
        let ((key, caller), path, headers) = keyed?;
        let whose = Whose { identity: caller.identity(), network: caller.network() };
        Some((Claim::new(&key, &whose, &headers, &path, body), caller))
    };
    let (fields, claim) = read_object_and(&state, &parts.headers, body, claim).await?;
    let mut fields = Fields::new(fields);
    let (schema, form_fields) = (version.model.schema(), version.model.form_fields());
    let mut ignored = Ignored::of_generation((schema, form_fields), &|name| is_extra(&version, name), &fields);
    if let Some(inputs) = fields.object("campaign_inputs") {
        fields.add_campaign("campaign_inputs", inputs);
    }
    let target = find_target(&state, &version, &mut fields).await?;
    target.left_out.iter().for_each(|left_out| ignored.left_out(&left_out.field, left_out.is_whole));
    ignored.placed_without(&target.placed_without);
    target.to_come.iter().for_each(|field| ignored.note_to_come(field));
    target.empty.iter().for_each(|field| ignored.note_empty(field));
    ignored.extend(&target.notes);
    if target.is_segment() && !target.is_described {
        ignored.other_summary(&fields, &target.summary, target.trained.is_some());
    }
    let given = fields.campaign()?;
    let address = PublicAddress::of(&state, &parts);
    let caller = |version| Caller::new(state.clone(), context, Some(version), &parts.headers);
    let first = match claim {
        None => None,
        Some((claim, admitted)) => match state.idempotency().begin(claim).await? {
            Turn::First(first) => Some((first, admitted)),
            Turn::Again(stored) => {
                let json = stored.json.as_ref().to_owned();
                let again = Finished { json, waited: Duration::ZERO, is_whole: true };
                let mut response = caller(&stored.version).answer(async move |_| Ok(again)).await?;
                response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
                return Ok(response);
            }
        },
    };
    let caller = caller(&version.id);
    let job = Job { state: state.clone(), version, target, given, ignored, address, requester };
    caller.answer(|reporter| job.run_as(first, reporter)).await
}

impl Job {
    /// Runs the job; with an idempotency key, as the first request with that key.
    async fn run_as(self, first: Option<(First, Admitted)>, reporter: Reporter) -> Result<Finished, ApiError> {
        match first {
            None => self.run(reporter).await,
            Some((first, admitted)) => {
                let version = self.version.id.clone();
                let finished = first.run(admitted, version, for_this_request(self.run(reporter)), json_of).await;
                finished.map_err(|e| ApiError::internal("answering a request with a key", e))?
            }
        }
    }

    async fn run(mut self, reporter: Reporter) -> Result<Finished, ApiError> {
        let brief = Brief { audience: self.target.audience(&self.version), campaign: self.given.campaign.clone() };
        let ready = self.state.ready()?;
        let request = ready.writer.request(&brief).on_behalf_of(self.requester.clone());
        reporter.send("progress", &Progress::step("writing")).await;
        let content = request.write().await;
        self.state.metrics().content(&content);
        let content = content.map_err(ApiError::Write)?;
        let reported = if reporter.is_heard() { content.variants.as_slice() } else { &[] };
        for (variant, text) in (1..).zip(reported) {
            let id = self.written_for().content_id(text);
            let of = content.variants.len();
            let event = VariantEvent { variant, of, text: Some(text), content_id: Some(id.as_str()), image: None };
            reporter.send("variant", &event).await;
        }
        let pictures = self.draw(&request, &content, &reporter).await?;
        let images = pictures.as_ref().map(|pictures| self.address.of_pictures(pictures)).unwrap_or_default();
        for (variant, image) in (1..).zip(&images).filter(|(_, image)| !image.is_empty()) {
            let event = VariantEvent { variant, of: images.len(), text: None, content_id: None, image: Some(image) };
            reporter.send("variant", &event).await;
        }
        self.ignored.extend(&content.notes);
        self.finish(&content, pictures.as_ref(), images)
    }

    /// Draws the requested pictures. Texts beside them are paid for and useful on their own, so the request fails only
    /// where pictures were all it asked for.
    async fn draw(
        &self,
        request: &ContentRequest<'_>,
        content: &Content,
        reporter: &Reporter,
    ) -> Result<Option<Result<Pictures, WriteError>>, ApiError> {
        let output = self.given.campaign.output();
        if !output.wants_picture() {
            return Ok(None);
        }
        reporter.send("progress", &Progress::step("drawing")).await;
        let pictures = request.draw(content).await;
        self.state.metrics().pictures(&pictures);
        match pictures {
            // Pictures that were drawn are paid for, and shown.
            Err(mut error) if !output.wants_text() && error.drawn.is_empty() => {
                error.waited += content.waited;
                Err(ApiError::Write(error))
            }
            pictures => {
                if let Err(error) = &pictures {
                    tracing::warn!(
                        event = "picture_failed",
                        kind = ?error.kind,
                        causes = with_causes(error),
                        "a picture was not drawn"
                    );
                }
                Ok(Some(pictures))
            }
        }
    }

    fn finish(
        &self,
        content: &Content,
        pictures: Option<&Result<Pictures, WriteError>>,
        images: Vec<String>,
    ) -> Result<Finished, ApiError> {
        let Target { kind, persona, cluster_id, placement, distinction, summary, .. } = &self.target;
        let outside = placement.filter(|placement| placement.segment.is_none());
        let nearest = placement.and_then(|placement| placement.nearest);
        let fields_used = self.fields_used();
        let answer = GenerateAnswer {
            status: "ok",
            model_version: self.version.id.as_str(),
            audience: kind,
            cluster_id: *cluster_id,
            cluster_strength: nearest.map(|nearest| nearest.membership),
            cluster_confidence: placement
                .as_ref()
                .and_then(|placement| self.version.refit()?.confidence(placement))
                .map(in_steps),
            nearest_cluster_id: outside.and(nearest).map(|nearest| SegmentId::code(Some(nearest.cluster_id))),
            persona,
            persona_summary: summary,
            distinguishing: &distinction.distinguishing,
            not_distinguishing: &distinction.not_distinguishing,
            as_everywhere: &distinction.as_everywhere,
            generated_result: results(self.given.campaign.output(), content, &images),
            post: &content.variants,
            fields_used: &fields_used,
            used_fields: &fields_used,
            prompt: &content.prompt_used,
            content: WrittenAnswer::new(content, &self.written_for(), pictures, images).without_notes(),
            ignored: &self.ignored,
        };
        let drawing = pictures.map_or(Duration::ZERO, |pictures| match pictures {
            Ok(pictures) => pictures.waited,
            Err(error) => error.waited,
        });
        let is_whole = pictures.is_none_or(Result::is_ok);
        Ok(Finished { is_whole, ..Finished::new(&answer, content.waited + drawing)? })
    }

    fn written_for(&self) -> WrittenFor<'_> {
        let (model_version, campaign) = (self.version.id.as_str(), &self.given.campaign);
        let (cluster_id, persona) = self.target.written_for();
        WrittenFor { model_version, cluster_id, persona, campaign }
    }

    fn fields_used(&self) -> FieldsUsed {
        const OPTIONAL: [&str; 4] = ["platform", "tone", "num_variants", "n_variants"];
        let given = self.given.given.iter().cloned();
        let (optional_inputs, inputs): (Vec<_>, Vec<_>) = given.partition(|name| OPTIONAL.contains(&name.as_str()));
        let from_user_input = self.target.used.iter().cloned().chain(inputs).collect();
        FieldsUsed { from_cluster: self.target.left_to_segment(), from_user_input, optional_inputs }
    }
}

/// The JSON of a success, which a repeated request gets. Of texts whose pictures failed there is none: the request is
/// repeated for the pictures.
fn json_of(outcome: &Result<Finished, ApiError>) -> Option<&str> {
    outcome.as_ref().ok().filter(|finished| finished.is_whole).map(|finished| finished.json.as_str())
}

/// One entry a variant, of the kind that was asked for, as the smart form shows them.
fn results(output: Output, content: &Content, images: &[String]) -> Vec<Value> {
    match output {
        Output::Text | Output::TextAndPrompt => content.variants.iter().map(|text| json!(text)).collect(),
        Output::Image => images.iter().filter(|image| !image.is_empty()).map(|image| json!(image)).collect(),
        Output::ImagePrompt => content.image_prompt.iter().map(|prompt| json!(prompt)).collect(),
        Output::Both => {
            let both = content.variants.iter().zip(images);
            both.map(|(text, image)| json!({ "text": text, "image": image })).collect()
        }
    }
}
