//! GLOSH outlier scores (Campello, Moulavi, Zimek, Sander 2015, section 6).
#![expect(clippy::indexing_slicing, reason = "every array here has an entry for each node of the tree")]

use super::condensed_tree::CondensedTree;

/// The outlier score of each point, `(n_points)`, 0 to 1: how far it is from the densest part of the node that it
/// leaves.
///
/// 1 − λ / λ_max, where λ is the density at which the point leaves its node and λ_max the highest density in that node
/// and its descendants.
pub(super) fn outlier_scores(tree: &CondensedTree) -> Vec<f64> {
    let mut highest: Vec<f64> = (0..tree.n_nodes()).map(|node| tree.death(node)).collect();
    // Children have higher numbers than their parents, so one pass from the end brings every maximum to the ancestors.
    for node in (1..tree.n_nodes()).rev() {
        if let Some(parent) = tree.parent_node(node) {
            highest[parent] = highest[parent].max(highest[node]);
        }
    }
    (0..tree.n_points())
        .map(|point| {
            let highest = highest[tree.node_of_point(point)];
            (highest - tree.point_row(point).lambda) / highest
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::condensed_tree::CondensedRow;
    use super::*;

    #[test]
    fn a_point_is_scored_against_the_densest_descendant() {
        let row = |parent, child, lambda| CondensedRow { parent, child, lambda, size: 1 };
        let rows = vec![row(3, 0, 0.5), row(3, 4, 1.0), row(4, 1, 1.5), row(4, 2, 2.0)];
        assert_eq!(outlier_scores(&CondensedTree::from_sound_rows(3, rows)), [0.75, 0.25, 0.0]);
    }
}
