//! The request and the answer of the routes that generate content, and the problems that they alone have.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::content::{Engagement, FunnelStage, Output, Platform, Tone};
use crate::http::problem::Document;
use crate::http::request::ignored::Ignored;
use crate::pipeline::{Distinguishing, Persona};
use crate::segmentation::{DescribedBy, WrittenAnswer, any_object, persona_schema};

/// A request for content. Every field is optional. An empty text means "not given", values are read in any case, and
/// numbers may come as text. Fields that are not listed are read as customer columns by the schema of the live model,
/// or ignored.
#[derive(Serialize, ToSchema)]
pub(super) struct GenerateRequest {
    /// What the campaign is for, in the marketer's words.
    #[schema(max_length = 100, example = "More visits on weekdays")]
    objective: Option<String>,
    /// The trade, in the marketer's words.
    #[schema(max_length = 100, example = "Bakery")]
    industry: Option<String>,
    /// How close the reader is to buying: Awareness (the default), Consideration, Decision or Loyalty. Also
    /// `funnelStage`.
    #[schema(value_type = Option<String>, example = "Consideration")]
    funnel_stage: Option<FunnelStage>,
    /// The same, as the smart form calls it.
    #[schema(value_type = Option<String>, example = "Consideration")]
    marketing_funnel_stage: Option<FunnelStage>,
    /// How much the audience reacted to earlier campaigns: High, Moderate (the default) or Low. Also `pastEngagement`.
    #[schema(value_type = Option<String>, example = "Moderate")]
    past_engagement: Option<Engagement>,
    /// Where the content will be published: Instagram (the default), Facebook, LinkedIn, TikTok, Email or Website.
    #[schema(value_type = Option<String>, example = "Facebook")]
    platform: Option<Platform>,
    /// The voice: Professional, Fun, Empathetic, Casual (the default) or Playful.
    #[schema(value_type = Option<String>, example = "Fun")]
    tone: Option<Tone>,
    /// Text, Image, Both (a text and a picture), ImagePrompt (what to draw, undrawn) or TextAndPrompt (the default).
    #[schema(value_type = Option<String>, example = "Both")]
    post_type: Option<Output>,
    /// The same, as the written API calls it.
    #[schema(value_type = Option<String>, example = "Both")]
    prefer_output: Option<Output>,
    /// How many variants, 1 (the default) to 10. Also `n_variants`.
    #[schema(schema_with = variants_schema)]
    num_variants: Option<u8>,
    /// A segment as an upload's answer gave it, edited or not: content is written for it. Fields of a customer beside
    /// it are refused. An empty object says nothing.
    #[schema(schema_with = persona_to_write_for)]
    persona: Option<Map<String, Value>>,
    /// A trained segment, as it was trained, used where no `persona` is given. Fields of a customer beside it are
    /// refused, and so is the `persona` of another segment.
    #[schema(example = 0)]
    cluster_id: Option<i32>,
    /// What sets an upload's customers apart, as its answer says it, beside `persona` or `cluster_id`: the content is
    /// written for them, and not for the customers of the training. Of the persona only what marketers added is read
    /// then. A name that fewer than 10 customers of the training have is left out. Of the group outside every segment
    /// (`cluster_id` −1) nothing is said without it.
    #[schema(max_items = 400, example = json!([{"key": "Top_Locations", "value": "Bedok", "share": 0.34,
        "share_overall": 0.17, "lift": 2.0, "lift_low": 1.8, "lift_high": 2.2, "claim": "more_often"}]))]
    distinguishing: Option<Vec<Distinguishing>>,
    /// How many customers of the upload it is said of. Of fewer than 10, every claim counts as `more_often`. Of fewer
    /// than 50 outside every trained segment nothing is told. Required beside `distinguishing` where `cluster_id` names
    /// no trained segment.
    #[schema(value_type = Option<i64>, minimum = 0, example = 1269)]
    size: Option<u64>,
    /// Beside `distinguishing`, for the answer: whose customers it describes.
    described_by: Option<DescribedBy>,
    /// Beside `distinguishing`, for the answer: the persona's keys of which nothing is said.
    #[schema(example = json!(["Top_Gender", "Top_Loyalty_Tier"]))]
    not_distinguishing: Option<Vec<String>>,
    /// Beside `distinguishing`, for the answer: those of them that are as in the whole upload.
    #[schema(example = json!(["Top_Gender"]))]
    as_everywhere: Option<Vec<String>>,
    /// A customer's town, up to 100 characters.
    #[schema(max_length = 100, example = "Bedok")]
    location: Option<String>,
    /// A customer's gender; never named in a text.
    #[schema(max_length = 100, example = "Female")]
    gender: Option<String>,
    /// A customer's tier: Silver, Gold or Platinum.
    #[schema(example = "Gold")]
    loyalty_tier: Option<String>,
    /// The year a customer joined in. One to come is left out, and `notes` says so.
    #[schema(schema_with = join_year_schema)]
    join_year: Option<i32>,
    /// The month a customer joined in: its English name, or 1 to 12.
    #[schema(example = "May")]
    join_month: Option<String>,
    /// The quarter a customer joined in, 1 to 4. Together with `join_month` or a full date it must agree with them.
    #[schema(example = "2")]
    join_quarter: Option<String>,
    /// The campaign's inputs once more, as an upload's answer has them; those beside it must say the same.
    #[schema(schema_with = inputs_schema)]
    campaign_inputs: Option<Map<String, Value>>,
}

