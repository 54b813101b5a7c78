//! How much segments tell of customers they were not found among.
//!
//! Segments make a density of customers: each has a share, and within it the columns are independent. Its gain over
//! columns that are independent everywhere is what the segments tell of a customer's other columns, in bits. Any
//! method's segments are judged by it alike, and it cannot be had by restating one column, which tells nothing of the
//! others.

use ndarray::{ArrayView2, Axis};

/// A code that stands for no value.
pub(super) const NO_VALUE: u32 = u32::MAX;
/// The weight with which the shares of all customers count within each segment (a Dirichlet prior), in customers.
const PRIOR: f64 = 40.0;

/// The mean gain of a customer and its standard error, in bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bits {
    pub mean: f64,
    pub standard_error: f64,
}

/// The density that segments make: columns of codes, each with its own number of values.
pub(super) struct SegmentDensity {
    /// log₂ of each segment's share of the customers.
    shares: Vec<f64>,
    /// For each column `(n_segments + 1, n_values)`: log₂ of each value's share, the last line among all customers.
    columns: Vec<Vec<Vec<f64>>>,
}

impl SegmentDensity {
    /// The density of customers by segment.
    ///
    /// `codes` is `(n_rows, n_columns)`, with codes below `n_values` of the column or [`NO_VALUE`]; each row stands for
    /// `weights` customers of the segment `0..n_segments` in `segments`.
    pub(super) fn fit(
        codes: ArrayView2<'_, u32>,
        weights: &[u32],
        segments: &[usize],
        n_values: &[usize],
        n_segments: usize,
    ) -> Self {
        let mut customers = vec![0.0; n_segments];
        for (&segment, &weight) in segments.iter().zip(weights) {
            if let Some(count) = customers.get_mut(segment) {
                *count += f64::from(weight);
            }
        }
        let all: f64 = customers.iter().sum::<f64>() + n_segments as f64;
        let shares = customers.iter().map(|count| ((count + 1.0) / all).log2()).collect();
        let column = |(column, &n_values): (usize, &usize)| {
            let mut counts = vec![vec![0.0; n_values]; n_segments];
            let codes = codes.index_axis(Axis(1), column);
            for ((&code, &segment), &weight) in codes.iter().zip(segments).zip(weights) {
                let count = counts.get_mut(segment).and_then(|line| line.get_mut(code as usize));
                count.into_iter().for_each(|count| *count += f64::from(weight));
            }
            smoothed(&counts, n_values)
        };
        Self { shares, columns: n_values.iter().enumerate().map(column).collect() }
    }

    /// What the segments tell of these customers, who should be others than those of [`SegmentDensity::fit`].
    pub(super) fn bits(&self, codes: ArrayView2<'_, u32>, weights: &[u32]) -> Bits {
        let (mut sum, mut squares, mut customers) = (0.0, 0.0, 0.0);
        for (row, &weight) in codes.outer_iter().zip(weights) {
            let gain = self.gain(row.iter().copied());
            let weight = f64::from(weight);
            sum += weight * gain;
            squares += weight * gain * gain;
            customers += weight;
        }
        let mean = sum / f64::max(customers, 1.0);
        let variance = (squares / f64::max(customers, 1.0) - mean * mean).max(0.0);
        Bits { mean, standard_error: (variance / f64::max(customers, 1.0)).sqrt() }
    }

    /// log₂ of a row's density under the segments, less that under independent columns. A missing value tells nothing.
    fn gain(&self, row: impl Iterator<Item = u32>) -> f64 {
        let n_segments = self.shares.len();
        let mut terms = self.shares.clone();
        let mut independent = 0.0;
        for (column, code) in self.columns.iter().zip(row) {
            let Some(everywhere) = column.get(n_segments).and_then(|line| line.get(code as usize)) else { continue };
            independent += everywhere;
            for (term, line) in terms.iter_mut().zip(column) {
                *term += line.get(code as usize).copied().unwrap_or_default();
            }
        }
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        largest + terms.iter().map(|term| (term - largest).exp2()).sum::<f64>().log2() - independent
    }
}

/// log₂ of the shares of each line's values, then of all lines together. All customers' shares are smoothed by one
/// customer a value, each line's by [`PRIOR`] customers of all.
fn smoothed(counts: &[Vec<f64>], n_values: usize) -> Vec<Vec<f64>> {
    let total = |value: usize| counts.iter().filter_map(|line| line.get(value)).sum::<f64>();
    let totals: Vec<f64> = (0..n_values).map(total).collect();
    let all = totals.iter().sum::<f64>() + n_values as f64;
    let everywhere: Vec<f64> = totals.iter().map(|count| (count + 1.0) / all).collect();
    let line = |line: &Vec<f64>| {
        let customers = line.iter().sum::<f64>() + PRIOR;
        line.iter().zip(&everywhere).map(|(count, share)| ((count + PRIOR * share) / customers).log2()).collect()
    };
    let lines: Vec<Vec<f64>> = counts.iter().map(line).collect();
    lines.into_iter().chain([everywhere.iter().map(|share| share.log2()).collect()]).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Two columns of two values; the first half of each four rows agrees in both.
    fn rows(n: usize, second: impl Fn(usize) -> u32) -> Array2<u32> {
        Array2::from_shape_fn((n, 2), |(row, column)| if column == 0 { (row % 2) as u32 } else { second(row) })
    }

    fn bits(codes: &Array2<u32>, segments: &[usize]) -> Bits {
        let weights = vec![1; codes.nrows()];
        let n_segments = segments.iter().max().unwrap() + 1;
        SegmentDensity::fit(codes.view(), &weights, segments, &[2, 2], n_segments).bits(codes.view(), &weights)
    }

    #[test]
    fn segments_that_tell_one_column_from_the_other_gain_that_columns_bits() {
        let alike = rows(4_000, |row| (row % 2) as u32);
        let segments: Vec<usize> = (0..4_000).map(|row| row % 2).collect();
        let gained = bits(&alike, &segments);
        assert!((gained.mean - 1.0).abs() < 0.1, "{gained:?}");
    }

    #[test]
    fn segments_that_restate_one_of_independent_columns_gain_nothing() {
        let independent = rows(4_000, |row| (row / 2 % 2) as u32);
        let segments: Vec<usize> = (0..4_000).map(|row| row % 2).collect();
        let gained = bits(&independent, &segments);
        assert!(gained.mean.abs() < 0.001, "{gained:?}");
    }

    #[test]
    fn a_missing_value_tells_nothing() {
        let alike = rows(1_000, |row| (row % 2) as u32);
        let segments: Vec<usize> = (0..1_000).map(|row| row % 2).collect();
        let density = SegmentDensity::fit(alike.view(), &[1; 1_000], &segments, &[2, 2], 2);
        let unknown = Array2::from_elem((1, 2), NO_VALUE);
        assert!(density.bits(unknown.view(), &[1]).mean.abs() < 1e-9);
    }

    #[test]
    fn a_row_of_many_customers_counts_as_many_rows() {
        let (many, one) = (rows(400, |row| (row % 2) as u32), rows(4, |row| (row % 2) as u32));
        let split = |n: usize| (0..n).map(|row| row % 2).collect::<Vec<usize>>();
        let each = bits(&many, &split(400));
        let density = SegmentDensity::fit(one.view(), &[100; 4], &split(4), &[2, 2], 2);
        let together = density.bits(one.view(), &[100; 4]);
        assert!((each.mean - together.mean).abs() < 1e-12);
        assert!((each.standard_error - together.standard_error).abs() < 1e-12);
    }
}
