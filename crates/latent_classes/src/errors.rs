//! The errors of parameters, rows, predictions and stored models.

use thiserror::Error;

use super::limits::{MAX_CLASSES, MAX_CODE, MAX_VALUES};

/// Why a fit, a prediction or a stored model was refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LatentClassError {
    /// The numbers of classes that are tried are no range within the limits.
    #[error("the numbers of classes must rise from at least 1 to at most {MAX_CLASSES}, not from {min} to {max}")]
    ClassRange {
        /// The least number of classes.
        min: usize,
        /// The largest.
        max: usize,
    },
    /// There must be a start to climb from.
    #[error("the number of starts must be at least 1")]
    NoStarts,
    /// There must be a step to take.
    #[error("max_iterations must be at least 1")]
    NoIterations,
    /// The prior is a weight.
    #[error("the prior must be a finite weight of 0 or more, not {0}")]
    Prior(f64),
    /// The tolerance is a gain in log-likelihood.
    #[error("the tolerance must be a finite number of 0 or more, not {0}")]
    Tolerance(f64),
    /// Nothing to fit.
    #[error("there are no rows")]
    NoRows,
    /// Rows without columns are all the same.
    #[error("the rows have no columns")]
    NoColumns,
    /// Codes number the values of a column.
    #[error("row {row}, column {column} has the code {code}; the largest is {MAX_CODE}")]
    CodeTooLarge {
        /// Row of the first such code.
        row: usize,
        /// Its column.
        column: usize,
        /// The code.
        code: u32,
    },
    /// Each value of each class is a number in memory.
    #[error("the columns have {0} values together; the most is {MAX_VALUES}")]
    TooManyValues(usize),
    /// Every row needs one weight.
    #[error("{rows} rows came with {weights} weights")]
    WeightsLength {
        /// Rows given.
        rows: usize,
        /// Weights given.
        weights: usize,
    },
    /// A row of weight 0 is no row.
    #[error("row {0} has weight 0")]
    ZeroWeight(usize),
    /// Weights count copies of a row. Those of a linfa dataset are floating point numbers.
    #[error("row {row} has weight {weight}, which is not a whole number from 1 to 4294967295")]
    WeightNotWhole {
        /// The first such row.
        row: usize,
        /// Its weight.
        weight: f32,
    },
    /// New rows must have as many columns as the training rows.
    #[error("the model was fitted on {expected} columns, the new rows have {actual}")]
    ColumnCount {
        /// Columns of a training row.
        expected: usize,
        /// Columns of a new row.
        actual: usize,
    },
    /// Stored parts that no fit could have written.
    #[error("the stored classes are damaged")]
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

impl From<linfa::Error> for LatentClassError {
    fn from(error: linfa::Error) -> Self {
        Self::Linfa(error.into())
    }
}

/// What is wrong with stored parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// There are 1 to 64 classes.
    #[error("the number of classes is 0 or more than {MAX_CLASSES}")]
    ClassCount,
    /// Class sizes are shares that sum to 1, largest first.
    #[error("the sizes of the classes are not shares of 1, largest first")]
    Sizes,
    /// There is one share for each class and value.
    #[error("the shares have not one row a class and one column a value")]
    Shape,
    /// A share is between 0 and 1, and those of one column and class sum to 1.
    #[error("the shares of class {class} in column {column} are not shares of 1")]
    Shares {
        /// The class.
        class: usize,
        /// The column.
        column: usize,
    },
    /// The record of the numbers of classes that were tried.
    #[error("the numbers of classes that were tried are not ascending, finite and with the chosen one among them")]
    Candidates,
    /// Edges of bins ascend.
    #[error("the edges of the bins are not finite and ascending")]
    Edges,
}