/// The content, in the shapes that the written API, the smart form, the segment editor and the segment's regeneration
/// read.
#[derive(Serialize, ToSchema)]
#[schema(as = GenerateAnswer)]
pub(super) struct GenerateAnswer<'a> {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// The model version of the segment.
    #[schema(example = "20261122T194851Z-2a945ef3")]
    pub model_version: &'a str,
    /// Whom it is for: `customer`, `persona`, `segment` or `everyone`.
    #[schema(example = "customer")]
    pub audience: &'static str,
    /// The segment; −1 for a customer outside every one, null for everyone, and so for a customer of whom nothing is
    /// known that 10 customers of the training share.
    #[schema(required, example = 2)]
    pub cluster_id: Option<i64>,
    /// How surely the customer belongs to the segment, 0 to 1, by the fields that place it; `notes` names those that do
    /// not, since too few customers have all of them. Null where none was described, and for everyone.
    #[schema(required, example = 0.93)]
    pub cluster_strength: Option<f64>,
    /// How likely another training is to put the customer in the same place, 0 to 1, learned from customers who were
    /// held out of a second training, in steps of 0.05; null where no customer was described, and where too few were
    /// held out.
    #[schema(required, example = 0.95)]
    pub cluster_confidence: Option<f64>,
    /// The nearest segment, whose persona was used, where the customer is outside every one.
    #[schema(example = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_cluster_id: Option<i64>,
    /// What the segment's customers have in common, with what marketers added.
    #[schema(schema_with = persona_schema)]
    pub persona: &'a Persona,
    /// What sets the segment's customers apart, in sentences; of an edited persona what it says.
    #[schema(example = "Joined October to December (all). More often than others from Bedok (34 % against 17 %).")]
    pub persona_summary: &'a str,
    /// What sets the segment's customers apart: as trained, or as the request's `distinguishing` has it. Empty for an
    /// edited persona, for everyone, and for a customer whose segment is not sure (`cluster_strength` below 0.6).
    pub distinguishing: &'a [Distinguishing],
    /// The persona's keys of which nothing is said.
    #[schema(example = json!(["Top_Gender", "Top_Loyalty_Tier"]))]
    pub not_distinguishing: &'a [String],
    /// Those of them that are as everywhere: no test tells them apart. Of the others nothing can be said.
    #[schema(example = json!(["Top_Gender"]))]
    pub as_everywhere: &'a [String],
    /// One entry a variant: texts, addresses of images, or objects with `text` and `image`. A missing image is an
    /// empty text, and `image_error` says why.
    #[schema(value_type = Vec<Value>, example = json!(["Fresh bread at nine, and a seat by the window."]))]
    pub generated_result: Vec<Value>,
    /// The texts once more, for the segment's regeneration.
    #[schema(example = json!(["Fresh bread at nine, and a seat by the window."]))]
    pub post: &'a [String],
    pub fields_used: &'a FieldsUsed,
    /// The same as `fields_used`, for the segment editor.
    pub used_fields: &'a FieldsUsed,
    /// The same as `prompt_used`, for the segment editor.
    #[schema(example = "# Role\nYou are a senior copywriter. …")]
    pub prompt: &'a str,
    #[serde(flatten)]
    pub content: WrittenAnswer<'a>,
    #[serde(flatten)]
    pub ignored: &'a Ignored,
}

