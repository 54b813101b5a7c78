//! The layout: sampled gradient descent on the cross entropy between the fuzzy graph and the embedding.
//!
//! Algorithm 5 of McInnes, Healy, Melville 2018, turned from scattering to gathering so that any number of threads gives the
//! same bits. Upstream draws an edge and moves both its ends; both directions of an edge are in the graph and are drawn in
//! the same epochs, so here each vertex moves itself alone, twice as far for its two roles. Within an epoch a vertex sees
//! its own steps at once and the others' positions as the epoch found them. Fresher positions (an epoch cut into four or
//! eight turns) score no better: what swings at first settles as the rate falls.
#![expect(clippy::indexing_slicing, reason = "vertices, lanes and dimensions are counted from the same arrays")]

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::curve::Curve;
use super::fuzzy_graph::Graph;
use super::kernel::{Epoch, Forces, Position};
use super::params::UmapValidParams;
use super::random::{self, Purpose, mix64};
use super::schedule::Schedule;
use super::simd::Simd;

/// An edge is drawn for its head and, in the other direction, for its tail.
const ROLES: f32 = 2.0;

/// Calls a function compiled for the number of dimensions: the next of a few, the rest being zeros.
macro_rules! for_dimensions {
    ($n_components:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $n_components {
            0..=2 => $function::<2, 1>($($argument),*),
            3..=4 => $function::<4, 1>($($argument),*),
            5..=10 => $function::<10, 3>($($argument),*),
            11..=16 => $function::<16, 4>($($argument),*),
            17..=32 => $function::<32, 8>($($argument),*),
            _ => $function::<64, 16>($($argument),*),
        }
    };
}
pub(super) use for_dimensions;

/// Lays `graph` out from `start`, `(n_points, n_components)`; the result has the same shape.
pub(super) fn optimise(
    graph: &Graph,
    start: ArrayView2<'_, f32>,
    curve: Curve,
    params: &UmapValidParams,
    progress: &(dyn Fn(f32) + Sync),
) -> Array2<f32> {
    for_dimensions!(start.ncols(), optimise_in(graph, start, curve, params, progress))
}

fn optimise_in<const D: usize, const C: usize>(
    graph: &Graph,
    start: ArrayView2<'_, f32>,
    curve: Curve,
    params: &UmapValidParams,
    progress: &(dyn Fn(f32) + Sync),
) -> Array2<f32> {
    let n_epochs = params.fit_epochs(graph.n_points());
    let forces = Forces::new(curve, params, graph.n_points());
    let key = random::key(params.seed(), Purpose::FitSamples);
    let simd = Simd::detect();
    let mut positions = packed::<C>(start);
    let mut groups = groups::<D, C>(graph, &positions);
    for epoch in 0..n_epochs {
        let epoch_key = mix64(key ^ epoch as u64);
        let rate = rate(params.learning_rate(), epoch, n_epochs);
        let reference = positions.as_slice();
        groups.par_iter_mut().for_each(|group| {
            simd.run(Epoch::<D, C> {
                forces: &forces,
                schedule: &mut group.schedule,
                current: &mut group.current,
                own: &group.vertices,
                keys: group.vertices.map(|vertex| mix64(epoch_key ^ u64::from(vertex)) as u32),
                reference,
                epoch,
                pull_rate: ROLES * rate,
                push_rate: rate,
            });
        });
        groups.iter().for_each(|group| group.write(&mut positions));
        if (epoch + 1) * 50 / n_epochs > epoch * 50 / n_epochs {
            progress((epoch + 1) as f32 / n_epochs as f32);
        }
    }
    Array2::from_shape_fn(start.dim(), |(i, d)| positions[i][d / 4][d % 4])
}

/// Length of a step in `epoch`: falls linearly, the first two epochs alike as upstream has it.
pub(super) fn rate(learning_rate: f32, epoch: usize, n_epochs: usize) -> f32 {
    learning_rate * (1.0 - epoch.saturating_sub(1) as f32 / n_epochs as f32)
}

/// Rows of `embedding` as positions.
pub(super) fn packed<const C: usize>(embedding: ArrayView2<'_, f32>) -> Vec<Position<C>> {
    let row = |row: ndarray::ArrayView1<'_, f32>| {
        let mut position = [[0.0; 4]; C];
        for (slot, &x) in position.as_flattened_mut().iter_mut().zip(row) {
            *slot = x;
        }
        position
    };
    embedding.outer_iter().map(row).collect()
}

/// Eight vertices that move side by side.
struct Group<const D: usize> {
    /// `u32::MAX` in a lane without a vertex.
    vertices: [u32; 8],
    schedule: Schedule,
    /// A dimension a row, a vertex a column.
    current: [[f32; 8]; D],
}

impl<const D: usize> Group<D> {
    fn write<const C: usize>(&self, positions: &mut [Position<C>]) {
        for (lane, &vertex) in self.vertices.iter().enumerate() {
            if let Some(position) = positions.get_mut(vertex as usize) {
                for (slot, row) in position.as_flattened_mut().iter_mut().zip(&self.current) {
                    *slot = row[lane];
                }
            }
        }
    }
}

/// The vertices in groups.
///
/// The lanes of a group wait for the one with the most draws, so vertices are grouped by how much they are drawn.
fn groups<const D: usize, const C: usize>(graph: &Graph, positions: &[Position<C>]) -> Vec<Group<D>> {
    let max_weight = graph.max_weight();
    let draws = |i: u32| graph.row(i as usize).map(|(_, weight)| f64::from(weight)).sum::<f64>();
    let mut order: Vec<(u32, f64)> = (0..graph.n_points() as u32).map(|i| (i, draws(i))).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let group = |members: &[(u32, f64)]| {
        let (mut vertices, mut current) = ([u32::MAX; 8], [[0.0; 8]; D]);
        for (lane, &(vertex, _)) in members.iter().enumerate() {
            vertices[lane] = vertex;
            for (row, &x) in current.iter_mut().zip(positions[vertex as usize].as_flattened()) {
                row[lane] = x;
            }
        }
        let edges: Vec<Vec<_>> = members.iter().map(|&(vertex, _)| graph.row(vertex as usize).collect()).collect();
        Group { vertices, schedule: Schedule::new(&edges, |_| max_weight), current }
    };
    order.par_chunks(8).map(group).collect()
}
