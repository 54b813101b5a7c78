//! One draw of many edges in a fit: the ends of each edge are pulled together, and each end is pushed from random
//! vertices, from where these were a few draws ago.
//!
//! Each of the eight lanes holds one edge. No two of them have a common vertex, so each takes the step that it would
//! take alone. See `kernel` for the forces and for `D` and `C`.
#![allow(unsafe_code, reason = "the layout keeps threads apart, which no borrow can express")]
#![expect(clippy::indexing_slicing, reason = "chunks have an edge and at most eight, one in each lane")]

use std::sync::atomic::{AtomicU32, Ordering};

use super::kernel::{Constants, Forces, Random, clip, squared, transposed};
use super::matchings::Edge;
use super::random::mix64;
use super::shared_positions::SharedPositions;
use super::simd::{Kernel, Lanes};

/// What all draws of an epoch have in common.
pub(super) struct Draws<'a, const C: usize> {
    pub(super) forces: &'a Forces,
    /// Where the vertices are now.
    pub(super) positions: &'a SharedPositions<C>,
    /// The vertices that push.
    pub(super) pushing: &'a Pushing<C>,
    /// The length of a step.
    pub(super) rate: f32,
}

/// Vertices that push, and where they were when they were chosen.
pub(super) struct Pushing<const C: usize> {
    pub(super) vertices: Vec<AtomicU32>,
    /// One for each of `vertices`.
    pub(super) positions: SharedPositions<C>,
}

/// Draws edges of one matching and moves their ends.
pub(super) struct Pairs<'a, const D: usize, const C: usize> {
    draws: &'a Draws<'a, C>,
    edges: &'a [Edge],
    /// The number of the first eight edges, among the eights of this matching.
    first: u64,
    /// The key of this matching's random numbers in this epoch.
    key: u64,
}

impl<'a, const D: usize, const C: usize> Pairs<'a, D, C> {
    /// # Safety
    /// While this runs, no other thread reads or writes the positions of the ends of `edges`, and none writes those of
    /// the vertices that push.
    pub(super) unsafe fn new(draws: &'a Draws<'a, C>, edges: &'a [Edge], first: u64, key: u64) -> Self {
        Self { draws, edges, first, key }
    }

    /// The positions of eight vertices, which are ends of `self.edges`, `[dimension][lane]`.
    #[inline(always)]
    fn loaded<L: Lanes>(&self, vertices: &[u32; 8]) -> [L; D] {
        let [v0, v1, v2, v3, v4, v5, v6, v7] = *vertices;
        // SAFETY: the caller of `new` promised that nobody else writes them; and these borrows end before `store`.
        let row = |vertex: u32| unsafe { self.draws.positions.get(vertex) };
        transposed([row(v0), row(v1), row(v2), row(v3), row(v4), row(v5), row(v6), row(v7)])
    }

    /// Moves `vertices`, which are ends of `self.edges`, to the first positions of `lanes`, `[dimension][lane]`.
    #[inline(always)]
    fn store<L: Lanes>(&self, vertices: &[u32], lanes: &[L; D]) {
        let mut quads = [[[0.0; 4]; 8]; C];
        for (c, quads) in quads.iter_mut().enumerate().take(D.div_ceil(4)) {
            *quads = L::rows(four(lanes, c));
        }
        for (lane, &vertex) in vertices.iter().enumerate() {
            let mut position = [[0.0; 4]; C];
            for (quad, quads) in position.iter_mut().zip(&quads) {
                *quad = quads[lane];
            }
            // SAFETY: the caller of `new` promised that nobody else reads or writes it.
            unsafe { self.draws.positions.set(vertex, position) };
        }
    }
}

impl<const D: usize, const C: usize> Kernel for Pairs<'_, D, C> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Draws { forces, pushing, rate, .. } = *self.draws;
        let constants = Constants::<L>::new(forces);
        let pusher = Pusher { constants, pushing, samples: forces.negative_sample_rate(), rate: L::splat(rate) };
        let rates = (L::splat(rate), L::splat(-rate));
        for (number, edges) in (self.first..).zip(self.edges.chunks(8)) {
            // Lanes without an edge compute the step of the first one, which is not stored.
            let (mut lefts, mut rights) = ([edges[0].left; 8], [edges[0].right; 8]);
            for (lane, edge) in edges.iter().enumerate() {
                (lefts[lane], rights[lane]) = (edge.left, edge.right);
            }
            let mut random = Random::<L>::new(mix64(self.key ^ number) as u32, pushing.vertices.len());
            let (mut left, mut right) = (self.loaded::<L>(&lefts), self.loaded::<L>(&rights));
            // umap-learn lists each edge in both directions, and both are due in the same epochs: two pulls, one push
            // each.
            pull(&constants, &mut left, &mut right, rates);
            pusher.push(&mut random, &mut left, &lefts);
            pull(&constants, &mut left, &mut right, rates);
            pusher.push(&mut random, &mut right, &rights);
            self.store(&lefts[..edges.len()], &left);
            self.store(&rights[..edges.len()], &right);
        }
    }
}

