//! What the trait test finds.

use super::statistics::Cell;
use super::{Claim, TraitValue};

/// The least lift.
pub(super) const MIN_LIFT: f64 = 1.25;

/// A value that is tellable.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its subject's position among `Subject::all`.
    pub subject: usize,
    pub value: TraitValue,
    pub cell: Cell,
    pub claim: Claim,
}
