//! Random-projection trees (Dasgupta and Freund 2008): points that share a leaf are likely to be near each other.
//!
//! Each node is split along the line through two of its points: into halves by rank, not at a margin. So a split always
//! makes progress, even among equal points; the sizes of all leaves differ by one at most; and the depth is the
//! logarithm of the number of points.
#![expect(clippy::indexing_slicing, reason = "members are indices of the rows, leaves are counted from the members")]

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::points::{Points, order_key};
use super::random::mix64;
use super::simd::{Kernel, Lanes, Simd};

/// Points by rows, each filled up with zeros to a multiple of four features, so that eight rows can be transposed into
/// lanes.
pub(super) struct Rows {
    /// `[row][four features]`.
    quads: Vec<[f32; 4]>,
    quads_a_row: usize,
    simd: Simd,
}

impl Rows {
    /// `points`, `(n_points, n_features)`, in the order of `indices`.
    pub(super) fn new(points: ArrayView2<'_, f32>, indices: impl ExactSizeIterator<Item = usize>) -> Self {
        let quads_a_row = points.ncols().div_ceil(4);
        let mut quads = vec![[0.0; 4]; indices.len() * quads_a_row];
        for (row, i) in quads.chunks_exact_mut(quads_a_row.max(1)).zip(indices) {
            for (to, &x) in row.as_flattened_mut().iter_mut().zip(points.row(i)) {
                *to = x;
            }
        }
        Self { quads, quads_a_row, simd: Simd::detect() }
    }

    pub(super) fn len(&self) -> usize {
        self.quads.len() / self.quads_a_row.max(1)
    }

    fn row(&self, i: u32) -> &[[f32; 4]] {
        &self.quads[i as usize * self.quads_a_row..][..self.quads_a_row]
    }

    /// Adds to `keys` the [`order_key`]s of the squared distances between row `i` and each of `others`, as far as they
    /// are below `limit`.
    ///
    /// The distance from a to b has the same bits as the one from b to a.
    pub(super) fn measure(&self, i: u32, others: &[u32], limit: u64, keys: &mut Vec<u64>) {
        self.simd.run(Distances { rows: self, query: self.row(i), others, limit, keys });
    }
}

/// [`Rows::measure`], eight rows in the lanes.
struct Distances<'a> {
    rows: &'a Rows,
    query: &'a [[f32; 4]],
    others: &'a [u32],
    limit: u64,
    keys: &'a mut Vec<u64>,
}

impl Kernel for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for others in self.others.chunks(8) {
            let rows = eight(self.rows, others);
            let mut sums = [L::splat(0.0); 4];
            for (q, query) in self.query.iter().enumerate() {
                let columns = columns::<L>(&rows, q);
                for ((sum, x), column) in sums.iter_mut().zip(query).zip(columns) {
                    let difference = L::splat(*x).sub(column);
                    *sum = difference.mul_add(difference, *sum);
                }
            }
            let squared = sums[0].add(sums[1]).add(sums[2].add(sums[3])).store();
            for (squared, &other) in squared.into_iter().zip(others) {
                let key = order_key(squared, other);
                if key < self.limit {
                    self.keys.push(key);
                }
            }
        }
    }
}

/// The rows of up to eight points. Where there are fewer, the first one is repeated.
#[inline(always)]
fn eight<'a>(rows: &'a Rows, indices: &[u32]) -> [&'a [[f32; 4]]; 8] {
    let mut eight = [rows.row(indices[0]); 8];
    for (row, &i) in eight.iter_mut().zip(indices) {
        *row = rows.row(i);
    }
    eight
}

/// Features `4 * q` to `4 * q + 3` of eight rows: four registers with one row in each lane.
#[inline(always)]
fn columns<L: Lanes>(rows: &[&[[f32; 4]]; 8], q: usize) -> [L; 4] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    L::columns([&r0[q], &r1[q], &r2[q], &r3[q], &r4[q], &r5[q], &r6[q], &r7[q]])
}

