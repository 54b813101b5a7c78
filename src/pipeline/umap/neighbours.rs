//! Exact nearest neighbours by Euclidean distance, ties broken by index.
//!
//! One-hot profiles are full of equal distances. Squares of `f32` differences are exact in `f64`, so sums that are
//! equal on paper are equal here whatever the order of the columns, and the index decides between them.
//!
//! Cost grows with the square of the number of points: comfortable up to some 20,000. An approximate search for more
//! has to fill the same [`Neighbours`]; nothing else asks how they were found.
#![expect(clippy::indexing_slicing, reason = "indices come from chunks and ranges of the very arrays they index")]

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::simd::{Kernel, Lanes, Simd};

/// Each query's nearest points, nearest first.
pub(super) struct Neighbours {
    pub(super) k: usize,
    /// `(n_queries, k)` row by row.
    pub(super) indices: Vec<u32>,
    /// `(n_queries, k)` row by row, in the points' units.
    pub(super) distances: Vec<f32>,
}

impl Neighbours {
    /// The nearest `k` of `points` to each of themselves, a point being among its own neighbours at distance 0.
    pub(super) fn among(points: &Points, k: usize, progress: &(dyn Fn(f32) + Sync)) -> Self {
        let n = points.len();
        let (mut indices, mut distances) = (vec![0; n * k], vec![0.0; n * k]);
        let done = std::sync::atomic::AtomicUsize::new(0);
        let blocks = indices.par_chunks_mut(QUERIES * k).zip(distances.par_chunks_mut(QUERIES * k)).enumerate();
        blocks.for_each_init(Search::default, |search, (block, (indices, distances))| {
            let first = block * QUERIES;
            let rows = first..(first + QUERIES).min(n);
            points.squared_distances(rows.clone().map(|i| points.row(i)), &mut search.squared);
            for (offset, squared) in search.squared.chunks_exact(points.padded_len()).take(rows.len()).enumerate() {
                let out = offset * k..(offset + 1) * k;
                nearest(&squared[..n], &mut search.keys, &mut indices[out.clone()], &mut distances[out]);
            }
            let before = done.fetch_add(rows.len(), std::sync::atomic::Ordering::Relaxed);
            if (before + rows.len()) * 20 / n > before * 20 / n {
                progress((before + rows.len()) as f32 / n as f32);
            }
        });
        Self { k, indices, distances }
    }
}

/// Queries measured together, so that a tile of points is read once for all of them.
const QUERIES: usize = 4;
/// Points measured together.
const TILE: usize = 8;

/// A thread's room for one search.
#[derive(Default)]
pub(super) struct Search {
    squared: Vec<f32>,
    keys: Vec<u64>,
}

impl Search {
    /// Fills `indices` and `distances` with the points nearest to `query`, nearest first.
    pub(super) fn nearest(&mut self, points: &Points, query: &[f32], indices: &mut [u32], distances: &mut [f32]) {
        points.squared_distances(std::iter::once(query), &mut self.squared);
        nearest(&self.squared[..points.len()], &mut self.keys, indices, distances);
    }
}

/// Selects the smallest of `squared`; among equals the lower index.
fn nearest(squared: &[f32], keys: &mut Vec<u64>, indices: &mut [u32], distances: &mut [f32]) {
    let k = indices.len();
    keys.clear();
    keys.extend(squared.iter().enumerate().map(|(i, &d)| order_key(d, i)));
    if k < keys.len() {
        keys.select_nth_unstable(k);
    }
    let chosen = &mut keys[..k];
    chosen.sort_unstable();
    for ((key, index), distance) in chosen.iter().zip(indices).zip(distances) {
        *index = *key as u32;
        *distance = f32::from_bits((key >> 32) as u32).sqrt();
    }
}

/// Orders by distance, then by index: the bits of floats that are not negative order as the floats do.
pub(super) fn order_key(squared_distance: f32, index: usize) -> u64 {
    u64::from(squared_distance.to_bits()) << 32 | index as u64
}

/// Points laid out for measuring distances to all of them.
pub(super) struct Points {
    rows: Array2<f32>,
    /// `(n / TILE rounded up, n_features)` tiles of one feature of [`TILE`] points; the last tile is filled with zeros.
    tiles: Vec<[f32; TILE]>,
    simd: Simd,
}

