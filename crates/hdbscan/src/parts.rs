//! A model as plain arrays, and back.
//!
//! Only what cannot be derived is stored: labels, probabilities and scores follow from the tree and the chosen nodes.
//! Parts may come from damaged or hostile files, so everything is checked: a model that was read is as sound as one
//! that was fitted.
#![expect(clippy::indexing_slicing, reason = "indices into the tree's arrays are checked before they are used")]

use ndarray::Array2;

use super::condensed_tree::{CondensedRow, CondensedTree};
use super::distances::Columns;
use super::errors::{Damage, HdbscanError};
use super::model::{HdbscanModel, Ingredients, check_shape};

/// The densities that a fit can yield: coordinates are bounded, so distances are too.
const LAMBDAS: std::ops::RangeInclusive<f64> = 1e-160..=2e150;

/// A model as plain arrays, for storage.
#[derive(Debug, Clone, PartialEq)]
pub struct HdbscanParts {
    /// Training points, `(n_points, n_features)`.
    pub points: Array2<f64>,
    /// The squared distance of each point to its `min_samples`-th nearest other point, `(n_points)`. Squared, because
    /// taking a root and squaring it again would make equal distances differ.
    pub squared_core_distances: Vec<f64>,
    /// `min_samples` of the fit.
    pub min_samples: u64,
    /// The least weight of a cluster; a share is resolved.
    pub min_cluster_size: u64,
    /// [`CondensedRow::parent`] of every row.
    pub tree_parents: Vec<u32>,
    /// [`CondensedRow::child`] of every row.
    pub tree_children: Vec<u32>,
    /// [`CondensedRow::lambda`] of every row.
    pub tree_lambdas: Vec<f64>,
    /// [`CondensedRow::size`] of every row.
    pub tree_sizes: Vec<u64>,
    /// The chosen nodes of the tree, ascending: the clusters by label.
    pub selected: Vec<u32>,
}

impl HdbscanModel {
    /// The model as arrays.
    pub fn to_parts(&self) -> HdbscanParts {
        let (n_points, n_features) = (self.columns.n_points(), self.columns.n_features());
        let rows = self.tree.rows();
        HdbscanParts {
            points: Array2::from_shape_fn((n_points, n_features), |(point, feature)| {
                self.columns.column(feature)[point]
            }),
            squared_core_distances: self.squared_core.clone(),
            min_samples: self.min_samples as u64,
            min_cluster_size: self.min_cluster_size,
            tree_parents: rows.iter().map(|row| row.parent).collect(),
            tree_children: rows.iter().map(|row| row.child).collect(),
            tree_lambdas: rows.iter().map(|row| row.lambda).collect(),
            tree_sizes: rows.iter().map(|row| row.size).collect(),
            selected: self.selected.iter().map(|&node| (n_points + node) as u32).collect(),
        }
    }

    /// The model stored as `parts`; it answers like the one they were taken from.
    ///
    /// # Errors
    /// The errors of [`super::HdbscanValidParams::fit`] for the points, [`HdbscanError::MinSamplesZero`], and
    /// [`HdbscanError::Damaged`] for parts that no fit could have written.
    pub fn from_parts(parts: HdbscanParts) -> Result<Self, HdbscanError> {
        let HdbscanParts { points, min_samples, min_cluster_size, .. } = &parts;
        check_shape(points.view())?;
        let n_points = points.nrows();
        let columns = Columns::new(points.view())?;
        if *min_samples == 0 {
            return Err(HdbscanError::MinSamplesZero);
        }
        if *min_cluster_size < 2 {
            return Err(Damage::MinClusterSize.into());
        }
        check_core_distances(&parts.squared_core_distances, n_points)?;
        let tree = check_tree(n_points, *min_cluster_size, collect_rows(&parts)?)?;
        let selected = check_selected(&tree, &parts.selected)?;
        Ok(Self::assemble(Ingredients {
            columns,
            squared_core: parts.squared_core_distances,
            min_samples: usize::try_from(parts.min_samples).unwrap_or(usize::MAX),
            min_cluster_size: parts.min_cluster_size,
            tree,
            selected,
        }))
    }
}

fn check_core_distances(squared: &[f64], n_points: usize) -> Result<(), Damage> {
    if squared.len() != n_points {
        return Err(Damage::CoreDistanceCount);
    }
    match squared.iter().position(|distance| !(0.0..f64::INFINITY).contains(distance)) {
        Some(point) => Err(Damage::CoreDistance(point)),
        None => Ok(()),
    }
}

fn collect_rows(parts: &HdbscanParts) -> Result<Vec<CondensedRow>, Damage> {
    let HdbscanParts { tree_parents, tree_children, tree_lambdas, tree_sizes, .. } = parts;
    let n_rows = tree_parents.len();
    if [tree_children.len(), tree_lambdas.len(), tree_sizes.len()] != [n_rows; 3] {
        return Err(Damage::RaggedTree);
    }
    let rows = tree_parents.iter().zip(tree_children).zip(tree_lambdas.iter().zip(tree_sizes));
    Ok(rows.map(|((&parent, &child), (&lambda, &size))| CondensedRow { parent, child, lambda, size }).collect())
}

