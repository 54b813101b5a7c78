//! The two methods that find segments, behind one door: a map and its clusters, or latent classes.

mod latent;

use hdbscan::{HdbscanModel, HdbscanParts};
use ndarray::{Array2, ArrayView2};
use umap::{UmapModel, UmapParts};

use super::DamagedModel;
use super::encoder::Encoder;
use crate::customer::Schema;

pub use latent::LatentParts;
pub(super) use latent::{Found as FoundClasses, LatentClasses};

/// What a method learned, as plain data.
#[derive(Debug, Clone)]
pub enum GroupingParts {
    /// A map and its clusters.
    Map {
        /// The map: encoded training profiles, `(n_profiles, n_features)`, and their places. Where a profile is there
        /// more than once, the first of its places is its own, and the others are neighbours to unseen profiles alone.
        umap: Box<UmapParts>,
        /// The clusters of the places.
        hdbscan: Box<HdbscanParts>,
    },
    /// Latent classes of the training profiles.
    Latent(Box<LatentParts>),
}

/// What a method learned.
#[derive(Debug)]
pub(super) enum Grouping {
    Map(Box<MapClusters>),
    Latent(Box<LatentClasses>),
}

/// A map of the training profiles, and the clusters of their places.
#[derive(Debug)]
pub(super) struct MapClusters {
    pub umap: UmapModel,
    pub hdbscan: HdbscanModel,
}

impl Grouping {
    /// What was stored, if its parts fit one another and the encoder.
    pub fn from_parts(parts: GroupingParts, encoder: &Encoder, schema: &Schema) -> Result<Self, DamagedModel> {
        match parts {
            GroupingParts::Map { umap, hdbscan } => {
                if umap.points.ncols() != encoder.n_features() {
                    return Err(DamagedModel::rule("umap", "has not the encoder's number of features"));
                }
                if umap.embedding.dim() != hdbscan.points.dim() {
                    return Err(DamagedModel::rule("hdbscan", "has not the map's shape"));
                }
                let umap = UmapModel::from_parts(*umap).map_err(|e| DamagedModel::part("umap", e))?;
                let hdbscan = HdbscanModel::from_parts(*hdbscan).map_err(|e| DamagedModel::part("hdbscan", e))?;
                Ok(Self::Map(Box::new(MapClusters { umap, hdbscan })))
            }
            GroupingParts::Latent(parts) => {
                Ok(Self::Latent(Box::new(LatentClasses::from_parts(*parts, encoder, schema)?)))
            }
        }
    }

    pub fn to_parts(&self) -> GroupingParts {
        match self {
            Self::Map(map) => {
                GroupingParts::Map { umap: Box::new(map.umap.to_parts()), hdbscan: Box::new(map.hdbscan.to_parts()) }
            }
            Self::Latent(latent) => GroupingParts::Latent(Box::new(latent.to_parts())),
        }
    }

    /// The encoded training profiles, `(n_profiles, n_features)`.
    pub fn points(&self) -> ArrayView2<'_, f32> {
        match self {
            Self::Map(map) => map.umap.points(),
            Self::Latent(latent) => latent.points(),
        }
    }

    /// How many segments there are.
    pub fn n_segments(&self) -> usize {
        match self {
            Self::Map(map) => map.hdbscan.n_clusters(),
            Self::Latent(latent) => latent.n_classes(),
        }
    }

    /// The label of each training profile, −1 outside every cluster.
    pub fn labels(&self) -> &[i32] {
        match self {
            Self::Map(map) => map.hdbscan.labels(),
            Self::Latent(latent) => latent.labels(),
        }
    }

    /// How strongly each training profile belongs to its segment.
    pub fn strengths(&self) -> &[f64] {
        match self {
            Self::Map(map) => map.hdbscan.probabilities(),
            Self::Latent(latent) => latent.strengths(),
        }
    }

    /// How many training customers have this training profile.
    pub fn customers_of(&self, profile: usize) -> u64 {
        match self {
            Self::Map(map) => map.hdbscan.condensed_tree().weight_of(profile),
            Self::Latent(latent) => latent.customers_of(profile),
        }
    }

    /// Where the training's profiles are on the map, `(n_profiles, n_components)`, if there is one.
    pub fn places(&self) -> Option<ArrayView2<'_, f32>> {
        match self {
            Self::Map(map) => Some(map.umap.embedding()),
            Self::Latent(_) => None,
        }
    }
}

impl GroupingParts {
    /// The encoded training profiles, `(n_profiles, n_features)`.
    pub fn points(&self) -> &Array2<f32> {
        match self {
            Self::Map { umap, .. } => &umap.points,
            Self::Latent(latent) => &latent.points,
        }
    }
}
