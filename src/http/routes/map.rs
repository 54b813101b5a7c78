//! `GET /map`: the customers of a training as points of a plane, to be drawn.

use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};

use super::docs::{LookProblems, NotReady};
use crate::http::access::{Right, Sender};
use crate::http::problem::{ApiError, Document};
use crate::http::request::known::{Parameter, read_query};
use crate::http::state::AppState;
use crate::model_store::ModelVersion;
use crate::pipeline::{
    MIN_CUSTOMERS, Mark, Marks, OverviewPoint, TrainedColumn, TrainedProfiles, TraitValue, hundredths,
};
use crate::segmentation::value_schema;

/// Profiles on the map, at most.
pub(super) const MAX_POINTS: usize = 10_000;

/// How long a request waits for its turn to load a version that is not live.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Which version's map.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct MapQuery {
    /// A trained version; without it the live one.
    #[param(example = "20261122T194851Z-2a945ef3")]
    version: Option<String>,
}

/// The profiles of a training in the plane in which its map varies most, one entry a profile in each list. Gaps between
/// segments are shortened by one factor, `gap_share`; within a segment distances are true.
///
/// Without the administrators' key, and unless the customers are the sample's, who are invented, an entry stands for 10
/// customers or more: profiles of one segment that are near each other are one mark at their mean.
#[derive(Serialize, ToSchema)]
#[schema(as = CustomerMap)]
pub(in crate::http) struct MapAnswer {
    /// The version whose map it is.
    #[schema(example = "20261122T194851Z-2a945ef3")]
    version: String,
    /// Entries of each list: at most 10,000, of more profiles a sample by customers.
    #[schema(example = 2684)]
    points: usize,
    /// Distinct profiles of the training.
    #[schema(example = 2684)]
    profiles: usize,
    /// Positions along the direction of the largest variance.
    #[schema(example = json!([-3.214]))]
    x: Vec<f64>,
    /// Positions along the direction of the second largest.
    #[schema(example = json!([1.007]))]
    y: Vec<f64>,
    /// The profile's number in the training, by which an upload's `places` name it; absent where profiles are put
    /// together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([0]))]
    profile: Option<Vec<usize>>,
    /// The segment; null outside every one.
    #[schema(example = json!([2]))]
    segment: Vec<Option<u32>>,
    /// Customers who have this profile, or these.
    #[schema(example = json!([3]))]
    customers: Vec<u64>,
    /// Customers who are not shown: fewer than 10 of a segment, where profiles are put together.
    #[schema(example = 0)]
    customers_left_out: u64,
    /// How strongly the profile belongs to its segment, 0 to 1; two decimals.
    #[schema(example = json!([0.94]))]
    strength: Vec<f64>,
    /// The values of the schema's features. Only where the customers are the sample's, who are invented, or with the
    /// administrators' key, since the values of a rare profile would tell who its customers are.
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<MapColumn>>,
    /// How much of the map's variance the plane holds, 0 to 1.
    #[schema(example = 0.81)]
    variance_share: f64,
    /// How much of the true distance there is between the middles of two segments, 0 to 1.
    #[schema(example = 0.048)]
    gap_share: f64,
}

/// One feature: a dictionary of its values, and for each point a position in it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MapColumn {
    /// The feature's title.
    #[schema(example = "Location")]
    title: String,
    /// Whether the values are numbers to be measured, and not names.
    #[schema(example = false)]
    is_number: bool,
    /// The values, ascending.
    #[schema(schema_with = values_schema)]
    values: Vec<TraitValue>,
    /// For each point the position of its value; null where it has none.
    #[schema(example = json!([1]))]
    codes: Vec<Option<u32>>,
}

