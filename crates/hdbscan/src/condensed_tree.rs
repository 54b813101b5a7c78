//! The condensed tree: the dendrogram without groups that are too small for a cluster (Campello, Moulavi, Sander 2013,
//! section 3; McInnes, Healy 2017, section 2.3).
//!
//! As density rises, a group of at least the weight `min_cluster_size` loses points and stays the same node, or splits
//! into two or more such groups, or dissolves. Each point has one row: the node that it leaves, and the density at
//! which it does.
#![expect(clippy::indexing_slicing, reason = "this file numbers nodes and rows, or `parts` has checked them")]

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::ops::Range;

use super::single_linkage::{Dendrogram, Density};

/// A child that leaves its parent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CondensedRow {
    /// The cluster node that is left. Node numbers start at the number of points.
    pub parent: u32,
    /// A point (below the number of points) or a cluster node.
    pub child: u32,
    /// The density, 1 / distance, at which the child leaves.
    pub lambda: f64,
    /// The child's weight.
    pub size: u64,
}

/// The condensed tree of n points.
///
/// Points are 0..n, the root is n, and the other cluster nodes follow. Nodes are numbered breadth first. Siblings are
/// in order of size, the largest first, and equal ones in order of their lowest point. So a node's number is above its
/// parent's. Rows are in order of parent, density, child.
#[derive(Debug, Clone, PartialEq)]
pub struct CondensedTree {
    n_points: usize,
    rows: Vec<CondensedRow>,
    /// The index of each node's first row, and the number of rows: `(n_nodes + 1)`.
    starts: Vec<usize>,
    /// The index of the row in which each point, then each node, is the child. The root has none: `usize::MAX`.
    row_of: Vec<usize>,
}

impl CondensedTree {
    /// The number of points.
    pub fn n_points(&self) -> usize {
        self.n_points
    }

    /// The number of cluster nodes, the root among them.
    pub fn n_nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// Every row.
    pub fn rows(&self) -> &[CondensedRow] {
        &self.rows
    }

    /// The weight of a point; 0 for a number that is not a point of the tree.
    pub fn weight_of(&self, point: usize) -> u64 {
        let row = self.row_of.get(..self.n_points).and_then(|points| points.get(point));
        row.and_then(|&row| self.rows.get(row)).map_or(0, |row| row.size)
    }

    /// Indexes rows that are known to be sound: made by [`condense`] or checked by `parts`.
    pub(super) fn from_sound_rows(n_points: usize, rows: Vec<CondensedRow>) -> Self {
        let n_nodes = rows.last().map_or(1, |row| row.parent as usize - n_points + 1);
        let mut starts = vec![0; n_nodes + 1];
        let mut row_of = vec![usize::MAX; n_points + n_nodes];
        for (index, row) in rows.iter().enumerate() {
            starts[row.parent as usize - n_points + 1] = index + 1;
            row_of[row.child as usize] = index;
        }
        Self { n_points, rows, starts, row_of }
    }

    /// The rows of a node, counted from the root as 0, in ascending order of density.
    pub(super) fn node_rows(&self, node: usize) -> &[CondensedRow] {
        &self.rows[self.starts[node]..self.starts[node + 1]]
    }

    /// The child nodes of a node, both counted from the root as 0.
    pub(super) fn child_nodes(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.node_rows(node).iter().filter_map(|row| (row.child as usize).checked_sub(self.n_points))
    }

    /// The row in which a point leaves.
    pub(super) fn point_row(&self, point: usize) -> &CondensedRow {
        &self.rows[self.row_of[point]]
    }

    /// The node that a point leaves, counted from the root as 0.
    pub(super) fn node_of_point(&self, point: usize) -> usize {
        self.point_row(point).parent as usize - self.n_points
    }

    /// The parent of a node, both counted from the root as 0; `None` for the root.
    pub(super) fn parent_node(&self, node: usize) -> Option<usize> {
        self.node_row(node).map(|row| row.parent as usize - self.n_points)
    }

    /// The density at which a node splits from its parent; 0 for the root.
    pub(super) fn birth(&self, node: usize) -> f64 {
        self.node_row(node).map_or(0.0, |row| row.lambda)
    }

    /// The highest density at which anything leaves the node itself; its descendants do not count.
    pub(super) fn death(&self, node: usize) -> f64 {
        self.node_rows(node).last().map_or(0.0, |row| row.lambda)
    }

    fn node_row(&self, node: usize) -> Option<&CondensedRow> {
        self.rows.get(self.row_of[self.n_points + node])
    }
}

/// Condenses the dendrogram of at least two points.
///
/// A single point of at least the weight `min_cluster_size` is a cluster like any other. It ends at its core distance,
/// which is the weight of the self edge that the paper adds to every point (algorithm 1, step 3); `core_distances` are
/// `(n_points)`. Where no point is that heavy, self edges change nothing.
pub(super) fn condense(
    dendrogram: &Dendrogram,
    core_distances: &[f64],
    min_cluster_size: u64,
    density: Density,
) -> CondensedTree {
    let n_points = dendrogram.n_points();
    let mut growth = Growth {
        dendrogram,
        min_cluster_size,
        end: core_distances.iter().map(|&distance| density.at(distance)).collect(),
        pieces: Vec::new(),
        rows: Vec::with_capacity(n_points + n_points / 8),
        waiting: VecDeque::from([dendrogram.root()]),
        next_node: n_points + 1,
    };
    let mut parent = n_points;
    while let Some(group) = growth.waiting.pop_front() {
        let rows = growth.follow(parent, group);
        growth.rows[rows].sort_unstable_by(|a, b| a.lambda.total_cmp(&b.lambda).then(a.child.cmp(&b.child)));
        parent += 1;
    }
    CondensedTree::from_sound_rows(n_points, growth.rows)
}

