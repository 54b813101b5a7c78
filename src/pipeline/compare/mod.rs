//! Which way of training finds segments that are found again, tell something of customers they were not found among,
//! and do not restate a column.
//!
//! Scores on a map are high where there is nothing. So each candidate is trained again on resamples of the customers,
//! which says how stable its segments are ([`stability`]), and on four fifths of them, which says how much they tell of
//! the others ([`density`]), beside what they tell where every column is shuffled on its own. [`judgement`] has the
//! rules.
//!
//! Pure, as all of the pipeline: the result is a function of the customers, the settings and the seed.

mod candidates;
mod columns;
mod density;
mod draws;
mod judgement;
mod regroup;
mod stability;
mod told;
mod trial;

use linfa::ParamGuard;

use super::decimals::rounded;
use super::encoder::{Encoder, RareNames};
use super::traits::Tallies;
use super::{FitError, FitParams, Fitted, TrainingSettings};
use crate::causes::with_causes;
use crate::customer::CustomerTable;

pub use candidates::CandidateName;
pub use judgement::{Comparison, Judged, MIN_JACCARD, WhyOut};
pub use told::HeldOutBits;

use candidates::{Candidate, candidates};
use draws::{Customers, Draws};
use trial::{Found, Trial, maps};

/// The customers that candidates are tried on, at most: of more as many are drawn.
pub(super) const MAX_CUSTOMERS: u32 = 10_000;

/// Tries ways to train on the customers of `table`, whose schema is as its file has it: those of `params`, and others.
/// The seed of `params` decides every draw. `progress` is told what share is done, 0 to 1.
///
/// # Errors
/// [`FitError::Map`] where the parameters of the map break a rule, [`FitError::TooManyFeatures`] when a category has
/// thousands of values. A candidate that cannot be trained is out, and no error.
pub fn compare(
    table: &CustomerTable,
    params: &FitParams,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<Comparison, FitError> {
    let seed = params.umap.check_ref().map_err(FitError::Map)?.seed();
    let encoder = Encoder::fit(table, RareNames::Merged)?;
    let whole = encoder.as_seen(table).distinct();
    let share = (f64::from(MAX_CUSTOMERS) / whole.n_customers().max(1) as f64).min(1.0);
    let tried = if share < 1.0 {
        whole.drawn(&Draws::new(seed, "tried", 0).part(&whole.weights().collect::<Customers>(), share).0)
    } else {
        whole
    };
    let candidates = candidates(&tried, params);
    let trial = Trial::new(&tried, seed, share, maps(&candidates));
    let found = trial.run(progress);
    let judged = candidates.iter().enumerate().map(|(index, candidate)| judge(&trial, candidate, index, &found));
    Ok(Comparison::new(table.n_customers(), tried.n_customers(), judged.collect()))
}

/// What was found of one candidate.
fn judge(trial: &Trial<'_>, candidate: &Candidate, index: usize, found: &[(usize, Found)]) -> Judged {
    let own: Vec<&Found> = found.iter().filter(|(of, _)| *of == index).map(|(_, found)| found).collect();
    let whole =
        own.iter().find_map(|found| if let Found::Whole(fitted) = found { Some(fitted.as_ref()) } else { None });
    let bits = own.iter().find_map(|found| if let Found::HeldOut(bits) = found { Some(*bits) } else { None });
    let null = own.iter().find_map(|found| if let Found::Null(bits) = found { Some(*bits) } else { None });
    let mut judged = Judged {
        name: candidate.name,
        // Parameters that break a rule have failed already, and name nothing here.
        settings: TrainingSettings::of(&candidate.params).unwrap_or_default(),
        segments: None,
        noise_share: None,
        least_jaccard: None,
        mean_jaccard: None,
        bits: bits.zip(null).map(|(bits, null)| HeldOutBits::of(bits, null)),
        told: Vec::new(),
        decided_by: None,
        silhouette: None,
        dbcv: None,
        out: Vec::new(),
        failure: None,
    };
    match whole {
        Some(Ok(fitted)) => describe(trial, &mut judged, fitted, &own),
        Some(Err(error)) => judged.failure = Some(with_causes(error)),
        None => {}
    }
    judged.out = judged.reasons();
    judged
}

/// Says of a candidate what its training on all customers found, and how far it was found again.
fn describe(trial: &Trial<'_>, judged: &mut Judged, fitted: &Fitted, found: &[&Found]) {
    let n_segments = fitted.scores.clusters;
    // A fit numbers its segments from 0.
    let own: Vec<Option<usize>> = fitted.segment_of_row.iter().map(|id| id.map(|id| id.get() as usize)).collect();
    let resamples: Vec<Vec<Option<f64>>> = found
        .iter()
        .filter_map(|found| match found {
            Found::Resample { number, segments } => {
                let drawn = trial.bootstraps.get(*number)?.iter().zip(&own).filter(|&(&n, _)| n > 0);
                let (customers, before): (Customers, Vec<Option<usize>>) = drawn.unzip();
                Some(stability::jaccard(&before, &segments.of_row, &customers, n_segments))
            }
            Found::Whole(_) | Found::HeldOut(_) | Found::Null(_) => None,
        })
        .collect();
    if n_segments > 0 && !resamples.is_empty() {
        let means = stability::means(&resamples, n_segments);
        judged.least_jaccard = means.iter().copied().reduce(f64::min).map(rounded);
        judged.mean_jaccard = Some(rounded(means.iter().sum::<f64>() / n_segments as f64));
    }
    judged.segments = Some(n_segments);
    judged.noise_share = Some(fitted.scores.noise_share);
    judged.decided_by.clone_from(&fitted.scores.decided_by);
    (judged.silhouette, judged.dbcv) = (fitted.scores.silhouette, fitted.scores.dbcv);
    let labels: Vec<i32> = own.iter().map(|label| label.and_then(|l| i32::try_from(l).ok()).unwrap_or(-1)).collect();
    for distinction in Tallies::count(trial.table, &labels, n_segments).distinctions() {
        judged.told.extend(distinction.distinguishing.iter().map(|told| told.key().to_owned()));
    }
    judged.told.sort();
    judged.told.dedup();
}
