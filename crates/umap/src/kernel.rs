//! The forces of the layout, and one epoch of a transform for eight vertices.
//!
//! In a transform the map stays and new vertices move. Each of the eight lanes holds one vertex, which takes its steps
//! one after the other: the sequential algorithm of the paper, eight times in parallel.
//!
//! All eight are pushed from the same random vertices. Each still sees as many, drawn as evenly, and a position that is
//! read once for eight lanes need not be gathered lane by lane. Ji, Satish, Li, Dubey 2016, "Parallelizing Word2Vec in
//! Shared and Distributed Memory", share negative samples in the same way.
//!
//! `single_point` does the same for one vertex, with the same bits. `pairs` is the step of a fit, where both ends of an
//! edge move.
//!
//! `D` is the number of dimensions that the loops are unrolled for, `C` the number of groups of four in a position: `D`
//! is at most `4 * C`, and dimensions beyond the embedding's are 0 and stay 0.
#![expect(clippy::indexing_slicing, reason = "vertices are indices of the positions they were drawn for")]

use super::curve::Curve;
use super::params::UmapValidParams;
use super::schedule::Schedule;
use super::simd::{Kernel, Lanes, power};

/// A position of up to `4 * C` dimensions, filled up with zeros. Where `C` is even, it is whole registers of eight.
pub(super) type Position<const C: usize> = [[f32; 4]; C];

/// The largest component of a gradient, as in `umap-learn`.
const MAX_GRADIENT: f32 = 4.0;
/// Keeps the push between two vertices at the same position finite, as in `umap-learn`.
const PUSH_SOFTENING: f32 = 0.001;
/// Smaller squared distances count as this one, which avoids `0 / 0`.
const LEAST_SQUARED: f32 = 1e-12;

/// The parameters of attraction and repulsion: the derivatives of the cross entropy under the curve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forces {
    curve: Curve,
    repulsion_strength: f32,
    negative_sample_rate: usize,
    n_points: usize,
}

impl Forces {
    /// `n_points` is the number of vertices that repulsion draws from.
    pub(super) fn new(curve: Curve, params: &UmapValidParams, n_points: usize) -> Self {
        Self {
            curve,
            repulsion_strength: params.repulsion_strength(),
            negative_sample_rate: params.negative_sample_rate(),
            n_points,
        }
    }

    pub(super) fn negative_sample_rate(&self) -> usize {
        self.negative_sample_rate
    }

    pub(super) fn n_points(&self) -> usize {
        self.n_points
    }
}

/// One epoch of eight vertices.
pub(super) struct Epoch<'a, const D: usize, const C: usize> {
    pub(super) forces: &'a Forces,
    pub(super) schedule: &'a mut Schedule,
    /// The vertices' positions, `[dimension][lane]`.
    pub(super) current: &'a mut [[f32; 8]; D],
    /// The key of this epoch's random numbers.
    pub(super) key: u32,
    /// The positions of the map, which stay.
    pub(super) reference: &'a [Position<C>],
    pub(super) epoch: usize,
    /// The length of a step.
    pub(super) rate: f32,
}

impl<const D: usize, const C: usize> Kernel for Epoch<'_, D, C> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let counts = self.schedule.advance::<L>(self.epoch);
        let draws = counts.into_iter().max().unwrap_or(0);
        let counts = L::load_ints(&counts);
        let constants = Constants::<L>::new(self.forces);
        let rate = L::splat(self.rate);
        let mut random = Random::<L>::new(self.key, self.forces.n_points);
        let mut current = [L::splat(0.0); D];
        for (lanes, values) in current.iter_mut().zip(self.current.iter()) {
            *lanes = L::load(values);
        }
        for draw in 0..draws {
            // All forces of one draw are computed from the same position, so the processor can overlap them.
            let mut steps = [L::splat(0.0); D];
            let everyone = L::splat_ints(u32::MAX);
            let samples = self.forces.negative_sample_rate;
            for first in (0..samples).step_by(8) {
                for &vertex in random.next(samples - first).iter().take(samples - first) {
                    constants.push_from(&current, &self.reference[vertex as usize], everyone, &mut steps);
                }
            }
            let mut differences: [L; D] = loaded(self.reference, self.schedule.tails(draw as usize));
            for (difference, x) in differences.iter_mut().zip(current) {
                *difference = x.sub(*difference);
            }
            let pull = constants.pull(squared(&differences));
            let active = L::greater(counts, L::splat_ints(draw));
            for ((x, step), difference) in current.iter_mut().zip(steps).zip(differences) {
                *x = step.add(clip(pull.mul(difference))).mul_add(rate, *x).or_else(active, *x);
            }
        }
        for (values, lanes) in self.current.iter_mut().zip(current) {
            *values = lanes.store();
        }
    }
}

