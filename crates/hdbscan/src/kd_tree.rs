//! A k-d tree over the points, flat in memory and searched eight boxes at a time (Bentley 1975; Friedman, Bentley,
//! Finkel 1977).
//!
//! The tree is an order of the points; a point's index in that order is its *position*. Positions `LEAF · i` and up
//! form leaf `i`, every [`FANOUT`] leaves form a node, every [`FANOUT`] nodes the node above, up to the root. So a node
//! needs no pointers: its children are found by arithmetic.
//!
//! Shapes: a leaf stores `[feature][lane]`, and a node stores `[feature][lowest of each child, highest of each child]`.
//! The inner loops run over lanes or children, which the compiler turns into vector instructions.
//!
//! Invariant: a box is never farther than a point in it, to the last bit. Both distances add the same terms in the same
//! order, and rounding is monotone. Searches rely on it to be exact.
//!
//! A [`Visitor`] decides what a search looks for and what it may skip: see `neighbours`, `other_cluster`,
//! `place_index`.
#![expect(
    clippy::indexing_slicing,
    reason = "this file lays out levels, blocks and leaves; a feature is below n_features"
)]
#![allow(unsafe_code, reason = "compiled for AVX2, and called only on processors that have it")]

use super::distances::Columns;

/// Points in a leaf. The fastest of 16, 32 and 64 on 50,000 and 200,000 points of 10 features.
pub(super) const LEAF: usize = 32;
/// Children of a node: the result of three binary splits.
pub(super) const FANOUT: usize = 8;
/// Lanes that are summed together: enough independent sums to hide the latency of an addition.
const LANES: usize = 16;

/// The tree. It holds a copy of the coordinates.
#[derive(Debug, Clone)]
pub(super) struct KdTree {
    pub(super) n_features: usize,
    /// The point at each position, `(n_points)`.
    points: Vec<u32>,
    /// Coordinates, `[leaf][feature][lane]`. Lanes of the last leaf that hold no point are at infinity.
    leaves: Vec<f64>,
    /// Boxes, `[level][node][feature][lowest of each child, highest of each child]`. Level 0 has the boxes of the
    /// leaves, the last level those of the root's children.
    levels: Vec<Vec<f64>>,
}

/// What a search looks for.
pub(super) trait Visitor {
    /// The search skips nodes at this squared distance or farther. May only fall during a search.
    fn bound(&self) -> f64;
    /// Replaces the squared distances of the nodes `first..first + FANOUT` of `level` (0: leaves) by higher lower
    /// bounds, or by infinity to skip a node.
    fn weigh(&self, level: usize, first: usize, squared: &mut [f64; FANOUT]);
    /// Looks at the points of a leaf. `sides` is the box that the search started from.
    fn meet(&mut self, sides: &[(f64, f64)], leaf: usize);
}

/// Nodes to visit: squared distance, level (0: a leaf) and number. Callers keep the allocation between searches.
pub(super) type Pending = Vec<(f64, u32, u32)>;

impl KdTree {
    /// Sorts the points into a tree, in O(n log n) time.
    pub fn new(columns: &Columns) -> Self {
        let (n_points, n_features) = (columns.n_points(), columns.n_features());
        let mut rows = vec![0.0; n_points * n_features];
        for feature in 0..n_features {
            let values = columns.column(feature);
            rows.chunks_exact_mut(n_features).zip(values).for_each(|(row, &value)| row[feature] = value);
        }
        let mut order: Vec<(f64, u32)> = (0..n_points as u32).map(|point| (0.0, point)).collect();
        let unit = std::iter::successors(Some(LEAF), |unit| Some(unit * FANOUT)).find(|&unit| unit >= n_points);
        arrange(&mut order, unit.unwrap_or(LEAF), &rows, n_features);
        let mut leaves = vec![f64::INFINITY; n_points.div_ceil(LEAF) * n_features * LEAF];
        for (leaf, members) in leaves.chunks_exact_mut(n_features * LEAF).zip(order.chunks(LEAF)) {
            for (lane, &(_, point)) in members.iter().enumerate() {
                let row = &rows[point as usize * n_features..];
                leaf.chunks_exact_mut(LEAF).zip(row).for_each(|(column, &value)| column[lane] = value);
            }
        }
        let levels = boxes_of(&leaves, n_features, n_points);
        Self { n_features, points: order.into_iter().map(|(_, point)| point).collect(), leaves, levels }
    }

