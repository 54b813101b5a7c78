//! Places new rows into a finished embedding.
//!
//! As `umap-learn`: a row starts at the mean of its neighbours' positions weighted by membership strength, or at the
//! place of a training point it equals, and is then laid out against the embedding, which stays as it is. What upstream
//! takes from the whole batch (largest weight, number of epochs) is taken here from the row itself, and the random
//! vertices are the same for every row, so a row's place never depends on the rows around it.
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
use super::single_point::Solo;

/// A transform takes steps of this share of a fit's.
const RATE_SHARE: f32 = 0.25;
/// Of the neighbours, one less is sure to be at strength 1 than in a fit: the row itself is not among them.
const OWN_CONNECTIVITY: f32 = 1.0;

/// Up to so many rows are laid out one by one, more side by side in the lanes: eight rows side by side take as long as
/// two and a half alone.
const FEW: usize = 2;

/// The embedding that rows are placed into.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) points: &'a Points,
    /// `(n_points, n_components)`
    pub(super) embedding: ArrayView2<'a, f32>,
    /// The embedding as [`reference`] has it.
    pub(super) reference: &'a [[f32; 4]],
    pub(super) curve: Curve,
    pub(super) params: &'a UmapValidParams,
    /// Neighbours of a row.
    pub(super) k: usize,
}

/// `embedding`, `(n_points, n_components)`, as the kernels read it; made once for a model.
pub(super) fn reference(embedding: ArrayView2<'_, f32>) -> Vec<[f32; 4]> {
    for_dimensions!(embedding.ncols(), reference_in(embedding))
}

fn reference_in<const D: usize, const C: usize>(embedding: ArrayView2<'_, f32>) -> Vec<[f32; 4]> {
    packed::<C>(embedding).into_flattened()
}

/// Places `rows`, `(n_rows, n_features)`, all finite; the result is `(n_rows, n_components)`.
pub(super) fn place(target: Target<'_>, rows: ArrayView2<'_, f32>) -> Array2<f32> {
    for_dimensions!(target.embedding.ncols(), place_in(target, rows))
}

fn place_in<const D: usize, const C: usize>(target: Target<'_>, rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let found = Neighbours::of(target.points, rows, target.k);
    let neighbours = found.indices.par_chunks(target.k).zip(found.distances.par_chunks(target.k)).enumerate();
    let mut ready: Vec<Row> = neighbours.map(|(place, nearest)| Row::new(target, place, nearest)).collect();
    // Lanes wait for each other but do not touch: like is put beside like.
    ready.sort_by(|a, b| b.draws.total_cmp(&a.draws).then(a.place.cmp(&b.place)));
    let layout = Layout::<C>::new(target);
    let settled: Vec<_> = ready.par_chunks(8).map(|rows| layout.settle::<D>(rows)).collect();
    let mut placed = Array2::zeros((rows.nrows(), target.embedding.ncols()));
    for (row, position) in ready.iter().zip(settled.iter().flatten()) {
        placed.row_mut(row.place).iter_mut().zip(position.as_flattened()).for_each(|(to, &x)| *to = x);
    }
    placed
}

/// A row on its way.
struct Row {
    /// Its place in the batch, which is for putting it back only.
    place: usize,
    start: Vec<f32>,
    edges: Vec<(u32, f32)>,
    max_weight: f32,
    /// Edges drawn an epoch, on average.
    draws: f32,
}

impl Row {
    /// `nearest` are the row's neighbours and how far they are.
    fn new(target: Target<'_>, place: usize, (indices, distances): (&[u32], &[f32])) -> Self {
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
        Self { place, start, edges, max_weight, draws }
    }
}

/// The place of the nearest neighbour at full strength, else the weighted mean of all.
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

/// What the layout of any row needs.
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

    /// Where up to eight rows come to be. Alone and side by side, a row takes the same steps to the bit.
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
            self.simd.run(Solo::<D, C> {
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

    /// For the random numbers of an epoch, which are the same for every row.
    fn key(&self, epoch: usize) -> u32 {
        mix64(self.key ^ epoch as u64) as u32
    }
}
