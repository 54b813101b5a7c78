//! Places new rows into a finished embedding.
//!
//! As `umap-learn`: a row starts at the mean of its neighbours' positions weighted by membership strength, or at the
//! place of a training point it equals, and is then laid out against the embedding, which stays as it is. What upstream
//! takes from the whole batch (largest weight, number of epochs, random state) is taken here from the row itself, so a
//! row's place never depends on the rows around it.
#![expect(clippy::indexing_slicing, reason = "rows and lanes are counted from the arrays they index")]

use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::curve::Curve;
use super::fuzzy_graph::{Scale, mean};
use super::kernel::{Epoch, Forces, Position};
use super::layout::{for_dimensions, packed, rate};
use super::neighbours::{Points, Search};
use super::params::UmapValidParams;
use super::random::{self, Purpose, mix64};
use super::schedule::Schedule;
use super::simd::Simd;

/// A transform takes steps of this share of a fit's.
const RATE_SHARE: f32 = 0.25;
/// Of the neighbours, one less is sure to be at strength 1 than in a fit: the row itself is not among them.
const OWN_CONNECTIVITY: f32 = 1.0;

/// The embedding that rows are placed into.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) points: &'a Points,
    /// `(n_points, n_components)`
    pub(super) embedding: ArrayView2<'a, f32>,
    pub(super) curve: Curve,
    pub(super) params: &'a UmapValidParams,
    /// Neighbours of a row.
    pub(super) k: usize,
}

/// Places `rows`, `(n_rows, n_features)`, all finite; the result is `(n_rows, n_components)`.
pub(super) fn place(target: Target<'_>, rows: ArrayView2<'_, f32>) -> Array2<f32> {
    for_dimensions!(target.embedding.ncols(), place_in(target, rows))
}

fn place_in<const D: usize, const C: usize>(target: Target<'_>, rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let reference = packed::<C>(target.embedding);
    let row = |search: &mut Search, i: usize| Row::new(target, i, rows.row(i), search);
    let mut ready: Vec<Row> = (0..rows.nrows()).into_par_iter().map_init(Search::default, row).collect();
    // Lanes wait for each other but do not touch: like is put beside like.
    ready.sort_by(|a, b| b.draws.total_cmp(&a.draws).then(a.place.cmp(&b.place)));
    let settled: Vec<_> = ready.par_chunks(8).map(|rows| settle::<D, C>(target, &reference, rows)).collect();
    let mut placed = Array2::zeros((rows.nrows(), target.embedding.ncols()));
    for (rows, positions) in ready.chunks(8).zip(settled) {
        for (lane, row) in rows.iter().enumerate() {
            placed.row_mut(row.place).iter_mut().zip(&positions).for_each(|(x, dimension)| *x = dimension[lane]);
        }
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
    content: u64,
}

impl Row {
    fn new(target: Target<'_>, place: usize, row: ArrayView1<'_, f32>, search: &mut Search) -> Self {
        // Adding 0 turns -0 into 0, which is the same place.
        let row: Vec<f32> = row.iter().map(|x| x + 0.0).collect();
        let (mut indices, mut distances) = (vec![0; target.k], vec![0.0; target.k]);
        search.nearest(target.points, &row, &mut indices, &mut distances);
        let connectivity = (target.params.local_connectivity() - OWN_CONNECTIVITY).max(0.0);
        let scale = Scale::smooth(&distances, f64::from(connectivity), mean(&distances));
        let mut edges: Vec<_> = indices.into_iter().zip(distances.iter().map(|&d| scale.strength(d))).collect();
        if edges.iter().all(|&(_, weight)| weight <= 0.0) {
            edges.iter_mut().for_each(|edge| edge.1 = 1.0);
        }
        let start = start(&edges, target.embedding);
        let max_weight = edges.iter().map(|edge| edge.1).fold(0.0, f32::max);
        let weakest = max_weight / target.params.transform_epochs() as f32;
        edges.retain(|&(_, weight)| weight > 0.0 && weight >= weakest);
        let content = row.iter().fold(0, |hash, x| mix64(hash ^ u64::from(x.to_bits())));
        let draws = edges.iter().map(|edge| edge.1 / max_weight).sum();
        Self { place, start, edges, max_weight, draws, content }
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

/// Runs the epochs of up to eight rows, one a lane; a dimension a row of the result.
fn settle<const D: usize, const C: usize>(
    target: Target<'_>,
    reference: &[Position<C>],
    rows: &[Row],
) -> [[f32; 8]; D] {
    let n_epochs = target.params.transform_epochs();
    let forces = Forces::new(target.curve, target.params, reference.len());
    let key = random::key(target.params.seed(), Purpose::TransformSamples);
    let simd = Simd::detect();
    let mut current = [[0.0; 8]; D];
    for (lane, row) in rows.iter().enumerate() {
        for (dimension, &x) in current.iter_mut().zip(&row.start) {
            dimension[lane] = x;
        }
    }
    let edges: Vec<Vec<_>> = rows.iter().map(|row| row.edges.clone()).collect();
    let mut schedule = Schedule::new(&edges, |lane| rows[lane].max_weight);
    for epoch in 0..n_epochs {
        let epoch_key = mix64(key ^ epoch as u64);
        let mut keys = [0; 8];
        for (key, row) in keys.iter_mut().zip(rows) {
            *key = mix64(epoch_key ^ row.content) as u32;
        }
        let rate = rate(target.params.learning_rate() * RATE_SHARE, epoch, n_epochs);
        simd.run(Epoch::<D, C> {
            forces: &forces,
            schedule: &mut schedule,
            current: &mut current,
            own: &[u32::MAX; 8],
            keys,
            reference,
            epoch,
            rate,
        });
    }
    current
}
