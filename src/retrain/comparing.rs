//! Ways to train, compared on the customers of a retraining.

use std::time::Instant;

use super::{Progress, RetrainError, RetrainRequest, collect};
use crate::customer::CustomerTable;
use crate::pipeline::{Comparison, FitParams, compare as compare_ways};

/// Compares ways to train on the base data and the waiting uploads. Nothing is published or moved.
///
/// # Errors
/// [`RetrainError::Unlistable`], [`RetrainError::Upload`], [`RetrainError::Reader`] and [`RetrainError::Fit`].
pub fn compare(request: &RetrainRequest<'_>, progress: &(dyn Fn(Progress) + Sync)) -> Result<Comparison, RetrainError> {
    let collected = collect::collect(request, progress)?;
    compare_table(&collected.table, request.params, 0.95, progress)
}

/// Compares ways to train on `table`; `share` is how much of the whole that is.
pub(super) fn compare_table(
    table: &CustomerTable,
    params: &FitParams,
    share: f32,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Comparison, RetrainError> {
    let started = Instant::now();
    let show = |done: f32| {
        let took_s = started.elapsed().as_secs_f32();
        let seconds_left = (done > 0.0).then(|| (took_s * (1.0 - done) / done) as u32);
        progress(Progress::comparing(share * done, seconds_left));
    };
    Ok(compare_ways(table, params, &show)?)
}
