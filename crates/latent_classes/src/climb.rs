//! One climb of EM (Dempster, Laird, Rubin 1977): from a start to the top of its hill.

use super::classes::{Classes, Counts};
use super::rows::Rows;

/// Where a climb arrived.
#[derive(Debug, Clone)]
pub(super) struct Climb {
    pub classes: Classes,
    /// The expected counts under `classes`.
    pub counts: Counts,
    /// Of the rows under `classes`, in nats.
    pub log_likelihood: f64,
    /// The log-likelihood and the logarithm of the prior's density: what no step lowers.
    pub objective: f64,
    /// The objective at every step.
    #[cfg(test)]
    pub path: Vec<f64>,
}

/// When a climb ends, and the prior that it climbs under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub max_iterations: usize,
    /// The least gain of a step.
    pub tolerance: f64,
    pub prior: f64,
}

/// Climbs from `classes` until a step gains less than the tolerance.
pub(super) fn climb(rows: &Rows, mut classes: Classes, rules: Rules) -> Climb {
    let mut reached = f64::NEG_INFINITY;
    let mut step = 0;
    #[cfg(test)]
    let mut path = Vec::new();
    loop {
        step += 1;
        let (counts, log_likelihood) = classes.expect(rows);
        let objective = log_likelihood + classes.log_prior(rows, rules.prior);
        #[cfg(test)]
        path.push(objective);
        let goes_on = step < rules.max_iterations && objective - reached > rules.tolerance;
        if !goes_on {
            return Climb {
                classes,
                counts,
                log_likelihood,
                objective,
                #[cfg(test)]
                path,
            };
        }
        reached = objective;
        classes = counts.maximise(rows, classes.n_classes, rules.prior);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::rows::MISSING;
    use super::super::start::start;
    use super::*;

    proptest! {
        #[test]
        fn no_step_lowers_the_objective(
            codes in proptest::collection::vec(prop_oneof![0u32..4, Just(MISSING)], 90),
            n_classes in 1usize..5, number in 0usize..2, prior in prop_oneof![Just(0.0), Just(1.0), Just(40.0)],
        ) {
            let codes = Array2::from_shape_vec((30, 3), codes).unwrap();
            let weights: Vec<u32> = (1..=30).collect();
            let rows = Rows::new(codes.view(), &weights).unwrap();
            let rules = Rules { max_iterations: 200, tolerance: 0.0, prior };
            let climb = climb(&rows, start(&rows, n_classes, number, 7, prior), rules);
            for pair in climb.path.windows(2) {
                prop_assert!(pair[1] >= pair[0] - 1e-9 * pair[0].abs(), "{pair:?}");
            }
        }
    }
}
