//! The choice of the number of classes: climbs from several starts for each, and the least BIC.

use rayon::prelude::*;

use super::classes::Classes;
use super::climb::{Climb, Rules, climb};
use super::params::LatentClassValidParams;
use super::random::key;
use super::rows::Rows;
use super::start::start;

/// Steps after which starts are compared, and only the best go on (short runs of EM: Biernacki, Celeux, Govaert 2003).
const SHORT_CLIMB: usize = 30;
/// How many starts go on.
const N_FINISHED: usize = 3;
/// After so many numbers of classes in a row that are no better, larger ones are not tried.
const PATIENCE: usize = 3;

/// The least cost of a parameter, where the logarithm is below it: with less than some 480 rows in a class.
const AIC3: f64 = 3.0;

/// One number of classes that was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The number of classes.
    pub n_classes: usize,
    /// The log-likelihood of the training rows, in nats.
    pub log_likelihood: f64,
    /// The Bayesian information criterion (Schwarz 1978) in its sample-size adjusted form (Sclove 1987): −2 × the
    /// log-likelihood, and for each free parameter ln((n + 2) / 24). For a share, n is the weight of its class, not of
    /// all rows, since no other row bears on it. A parameter costs at least the 3 of AIC3 (Bozdogan 1994). Less is
    /// better.
    ///
    /// Without the adjustment columns of many values, such as towns, hide classes: each class pays for every value.
    pub bic: f64,
}

/// The classes with the least BIC, the largest first, and every number of classes that was tried. Of equal numbers the
/// smaller wins.
pub(super) fn search(rows: &Rows, params: &LatentClassValidParams) -> (Classes, Vec<Candidate>) {
    let last = params.max_classes().min(rows.len()).max(params.min_classes());
    let mut candidates = Vec::new();
    let mut best: Option<(f64, Classes)> = None;
    let mut n_worse = 0;
    for n_classes in params.min_classes()..=last {
        let climb = best_climb(rows, n_classes, params);
        let bic = bic(rows, &climb);
        candidates.push(Candidate { n_classes, log_likelihood: climb.log_likelihood, bic });
        if best.as_ref().is_none_or(|&(least, _)| bic < least) {
            best = Some((bic, climb.classes));
            n_worse = 0;
        } else {
            n_worse += 1;
        }
        if n_worse == PATIENCE {
            break;
        }
    }
    let classes = best.map_or_else(|| best_climb(rows, 1, params).classes, |(_, classes)| classes);
    (classes.by_size(), candidates)
}

/// The best of the starts. Each is climbed by one thread, so the number of threads changes no bit.
fn best_climb(rows: &Rows, n_classes: usize, params: &LatentClassValidParams) -> Climb {
    let rules = Rules {
        max_iterations: params.max_iterations(),
        tolerance: params.tolerance() * rows.total_weight,
        prior: params.prior(),
    };
    let begin = |number: usize| start(rows, n_classes, number, key(params.seed(), n_classes, number), params.prior());
    if n_classes == 1 {
        return climb(rows, begin(0), rules);
    }
    let short = Rules { max_iterations: SHORT_CLIMB.min(rules.max_iterations), ..rules };
    let mut begun: Vec<Climb> =
        (0..params.n_starts()).into_par_iter().map(|number| climb(rows, begin(number), short)).collect();
    // Stable: of equal climbs the earlier start comes first.
    begun.sort_by(|a, b| b.objective.total_cmp(&a.objective));
    begun.truncate(N_FINISHED);
    let finished: Vec<Climb> = begun.into_par_iter().map(|begun| climb(rows, begun.classes, rules)).collect();
    let best = finished.into_iter().reduce(|best, next| if next.objective > best.objective { next } else { best });
    best.unwrap_or_else(|| climb(rows, begin(0), rules))
}

fn bic(rows: &Rows, climb: &Climb) -> f64 {
    let n_classes = climb.classes.n_classes;
    let mut penalty = (n_classes - 1) as f64 * cost_of_parameter(rows.total_weight);
    for column in 0..rows.layout.n_columns() {
        let n_free = rows.n_seen(column).saturating_sub(1) as f64;
        let of_class = |class| n_free * cost_of_parameter(climb.counts.with_value(&rows.layout, column, class));
        penalty += (0..n_classes).map(of_class).sum::<f64>();
    }
    penalty - 2.0 * climb.log_likelihood
}

/// What a parameter costs that rows of this weight bear on.
fn cost_of_parameter(weight: f64) -> f64 {
    ((weight + 2.0) / 24.0).ln().max(AIC3)
}
