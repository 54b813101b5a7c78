//! Which nodes of the condensed tree are the clusters, and which points belong to them.
#![expect(clippy::indexing_slicing, reason = "every array here has an entry for each node or each point of the tree")]

use super::condensed_tree::CondensedTree;

/// A chosen cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its node in the condensed tree, numbered from the number of points.
    pub node: u32,
    /// Weight of the points that carry its label.
    pub size: u64,
    /// Number of points that carry its label.
    pub n_points: usize,
    /// Excess of mass: over the points of its node, the sum of weight × (density at which the point leaves − density at
    /// which the cluster begins) (Campello, Moulavi, Sander 2013, equation 3). Its unit is weight / distance.
    pub stability: f64,
    /// The stability as a share of the highest possible one, at which all of the node stays from density 0 to the
    /// tree's highest. This is `cluster_persistence_` of the Python package; but if the root is the cluster, the
    /// package divides by its labelled points alone and so exceeds 1.
    pub persistence: f64,
}

/// The stability of every node, the root first.
///
/// Weights that leave at one density are added before they are multiplied, so that the order of the points does not
/// change the sum.
pub(super) fn stabilities(tree: &CondensedTree) -> Vec<f64> {
    (0..tree.n_nodes())
        .map(|node| {
            let birth = tree.birth(node);
            let at_once = tree.node_rows(node).chunk_by(|a, b| a.lambda == b.lambda);
            at_once
                .map(|rows| {
                    let lambda = rows.first().map_or(birth, |row| row.lambda);
                    (lambda - birth) * rows.iter().map(|row| row.size).sum::<u64>() as f64
                })
                .sum()
        })
        .collect()
}

/// The nodes of greatest total stability, none inside another, ascending and counted from the root as 0
/// (Campello, Moulavi, Sander 2013, algorithm 2).
///
/// A parent that is as stable as its children together is kept. The Python package rounds the children's sum to 32 bits
/// before it compares; here it is not rounded.
pub(super) fn excess_of_mass(tree: &CondensedTree, stabilities: &[f64], allow_single_cluster: bool) -> Vec<usize> {
    let n_nodes = tree.n_nodes();
    let mut best = stabilities.to_vec();
    let mut kept = vec![true; n_nodes];
    for node in (0..n_nodes).rev() {
        let mut below: Vec<f64> = tree.child_nodes(node).map(|child| best[child]).collect();
        // Siblings of equal size are numbered by their points. Sorting keeps that order out of the sum.
        below.sort_unstable_by(f64::total_cmp);
        let below: f64 = below.iter().sum();
        if below > stabilities[node] || (node == 0 && !allow_single_cluster) {
            kept[node] = false;
            best[node] = below;
        }
    }
    // A node counts only if nothing above it was kept: parents have lower numbers.
    let mut covered = vec![false; n_nodes];
    let mut chosen = Vec::new();
    for node in 0..n_nodes {
        let above = tree.parent_node(node).is_some_and(|parent| covered[parent]);
        covered[node] = above || kept[node];
        if kept[node] && !above {
            chosen.push(node);
        }
    }
    chosen
}

/// The nodes without children, ascending and counted from the root as 0. The root is one only where it may be.
pub(super) fn leaves(tree: &CondensedTree, allow_single_cluster: bool) -> Vec<usize> {
    let is_leaf = |node: &usize| tree.child_nodes(*node).next().is_none();
    (0..tree.n_nodes()).filter(is_leaf).filter(|&node| node > 0 || allow_single_cluster).collect()
}

/// The label of every node, −1 outside all clusters; clusters are numbered in the order of their nodes.
pub(super) fn node_labels(tree: &CondensedTree, selected: &[usize]) -> Vec<i32> {
    let mut labels = vec![-1; tree.n_nodes()];
    for (label, &node) in selected.iter().enumerate() {
        labels[node] = label as i32;
    }
    for node in 0..tree.n_nodes() {
        if let Some(parent) = tree.parent_node(node)
            && labels[node] < 0
        {
            labels[node] = labels[parent];
        }
    }
    labels
}

/// Labels and probabilities of the points, `(n_points)` each.
///
/// The probability is the density at which the point leaves, as a share of the highest at which anything leaves the
/// cluster's own node, at most 1; 0 for noise (McInnes, Healy 2017, section 2.3). If the root is the one cluster, only
/// points that reach the root's highest density belong to it, as in the Python package; otherwise no point could be
/// noise.
pub(super) fn label_points(tree: &CondensedTree, selected: &[usize], node_labels: &[i32]) -> (Vec<i32>, Vec<f64>) {
    let root_chosen = selected.first() == Some(&0);
    (0..tree.n_points())
        .map(|point| {
            let lambda = tree.point_row(point).lambda;
            let label = node_labels[tree.node_of_point(point)];
            let Some(&cluster) = usize::try_from(label).ok().and_then(|label| selected.get(label)) else {
                return (-1, 0.0);
            };
            let death = tree.death(cluster);
            if root_chosen && lambda < death {
                return (-1, 0.0);
            }
            (label, (lambda / death).min(1.0))
        })
        .unzip()
}