/// The tree while it is built, breadth first.
struct Growth<'a> {
    dendrogram: &'a Dendrogram,
    min_cluster_size: u64,
    /// The density at which each point alone ends.
    end: Vec<f64>,
    pieces: Vec<usize>,
    rows: Vec<CondensedRow>,
    /// The dendrogram nodes at which the next cluster nodes begin, in the order of their numbers.
    waiting: VecDeque<usize>,
    next_node: usize,
}

impl Growth<'_> {
    /// Follows one cluster from dendrogram node `group` until it splits or ends, and returns its rows.
    fn follow(&mut self, parent: usize, mut group: usize) -> Range<usize> {
        let start = self.rows.len();
        while let Some(lambda) = self.dendrogram.lambda(group) {
            let mut pieces = std::mem::take(&mut self.pieces);
            self.dendrogram.pieces_into(group, &mut pieces);
            let mut clusters: Vec<usize> = Vec::new();
            for &piece in &pieces {
                if self.dendrogram.size(piece) >= self.min_cluster_size {
                    clusters.push(piece);
                } else {
                    self.drop_points(parent, piece, lambda);
                }
            }
            self.pieces = pieces;
            match clusters.as_slice() {
                &[cluster] => group = cluster,
                _ => {
                    self.split(parent, clusters, lambda);
                    return start..self.rows.len();
                }
            }
        }
        // A single heavy point is left.
        self.push(parent, group, self.end[group], self.dendrogram.size(group));
        start..self.rows.len()
    }

    fn drop_points(&mut self, parent: usize, piece: usize, lambda: f64) {
        let dendrogram = self.dendrogram;
        dendrogram.for_each_point(piece, |point| self.push(parent, point, lambda, dendrogram.size(point)));
    }

    fn split(&mut self, parent: usize, mut clusters: Vec<usize>, lambda: f64) {
        clusters
            .sort_unstable_by_key(|&group| (Reverse(self.dendrogram.size(group)), self.dendrogram.first_point(group)));
        for group in clusters {
            self.push(parent, self.next_node, lambda, self.dendrogram.size(group));
            self.waiting.push_back(group);
            self.next_node += 1;
        }
    }

    fn push(&mut self, parent: usize, child: usize, lambda: f64, size: u64) {
        self.rows.push(CondensedRow { parent: parent as u32, child: child as u32, lambda, size });
    }
}

#[cfg(test)]
mod tests {
    use super::super::edge::Edge;
    use super::*;

    /// Points on a line, each joined to the next by an edge of the given length.
    fn chain(lengths: &[f64], weights: &[u32], min_cluster_size: u64) -> Vec<(u32, u32, f64, u64)> {
        let mut edges: Vec<Edge> = lengths
            .iter()
            .enumerate()
            .map(|(i, &distance)| Edge { left: i as u32, right: i as u32 + 1, distance })
            .collect();
        edges.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        let core: Vec<f64> = (0..weights.len())
            .map(|i| lengths.get(i).copied().unwrap_or(f64::MAX).min(if i > 0 { lengths[i - 1] } else { f64::MAX }))
            .collect();
        let density = Density::of_longest_edge(lengths.iter().copied().fold(0.0, f64::max));
        let dendrogram = Dendrogram::new(&edges, weights, density);
        let tree = condense(&dendrogram, &core, min_cluster_size, density);
        tree.rows().iter().map(|row| (row.parent, row.child, row.lambda, row.size)).collect()
    }

    #[test]
    fn a_split_numbers_the_larger_side_first() {
        assert_eq!(
            chain(&[1.0, 4.0, 0.5, 0.5], &[1; 5], 2),
            [
                (5, 6, 0.25, 3),
                (5, 7, 0.25, 2),
                (6, 2, 2.0, 1),
                (6, 3, 2.0, 1),
                (6, 4, 2.0, 1),
                (7, 0, 1.0, 1),
                (7, 1, 1.0, 1)
            ]
        );
    }

    #[test]
    fn three_groups_that_split_at_one_density_are_three_siblings() {
        let rows = chain(&[1.0, 4.0, 1.0, 4.0, 1.0], &[1; 6], 2);
        assert_eq!(rows[..3], [(6, 7, 0.25, 2), (6, 8, 0.25, 2), (6, 9, 0.25, 2)]);
    }

    #[test]
    fn sizes_count_weight_and_a_heavy_point_is_a_cluster_until_its_core_distance() {
        assert_eq!(
            chain(&[0.5, 2.0, 1.0], &[5, 1, 3, 3], 5),
            [(4, 5, 0.5, 6), (4, 6, 0.5, 6), (5, 0, 2.0, 5), (5, 1, 2.0, 1), (6, 2, 1.0, 3), (6, 3, 1.0, 3)]
        );
        assert_eq!(
            chain(&[2.0, 1.0], &[5, 5, 5], 5),
            [
                (3, 4, 0.5, 10),
                (3, 5, 0.5, 5),
                (4, 6, 1.0, 5),
                (4, 7, 1.0, 5),
                (5, 0, 0.5, 5),
                (6, 1, 1.0, 5),
                (7, 2, 1.0, 5)
            ]
        );
    }

    #[test]
    fn all_points_of_too_little_data_leave_the_root() {
        assert_eq!(chain(&[1.0], &[1, 1], 5), [(2, 0, 1.0, 1), (2, 1, 1.0, 1)]);
    }
}