/// The leaves of a tree.
pub(super) struct Tree {
    /// All points, leaf by leaf.
    pub(super) order: Vec<u32>,
    /// Leaf `l` is `order[starts[l]..starts[l + 1]]`.
    starts: Vec<u32>,
    /// The leaf of each point.
    leaf_of: Vec<u32>,
}

impl Tree {
    /// Grows a tree with leaves of at most `leaf_size` points, and at least half of that if there are enough points.
    pub(super) fn grow(rows: &Rows, leaf_size: usize, key: u64) -> Self {
        let mut members: Vec<u64> = (0..rows.len() as u64).collect();
        split(rows, &mut members, leaf_size, key);
        let order: Vec<u32> = members.into_iter().map(|member| member as u32).collect();
        let mut starts = vec![0];
        ends_of_leaves(0, order.len(), leaf_size, &mut starts);
        let mut leaf_of = vec![0; order.len()];
        for (leaf, ends) in starts.windows(2).enumerate() {
            for &i in &order[ends[0] as usize..ends[1] as usize] {
                leaf_of[i as usize] = leaf as u32;
            }
        }
        Self { order, starts, leaf_of }
    }

    pub(super) fn largest_leaf(&self) -> usize {
        self.starts.windows(2).map(|ends| (ends[1] - ends[0]) as usize).max().unwrap_or(0)
    }

    /// The points of the leaf that holds point `i`, which is one of them.
    pub(super) fn leaf(&self, i: usize) -> &[u32] {
        let leaf = self.leaf_of[i] as usize;
        &self.order[self.starts[leaf] as usize..self.starts[leaf + 1] as usize]
    }
}

/// An order in which points that are near in space are mostly near each other.
pub(super) fn neighbourly_order(points: &Points, key: u64) -> Vec<u32> {
    Tree::grow(&Rows::new(points.rows(), 0..points.len()), SMALL_LEAF, key).order
}

/// Below this size the order within a leaf does not matter: its rows are in the first-level cache together.
const SMALL_LEAF: usize = 32;

/// Pairs of points that are tried for a direction, because equal points have none.
const TRIES: u64 = 4;
/// Smaller nodes are split by one thread.
const ALONE: usize = 4096;

/// Orders `members` so that each half holds one side of a split, and each half of a half one side of the next, down to
/// leaves. The lower 32 bits of a member are its point; the upper ones are for sorting.
fn split(rows: &Rows, members: &mut [u64], leaf_size: usize, key: u64) {
    if members.len() <= leaf_size {
        return;
    }
    let drawn = |n: u64| members[(mix64(key ^ n) % members.len() as u64) as usize] as u32;
    let between = |n: u64| {
        let ends = rows.row(drawn(2 * n)).iter().zip(rows.row(drawn(2 * n + 1)));
        ends.map(|(a, b)| [a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]]).collect::<Vec<_>>()
    };
    let pairs = (0..TRIES).map(between);
    let direction = pairs.reduce(|a, b| if a.as_flattened().iter().any(|&x| x != 0.0) { a } else { b });
    let direction = direction.unwrap_or_default();
    members.par_chunks_mut(ALONE).for_each(|members| rows.simd.run(Project { rows, direction: &direction, members }));
    let middle = members.len() / 2;
    members.select_nth_unstable(middle);
    let (left, right) = members.split_at_mut(middle);
    let keys = (mix64(key ^ 0x6c), mix64(key ^ 0x72));
    if left.len() < ALONE {
        split(rows, left, leaf_size, keys.0);
        split(rows, right, leaf_size, keys.1);
    } else {
        rayon::join(|| split(rows, left, leaf_size, keys.0), || split(rows, right, leaf_size, keys.1));
    }
}

