//! Where a climb begins: classes around random rows, or rows spread over the classes at random.
#![expect(clippy::indexing_slicing, reason = "classes are counted from the tables that are indexed")]

use super::classes::{Classes, Counts};
use super::random::uniform;
use super::rows::Rows;

/// The weight of a seed row's own values beside the shares of all rows.
const SEED_WEIGHT: f64 = 0.5;

/// The classes that start number `start` begins with, drawn under `key`.
pub(super) fn start(rows: &Rows, n_classes: usize, start: usize, key: u64, prior: f64) -> Classes {
    if start.is_multiple_of(2) { around_rows(rows, n_classes, key) } else { spread(rows, n_classes, key, prior) }
}

/// Classes of equal size, each around a row that is drawn by weight.
fn around_rows(rows: &Rows, n_classes: usize, key: u64) -> Classes {
    let mut counts = Counts::none(&rows.layout, n_classes);
    let stride = counts.classes.len();
    counts.classes[..n_classes].fill(rows.total_weight / n_classes as f64);
    let mut ends = Vec::with_capacity(rows.len());
    let mut end = 0.0;
    ends.extend(rows.weights.iter().map(|weight| {
        end += weight;
        end
    }));
    for class in 0..n_classes {
        let drawn = uniform(key, class as u64) * rows.total_weight;
        let row = ends.partition_point(|&end| end <= drawn).min(rows.len() - 1);
        for &slot in rows.row(row) {
            counts.values[slot as usize * stride + class] += SEED_WEIGHT;
        }
    }
    counts.maximise(rows, n_classes, 1.0 - SEED_WEIGHT)
}

/// Classes of rows that were given to them at random, in unequal shares.
fn spread(rows: &Rows, n_classes: usize, key: u64, prior: f64) -> Classes {
    let mut counts = Counts::none(&rows.layout, n_classes);
    let mut posterior = vec![0.0; counts.classes.len()];
    for (row, &weight) in rows.weights.iter().enumerate() {
        let counter = (row * n_classes) as u64;
        let mut total = 0.0;
        for (class, p) in posterior[..n_classes].iter_mut().enumerate() {
            // The fourth power makes one class stand out in most rows. A logarithm would, too, and differs by platform.
            *p = uniform(key, counter + class as u64).powi(4) + f64::EPSILON;
            total += *p;
        }
        posterior[..n_classes].iter_mut().for_each(|p| *p /= total);
        counts.add(rows.row(row), weight, &mut posterior);
    }
    counts.maximise(rows, n_classes, prior)
}
