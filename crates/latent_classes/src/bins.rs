//! Categories of numbers.
//!
//! Classes are fitted on categories, so a number becomes the bin that it falls into. A bin has no shape: a skewed or
//! peaked column needs no transformation, which a Gaussian would, and an outlier counts as any other value of the last
//! bin. The caller bins, because only the caller knows which columns are numbers; how it is done is here, so that it
//! depends on the multiset of the weighted values alone and is stored with the model.

use super::errors::{Damage, LatentClassError};
use super::rows::MISSING;

/// Bins between ascending edges: a number belongs to the first bin whose upper edge it does not exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// The upper edge of every bin but the last, which has none.
    edges: Vec<f64>,
}

impl Bins {
    /// Up to `n_bins` bins of as equal a weight as the values allow; 10 gives deciles. A value is never divided, so a
    /// column with a frequent value has fewer bins. NaN is no value.
    pub fn quantiles(values: &[f64], weights: &[u32], n_bins: usize) -> Self {
        let mut sorted: Vec<(f64, u64)> =
            values.iter().zip(weights).filter(|(value, _)| !value.is_nan()).map(|(&v, &n)| (v, u64::from(n))).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let total: u64 = sorted.iter().map(|&(_, weight)| weight).sum();
        let (mut edges, mut below): (Vec<f64>, u64) = (Vec::new(), 0);
        // The number of the quantile that comes next, counted from 1.
        let mut next = 1;
        for &(value, weight) in &sorted {
            below += weight;
            let mut is_edge = false;
            while next < n_bins && below as u128 * n_bins as u128 >= next as u128 * u128::from(total) {
                (is_edge, next) = (true, next + 1);
            }
            if is_edge && edges.last().is_none_or(|&last| last < value) {
                edges.push(value);
            }
        }
        // Nothing lies above the largest value, so it ends no bin.
        let largest = sorted.last().map(|&(value, _)| value);
        edges.retain(|&edge| largest.is_some_and(|largest| edge < largest));
        Self { edges }
    }

    /// The bins between stored edges.
    ///
    /// # Errors
    /// [`LatentClassError::Damaged`] unless the edges ascend and are no NaN.
    pub fn from_edges(edges: Vec<f64>) -> Result<Self, LatentClassError> {
        let is_ascending = edges.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        if !is_ascending || edges.iter().any(|edge| edge.is_nan()) {
            return Err(Damage::Edges.into());
        }
        Ok(Self { edges })
    }

    /// The upper edge of every bin but the last.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The bin of `value`, counted from 0; [`MISSING`] for NaN.
    pub fn code(&self, value: f64) -> u32 {
        if value.is_nan() { MISSING } else { self.edges.partition_point(|&edge| edge < value) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn deciles_hold_a_tenth_each() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let bins = Bins::quantiles(&values, &[3; 100], 10);
        assert_eq!(bins.edges(), [9.0, 19.0, 29.0, 39.0, 49.0, 59.0, 69.0, 79.0, 89.0]);
        assert_eq!([-5.0, 9.0, 9.5, 99.0, 1e9, f64::NAN].map(|v| bins.code(v)), [0, 0, 1, 9, 9, MISSING]);
    }

    #[test]
    fn a_frequent_value_is_not_divided() {
        let bins = Bins::quantiles(&[0.0, 1.0, 2.0, f64::NAN], &[90, 5, 5, 1_000], 10);
        assert_eq!(bins.edges(), [0.0]);
        assert_eq!(Bins::quantiles(&[7.0; 4], &[1; 4], 10).edges(), [0.0; 0]);
        assert_eq!(Bins::quantiles(&[], &[], 10).edges(), [0.0; 0]);
    }

    #[test]
    fn edges_that_do_not_ascend_are_refused() {
        for bad in [vec![1.0, 1.0], vec![2.0, 1.0], vec![f64::NAN]] {
            assert_eq!(Bins::from_edges(bad), Err(Damage::Edges.into()));
        }
        assert_eq!(Bins::from_edges(vec![1.0, 2.0]).unwrap().code(1.5), 1);
    }

    proptest! {
        #[test]
        fn the_order_of_the_values_changes_nothing(mut rows in proptest::collection::vec((0u8..20, 1u32..9), 1..60)) {
            let bins = |rows: &[(u8, u32)]| {
                let (values, weights): (Vec<f64>, Vec<u32>) = rows.iter().map(|&(v, n)| (f64::from(v), n)).unzip();
                Bins::quantiles(&values, &weights, 10)
            };
            let before = bins(&rows);
            rows.reverse();
            rows.rotate_left(1);
            prop_assert_eq!(before, bins(&rows));
        }
    }
}
