//! `GET /segments`: the segments of the live version, as training found them; `PUT /segments/{id}/extras`: what
//! marketers add to one.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::docs::{BodyProblems, KeyProblems, LookProblems, NotReady};
use super::trained_lift::{ByKey, TrainedLift, in_hundredths, lifts};
use crate::content::{MAX_EXTRA_CHARS, MAX_EXTRA_NAME_CHARS, MAX_EXTRAS, extra_key};
use crate::http::problem::{ApiError, BodyError, Document, FieldProblem};
use crate::http::request::body::{GIVEN_TWICE, read_object};
use crate::http::request::known::NoQuery;
use crate::http::state::{AppState, on_blocking_thread};
use crate::model_store::{ModelStore, ModelVersion};
use crate::pipeline::{DecidedBy, Distinguishing, Segment, SegmentId, TrainedProfiles, TraitCounts, rounded};
use crate::segmentation::persona_schema;

/// The segments of the live version.
#[derive(Serialize, ToSchema)]
#[schema(as = Segments)]
pub(in crate::http) struct SegmentsAnswer {
    /// The version that found them.
    #[schema(example = "20261122T194851Z-2a945ef3")]
    model_version: String,
    /// Whether it was trained on the sample, whose customers are invented.
    #[schema(example = false)]
    trained_on_sample: bool,
    /// Customers of the training.
    #[schema(example = 5000)]
    customers: u64,
    outside: Outside,
    /// The fewest columns that decide the segments; null if the version was trained without this test, or no columns
    /// decide.
    #[schema(required)]
    decided_by: Option<DecidedBy>,
    /// By id.
    segments: Vec<TrainedSegment>,
}

/// The customers outside every segment.
#[derive(Serialize, ToSchema)]
#[schema(as = OutsideSegments)]
pub(in crate::http) struct Outside {
    /// How many there are.
    #[schema(example = 0)]
    customers: u64,
    /// Their share of all customers, 0 to 1.
    #[schema(example = 0.0)]
    share: f64,
}

/// A segment as training found it, with what marketers added.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TrainedSegment {
    /// Its id, the same from one training to the next.
    #[schema(example = 0)]
    cluster_id: u32,
    /// Customers in training.
    #[schema(example = 1269)]
    customers: u64,
    /// Their share of all customers in training, 0 to 1.
    #[schema(example = 0.2538)]
    share: f64,
    /// What they have in common.
    #[schema(schema_with = persona_schema)]
    persona: Map<String, Value>,
    /// What marketers added, by key.
    #[schema(example = json!({"Interests": "running"}))]
    extras: BTreeMap<String, String>,
    /// Identifies the extras as they are now: send it as `If-Match` with a change.
    #[schema(example = "\"3f2a9c0d1e4b5a67\"")]
    extras_etag: String,
    /// What sets these customers apart, in sentences.
    #[schema(example = "Joined October to December (all). Gender, year and tier as everywhere.")]
    persona_summary: String,
    /// What sets these customers apart, and how far it may be said of one of them; null where the version did not test
    /// it.
    #[schema(required)]
    distinguishing: Option<Vec<Distinguishing>>,
    /// The persona's keys of which nothing is said; null where the version did not test it.
    #[schema(required, example = json!(["Top_Gender", "Top_Loyalty_Tier"]))]
    not_distinguishing: Option<Vec<String>>,
    /// Those of them that are as everywhere: no test finds a difference. The others may differ. Null where the version
    /// did not test it.
    #[schema(required, example = json!(["Top_Gender"]))]
    as_everywhere: Option<Vec<String>>,
    /// Its most frequent values beside those of all customers, by persona key; none of fewer than 10 customers, and
    /// none where all others are fewer.
    #[schema(value_type = BTreeMap<String, Vec<TrainedLift>>, example = json!({"Top_Locations": [
        {"value": "Bedok", "share": 0.41, "share_overall": 0.13, "lift": 3.1538}]}))]
    lift: ByKey,
    /// The segment in the version before; null where there was none, or no report says so.
    #[schema(required)]
    before: Option<SizeBefore>,
    /// `kept` where the version before had it, `new` where it had not; null where there was no version before, or
    /// no report says so.
    #[schema(required, example = "kept")]
    fate: Option<&'static str>,
    /// How much of it a training on four fifths of the customers found again, 0 to 1 (Jaccard index); null where that
    /// was not measured.
    #[schema(required, example = 0.93)]
    found_again: Option<f64>,
}

/// The size of a segment in the version before.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SizeBefore {
    /// Customers.
    #[schema(example = 1312)]
    customers: u64,
    /// Their share of that version's customers, 0 to 1.
    #[schema(example = 0.2624)]
    share: f64,
}

