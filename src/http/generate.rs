//! `POST /generate-post` and `POST /generate-promo`: content for a customer, a segment or everyone.
//!
//! Both routes take the same bodies. For whom is decided by the first of these that the body has: `persona` (an object,
//! as the upload's answer gave it), `cluster_id` (a trained segment), customer fields by the schema (`location`,
//! `loyalty_tier`, …: such a customer, and beyond what the fields say its segment), or nothing: the whole customer base.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::body::read_json;
use super::error::{ApiError, FieldProblem};
use super::fields::{Fields, GivenCampaign};
use super::state::AppState;
use crate::content::{Audience, Brief, Campaign, Content, Output};
use crate::customer::{FormCustomer, read_form};
use crate::model_store::ModelVersion;
use crate::pipeline::{Persona, Placement, count_traits};
use crate::segmentation::WrittenAnswer;

/// The largest JSON body, in bytes: the portal sends a segment's members along.
const MAX_BODY_BYTES: usize = 8 << 20;
/// A body of this size is parsed in well under a millisecond.
const SMALL_BODY_BYTES: usize = 64 << 10;
/// The longest field, in bytes of JSON: a persona with everything that marketers add to it.
const MAX_FIELD_BYTES: usize = 64 << 10;

/// The answer, in the shapes of the written API, the smart form and the segment's regeneration.
#[derive(Serialize)]
pub(super) struct GenerateAnswer {
    status: &'static str,
    model_version: String,
    cluster_id: Option<i32>,
    /// How surely the customer belongs to the segment, 0 to 1; null where no customer was described.
    cluster_strength: Option<f64>,
    /// The segment whose persona was written for, where the customer is outside every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_cluster_id: Option<u32>,
    audience: &'static str,
    persona: Persona,
    persona_summary: String,
    generated_result: Vec<Value>,
    post: Vec<String>,
    image_url: Option<String>,
    fields_used: FieldsUsed,
    #[serde(flatten)]
    content: Value,
}

/// Where the prompt's facts came from.
#[derive(Serialize)]
struct FieldsUsed {
    from_cluster: Vec<String>,
    from_user_input: Vec<String>,
    optional_inputs: Vec<String>,
}

/// For whom to write.
#[derive(Default)]
struct Target {
    audience: &'static str,
    /// The segment's persona.
    persona: Persona,
    /// What is known of the customer, which a text follows before it follows the segment's persona.
    customer: Persona,
    cluster_id: Option<i32>,
    placement: Option<Placement>,
    used: Vec<String>,
}

