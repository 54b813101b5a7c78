//! Soft membership: how much a point belongs to each cluster.
//!
//! As `membership_vector` of the Python package, for which there is no paper. A cluster's share is the product of two:
//! one by the distance to its exemplars, one by the density at which the point meets it. All shares are then scaled by
//! how likely the point is in any cluster.
#![expect(clippy::indexing_slicing, reason = "vectors here have one entry for each cluster")]

use ndarray::{Array1, Array2, ArrayView2};

use super::condensed_tree::CondensedTree;
use super::errors::HdbscanError;
use super::model::HdbscanModel;
use super::placement::{Placement, Placer, PredictionRule, argmax};

/// The exponents of the two shares, as in the package.
const DISTANCE_POWER: f64 = 0.5;
const DENSITY_POWER: i32 = 2;

/// A score is divided by a gap between two densities. This is the least gap, as a share of the higher density.
const LEAST_GAP: f64 = 1e-8;

/// The cluster that a point is nearest to, whether the point is in it or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearestCluster {
    /// The cluster's label.
    pub label: i32,
    /// The point's membership in it, 0 to 1.
    pub membership: f64,
}

impl HdbscanModel {
    /// How much each of `points`, `(n_new, n_features)`, belongs to each cluster: `(n_new, n_clusters)`, each
    /// row from 0 to 1 in sum. Training points may be among them.
    ///
    /// # Errors
    /// [`HdbscanError::FeatureCount`], [`HdbscanError::NonFinite`], [`HdbscanError::CoordinateTooLarge`].
    pub fn membership_vectors(&self, points: ArrayView2<'_, f64>) -> Result<Array2<f64>, HdbscanError> {
        self.membership_vectors_by(PredictionRule::Exact, points)
    }