/// The segments of the live version
///
/// Each with its size, its persona, what marketers added, how its values compare with those of all customers, and how
/// it has changed since the version before.
#[utoipa::path(get, path = "/segments", tag = "segments", operation_id = "list_segments",
    responses(
        (status = 200, description = "The segments", body = SegmentsAnswer),
        LookProblems, NotReady))]
pub(in crate::http) async fn get_segments(State(state): State<AppState>) -> Result<Json<SegmentsAnswer>, ApiError> {
    let ready = state.ready()?;
    let (version, store) = (ready.live.snapshot(), ready.store.clone());
    let answer = state.on_cpu_pool("describing segments", move || SegmentsAnswer::of(&version, &store)).await?;
    Ok(Json(answer))
}

/// What marketers add to a segment, as it is from now on.
#[derive(Serialize, ToSchema)]
#[schema(as = SegmentExtras)]
pub(in crate::http) struct ExtrasAnswer {
    /// By key.
    #[schema(example = json!({"Interests": "running"}))]
    extras: BTreeMap<String, String>,
    /// What the next change sends as `If-Match`; also in the header `ETag`.
    #[schema(example = "\"3f2a9c0d1e4b5a67\"")]
    etag: String,
}

/// What marketers add to a segment
///
/// The JSON object takes the place of all extras of the segment: up to 20 texts of up to 500 characters by key, such as
/// `{"Interests": "running"}`. All of them are in the next prompt. `Interests`, `Writing_Style` and `Special_Offer`, in
/// any case, have a meaning of their own, and are what the offline writer uses. Every server of the same folder takes
/// them over, and trainings carry them along. `If-Match` names the extras that the caller saw, as `extras_etag` of
/// `GET /segments` has it; `*` stands for any.
#[utoipa::path(put, path = "/segments/{id}/extras", tag = "segments", operation_id = "put_segment_extras",
    params(("id" = u32, Path, example = 0),
        ("If-Match" = String, Header, description = "`extras_etag` as it was seen, or `*`", example = "*")),
    request_body(content = BTreeMap<String, String>, example = json!({"Interests": "running"})),
    responses(
        (status = 200, description = "The new extras are in use", body = ExtrasAnswer),
        BodyProblems, KeyProblems,
        (status = 404, description = "The live version has no such segment", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "The version is damaged; the live one stays", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 412, description = "The extras have changed since", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 428, description = "There is no `If-Match`", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn put_extras(
    State(state): State<AppState>,
    _: NoQuery,
    id: Result<Path<u32>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let Path(id) = id.map_err(|_| ApiError::NoSegment)?;
    let id = SegmentId::new(id);
    let seen = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let seen = seen.ok_or(ApiError::NoIfMatch)?;
    let version = state.ready()?.live.snapshot();
    let segment = version.model.segment(id).ok_or(ApiError::NoSegment)?;
    let keys: Vec<&str> = version.model.schema().features().map(|feature| feature.persona.key.as_str()).collect();
    let body = read_object(&state, &headers, body).await.map_err(|error| match error {
        ApiError::Body(BodyError::NotAnObject) => BodyError::NotExtras.into(),
        other => other,
    })?;
    let extras = checked(body, &keys)?;
    let served = segment.persona.extras.clone();
    let answer = ExtrasAnswer { etag: etag_of(&extras), extras };
    let (changing, entry) = (state.clone(), answer.extras.clone());
    let change = move || {
        let equipment = changing.equipment()?;
        let check = |stored: Option<&BTreeMap<String, String>>| {
            let now = etag_of(stored.unwrap_or(&served));
            // Any of a list will do (RFC 9110, 13.1.1); ours have no comma in them.
            let is_seen = seen.split(',').map(str::trim).any(|one| one == "*" || one == now);
            if is_seen { Ok(()) } else { Err(ApiError::ExtrasChanged) }
        };
        match &equipment.shared {
            None => equipment.store.put_extras(id, entry, check)?,
            Some(shared) => shared.put_extras(id, &entry, check)?,
        }
        equipment.take_over_current().map_err(ApiError::Model)
    };
    on_blocking_thread("adding to a segment", change).await??;
    Ok(([(header::ETAG, answer.etag.clone())], Json(answer)).into_response())
}

/// The entries of a body, each a short text under a key that is no trait's.
fn checked(body: Map<String, Value>, keys: &[&str]) -> Result<BTreeMap<String, String>, ApiError> {
    let mut problems = Vec::new();
    let mut problem = |field: &str, message: String| {
        problems.push(FieldProblem { field: field.to_owned(), message, allowed: Vec::new() });
    };
    if body.len() > MAX_EXTRAS {
        problem("extras", format!("may be at most {MAX_EXTRAS}"));
    }
    let mut extras = BTreeMap::new();
    for (key, value) in body {
        // As it is kept: a name with a blank behind it is that name.
        let name = key.trim();
        match value {
            _ if keys.contains(&name) => problem(&key, "is a trait that training found; take another name".to_owned()),
            _ if name.is_empty() || name.chars().count() > MAX_EXTRA_NAME_CHARS => {
                problem(&key, format!("must have a name of 1 to {MAX_EXTRA_NAME_CHARS} characters"));
            }
            Value::String(text) if text.trim().chars().count() <= MAX_EXTRA_CHARS => {
                if extras.keys().any(|other: &String| extra_key(other) == extra_key(name)) {
                    problem(&key, GIVEN_TWICE.to_owned());
                }
                extras.insert(name.to_owned(), text.trim().to_owned());
            }
            _ => problem(&key, format!("must be a text of at most {MAX_EXTRA_CHARS} characters")),
        }
    }
    if problems.is_empty() { Ok(extras) } else { Err(ApiError::Fields(problems)) }
}

impl SegmentsAnswer {
    fn of(version: &ModelVersion, store: &ModelStore) -> Self {
        let model = &version.model;
        let profiles = TrainedProfiles::of(model);
        let report = store.report(&version.id).unwrap_or_default();
        let before = Before::of(&report);
        let customers = model.everyone().customers;
        let outside = profiles.outside();
        let everyone: Vec<TraitCounts> = profiles.columns.iter().map(|column| profiles.counts(column, None)).collect();
        // The sample's customers are invented.
        let is_exact = version.manifest.is_of_the_sample();
        let distinguishing = |segment: &Segment| {
            let found = &segment.distinction.as_ref()?.distinguishing;
            Some(if is_exact { found.clone() } else { found.iter().map(in_hundredths).collect() })
        };
        let of = |segment: &Segment| {
            let mut persona = segment.persona.clone();
            let extras = std::mem::take(&mut persona.extras);
            let id = segment.cluster_id.get();
            let columns = profiles.columns.iter().zip(&everyone).filter(|(column, _)| !column.is_number);
            let lifts = columns.map(|(column, everyone)| {
                (column.key.clone(), lifts(&profiles.counts(column, Some(segment.cluster_id)), everyone, is_exact))
            });
            TrainedSegment {
                cluster_id: id,
                customers: segment.customers,
                share: segment.share,
                persona_summary: segment.summary().to_owned(),
                distinguishing: distinguishing(segment),
                not_distinguishing: segment.distinction.as_ref().map(|d| d.not_distinguishing.clone()),
                as_everywhere: segment.distinction.as_ref().map(|d| d.as_everywhere.clone()),
                persona: persona.to_json(),
                extras_etag: etag_of(&extras),
                extras,
                lift: ByKey(lifts.collect()),
                before: before.as_ref().and_then(|before| before.size(id)),
                fate: before.as_ref().map(|before| if before.kept.contains_key(&id) { "kept" } else { "new" }),
                found_again: found_again(&report, id),
            }
        };
        Self {
            model_version: version.id.to_string(),
            trained_on_sample: version.manifest.is_of_the_sample(),
            customers,
            decided_by: version.manifest.scores.decided_by.clone(),
            outside: Outside { customers: outside, share: rounded(outside as f64 / customers.max(1) as f64) },
            segments: model.segments().iter().map(of).collect(),
        }
    }
}

/// How stable a segment is by the version's own report.
fn found_again(report: &Value, id: u32) -> Option<f64> {
    let measured = report.pointer("/refit/stability")?.as_array()?;
    let own = measured.iter().find(|of| of.get("cluster_id").and_then(Value::as_u64) == Some(id.into()))?;
    own.get("jaccard")?.as_f64().map(rounded)
}

/// What the version's own report says of the one before it.
struct Before {
    customers: f64,
    kept: BTreeMap<u32, u64>,
}

impl Before {
    /// `None` where there was no version before, or no report says so.
    fn of(report: &Value) -> Option<Self> {
        let customers = report.pointer("/live/scores/rows")?.as_f64()?;
        let kept = report.pointer("/matching/kept")?.as_array()?.iter().filter_map(|kept| {
            let id = u32::try_from(kept.get("cluster_id")?.as_u64()?).ok()?;
            Some((id, kept.get("customers_before")?.as_u64()?))
        });
        Some(Self { customers, kept: kept.collect() })
    }

    fn size(&self, id: u32) -> Option<SizeBefore> {
        let customers = *self.kept.get(&id)?;
        Some(SizeBefore { customers, share: rounded(customers as f64 / self.customers.max(1.0)) })
    }
}

/// A name of the extras as they are: the same entries have the same one.
pub(super) fn etag_of(extras: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for text in extras.iter().flat_map(|(key, text)| [key, text]) {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    let digits: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}
