//! Core distances: how far a point's neighbourhood reaches (Campello, Moulavi, Sander 2013, definition 1).
//!
//! A point is not its own neighbour: `min_samples` 5 means the distance to the fifth nearest *other* point. The paper
//! counts the point itself. The Python package asks for `min_samples + 1` neighbours, the point included, so it agrees
//! with this.
#![expect(clippy::indexing_slicing, reason = "a point's own entry exists in its row of distances")]

use rayon::prelude::*;

use super::distances::Columns;
use super::kd_tree::KdTree;
use super::neighbours::Neighbours;

/// For fewer points, comparing all pairs is faster than building and searching a tree.
pub(super) const FEW: usize = 1_000;
/// The highest rank that is searched with a k-d tree. Beyond it, keeping the neighbours sorted costs more than all
/// pairs.
pub(super) const MAX_SOUGHT: usize = 256;

/// The squared distance of each point to its `rank`-th nearest other point, `(n_points)`; to the farthest one where
/// there are fewer others, and 0 for `rank` 0.
pub(super) fn squared_core_distances(columns: &Columns, rank: usize) -> Vec<f64> {
    if columns.n_points() < FEW || !(1..=MAX_SOUGHT).contains(&rank) {
        return among_all_pairs(columns, rank);
    }
    let tree = KdTree::new(columns);
    Neighbours::of(&tree, rank, rank).core_of_points(&tree)
}

/// [`squared_core_distances`] by comparing all pairs.
pub(super) fn among_all_pairs(columns: &Columns, rank: usize) -> Vec<f64> {
    let n_points = columns.n_points();
    let rank = rank.min(n_points.saturating_sub(1));
    if rank == 0 {
        return vec![0.0; n_points];
    }
    (0..n_points)
        .into_par_iter()
        .map_init(
            || (vec![0.0; n_points], Vec::with_capacity(columns.n_features())),
            |(squared, query), point| {
                query.clear();
                query.extend(columns.point(point));
                columns.squared_distances(query, squared);
                squared[point] = f64::INFINITY;
                *squared.select_nth_unstable_by(rank - 1, f64::total_cmp).1
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn the_tree_finds_what_comparing_all_pairs_finds() {
        let points = Array2::from_shape_fn((1_500, 3), |(i, j)| ((i * (j + 3) * 7_919) % 31) as f64);
        let columns = Columns::new(points.view()).unwrap();
        for rank in [1, 2, 17, MAX_SOUGHT] {
            assert_eq!(squared_core_distances(&columns, rank), among_all_pairs(&columns, rank));
        }
    }

    #[test]
    fn a_point_is_not_its_own_neighbour_but_a_coincident_one_is() {
        let columns = Columns::new(array![[0.0], [0.0], [1.0], [3.0]].view()).unwrap();
        assert_eq!(squared_core_distances(&columns, 1), [0.0, 0.0, 1.0, 4.0]);
        assert_eq!(squared_core_distances(&columns, 2), [1.0, 1.0, 1.0, 9.0]);
        assert_eq!(squared_core_distances(&columns, 9), [9.0, 9.0, 4.0, 9.0]);
        assert_eq!(squared_core_distances(&columns, 0), [0.0; 4]);
    }
}