    /// As [`HdbscanModel::membership_vectors`], by a given rule, for comparisons with the Python
    /// package.
    ///
    /// # Errors
    /// As [`HdbscanModel::membership_vectors`].
    pub fn membership_vectors_by(
        &self,
        rule: PredictionRule,
        points: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, HdbscanError> {
        let rows = Placer::new(self, rule)
            .map_rows(points, |placement, point| self.membership(rule, placement, &self.exemplar_distances(point)))?;
        let mut vectors = Array2::zeros((points.nrows(), self.n_clusters()));
        for (mut vector, row) in vectors.rows_mut().into_iter().zip(rows) {
            vector.assign(&row);
        }
        Ok(vectors)
    }

    /// The cluster each of `points`, `(n_new, n_features)`, is nearest to: the one of highest membership, of
    /// equals (such as all 0) the one whose exemplars are closest. `None` if the model has no cluster.
    ///
    /// # Errors
    /// [`HdbscanError::FeatureCount`], [`HdbscanError::NonFinite`], [`HdbscanError::CoordinateTooLarge`].
    pub fn nearest_clusters(&self, points: ArrayView2<'_, f64>) -> Result<Vec<Option<NearestCluster>>, HdbscanError> {
        let rule = PredictionRule::Exact;
        Placer::new(self, rule).map_rows(points, |placement, point| {
            let distances = self.exemplar_distances(point);
            let membership = self.membership(rule, placement, &distances);
            argmax(membership.view(), |a, b| distances[a] < distances[b])
                .map(|cluster| NearestCluster { label: cluster as i32, membership: membership[cluster] })
        })
    }

    /// The distance from a point to the nearest exemplar of each cluster.
    fn exemplar_distances(&self, point: &[f64]) -> Array1<f64> {
        let squared = |&exemplar: &usize| self.columns.squared_distance(point, exemplar);
        let least = |exemplars: &Vec<usize>| exemplars.iter().map(squared).fold(f64::INFINITY, f64::min);
        self.exemplars.iter().map(|exemplars| least(exemplars).sqrt()).collect()
    }

    fn membership(&self, rule: PredictionRule, placement: &Placement, distances: &Array1<f64>) -> Array1<f64> {
        if self.n_clusters() == 0 {
            return Array1::zeros(0);
        }
        let node = self.tree.node_of_point(placement.neighbour);
        let lambda = placement.lambda.min(self.tree.point_row(placement.neighbour).lambda);
        let heights = self.meeting_densities(rule, node, lambda);
        let by_distance = shares_by_distance(distances);
        let rounded = match rule {
            PredictionRule::Exact => heights.clone(),
            PredictionRule::Package => self.meeting_densities(rule, node, f64::from(lambda as f32)),
        };
        let by_density = shares_by_density(&rounded, self.tree.death(node));
        let mut vector =
            by_distance.mapv(|share| share.powf(DISTANCE_POWER)) * by_density.mapv(|share| share.powi(DENSITY_POWER));
        let sum = vector.sum();
        // One cluster may have all of the distance and another all of the density.
        vector = if sum > 0.0 { vector / sum } else { by_distance };
        let closest = |a: usize, b: usize| rule == PredictionRule::Exact && distances[a] < distances[b];
        let in_any = argmax(heights.view(), closest)
            .map_or(0.0, |cluster| heights[cluster] / lambda.max(self.tree.death(self.selected[cluster])));
        vector * in_any
    }

    /// The density at which a point that leaves `node` at `lambda` is last together with each cluster.
    fn meeting_densities(&self, rule: PredictionRule, node: usize, lambda: f64) -> Array1<f64> {
        let meets = self.selected.iter().map(|&cluster| match merge_density(&self.tree, node, cluster) {
            // A point that joins only below the density where the two branches meet is with neither of them above its
            // own density.
            Some(density) if rule == PredictionRule::Exact => density.min(lambda),
            Some(density) => density,
            None => lambda,
        });
        meets.collect()
    }
}

/// The density at which the branches of two nodes part; `None` if one node is inside the other.
fn merge_density(tree: &CondensedTree, node: usize, cluster: usize) -> Option<f64> {
    let (mut left, mut right) = (node, cluster);
    let mut parted_at = 0.0;
    while left != right {
        // Children have higher numbers than their parents, so the higher is never the common ancestor.
        let higher = if left > right { &mut left } else { &mut right };
        parted_at = tree.birth(*higher);
        *higher = tree.parent_node(*higher)?;
    }
    (left != node && left != cluster).then_some(parted_at)
}

/// Shares in inverse proportion to distance. If distances are 0, only their clusters have a share.
fn shares_by_distance(distances: &Array1<f64>) -> Array1<f64> {
    let closeness = if distances.iter().any(|&distance| distance == 0.0) {
        distances.mapv(|distance| f64::from(u8::from(distance == 0.0)))
    } else {
        distances.mapv(|distance| 1.0 / distance)
    };
    let sum = closeness.sum();
    closeness / sum
}

/// Softmax of highest / (highest − height): the closer to the highest density a cluster is met, the larger its share.
fn shares_by_density(heights: &Array1<f64>, highest: f64) -> Array1<f64> {
    let scores = heights.mapv(|height| highest / (highest - height).max(LEAST_GAP * highest));
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares = scores.mapv(|score| (score - top).exp());
    let sum = shares.sum();
    shares / sum
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_cluster_at_distance_zero_takes_the_whole_share() {
        assert_eq!(shares_by_distance(&array![0.0, 2.0, 0.0]), array![0.5, 0.0, 0.5]);
        assert_eq!(shares_by_distance(&array![1.0, 3.0]), array![0.75, 0.25]);
    }

    #[test]
    fn a_cluster_met_at_the_highest_density_takes_the_whole_share() {
        assert_eq!(shares_by_density(&array![1.0, 0.5], 1.0), array![1.0, 0.0]);
        assert_eq!(shares_by_density(&array![0.5, 0.5], 1.0), array![0.5, 0.5]);
    }
}
