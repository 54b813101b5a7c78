//! One epoch of a transform for a single vertex, with the bits that `kernel` gives it among eight.
//!
//! The steps of a vertex depend on each other, but the forces within one draw are all computed from the same position.
//! So the lanes hold the vertices that one draw pulls to and pushes from; their forces are added in the order of
//! `kernel`.
#![expect(clippy::indexing_slicing, reason = "vertices are indices of the positions they were drawn for")]

use super::kernel::{Constants, Forces, Position, Random, clip, loaded, longest, squared};
use super::schedule::Schedule;
use super::simd::{Kernel, Lanes};

/// One epoch of one vertex. `C` is even.
pub(super) struct SinglePoint<'a, const D: usize, const C: usize> {
    pub(super) forces: &'a Forces,
    pub(super) schedule: &'a mut Schedule,
    /// The position of the vertex.
    pub(super) current: &'a mut Position<C>,
    /// The key of this epoch's random numbers.
    pub(super) key: u32,
    /// The positions of the map, which stay.
    pub(super) reference: &'a [Position<C>],
    pub(super) epoch: usize,
    /// The length of a step.
    pub(super) rate: f32,
}

impl<const D: usize, const C: usize> Kernel for SinglePoint<'_, D, C> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { forces, reference, .. } = self;
        let draws = self.schedule.advance::<L>(self.epoch)[0] as usize;
        let constants = Constants::<L>::new(forces);
        let rate = L::splat(self.rate);
        let samples = forces.negative_sample_rate();
        let mut random = Random::<L>::new(self.key, forces.n_points());
        let mut current = wide::<L, C>(self.current);
        for draw in 0..draws {
            let tail = self.schedule.tails(draw)[0];
            let start = spread::<L, D, C>(&current);
            let mut pull = 0.0;
            let mut steps = [L::splat(0.0); C];
            // In the first round lane 0 holds the neighbour that pulls. All other lanes hold vertices that push.
            let (mut pushed, mut lane) = (0, 1);
            while pushed < samples || lane == 1 {
                let now = (samples - pushed).min(8 - lane);
                let mut vertices = [tail; 8];
                for (to, vertex) in vertices[lane..].iter_mut().zip(random.next(now)) {
                    *to = vertex;
                }
                let (pulls, pushes, whole) = strengths::<L, D, C>(&constants, &start, reference, &vertices);
                if lane == 1 {
                    pull = pulls[0];
                }
                for l in lane..lane + now {
                    let (push, other) = (L::splat(pushes[l]), wide::<L, C>(&reference[vertices[l] as usize]));
                    for w in 0..C / 2 {
                        let difference = current[w].sub(other[w]);
                        steps[w] = if whole & 1 << l != 0 {
                            push.mul_add(difference, steps[w])
                        } else {
                            steps[w].add(clip(push.mul(difference)))
                        };
                    }
                }
                (pushed, lane) = (pushed + now, 0);
            }
            let (pull, tail) = (L::splat(pull), wide::<L, C>(&reference[tail as usize]));
            for w in 0..C / 2 {
                let gradient = clip(pull.mul(current[w].sub(tail[w])));
                current[w] = steps[w].add(gradient).mul_add(rate, current[w]);
            }
        }
        for (values, lanes) in self.current.as_flattened_mut().chunks_exact_mut(8).zip(current) {
            values.copy_from_slice(&lanes.store());
        }
    }
}

/// How strongly each of eight vertices pulls and pushes a vertex at `start`, `[dimension][lane]` with equal lanes; and
/// a bit for each push that needs no clipping.
#[inline(always)]
fn strengths<L: Lanes, const D: usize, const C: usize>(
    constants: &Constants<L>,
    start: &[L; D],
    reference: &[Position<C>],
    vertices: &[u32; 8],
) -> ([f32; 8], [f32; 8], u32) {
    let mut differences = loaded::<L, D, C>(reference, vertices);
    for (difference, x) in differences.iter_mut().zip(start) {
        *difference = x.sub(*difference);
    }
    let squared = squared(&differences);
    let (pull, push) = constants.pull_and_push(squared);
    let (longest, limit) = longest(push, squared);
    (pull.store(), push.store(), longest.at_most(limit))
}

