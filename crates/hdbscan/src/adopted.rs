//! Clusters that another implementation of HDBSCAN found, turned into a model with their labels.
#![expect(clippy::indexing_slicing, reason = "points and nodes are those of a tree that was checked")]

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use super::condensed_tree::{CondensedRow, CondensedTree};
use super::core_distances::squared_core_distances;
use super::distances::Columns;
use super::errors::{Damage, HdbscanError};
use super::model::{HdbscanModel, Ingredients, check_shape};
use super::params::HdbscanValidParams;
use super::parts::{check_selected, check_tree};

/// A model of clusters that another implementation found.
#[derive(Debug)]
pub struct AdoptedClusters {
    /// The model. Its labels count from 0 in the order of the tree's nodes.
    pub model: HdbscanModel,
    /// For each label of the model, the label that the cluster had elsewhere.
    pub label_elsewhere: Vec<u32>,
}

impl HdbscanValidParams {
    /// The model of the clusters that another implementation found in `points`, `(n_points, n_features)`, with these
    /// parameters. `tree` holds the rows of the condensed tree in any order. `labels`, `(n_points)`, holds each point's
    /// cluster, below 0 for noise. All weights are 1.
    ///
    /// A cluster's node is the lowest that has all its points below. Core distances are computed anew, because those in
    /// the Python package's prediction data reach one neighbour fewer than in its fit.
    ///
    /// # Errors
    /// The errors of [`HdbscanValidParams::fit`] for the points; [`HdbscanError::Damaged`] for rows that form no tree,
    /// and with [`Damage::Label`] where tree and labels contradict each other.
    pub fn adopt(
        &self,
        points: ArrayView2<'_, f64>,
        mut tree: Vec<CondensedRow>,
        labels: &[i32],
    ) -> Result<AdoptedClusters, HdbscanError> {
        check_shape(points)?;
        let (n_points, min_samples) = (points.nrows(), self.min_samples());
        if labels.len() != n_points {
            return Err(Damage::Label(labels.len().min(n_points)).into());
        }
        let columns = Columns::new(points)?;
        let min_cluster_size = self.min_cluster_size().resolve(n_points as u64);
        tree.sort_by(|a, b| a.parent.cmp(&b.parent).then(a.lambda.total_cmp(&b.lambda)).then(a.child.cmp(&b.child)));
        let tree = check_tree(n_points, min_cluster_size, tree)?;
        let (selected, label_elsewhere) = chosen_nodes(&tree, labels)?;
        let squared_core = squared_core_distances(&columns, min_samples);
        let parts = Ingredients { columns, squared_core, min_samples, min_cluster_size, tree, selected };
        let model = HdbscanModel::assemble(parts);
        let named = |label: i32| usize::try_from(label).ok().map(|label| label_elsewhere[label]);
        let came_with = |label: i32| u32::try_from(label).ok();
        match model.labels().iter().zip(labels).position(|(&own, &label)| named(own) != came_with(label)) {
            Some(point) => Err(Damage::Label(point).into()),
            None => Ok(AdoptedClusters { model, label_elsewhere }),
        }
    }
}

/// The node of each label, counted from the root as 0 and ascending, and the labels in that order.
fn chosen_nodes(tree: &CondensedTree, labels: &[i32]) -> Result<(Vec<usize>, Vec<u32>), Damage> {
    let mut node_of: BTreeMap<u32, usize> = BTreeMap::new();
    for (point, &label) in labels.iter().enumerate() {
        let Ok(label) = u32::try_from(label) else { continue };
        let node = tree.node_of_point(point);
        let common = node_of.get(&label).map_or(node, |&other| lowest_common(tree, node, other));
        node_of.insert(label, common);
    }
    let mut chosen: Vec<(usize, u32)> = node_of.into_iter().map(|(label, node)| (node, label)).collect();
    chosen.sort_unstable();
    let numbers: Vec<u32> = chosen.iter().map(|&(node, _)| (tree.n_points() + node) as u32).collect();
    Ok((check_selected(tree, &numbers)?, chosen.into_iter().map(|(_, label)| label).collect()))
}

/// The lowest common ancestor of two nodes, which may be one of them. A parent's number is below its children's.
fn lowest_common(tree: &CondensedTree, mut a: usize, mut b: usize) -> usize {
    while a != b {
        let deeper = if a > b { &mut a } else { &mut b };
        *deeper = tree.parent_node(*deeper).unwrap_or(0);
    }
    a
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use ndarray::{Array2, array};

    use super::super::params::{HdbscanParams, MinClusterSize};
    use super::*;

    fn params() -> HdbscanValidParams {
        HdbscanParams::new().min_cluster_size(MinClusterSize::Count(3)).min_samples(1).check().unwrap()
    }

    /// A model of two groups and an outlier.
    fn fitted() -> (Array2<f64>, HdbscanModel) {
        let points = array![[0.0], [1.0], [2.5], [20.0], [21.0], [22.5], [90.0]];
        let model = params().fit(points.view(), &[1; 7]).unwrap();
        assert_eq!(model.labels(), [0, 0, 0, 1, 1, 1, -1]);
        (points, model)
    }

    #[test]
    fn a_tree_in_any_order_and_its_labels_make_the_model_that_they_came_from() {
        let (points, model) = fitted();
        let rows = model.condensed_tree().rows().iter().rev().copied().collect();
        let adopted = params().adopt(points.view(), rows, model.labels()).unwrap();
        assert_eq!(adopted.model.to_parts(), model.to_parts());
        assert_eq!(adopted.label_elsewhere, [0, 1]);
    }

    #[test]
    fn clusters_keep_the_labels_that_they_came_with() {
        let (points, model) = fitted();
        let rows = model.condensed_tree().rows().to_vec();
        let adopted = params().adopt(points.view(), rows, &[7, 7, 7, 2, 2, 2, -1]).unwrap();
        assert_eq!((adopted.model.labels(), adopted.label_elsewhere), (model.labels(), vec![7, 2]));
    }

    #[test]
    fn labels_that_the_tree_does_not_give_are_refused() {
        let (points, model) = fitted();
        let refused =
            |labels: &[i32]| params().adopt(points.view(), model.condensed_tree().rows().to_vec(), labels).unwrap_err();
        assert_eq!(refused(&[0, 0, -1, 1, 1, 1, -1]), Damage::Label(2).into());
        assert_eq!(refused(&[0, 0, 0, 1, 1, 0, -1]), Damage::Selected.into());
        assert_eq!(refused(&[0, 0, 0]), Damage::Label(3).into());
        let loose = params().adopt(points.view(), Vec::new(), model.labels());
        assert_eq!(loose.unwrap_err(), Damage::RaggedTree.into());
    }
}
