//! What can be wrong with parameters, points or the stored parts of a model.

use thiserror::Error;

/// Why a fit, a transform or a restored model was refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum UmapError {
    /// A neighbourhood needs the point itself and one other.
    #[error("n_neighbors must be at least 2, not {0}")]
    TooFewNeighbors(usize),
    /// The layout is compiled for 1 to [`MAX_COMPONENTS`](super::MAX_COMPONENTS) dimensions.
    #[error("n_components must be 1 to {max}, not {found}", max = super::MAX_COMPONENTS)]
    ComponentsOutOfRange {
        /// The dimensions asked for.
        found: usize,
    },
    /// Distances in the embedding have a scale above 0.
    #[error("spread must be a positive number, not {0}")]
    SpreadNotPositive(f32),
    /// `min_dist` is a distance within the spread.
    #[error("min_dist must be 0 to spread ({spread}), not {min_dist}")]
    MinDistOutOfRange {
        /// The smallest distance asked for.
        min_dist: f32,
        /// The spread it must not exceed.
        spread: f32,
    },
    /// No epoch would leave the spectral start untouched; endless ones would never return.
    #[error("n_epochs must be 1 to {max}, not {0}", max = super::params::MAX_EPOCHS)]
    EpochsOutOfRange(usize),
    /// The first step's length.
    #[error("learning_rate must be a positive number, not {0}")]
    LearningRateNotPositive(f32),
    /// Beyond this the layout would be nothing but repulsion.
    #[error("negative_sample_rate must be at most {max}, not {0}", max = super::params::MAX_NEGATIVE_SAMPLE_RATE)]
    NegativeSampleRateTooHigh(usize),
    /// The weight of repulsion against attraction.
    #[error("repulsion_strength must be 0 or a positive number, not {0}")]
    RepulsionStrengthNegative(f32),
    /// A number of neighbours, whole or not.
    #[error("local_connectivity must be 0 or a positive number, not {0}")]
    LocalConnectivityNegative(f32),
    /// A share between intersection (0) and union (1).
    #[error("set_op_mix_ratio must be 0 to 1, not {0}")]
    SetOpMixRatioOutOfRange(f32),
    /// No curve `1 / (1 + a d^2b)` with usable `a` and `b` follows this `min_dist` and `spread`.
    #[error("no curve fits min_dist {min_dist} and spread {spread}")]
    NoCurve {
        /// The smallest distance asked for.
        min_dist: f32,
        /// The spread asked for.
        spread: f32,
    },
    /// One point has no neighbour.
    #[error("at least 2 points are needed, not {0}")]
    TooFewPoints(usize),
    /// Points are numbered in 24 bits.
    #[error("at most {max} points can be embedded, not {0}", max = super::params::MAX_POINTS)]
    TooManyPoints(usize),
    /// Points without coordinates.
    #[error("points have no features")]
    NoFeatures,
    /// A coordinate that is NaN or infinite.
    #[error("row {row}, column {column} is not a finite number")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
    },
    /// Rows for `transform` with another number of columns than the training points.
    #[error("rows have {found} features, the model was fitted on {expected}")]
    WrongFeatures {
        /// The training points' columns.
        expected: usize,
        /// The new rows' columns.
        found: usize,
    },
    /// The steps were so long that positions left the range of `f32`.
    #[error("the layout diverged: learning_rate or repulsion_strength is too high")]
    Diverged,
    /// Stored points and stored embedding do not belong together.
    #[error("{points} stored points with {rows} x {columns} positions, expected {points} x {n_components}")]
    WrongEmbeddingShape {
        /// Stored training points.
        points: usize,
        /// Rows of the stored embedding.
        rows: usize,
        /// Columns of the stored embedding.
        columns: usize,
        /// Dimensions according to the stored parameters.
        n_components: usize,
    },
    /// A stored position that is NaN or infinite.
    #[error("position {row}, dimension {column} of the stored embedding is not a finite number")]
    EmbeddingNotFinite {
        /// The row, from 0.
        row: usize,
        /// The dimension, from 0.
        column: usize,
    },
    /// A stored curve that no fit could have made.
    #[error("the stored curve a = {a}, b = {b} is not a pair of positive numbers")]
    BadCurve {
        /// The stored `a`.
        a: f32,
        /// The stored `b`.
        b: f32,
    },
}