/// Where the facts in the prompt came from.
#[derive(Serialize, ToSchema)]
pub(super) struct FieldsUsed {
    /// The persona's traits that the caller's fields left open.
    #[schema(example = json!(["Top_Join_Quarter"]))]
    pub from_cluster: Vec<String>,
    /// The caller's fields, under the caller's names; a field whose value fewer than 10 customers of the training have
    /// is not among them, and `notes` names it.
    #[schema(example = json!(["location", "objective"]))]
    pub from_user_input: Vec<String>,
    /// The caller's fields that say how to write: platform, tone, number of variants.
    #[schema(example = json!(["platform", "tone"]))]
    pub optional_inputs: Vec<String>,
}

/// The data of a `variant` event.
#[derive(Serialize)]
pub(super) struct VariantEvent<'a> {
    pub variant: usize,
    pub of: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<&'a str>,
}

/// Why a request with an `Idempotency-Key` fails, beside the reasons of every request with a body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(super) enum IdempotencyProblems {
    /// The first request with this `Idempotency-Key` is still running.
    #[response(status = 409, content_type = "application/problem+json")]
    StillRunning(Document<'static>),
}

/// The header that makes a request safe to repeat.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header that is read by its name")]
pub(super) struct IdempotencyHeader {
    /// A text of the client's choice, such as a UUID; a new one for each new request. Repeating a request with the same
    /// key and body returns the first answer with `Idempotent-Replayed: true`, and calls no model. Successes are kept
    /// for up to a day in the server's memory, errors are not. The same key with another body gets 422. A duplicate
    /// waits for a first request that is still running.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        max_length = 255,
        example = "8e03978e-40d5-43e8-bc93-6894a57f9324"
    )]
    key: Option<String>,
}

/// Why the writer wrote nothing.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(super) enum WriterProblems {
    /// The writer failed, refused, or gave an unusable answer.
    #[response(status = 502, content_type = "application/problem+json")]
    Failed(Document<'static>),
    /// The server is starting or busy, the writer asks to wait or is paused because it kept failing, or the day's
    /// budget is spent; `Retry-After` says how long to wait, where waiting may help.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Document<'static>),
    /// The writer did not answer in time.
    #[response(status = 504, content_type = "application/problem+json")]
    TimedOut(Document<'static>),
}

fn persona_to_write_for() -> Object {
    or_null(persona_schema())
}

fn inputs_schema() -> Object {
    let description =
        "The campaign's inputs once more, as an upload's answer has them; those beside it must say the same.";
    or_null(any_object(
        description,
        json!({"objective": "More visits", "industry": "Bakery", "funnel_stage": "Decision"}),
    ))
}

fn variants_schema() -> Object {
    number_or_text("How many variants, 1 (the default) to 10. Also `n_variants`.", (1, 10), json!(2))
}

fn join_year_schema() -> Object {
    let description = "The year a customer joined in. One to come is left out, and `notes` says so.";
    number_or_text(description, (2000, 2100), json!(2023))
}

/// A whole number of this range that may come as text, as the smart form sends what an answer gave it, or be `null`.
fn number_or_text(description: &str, (minimum, maximum): (u16, u16), example: Value) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::String, Type::Null]))
        .minimum(Some(minimum))
        .maximum(Some(maximum))
        .description(Some(description))
        .examples([example])
        .build()
}

/// An object that may be `null`.
fn or_null(mut object: Object) -> Object {
    object.schema_type = SchemaType::from_iter([Type::Object, Type::Null]);
    object
}
