//! The API's own description: OpenAPI 3.1, served by [`super::openapi`].
//!
//! Made from the handlers and the wire types. What requests may hold is described here, because bodies are read under
//! many names and by the model's schema ([`crate::http::request::fields`]); a test holds the two together.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi, ToSchema};

use crate::content::{Engagement, FunnelStage, Output, Platform, Tone};
use crate::http::problem::Document;
use crate::segmentation::{any_object, persona_schema};

/// What the description says of the service as a whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "content-portal",
        description = "Groups customers into segments and writes marketing content for each.\n\n\
            Every answer that is no success is a problem document (RFC 9457) with `code`, `error` and `request_id`. \
            Every answer carries `x-request-id`: the caller's own, or a new one. Routes that take a while tell how far \
            they are as an event stream, where `Accept: text/event-stream` asks for it.",
        license(name = "proprietary")
    ),
    tags(
        (name = "content", description = "Texts and pictures for a customer, a segment or everyone"),
        (name = "segments", description = "Workbooks of customers into segments, and segments into workbooks"),
        (name = "models", description = "The trained versions, for administrators"),
        (name = "operation", description = "How the service is")
    ),
    modifiers(&KeySchemes)
)]
pub(in crate::http) struct ApiDescription;

/// The security scheme of the routes for everybody.
pub(in crate::http) const API_KEY: &str = "api_key";

/// Describes the keys.
struct KeySchemes;

impl Modify for KeySchemes {
    fn modify(&self, description: &mut Description) {
        let components = description.components.get_or_insert_default();
        for (name, about) in [
            (API_KEY, "One of API_KEYS, or ADMIN_KEY. Where the operator has set no API_KEYS, nobody needs one."),
            ("admin_key", "ADMIN_KEY. Where the operator has set none, these routes are closed."),
        ] {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

/// What a caller may send to have content written. Every field is optional; an empty text means "not given", names of
/// values are read in any case, and numbers may come as text. Fields that are not listed are read as customer columns
/// by the schema of the live model, or passed over.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct GenerateRequest {
    /// What the campaign is for, in the marketer's words.
    #[schema(max_length = 100, example = "More visits on weekdays")]
    objective: Option<String>,
    /// The trade, in the marketer's words.
    #[schema(max_length = 100, example = "Bakery")]
    industry: Option<String>,
    /// How close the reader is to buying: Awareness (the default), Consideration, Decision or Loyalty. Also
    /// `funnelStage`.
    #[schema(example = "Consideration")]
    funnel_stage: Option<FunnelStage>,
    /// The same, as the smart form calls it.
    #[schema(example = "Consideration")]
    marketing_funnel_stage: Option<FunnelStage>,
    /// How much the audience reacted to earlier campaigns: High, Moderate (the default) or Low. Also `pastEngagement`.
    #[schema(example = "Moderate")]
    past_engagement: Option<Engagement>,
    /// Where the content will be published: Instagram (the default), Facebook, LinkedIn, TikTok, Email or Website.
    #[schema(example = "Facebook")]
    platform: Option<Platform>,
    /// The voice: Professional, Fun, Empathetic, Casual (the default) or Playful.
    #[schema(example = "Fun")]
    tone: Option<Tone>,
    /// Text, Image, Both (a text and a picture), ImagePrompt (what to draw, undrawn) or TextAndPrompt (the default).
    #[schema(example = "Both")]
    post_type: Option<Output>,
    /// The same, as the written API calls it.
    #[schema(example = "Both")]
    prefer_output: Option<Output>,
    /// How many variants, 1 (the default) to 10. Also `n_variants`.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 10, example = 2)]
    num_variants: Option<u8>,
    /// A segment as an upload's answer gave it, edited or not: content is written for it, and customer fields are
    /// passed over.
    #[schema(schema_with = persona_to_write_for)]
    persona: Option<Map<String, Value>>,
    /// A trained segment, written for where no `persona` is given.
    #[schema(example = 0)]
    cluster_id: Option<i32>,
    /// A customer's town, up to 100 characters.
    #[schema(max_length = 100, example = "Bedok")]
    location: Option<String>,
    /// A customer's gender; never named in a text.
    #[schema(max_length = 100, example = "Female")]
    gender: Option<String>,
    /// A customer's tier: Silver, Gold or Platinum.
    #[schema(example = "Gold")]
    loyalty_tier: Option<String>,
    /// The year a customer joined in.
    #[schema(minimum = 2000, maximum = 2100, example = 2023)]
    join_year: Option<i32>,
    /// The month a customer joined in: its English name, or 1 to 12.
    #[schema(example = "May")]
    join_month: Option<String>,
    /// The campaign's inputs once more, as an upload's answer has them; those beside it come first.
    #[schema(schema_with = inputs_schema)]
    campaign_inputs: Option<Map<String, Value>>,
}

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

/// An image of this service, to be saved as a file.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DownloadRequest {
    /// The image's address, as an answer gave it.
    #[schema(
        example = "http://localhost:5000/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.png"
    )]
    url: String,
    /// What the file is to be called.
    #[schema(example = "promo.png")]
    name: Option<String>,
}