/// Where the leaves end into which [`split`] divides `n` members that begin at `start`.
fn ends_of_leaves(start: usize, n: usize, leaf_size: usize, ends: &mut Vec<u32>) {
    if n <= leaf_size {
        ends.push((start + n) as u32);
    } else {
        ends_of_leaves(start, n / 2, leaf_size, ends);
        ends_of_leaves(start + n / 2, n - n / 2, leaf_size, ends);
    }
}

/// Writes the scalar product of each member with a direction into its upper 32 bits, as an integer of the same order.
struct Project<'a> {
    rows: &'a Rows,
    direction: &'a [[f32; 4]],
    members: &'a mut [u64],
}

impl Kernel for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for members in self.members.chunks_mut(8) {
            let mut indices = [members[0] as u32; 8];
            for (index, member) in indices.iter_mut().zip(members.iter()) {
                *index = *member as u32;
            }
            let rows = eight(self.rows, &indices);
            let mut sums = [L::splat(0.0); 4];
            for (q, direction) in self.direction.iter().enumerate() {
                let columns = columns::<L>(&rows, q);
                for ((sum, x), column) in sums.iter_mut().zip(direction).zip(columns) {
                    *sum = column.mul_add(L::splat(*x), *sum);
                }
            }
            let projected = sums[0].add(sums[1]).add(sums[2].add(sums[3])).store();
            for (member, x) in members.iter_mut().zip(projected) {
                // Coordinates at the end of their range can overflow. Any order will do for them.
                let bits = if x.is_finite() { x.to_bits() } else { 0 };
                let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
                *member = u64::from(ordered) << 32 | u64::from(*member as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::random::symmetric;
    use super::*;

    fn rows(points: &Array2<f32>) -> Rows {
        Rows::new(points.view(), 0..points.nrows())
    }

    #[test]
    fn every_point_is_in_one_leaf_and_leaves_are_small_even_of_copies() {
        let scattered = Array2::from_shape_fn((1000, 6), |(i, j)| symmetric(3, (i * 6 + j) as u64) as f32);
        for points in [scattered, Array2::ones((1000, 6)), Array2::from_elem((1000, 6), f32::MAX)] {
            let tree = Tree::grow(&rows(&points), 30, 7);
            let mut all = tree.order.clone();
            all.sort_unstable();
            assert_eq!(all, (0..1000).collect::<Vec<u32>>());
            for i in 0..1000 {
                let leaf = tree.leaf(i);
                assert!(leaf.contains(&(i as u32)) && (15..=30).contains(&leaf.len()), "{i}: {}", leaf.len());
            }
        }
    }

    #[test]
    fn a_leaf_holds_points_that_are_near() {
        let points =
            Array2::from_shape_fn((512, 3), |(i, j)| (i % 8 * 100) as f32 + symmetric(3, (i * 3 + j) as u64) as f32);
        let tree = Tree::grow(&rows(&points), 64, 7);
        let together = (0..512).map(|i| tree.leaf(i).iter().filter(|&&j| j as usize % 8 == i % 8).count());
        assert!(together.sum::<usize>() > 512 * 56);
    }

    #[test]
    fn a_distance_is_the_same_from_both_ends_and_in_both_kinds_of_lanes() {
        let points = Array2::from_shape_fn((20, 7), |(i, j)| symmetric(3, (i * 7 + j) as u64) as f32);
        let mut rows = rows(&points);
        let all: Vec<u32> = (0..20).collect();
        let table = |rows: &Rows| {
            let mut keys = Vec::new();
            all.iter().for_each(|&i| rows.measure(i, &all, u64::MAX, &mut keys));
            keys
        };
        let keys = table(&rows);
        for (i, j) in (0..20).flat_map(|i| (0..20).map(move |j| (i, j))) {
            assert_eq!(keys[i * 20 + j] >> 32, keys[j * 20 + i] >> 32);
        }
        rows.simd = Simd::portable();
        assert_eq!(table(&rows), keys);
    }
}