/// The squared length of `differences`, `[dimension][lane]`.
#[inline(always)]
pub(super) fn squared<L: Lanes, const D: usize>(differences: &[L; D]) -> L {
    // Two sums: a single one would wait for each of its additions.
    let mut sums = [L::splat(0.0); 2];
    for (d, difference) in differences.iter().enumerate() {
        sums[d % 2] = difference.mul_add(*difference, sums[d % 2]);
    }
    sums[0].add(sums[1])
}

/// The positions of eight vertices, `[dimension][lane]`.
#[inline(always)]
pub(super) fn loaded<L: Lanes, const D: usize, const C: usize>(
    positions: &[Position<C>],
    vertices: &[u32; 8],
) -> [L; D] {
    // Written out, because `map` stays a function call at lower optimisation levels.
    let [v0, v1, v2, v3, v4, v5, v6, v7] = *vertices;
    let row = |vertex: u32| &positions[vertex as usize];
    transposed([row(v0), row(v1), row(v2), row(v3), row(v4), row(v5), row(v6), row(v7)])
}

/// Eight positions as `[dimension][lane]`.
#[inline(always)]
pub(super) fn transposed<L: Lanes, const D: usize, const C: usize>(rows: [&Position<C>; 8]) -> [L; D] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let mut lanes = [L::splat(0.0); D];
    for c in 0..C {
        let columns = L::columns([&r0[c], &r1[c], &r2[c], &r3[c], &r4[c], &r5[c], &r6[c], &r7[c]]);
        for (offset, column) in columns.into_iter().enumerate() {
            if let Some(dimension) = lanes.get_mut(c * 4 + offset) {
                *dimension = column;
            }
        }
    }
    lanes
}

/// Clips every component to `±MAX_GRADIENT`.
#[inline(always)]
pub(super) fn clip<L: Lanes>(gradient: L) -> L {
    gradient.max(L::splat(-MAX_GRADIENT)).min(L::splat(MAX_GRADIENT))
}

/// The constants of the forces, in lanes.
#[derive(Clone, Copy)]
pub(super) struct Constants<L> {
    a: L,
    b: L,
    /// `-2ab`
    pull: L,
    /// `2γb`
    push: L,
}

impl<L: Lanes> Constants<L> {
    #[inline(always)]
    pub(super) fn new(forces: &Forces) -> Self {
        let Curve { a, b } = forces.curve;
        Self {
            a: L::splat(a),
            b: L::splat(b),
            pull: L::splat(-2.0 * a * b),
            push: L::splat(2.0 * forces.repulsion_strength * b),
        }
    }

    /// `-2ab d^2(b-1) / (1 + a d^2b)` for a squared distance d²: times the difference of the positions it is the
    /// gradient of `ln φ`, the pull.
    #[inline(always)]
    pub(super) fn pull(&self, squared: L) -> L {
        let (squared, powered) = self.powered(squared);
        self.pull_from_power(squared, powered)
    }

    /// `2γb / ((ε + d²) (1 + a d^2b))`: times the difference of the positions it is the gradient of `γ ln (1 - φ)`, the
    /// push.
    #[inline(always)]
    pub(super) fn push(&self, squared: L) -> L {
        self.push_from_power(squared, self.powered(squared).1)
    }