/// An upload's answer, as its caller kept it: the whole of it, or one of its two lists.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportRequest {
    /// `xlsx` (the default) or `csv`.
    #[schema(example = "xlsx")]
    format: Option<String>,
    /// The answer's `clusters`, with the customers in their `members`.
    #[schema(schema_with = clusters_schema)]
    clusters: Option<Vec<Map<String, Value>>>,
    /// The answer's `segments`.
    #[schema(schema_with = segments_schema)]
    segments: Option<Vec<Map<String, Value>>>,
}

/// A workbook to be grouped and handed back.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportForm {
    /// The workbook: .xlsx, .xls or .csv.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `xlsx` (the default) or `csv`.
    #[schema(nullable = false, example = "csv")]
    format: Option<String>,
    /// `identifier`: with the identifier of each row, from the column by which the file tells customers apart. Nothing of
    /// it is kept here.
    #[schema(nullable = false, example = "identifier")]
    keep: Option<String>,
}

/// Workbooks to train on, beside the base data and the waiting uploads.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RetrainForm {
    /// Up to 32 workbooks: .xlsx, .xls or .csv. Without any, and without a body, there is enough where it is.
    #[schema(value_type = Vec<String>, format = Binary, example = json!([]))]
    files: Vec<Vec<u8>>,
}

/// Why a body is not taken, or the server cannot work on it.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum BodyProblems {
    /// The body is broken or cut off, or its file is missing.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Document<'static>),
    /// Keys are set, and none of them was sent.
    #[response(status = 401, content_type = "application/problem+json")]
    NoKey(Document<'static>),
    /// The body took too long to arrive.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Document<'static>),
    /// The body or the workbook is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Document<'static>),
    /// The body is of another kind than the route takes.
    #[response(status = 415, content_type = "application/problem+json")]
    WrongKind(Document<'static>),
    /// Fields, rows or the workbook cannot be taken; `details` names each field with what to change.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Document<'static>),
    /// More requests, a minute or at once, than one caller may send; `Retry-After` says when to come again.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Document<'static>),
    /// A fault of this service.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Document<'static>),
    /// The server is starting or busy, the writer asks to wait or is left alone because it kept failing, or the day's
    /// budget for it is spent; `Retry-After` says how long, where waiting may help.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Document<'static>),
    /// The disk is full.
    #[response(status = 507, content_type = "application/problem+json")]
    Storage(Document<'static>),
}

/// Why a request with an `Idempotency-Key` is not answered; other reasons are among those for the body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum IdempotencyProblems {
    /// The first request with this `Idempotency-Key` is still running.
    #[response(status = 409, content_type = "application/problem+json")]
    StillRunning(Document<'static>),
}

/// The header that makes a request safe to send again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header that is read by its name")]
pub(in crate::http) struct IdempotencyHeader {
    /// A text of the caller's choice, such as a UUID; a new one for each new request. Repeating a request with the same
    /// key and body returns the first answer with `Idempotent-Replayed: true`, and calls no model. Successes are stored
    /// for a day, errors are not. The same key with another body gets 422. A duplicate waits for a first request that
    /// is still running.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        max_length = 255,
        example = "8e03978e-40d5-43e8-bc93-6894a57f9324"
    )]
    key: Option<String>,
}