/// Writes content for whom the body describes.
pub(super) async fn post_generate(
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<GenerateAnswer>, ApiError> {
    let ready = state.ready()?;
    let (parts, body) = request.into_parts();
    let mut fields = Fields::new(read_object(&state, &parts.headers, body).await?);
    if let Some(inputs) = fields.object("campaign_inputs") {
        fields.add(inputs);
    }
    let version = ready.live.snapshot();
    let target = find_target(&state, &version, &mut fields).await?;
    let GivenCampaign { campaign, given } = fields.campaign()?;
    let schema = version.model.schema();
    let audience = if target.audience == EVERYONE {
        Audience::everyone(schema, &target.persona)
    } else {
        let mut persona = target.persona.clone();
        persona.overlay(target.customer.clone());
        Audience::new(schema, &persona)
    };
    let brief = Brief { audience, campaign };
    let content = ready.writer.write(&brief).await.map_err(ApiError::Write)?;
    answer(&version, target, &brief.campaign, given, &content).map(Json)
}

const EVERYONE: &str = "everyone";

async fn find_target(state: &AppState, version: &Arc<ModelVersion>, fields: &mut Fields) -> Result<Target, ApiError> {
    let schema = version.model.schema();
    let given_id = cluster_id(fields);
    if let Some(object) = fields.object("persona") {
        let persona = Persona::from_json(schema, &object);
        let used = vec!["persona".to_owned()];
        return Ok(Target { audience: "persona", persona, cluster_id: given_id, used, ..Target::default() });
    }
    if let Some(id) = given_id {
        let segment = u32::try_from(id).ok().and_then(|id| version.model.segment(id));
        if segment.is_none() {
            fields.refuse("cluster_id", "must be the id of a trained segment");
        }
        let persona = segment.map(|segment| segment.persona.clone()).unwrap_or_default();
        let used = vec!["cluster_id".to_owned()];
        return Ok(Target { audience: "segment", persona, cluster_id: given_id, used, ..Target::default() });
    }
    let texts = fields.texts();
    let pairs = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    match read_form(schema, pairs, jiff::Zoned::now().date()) {
        Ok(customer) if !customer.used.is_empty() => place_customer(state, version, customer).await,
        outcome => {
            fields.refuse_all(outcome.err().into_iter().flatten().map(FieldProblem::from));
            let persona = version.model.everyone().persona.clone();
            Ok(Target { audience: EVERYONE, persona, ..Target::default() })
        }
    }
}

async fn place_customer(
    state: &AppState,
    version: &Arc<ModelVersion>,
    customer: FormCustomer,
) -> Result<Target, ApiError> {
    let model = version.clone();
    let FormCustomer { table, used } = customer;
    let (_, counts) = count_traits(&table, &[0], 0);
    let assigned = state.on_processor("placing a customer", move || model.model.assign(&table)).await?;
    let assigned = assigned.map_err(|e| ApiError::internal("placing a customer", e))?;
    let placement = *assigned.of_row(0).ok_or(ApiError::Internal { doing: "placing a customer", source: None })?;
    let segment = placement.nearest.and_then(|nearest| version.model.segment(nearest.cluster_id));
    let persona = segment.unwrap_or(version.model.everyone()).persona.clone();
    let customer = Persona::from_counts(&counts);
    let cluster_id = Some(placement.label);
    Ok(Target { audience: "customer", persona, customer, cluster_id, placement: Some(placement), used })
}

/// The caller's `cluster_id`, a number or its text.
fn cluster_id(fields: &mut Fields) -> Option<i32> {
    let (name, text) = fields.text(["cluster_id"])?;
    let id = text.parse().ok();
    if id.is_none() {
        fields.refuse(name, "must be a whole number");
    }
    id
}

fn answer(
    version: &ModelVersion,
    target: Target,
    campaign: &Campaign,
    given: Vec<String>,
    content: &Content,
) -> Result<GenerateAnswer, ApiError> {
    let result = match campaign.output() {
        Output::Text => content.variants.iter().map(|text| json!(text)).collect(),
        Output::Image => content.image_prompt.iter().map(|prompt| json!(prompt)).collect(),
        Output::Both => {
            content.variants.iter().map(|text| json!({ "text": text, "image_prompt": content.image_prompt })).collect()
        }
    };
    let outside = target.placement.filter(|placement| placement.label < 0);
    let nearest = target.placement.and_then(|placement| placement.nearest);
    let (optional, mut inputs): (Vec<_>, Vec<_>) =
        given.into_iter().partition(|name| ["platform", "tone", "num_variants", "n_variants"].contains(&name.as_str()));
    inputs.splice(0..0, target.used);
    let from_cluster = target.persona.traits.iter().filter(|t| !t.values.is_empty());
    let from_cluster = from_cluster.filter(|t| target.customer.values(&t.key).is_empty()).map(|t| t.key.clone());
    Ok(GenerateAnswer {
        status: "ok",
        model_version: version.id.to_string(),
        cluster_id: target.cluster_id,
        cluster_strength: nearest.map(|nearest| nearest.membership),
        nearest_cluster_id: outside.and(nearest).map(|nearest| nearest.cluster_id),
        audience: target.audience,
        persona_summary: target.persona.summary(version.model.schema()),
        fields_used: FieldsUsed {
            from_cluster: from_cluster.collect(),
            from_user_input: inputs,
            optional_inputs: optional,
        },
        persona: target.persona,
        generated_result: result,
        post: content.variants.clone(),
        image_url: None,
        content: serde_json::to_value(WrittenAnswer::new(content))
            .map_err(|e| ApiError::internal("writing an answer", e))?,
    })
}

/// The body as a JSON object. A large one is parsed on a blocking thread.
async fn read_object(state: &AppState, headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, ApiError> {
    let bytes = read_json(headers, body, MAX_BODY_BYTES).await?;
    if bytes.len() <= SMALL_BODY_BYTES {
        return parse_object(&bytes);
    }
    state.on_processor("parsing a body", move || parse_object(&bytes)).await?
}

/// Parses the fields that have a use; a field that is longer than any of them can be is refused, `members` passed over.
fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => ApiError::NotAnObject,
        _ => ApiError::BrokenJson(e),
    })?;
    let (mut object, mut problems) = (Map::new(), Vec::new());
    for (name, value) in raw {
        if name == "members" {
            continue;
        }
        if value.get().len() > MAX_FIELD_BYTES {
            let message = format!("must be at most {} KB long", MAX_FIELD_BYTES >> 10);
            problems.push(FieldProblem { field: name, message, allowed: Vec::new() });
            continue;
        }
        object.insert(name, serde_json::from_str(value.get()).map_err(ApiError::BrokenJson)?);
    }
    if problems.is_empty() { Ok(object) } else { Err(ApiError::Fields(problems)) }
}