/// The customers of a training as points of a plane
///
/// One entry a distinct profile, in columns. Without a map, as a version of another method has none, `points` is 0.
#[utoipa::path(get, path = "/map", tag = "segments", operation_id = "get_map", params(MapQuery),
    responses(
        (status = 200, description = "The map", body = MapAnswer),
        LookProblems, NotReady,
        (status = 404, description = "There is no such version", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 422, description = "The query has a parameter that is not known", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "The version is damaged", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn get_map(
    State(state): State<AppState>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let ready = state.ready()?;
    let live = ready.live.snapshot();
    let query: MapQuery = read_query(&uri, &[Parameter::new("version", "must be the name of a version")])?;
    let wanted = query.version.filter(|version| !version.is_empty());
    let id = match wanted {
        Some(version) => version.parse().map_err(|_| ApiError::NoVersion)?,
        None => live.id.clone(),
    };
    let is_admin = sender.has(Right::Admin);
    if let Some(json) = state.maps().find(&id, is_admin) {
        return Ok(as_json(json));
    }
    let turn = if id == live.id {
        None
    } else {
        Some(tokio::time::timeout(TURN_WITHIN, state.maps().turn()).await.map_err(|_| ApiError::Busy)?)
    };
    // The request before may have made it.
    let json = match state.maps().find(&id, is_admin) {
        Some(json) => json,
        None => {
            let store = ready.store.clone();
            let made = state.on_cpu_pool("drawing a map", move || {
                // Held until the version is gone again, also where the caller has left.
                let _turn = turn;
                let loaded = if id == live.id { None } else { Some(store.load(&id).map_err(ApiError::Model)?) };
                let version = loaded.as_ref().unwrap_or(&live);
                let json = serde_json::to_vec(&MapAnswer::of(version, is_admin));
                Ok::<_, ApiError>((id, Bytes::from(json.map_err(|e| ApiError::internal("writing a map", e))?)))
            });
            let (id, json) = made.await??;
            state.maps().remember(id, is_admin, json.clone());
            json
        }
    };
    Ok(as_json(json))
}

fn as_json(json: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

impl MapAnswer {
    fn of(version: &ModelVersion, is_admin: bool) -> Self {
        let (overview, taken) = version.model.overview(MAX_POINTS);
        let TrainedProfiles { strengths, columns, .. } = TrainedProfiles::of(&version.model);
        let strengths = taken.iter().map(|&profile| strengths.get(profile).copied().unwrap_or_default());
        let strengths: Vec<f64> = strengths.collect();
        let may_tell = is_admin || version.manifest.is_of_the_sample();
        let Marks { marks, left_out } = if may_tell {
            let one = |(point, strength): (&OverviewPoint, f64)| Mark {
                x: point.x,
                y: point.y,
                segment: point.segment,
                customers: point.customers.into(),
                strength,
            };
            Marks { marks: overview.points.iter().zip(strengths).map(one).collect(), left_out: 0 }
        } else {
            Marks::of(&overview.points, &strengths, MIN_CUSTOMERS)
        };
        Self {
            version: version.id.to_string(),
            points: marks.len(),
            profiles: overview.n_profiles,
            x: marks.iter().map(|mark| thousandths(mark.x)).collect(),
            y: marks.iter().map(|mark| thousandths(mark.y)).collect(),
            segment: marks.iter().map(|mark| mark.segment.map(|id| id.get())).collect(),
            customers: marks.iter().map(|mark| mark.customers).collect(),
            customers_left_out: left_out,
            strength: marks.iter().map(|mark| hundredths(mark.strength)).collect(),
            columns: may_tell.then(|| columns.into_iter().map(|column| MapColumn::of(column, &taken)).collect()),
            profile: may_tell.then_some(taken),
            variance_share: overview.variance_share,
            gap_share: overview.gap_share,
        }
    }
}

fn values_schema() -> Array {
    ArrayBuilder::new()
        .items(value_schema())
        .description(Some("The values, ascending."))
        .examples([json!(["Bedok", "Novena"])])
        .build()
}

impl MapColumn {
    fn of(column: TrainedColumn, taken: &[usize]) -> Self {
        let codes = taken.iter().map(|&profile| column.codes.get(profile).copied().flatten()).collect();
        Self { title: column.title, is_number: column.is_number, values: column.values, codes }
    }
}

pub(super) fn thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
