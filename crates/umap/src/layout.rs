//! The layout: sampled gradient descent on the cross entropy between the fuzzy graph and the embedding.
//!
//! Algorithm 5 of McInnes, Healy, Melville 2018. As in umap-learn, a drawn edge moves both its ends by opposite steps,
//! so groups of vertices can drift as a whole. (Moving each vertex alone, against the positions at the start of the
//! epoch, is simpler and keeps neighbourhoods as well. But then the others hold a vertex back, groups hardly leave the
//! positions where they started, and clustering the map finds more of them.)
//!
//! To give the same bits on any number of threads, edges are drawn matching by matching. No vertex occurs twice in a
//! matching, so its edges can be computed in parallel. All are written before the next matching begins. (Blocks of
//! vertices, of which disjoint pairs are drawn at the same time, need fewer waits. But maps of 25,000 and 50,000 points
//! keep their neighbourhoods less well then: by 0.0002 and 0.0003 of trustworthiness, where seeds differ by 0.00004.)
#![expect(clippy::indexing_slicing, reason = "vertices and dimensions are counted from the same arrays")]

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::curve::Curve;
use super::fuzzy_graph::Graph;
use super::kernel::{Forces, Position};
use super::matchings::{Advance, Edge, MAX_CACHED, matchings};
use super::pairs::{Ends, Pairs};
use super::params::UmapValidParams;
use super::random::{self, Purpose, mix64};
use super::simd::Simd;

/// Edges that one thread takes at a time: about 10 µs of work, several times the cost of handing it over.
const EDGES_A_TASK: usize = 256;

/// Edges of a matching that are computed before any of them is written. Their results should not push positions out of
/// the second-level cache.
const EDGES_AT_ONCE: usize = 4096;

/// Fewer edges are written by one thread: handing them over would take longer.
const WRITTEN_ALONE: usize = 1024;

/// Calls a function that is compiled for a fixed number of dimensions `D`: the next of 2, 4, 10 and 16, the rest being
/// zeros. Positions are whole registers of eight.
macro_rules! for_dimensions {
    ($n_components:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $n_components {
            0..=2 => $function::<2, 2>($($argument),*),
            3..=4 => $function::<4, 2>($($argument),*),
            5..=10 => $function::<10, 4>($($argument),*),
            _ => $function::<16, 4>($($argument),*),
        }
    };
}
pub(super) use for_dimensions;

/// Lays out `graph` from the positions `start`, `(n_points, n_components)`. The result has the same shape.
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
    let mut matchings = matchings(graph);
    let mut moved = Vec::new();
    for epoch in 0..n_epochs {
        let (key, rate) = (mix64(key ^ epoch as u64), rate(params.learning_rate(), epoch, n_epochs));
        matchings.par_iter_mut().for_each(|matching| simd.run(Advance { matching, epoch }));
        for due in matchings.iter().flat_map(|matching| matching.due().chunks(EDGES_AT_ONCE)) {
            moved.resize(due.len(), Ends::default());
            let draw = |(edges, ends): (&[Edge], &mut [Ends<C>])| {
                simd.run(Pairs::<D, C> { forces: &forces, positions: &positions, edges, ends, key, rate });
            };
            if due.len() > EDGES_A_TASK {
                due.par_chunks(EDGES_A_TASK).zip(moved.par_chunks_mut(EDGES_A_TASK)).for_each(draw);
            } else {
                draw((due, &mut moved));
            }
            write(due, &moved, &mut positions);
        }
        // Progress in steps of 2 %.
        if (epoch + 1) * 50 / n_epochs > epoch * 50 / n_epochs {
            progress((epoch + 1) as f32 / n_epochs as f32);
        }
    }
    Array2::from_shape_fn(start.dim(), |(i, d)| positions[i][d / 4][d % 4])
}

/// Writes the positions of the ends of `due`, which are edges of a matching.
///
/// Each thread looks at all edges and writes the ends that lie in its range of vertices. Of many points, vertices of
/// similar numbers are near in space, and the edges of a matching are sorted, so the processor can foresee which do.
fn write<const C: usize>(due: &[Edge], moved: &[Ends<C>], positions: &mut [Position<C>]) {
    let is_shared = due.len() > WRITTEN_ALONE && positions.len() > MAX_CACHED;
    let threads = if is_shared { rayon::current_num_threads() } else { 1 };
    let range = positions.len().div_ceil(threads).max(1);
    let written = |(number, positions): (usize, &mut [Position<C>])| {
        let first = (number * range) as u32;
        for (edge, ends) in due.iter().zip(moved) {
            if let Some(position) = positions.get_mut(edge.left.wrapping_sub(first) as usize) {
                *position = ends.left;
            }
            if let Some(position) = positions.get_mut(edge.right.wrapping_sub(first) as usize) {
                *position = ends.right;
            }
        }
    };
    if threads > 1 {
        positions.par_chunks_mut(range).enumerate().with_max_len(1).for_each(written);
    } else {
        written((0, positions));
    }
}

/// The length of a step in `epoch`. It falls linearly; the first two epochs have the same, as in umap-learn.
pub(super) fn rate(learning_rate: f32, epoch: usize, n_epochs: usize) -> f32 {
    learning_rate * (1.0 - epoch.saturating_sub(1) as f32 / n_epochs as f32)
}

/// The rows of `embedding`, `(n_points, n_components)`, as positions.
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
