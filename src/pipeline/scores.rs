//! How well clusters are set apart, judged from the outside.
//!
//! Knows points, labels and weights alone. `pipeline` and, for its report, `retrain` may import it.
#![expect(clippy::indexing_slicing, reason = "groups and columns are laid out by this file, over checked lengths")]

use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;
use thiserror::Error;

/// Why there is no silhouette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SilhouetteError {
    /// Every point has one label and one weight.
    #[error("{points} points came with {labels} labels and {weights} weights")]
    Lengths {
        /// Rows given.
        points: usize,
        /// Labels given.
        labels: usize,
        /// Weights given.
        weights: usize,
    },
    /// A silhouette compares a cluster with the next one.
    #[error("a silhouette needs at least 2 clusters with customers, not {0}")]
    TooFewClusters(usize),
    /// NaN or an infinity among the coordinates of a clustered point.
    #[error("the coordinates are not all finite")]
    NonFinite,
}

/// Points of the clusters, cluster by cluster, each coordinate in a column of its own.
struct Groups {
    columns: Vec<Vec<f64>>,
    weights: Vec<f64>,
    /// The points and the customers of each cluster.
    clusters: Vec<(Range<usize>, f64)>,
}

/// The mean silhouette of all customers in clusters, −1 to 1 (Rousseeuw 1987).
///
/// `points` are `(n_profiles, n_features)`, `labels` and `weights` `(n_profiles)`. A profile of weight w
/// stands for w customers in one place; those labelled below 0 are noise and left out, profiles of weight 0
/// too. For a customer of profile i in cluster A of W_A customers,
///
/// ```text
/// a(i) = Σ_{j in A} w_j d(i, j) / (W_A − 1)      the others of its cluster
/// b(i) = min_{B ≠ A} Σ_{j in B} w_j d(i, j) / W_B  the next cluster
/// s(i) = (b − a) / max(a, b),  0 if W_A = 1 or both are 0
/// ```
///
/// and the score is Σ w_i s(i) / Σ w_i: to the customer what the plain silhouette is on w copies of each
/// row. Exact, O(n²) time, O(n) memory; meant for up to some 20,000 profiles.
///
/// # Errors
/// [`SilhouetteError::Lengths`], [`SilhouetteError::TooFewClusters`], [`SilhouetteError::NonFinite`].
pub fn silhouette<F>(points: ArrayView2<'_, F>, labels: &[i32], weights: &[u32]) -> Result<f64, SilhouetteError>
where
    F: Copy + Into<f64>,
{
    if labels.len() != points.nrows() || weights.len() != points.nrows() {
        let (points, labels, weights) = (points.nrows(), labels.len(), weights.len());
        return Err(SilhouetteError::Lengths { points, labels, weights });
    }
    let groups = Groups::new(points, labels, weights);
    if groups.clusters.len() < 2 {
        return Err(SilhouetteError::TooFewClusters(groups.clusters.len()));
    }
    if groups.columns.iter().flatten().any(|value| !value.is_finite()) {
        return Err(SilhouetteError::NonFinite);
    }
    // Collected before it is summed: the order of the sum, and so its bits, do not depend on the threads.
    let weighted: Vec<f64> = (0..groups.weights.len())
        .into_par_iter()
        .map_init(Vec::new, |distances, point| groups.weights[point] * groups.silhouette_of(point, distances))
        .collect();
    Ok(weighted.iter().sum::<f64>() / groups.weights.iter().sum::<f64>())
}

impl Groups {
    fn new<F: Copy + Into<f64>>(points: ArrayView2<'_, F>, labels: &[i32], weights: &[u32]) -> Self {
        let mut order: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] >= 0 && weights[row] > 0).collect();
        order.sort_by_key(|&row| labels[row]);
        let columns =
            points.columns().into_iter().map(|column| order.iter().map(|&row| column[row].into()).collect()).collect();
        let mut clusters = Vec::new();
        let mut start = 0;
        for rows in order.chunk_by(|&a, &b| labels[a] == labels[b]) {
            let customers = rows.iter().map(|&row| f64::from(weights[row])).sum();
            clusters.push((start..start + rows.len(), customers));
            start += rows.len();
        }
        Self { columns, weights: order.iter().map(|&row| f64::from(weights[row])).collect(), clusters }
    }

    fn silhouette_of(&self, point: usize, distances: &mut Vec<f64>) -> f64 {
        distances.clear();
        distances.resize(self.weights.len(), 0.0);
        for column in &self.columns {
            let coordinate = column[point];
            for (sum, &value) in distances.iter_mut().zip(column) {
                *sum += (value - coordinate) * (value - coordinate);
            }
        }
        let (mut own, mut next) = (0.0, f64::INFINITY);
        for (rows, customers) in &self.clusters {
            let pairs = distances[rows.clone()].iter().zip(&self.weights[rows.clone()]);
            let total: f64 = pairs.map(|(squared, weight)| squared.sqrt() * weight).sum();
            if !rows.contains(&point) {
                next = f64::min(next, total / customers);
            } else if *customers > 1.0 {
                own = total / (customers - 1.0);
            } else {
                return 0.0;
            }
        }
        let larger = f64::max(own, next);
        if larger > 0.0 { (next - own) / larger } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, array};
    use proptest::prelude::*;

    use super::*;

    /// The definition, on one row for each customer.
    fn plain(points: &Array2<f64>, labels: &[i32]) -> f64 {
        let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] >= 0).collect();
        let distance = |i: usize, j: usize| (&points.row(i) - &points.row(j)).mapv(|x| x * x).sum().sqrt();
        let mean = |i: usize, label: i32| {
            let others: Vec<f64> =
                rows.iter().filter(|&&j| j != i && labels[j] == label).map(|&j| distance(i, j)).collect();
            (!others.is_empty()).then(|| others.iter().sum::<f64>() / others.len() as f64)
        };
        let of = |i: usize| {
            let Some(own) = mean(i, labels[i]) else { return 0.0 };
            let elsewhere = labels.iter().filter(|&&label| label >= 0 && label != labels[i]);
            let next = elsewhere.filter_map(|&label| mean(i, label)).fold(f64::INFINITY, f64::min);
            if own.max(next) > 0.0 { (next - own) / own.max(next) } else { 0.0 }
        };
        rows.iter().map(|&i| of(i)).sum::<f64>() / rows.len() as f64
    }

    proptest! {
        #[test]
        fn a_weight_counts_as_so_many_copies(
            rows in prop::collection::vec((prop::array::uniform2(-5i8..5), -1i32..3, 1u32..5), 3..40),
        ) {
            let points = Array2::from_shape_fn((rows.len(), 2), |(i, j)| f64::from(rows[i].0[j]));
            let labels: Vec<i32> = rows.iter().map(|row| row.1).collect();
            let weights: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let copies: Vec<usize> =
                (0..rows.len()).flat_map(|row| std::iter::repeat_n(row, weights[row] as usize)).collect();
            let expanded: Vec<i32> = copies.iter().map(|&row| labels[row]).collect();
            match silhouette(points.view(), &labels, &weights) {
                Ok(score) => {
                    prop_assert!((score - plain(&points.select(Axis(0), &copies), &expanded)).abs() < 1e-12);
                    let single = silhouette(points.mapv(|x| x as f32).view(), &labels, &weights).unwrap();
                    prop_assert_eq!(single, score);
                }
                Err(error) => prop_assert!(matches!(error, SilhouetteError::TooFewClusters(0 | 1))),
            }
        }
    }

    #[test]
    fn noise_and_clusters_without_customers_are_left_out() {
        let points = array![[0.0], [1.0], [10.0], [11.0], [500.0], [f64::NAN]];
        let score = silhouette(points.view(), &[0, 0, 1, 1, -1, 2], &[1, 1, 1, 1, 9, 0]).unwrap();
        let expected = (2.0 * (1.0 - 1.0 / 10.5) + 2.0 * (1.0 - 1.0 / 9.5)) / 4.0;
        assert!((score - expected).abs() < 1e-12);
    }

    #[test]
    fn each_bad_input_has_its_own_error() {
        let points = array![[0.0], [1.0]];
        let lengths = SilhouetteError::Lengths { points: 2, labels: 1, weights: 2 };
        assert_eq!(silhouette(points.view(), &[0], &[1, 1]), Err(lengths));
        assert_eq!(silhouette(points.view(), &[0, 0], &[1, 1]), Err(SilhouetteError::TooFewClusters(1)));
        let nan = array![[0.0], [f64::NAN]];
        assert_eq!(silhouette(nan.view(), &[0, 1], &[1, 1]), Err(SilhouetteError::NonFinite));
    }
}
