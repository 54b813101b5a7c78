//! An edge of the minimum spanning tree, and the order of the edges.

use rayon::slice::ParallelSliceMut;

/// An edge between two points, the one with the lower index left, by mutual reachability distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub left: u32,
    pub right: u32,
    pub distance: f64,
}

impl Edge {
    /// The edge between points `a` and `b` of this squared mutual reachability.
    pub fn new(a: u32, b: u32, squared: f64) -> Self {
        Self { left: a.min(b), right: a.max(b), distance: squared.sqrt() }
    }
}

/// Sorts edges by distance, equal ones by their points. Any algorithm that found the same edges so returns the same
/// list.
pub(super) fn sort(edges: &mut [Edge]) {
    edges
        .par_sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then((a.left, a.right).cmp(&(b.left, b.right))));
}
