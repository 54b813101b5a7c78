//! Ways to train, compared on the customers of a retraining.

use std::time::Instant;

use super::{Progress, RetrainError, RetrainRequest, collect, reach};
use crate::customer::CustomerTable;
use crate::model_store::ModelVersion;
use crate::pipeline::{Comparison, FitError, FitParams, compare as compare_ways};

/// Compares ways to train on the base data and the waiting uploads. Nothing is published or moved.
///
/// # Errors
/// [`RetrainError::Unlistable`], [`RetrainError::Upload`], [`RetrainError::Reader`], [`RetrainError::Fit`] and
/// [`RetrainError::ComparisonTooLarge`].
pub fn compare(request: &RetrainRequest<'_>, progress: &(dyn Fn(Progress) + Sync)) -> Result<Comparison, RetrainError> {
    let collected = collect::collect(request, None, progress)?;
    compare_table(&collected.table, request.params, 0.95, progress)
}

/// Compares ways to train on `table`; `share` is how much of the whole that is.
fn compare_table(
    table: &CustomerTable,
    params: &FitParams,
    share: f32,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Comparison, RetrainError> {
    reach::check_comparison(table, params)?;
    let started = Instant::now();
    let show = |done: f32| {
        let took_s = started.elapsed().as_secs_f32();
        let seconds_left = (done > 0.0).then(|| (took_s * (1.0 - done) / done) as u32);
        progress(Progress::comparing(share * done, seconds_left));
    };
    Ok(compare_ways(table, params, &show)?)
}

/// The parameters of the fit, and the comparison that they come from, if one was asked for.
///
/// # Errors
/// [`RetrainError::Fit`] and [`RetrainError::ComparisonTooLarge`].
pub(super) fn choose_params(
    request: &RetrainRequest<'_>,
    table: &CustomerTable,
    live: Option<&ModelVersion>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(FitParams, Option<Comparison>), RetrainError> {
    let comparison = match request.compare_first {
        true => Some(compare_table(table, request.params, 0.05, progress)?),
        false => None,
    };
    let params = match comparison.as_ref().and_then(Comparison::best) {
        Some(best) => best.settings.applied(request.params)?,
        None => request.params.clone(),
    };
    // What the live version has was right when it was set; the schema may have changed since.
    let is_set_now = live.is_none_or(|live| live.manifest.params.columns != params.columns);
    match request.schema.fault_of(&params.columns).filter(|_| is_set_now) {
        Some(fault) => Err(FitError::Columns(fault).into()),
        None => Ok((params, comparison)),
    }
}