/// Why a route for administrators is closed to a caller.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum KeyProblems {
    /// No key was sent, or another one.
    #[response(status = 401, content_type = "application/problem+json")]
    NotAdmin(Document<'static>),
    /// The routes are closed: no key is set.
    #[response(status = 403, content_type = "application/problem+json")]
    Closed(Document<'static>),
    /// More requests a minute than one caller may send; `Retry-After` says when to come again.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Document<'static>),
}

/// Why a route for administrators does not answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum AdminProblems {
    /// No key was sent, or another one.
    #[response(status = 401, content_type = "application/problem+json")]
    NotAdmin(Document<'static>),
    /// The routes are closed: no key is set.
    #[response(status = 403, content_type = "application/problem+json")]
    Closed(Document<'static>),
    /// There is no such version.
    #[response(status = 404, content_type = "application/problem+json")]
    NoVersion(Document<'static>),
    /// The version is damaged; the live one stays.
    #[response(status = 409, content_type = "application/problem+json")]
    Broken(Document<'static>),
    /// More requests a minute than one caller may send; `Retry-After` says when to come again.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Document<'static>),
    /// A fault of this service.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Document<'static>),
    /// The server is starting.
    #[response(status = 503, content_type = "application/problem+json")]
    Starting(Document<'static>),
    /// The disk is full.
    #[response(status = 507, content_type = "application/problem+json")]
    Storage(Document<'static>),
}

/// Why nothing was written.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the problems that ApiError answers with")]
pub(in crate::http) enum WriterProblems {
    /// The writer failed, refused, or gave an answer that cannot be used.
    #[response(status = 502, content_type = "application/problem+json")]
    Failed(Document<'static>),
    /// The writer did not answer in time.
    #[response(status = 504, content_type = "application/problem+json")]
    TimedOut(Document<'static>),
}

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the answers that are files")]
pub(in crate::http) struct FileBytes(Vec<u8>);

fn persona_to_write_for() -> Object {
    or_null(persona_schema())
}

fn inputs_schema() -> Object {
    let description = "The campaign's inputs once more, as an upload's answer has them; those beside it come first.";
    or_null(any_object(
        description,
        json!({"objective": "More visits", "industry": "Bakery", "funnel_stage": "Decision"}),
    ))
}

/// An object in whose place `null` is taken.
fn or_null(mut object: Object) -> Object {
    object.schema_type = SchemaType::from_iter([Type::Object, Type::Null]);
    object
}

fn clusters_schema() -> Array {
    let member = json!({"Location": "Bedok", "Loyalty Tier": "Gold", "cluster_id": 0, "strength": 1.0});
    let example = json!({"cluster_id": 0, "persona_summary": "Gold tier from Bedok", "size": 1, "members": [member]});
    list_of(any_object("A segment, as the portal reads it.", example))
}

fn segments_schema() -> Array {
    let example = json!({"cluster_id": 0, "size": 1, "share": 1.0, "persona_summary": "Gold tier from Bedok"});
    list_of(any_object("A segment, as the written API has it.", example))
}

fn list_of(items: Object) -> Array {
    let examples: Vec<Value> = items.examples.iter().map(|example| json!([example])).collect();
    let description = items.description.clone();
    let or_null = SchemaType::from_iter([Type::Array, Type::Null]);
    let list = ArrayBuilder::new().schema_type(or_null).items(items);
    list.description(description).examples(examples).build()
}
