//! What the crate promises, through its public door.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise should fail its test loudly")]

mod planted;

use latent_classes::{LatentClassModel, LatentClassParams, MISSING};
use linfa::ParamGuard;
use ndarray::{Array2, Axis, array};
use proptest::prelude::*;

use planted::{agreement, independent, planted};

fn fit(rows: &Array2<u32>, params: LatentClassParams) -> LatentClassModel {
    params.check().unwrap().fit(rows.view(), &vec![1; rows.nrows()]).unwrap()
}

#[test]
fn planted_classes_are_found_and_counted() {
    let (rows, classes) = planted(3_000);
    let model = fit(&rows, LatentClassParams::new());
    assert_eq!(model.n_classes(), 3);
    let labels = model.predict(rows.view()).unwrap().labels;
    assert!(agreement(&labels, &classes) > 0.9, "{}", agreement(&labels, &classes));
    let sizes = model.sizes();
    assert!((sizes[0] - 0.5).abs() < 0.05 && (sizes[2] - 0.2).abs() < 0.05, "{sizes:?}");
}

#[test]
fn independent_columns_are_one_class_whatever_the_number_of_rows() {
    for (seed, n_rows) in (0..).zip([1, 7, 40, 200, 1_000, 5_000]) {
        let model = fit(&independent(n_rows, seed), LatentClassParams::new());
        assert_eq!(model.n_classes(), 1, "{n_rows} {:?}", model.candidates());
    }
}

#[test]
fn a_posterior_is_right_in_as_many_rows_as_it_says() {
    let (rows, classes) = planted(4_000);
    let model = fit(&rows, LatentClassParams::new());
    let prediction = model.predict(rows.view()).unwrap();
    // The planted classes are numbered by size, too.
    let n_right = prediction.labels.iter().zip(&classes).filter(|(label, class)| label == class).count() as f64;
    let expected: f64 = prediction.strengths.iter().sum();
    assert!((n_right - expected).abs() / 4_000.0 < 0.02, "{n_right} {expected}");
}

#[test]
fn held_out_rows_cost_fewer_bits_with_the_classes_that_are_there() {
    let (rows, _) = planted(3_000);
    let (trained, held_out) = rows.view().split_at(Axis(0), 2_000);
    let bits = |n_classes| {
        let model = fit(&trained.to_owned(), LatentClassParams::new().classes(n_classes, n_classes));
        model.bits_per_row(held_out, &[1; 1_000]).unwrap()
    };
    assert!(bits(3) < bits(1) - 0.1, "{} {}", bits(3), bits(1));
    assert!(bits(3) < bits(2));
}

#[test]
fn bits_are_a_weighted_mean_of_log_likelihoods() {
    let model = fit(&array![[0, 0], [0, 1], [1, 1], [1, 1]], LatentClassParams::new().classes(1, 1).prior(0.0));
    // Half of the rows have 1 and three quarters 1; each column costs its own logarithm.
    let asked = array![[0, 0], [1, 1], [MISSING, MISSING]];
    let expected = (3.0 * (1.0 + 2.0) + (1.0 + (4.0_f64 / 3.0).log2())) / 6.0;
    assert!((model.bits_per_row(asked.view(), &[3, 1, 2]).unwrap() - expected).abs() < 1e-12);
    assert!(model.bits_per_row(asked.view(), &[0, 0, 0]).is_err());
    assert!(model.bits_per_row(asked.view(), &[1]).is_err());
}

#[test]
fn a_missing_value_is_the_sum_over_all_values_it_could_have() {
    let (rows, _) = planted(1_000);
    let model = fit(&rows, LatentClassParams::new());
    let (known, code_count) = (rows.row(3).to_owned(), 4);
    let mut asked = Array2::from_shape_fn((code_count + 1, rows.ncols()), |(_, column)| known[column]);
    (0..code_count).for_each(|code| asked[(code, 0)] = code as u32);
    asked[(code_count, 0)] = MISSING;
    let likelihoods: Vec<f64> = model.log_likelihoods(asked.view()).unwrap().into_iter().map(f64::exp).collect();
    let summed: f64 = likelihoods[..code_count].iter().sum();
    assert!((summed / likelihoods[code_count] - 1.0).abs() < 1e-12);
    let posterior = model.posterior(asked.view()).unwrap();
    for class in 0..model.n_classes() {
        let joint: f64 = (0..code_count).map(|code| likelihoods[code] * posterior[(code, class)]).sum();
        assert!((joint / summed - posterior[(code_count, class)]).abs() < 1e-12);
    }
}

#[test]
fn a_column_without_any_value_changes_no_class() {
    let (rows, _) = planted(800);
    let mut wider = Array2::from_elem((rows.nrows(), rows.ncols() + 1), MISSING);
    wider.slice_mut(ndarray::s![.., ..rows.ncols()]).assign(&rows);
    let (narrow, wide) = (fit(&rows, LatentClassParams::new()), fit(&wider, LatentClassParams::new()));
    assert_eq!(narrow.sizes(), wide.sizes());
    assert_eq!(narrow.predict(rows.view()).unwrap(), wide.predict(wider.view()).unwrap());
}

#[test]
fn a_value_that_training_never_saw_says_nothing() {
    let (rows, _) = planted(800);
    let model = fit(&rows, LatentClassParams::new());
    let mut asked = rows.select(Axis(0), &[0, 0, 0]);
    (asked[(0, 1)], asked[(1, 1)], asked[(2, 1)]) = (MISSING, 99, u32::MAX - 1);
    let posterior = model.posterior(asked.view()).unwrap();
    assert_eq!(posterior.row(0), posterior.row(1));
    assert_eq!(posterior.row(0), posterior.row(2));
    assert_eq!(model.share(0, 1, 99), Some(0.0));
    assert_eq!(model.share(9, 1, 0), None);
}

#[test]
fn a_row_is_placed_the_same_alone_and_among_others() {
    let (rows, _) = planted(300);
    let model = fit(&rows, LatentClassParams::new());
    let together = model.posterior(rows.view()).unwrap();
    for row in 0..rows.nrows() {
        let alone = model.posterior(rows.select(Axis(0), &[row]).view()).unwrap();
        assert_eq!(alone.row(0), together.row(row));
    }
    assert!(model.posterior(rows.slice(ndarray::s![.., ..2])).is_err());
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (rows, _) = planted(700);
    let on = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| fit(&rows, LatentClassParams::new()))
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn the_seed_decides_and_the_defaults_are_the_same_every_time() {
    let (rows, _) = planted(500);
    assert_eq!(fit(&rows, LatentClassParams::new()), fit(&rows, LatentClassParams::new()));
    let [one, other] = [1, 2].map(|seed| fit(&rows, LatentClassParams::new().seed(seed)));
    assert_eq!(one.n_classes(), other.n_classes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_and_the_splitting_of_rows_change_no_bit(seed in 0u64..1_000, turn in 1usize..200) {
        let (rows, _) = planted(200);
        let params = || LatentClassParams::new().seed(seed).n_starts(3).classes(1, 4);
        let model = fit(&rows, params());
        let order: Vec<usize> = (0..200).rev().map(|row| (row + turn) % 200).collect();
        prop_assert_eq!(&model, &fit(&rows.select(Axis(0), &order), params()));
        // Each row twice with half of the weight is the same multiset.
        let twice: Vec<usize> = (0..400).map(|row| row / 2).collect();
        let doubled = params().check().unwrap().fit(rows.view(), &[2; 200]).unwrap();
        prop_assert_eq!(&doubled, &fit(&rows.select(Axis(0), &twice), params()));
    }
}
