//! The minimum spanning tree of mutual reachability (Campello, Moulavi, Sander 2013, definitions 3 and 4).
//!
//! Exact: Prim's algorithm over all pairs, O(n²) time and O(n) memory beside the points, which serves up to
//! some 50,000 of them. [`minimum_spanning_tree`] is the seam for a dual-tree Borůvka beyond that: whatever
//! returns n − 1 edges of least total weight yields the same clusters, since equal weights are later cut
//! together.
#![expect(clippy::indexing_slicing, reason = "all columns of the frontier have its length, which bounds every index")]

use rayon::prelude::*;

use super::distances::{BLOCK, Columns, add_squares};

/// Points a thread is given at least in one step: below, waking it costs more than it saves.
const CHUNK: usize = 16 * BLOCK;

/// An edge between two points, by mutual reachability distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub left: u32,
    pub right: u32,
    pub distance: f64,
}

/// The points outside the tree, column by column, each with its best way into it.
struct Frontier {
    columns: Vec<Vec<f64>>,
    squared_core: Vec<f64>,
    point: Vec<u32>,
    /// Least squared mutual reachability to a point of the tree, and that point.
    best: Vec<f64>,
    source: Vec<u32>,
}

/// A point that has just joined the tree.
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

    /// Moves one point into the tree, the last of the frontier taking its place.
    fn join(&mut self, place: usize) -> (Joined, Edge) {
        let coordinates = self.columns.iter_mut().map(|column| column.swap_remove(place)).collect();
        let point = self.point.swap_remove(place);
        let squared_core = self.squared_core.swap_remove(place);
        let edge =
            Edge { left: self.source.swap_remove(place), right: point, distance: self.best.swap_remove(place).sqrt() };
        (Joined { point, coordinates, squared_core }, edge)
    }

    /// Offers every point the way over `joined` and returns the place of the nearest point.
    fn relax(&mut self, joined: &Joined) -> usize {
        let Self { columns, squared_core, best, source, .. } = self;
        let chunk = |start: usize, best: &mut [f64], source: &mut [u32]| {
            relax_chunk(columns, squared_core, joined, start, best, source)
        };
        let nearest = if best.len() < 2 * CHUNK {
            chunk(0, best, source)
        } else {
            // The first of equals wins within a chunk and between chunks, so threads change nothing.
            best.par_chunks_mut(CHUNK)
                .zip(source.par_chunks_mut(CHUNK))
                .enumerate()
                .map(|(index, (best, source))| chunk(index * CHUNK, best, source))
                .reduce(|| (f64::INFINITY, usize::MAX), |a, b| if b < a { b } else { a })
        };
        nearest.1
    }
}

/// One chunk of [`Frontier::relax`]: the least squared distance and its place in the whole frontier.
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

/// The n − 1 edges of a minimum spanning tree, ascending by distance and then by their points.
///
/// `squared_core` are squared core distances, `(n_points)`.
pub(super) fn minimum_spanning_tree(points: &Columns, squared_core: &[f64]) -> Vec<Edge> {
    let mut frontier = Frontier::new(points, squared_core);
    let mut edges = Vec::with_capacity(points.n_points().saturating_sub(1));
    let (mut joined, _) = frontier.join(0);
    while !frontier.point.is_empty() {
        let nearest = frontier.relax(&joined);
        let (next, edge) = frontier.join(nearest);
        edges.push(edge);
        joined = next;
    }
    edges.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then((a.left, a.right).cmp(&(b.left, b.right))));
    edges
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::core_distances::squared_core_distances;
    use super::*;

    /// Kruskal's algorithm over all pairs: another road to the same weights.
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
        fn prim_finds_the_weights_of_kruskal(cells in prop::collection::vec(0i8..6, 4..120), min_samples in 1usize..6) {
            let points = Array2::from_shape_fn((cells.len() / 2, 2), |(i, j)| f64::from(cells[2 * i + j]));
            let columns = Columns::new(points.view()).unwrap();
            let squared_core = squared_core_distances(&columns, min_samples);
            let edges = minimum_spanning_tree(&columns, &squared_core);
            let weights: Vec<f64> = edges.iter().map(|edge| edge.distance).collect();
            prop_assert_eq!(weights, kruskal_weights(&columns, &squared_core));
        }
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