/// A position with its dimensions in the lanes. The first `C / 2` registers are used.
#[inline(always)]
fn wide<L: Lanes, const C: usize>(position: &Position<C>) -> [L; C] {
    let mut lanes = [L::splat(0.0); C];
    for (lanes, values) in lanes.iter_mut().zip(position.as_flattened().as_chunks::<8>().0) {
        *lanes = L::load(values);
    }
    lanes
}

/// A position as `[dimension][lane]`, with the same value in every lane.
#[inline(always)]
fn spread<L: Lanes, const D: usize, const C: usize>(position: &[L; C]) -> [L; D] {
    let mut rows = [L::splat(0.0); D];
    for (rows, lanes) in rows.chunks_mut(8).zip(position) {
        let values = lanes.store();
        for (row, value) in rows.iter_mut().zip(values) {
            *row = L::splat(value);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;

    use super::super::curve::Curve;
    use super::super::kernel::Epoch;
    use super::super::simd::Simd;
    use super::*;
    use crate::UmapParams;

    const EPOCHS: usize = 6;

    fn reference() -> Vec<Position<4>> {
        let at = |i: usize, d: usize| if d < 10 { ((i * 13 + d * 5) % 17) as f32 * 0.3 } else { 0.0 };
        (0..50).map(|i| std::array::from_fn(|c| std::array::from_fn(|d| at(i, c * 4 + d)))).collect()
    }

    fn forces(negative_sample_rate: usize) -> Forces {
        let params = UmapParams::default().negative_sample_rate(negative_sample_rate).check().unwrap();
        Forces::new(Curve::fit(0.1, 1.0).unwrap(), &params, 50)
    }

    fn edges() -> Vec<Vec<(u32, f32)>> {
        (0..8).map(|l| (0..3 * l).map(|j| (10 + j, 1.0 / (1.0 + j as f32))).collect()).collect()
    }

    fn alone(simd: Simd, samples: usize, lane: usize) -> Vec<u32> {
        let mut current: Position<4> = [[0.0; 4]; 4];
        (0..10).for_each(|d| current[d / 4][d % 4] = (d * 8 + lane) as f32 * 0.05);
        let mut schedule = Schedule::new(&edges()[lane..=lane], |_| 1.0);
        for epoch in 0..EPOCHS {
            simd.run(SinglePoint::<10, 4> {
                forces: &forces(samples),
                schedule: &mut schedule,
                current: &mut current,
                key: epoch as u32,
                reference: &reference(),
                epoch,
                rate: 1.0,
            });
        }
        current.as_flattened()[..10].iter().map(|x| x.to_bits()).collect()
    }

    fn together(samples: usize) -> [[f32; 8]; 10] {
        let mut current = std::array::from_fn(|d| std::array::from_fn(|l| (d * 8 + l) as f32 * 0.05));
        let mut schedule = Schedule::new(&edges(), |_| 1.0);
        for epoch in 0..EPOCHS {
            Simd::detect().run(Epoch::<10, 4> {
                forces: &forces(samples),
                schedule: &mut schedule,
                current: &mut current,
                key: epoch as u32,
                reference: &reference(),
                epoch,
                rate: 1.0,
            });
        }
        current
    }

    #[test]
    fn a_vertex_takes_the_same_steps_alone_and_among_others_whatever_it_is_pushed_from() {
        for samples in [0, 1, 5, 8, 19] {
            let together = together(samples);
            for lane in 0..8 {
                let among: Vec<u32> = together.iter().map(|dimension| dimension[lane].to_bits()).collect();
                assert_eq!(alone(Simd::detect(), samples, lane), among, "{samples} samples, lane {lane}");
                assert_eq!(alone(Simd::portable(), samples, lane), among, "{samples} samples, lane {lane}, portable");
            }
            assert_ne!(together[0][7], 0.35, "{samples} samples moved nothing");
        }
    }
}
