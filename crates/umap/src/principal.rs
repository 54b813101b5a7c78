//! A map of many dimensions in two: the plane in which it varies most.
#![expect(clippy::indexing_slicing, reason = "all vectors have the dimensions of the map")]

use ndarray::ArrayView2;

use super::spectral::symmetric_eigen;

/// The first two principal components of weighted points (Hotelling 1933).
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalPlane {
    /// The position of each point in the plane, relative to the weighted mean of all.
    pub positions: Vec<[f64; 2]>,
    /// The share of the points' variance that lies in the plane, 0 to 1; 1 if there is no variance.
    pub variance_share: f64,
}

/// Projects `points`, `(n_points, n_dimensions)`, on the two directions of their largest variance. Point `i` counts
/// `weights[i]` times; surplus points or weights are ignored for the variance. The second coordinate of points on a
/// line is 0.
///
/// An eigenvector has no sign: its largest component, the first of equal ones, is made positive.
pub fn principal_plane(points: ArrayView2<'_, f32>, weights: &[u32]) -> PrincipalPlane {
    let n_dimensions = points.ncols();
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum::<f64>().max(1.0);
    let mut mean = vec![0.0; n_dimensions];
    for (row, &weight) in points.rows().into_iter().zip(weights) {
        for (mean, &x) in mean.iter_mut().zip(row) {
            *mean += f64::from(x) * f64::from(weight) / total;
        }
    }
    let centred =
        |row: usize| -> Vec<f64> { points.row(row).iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect() };
    let mut covariance = vec![vec![0.0; n_dimensions]; n_dimensions];
    for (row, &weight) in weights.iter().enumerate().take(points.nrows()) {
        let x = centred(row);
        for i in 0..n_dimensions {
            for j in 0..n_dimensions {
                covariance[i][j] += x[i] * x[j] * f64::from(weight) / total;
            }
        }
    }
    let (values, vectors) = symmetric_eigen(covariance);
    let axes: Vec<Vec<f64>> = vectors.into_iter().take(2).map(with_sign).collect();
    let on = |axis: usize, x: &[f64]| axes.get(axis).map_or(0.0, |axis| axis.iter().zip(x).map(|(a, x)| a * x).sum());
    let positions = (0..points.nrows()).map(centred).map(|x| [on(0, &x), on(1, &x)]).collect();
    let variance: f64 = values.iter().map(|value| value.max(0.0)).sum();
    let shown: f64 = values.iter().take(2).map(|value| value.max(0.0)).sum();
    PrincipalPlane { positions, variance_share: if variance > 0.0 { shown / variance } else { 1.0 } }
}

fn with_sign(mut axis: Vec<f64>) -> Vec<f64> {
    // A tolerance: components that differ only by rounding must not flip the picture.
    let largest = axis.iter().fold(0.0, |largest: f64, x| largest.max(x.abs())) * (1.0 - 1e-9);
    if axis.iter().find(|x| x.abs() >= largest).is_some_and(|&x| x < 0.0) {
        axis.iter_mut().for_each(|x| *x = -*x);
    }
    axis
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, array};

    use super::*;

    #[test]
    fn the_axes_are_those_of_the_largest_variance_with_a_fixed_sign() {
        // Long along the third dimension, shorter along the first, next to nothing along the second.
        let points = array![[2.0_f32, 0.0, 9.0], [-2.0, 0.1, 9.0], [2.0, 0.1, -9.0], [-2.0, 0.0, -9.0]];
        let plane = principal_plane(points.view(), &[1; 4]);
        for (position, expected) in plane.positions.iter().zip([[9.0, 2.0], [9.0, -2.0], [-9.0, 2.0], [-9.0, -2.0]]) {
            let gap = (position[0] - expected[0]).abs().max((position[1] - expected[1]).abs());
            assert!(gap < 1e-5, "{position:?}");
        }
        assert!(plane.variance_share > 0.999 && plane.variance_share < 1.0);
        let turned = principal_plane((-1.0_f32 * &points).view(), &[1; 4]);
        assert!(turned.positions.iter().zip(&plane.positions).all(|(a, b)| (a[0] + b[0]).abs() < 1e-5));
    }

    #[test]
    fn a_weight_counts_as_so_many_points() {
        let points = Array2::from_shape_fn((9, 4), |(i, j)| ((i * 7 + j * j * 3) % 11) as f32);
        let weights = [1, 3, 1, 2, 1, 1, 4, 1, 2];
        let copies: Vec<usize> = (0..9).flat_map(|i| std::iter::repeat_n(i, weights[i] as usize)).collect();
        let weighted = principal_plane(points.view(), &weights);
        let copied = principal_plane(points.select(Axis(0), &copies).view(), &vec![1; copies.len()]);
        for (position, &original) in copied.positions.iter().zip(&copies) {
            let expected = weighted.positions[original];
            assert!((position[0] - expected[0]).abs() < 1e-9 && (position[1] - expected[1]).abs() < 1e-9);
        }
        assert!((weighted.variance_share - copied.variance_share).abs() < 1e-12);
    }

    #[test]
    fn points_on_a_line_and_equal_points_have_a_plane_too() {
        let line = principal_plane(array![[0.0_f32], [1.0], [2.0]].view(), &[1; 3]);
        assert_eq!(line.positions, [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]);
        let spot = principal_plane(array![[3.0_f32, 4.0], [3.0, 4.0]].view(), &[1, 5]);
        assert_eq!((spot.positions, spot.variance_share), (vec![[0.0; 2]; 2], 1.0));
    }
}
