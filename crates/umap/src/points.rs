//! Points stored for measuring distances, and the distance that decides.
//!
//! One-hot data have many equal distances. Squares of `f32` differences are exact in `f64`, so sums that are equal on
//! paper are equal here, whatever the order of the columns, and the index decides between them. Searches measure in
//! `f32` first (`candidate_heap`, `descent`), and use [`Points::measure`] for the few points that are left.
#![expect(clippy::indexing_slicing, reason = "rows and tiles are counted from the points they index")]

use std::sync::OnceLock;

use ndarray::{Array2, ArrayView2};

use super::simd::Simd;

/// Points that are measured together.
pub(super) const TILE: usize = 8;

/// A set of points, stored by rows and by tiles.
#[derive(Clone)]
pub(super) struct Points {
    /// `(n_points, n_features)`, in standard layout.
    rows: Array2<f32>,
    /// Coordinates, `[tile][feature][lane]`: each entry is one feature of [`TILE`] points. The last tile is filled up
    /// with zeros.
    ///
    /// Made when they are first asked for: an approximate search needs none, and many points take much memory.
    tiles: OnceLock<Vec<[f32; TILE]>>,
    pub(super) simd: Simd,
}

impl Points {
    /// `points` are `(n_points, n_features)`, finite.
    pub(super) fn new(points: ArrayView2<'_, f32>) -> Self {
        Self::of(points.as_standard_layout().into_owned())
    }

    /// `rows` are `(n_points, n_features)` in standard layout, finite.
    pub(super) fn of(rows: Array2<f32>) -> Self {
        Self { rows, tiles: OnceLock::new(), simd: Simd::detect() }
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

    /// The tiles of the points from `first`, a multiple of [`TILE`], up to `end` or to the last point.
    pub(super) fn tiles(&self, first: usize, end: usize) -> &[[f32; TILE]] {
        let n_features = self.n_features();
        let tiles = self.tiles.get_or_init(|| tiles_of(self.rows()));
        &tiles[first / TILE * n_features..end.min(self.len()).div_ceil(TILE) * n_features]
    }

    /// Replaces each of `keys`, which hold a point in their lower 32 bits, by the [`order_key`] of its distance to
    /// `query`.
    ///
    /// Squared distances beyond the range of `f32` saturate: such points are equally far.
    pub(super) fn measure(&self, query: &[f32], keys: &mut [u64]) {
        // Four sums at a time: a single one would wait for each of its additions.
        for keys in keys.chunks_mut(4) {
            let mut rows: [&[f32]; 4] = [query; 4];
            for (row, key) in rows.iter_mut().zip(keys.iter()) {
                *row = self.row(*key as u32 as usize);
            }
            let mut sums = [0.0_f64; 4];
            let [a, b, c, d] = rows;
            for ((((x, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
                for (sum, y) in sums.iter_mut().zip([a, b, c, d]) {
                    let difference = f64::from(x - y);
                    *sum += difference * difference;
                }
            }
            for (key, sum) in keys.iter_mut().zip(sums) {
                *key = order_key((sum as f32).min(f32::MAX), *key as u32);
            }
        }
    }
}

/// `rows` as [`Points`] stores them by tiles.
fn tiles_of(rows: ArrayView2<'_, f32>) -> Vec<[f32; TILE]> {
    let (n, n_features) = rows.dim();
    let mut tiles = vec![[0.0; TILE]; n.div_ceil(TILE) * n_features];
    for (i, row) in rows.outer_iter().enumerate() {
        for (feature, &value) in row.iter().enumerate() {
            tiles[i / TILE * n_features + feature][i % TILE] = value;
        }
    }
    tiles
}

/// A number that orders by distance, then by index. The bits of floats that are not negative have the order of the
/// floats.
pub(super) fn order_key(squared_distance: f32, index: u32) -> u64 {
    u64::from(squared_distance.to_bits()) << 32 | u64::from(index)
}

/// The squared distance of an [`order_key`].
pub(super) fn key_distance(key: u64) -> f32 {
    f32::from_bits((key >> 32) as u32)
}