/// Dimensions `4 * c` to `4 * c + 3`, filled up with zeros.
#[inline(always)]
fn four<L: Lanes, const D: usize>(lanes: &[L; D], c: usize) -> [L; 4] {
    let mut columns = [L::splat(0.0); 4];
    for (column, dimension) in columns.iter_mut().zip(&lanes[c * 4..]) {
        *column = *dimension;
    }
    columns
}

/// Moves both ends by the same step towards each other. `rates` are the step's length and its negative.
#[inline(always)]
fn pull<L: Lanes, const D: usize>(constants: &Constants<L>, left: &mut [L; D], right: &mut [L; D], rates: (L, L)) {
    let mut differences = *left;
    for (difference, x) in differences.iter_mut().zip(right.iter()) {
        *difference = difference.sub(*x);
    }
    let pull = constants.pull(squared(&differences));
    for ((left, right), difference) in left.iter_mut().zip(right).zip(differences) {
        let gradient = clip(pull.mul(difference));
        (*left, *right) = (gradient.mul_add(rates.0, *left), gradient.mul_add(rates.1, *right));
    }
}

/// Pushes ends from some of the vertices that push.
struct Pusher<'a, L, const C: usize> {
    constants: Constants<L>,
    pushing: &'a Pushing<C>,
    samples: usize,
    rate: L,
}

impl<L: Lanes, const C: usize> Pusher<'_, L, C> {
    /// Pushes one end of each of eight edges, at `end`, `[dimension][lane]`. The random vertices are the same for all
    /// eight; a lane whose end is such a vertex, by `own`, is not pushed from it.
    #[inline(always)]
    fn push<const D: usize>(&self, random: &mut Random<L>, end: &mut [L; D], own: &[u32; 8]) {
        let own = L::load_ints(own);
        let mut pushes = [L::splat(0.0); D];
        for first in (0..self.samples).step_by(8) {
            for &slot in random.next(self.samples - first).iter().take(self.samples - first) {
                let vertex = self.pushing.vertices[slot as usize].load(Ordering::Relaxed);
                let others = L::differ(L::splat_ints(vertex), own);
                // SAFETY: the caller of `Pairs::new` promised that nobody writes it.
                let position = unsafe { self.pushing.positions.get(slot) };
                self.constants.push_from(end, position, others, &mut pushes);
            }
        }
        for (x, push) in end.iter_mut().zip(pushes) {
            *x = push.mul_add(self.rate, *x);
        }
    }
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use ndarray::Array2;

    use super::super::curve::Curve;
    use super::super::simd::Simd;
    use super::*;
    use crate::UmapParams;

    /// The positions before and after one draw of 11 edges.
    fn drawn(simd: Simd, negative_sample_rate: usize, rate: f32) -> (Array2<f32>, Array2<f32>) {
        let start = Array2::from_shape_fn((50, 12), |(i, d)| ((i * 13 + d / 4 * 7 + d % 4 * 5) % 17) as f32 * 0.3);
        let edges: Vec<Edge> = (0..11).map(|i| Edge { left: 2 * i, right: 2 * i + 1 }).collect();
        let params = UmapParams::default().negative_sample_rate(negative_sample_rate).check().unwrap();
        let forces = Forces::new(Curve::fit(0.1, 1.0).unwrap(), &params, 50);
        let positions = SharedPositions::new(start.view());
        let pushing =
            Pushing { vertices: (0..50).map(AtomicU32::new).collect(), positions: SharedPositions::new(start.view()) };
        let draws = Draws { forces: &forces, positions: &positions, pushing: &pushing, rate };
        // SAFETY: there is no other thread.
        simd.run(unsafe { Pairs::<12, 4>::new(&draws, &edges, 0, 7) });
        (start, positions.into_array(12))
    }

    #[test]
    fn both_kinds_of_lanes_make_the_same_steps() {
        let bits = |simd| drawn(simd, 5, 1.0).1.mapv(f32::to_bits);
        assert_eq!(bits(Simd::detect()), bits(Simd::portable()));
    }

    #[test]
    fn a_pull_moves_both_ends_by_the_same_step_and_no_push_breaks_the_sum() {
        let (before, after) = drawn(Simd::detect(), 0, 1.0);
        let sum = |positions: &Array2<f32>, i: usize| &positions.row(2 * i) + &positions.row(2 * i + 1);
        for i in 0..11 {
            let change = sum(&before, i) - sum(&after, i);
            assert!(change.iter().all(|change| change.abs() < 1e-5), "edge {i}: {change}");
        }
        assert_ne!(before, after);
    }

    #[test]
    fn only_the_ends_of_edges_move_and_a_rate_of_zero_moves_nothing() {
        let (before, after) = drawn(Simd::detect(), 5, 1.0);
        for i in 0..50 {
            assert_eq!(before.row(i) == after.row(i), i >= 22, "{i}");
        }
        let (before, after) = drawn(Simd::detect(), 5, 0.0);
        assert_eq!(before, after);
    }
}
