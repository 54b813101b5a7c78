//! What an upload's answer leaves out and takes in by its query: members, and where the customers are on the map.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::map::{MAX_POINTS, thousandths};
use crate::http::request::known::Parameter;
use crate::pipeline::TablePlaces;

/// What the query may have.
pub(in crate::http) const QUERY: [Parameter; 2] = [
    Parameter::new("members", "must be a whole number: 0 leaves members out"),
    Parameter::new("places", "must be 1 or 0: 1 adds places"),
];

/// What the answer is to hold.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct UploadQuery {
    /// At most so many customers are listed in `members`; 0 leaves them out, which is most of an answer. Without it
    /// `MAX_MEMBERS` decides.
    #[param(example = 0)]
    pub members: Option<usize>,
    /// 1: the answer has `places`, where the workbook's customers are on the map of `GET /map`.
    #[param(example = 1)]
    pub places: Option<u8>,
}

/// Where a workbook's customers are on the map, one entry a distinct profile in each list; at most 10,000.
#[derive(Serialize, ToSchema)]
#[schema(as = UploadPlaces)]
pub(in crate::http) struct Places {
    /// The profile's number in the training, as `profile` of `GET /map` has it; null for one that is new since.
    #[schema(example = json!([17]))]
    profile: Vec<Option<u32>>,
    /// Positions in the plane of `GET /map`.
    #[schema(example = json!([-3.214]))]
    x: Vec<f64>,
    /// The same along the plane's other direction.
    #[schema(example = json!([1.007]))]
    y: Vec<f64>,
    /// The segment; null outside every one.
    #[schema(example = json!([2]))]
    segment: Vec<Option<u32>>,
    /// Customers of the workbook who have this profile.
    #[schema(example = json!([3]))]
    customers: Vec<u64>,
}

impl From<TablePlaces> for Places {
    fn from(places: TablePlaces) -> Self {
        let along = |axis: fn(&[f64; 2]) -> f64| -> Vec<f64> {
            places.positions.iter().take(MAX_POINTS).map(|position| thousandths(axis(position))).collect()
        };
        let segments = places.segments.iter().take(MAX_POINTS);
        Self {
            x: along(|&[x, _]| x),
            y: along(|&[_, y]| y),
            segment: segments.map(|segment| segment.map(|id| id.get())).collect(),
            profile: places.profiles.into_iter().take(MAX_POINTS).collect(),
            customers: places.customers.into_iter().take(MAX_POINTS).collect(),
        }
    }
}