/// The tree of these rows, if they form one.
pub(super) fn check_tree(
    n_points: usize,
    min_cluster_size: u64,
    rows: Vec<CondensedRow>,
) -> Result<CondensedTree, Damage> {
    check_rows(n_points, min_cluster_size, &rows)?;
    Ok(CondensedTree::from_sound_rows(n_points, rows))
}

/// Checks that the rows form one tree over all points: in order, with densities that grow downwards and sizes that add
/// up.
fn check_rows(n_points: usize, min_cluster_size: u64, rows: &[CondensedRow]) -> Result<(), Damage> {
    // Every point and every node but the root has one row.
    let n_nodes = (rows.len() + 1).checked_sub(n_points).filter(|&nodes| nodes > 0).ok_or(Damage::RaggedTree)?;
    let n_total = n_points + n_nodes;
    let mut row_of = vec![None; n_total];
    let mut sums = vec![0u64; n_nodes];
    let mut previous: Option<&CondensedRow> = None;
    for (index, row) in rows.iter().enumerate() {
        let (parent, child) = (row.parent as usize, row.child as usize);
        if !(n_points..n_total).contains(&parent) {
            return Err(Damage::Parent(index));
        }
        if child >= n_total || (child >= n_points && child <= parent) {
            return Err(Damage::Child(index));
        }
        if row_of[child].replace(index).is_some() {
            return Err(Damage::NotOnce(child));
        }
        let after =
            |before: &CondensedRow| (before.parent, before.lambda, before.child) < (row.parent, row.lambda, row.child);
        if !LAMBDAS.contains(&row.lambda) {
            return Err(Damage::Lambda(index));
        }
        if !previous.is_none_or(after) {
            return Err(Damage::Order(index));
        }
        // Parents come first, so a node's own row has been seen when its rows begin.
        let born = row_of[parent].map_or(0.0, |above: usize| rows[above].lambda);
        if row.lambda < born {
            return Err(Damage::Lambda(index));
        }
        let sum = &mut sums[parent - n_points];
        *sum = sum.checked_add(row.size).ok_or(Damage::Size(index))?;
        if row.size == 0 || (child >= n_points && row.size < min_cluster_size) {
            return Err(Damage::Size(index));
        }
        previous = Some(row);
    }
    check_nodes(n_points, rows, &row_of, &sums)
}

/// Checks that no point or node is missing and that each node's size is the sum of its rows.
fn check_nodes(n_points: usize, rows: &[CondensedRow], row_of: &[Option<usize>], sums: &[u64]) -> Result<(), Damage> {
    if let Some(empty) = sums.iter().position(|&sum| sum == 0) {
        return Err(Damage::EmptyNode(n_points + empty));
    }
    for (node, row) in row_of.iter().enumerate().filter(|&(node, _)| node != n_points) {
        let row = row.ok_or(Damage::NotOnce(node))?;
        if node > n_points && rows[row].size != sums[node - n_points] {
            return Err(Damage::Size(row));
        }
    }
    Ok(())
}

