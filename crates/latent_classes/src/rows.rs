//! Weighted rows in canonical order, and where each value of each column has its slot.
#![expect(clippy::indexing_slicing, reason = "positions are counted from the arrays that are indexed")]

use ndarray::ArrayView2;

use super::errors::LatentClassError;
use super::limits::{MAX_CODE, MAX_VALUES};

/// The code of a value that a row does not have. It says nothing about the row's class.
pub const MISSING: u32 = u32::MAX;

/// The slots of the values: for each column one a code, and one more for what is skipped.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    /// The first slot of each column.
    starts: Vec<usize>,
    /// How many codes each column has.
    n_values: Vec<usize>,
}

impl Layout {
    pub fn new(n_values: Vec<usize>) -> Self {
        let mut next = 0;
        let start_of = |n: &usize| {
            next += n + 1;
            next - n - 1
        };
        let starts = n_values.iter().map(start_of).collect();
        Self { starts, n_values }
    }

    pub fn n_columns(&self) -> usize {
        self.n_values.len()
    }

    /// How many codes each column has.
    pub fn n_values(&self) -> &[usize] {
        &self.n_values
    }

    /// All slots, those of skipped values among them.
    pub fn n_slots(&self) -> usize {
        self.n_values.iter().map(|n| n + 1).sum()
    }

    /// The slots of a column's codes.
    pub fn slots(&self, column: usize) -> std::ops::Range<usize> {
        self.starts[column]..self.starts[column] + self.n_values[column]
    }

    /// The slot of a skipped value.
    pub fn skipped(&self, column: usize) -> usize {
        self.starts[column] + self.n_values[column]
    }

    /// The slot of a code; a code that the layout does not have is skipped, like a missing one.
    pub fn slot(&self, column: usize, code: u32) -> u32 {
        (self.starts[column] + (code as usize).min(self.n_values[column])) as u32
    }
}

/// The distinct rows of a fit, sorted by their codes, with the sums of their weights: the same for the same multiset of
/// rows in any order.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub layout: Layout,
    /// The slots of each row, `(n_rows, n_columns)`.
    pub slots: Vec<u32>,
    pub weights: Vec<f64>,
    pub total_weight: f64,
    /// For each slot the share of its value among the rows that have one in its column; 0 for the skipped.
    pub shares: Vec<f64>,
}

impl Rows {
    /// The distinct rows of `codes`, `(n_rows, n_columns)`.
    pub fn new(codes: ArrayView2<'_, u32>, weights: &[u32]) -> Result<Self, LatentClassError> {
        check(codes, weights)?;
        let known = |column: usize| codes.column(column).into_iter().copied().filter(|&code| code != MISSING);
        let n_values: Vec<usize> =
            (0..codes.ncols()).map(|column| known(column).max().map_or(0, |code| code as usize + 1)).collect();
        let n_total: usize = n_values.iter().sum();
        if n_total > MAX_VALUES {
            return Err(LatentClassError::TooManyValues(n_total));
        }
        let layout = Layout::new(n_values);
        let mut sorted: Vec<(Vec<u32>, u64)> =
            codes.rows().into_iter().zip(weights).map(|(row, &weight)| (row.to_vec(), u64::from(weight))).collect();
        sorted.sort_unstable();
        sorted.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 += next.1;
            }
            is_same
        });
        let slots = sorted
            .iter()
            .flat_map(|(row, _)| row.iter().enumerate().map(|(column, &code)| layout.slot(column, code)))
            .collect();
        let weights: Vec<f64> = sorted.iter().map(|&(_, weight)| weight as f64).collect();
        let mut rows = Self { total_weight: weights.iter().sum(), shares: Vec::new(), layout, slots, weights };
        rows.shares = rows.overall_shares();
        Ok(rows)
    }

    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// The slots of row `row`.
    pub fn row(&self, row: usize) -> &[u32] {
        let n_columns = self.layout.n_columns();
        &self.slots[row * n_columns..(row + 1) * n_columns]
    }

    /// How many values of a column some row has.
    pub fn n_seen(&self, column: usize) -> usize {
        self.layout.slots(column).filter(|&slot| self.shares[slot] > 0.0).count()
    }

    fn overall_shares(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.layout.n_slots()];
        for (row, &weight) in self.weights.iter().enumerate() {
            for &slot in self.row(row) {
                sums[slot as usize] += weight;
            }
        }
        for column in 0..self.layout.n_columns() {
            sums[self.layout.skipped(column)] = 0.0;
            let total: f64 = sums[self.layout.slots(column)].iter().sum();
            if total > 0.0 {
                sums[self.layout.slots(column)].iter_mut().for_each(|sum| *sum /= total);
            }
        }
        sums
    }
}

fn check(codes: ArrayView2<'_, u32>, weights: &[u32]) -> Result<(), LatentClassError> {
    if codes.ncols() == 0 {
        return Err(LatentClassError::NoColumns);
    }
    if codes.nrows() == 0 {
        return Err(LatentClassError::NoRows);
    }
    if weights.len() != codes.nrows() {
        return Err(LatentClassError::WeightsLength { rows: codes.nrows(), weights: weights.len() });
    }
    if let Some(row) = weights.iter().position(|&weight| weight == 0) {
        return Err(LatentClassError::ZeroWeight(row));
    }
    match codes.indexed_iter().find(|&(_, &code)| code != MISSING && code > MAX_CODE) {
        Some(((row, column), &code)) => Err(LatentClassError::CodeTooLarge { row, column, code }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn equal_rows_are_one_and_their_order_is_their_own() {
        let rows = Rows::new(array![[1, 0], [0, 2], [1, 0], [0, MISSING]].view(), &[1, 2, 3, 4]).unwrap();
        assert_eq!((rows.weights.as_slice(), rows.total_weight), (&[2.0, 4.0, 4.0][..], 10.0));
        let shuffled = Rows::new(array![[0, MISSING], [1, 0], [0, 2]].view(), &[4, 4, 2]).unwrap();
        assert_eq!((rows.slots, rows.weights, rows.shares), (shuffled.slots, shuffled.weights, shuffled.shares));
    }

    #[test]
    fn shares_are_of_those_that_have_a_value() {
        let rows = Rows::new(array![[0], [2], [MISSING]].view(), &[1, 3, 6]).unwrap();
        assert_eq!(rows.shares, [0.25, 0.0, 0.75, 0.0]);
        assert_eq!(rows.n_seen(0), 2);
    }

    #[test]
    fn rows_that_cannot_be_fitted_are_refused() {
        let refused = |codes: ndarray::Array2<u32>, weights: &[u32]| Rows::new(codes.view(), weights).unwrap_err();
        assert_eq!(refused(ndarray::Array2::zeros((0, 2)), &[]), LatentClassError::NoRows);
        assert_eq!(refused(ndarray::Array2::zeros((2, 0)), &[1, 1]), LatentClassError::NoColumns);
        assert_eq!(refused(array![[0]], &[1, 1]), LatentClassError::WeightsLength { rows: 1, weights: 2 });
        assert_eq!(refused(array![[0], [1]], &[1, 0]), LatentClassError::ZeroWeight(1));
        let too_large = LatentClassError::CodeTooLarge { row: 0, column: 1, code: 65_536 };
        assert_eq!(refused(array![[0, 65_536]], &[1]), too_large);
        let wide = ndarray::Array2::from_elem((1, 20), 65_535);
        assert_eq!(refused(wide, &[1]), LatentClassError::TooManyValues(20 * 65_536));
    }
}
