//! The single-linkage dendrogram: which points form one group at which density.
#![expect(clippy::indexing_slicing, reason = "nodes are numbered below 2n − 1, the length of every array here")]

use super::edge::Edge;

/// Turns distances into densities, λ = 1 / distance.
///
/// Coincident points have distance 0. To keep every density finite, a distance counts as at least the longest edge
/// times the relative spacing of `f64`: smaller differences are rounding errors of that data. A second, absolute bound
/// keeps λ × weight from overflowing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Density {
    least_distance: f64,
}

impl Density {
    const LEAST: f64 = 1e-150;

    /// For data whose longest edge of the spanning tree is `longest`. If all points coincide, their density is 1.
    pub fn of_longest_edge(longest: f64) -> Self {
        let least_distance = if longest > 0.0 { (longest * f64::EPSILON).max(Self::LEAST) } else { 1.0 };
        Self { least_distance }
    }

    /// The density at which points at this distance join.
    pub fn at(self, distance: f64) -> f64 {
        1.0 / distance.max(self.least_distance)
    }

    /// The density at which a new point joins: its distance is no edge of the tree, so only the absolute bound applies.
    pub fn of_new_point(distance: f64) -> f64 {
        1.0 / distance.max(Self::LEAST)
    }
}

/// A binary dendrogram of n points. Nodes 0..n are the points, node n + i is the i-th merge, and the last node is the
/// root.
#[derive(Debug)]
pub(super) struct Dendrogram {
    n_points: usize,
    /// The two nodes of each merge, `(n_points - 1)`.
    children: Vec<[usize; 2]>,
    /// The density of each merge, `(n_points - 1)`, descending.
    lambdas: Vec<f64>,
    /// Weight below each node, points first.
    sizes: Vec<u64>,
    /// The lowest point below each node, points first. It orders siblings of equal size.
    first_points: Vec<usize>,
}

impl Dendrogram {
    /// Merges the points along `edges`, the n − 1 edges of a spanning tree in ascending order.
    pub fn new(edges: &[Edge], weights: &[u32], density: Density) -> Self {
        let n_points = weights.len();
        let mut sizes: Vec<u64> = weights.iter().map(|&weight| u64::from(weight)).collect();
        let mut first_points: Vec<usize> = (0..n_points).collect();
        let mut children = Vec::with_capacity(edges.len());
        let mut parents: Vec<usize> = (0..n_points).collect();
        for edge in edges {
            let merged = [top(&mut parents, edge.left as usize), top(&mut parents, edge.right as usize)];
            let node = parents.len();
            parents.push(node);
            merged.iter().for_each(|&child| parents[child] = node);
            sizes.push(merged.iter().map(|&child| sizes[child]).sum());
            first_points.push(first_points[merged[0]].min(first_points[merged[1]]));
            children.push(merged);
        }
        let lambdas = edges.iter().map(|edge| density.at(edge.distance)).collect();
        Self { n_points, children, lambdas, sizes, first_points }
    }

    pub fn n_points(&self) -> usize {
        self.n_points
    }

    pub fn root(&self) -> usize {
        self.n_points + self.children.len() - 1
    }

    pub fn size(&self, node: usize) -> u64 {
        self.sizes[node]
    }

    pub fn first_point(&self, node: usize) -> usize {
        self.first_points[node]
    }

    /// The density at which `node` splits; `None` for a point.
    pub fn lambda(&self, node: usize) -> Option<f64> {
        node.checked_sub(self.n_points).map(|merge| self.lambdas[merge])
    }

    /// Writes into `pieces` the nodes that remain of `node` when every edge of its density is cut.
    ///
    /// All edges of equal weight are cut at once (Campello, Moulavi, Sander 2013, algorithm 1, step 4.2). Otherwise the
    /// order among equals would decide which groups exist.
    pub fn pieces_into(&self, node: usize, pieces: &mut Vec<usize>) {
        pieces.clear();
        let lambda = self.lambda(node);
        let mut pending = vec![node];
        while let Some(next) = pending.pop() {
            if self.lambda(next) == lambda && next >= self.n_points {
                pending.extend(self.children[next - self.n_points]);
            } else {
                pieces.push(next);
            }
        }
    }

    /// Calls `visit` with every point below `node`. Without recursion, because a chain of merges is as deep as it is
    /// long.
    pub fn for_each_point(&self, node: usize, mut visit: impl FnMut(usize)) {
        let mut pending = vec![node];
        while let Some(next) = pending.pop() {
            match next.checked_sub(self.n_points) {
                Some(merge) => pending.extend(self.children[merge]),
                None => visit(next),
            }
        }
    }
}

/// The root of the group that `node` has merged into. Halves the path on the way.
fn top(parents: &mut [usize], mut node: usize) -> usize {
    while parents[node] != node {
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(left: u32, right: u32, distance: f64) -> Edge {
        Edge { left, right, distance }
    }

    #[test]
    fn edges_of_one_length_are_cut_together() {
        let edges = [edge(0, 1, 1.0), edge(1, 2, 2.0), edge(2, 3, 2.0)];
        let tree = Dendrogram::new(&edges, &[1, 2, 3, 4], Density::of_longest_edge(2.0));
        let mut pieces = Vec::new();
        tree.pieces_into(tree.root(), &mut pieces);
        pieces.sort_unstable();
        assert_eq!(pieces, [2, 3, 4]);
        assert_eq!((tree.size(4), tree.size(tree.root())), (3, 10));
        assert_eq!(tree.lambda(tree.root()), Some(0.5));
    }

    #[test]
    fn a_chain_of_200_000_equal_merges_needs_no_stack() {
        let edges: Vec<Edge> = (0..200_000).map(|i| edge(i, i + 1, 1.0)).collect();
        let tree = Dendrogram::new(&edges, &vec![1; 200_001], Density::of_longest_edge(1.0));
        let mut pieces = Vec::new();
        tree.pieces_into(tree.root(), &mut pieces);
        assert_eq!(pieces.len(), 200_001);
        let mut seen = 0;
        tree.for_each_point(tree.root(), |_| seen += 1);
        assert_eq!(seen, 200_001);
    }

    #[test]
    fn densities_stay_finite_for_coincident_points() {
        assert_eq!(Density::of_longest_edge(0.0).at(0.0), 1.0);
        assert!(Density::of_longest_edge(1e150).at(0.0).is_finite());
        assert!((Density::of_longest_edge(1e-300).at(0.0) * u64::MAX as f64).is_finite());
        assert!(Density::of_new_point(0.0).is_finite());
    }
}
