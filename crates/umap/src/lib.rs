#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

// The path of a fit, one file a step:
//
//   params → model → neighbour_search ─┬─ neighbours ── candidate_heap    exact
//                  │                   └─ descent ─┬─── forest            approximate, for many points
//                  → fuzzy_graph ────────────────── reverse            lists the other way round
//                  → start ── spectral                      where the layout begins
//                  → layout ─┬─ matchings ── team, shared_positions       which thread moves what, and who waits
//                            └─ pairs ── kernel, simd                     sampled gradients, both ends of an edge move
//
// A transform (`transform`) finds neighbours in the same way, then moves new rows against a map that stays: eight rows
// at a time (`kernel`), or one (`single_point`), by a `schedule`. `points` holds the data in the layouts that searches
// need, `curve` turns distances into strengths, `random` makes every random number from a seed and a counter.
// `trustworthiness` and `principal` judge and show a finished map.

mod candidate_heap;
mod curve;
mod descent;
mod errors;
mod forest;
mod fuzzy_graph;
mod kernel;
mod layout;
mod limits;
mod linfa_traits;
mod matchings;
mod model;
mod neighbour_search;
mod neighbours;
mod pairs;
mod params;
mod points;
mod principal;
mod random;
mod reverse;
mod schedule;
mod shared_positions;
mod simd;
mod single_point;
mod spectral;
mod start;
mod team;
mod transform;
mod trustworthiness;

pub use errors::{LinfaError, UmapError};
pub use layout::LEAST_POINTS;
pub use limits::MAX_COMPONENTS;
pub use model::{Stage, UmapModel, UmapParts};
pub use neighbour_search::MAX_EXACT;
pub use params::{UmapParams, UmapValidParams};
pub use principal::{PrincipalPlane, principal_plane};
pub use trustworthiness::{MAX_EXAMINED, trustworthiness};
