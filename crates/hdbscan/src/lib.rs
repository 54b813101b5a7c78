#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

// The path of a fit, one file a step, each named by the term of the papers:
//
//   params → model ─┬─ spanning_tree ─┬─ core_distances, distances   all pairs, for few points
//                   │                 └─ boruvka ─── other_cluster   for many: both search `kd_tree`
//                   │                        └────── neighbours
//                   ├─ single_linkage → condensed_tree → selection
//                   └─ outliers
//
// A new point is placed among the training points (`place_index`, `placement`), which yields its label (`predict`) and
// its membership in every cluster (`membership`). `parts` stores and checks a model, `adopted` takes over another
// implementation's. `silhouette`, `validity` and `agreement` score labels and know nothing of models.

mod adopted;
mod agreement;
mod boruvka;
mod condensed_tree;
mod core_distances;
mod distances;
mod edge;
mod errors;
mod kd_tree;
mod limits;
mod linfa_traits;
mod membership;
mod model;
mod neighbours;
mod other_cluster;
mod outliers;
mod params;
mod parts;
mod place_index;
mod placement;
mod predict;
mod selection;
mod silhouette;
mod single_linkage;
mod single_precision;
mod spanning_tree;
mod validity;

pub use adopted::AdoptedClusters;
pub use agreement::adjusted_rand_index;
pub use condensed_tree::{CondensedRow, CondensedTree};
pub use errors::{Damage, HdbscanError, LinfaError};
pub use membership::NearestCluster;
pub use model::{HdbscanModel, Stage};
pub use params::{ClusterSelection, HdbscanParams, HdbscanValidParams, MinClusterSize, ParseMinClusterSizeError};
pub use parts::HdbscanParts;
pub use placement::PredictionRule;
pub use predict::Prediction;
pub use selection::Cluster;
pub use silhouette::{Silhouette, SilhouetteError, silhouette};
pub use validity::dbcv;
