//! The minimum spanning tree of mutual reachability (Campello, Moulavi, Sander 2013, definitions 3 and 4).
//!
//! Exact, by one of two algorithms: Borůvka's on a k-d tree (`boruvka`), and Prim's over all pairs for few points. Both
//! give the same clusters, because any n − 1 edges of least total weight do: equal weights are later cut together.
#![expect(clippy::indexing_slicing, reason = "all columns of the frontier have its length, which bounds every index")]

use rayon::prelude::*;

use super::boruvka;
use super::core_distances::{FEW, MAX_SOUGHT, among_all_pairs};
use super::distances::{BLOCK, Columns, add_squares};
use super::edge::{Edge, sort};
use super::kd_tree::KdTree;
use super::neighbours::Neighbours;

/// The least number of neighbours to list. With fewer, more components have to search.
const LISTED: usize = 8;

/// The least number of points that a thread takes in one step. For fewer, waking the thread costs more than it saves.
const CHUNK: usize = 16 * BLOCK;

/// Prim's frontier: the points outside the tree, each with its lightest edge into the tree. All arrays have one entry
/// for each such point, in the same order.
struct Frontier {
    /// Coordinates, one column for each feature.
    columns: Vec<Vec<f64>>,
    squared_core: Vec<f64>,
    /// The point's index in the data.
    point: Vec<u32>,
    /// Least squared mutual reachability to a point of the tree.
    best: Vec<f64>,
    /// That point of the tree.
    source: Vec<u32>,
}

/// The point that joined the tree last.
struct Joined {
    point: u32,
    coordinates: Vec<f64>,
    squared_core: f64,
}

impl Frontier {
    fn new(points: &Columns, squared_core: &[f64]) -> Self {
        let n_points = points.n_points();
        Self {
            columns: (0..points.n_features()).map(|feature| points.column(feature).to_vec()).collect(),
            squared_core: squared_core.to_vec(),
            point: (0..n_points as u32).collect(),
            best: vec![f64::INFINITY; n_points],
            source: vec![0; n_points],
        }
    }

    /// Moves the frontier's `index`-th point into the tree. The last of the frontier takes its index.
    fn join(&mut self, index: usize) -> (Joined, Edge) {
        let coordinates = self.columns.iter_mut().map(|column| column.swap_remove(index)).collect();
        let point = self.point.swap_remove(index);
        let squared_core = self.squared_core.swap_remove(index);
        let edge = Edge::new(self.source.swap_remove(index), point, self.best.swap_remove(index));
        (Joined { point, coordinates, squared_core }, edge)
    }

    /// Offers every point the edge to `joined`, and returns the index of the point that is now nearest to the tree.
    fn relax(&mut self, joined: &Joined) -> usize {
        let Self { columns, squared_core, best, source, .. } = self;
        let chunk = |start: usize, best: &mut [f64], source: &mut [u32]| {
            relax_chunk(columns, squared_core, joined, start, best, source)
        };
        let nearest = if best.len() < 2 * CHUNK {
            chunk(0, best, source)
        } else {
            // Of equals the first wins, within a chunk and between chunks: the number of threads changes nothing.
            best.par_chunks_mut(CHUNK)
                .zip(source.par_chunks_mut(CHUNK))
                .enumerate()
                .map(|(index, (best, source))| chunk(index * CHUNK, best, source))
                .reduce(|| (f64::INFINITY, usize::MAX), |a, b| if b < a { b } else { a })
        };
        nearest.1
    }
}

