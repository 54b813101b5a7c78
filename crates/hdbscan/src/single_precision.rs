//! The points of a tree in single precision, for a first comparison at half the memory and twice the lanes.
//!
//! A search measures points here first, and again in double precision where [`SinglePrecision::limit`] does
//! not rule them out. So results have the bits of double precision, and most points are read from half as many cache
//! lines.
//!
//! Coordinates are counted from the middle of the data and scaled by a power of two to at most 1. Rounding one to
//! single precision moves it by at most 2⁻²⁴, and so changes a distance in D features by at most 2 · 2⁻²⁴ √D. A sum of
//! D rounded squares is wrong by at most D + 2 units in the last place (Higham 2002, section 3.1).
#![expect(clippy::indexing_slicing, reason = "leaves are numbered as in the tree that they were copied from")]

use rayon::prelude::*;

use super::kd_tree::{KdTree, LEAF};

/// The coordinates of a tree's points, rounded.
pub(super) struct SinglePrecision {
    n_features: usize,
    /// `[leaf][feature][lane]`; infinite where there is no point.
    leaves: Vec<f32>,
    /// The power of two that coordinates are multiplied by.
    scale: f64,
    /// By how much rounding the coordinates can change a distance, in scaled units.
    moved: f64,
    /// By which factor rounding the sum can change a squared distance.
    summed: f64,
}

impl SinglePrecision {
    pub fn of(tree: &KdTree) -> Self {
        let n_features = tree.n_features;
        let size = n_features * LEAF;
        let nothing = vec![(f64::INFINITY, f64::NEG_INFINITY); n_features];
        let leaf_sides = |sides: Vec<(f64, f64)>, leaf: usize| {
            let columns = tree.block(leaf).chunks_exact(LEAF);
            let wider = |(side, column): (&(f64, f64), &[f64])| {
                let present = column.iter().copied().filter(|x| x.is_finite());
                present.fold(*side, |(low, high), x| (low.min(x), high.max(x)))
            };
            sides.iter().zip(columns).map(wider).collect::<Vec<_>>()
        };
        let sides = (0..tree.n_leaves()).fold(nothing, leaf_sides);
        // Halves first: the sum of two coordinates could overflow.
        let middle: Vec<f64> = sides.iter().map(|(low, high)| low / 2.0 + high / 2.0).collect();
        let reach = sides.iter().zip(&middle).map(|(side, middle)| (side.1 - middle).max(middle - side.0));
        let reach = reach.fold(f64::MIN_POSITIVE, f64::max);
        let scale = (-reach.log2().ceil()).clamp(-1000.0, 1000.0).exp2();
        let mut leaves = vec![0.0; tree.n_leaves() * size];
        leaves.par_chunks_exact_mut(size).enumerate().for_each(|(leaf, rounded)| {
            let columns = tree.block(leaf).chunks_exact(LEAF).zip(&middle).zip(rounded.chunks_exact_mut(LEAF));
            for ((column, middle), rounded) in columns {
                rounded.iter_mut().zip(column).for_each(|(to, x)| *to = ((x - middle) * scale) as f32);
            }
        });
        // A little more than the bounds above, for the roundings of this double precision.
        let ulp = f64::from(f32::EPSILON);
        let moved = 1.01 * ulp * (n_features as f64).sqrt();
        Self { n_features, leaves, scale, moved, summed: 1.0 + (n_features as f64 + 4.0) * ulp }
    }

    /// The coordinates of a leaf, `[feature][lane]`, infinite where there is no point.
    fn block(&self, leaf: usize) -> &[f32] {
        let size = self.n_features * LEAF;
        &self.leaves[leaf * size..(leaf + 1) * size]
    }

    /// Writes the coordinates of the point at `position`, `(n_features)`.
    #[inline(always)]
    pub fn coordinates_into(&self, position: usize, coordinates: &mut Vec<f32>) {
        coordinates.clear();
        coordinates
            .extend(self.block(position / LEAF).as_chunks::<LEAF>().0.iter().map(|column| column[position % LEAF]));
    }

    /// A squared distance in double precision below `squared` is measured here as at most this.
    #[inline(always)]
    pub fn limit(&self, squared: f64) -> f32 {
        let distance = squared.sqrt() * self.scale + self.moved;
        (distance * distance * self.summed) as f32
    }

    /// The lanes of a leaf whose points are measured at most at `limit` from `query`, one bit for each.
    #[inline(always)]
    pub fn within(&self, leaf: usize, query: &[f32], limit: f32) -> u32 {
        let squared = self.squared_distances(leaf, query);
        // Most leaves have none, and that is quickly known.
        let mut least = [f32::INFINITY; 8];
        for chunk in squared.as_chunks::<8>().0 {
            least.iter_mut().zip(chunk).for_each(|(least, &x)| *least = if x < *least { x } else { *least });
        }
        if least.iter().all(|&least| least > limit) {
            return 0;
        }
        (0..).zip(squared).fold(0, |bits, (lane, squared)| bits | u32::from(squared <= limit) << lane)
    }

    /// The squared distances from `query`, scaled, to a leaf's points; infinite where there is no point.
    #[inline(always)]
    fn squared_distances(&self, leaf: usize, query: &[f32]) -> [f32; LEAF] {
        let mut squared = [0.0; LEAF];
        for (column, &coordinate) in self.block(leaf).as_chunks::<LEAF>().0.iter().zip(query) {
            for lane in 0..LEAF {
                let difference = column[lane] - coordinate;
                squared[lane] += difference * difference;
            }
        }
        squared
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::distances::Columns;
    use super::*;

    proptest! {
        #[test]
        fn no_distance_is_measured_above_its_limit(
            seed in any::<u64>(),
            n_features in 1_usize..20,
            far in prop_oneof![Just(1.0), Just(1e-140), Just(1e149), 1e-3..1e9],
            apart in prop_oneof![Just(0.0), 0.0..1e3],
        ) {
            let mut state = seed | 1;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
            };
            // Some points lie near each other compared with their distance from the origin and from the rest.
            let points = Array2::from_shape_fn((100, n_features), |(i, _)| match i % 3 {
                0 => far * (0.9 + 1e-7 * next()),
                1 => far * 1e-3 * (apart / 1e3 + next()),
                _ => far * next(),
            });
            let tree = KdTree::new(&Columns::new(points.view()).unwrap());
            let rounded = SinglePrecision::of(&tree);
            let (mut query, mut rounded_query) = (Vec::new(), Vec::new());
            for position in 0..100 {
                tree.coordinates_into(position, &mut query);
                rounded.coordinates_into(position, &mut rounded_query);
                for leaf in 0..tree.n_leaves() {
                    let exact = tree.squared_distances(leaf, &query);
                    let measured = rounded.squared_distances(leaf, &rounded_query);
                    for (exact, measured) in exact.into_iter().zip(measured) {
                        prop_assert!(measured <= rounded.limit(exact), "{} {}", exact, measured);
                        // What is clearly nearer has a limit that rules this point out.
                        let nearer = 0.999 * exact.sqrt() - 3.0 * rounded.moved / rounded.scale;
                        let is_ruled_out = measured > rounded.limit(nearer * nearer);
                        prop_assert!(nearer < 0.0 || exact.is_infinite() || is_ruled_out, "{} {}", exact, measured);
                    }
                }
            }
        }
    }
}
