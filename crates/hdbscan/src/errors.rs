//! Everything a fit, a prediction or a stored model can be refused for.

use thiserror::Error;

/// Why clustering, predicting or reading a stored model was refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum HdbscanError {
    /// A cluster of fewer than two customers is no group.
    #[error("min_cluster_size must be at least 2, not {0}")]
    MinClusterSizeTooSmall(u64),
    /// A share is more than nothing and at most everyone.
    #[error("min_cluster_size as a share must be above 0% and at most 100%, not {}%", .0 * 100.0)]
    MinClusterShareOutOfRange(f64),
    /// The core distance is the distance to the `min_samples`-th nearest other profile.
    #[error("min_samples must be at least 1")]
    MinSamplesZero,
    /// There is nothing to cluster below two profiles.
    #[error("clustering needs at least 2 profiles, not {0}")]
    TooFewPoints(usize),
    /// Tree nodes are numbered with 32 bits, two for each profile at most.
    #[error("clustering takes at most {limit} profiles, not {points}", limit = super::MAX_POINTS)]
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
    /// The square of a distance would overflow.
    #[error("row {row}, column {column} is beyond ±{limit:e}", limit = super::MAX_COORDINATE)]
    CoordinateTooLarge {
        /// Row of the first such coordinate.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// One weight belongs to each profile.
    #[error("{points} profiles came with {weights} weights")]
    WeightsLength {
        /// Rows given.
        points: usize,
        /// Weights given.
        weights: usize,
    },
    /// A profile that stands for nobody.
    #[error("profile {0} stands for no customer")]
    ZeroWeight(usize),
    /// New points must live in the space the model was fitted in.
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
}

/// What is wrong with stored parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Damage {
    /// The columns of the condensed tree differ in length.
    #[error("the columns of the condensed tree differ in length")]
    RaggedTree,
    /// Not one core distance a point.
    #[error("the number of core distances is not the number of points")]
    CoreDistanceCount,
    /// Core distances are finite and not negative.
    #[error("core distance {0} is negative, too large or not a number")]
    CoreDistance(usize),
    /// A parent is a node of the tree.
    #[error("row {0} of the condensed tree hangs from no cluster node")]
    Parent(usize),
    /// A child is a point or a node numbered above its parent.
    #[error("the child in row {0} of the condensed tree is out of range or not below its parent")]
    Child(usize),
    /// Every point and every node but the root is a child exactly once.
    #[error("node {0} is missing from the condensed tree or in it twice")]
    NotOnce(usize),
    /// Every node holds something.
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