/// One chunk of [`Frontier::relax`], which begins at the frontier's index `start`: the least weight and its index.
fn relax_chunk(
    columns: &[Vec<f64>],
    squared_core: &[f64],
    joined: &Joined,
    start: usize,
    best: &mut [f64],
    source: &mut [u32],
) -> (f64, usize) {
    let mut nearest = (f64::INFINITY, start);
    let mut sums = [0.0; BLOCK];
    for (block, (best, source)) in best.chunks_mut(BLOCK).zip(source.chunks_mut(BLOCK)).enumerate() {
        let start = start + block * BLOCK;
        let range = start..start + best.len();
        let sums = &mut sums[..best.len()];
        sums.fill(0.0);
        for (column, &coordinate) in columns.iter().zip(&joined.coordinates) {
            add_squares(&column[range.clone()], coordinate, sums);
        }
        let core = &squared_core[range];
        for (offset, ((best, source), (&sum, &core))) in
            best.iter_mut().zip(source).zip(sums.iter().zip(core)).enumerate()
        {
            let reachability = sum.max(core).max(joined.squared_core);
            if reachability < *best {
                *best = reachability;
                *source = joined.point;
            }
            if *best < nearest.0 {
                nearest = (*best, start + offset);
            }
        }
    }
    nearest
}

/// The points under mutual reachability.
pub(super) struct Reach {
    /// Squared core distances: from each point to its `rank`-th nearest other, `(n_points)`.
    pub squared_core: Vec<f64>,
    /// The n − 1 edges of a minimum spanning tree, ascending by distance and then by their points.
    pub edges: Vec<Edge>,
}

impl Reach {
    /// Core distances to the `rank`-th nearest other point, and a spanning tree under them. Calls `cores_known` between
    /// the two.
    pub fn of(points: &Columns, rank: usize, cores_known: &dyn Fn()) -> Self {
        if points.n_points() < FEW {
            let squared_core = among_all_pairs(points, rank);
            cores_known();
            let edges = prim(points, &squared_core);
            return Self { squared_core, edges };
        }
        let tree = KdTree::new(points);
        let rank = rank.clamp(1, points.n_points() - 1);
        let near = if rank <= MAX_SOUGHT {
            Neighbours::of(&tree, rank.max(LISTED), rank)
        } else {
            // Core distances by comparing all pairs; the neighbours are listed only to save Borůvka searches.
            let far = among_all_pairs(points, rank);
            let squared_core = tree.points().iter().map(|&point| far[point as usize]).collect();
            Neighbours { squared_core, ..Neighbours::of(&tree, LISTED, LISTED) }
        };
        cores_known();
        let edges = boruvka::minimum_spanning_tree(&tree, &near);
        Self { squared_core: near.core_of_points(&tree), edges }
    }
}