    pub fn n_points(&self) -> usize {
        self.points.len()
    }

    pub fn n_leaves(&self) -> usize {
        self.points.len().div_ceil(LEAF)
    }

    /// The point at each position.
    pub fn points(&self) -> &[u32] {
        &self.points
    }

    /// Writes the coordinates of the point at `position`, `(n_features)`.
    pub fn coordinates_into(&self, position: usize, coordinates: &mut Vec<f64>) {
        coordinates.clear();
        coordinates.extend(self.block(position / LEAF).chunks_exact(LEAF).map(|column| column[position % LEAF]));
    }

    /// Combines the leaves' values into one value for each node of each level, leaves first. Every level is filled up
    /// with `none` to a multiple of [`FANOUT`], so that the children of a node are always a whole slice.
    pub fn summarise<T: Copy>(&self, leaves: Vec<T>, none: T, combine: impl Fn(&[T]) -> T) -> Vec<Vec<T>> {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last()
            && levels.len() < self.levels.len()
        {
            let level = below.chunks(FANOUT).map(&combine).collect();
            levels.push(level);
        }
        levels.iter_mut().for_each(|level| level.resize(level.len().next_multiple_of(FANOUT), none));
        levels
    }

    /// The coordinates of a leaf, `[feature][lane]`.
    pub fn block(&self, leaf: usize) -> &[f64] {
        &self.leaves[leaf * self.n_features * LEAF..(leaf + 1) * self.n_features * LEAF]
    }

    /// The squared distances from `query` to a leaf's points; infinite for lanes without a point.
    #[inline(always)]
    pub fn squared_distances(&self, leaf: usize, query: &[f64]) -> [f64; LEAF] {
        lanes_of(self.block(leaf), query, |value, &coordinate| value - coordinate)
    }

    /// The squared distance from `query` to one point of a leaf.
    #[inline(always)]
    pub fn squared_distance(&self, leaf: usize, lane: usize, query: &[f64]) -> f64 {
        let columns = self.block(leaf).as_chunks::<LEAF>().0;
        columns.iter().zip(query).fold(0.0, |sum, (column, x)| sum + (column[lane] - x) * (column[lane] - x))
    }

    /// The squared distances from a box, `(lowest, highest)` of each feature, to a leaf's points.
    #[inline(always)]
    pub fn squared_distances_to_box(&self, leaf: usize, sides: &[(f64, f64)]) -> [f64; LEAF] {
        lanes_of(self.block(leaf), sides, |value, &(lowest, highest)| {
            larger(larger(lowest - value, value - highest), 0.0)
        })
    }

    /// Shows `visitor` every leaf that is nearer to the box `sides` than its bound, near leaves first.
    ///
    /// Depth first: of a node's children the nearest is visited next, so that the bound falls early.
    pub fn search<V: Visitor>(&self, sides: &[(f64, f64)], pending: &mut Pending, visitor: &mut V) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the line above checked that the processor has AVX2.
            return unsafe { search_with_avx2(self, sides, pending, visitor) };
        }
        self.search_here(sides, pending, visitor);
    }

    /// [`Self::search`], inlined into a caller that decides which instructions it is compiled for.
    #[inline(always)]
    fn search_here<V: Visitor>(&self, sides: &[(f64, f64)], pending: &mut Pending, visitor: &mut V) {
        pending.clear();
        pending.push((0.0, self.levels.len() as u32, 0));
        while let Some((squared, level, node)) = pending.pop() {
            if squared >= visitor.bound() {
                continue;
            }
            let Some(below) = (level as usize).checked_sub(1) else {
                visitor.meet(sides, node as usize);
                continue;
            };
            let first = node as usize * FANOUT;
            let mut children = self.squared_distances_to_children(below, node as usize, sides);
            visitor.weigh(below, first, &mut children);
            let (bound, start) = (visitor.bound(), pending.len());
            for (child, &squared) in children.iter().enumerate() {
                if squared < bound {
                    // The children are kept farthest first, so that the nearest is popped next.
                    let farther = pending[start..].iter().take_while(|other| other.0 >= squared).count();
                    pending.insert(start + farther, (squared, below as u32, (first + child) as u32));
                }
            }
        }
    }

    /// The squared distances from the box `sides` to the boxes of a node's children. In each feature the gap between
    /// two intervals is how far the one begins above the end of the other, or 0 where they overlap.
    #[inline(always)]
    fn squared_distances_to_children(&self, below: usize, node: usize, sides: &[(f64, f64)]) -> [f64; FANOUT] {
        let size = self.n_features * 2 * FANOUT;
        let boxes = &self.levels[below][node * size..(node + 1) * size];
        let mut squared = [0.0; FANOUT];
        for (bounds, &(lowest, highest)) in boxes.as_chunks::<{ 2 * FANOUT }>().0.iter().zip(sides) {
            for child in 0..FANOUT {
                let gap = larger(larger(bounds[child] - highest, lowest - bounds[FANOUT + child]), 0.0);
                squared[child] += gap * gap;
            }
        }
        squared
    }
}