/// The chosen nodes counted from the root as 0, if they are nodes of the tree, ascending and none inside another.
pub(super) fn check_selected(tree: &CondensedTree, selected: &[u32]) -> Result<Vec<usize>, Damage> {
    let mut chosen = vec![false; tree.n_nodes()];
    let mut nodes = Vec::with_capacity(selected.len());
    for &node in selected {
        let node = (node as usize).checked_sub(tree.n_points()).ok_or(Damage::Selected)?;
        if node >= tree.n_nodes() || nodes.last().is_some_and(|&last| node <= last) {
            return Err(Damage::Selected);
        }
        chosen[node] = true;
        nodes.push(node);
    }
    // Parents have lower numbers, so one pass tells whether any ancestor is chosen.
    let mut covered = vec![false; tree.n_nodes()];
    for node in 0..tree.n_nodes() {
        covered[node] = tree.parent_node(node).is_some_and(|parent| covered[parent] || chosen[parent]);
        if covered[node] && chosen[node] {
            return Err(Damage::Selected);
        }
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use ndarray::array;
    use proptest::prelude::*;

    use super::super::params::{HdbscanParams, MinClusterSize};
    use super::*;

    /// Two groups of three: root 6, nodes 7 and 8.
    fn parts() -> HdbscanParts {
        let points = array![[0.0], [1.0], [2.5], [20.0], [21.0], [22.5]];
        let size = MinClusterSize::Count(3);
        let params = HdbscanParams::new().min_cluster_size(size).min_samples(1).check().unwrap();
        params.fit(points.view(), &[1; 6]).unwrap().to_parts()
    }

    fn refusal(damage: impl FnOnce(&mut HdbscanParts)) -> HdbscanError {
        let mut parts = parts();
        damage(&mut parts);
        HdbscanModel::from_parts(parts).unwrap_err()
    }

    fn damage(damage: impl FnOnce(&mut HdbscanParts)) -> Damage {
        match refusal(damage) {
            HdbscanError::Damaged(damage) => damage,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sound_parts_come_back_as_they_were() {
        let parts = parts();
        assert_eq!(parts.tree_parents[..2], [6, 6]);
        assert_eq!(HdbscanModel::from_parts(parts.clone()).unwrap().to_parts(), parts);
    }

    #[test]
    fn points_no_fit_would_take_are_refused() {
        assert_eq!(refusal(|p| p.points = Array2::zeros((0, 1))), HdbscanError::TooFewPoints(0));
        assert_eq!(refusal(|p| p.points = Array2::zeros((6, 0))), HdbscanError::NoFeatures);
        assert_eq!(refusal(|p| p.points[(3, 0)] = f64::NAN), HdbscanError::NonFinite { row: 3, column: 0 });
        assert_eq!(refusal(|p| p.min_samples = 0), HdbscanError::MinSamplesZero);
        assert_eq!(damage(|p| p.min_cluster_size = 1), Damage::MinClusterSize);
    }

    #[test]
    fn missing_and_impossible_core_distances_are_refused() {
        assert_eq!(damage(|p| p.squared_core_distances.truncate(5)), Damage::CoreDistanceCount);
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(damage(|p| p.squared_core_distances[2] = bad), Damage::CoreDistance(2));
        }
    }

    #[test]
    fn rows_that_form_no_tree_are_refused() {
        assert_eq!(damage(|p| p.tree_sizes.truncate(3)), Damage::RaggedTree);
        assert_eq!(damage(|p| p.points = Array2::zeros((20, 1))), Damage::CoreDistanceCount);
        assert_eq!(damage(|p| p.tree_parents[0] = 2), Damage::Parent(0));
        assert_eq!(damage(|p| p.tree_parents[0] = u32::MAX), Damage::Parent(0));
        assert_eq!(damage(|p| p.tree_children[1] = u32::MAX), Damage::Child(1));
        assert_eq!(damage(|p| p.tree_children[0] = 6), Damage::Child(0));
        assert_eq!(damage(|p| p.tree_children[1] = p.tree_children[0]), Damage::NotOnce(7));
        assert_eq!(damage(|p| p.tree_children[2] = 7), Damage::Child(2));
        let all_in_one = |p: &mut HdbscanParts| p.tree_parents[2..].fill(7);
        assert!(matches!(damage(all_in_one), Damage::Order(_) | Damage::EmptyNode(8)));
    }

    #[test]
    fn densities_out_of_range_or_out_of_order_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e200] {
            assert_eq!(damage(|p| p.tree_lambdas[4] = bad), Damage::Lambda(4));
        }
        assert_eq!(damage(|p| p.tree_lambdas[2] = 1e-9), Damage::Lambda(2));
        assert_eq!(damage(|p| p.tree_lambdas[2] = 1e9), Damage::Order(3));
    }

    #[test]
    fn sizes_that_do_not_add_up_are_refused() {
        assert_eq!(damage(|p| p.tree_sizes[4] = 0), Damage::Size(4));
        assert_eq!(damage(|p| p.tree_sizes[0] = 2), Damage::Size(0));
        assert_eq!(damage(|p| p.tree_sizes[0] = 4), Damage::Size(0));
        assert!(matches!(damage(|p| p.tree_sizes[2..4].fill(u64::MAX)), Damage::Size(3)));
    }

    #[test]
    fn chosen_nodes_that_do_not_exist_or_lie_inside_each_other_are_refused() {
        for bad in [&[7, 7][..], &[8, 7], &[9], &[3], &[6, 7], &[u32::MAX]] {
            assert_eq!(damage(|p| p.selected = bad.to_vec()), Damage::Selected);
        }
    }

    proptest! {
        #[test]
        fn parts_damaged_anywhere_are_refused_or_answer_in_range(
            column in 0usize..4, row in 0usize..8, value in prop_oneof![0u32..12, any::<u32>()], lambda in any::<f64>(),
        ) {
            let mut parts = parts();
            match column {
                0 => parts.tree_parents[row] = value,
                1 => parts.tree_children[row] = value,
                2 => parts.tree_sizes[row] = u64::from(value),
                _ => parts.tree_lambdas[row] = lambda,
            }
            if let Ok(model) = HdbscanModel::from_parts(parts) {
                let points = array![[0.3], [11.0], [1e9]];
                prop_assert!(model.predict(points.view()).unwrap().strengths.iter().all(|s| (0.0..=1.0).contains(s)));
                let memberships = model.membership_vectors(points.view()).unwrap();
                prop_assert!(memberships.iter().all(|share| (0.0..=1.0).contains(share)));
            }
        }
    }
}
