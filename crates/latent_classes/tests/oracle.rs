//! Classes held against StepMix 3.0.0, with no prior, as it has none. `fixtures/README.md` says how it was recorded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture should fail its test loudly")]

use latent_classes::{LatentClassModel, LatentClassParams, MISSING};
use linfa::ParamGuard;
use ndarray::Array2;
use serde::Deserialize;

/// Log-likelihoods of 600 rows, in nats, may differ by this; StepMix and this crate both climb until nothing is gained.
const NATS: f64 = 1e-3;
/// Sizes and posteriors may differ by this.
const SHARE: f64 = 1e-3;

#[derive(Deserialize)]
struct Recorded {
    sets: Vec<RecordedSet>,
}

#[derive(Deserialize)]
struct RecordedSet {
    rows: Vec<Vec<Option<u32>>>,
    fits: Vec<RecordedFit>,
}

#[derive(Deserialize)]
struct RecordedFit {
    n_classes: usize,
    log_likelihood: f64,
    sizes: Vec<f64>,
    sorted_posteriors: Vec<Vec<f64>>,
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("fixtures/stepmix.json")).unwrap()
}

fn codes(set: &RecordedSet) -> Array2<u32> {
    let n_columns = set.rows[0].len();
    Array2::from_shape_fn((set.rows.len(), n_columns), |(row, column)| set.rows[row][column].unwrap_or(MISSING))
}

fn fit(rows: &Array2<u32>, n_classes: usize) -> LatentClassModel {
    let params = LatentClassParams::new().classes(n_classes, n_classes).prior(0.0).n_starts(30).tolerance(1e-13);
    params.max_iterations(20_000).check().unwrap().fit(rows.view(), &vec![1; rows.nrows()]).unwrap()
}

fn each_fit(check: impl Fn(&Array2<u32>, &LatentClassModel, &RecordedFit)) {
    for set in &recorded().sets {
        let rows = codes(set);
        for expected in &set.fits {
            check(&rows, &fit(&rows, expected.n_classes), expected);
        }
    }
}

#[test]
fn the_same_log_likelihood_is_reached_with_and_without_missing_values() {
    each_fit(|rows, model, expected| {
        let found: f64 = model.log_likelihoods(rows.view()).unwrap().iter().sum();
        assert!((found - expected.log_likelihood).abs() < NATS, "{found} {}", expected.log_likelihood);
        assert!((model.candidates()[0].log_likelihood - found).abs() < 1e-9);
    });
}

#[test]
fn the_classes_have_the_same_sizes_and_rows_the_same_posteriors() {
    each_fit(|rows, model, expected| {
        let is_near = |found: &[f64], expected: &[f64]| {
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < SHARE)
        };
        assert!(is_near(model.sizes(), &expected.sizes), "{:?} {:?}", model.sizes(), expected.sizes);
        let posterior = model.posterior(rows.view()).unwrap();
        for (row, expected) in posterior.rows().into_iter().zip(&expected.sorted_posteriors) {
            let mut found = row.to_vec();
            found.sort_by(|a, b| b.total_cmp(a));
            assert!(is_near(&found, expected), "{found:?} {expected:?}");
        }
    });
}