impl Points {
    /// `points` are `(n_points, n_features)`, finite.
    pub(super) fn new(points: ArrayView2<'_, f32>) -> Self {
        let (n, n_features) = points.dim();
        let rows = Array2::from_shape_fn((n, n_features), |at| points[at]);
        let mut tiles = vec![[0.0; TILE]; n.div_ceil(TILE) * n_features];
        for (i, row) in rows.outer_iter().enumerate() {
            for (feature, &value) in row.iter().enumerate() {
                tiles[i / TILE * n_features + feature][i % TILE] = value;
            }
        }
        Self { rows, tiles, simd: Simd::detect() }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.nrows()
    }

    pub(super) fn n_features(&self) -> usize {
        self.rows.ncols()
    }

    /// `(n_points, n_features)`.
    pub(super) fn rows(&self) -> ArrayView2<'_, f32> {
        self.rows.view()
    }

    pub(super) fn row(&self, i: usize) -> &[f32] {
        let n_features = self.n_features();
        self.rows.as_slice().map_or(&[], |all| &all[i * n_features..(i + 1) * n_features])
    }

    fn padded_len(&self) -> usize {
        self.len().next_multiple_of(TILE)
    }

    /// Squared distances of up to [`QUERIES`] queries to every point, one row of [`Self::padded_len`] a query.
    ///
    /// Beyond the range of `f32` they saturate: such points are equally far.
    fn squared_distances<'a>(&self, queries: impl Iterator<Item = &'a [f32]>, out: &mut Vec<f32>) {
        let mut block: [&[f32]; QUERIES] = [&[]; QUERIES];
        let mut found = 0;
        for (slot, query) in block.iter_mut().zip(queries) {
            *slot = query;
            found += 1;
        }
        // A short block repeats its first query: the kernel has no other width, and the rows are not read.
        for slot in found..QUERIES {
            block[slot] = block[0];
        }
        out.resize(QUERIES * self.padded_len(), 0.0);
        if found == 1 {
            self.simd.run(Distances { tiles: &self.tiles, queries: [block[0]], out });
        } else {
            self.simd.run(Distances { tiles: &self.tiles, queries: block, out });
        }
    }

    /// Squared distances from point `i` to every point.
    pub(super) fn squared_distances_from<'a>(&self, i: usize, out: &'a mut Vec<f32>) -> &'a [f32] {
        self.squared_distances(std::iter::once(self.row(i)), out);
        &out[..self.len()]
    }
}

struct Distances<'a, const Q: usize> {
    tiles: &'a [[f32; TILE]],
    queries: [&'a [f32]; Q],
    out: &'a mut [f32],
}

impl<const Q: usize> Kernel for Distances<'_, Q> {
    type Output = ();

    /// Needs no lane operation of its own: the inner loop over a tile vectorises as it stands.
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let n_features = self.queries[0].len();
        if n_features == 0 {
            return self.out.fill(0.0);
        }
        let padded = self.tiles.len() / n_features * TILE;
        for (number, tile) in self.tiles.chunks_exact(n_features).enumerate() {
            let mut sums = [[0.0_f64; TILE]; Q];
            for (feature, values) in tile.iter().enumerate() {
                for (query, sums) in self.queries.iter().zip(&mut sums) {
                    for (sum, value) in sums.iter_mut().zip(values) {
                        let difference = f64::from(query[feature] - value);
                        *sum += difference * difference;
                    }
                }
            }
            for (q, sums) in sums.iter().enumerate() {
                let start = q * padded + number * TILE;
                for (out, &sum) in self.out[start..start + TILE].iter_mut().zip(sums) {
                    *out = (sum as f32).min(f32::MAX);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::umap::random;

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
        let (mut indices, mut distances) = ([0; 6], [0.0; 6]);
        for i in 0..29 {
            Search::default().nearest(&points, points.row(i), &mut indices, &mut distances);
            assert_eq!((&indices[..], &distances[..]), (&all.indices[i * 6..][..6], &all.distances[i * 6..][..6]));
        }
    }

    #[test]
    fn distances_beyond_the_range_of_f32_saturate() {
        let points = Points::new(ndarray::array![[0.0], [3e38], [-3e38]].view());
        assert!(Neighbours::among(&points, 3, &|_| {}).distances.iter().all(|d| d.is_finite()));
    }
}
