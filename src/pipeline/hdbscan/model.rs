//! The fit, and what a fitted model says of its own points.

use ndarray::ArrayView2;

use super::condensed_tree::{CondensedTree, condense};
use super::core_distances::squared_core_distances;
use super::distances::Columns;
use super::errors::HdbscanError;
use super::membership::exemplars;
use super::outliers::outlier_scores;
use super::params::HdbscanValidParams;
use super::selection::{Cluster, describe, excess_of_mass, label_points, node_labels, stabilities};
use super::single_linkage::{Dendrogram, Density};
use super::spanning_tree::minimum_spanning_tree;

/// The most points a fit takes: node numbers have 32 bits, and every point may need three of them.
pub(super) const MAX_POINTS: usize = u32::MAX as usize / 4;

/// Clusters of profiles, fitted by [`HdbscanValidParams::fit`].
#[derive(Debug, Clone)]
pub struct HdbscanModel {
    pub(super) columns: Columns,
    pub(super) squared_core: Vec<f64>,
    pub(super) min_samples: usize,
    pub(super) min_cluster_size: u64,
    pub(super) tree: CondensedTree,
    /// The chosen nodes by label, counted from the root as 0.
    pub(super) selected: Vec<usize>,
    pub(super) node_labels: Vec<i32>,
    pub(super) labels: Vec<i32>,
    pub(super) probabilities: Vec<f64>,
    /// Training points that stand for each cluster.
    pub(super) exemplars: Vec<Vec<usize>>,
    outlier_scores: Vec<f64>,
    clusters: Vec<Cluster>,
}

/// What a model is made of; all else follows from it.
pub(super) struct Ingredients {
    pub columns: Columns,
    pub squared_core: Vec<f64>,
    pub min_samples: usize,
    pub min_cluster_size: u64,
    pub tree: CondensedTree,
    pub selected: Vec<usize>,
}

impl HdbscanValidParams {
    /// Clusters distinct profiles, `points` `(n_profiles, n_features)`, each standing for `weights`
    /// `(n_profiles)` customers.
    ///
    /// Core distances count profiles: a profile's neighbourhood is `min_samples` other profiles, however
    /// many customers they stand for. Cluster sizes, stabilities and `min_cluster_size` count customers.
    /// With all weights 1 this is exact HDBSCAN\*. A profile of at least `min_cluster_size` customers may
    /// be a cluster alone: it ends at its core distance, and excess of mass decides whether it is chosen.
    ///
    /// # Errors
    /// [`HdbscanError::TooFewPoints`] below 2 profiles and [`HdbscanError::TooManyPoints`] above 2³⁰;
    /// [`HdbscanError::NoFeatures`]; [`HdbscanError::WeightsLength`]; [`HdbscanError::ZeroWeight`];
    /// [`HdbscanError::NonFinite`]; [`HdbscanError::CoordinateTooLarge`] beyond ±1e150.
    pub fn fit(&self, points: ArrayView2<'_, f64>, weights: &[u32]) -> Result<HdbscanModel, HdbscanError> {
        check_shape(points)?;
        if weights.len() != points.nrows() {
            return Err(HdbscanError::WeightsLength { points: points.nrows(), weights: weights.len() });
        }
        if let Some(profile) = weights.iter().position(|&weight| weight == 0) {
            return Err(HdbscanError::ZeroWeight(profile));
        }
        let columns = Columns::new(points)?;
        let total_weight = weights.iter().map(|&weight| u64::from(weight)).sum();
        let min_cluster_size = self.min_cluster_size().resolve(total_weight);
        let squared_core = squared_core_distances(&columns, self.min_samples());
        let edges = minimum_spanning_tree(&columns, &squared_core);
        let density = Density::of_longest_edge(edges.last().map_or(0.0, |edge| edge.distance));
        let dendrogram = Dendrogram::new(&edges, weights, density);
        let core_distances: Vec<f64> = squared_core.iter().map(|squared| squared.sqrt()).collect();
        let tree = condense(&dendrogram, &core_distances, min_cluster_size, density);
        let selected = excess_of_mass(&tree, &stabilities(&tree), self.allow_single_cluster());
        let min_samples = self.min_samples();
        Ok(HdbscanModel::assemble(Ingredients { columns, squared_core, min_samples, min_cluster_size, tree, selected }))
    }
}

/// Refuses what has too few or too many points, or no coordinates.
///
/// # Errors
/// [`HdbscanError::TooFewPoints`], [`HdbscanError::TooManyPoints`], [`HdbscanError::NoFeatures`].
pub(super) fn check_shape(points: ArrayView2<'_, f64>) -> Result<(), HdbscanError> {
    match points.dim() {
        (n_points, _) if n_points < 2 => Err(HdbscanError::TooFewPoints(n_points)),
        (n_points, _) if n_points > MAX_POINTS => Err(HdbscanError::TooManyPoints { points: n_points }),
        (_, 0) => Err(HdbscanError::NoFeatures),
        _ => Ok(()),
    }
}

impl HdbscanModel {
    pub(super) fn assemble(parts: Ingredients) -> Self {
        let Ingredients { columns, squared_core, min_samples, min_cluster_size, tree, selected } = parts;
        let node_labels = node_labels(&tree, &selected);
        let (labels, probabilities) = label_points(&tree, &selected, &node_labels);
        Self {
            exemplars: exemplars(&tree, &selected),
            outlier_scores: outlier_scores(&tree),
            clusters: describe(&tree, &selected, &labels),
            columns,
            squared_core,
            min_samples,
            min_cluster_size,
            tree,
            selected,
            node_labels,
            labels,
            probabilities,
        }
    }

    /// The cluster of each training profile, `(n_profiles)`: −1 for noise, else 0.. in the order of the
    /// clusters' nodes in [`HdbscanModel::condensed_tree`].
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// How firmly each training profile belongs to its cluster, `(n_profiles)`: 0 for noise, at most 1.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// GLOSH outlier score of each training profile, `(n_profiles)`: 0 in the densest place, towards 1 far
    /// from it.
    pub fn outlier_scores(&self) -> &[f64] {
        &self.outlier_scores
    }

    /// The condensed tree the clusters were chosen from.
    pub fn condensed_tree(&self) -> &CondensedTree {
        &self.tree
    }

    /// The clusters by label: size, stability, persistence.
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// The number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.selected.len()
    }

    /// The smallest cluster of this fit, in customers: a share as it resolved.
    pub fn min_cluster_size(&self) -> u64 {
        self.min_cluster_size
    }
}
