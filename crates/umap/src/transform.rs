//! Places new rows into a finished embedding.
//!
//! As in umap-learn, a row starts at the mean of its neighbours' positions, weighted by membership strength, or at the
//! position of a training point that it equals. Then it moves against the embedding, which stays. umap-learn takes the
//! largest weight and the number of epochs from the whole batch; here they come from the row itself, and the random
//! vertices are the same for every row. So a row's position never depends on the other rows.
#![expect(clippy::indexing_slicing, reason = "rows and lanes are counted from the arrays they index")]

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::curve::Curve;
use super::fuzzy_graph::{Scale, mean};
use super::kernel::{Epoch, Forces, Position};
use super::layout::{for_dimensions, packed, rate};
use super::neighbours::Neighbours;
use super::params::UmapValidParams;
use super::points::Points;
use super::random::{self, Purpose, mix64};
use super::schedule::Schedule;
use super::simd::Simd;
use super::single_point::SinglePoint;

/// The steps of a transform are this share of those of a fit.
const RATE_SHARE: f32 = 0.25;
/// In a fit a point is among its own neighbours, at strength 1. A new row is not, so its connectivity is lower by one.
const OWN_CONNECTIVITY: f32 = 1.0;

/// Up to this number of rows are laid out one by one, more of them together in the lanes. Eight together take as long
/// as two and a half alone.
const FEW: usize = 2;

/// The embedding that rows are placed into.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) points: &'a Points,
    /// `(n_points, n_components)`
    pub(super) embedding: ArrayView2<'a, f32>,
    /// The embedding as [`reference()`] stores it.
    pub(super) reference: &'a [[f32; 4]],
    pub(super) curve: Curve,
    pub(super) params: &'a UmapValidParams,
    /// The number of neighbours of a row.
    pub(super) k: usize,
}

/// `embedding`, `(n_points, n_components)`, as the kernels read it. It is made once for a model.
pub(super) fn reference(embedding: ArrayView2<'_, f32>) -> Vec<[f32; 4]> {
    for_dimensions!(embedding.ncols(), reference_in(embedding))
}

fn reference_in<const D: usize, const C: usize>(embedding: ArrayView2<'_, f32>) -> Vec<[f32; 4]> {
    packed::<C>(embedding).into_flattened()
}

/// Places `rows`, `(n_rows, n_features)`, which are finite; `left_out` has for each row the points that are none of its
/// neighbours. The result is `(n_rows, n_components)`.
pub(super) fn place(target: Target<'_>, rows: ArrayView2<'_, f32>, left_out: &[Vec<u32>]) -> Array2<f32> {
    for_dimensions!(target.embedding.ncols(), place_in(target, rows, left_out))
}

fn place_in<const D: usize, const C: usize>(
    target: Target<'_>,
    rows: ArrayView2<'_, f32>,
    left_out: &[Vec<u32>],
) -> Array2<f32> {
    let most_left_out = left_out.iter().map(Vec::len).max().unwrap_or(0);
    let sought = (target.k + most_left_out).min(target.points.len());
    let found = Neighbours::of(target.points, rows, sought);
    let neighbours = found.indices.par_chunks(sought).zip(found.distances.par_chunks(sought)).enumerate();
    let row = |(index, nearest): (usize, (&[u32], &[f32]))| {
        let left_out = left_out.get(index).map(Vec::as_slice).unwrap_or_default();
        let (indices, distances) = nearest_without(nearest, left_out, target.k);
        Row::new(target, index, (&indices, &distances))
    };
    let mut ready: Vec<Row> = neighbours.map(row).collect();
    // Lanes do not influence each other, but wait for the one with the most draws: rows with similar numbers go
    // together.
    ready.sort_by(|a, b| b.draws.total_cmp(&a.draws).then(a.index.cmp(&b.index)));
    let layout = Layout::<C>::new(target);
    let settled: Vec<_> = ready.par_chunks(8).map(|rows| layout.settle::<D>(rows)).collect();
    let mut placed = Array2::zeros((rows.nrows(), target.embedding.ncols()));
    for (row, position) in ready.iter().zip(settled.iter().flatten()) {
        placed.row_mut(row.index).iter_mut().zip(position.as_flattened()).for_each(|(to, &x)| *to = x);
    }
    placed
}

/// The first `k` of a row's neighbours and their distances, without those that are left out, if any are left.
fn nearest_without((indices, distances): (&[u32], &[f32]), left_out: &[u32], k: usize) -> (Vec<u32>, Vec<f32>) {
    let both = || indices.iter().copied().zip(distances.iter().copied());
    let kept: (Vec<u32>, Vec<f32>) = both().filter(|(index, _)| !left_out.contains(index)).take(k).unzip();
    if kept.0.is_empty() { both().take(k).unzip() } else { kept }
}

/// A row before its layout.
struct Row {
    /// Its index in the batch, which only serves to return it there.
    index: usize,
    /// The position where it starts, `(n_components)`.
    start: Vec<f32>,
    /// The training points that pull it, with their strengths.
    edges: Vec<(u32, f32)>,
    max_weight: f32,
    /// The mean number of edges that an epoch draws.
    draws: f32,
}

