//! What can go wrong while training, loading and placing.

use hdbscan::HdbscanError;
use latent_classes::LatentClassError;
use umap::UmapError;

/// Why a fit yields no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// Too little variety to speak of segments.
    #[error("too few distinct customer profiles to find segments in: {found}, and {needed} are needed")]
    TooFewProfiles {
        /// Distinct profiles in the data.
        found: usize,
        /// Distinct profiles a fit needs.
        needed: usize,
    },
    /// A category has so many values that it is none.
    #[error("the categories have {n_features} values together, more than {limit}: is one of them no category?")]
    TooManyFeatures {
        /// Columns that the data would be encoded into.
        n_features: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The settings of columns do not fit the schema.
    #[error("the training's columns cannot be set so: {0}")]
    Columns(String),
    /// One profile has more customers than can be counted.
    #[error("{customers} customers are all alike to the model, more than 4 billion")]
    TooManyCustomers {
        /// Customers of that profile.
        customers: u64,
    },
    /// The map could not be made.
    #[error("the map of the profiles could not be made")]
    Map(#[source] UmapError),
    /// The clusters could not be found.
    #[error("the clusters of the map could not be found")]
    Cluster(#[source] HdbscanError),
    /// The latent classes could not be found.
    #[error("the latent classes of the profiles could not be found")]
    Classes(#[source] LatentClassError),
    /// The learned parts do not fit one another.
    #[error("the learned parts do not make a model")]
    Model(#[source] DamagedModel),
    /// The model cannot place its own customers.
    #[error("the model cannot place the customers that it was trained on")]
    Place(#[source] AssignError),
}

/// Why customers could not be placed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssignError {
    /// The table was read by another schema than the model's.
    #[error("the customers were read by another schema than the model's")]
    OtherSchema,
    /// A new profile could not be put on the map.
    #[error("a new profile could not be put on the map")]
    Map(#[source] UmapError),
    /// A place on the map could not be given to a cluster.
    #[error("a place on the map could not be given to a cluster")]
    Cluster(#[source] HdbscanError),
    /// A profile could not be given to a class.
    #[error("a profile could not be given to a class")]
    Classes(#[source] LatentClassError),
    /// The map or the clusters answered for fewer profiles than they were asked for.
    #[error("some profiles were given no place")]
    Incomplete,
}

/// Which part of a stored model is wrong, and how.
#[derive(Debug, thiserror::Error)]
#[error("the model's {part} {rule}")]
pub struct DamagedModel {
    /// The part, such as `umap`.
    pub part: &'static str,
    rule: &'static str,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl DamagedModel {
    pub(super) fn rule(part: &'static str, rule: &'static str) -> Self {
        Self { part, rule, source: None }
    }

    pub(super) fn part(part: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { part, rule: "breaks its own rules", source: Some(Box::new(source)) }
    }
}
