//! The errors of parameters, points and stored models.

use thiserror::Error;

use super::limits::{MAX_COMPONENTS, MAX_EPOCHS, MAX_NEGATIVE_SAMPLE_RATE, MAX_POINTS};

/// Why a fit, a transform or a restored model was refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum UmapError {
    /// A neighbourhood is the point itself and at least one other.
    #[error("n_neighbors must be at least 2, not {0}")]
    TooFewNeighbors(usize),
    /// The layout is compiled for 1 to [`MAX_COMPONENTS`] dimensions.
    #[error("n_components must be 1 to {MAX_COMPONENTS}, not {found}")]
    ComponentsOutOfRange {
        /// The dimensions asked for.
        found: usize,
    },
    /// The scale of distances in the embedding is above 0.
    #[error("spread must be a positive number, not {0}")]
    SpreadNotPositive(f32),
    /// `min_dist` is at most the spread.
    #[error("min_dist must be 0 to spread ({spread}), not {min_dist}")]
    MinDistOutOfRange {
        /// The smallest distance asked for.
        min_dist: f32,
        /// The spread it must not exceed.
        spread: f32,
    },
    /// Without an epoch the start would stay as it is; with too many a fit would never return.
    #[error("n_epochs must be 1 to {MAX_EPOCHS}, not {0}")]
    EpochsOutOfRange(usize),
    /// The length of the first steps is above 0.
    #[error("learning_rate must be a positive number, not {0}")]
    LearningRateNotPositive(f32),
    /// With more samples the layout would be mostly repulsion.
    #[error("negative_sample_rate must be at most {MAX_NEGATIVE_SAMPLE_RATE}, not {0}")]
    NegativeSampleRateTooHigh(usize),
    /// The weight of repulsion is not negative.
    #[error("repulsion_strength must be 0 or a positive number, not {0}")]
    RepulsionStrengthNegative(f32),
    /// A number of neighbours is not negative; it need not be whole.
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
    /// A single point has no neighbour.
    #[error("at least 2 points are needed, not {0}")]
    TooFewPoints(usize),
    /// Points are numbered with 24 bits.
    #[error("at most {MAX_POINTS} points can be embedded, not {0}")]
    TooManyPoints(usize),
    /// Points without coordinates have no distances.
    #[error("points have no features")]
    NoFeatures,
    /// NaN or an infinity among the coordinates.
    #[error("row {row}, column {column} is not a finite number")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
    },
    /// New rows must have as many columns as the training points.
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
    /// An error that a generic function of linfa returns through this type.
    #[error(transparent)]
    Linfa(LinfaError),
}

/// linfa's own error. [`linfa::traits::Fit`] asks for a conversion from it; nothing in this crate makes one.
#[derive(Clone, Debug, Error)]
#[error(transparent)]
pub struct LinfaError(#[from] linfa::Error);

/// Compares the texts, because linfa's error has no equality.
impl PartialEq for LinfaError {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl From<linfa::Error> for UmapError {
    fn from(error: linfa::Error) -> Self {
        Self::Linfa(error.into())
    }
}
