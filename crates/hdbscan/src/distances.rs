//! Squared Euclidean distances from one point to all others.
//!
//! Coordinates are stored column by column, so that one loop adds a feature's squares for many points at once.
//!
//! Invariant: every sum adds its terms in the order of the features. So the distances from a to b and from b to a have
//! the same bits, and equal distances compare equal.
#![expect(
    clippy::indexing_slicing,
    reason = "every index is below the point or feature count the columns were built with"
)]

use ndarray::ArrayView2;

use super::errors::HdbscanError;
use super::limits::MAX_COORDINATE;

/// Points whose sums are built together: a block of sums stays in the first-level cache.
pub(super) const BLOCK: usize = 512;

/// Points `(n_points, n_features)`, column by column.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    n_points: usize,
    n_features: usize,
    data: Vec<f64>,
}

impl Columns {
    /// Copies `points`, `(n_points, n_features)`.
    ///
    /// # Errors
    /// [`HdbscanError::NonFinite`] and [`HdbscanError::CoordinateTooLarge`] name the first bad coordinate.
    pub fn new(points: ArrayView2<'_, f64>) -> Result<Self, HdbscanError> {
        check_coordinates(points)?;
        let (n_points, n_features) = points.dim();
        Ok(Self { n_points, n_features, data: points.t().iter().copied().collect() })
    }

    pub fn n_points(&self) -> usize {
        self.n_points
    }

    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// One feature of every point, `(n_points)`.
    pub fn column(&self, feature: usize) -> &[f64] {
        &self.data[feature * self.n_points..(feature + 1) * self.n_points]
    }

    /// The coordinates of one point, `(n_features)`.
    pub fn point(&self, point: usize) -> impl Iterator<Item = f64> + '_ {
        (0..self.n_features).map(move |feature| self.column(feature)[point])
    }

    /// The squared distance from `query` to one point.
    pub fn squared_distance(&self, query: &[f64], point: usize) -> f64 {
        let differences = self.point(point).zip(query).map(|(value, &coordinate)| value - coordinate);
        differences.fold(0.0, |sum, difference| sum + difference * difference)
    }

    /// Writes the squared distance from `query` to every point into `squared`, `(n_points)`.
    pub fn squared_distances(&self, query: &[f64], squared: &mut [f64]) {
        for (block, sums) in squared.chunks_mut(BLOCK).enumerate() {
            let start = block * BLOCK;
            sums.fill(0.0);
            for (feature, &coordinate) in query.iter().enumerate() {
                add_squares(&self.column(feature)[start..start + sums.len()], coordinate, sums);
            }
        }
    }
}

/// Adds `(column − coordinate)²` to `sums`, element by element.
pub(super) fn add_squares(column: &[f64], coordinate: f64, sums: &mut [f64]) {
    for (sum, &value) in sums.iter_mut().zip(column) {
        let difference = value - coordinate;
        *sum += difference * difference;
    }
}

/// Refuses coordinates whose distances would not be finite.
///
/// # Errors
/// [`HdbscanError::NonFinite`] and [`HdbscanError::CoordinateTooLarge`] name the first bad coordinate.
pub(super) fn check_coordinates(points: ArrayView2<'_, f64>) -> Result<(), HdbscanError> {
    for ((row, column), value) in points.indexed_iter() {
        if !value.is_finite() {
            return Err(HdbscanError::NonFinite { row, column });
        }
        if value.abs() > MAX_COORDINATE {
            return Err(HdbscanError::CoordinateTooLarge { row, column });
        }
    }
    Ok(())
}

/// Writes the `k` smallest of `values` into `smallest`, ascending; all of them where there are fewer.
pub(super) fn smallest_into(values: &[f64], k: usize, smallest: &mut Vec<f64>) {
    smallest.clear();
    let mut worst = f64::INFINITY;
    for &value in values {
        if value < worst || smallest.len() < k {
            smallest.truncate(k.saturating_sub(1));
            let place = smallest.partition_point(|&kept| kept <= value);
            smallest.insert(place, value);
            if smallest.len() == k {
                worst = smallest[k - 1];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn distances_are_symmetric_to_the_bit() {
        let points = array![[0.1, 0.2, 0.3], [1.7, -2.9, 0.11], [3.3, 1e-9, 7.0]];
        let columns = Columns::new(points.view()).unwrap();
        let row = |i: usize| {
            let mut squared = vec![0.0; 3];
            columns.squared_distances(&columns.point(i).collect::<Vec<_>>(), &mut squared);
            squared
        };
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            assert_eq!(row(i)[j].to_bits(), row(j)[i].to_bits());
        }
        assert_eq!(row(1)[1], 0.0);
    }

    #[test]
    fn the_smallest_come_in_order_and_with_their_ties() {
        let mut smallest = Vec::new();
        smallest_into(&[3.0, 1.0, 2.0, 1.0, 0.5], 3, &mut smallest);
        assert_eq!(smallest, [0.5, 1.0, 1.0]);
        smallest_into(&[2.0, 1.0], 5, &mut smallest);
        assert_eq!(smallest, [1.0, 2.0]);
    }

    #[test]
    fn the_first_bad_coordinate_is_named() {
        let refused = |value: f64| Columns::new(array![[0.0, 1.0], [2.0, value]].view()).unwrap_err();
        assert_eq!(refused(f64::NAN), HdbscanError::NonFinite { row: 1, column: 1 });
        assert_eq!(refused(f64::NEG_INFINITY), HdbscanError::NonFinite { row: 1, column: 1 });
        assert_eq!(refused(-1e200), HdbscanError::CoordinateTooLarge { row: 1, column: 1 });
    }
}