    /// Both at once, because the power is the expensive part.
    #[inline(always)]
    pub(super) fn pull_and_push(&self, squared: L) -> (L, L) {
        let (at_least, powered) = self.powered(squared);
        (self.pull_from_power(at_least, powered), self.push_from_power(squared, powered))
    }

    /// The squared distance, at least [`LEAST_SQUARED`], and its power `b`: `d^2b`.
    #[inline(always)]
    fn powered(&self, squared: L) -> (L, L) {
        let squared = squared.max(L::splat(LEAST_SQUARED));
        (squared, power(squared, self.b))
    }

    #[inline(always)]
    fn pull_from_power(&self, squared: L, powered: L) -> L {
        self.pull.mul(powered).div(squared.mul(self.a.mul_add(powered, L::splat(1.0))))
    }

    #[inline(always)]
    fn push_from_power(&self, squared: L, powered: L) -> L {
        let softened = squared.add(L::splat(PUSH_SOFTENING));
        self.push.div(softened.mul(self.a.mul_add(powered, L::splat(1.0))))
    }

    /// Adds to `sums`, `[dimension][lane]`, how the lanes of the mask `pushed` are pushed away from `vertex`. `current`
    /// are the lanes' positions.
    #[inline(always)]
    pub(super) fn push_from<const D: usize, const C: usize>(
        &self,
        current: &[L; D],
        vertex: &Position<C>,
        pushed: L::Ints,
        sums: &mut [L; D],
    ) {
        let mut differences = *current;
        for (d, difference) in differences.iter_mut().enumerate() {
            *difference = difference.sub(L::splat(vertex[d / 4][d % 4]));
        }
        let squared = squared(&differences);
        let push = self.push(squared).keep(pushed);
        let (longest, limit) = longest(push, squared);
        // Clipping is rare. Lanes that need it take the second form, and the others keep the bits of the first.
        if longest.at_most(limit) == 0xff {
            for (sum, difference) in sums.iter_mut().zip(differences) {
                *sum = push.mul_add(difference, *sum);
            }
        } else {
            let whole = longest.at_most_mask(limit);
            for (sum, difference) in sums.iter_mut().zip(differences) {
                let clipped = sum.add(clip(push.mul(difference)));
                *sum = push.mul_add(difference, *sum).or_else(whole, clipped);
            }
        }
    }
}

/// The squared length of a push, and the limit up to which none of its components can need clipping.
#[inline(always)]
pub(super) fn longest<L: Lanes>(push: L, squared: L) -> (L, L) {
    (push.mul(push).mul(squared), L::splat(MAX_GRADIENT * MAX_GRADIENT))
}

/// The step of the Weyl sequence: 2³² over the golden ratio, odd.
const WEYL: u32 = 0x9e37_79b9;

/// Random vertices by counter: the `i`-th depends on the key and on `i` alone. Eight are made at a time.
pub(super) struct Random<L: Lanes> {
    state: L::Ints,
    scale: L,
    last: L,
}

impl<L: Lanes> Random<L> {
    #[inline(always)]
    pub(super) fn new(key: u32, n_points: usize) -> Self {
        let mut keys = [key; 8];
        for (key, n) in keys.iter_mut().zip(1_u32..) {
            *key = key.wrapping_add(n.wrapping_mul(WEYL));
        }
        // 24 random bits are exact in `f32`. The product may round up to `n_points`, so it is limited to `last`.
        let scale = n_points as f32 / (1 << 24) as f32;
        Self { state: L::load_ints(&keys), scale: L::splat(scale), last: L::splat(n_points.saturating_sub(1) as f32) }
    }

