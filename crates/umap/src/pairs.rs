//! One draw of many edges in a fit: the ends of each edge are pulled together, and each end is pushed from random
//! vertices.
//!
//! Each of the eight lanes holds one edge. No two of them have a common vertex, so each takes the step that it would
//! take alone. See `kernel` for the forces and for `D` and `C`.
#![expect(clippy::indexing_slicing, reason = "vertices are indices of the positions they were drawn for")]

use super::kernel::{Constants, Forces, Position, Random, clip, loaded, squared};
use super::matchings::Edge;
use super::random::mix64;
use super::simd::{Kernel, Lanes};

/// The positions of the two ends of an edge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends<const C: usize> {
    pub(super) left: Position<C>,
    pub(super) right: Position<C>,
}

impl<const C: usize> Default for Ends<C> {
    fn default() -> Self {
        Self { left: [[0.0; 4]; C], right: [[0.0; 4]; C] }
    }
}

/// Draws `edges`, no two with a common vertex, and writes the new positions of their ends.
pub(super) struct Pairs<'a, const D: usize, const C: usize> {
    pub(super) forces: &'a Forces,
    pub(super) positions: &'a [Position<C>],
    pub(super) edges: &'a [Edge],
    /// One for each of `edges`.
    pub(super) ends: &'a mut [Ends<C>],
    /// The key of this epoch's random numbers.
    pub(super) key: u64,
    /// The length of a step.
    pub(super) rate: f32,
}

impl<const D: usize, const C: usize> Kernel for Pairs<'_, D, C> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { forces, positions, edges, ends, key, rate } = self;
        let constants = Constants::<L>::new(forces);
        let pusher = Pusher { constants, positions, samples: forces.negative_sample_rate(), rate: L::splat(rate) };
        let rates = (L::splat(rate), L::splat(-rate));
        for (edges, ends) in edges.chunks(8).zip(ends.chunks_mut(8)) {
            let (mut lefts, mut rights) = ([0; 8], [0; 8]);
            for (lane, edge) in edges.iter().enumerate() {
                (lefts[lane], rights[lane]) = (edge.left, edge.right);
            }
            let first = edges.first().map_or(0, |edge| u64::from(edge.number));
            let mut random = Random::<L>::new(mix64(key ^ first) as u32, forces.n_points());
            let mut left = loaded::<L, D, C>(positions, &lefts);
            let mut right = loaded::<L, D, C>(positions, &rights);
            // umap-learn lists each edge in both directions, and both are due in the same epochs: two pulls, one push
            // each.
            pull(&constants, &mut left, &mut right, rates);
            pusher.push(&mut random, &mut left, &lefts);
            pull(&constants, &mut left, &mut right, rates);
            pusher.push(&mut random, &mut right, &rights);
            for c in 0..D.div_ceil(4) {
                let rows = (L::rows(four(&left, c)), L::rows(four(&right, c)));
                for ((ends, left), right) in ends.iter_mut().zip(rows.0).zip(rows.1) {
                    (ends.left[c], ends.right[c]) = (left, right);
                }
            }
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

/// Pushes ends from random vertices.
struct Pusher<'a, L, const C: usize> {
    constants: Constants<L>,
    positions: &'a [Position<C>],
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
            for &vertex in random.next(self.samples - first).iter().take(self.samples - first) {
                let others = L::differ(L::splat_ints(vertex), own);
                self.constants.push_from(end, &self.positions[vertex as usize], others, &mut pushes);
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

    use super::super::curve::Curve;
    use super::super::simd::Simd;
    use super::*;
    use crate::UmapParams;

    fn drawn(simd: Simd, negative_sample_rate: usize, rate: f32) -> (Vec<Position<3>>, Vec<Ends<3>>) {
        let positions: Vec<Position<3>> = (0..50)
            .map(|i| std::array::from_fn(|c| std::array::from_fn(|d| ((i * 13 + c * 7 + d * 5) % 17) as f32 * 0.3)))
            .collect();
        let edges: Vec<Edge> = (0..11).map(|i| Edge { left: 2 * i, right: 2 * i + 1, number: i }).collect();
        let params = UmapParams::default().negative_sample_rate(negative_sample_rate).check().unwrap();
        let forces = Forces::new(Curve::fit(0.1, 1.0).unwrap(), &params, 50);
        let mut ends = vec![Ends::default(); edges.len()];
        simd.run(Pairs::<12, 3> {
            forces: &forces,
            positions: &positions,
            edges: &edges,
            ends: &mut ends,
            key: 7,
            rate,
        });
        (positions, ends)
    }

    #[test]
    fn both_kinds_of_lanes_make_the_same_steps() {
        let bits = |simd| drawn(simd, 5, 1.0).1.into_iter().map(|ends| (ends.left, ends.right)).collect::<Vec<_>>();
        assert_eq!(bits(Simd::detect()), bits(Simd::portable()));
    }

    #[test]
    fn a_pull_moves_both_ends_by_the_same_step_and_no_push_breaks_the_sum() {
        let (positions, ends) = drawn(Simd::detect(), 0, 1.0);
        for (i, ends) in ends.iter().enumerate() {
            for (c, d) in (0..12).map(|d| (d / 4, d % 4)) {
                let before = positions[2 * i][c][d] + positions[2 * i + 1][c][d];
                let after = ends.left[c][d] + ends.right[c][d];
                assert!((before - after).abs() < 1e-5, "edge {i}: {before} {after}");
            }
        }
        assert!(ends.iter().enumerate().any(|(i, ends)| ends.left != positions[2 * i]));
    }

    #[test]
    fn a_rate_of_zero_moves_nothing() {
        let (positions, ends) = drawn(Simd::detect(), 5, 0.0);
        for (i, ends) in ends.iter().enumerate() {
            assert_eq!((ends.left, ends.right), (positions[2 * i], positions[2 * i + 1]));
        }
    }
}
