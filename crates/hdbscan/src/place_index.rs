//! The k-d tree of a model's training points, in which new points are placed. Exact.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays by position reach to the end of the last leaf, arrays by node to a whole level"
)]

use super::distances::Columns;
use super::kd_tree::{FANOUT, KdTree, LEAF, Pending, Visitor, larger, least};
use super::neighbours::Nearest;

/// A model's training points and core distances, by position in a tree.
#[derive(Debug, Clone)]
pub(super) struct PlaceIndex {
    tree: KdTree,
    /// Squared core distances up to the end of the last leaf, infinite where there is no point.
    squared_core: Vec<f64>,
    /// The least core distance in each node, `[level][node]`.
    least_core: Vec<Vec<f64>>,
}

/// The training point that a new point joins first: the one of least mutual reachability; of equals the nearest, then
/// the one with the lowest index. The derived order compares in that sequence.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct FirstJoined {
    /// Squared mutual reachability.
    pub reachability: f64,
    /// Squared distance.
    pub distance: f64,
    pub point: usize,
}

impl FirstJoined {
    pub const NONE: Self = Self { reachability: f64::INFINITY, distance: f64::INFINITY, point: 0 };
}

/// What a thread keeps from one new point to the next.
pub(super) struct PlaceBuffers {
    nearest: Nearest,
    sides: Vec<(f64, f64)>,
    pending: Pending,
}

impl PlaceIndex {
    pub fn new(columns: &Columns, squared_core_of_points: &[f64]) -> Self {
        let tree = KdTree::new(columns);
        let least = |cores: &[f64]| cores.iter().copied().fold(f64::INFINITY, f64::min);
        let mut squared_core: Vec<f64> =
            tree.points().iter().map(|&point| squared_core_of_points[point as usize]).collect();
        let leaves = squared_core.chunks(LEAF).map(least).collect();
        squared_core.resize(tree.n_leaves() * LEAF, f64::INFINITY);
        Self { least_core: tree.summarise(leaves, f64::INFINITY, least), squared_core, tree }
    }

    /// Buffers for placing points whose core distance reaches to the `rank`-th training point, or to the farthest.
    pub fn buffers(&self, rank: usize) -> PlaceBuffers {
        let nearest = Nearest::new(rank.min(self.tree.n_points()));
        PlaceBuffers { nearest, sides: Vec::new(), pending: Pending::new() }
    }

    /// The training point that `query` joins first. A query with the coordinates of training points joins the one with
    /// the lowest index at distance 0.
    pub fn first_joined(&self, query: &[f64], buffers: &mut PlaceBuffers) -> FirstJoined {
        let PlaceBuffers { nearest, sides, pending } = buffers;
        nearest.seek(&self.tree, query);
        let coincident = nearest.squared.first() == Some(&0.0);
        let own_core = if coincident { 0.0 } else { nearest.squared.last().copied().unwrap_or(f64::INFINITY) };
        let mut joining = Joining { index: self, query, own_core, coincident, best: FirstJoined::NONE };
        // Most often the point joined is among the nearest. Offering them first leaves little to search.
        for (&position, &distance) in nearest.positions.iter().zip(&nearest.squared) {
            joining.offer(position as usize, distance);
        }
        sides.clear();
        sides.extend(query.iter().map(|&x| (x, x)));
        self.tree.search(sides, pending, &mut joining);
        joining.best
    }
}

/// One search for the point joined first.
struct Joining<'a> {
    index: &'a PlaceIndex,
    query: &'a [f64],
    /// The query's squared core distance.
    own_core: f64,
    /// Whether training points have the query's coordinates: then only those are looked for.
    coincident: bool,
    best: FirstJoined,
}

impl Joining<'_> {
    fn offer(&mut self, position: usize, distance: f64) {
        let core = if self.coincident { 0.0 } else { larger(self.index.squared_core[position], self.own_core) };
        if let Some(&point) = self.index.tree.points().get(position) {
            let joined = FirstJoined { reachability: larger(distance, core), distance, point: point as usize };
            if joined < self.best {
                self.best = joined;
            }
        }
    }
}

impl Visitor for Joining<'_> {
    /// Just above the best, because of equal reachabilities the nearer point or the lower index wins.
    #[inline(always)]
    fn bound(&self) -> f64 {
        self.best.reachability.next_up()
    }

    #[inline(always)]
    fn weigh(&self, level: usize, first: usize, squared: &mut [f64; FANOUT]) {
        let cores = &self.index.least_core[level][first..first + FANOUT];
        for (squared, &core) in squared.iter_mut().zip(cores) {
            let core = if self.coincident { 0.0 } else { larger(core, self.own_core) };
            let reachability = larger(*squared, core);
            let is_late = reachability == self.best.reachability && *squared > self.best.distance;
            *squared = if is_late { f64::INFINITY } else { reachability };
        }
    }

    #[inline(always)]
    fn meet(&mut self, _: &[(f64, f64)], leaf: usize) {
        let squared = self.index.tree.squared_distances(leaf, self.query);
        if least(&squared) > self.best.reachability {
            return;
        }
        for (lane, squared) in squared.into_iter().enumerate() {
            if squared <= self.best.reachability {
                self.offer(leaf * LEAF + lane, squared);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::core_distances::squared_core_distances;
    use super::*;

    /// By comparing with every training point.
    fn among_all(columns: &Columns, squared_core: &[f64], query: &[f64], rank: usize) -> FirstJoined {
        let mut squared = vec![0.0; columns.n_points()];
        columns.squared_distances(query, &mut squared);
        if let Some(point) = squared.iter().position(|&squared| squared == 0.0) {
            return FirstJoined { reachability: 0.0, distance: 0.0, point };
        }
        let mut sorted = squared.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let own_core = sorted[rank.min(sorted.len()) - 1];
        let joined = squared.iter().zip(squared_core).enumerate().map(|(point, (&distance, &core))| FirstJoined {
            reachability: distance.max(core).max(own_core),
            distance,
            point,
        });
        joined.fold(FirstJoined::NONE, |best, next| if next < best { next } else { best })
    }

    proptest! {
        #[test]
        fn a_point_joins_whom_it_would_join_by_comparing_with_all(
            cells in prop::collection::vec(prop::array::uniform3(-6i8..6), 2..400),
            rank in 1usize..20,
            offset in 0.0f64..1.0,
        ) {
            let points = Array2::from_shape_fn((cells.len(), 3), |(i, j)| f64::from(cells[i][j]));
            let columns = Columns::new(points.view()).unwrap();
            let squared_core = squared_core_distances(&columns, rank);
            let index = PlaceIndex::new(&columns, &squared_core);
            let mut buffers = index.buffers(rank);
            for row in points.rows() {
                for query in [row.to_vec(), row.mapv(|x| x + 0.5).to_vec(), row.mapv(|x| x * 1.7 + offset).to_vec()] {
                    let joined = index.first_joined(&query, &mut buffers);
                    prop_assert_eq!(joined, among_all(&columns, &squared_core, &query, rank));
                }
            }
        }
    }
}