impl Row {
    /// `nearest` are the row's neighbours and their distances.
    fn new(target: Target<'_>, index: usize, (indices, distances): (&[u32], &[f32])) -> Self {
        let connectivity = (target.params.local_connectivity() - OWN_CONNECTIVITY).max(0.0);
        let scale = Scale::smooth(distances, f64::from(connectivity), mean(distances));
        let mut edges: Vec<_> = indices.iter().copied().zip(distances.iter().map(|&d| scale.strength(d))).collect();
        if edges.iter().all(|&(_, weight)| weight <= 0.0) {
            edges.iter_mut().for_each(|edge| edge.1 = 1.0);
        }
        let start = start(&edges, target.embedding);
        let max_weight = edges.iter().map(|edge| edge.1).fold(0.0, f32::max);
        let weakest = max_weight / target.params.transform_epochs() as f32;
        edges.retain(|&(_, weight)| weight > 0.0 && weight >= weakest);
        let draws = edges.iter().map(|edge| edge.1 / max_weight).sum();
        Self { index, start, edges, max_weight, draws }
    }
}

/// The position of the nearest neighbour with strength 1, if there is one; else the weighted mean of all.
fn start(edges: &[(u32, f32)], embedding: ArrayView2<'_, f32>) -> Vec<f32> {
    if let Some(&(same, _)) = edges.iter().find(|edge| edge.1 == 1.0) {
        return embedding.row(same as usize).to_vec();
    }
    let total: f64 = edges.iter().map(|edge| f64::from(edge.1)).sum();
    let mean = |d: usize| {
        edges.iter().map(|&(i, weight)| f64::from(weight) * f64::from(embedding[[i as usize, d]])).sum::<f64>() / total
    };
    (0..embedding.ncols()).map(|d| mean(d) as f32).collect()
}

/// What the layout of every row needs.
struct Layout<'a, const C: usize> {
    reference: &'a [Position<C>],
    forces: Forces,
    learning_rate: f32,
    n_epochs: usize,
    key: u64,
    simd: Simd,
}

impl<'a, const C: usize> Layout<'a, C> {
    fn new(target: Target<'a>) -> Self {
        let reference = target.reference.as_chunks::<C>().0;
        Self {
            reference,
            forces: Forces::new(target.curve, target.params, reference.len()),
            learning_rate: target.params.learning_rate() * RATE_SHARE,
            n_epochs: target.params.transform_epochs(),
            key: random::key(target.params.seed(), Purpose::TransformSamples),
            simd: Simd::detect(),
        }
    }

    /// The positions of up to eight rows. A row takes the same steps alone and together with others, to the bit.
    fn settle<const D: usize>(&self, rows: &[Row]) -> Vec<Position<C>> {
        if rows.len() <= FEW {
            rows.iter().map(|row| self.settle_alone::<D>(row)).collect()
        } else {
            self.settle_together::<D>(rows)
        }
    }

    fn settle_alone<const D: usize>(&self, row: &Row) -> Position<C> {
        let mut current = [[0.0; 4]; C];
        current.as_flattened_mut().iter_mut().zip(&row.start).for_each(|(to, &x)| *to = x);
        let mut schedule = Schedule::new(std::slice::from_ref(&row.edges), |_| row.max_weight);
        for epoch in 0..self.n_epochs {
            self.simd.run(SinglePoint::<D, C> {
                forces: &self.forces,
                schedule: &mut schedule,
                current: &mut current,
                key: self.key(epoch),
                reference: self.reference,
                epoch,
                rate: rate(self.learning_rate, epoch, self.n_epochs),
            });
        }
        current
    }

    fn settle_together<const D: usize>(&self, rows: &[Row]) -> Vec<Position<C>> {
        let mut current = [[0.0; 8]; D];
        for (lane, row) in rows.iter().enumerate() {
            for (dimension, &x) in current.iter_mut().zip(&row.start) {
                dimension[lane] = x;
            }
        }
        let edges: Vec<Vec<_>> = rows.iter().map(|row| row.edges.clone()).collect();
        let mut schedule = Schedule::new(&edges, |lane| rows[lane].max_weight);
        for epoch in 0..self.n_epochs {
            self.simd.run(Epoch::<D, C> {
                forces: &self.forces,
                schedule: &mut schedule,
                current: &mut current,
                key: self.key(epoch),
                reference: self.reference,
                epoch,
                rate: rate(self.learning_rate, epoch, self.n_epochs),
            });
        }
        let position = |lane: usize| {
            let mut position = [[0.0; 4]; C];
            position.as_flattened_mut().iter_mut().zip(&current).for_each(|(to, dimension)| *to = dimension[lane]);
            position
        };
        (0..rows.len()).map(position).collect()
    }

    /// The key of an epoch's random numbers, which are the same for every row.
    fn key(&self, epoch: usize) -> u32 {
        mix64(self.key ^ epoch as u64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_nearest_that_are_not_left_out() {
        let nearest: (&[u32], &[f32]) = (&[4, 7, 1, 9], &[0.0, 0.5, 1.0, 2.0]);
        let without = |left_out: &[u32], k| nearest_without(nearest, left_out, k);
        assert_eq!(without(&[], 2), (vec![4, 7], vec![0.0, 0.5]));
        assert_eq!(without(&[4, 1], 2), (vec![7, 9], vec![0.5, 2.0]));
        assert_eq!(without(&[4], 4), (vec![7, 1, 9], vec![0.5, 1.0, 2.0]));
        assert_eq!(without(&[1, 4, 7, 9], 3), (vec![4, 7, 1], vec![0.0, 0.5, 1.0]));
    }
}
