//! Density-based clustering of weighted points: HDBSCAN\*.
//!
//! From the papers: Campello, Moulavi, Sander, "Density-Based Clustering Based on Hierarchical Density
//! Estimates" (2013); Campello, Moulavi, Zimek, Sander, "Hierarchical Density Estimates for Data Clustering,
//! Visualization, and Outlier Detection" (2015); McInnes, Healy, "Accelerated Hierarchical Density Based
//! Clustering" (2017); March, Ram, Gray, "Fast Euclidean Minimum Spanning Tree" (2010). [`HdbscanParams`] are checked into [`HdbscanValidParams`], whose `fit` yields an
//! [`HdbscanModel`], which labels new points.
//!
//! A fit sorts the points into a k-d tree (`kd_tree`), lists each one's neighbours (`neighbours`), grows the spanning tree
//! from the lists and from searches for what they leave open (`boruvka`, `other_cluster`), and reads the clusters off it
//! (`single_linkage`, `condensed_tree`, `selection`). A new point is placed by such a tree, too (`place_index`).
//!
//! Core distances count points, sizes count weight. Everything is deterministic: neither the number of
//! threads nor the order among equal distances changes a result.
//!
//! No I/O, no clock, no randomness but a seeded draw for the silhouette of very many points.
//!

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
mod spanning_tree;
mod validity;

pub use adopted::AdoptedClusters;
pub use agreement::adjusted_rand_index;
pub use condensed_tree::{CondensedRow, CondensedTree};
pub use errors::{Damage, HdbscanError};
pub use membership::NearestCluster;
pub use model::HdbscanModel;
pub use params::{HdbscanParams, HdbscanValidParams, MinClusterSize, ParseMinClusterSizeError};
pub use parts::HdbscanParts;
pub use placement::PredictionRule;
pub use predict::Prediction;
pub use selection::Cluster;
pub use silhouette::{Silhouette, SilhouetteError, silhouette};
pub use validity::dbcv;