/// The search compiled for wider registers. It does the same operations in the same order, so results have the same
/// bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn search_with_avx2<V: Visitor>(tree: &KdTree, sides: &[(f64, f64)], pending: &mut Pending, visitor: &mut V) {
    tree.search_here(sides, pending, visitor);
}

/// For each lane of a leaf the sum of `gap²` over the features, in the order of the features.
#[inline(always)]
fn lanes_of<Q>(block: &[f64], query: &[Q], gap: impl Fn(f64, &Q) -> f64) -> [f64; LEAF] {
    let mut squared = [0.0; LEAF];
    for (group, sums) in squared.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut lanes = [0.0; LANES];
        for (column, side) in block.as_chunks::<LEAF>().0.iter().zip(query) {
            let column = &column[group * LANES..(group + 1) * LANES];
            for lane in 0..LANES {
                let gap = gap(column[lane], side);
                lanes[lane] += gap * gap;
            }
        }
        *sums = lanes;
    }
    squared
}

/// The least of a leaf's values.
#[inline(always)]
pub(super) fn least(values: &[f64; LEAF]) -> f64 {
    let mut least = [f64::INFINITY; 8];
    for chunk in values.as_chunks::<8>().0 {
        least.iter_mut().zip(chunk).for_each(|(least, &value)| *least = if value < *least { value } else { *least });
    }
    least.iter().fold(f64::INFINITY, |a, &b| if b < a { b } else { a })
}

