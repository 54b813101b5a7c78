//! How far the neighbourhoods of an embedding can be trusted.
#![expect(clippy::indexing_slicing, reason = "neighbours are indices of the points they were searched among")]

use ndarray::{ArrayView2, s};
use rayon::prelude::*;

use super::neighbours::{Points, Search, order_key};

/// The share, 0 to 1, in which each point's `k` nearest in the embedding are among its nearest in the original space
/// (Venna and Kaski 2001; the formula of `sklearn.manifold.trustworthiness`).
///
/// Exact, in time `n² · (n_features + n_components + k)`. Equal distances count in the order of their index. The measure is
/// defined for `k` below half the number of points: a larger `k` is lowered to that, and fewer than 3 points are fully
/// trustworthy. `points` are `(n_points, n_features)` and `embedding` `(n_points, n_components)`; surplus rows of either
/// are not looked at.
pub fn trustworthiness(points: ArrayView2<'_, f32>, embedding: ArrayView2<'_, f32>, k: usize) -> f64 {
    let n = points.nrows().min(embedding.nrows());
    let k = k.min(n.saturating_sub(1) / 2);
    if k == 0 {
        return 1.0;
    }
    let (points, embedding) = (Points::new(points.slice(s![..n, ..])), Points::new(embedding.slice(s![..n, ..])));
    let penalty: u64 = (0..n)
        .into_par_iter()
        .map_init(Room::default, |room, i| {
            let (points, embedding, squared) = (&points, &embedding, &mut room.squared);
            room.indices.resize(k + 1, 0);
            room.distances.resize(k + 1, 0.0);
            room.search.nearest(embedding, embedding.row(i), &mut room.indices, &mut room.distances);
            let squared = points.squared_distances_from(i, squared);
            let others = room.indices.iter().map(|&j| j as usize).filter(|&j| j != i).take(k);
            others.map(|j| rank(squared, i, j).saturating_sub(k as u64)).sum::<u64>()
        })
        .sum();
    let (n, k) = (n as f64, k as f64);
    1.0 - penalty as f64 * 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0))
}

#[derive(Default)]
struct Room {
    search: Search,
    indices: Vec<u32>,
    distances: Vec<f32>,
    squared: Vec<f32>,
}

/// The place of `j` among the others by distance from `i`, counted from 1.
fn rank(squared: &[f32], i: usize, j: usize) -> u64 {
    let key = order_key(squared[j], j);
    let nearer = squared.iter().enumerate().map(|(m, &d)| u64::from(order_key(d, m) < key)).sum::<u64>();
    nearer + u64::from(order_key(squared[i], i) >= key)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn a_faithful_embedding_is_trusted_fully_and_a_scrambled_one_less() {
        let points = Array2::from_shape_fn((40, 1), |(i, _)| i as f32);
        assert_eq!(trustworthiness(points.view(), (&points * 3.0).view(), 5), 1.0);
        let scrambled = Array2::from_shape_fn((40, 1), |(i, _)| (i * 17 % 40) as f32);
        assert!(trustworthiness(points.view(), scrambled.view(), 5) < 0.7);
    }

    #[test]
    fn a_small_case_agrees_with_the_formula_by_hand() {
        // Nearest in the embedding: 0 → 2 (rank 2), 1 → 3 (rank 3), 2 → 0 (rank 3), 3 → 1 (rank 3), 4 → 3 (rank 1).
        let (points, embedding) =
            (array![[0.0], [1.0], [2.1], [3.3], [4.6]], array![[0.0], [10.0], [1.0], [11.0], [12.5]]);
        let expected = 1.0 - 2.0 / (5.0 * (10.0 - 3.0 - 1.0)) * (1.0 + 2.0 + 2.0 + 2.0 + 0.0);
        assert!((trustworthiness(points.view(), embedding.view(), 1) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_handful_of_points_has_a_score_too() {
        for n in 0..5 {
            let points = Array2::<f32>::zeros((n, 2));
            assert_eq!(trustworthiness(points.view(), points.view(), 15), 1.0);
        }
    }
}