/// The exemplars of each cluster, by ascending index: in every leaf below its node, the points that leave last.
pub(super) fn exemplars(tree: &CondensedTree, selected: &[usize]) -> Vec<Vec<usize>> {
    selected
        .iter()
        .map(|&cluster| {
            let mut found = Vec::new();
            let mut pending = vec![cluster];
            while let Some(node) = pending.pop() {
                let before = pending.len();
                pending.extend(tree.child_nodes(node));
                if pending.len() == before {
                    let death = tree.death(node);
                    let last = tree.node_rows(node).iter().filter(|row| row.lambda == death);
                    found.extend(last.map(|row| row.child as usize));
                }
            }
            found.sort_unstable();
            found
        })
        .collect()
}

/// Describes the chosen clusters, in the order of their labels.
pub(super) fn describe(tree: &CondensedTree, selected: &[usize], labels: &[i32]) -> Vec<Cluster> {
    let stabilities = stabilities(tree);
    let mut clusters: Vec<Cluster> = selected
        .iter()
        .map(|&node| Cluster {
            node: (tree.n_points() + node) as u32,
            size: 0,
            n_points: 0,
            stability: stabilities[node],
            persistence: 0.0,
        })
        .collect();
    for (point, &label) in labels.iter().enumerate() {
        if let Some(cluster) = usize::try_from(label).ok().and_then(|label| clusters.get_mut(label)) {
            cluster.size += tree.point_row(point).size;
            cluster.n_points += 1;
        }
    }
    let highest = tree.rows().iter().map(|row| row.lambda).fold(0.0, f64::max);
    for (cluster, &node) in clusters.iter_mut().zip(selected) {
        let weight: u64 = tree.node_rows(node).iter().map(|row| row.size).sum();
        cluster.persistence = cluster.stability / (weight as f64 * highest);
    }
    clusters
}

#[cfg(test)]
mod tests {
    use super::super::condensed_tree::CondensedRow;
    use super::*;

    fn tree(n_points: usize, rows: &[(u32, u32, f64, u64)]) -> CondensedTree {
        let rows = rows.iter().map(|&(parent, child, lambda, size)| CondensedRow { parent, child, lambda, size });
        CondensedTree::from_sound_rows(n_points, rows.collect())
    }

    /// The root splits into a node of four points, which splits in two pairs, and a pair.
    fn nested(split: f64) -> CondensedTree {
        tree(
            6,
            &[
                (6, 7, 0.5, 4),
                (6, 8, 0.5, 2),
                (7, 9, split, 2),
                (7, 10, split, 2),
                (8, 4, 2.0, 1),
                (8, 5, 2.0, 1),
                (9, 0, 2.0, 1),
                (9, 1, 2.0, 1),
                (10, 2, 2.0, 1),
                (10, 3, 2.0, 1),
            ],
        )
    }

    #[test]
    fn more_stable_children_replace_their_parent() {
        let tree = nested(1.0);
        let stabilities = stabilities(&tree);
        assert_eq!(stabilities, [3.0, 2.0, 3.0, 2.0, 2.0]);
        assert_eq!(excess_of_mass(&tree, &stabilities, false), [2, 3, 4]);
    }

    #[test]
    fn leaves_have_nothing_inside_them() {
        assert_eq!(leaves(&nested(1.25), false), [2, 3, 4]);
        let one = tree(2, &[(2, 0, 0.5, 1), (2, 1, 1.0, 1)]);
        assert_eq!((leaves(&one, false), leaves(&one, true)), (vec![], vec![0]));
    }

    #[test]
    fn a_parent_as_stable_as_its_children_is_kept() {
        let tree = nested(1.25);
        let stabilities = stabilities(&tree);
        assert_eq!(stabilities, [3.0, 3.0, 3.0, 1.5, 1.5]);
        let selected = excess_of_mass(&tree, &stabilities, false);
        assert_eq!(selected, [1, 2]);
        let labels = node_labels(&tree, &selected);
        assert_eq!(labels, [-1, 0, 1, 0, 0]);
        let (labels, probabilities) = label_points(&tree, &selected, &labels);
        assert_eq!(labels, [0, 0, 0, 0, 1, 1]);
        assert_eq!(probabilities, [1.0; 6]);
    }

    #[test]
    fn the_root_is_a_cluster_only_when_allowed() {
        let tree = tree(3, &[(3, 0, 0.5, 1), (3, 1, 1.0, 1), (3, 2, 1.0, 1)]);
        let stabilities = stabilities(&tree);
        assert_eq!(excess_of_mass(&tree, &stabilities, false), [0usize; 0]);
        assert_eq!(excess_of_mass(&tree, &stabilities, true), [0]);
        let (labels, probabilities) = label_points(&tree, &[0], &node_labels(&tree, &[0]));
        assert_eq!(labels, [-1, 0, 0]);
        assert_eq!(probabilities, [0.0, 1.0, 1.0]);
    }

    #[test]
    fn persistence_is_stability_against_the_longest_life_possible() {
        let tree = nested(1.0);
        let clusters = describe(&tree, &[2, 3, 4], &[1, 1, 2, 2, 0, 0]);
        assert_eq!(clusters[0], Cluster { node: 8, size: 2, n_points: 2, stability: 3.0, persistence: 0.75 });
        assert_eq!(clusters[2].persistence, 0.5);
    }
}