/// `f64::max` in one instruction, for numbers that are never NaN.
#[inline(always)]
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Sorts points so that every `unit` of them, and within those every smaller unit, lie together.
///
/// `order` holds (key, point). Each step splits it in two halves of whole units along the feature of greatest variance;
/// variance rather than extent, because a single outlier changes the extent more. Where one unit is left, the same
/// happens within it for the units of the level below. Equal keys are ordered by point, so nothing but the points
/// decides the result.
fn arrange(order: &mut [(f64, u32)], unit: usize, rows: &[f64], n_features: usize) {
    let units = order.len().div_ceil(unit);
    if units < 2 {
        if unit > LEAF {
            arrange(order, unit / FANOUT, rows, n_features);
        }
        return;
    }
    let feature = widest(order, rows, n_features);
    order.iter_mut().for_each(|(key, point)| *key = rows[*point as usize * n_features + feature]);
    let left = units.div_ceil(2) * unit;
    order.select_nth_unstable_by(left, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (left, right) = order.split_at_mut(left);
    rayon::join(|| arrange(left, unit, rows, n_features), || arrange(right, unit, rows, n_features));
}

/// The feature of greatest variance among `order`, the first of equals. Differences from the first point keep the sums
/// accurate where the points lie far from the origin.
fn widest(order: &[(f64, u32)], rows: &[f64], n_features: usize) -> usize {
    let row = |point: u32| &rows[point as usize * n_features..(point as usize + 1) * n_features];
    let Some(origin) = order.first().map(|&(_, point)| row(point)) else { return 0 };
    let mut sums = vec![(0.0, 0.0); n_features];
    for &(_, point) in order {
        for ((sum, squares), (&value, &origin)) in sums.iter_mut().zip(row(point).iter().zip(origin)) {
            let difference = value - origin;
            *sum += difference;
            *squares += difference * difference;
        }
    }
    let variance = |&(sum, squares): &(f64, f64)| squares - sum * sum / order.len() as f64;
    let mut best = (f64::NEG_INFINITY, 0);
    for (feature, variance) in sums.iter().map(variance).enumerate() {
        if variance > best.0 {
            best = (variance, feature);
        }
    }
    best.1
}

/// The boxes of every level, `[level][node][feature][lowest of each child, highest of each child]`. A child that does
/// not exist has an empty box, at an infinite distance from everything.
fn boxes_of(leaves: &[f64], n_features: usize, n_points: usize) -> Vec<Vec<f64>> {
    const NOTHING: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);
    let united = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
    let mut boxes: Vec<(f64, f64)> = Vec::with_capacity(leaves.len() / LEAF);
    for (leaf, block) in leaves.chunks_exact(n_features * LEAF).enumerate() {
        let lanes = LEAF.min(n_points - leaf * LEAF);
        boxes.extend(
            block
                .chunks_exact(LEAF)
                .map(|column| column[..lanes].iter().fold(NOTHING, |sides, &x| united(sides, (x, x)))),
        );
    }
    let mut levels = Vec::new();
    loop {
        let n_nodes = (boxes.len() / n_features).div_ceil(FANOUT);
        let mut level = Vec::with_capacity(n_nodes * n_features * 2 * FANOUT);
        let mut parents = Vec::with_capacity(n_nodes * n_features);
        for node in 0..n_nodes {
            for feature in 0..n_features {
                let child = |child: usize| (node * FANOUT + child) * n_features + feature;
                let sides = |c: usize| boxes.get(child(c)).copied().unwrap_or(NOTHING);
                level.extend((0..FANOUT).map(|c| sides(c).0));
                level.extend((0..FANOUT).map(|c| sides(c).1));
                parents.push((0..FANOUT).map(sides).fold(NOTHING, united));
            }
        }
        levels.push(level);
        boxes = parents;
        if n_nodes < 2 {
            return levels;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    /// Collects every leaf nearer than a bound.
    struct Within {
        squared: f64,
        leaves: Vec<usize>,
    }

    impl Visitor for Within {
        fn bound(&self) -> f64 {
            self.squared
        }
        fn weigh(&self, _: usize, _: usize, _: &mut [f64; FANOUT]) {}
        fn meet(&mut self, _: &[(f64, f64)], leaf: usize) {
            self.leaves.push(leaf);
        }
    }

    fn columns(n_points: usize, n_features: usize) -> Columns {
        let points = Array2::from_shape_fn((n_points, n_features), |(i, j)| ((i * 7_919 + j * 104_729) % 1_009) as f64);
        Columns::new(points.view()).unwrap()
    }

    proptest! {
        #[test]
        fn no_point_within_the_bound_is_missed_and_distances_have_the_bits_of_the_columns(
            n_points in 1usize..3_000,
            n_features in 1usize..6,
            asked in any::<prop::sample::Index>(),
            reach in 0.0f64..1e5,
        ) {
            let columns = columns(n_points, n_features);
            let tree = KdTree::new(&columns);
            let query: Vec<f64> = columns.point(asked.index(n_points)).collect();
            let mut expected = vec![0.0; n_points];
            columns.squared_distances(&query, &mut expected);

            let sides: Vec<_> = query.iter().map(|&x| (x, x)).collect();
            let mut found = Within { squared: reach, leaves: Vec::new() };
            tree.search(&sides, &mut Vec::new(), &mut found);
            let mut met = vec![false; n_points];
            for leaf in found.leaves {
                let squared = tree.squared_distances(leaf, &query);
                prop_assert_eq!(squared, tree.squared_distances_to_box(leaf, &sides));
                for (lane, squared) in squared.into_iter().enumerate() {
                    match tree.points().get(leaf * LEAF + lane) {
                        Some(&point) => {
                            prop_assert_eq!(squared.to_bits(), expected[point as usize].to_bits());
                            met[point as usize] = true;
                        }
                        None => prop_assert_eq!(squared, f64::INFINITY),
                    }
                }
            }
            prop_assert!((0..n_points).all(|point| met[point] || expected[point] >= reach));
        }
    }

    #[test]
    fn every_point_has_one_position() {
        for n_points in [1, 31, 32, 33, 256, 257, 2_048, 2_049, 20_000] {
            let columns = columns(n_points, 2);
            let tree = KdTree::new(&columns);
            let mut points = tree.points().to_vec();
            points.sort_unstable();
            assert!(points.into_iter().eq(0..n_points as u32));
            let mut coordinates = Vec::new();
            tree.coordinates_into(n_points - 1, &mut coordinates);
            let point = tree.points()[n_points - 1] as usize;
            assert_eq!(coordinates, columns.point(point).collect::<Vec<_>>());
        }
    }
}