/// [`Reach::edges`] by Prim's algorithm, in O(n²) time and O(n) memory.
fn prim(points: &Columns, squared_core: &[f64]) -> Vec<Edge> {
    let mut frontier = Frontier::new(points, squared_core);
    let mut edges = Vec::with_capacity(points.n_points().saturating_sub(1));
    let (mut joined, _) = frontier.join(0);
    while !frontier.point.is_empty() {
        let nearest = frontier.relax(&joined);
        let (next, edge) = frontier.join(nearest);
        edges.push(edge);
        joined = next;
    }
    sort(&mut edges);
    edges
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    /// Kruskal's algorithm over all pairs, as a third implementation.
    fn kruskal_weights(points: &Columns, squared_core: &[f64]) -> Vec<f64> {
        let n = points.n_points();
        let mut pairs = Vec::new();
        for i in 0..n {
            let mut squared = vec![0.0; n];
            points.squared_distances(&points.point(i).collect::<Vec<_>>(), &mut squared);
            pairs.extend((0..i).map(|j| (squared[j].max(squared_core[i]).max(squared_core[j]).sqrt(), i, j)));
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut group: Vec<usize> = (0..n).collect();
        let mut weights = Vec::new();
        for (weight, i, j) in pairs {
            let (a, b) = (group[i], group[j]);
            if a != b {
                group.iter_mut().filter(|g| **g == a).for_each(|g| *g = b);
                weights.push(weight);
            }
        }
        weights
    }

    proptest! {
        #[test]
        fn both_algorithms_find_the_weights_of_kruskal(points in awkward_points(), rank in 1usize..40) {
            let columns = Columns::new(points.view()).unwrap();
            let squared_core = among_all_pairs(&columns, rank);
            let expected = kruskal_weights(&columns, &squared_core);
            prop_assert_eq!(&weights(&prim(&columns, &squared_core)), &expected);
            let (by_tree, cores) = by_tree(&columns, rank);
            prop_assert_eq!(&weights(&by_tree), &expected);
            prop_assert_eq!(cores, squared_core);
        }
    }

    /// Points on a lattice, on a line, all equal, or anywhere; in 1 to 40 dimensions; fewer or more than a leaf holds.
    fn awkward_points() -> impl Strategy<Value = Array2<f64>> {
        let sizes = (2usize..300, prop_oneof![1usize..5, Just(11), Just(40)]);
        (sizes, 0u8..4, any::<u64>()).prop_map(|((n_points, n_features), kind, seed)| {
            let mut state = seed | 1;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as f64 / f64::from(1u32 << 31)
            };
            let steps: Vec<f64> = (0..n_points).map(|_| (next() * 9.0).floor()).collect();
            Array2::from_shape_fn((n_points, n_features), |(i, _)| match kind {
                0 => (next() * 4.0).floor(),
                1 => steps[i],
                2 => 7.0,
                _ => next() - 0.5,
            })
        })
    }

    fn weights(edges: &[Edge]) -> Vec<f64> {
        edges.iter().map(|edge| edge.distance).collect()
    }

    /// The edges by the k-d tree, whatever the number of points, and the core distances.
    fn by_tree(columns: &Columns, rank: usize) -> (Vec<Edge>, Vec<f64>) {
        let tree = KdTree::new(columns);
        let rank = rank.min(columns.n_points() - 1);
        let near = Neighbours::of(&tree, rank.max(LISTED).min(columns.n_points() - 1), rank);
        (boruvka::minimum_spanning_tree(&tree, &near), near.core_of_points(&tree))
    }

    /// 5,000 points in five dimensions: three dense groups and noise around them.
    fn heaps() -> Columns {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 31) - 0.5
        };
        let points = Array2::from_shape_fn((5_000, 5), |(i, _)| match i % 5 {
            heap @ 0..3 => heap as f64 * 2.0 + next() + next() + next(),
            _ => 12.0 * next(),
        });
        Columns::new(points.view()).unwrap()
    }

    #[test]
    fn both_algorithms_agree_on_thousands_of_points() {
        let columns = heaps();
        for rank in [1, 5, 40, MAX_SOUGHT + 1] {
            let reach = Reach::of(&columns, rank, &|| {});
            let squared_core = among_all_pairs(&columns, rank);
            assert_eq!(weights(&reach.edges), weights(&prim(&columns, &squared_core)));
            assert_eq!(reach.squared_core, squared_core);
        }
    }

    #[test]
    fn one_thread_and_three_find_the_same_edges() {
        let columns = heaps();
        let edges = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Reach::of(&columns, 5, &|| {}).edges)
        };
        assert_eq!(edges(1), edges(3));
    }

    #[test]
    fn a_frontier_shared_between_threads_gives_the_tree_of_one_thread() {
        let points = Array2::from_shape_fn((3 * CHUNK, 1), |(i, _)| ((i * 7_919) % 9_973) as f64);
        let columns = Columns::new(points.view()).unwrap();
        let squared_core = vec![0.0; 3 * CHUNK];
        let mut frontier = Frontier::new(&columns, &squared_core);
        let (joined, _) = frontier.join(5);
        let shared = frontier.relax(&joined);
        let mut alone = Frontier::new(&columns, &squared_core);
        alone.join(5);
        let Frontier { columns, squared_core, best, source, .. } = &mut alone;
        assert_eq!(relax_chunk(columns, squared_core, &joined, 0, best, source).1, shared);
        assert_eq!((&alone.best, &alone.source), (&frontier.best, &frontier.source));
    }
}
