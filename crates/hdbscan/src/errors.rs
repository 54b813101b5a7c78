//! The errors of parameters, points, predictions and stored models.

use thiserror::Error;

use super::limits::{MAX_COORDINATE, MAX_POINTS};

/// Why a fit, a prediction or a stored model was refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum HdbscanError {
    /// A cluster needs a weight of at least 2.
    #[error("min_cluster_size must be at least 2, not {0}")]
    MinClusterSizeTooSmall(u64),
    /// A share lies above 0 and is at most 1.
    #[error("min_cluster_size as a share must be above 0% and at most 100%, not {}%", .0 * 100.0)]
    MinClusterShareOutOfRange(f64),
    /// The core distance is the distance to the `min_samples`-th nearest other point.
    #[error("min_samples must be at least 1")]
    MinSamplesZero,
    /// Fewer than two points have no distances between them.
    #[error("clustering needs at least 2 points, not {0}")]
    TooFewPoints(usize),
    /// Nodes of the tree are numbered with 32 bits.
    #[error("clustering takes at most {MAX_POINTS} points, not {points}")]
    TooManyPoints {
        /// Rows given.
        points: usize,
    },
    /// Points without coordinates have no distances.
    #[error("the points have no coordinates")]
    NoFeatures,
    /// NaN or an infinity among the coordinates.
    #[error("row {row}, column {column} is not a finite number")]
    NonFinite {
        /// Row of the first such coordinate.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// The square of a distance could overflow.
    #[error("row {row}, column {column} is beyond ±{MAX_COORDINATE:e}")]
    CoordinateTooLarge {
        /// Row of the first such coordinate.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// Every point needs one weight, and one label where labels are scored.
    #[error("{points} points came with {weights} weights or labels")]
    WeightsLength {
        /// Rows given.
        points: usize,
        /// Weights or labels given.
        weights: usize,
    },
    /// A point of weight 0 is no point.
    #[error("point {0} has weight 0")]
    ZeroWeight(usize),
    /// Weights count copies of a point. Those of a linfa dataset are floating point numbers.
    #[error("point {point} has weight {weight}, which is not a whole number from 1 to 4294967295")]
    WeightNotWhole {
        /// The first such point.
        point: usize,
        /// Its weight.
        weight: f32,
    },
    /// New points must have as many coordinates as the training points.
    #[error("the model was fitted on {expected} coordinates, the new points have {actual}")]
    FeatureCount {
        /// Coordinates of a training point.
        expected: usize,
        /// Coordinates of a new point.
        actual: usize,
    },
    /// Stored parts that no fit could have written.
    #[error("the stored clusters are damaged")]
    Damaged(#[from] Damage),
    /// An error that a generic function of linfa returns through this type.
    #[error(transparent)]
    Linfa(LinfaError),
}

/// linfa's own error. [`linfa::traits::Fit`] asks for a conversion from it; nothing in this crate makes one.
#[derive(Debug, Clone, Error)]
#[error(transparent)]
pub struct LinfaError(#[from] linfa::Error);

/// Compares the texts, because linfa's error has no equality.
impl PartialEq for LinfaError {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl From<linfa::Error> for HdbscanError {
    fn from(error: linfa::Error) -> Self {
        Self::Linfa(error.into())
    }
}

/// What is wrong with stored parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Damage {
    /// The columns of the condensed tree differ in length.
    #[error("the columns of the condensed tree differ in length")]
    RaggedTree,
    /// Every point has one core distance.
    #[error("the number of core distances is not the number of points")]
    CoreDistanceCount,
    /// Core distances are finite and not negative.
    #[error("core distance {0} is negative, too large or not a number")]
    CoreDistance(usize),
    /// A parent is a node of the tree.
    #[error("the parent in row {0} of the condensed tree is not a cluster node")]
    Parent(usize),
    /// A child is a point or a node numbered above its parent.
    #[error("the child in row {0} of the condensed tree is out of range or not below its parent")]
    Child(usize),
    /// Every point and every node but the root is a child exactly once.
    #[error("node {0} is missing from the condensed tree or in it twice")]
    NotOnce(usize),
    /// Every node has children.
    #[error("cluster node {0} has no rows")]
    EmptyNode(usize),
    /// Rows are in order of parent, density, child.
    #[error("row {0} of the condensed tree is out of order")]
    Order(usize),
    /// Densities are finite, positive and grow downwards.
    #[error("the density in row {0} of the condensed tree is not finite, positive and above its node's birth")]
    Lambda(usize),
    /// Sizes are positive, and a node's is the sum of its rows.
    #[error("the size in row {0} of the condensed tree does not add up")]
    Size(usize),
    /// Chosen nodes are cluster nodes, ascending, none inside another.
    #[error("the chosen clusters are not distinct, ascending and disjoint nodes of the tree")]
    Selected,
    /// Each cluster's points are those below its node.
    #[error("the condensed tree does not give point {0} the label it came with")]
    Label(usize),
    /// The effective smallest cluster is at least 2.
    #[error("min_cluster_size is below 2")]
    MinClusterSize,
}