    /// The next `count` vertices, or the next eight if `count` is larger. Entries beyond `count` come again in the next
    /// call.
    ///
    /// Uniform below `n_points`: a Weyl sequence through the `lowbias32` finaliser (Wellons 2018).
    #[inline(always)]
    pub(super) fn next(&mut self, count: usize) -> [u32; 8] {
        let x = self.state;
        self.state = L::add_ints(x, L::splat_ints((count.min(8) as u32).wrapping_mul(WEYL)));
        let x = L::mul_ints(L::xor_ints(x, L::shift_right::<16>(x)), L::splat_ints(0x7feb_352d));
        let x = L::mul_ints(L::xor_ints(x, L::shift_right::<15>(x)), L::splat_ints(0x846c_a68b));
        let x = L::xor_ints(x, L::shift_right::<16>(x));
        L::store_ints(L::from_ints(L::shift_right::<8>(x)).mul(self.scale).min(self.last).truncate())
    }
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;

    use super::*;
    use crate::UmapParams;
    use crate::simd::Simd;

    fn reference() -> Vec<Position<3>> {
        (0..50)
            .map(|i| std::array::from_fn(|c| std::array::from_fn(|d| ((i * 13 + c * 7 + d * 5) % 17) as f32 * 0.3)))
            .collect()
    }

    fn run(simd: Simd, negative_sample_rate: usize, edges: &[Vec<(u32, f32)>], rate: f32) -> [[f32; 8]; 10] {
        let params = UmapParams::default().negative_sample_rate(negative_sample_rate).check().unwrap();
        let forces = Forces::new(Curve::fit(0.1, 1.0).unwrap(), &params, 50);
        let mut current = std::array::from_fn(|d| std::array::from_fn(|l| (d * 8 + l) as f32 * 0.05));
        let mut schedule = Schedule::new(edges, |_| 1.0);
        for epoch in 0..4 {
            simd.run(Epoch::<10, 3> {
                forces: &forces,
                schedule: &mut schedule,
                current: &mut current,
                key: epoch as u32,
                reference: &reference(),
                epoch,
                rate,
            });
        }
        current
    }

    fn edges() -> Vec<Vec<(u32, f32)>> {
        (0..7).map(|l| (0..3 * l).map(|j| (10 + j, 1.0 / (1.0 + j as f32))).collect()).collect()
    }

    #[test]
    fn both_kinds_of_lanes_make_the_same_steps() {
        assert_eq!(run(Simd::detect(), 5, &edges(), 1.0), run(Simd::portable(), 5, &edges(), 1.0));
    }

    #[test]
    fn a_vertex_without_edges_stays_where_it_is() {
        let (before, after) = (run(Simd::detect(), 5, &edges(), 0.0), run(Simd::detect(), 5, &edges(), 1.0));
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((before[0], before[7]), (after[0], after[7]));
            assert_ne!(before[3], after[3]);
        }
    }

    #[test]
    fn a_pull_follows_the_derivative_of_the_cross_entropy() {
        // One edge, one draw, no push: compared with the difference quotient of ln φ.
        let (before, after) = (run(Simd::detect(), 0, &[], 0.0), run(Simd::detect(), 0, &[vec![(20, 0.4)]], 0.01));
        let (curve, other) = (Curve::fit(0.1, 1.0).unwrap(), reference()[20]);
        let log_strength = |at: &[f64]| {
            let squared: f64 = at.iter().zip(other.as_flattened()).map(|(x, &y)| (x - f64::from(y)).powi(2)).sum();
            -(1.0 + f64::from(curve.a) * squared.powf(f64::from(curve.b))).ln()
        };
        let at: Vec<f64> = before.iter().map(|x| f64::from(x[0])).collect();
        for d in 0..10 {
            let (mut low, mut high) = (at.clone(), at.clone());
            (low[d], high[d]) = (low[d] - 1e-5, high[d] + 1e-5);
            let slope = (log_strength(&high) - log_strength(&low)) / 2e-5;
            let step = f64::from(after[d][0] - before[d][0]) / 0.01;
            assert!((step - slope).abs() < 1e-3, "{d}: {step}, {slope}");
        }
    }
}
