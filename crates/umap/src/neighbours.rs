//! Lists of nearest neighbours by Euclidean distance, and the exact search for them. Equal distances are in the order
//! of their index.
#![expect(clippy::indexing_slicing, reason = "indices come from chunks and ranges of the arrays they index")]

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::candidate_heap::Search;
use super::points::{Points, key_distance};

/// Queries that one thread takes at a time. They share a panel of points while that is in the cache.
const QUERIES_A_TASK: usize = 32;

/// Each query's nearest points, nearest first.
pub(super) struct Neighbours {
    pub(super) k: usize,
    /// `(n_queries, k)` row by row.
    pub(super) indices: Vec<u32>,
    /// `(n_queries, k)` row by row, in the points' units.
    pub(super) distances: Vec<f32>,
}

impl Neighbours {
    /// The nearest `k` of `points` to each of themselves. A point is among its own neighbours, at distance 0.
    pub(super) fn among(points: &Points, k: usize, progress: &(dyn Fn(f32) + Sync)) -> Self {
        let n = points.len();
        let done = AtomicUsize::new(0);
        Self::searched(points, points.rows(), k, &|queries| {
            let before = done.fetch_add(queries, Ordering::Relaxed);
            if (before + queries) * 20 / n > before * 20 / n {
                progress((before + queries) as f32 / n as f32);
            }
        })
    }

    /// The nearest `k` of `points` to each of `queries`, `(n_queries, n_features)` and finite.
    pub(super) fn of(points: &Points, queries: ArrayView2<'_, f32>, k: usize) -> Self {
        Self::searched(points, queries, k, &|_| {})
    }

    /// `progress` hears how many queries are done, each time some are.
    fn searched(points: &Points, queries: ArrayView2<'_, f32>, k: usize, progress: &(dyn Fn(usize) + Sync)) -> Self {
        let queries = queries.as_standard_layout();
        let (n, n_features) = queries.dim();
        let coordinates = queries.as_slice().unwrap_or_default();
        let (mut indices, mut distances) = (vec![0; n * k], vec![0.0; n * k]);
        let rows = indices.par_chunks_mut(QUERIES_A_TASK * k).zip(distances.par_chunks_mut(QUERIES_A_TASK * k));
        let tasks = coordinates.par_chunks(QUERIES_A_TASK * n_features).zip(rows);
        tasks.for_each_init(Search::default, |search, (queries, (indices, distances))| {
            search.nearest(points, queries.chunks_exact(n_features), k, |query, keys| {
                let row = query * k..(query + 1) * k;
                for ((key, index), distance) in keys.iter().zip(&mut indices[row.clone()]).zip(&mut distances[row]) {
                    (*index, *distance) = (*key as u32, key_distance(*key).sqrt());
                }
            });
            progress(queries.len() / n_features);
        });
        Self { k, indices, distances }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::random;
    use super::*;

    fn by_hand(points: ArrayView2<'_, f32>, i: usize, k: usize) -> Vec<u32> {
        let mut all: Vec<(f64, u32)> = (0..points.nrows())
            .map(|j| {
                let squared = |c| (f64::from(points[[i, c]]) - f64::from(points[[j, c]])).powi(2);
                ((0..points.ncols()).map(squared).sum(), j as u32)
            })
            .collect();
        all.sort_by(|a, b| a.partial_cmp(b).unwrap());
        all[..k].iter().map(|&(_, j)| j).collect()
    }

    #[test]
    fn the_nearest_are_found_and_equals_come_in_the_order_of_their_index() {
        for (n, levels) in [(3, 2.0), (37, 2.0), (100, 1e6)] {
            let points = Array2::from_shape_fn((n, 5), |(i, j)| {
                (random::symmetric(9, (i * 5 + j) as u64) * levels).round() as f32
            });
            let k = n.min(15);
            let found = Neighbours::among(&Points::new(points.view()), k, &|_| {});
            for i in 0..n {
                assert_eq!(found.indices[i * k..(i + 1) * k], by_hand(points.view(), i, k), "{n} {i}");
            }
        }
    }

    #[test]
    fn one_query_finds_what_a_block_of_them_finds() {
        let points = Points::new(Array2::from_shape_fn((29, 4), |(i, j)| ((i * 7 + j * 3) % 5) as f32).view());
        let all = Neighbours::among(&points, 6, &|_| {});
        for i in 0..29 {
            let one = Neighbours::of(&points, points.rows().slice(ndarray::s![i..=i, ..]), 6);
            assert_eq!(
                (&one.indices[..], &one.distances[..]),
                (&all.indices[i * 6..][..6], &all.distances[i * 6..][..6])
            );
        }
    }

    #[test]
    fn the_order_of_the_columns_does_not_separate_equally_far_points() {
        // Sums in `f32` would: 60 points have the same 300 coordinates, each rotated by another number of columns.
        let points =
            Array2::from_shape_fn((60, 300), |(i, j)| random::symmetric(5, ((i * 37 + j) % 300) as u64) as f32);
        let found = Neighbours::of(&Points::new(points.view()), Array2::zeros((1, 300)).view(), 20);
        assert_eq!(found.indices, (0..20).collect::<Vec<u32>>());
    }

    #[test]
    fn distances_beyond_the_range_of_f32_saturate() {
        let points = Points::new(ndarray::array![[0.0], [3e38], [-3e38]].view());
        assert!(Neighbours::among(&points, 3, &|_| {}).distances.iter().all(|d| d.is_finite()));
    }
}
