//! The fit, and what a fitted model says about its training points.

use std::sync::OnceLock;

use ndarray::ArrayView2;

use super::condensed_tree::{CondensedTree, condense};
use super::distances::Columns;
use super::errors::HdbscanError;
use super::limits::MAX_POINTS;
use super::outliers::outlier_scores;
use super::params::{ClusterSelection, HdbscanValidParams};
use super::place_index::PlaceIndex;
use super::selection::{Cluster, describe, excess_of_mass, exemplars, label_points, leaves, node_labels, stabilities};
use super::single_linkage::{Dendrogram, Density};
use super::spanning_tree::Reach;

/// The stages of a fit, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The distance from each point to its `min_samples`-th nearest other point.
    CoreDistances,
    /// The minimum spanning tree of mutual reachability.
    SpanningTree,
    /// The condensed tree, and the clusters chosen from it.
    Condensing,
    /// Labels, probabilities, exemplars and outlier scores.
    Describing,
}

/// The clusters of weighted points, made by [`HdbscanValidParams::fit`].
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
    /// The exemplars of each cluster: its densest training points.
    pub(super) exemplars: Vec<Vec<usize>>,
    /// Built when the first new point is placed.
    pub(super) index: OnceLock<PlaceIndex>,
    outlier_scores: Vec<f64>,
    clusters: Vec<Cluster>,
}

/// What determines a model. All other fields follow from it.
pub(super) struct Ingredients {
    pub columns: Columns,
    pub squared_core: Vec<f64>,
    pub min_samples: usize,
    pub min_cluster_size: u64,
    pub tree: CondensedTree,
    pub selected: Vec<usize>,
}

impl HdbscanValidParams {
    /// Clusters `points`, `(n_points, n_features)`. Point `i` counts as `weights[i]` copies of itself; `weights` are
    /// `(n_points)`.
    ///
    /// Core distances count points: a neighbourhood is `min_samples` other points, whatever their weights. Cluster
    /// sizes, stabilities and `min_cluster_size` count weight. With all weights 1 this is exact HDBSCAN\*. A single
    /// point of at least the weight `min_cluster_size` may be a cluster: it ends at its core distance, and excess of
    /// mass decides whether it is chosen.
    ///
    /// [`linfa::traits::Fit`] does the same for a dataset.
    ///
    /// # Errors
    /// [`HdbscanError::TooFewPoints`] below 2 points and [`HdbscanError::TooManyPoints`] above 2³⁰;
    /// [`HdbscanError::NoFeatures`]; [`HdbscanError::WeightsLength`]; [`HdbscanError::ZeroWeight`];
    /// [`HdbscanError::NonFinite`]; [`HdbscanError::CoordinateTooLarge`] beyond ±1e150.
    pub fn fit(&self, points: ArrayView2<'_, f64>, weights: &[u32]) -> Result<HdbscanModel, HdbscanError> {
        self.fit_with_progress(points, weights, &|_| {})
    }

    /// As [`HdbscanValidParams::fit`]. `done` hears each stage when it is complete.
    ///
    /// # Errors
    /// As [`HdbscanValidParams::fit`].
    pub fn fit_with_progress(
        &self,
        points: ArrayView2<'_, f64>,
        weights: &[u32],
        done: &(dyn Fn(Stage) + Sync),
    ) -> Result<HdbscanModel, HdbscanError> {
        check_shape(points)?;
        if weights.len() != points.nrows() {
            return Err(HdbscanError::WeightsLength { points: points.nrows(), weights: weights.len() });
        }
        if let Some(point) = weights.iter().position(|&weight| weight == 0) {
            return Err(HdbscanError::ZeroWeight(point));
        }
        let columns = Columns::new(points)?;
        let total_weight = weights.iter().map(|&weight| u64::from(weight)).sum();
        let min_cluster_size = self.min_cluster_size().resolve(total_weight);
        let Reach { squared_core, edges } = Reach::of(&columns, self.min_samples(), &|| done(Stage::CoreDistances));
        done(Stage::SpanningTree);
        let density = Density::of_longest_edge(edges.last().map_or(0.0, |edge| edge.distance));
        let dendrogram = Dendrogram::new(&edges, weights, density);
        let core_distances: Vec<f64> = squared_core.iter().map(|squared| squared.sqrt()).collect();
        let tree = condense(&dendrogram, &core_distances, min_cluster_size, density);
        let selected = match self.selection() {
            ClusterSelection::ExcessOfMass => excess_of_mass(&tree, &stabilities(&tree), self.allow_single_cluster()),
            ClusterSelection::Leaf => leaves(&tree, self.allow_single_cluster()),
        };
        done(Stage::Condensing);
        let min_samples = self.min_samples();
        let parts = Ingredients { columns, squared_core, min_samples, min_cluster_size, tree, selected };
        let model = HdbscanModel::assemble(parts);
        done(Stage::Describing);
        Ok(model)
    }
}

/// Refuses too few and too many points, and points without coordinates.
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
            index: OnceLock::new(),
        }
    }

    /// The cluster of each training point, `(n_points)`: −1 for noise, else 0 and up, in the order of the clusters'
    /// nodes in [`HdbscanModel::condensed_tree`].
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// How strongly each training point belongs to its cluster, `(n_points)`: 0 for noise, at most 1.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// GLOSH outlier score of each training point, `(n_points)`: 0 in the densest part of its cluster, towards 1 far
    /// from it.
    pub fn outlier_scores(&self) -> &[f64] {
        &self.outlier_scores
    }

    /// The condensed tree that the clusters were chosen from.
    pub fn condensed_tree(&self) -> &CondensedTree {
        &self.tree
    }

    /// The clusters by label, with size, stability and persistence.
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// The number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.selected.len()
    }

    /// The least weight of a cluster in this fit. A share is resolved.
    pub fn min_cluster_size(&self) -> u64 {
        self.min_cluster_size
    }
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use ndarray::{Array2, Axis, array};
    use proptest::prelude::*;

    use super::super::params::{HdbscanParams, MinClusterSize};
    use super::*;

    fn params(min_cluster_size: u64, min_samples: usize) -> HdbscanValidParams {
        let size = MinClusterSize::Count(min_cluster_size);
        HdbscanParams::new().min_cluster_size(size).min_samples(min_samples).check().unwrap()
    }

    fn line(coordinates: &[f64]) -> Array2<f64> {
        Array2::from_shape_vec((coordinates.len(), 1), coordinates.to_vec()).unwrap()
    }

    /// Labels by first appearance, so that equal groupings compare equal.
    fn by_appearance(labels: impl IntoIterator<Item = i32>) -> Vec<i32> {
        let mut names = std::collections::HashMap::new();
        let name = |label| {
            let next = names.len() as i32;
            if label < 0 { -1 } else { *names.entry(label).or_insert(next) }
        };
        labels.into_iter().map(name).collect()
    }

    fn assert_finite(model: &HdbscanModel, points: &Array2<f64>) {
        let unit = |values: &[f64]| values.iter().all(|value| (0.0..=1.0).contains(value));
        assert!(unit(model.probabilities()) && unit(model.outlier_scores()));
        assert!(model.condensed_tree().rows().iter().all(|row| row.lambda.is_finite() && row.lambda > 0.0));
        assert!(model.clusters().iter().all(|c| c.stability.is_finite() && unit(&[c.persistence])));
        let shifted = points.mapv(|x| x + 0.3);
        for asked in [points.view(), shifted.view()] {
            assert!(unit(&model.predict(asked).unwrap().strengths));
            assert!(model.membership_vectors(asked).unwrap().iter().all(|share| (0.0..=1.0).contains(share)));
        }
        assert_eq!(model.predict(points.view()).unwrap().labels.len(), model.labels().len());
        let read = HdbscanModel::from_parts(model.to_parts()).unwrap();
        assert_eq!((read.labels(), read.clusters()), (model.labels(), model.clusters()));
    }

    #[test]
    fn a_point_as_far_from_one_group_as_from_the_other_belongs_to_neither() {
        // If its two equal edges are cut one after the other, it stays with one group: in the Python package with the
        // one that comes first in the data.
        let points = line(&[0.0, 1.0, 2.0, 3.0, 52.0, 101.0, 102.0, 103.0, 104.0]);
        let model = params(3, 2).fit(points.view(), &[1; 9]).unwrap();
        assert_eq!(model.labels(), [0, 0, 0, 0, -1, 1, 1, 1, 1]);
        assert_eq!(model.clusters()[0].n_points, 4);
        let nearest = model.nearest_clusters(array![[45.0], [55.0]].view()).unwrap();
        assert_eq!(nearest.iter().map(|nearest| nearest.unwrap().label).collect::<Vec<_>>(), [0, 1]);
        assert_finite(&model, &points);
    }

    #[test]
    fn weights_and_not_points_make_a_cluster() {
        let points = line(&[0.0, 1.0, 2.0, 3.0, 50.0, 51.0, 52.0, 53.0]);
        let light = params(40, 2).fit(points.view(), &[1; 8]).unwrap();
        assert_eq!(light.labels(), [-1; 8]);
        let heavy = params(40, 2).fit(points.view(), &[10; 8]).unwrap();
        assert_eq!(heavy.labels(), [0, 0, 0, 0, 1, 1, 1, 1]);
        assert_eq!((heavy.clusters()[1].size, heavy.clusters()[1].n_points), (40, 4));
        let lopsided = params(40, 2).fit(points.view(), &[10, 10, 10, 10, 1, 1, 1, 1]).unwrap();
        assert_eq!(lopsided.labels(), [-1; 8]);
    }

    #[test]
    fn a_point_heavier_than_min_cluster_size_has_finite_answers() {
        // Among others the heavy point joins their cluster; far from all it is a cluster alone.
        let points = line(&[0.0, 1.0, 2.0, 3.0, 50.0, 51.0, 52.0, 53.0]);
        let among = params(4, 2).fit(points.view(), &[1, 1_000, 1, 1, 1, 1, 1, 1]).unwrap();
        assert_eq!(among.labels()[4..], [1; 4]);
        assert_eq!(among.labels()[1], 0);
        assert_finite(&among, &points);
        let far = line(&[0.0, 0.1, 0.2, 0.3, 50.0, 99.7, 99.8, 99.9]);
        let alone = params(3, 1).fit(far.view(), &[1, 1, 1, 1, 1_000, 1, 1, 1]).unwrap();
        assert!(alone.condensed_tree().rows().iter().any(|row| row.child == 4 && row.size == 1_000));
        assert_finite(&alone, &far);
        let every = params(2, 1).fit(far.view(), &[u32::MAX; 8]).unwrap();
        assert_finite(&every, &far);
    }

    #[test]
    fn tiny_or_coincident_data_give_finite_answers_or_a_typed_error() {
        let fit = |points: &Array2<f64>| params(2, 5).fit(points.view(), &vec![1; points.nrows()]);
        assert_eq!(fit(&line(&[])).unwrap_err(), HdbscanError::TooFewPoints(0));
        assert_eq!(fit(&line(&[1.0])).unwrap_err(), HdbscanError::TooFewPoints(1));
        for points in [
            line(&[1.0, 2.0]),
            line(&[1.0, 1.0]),
            line(&[1.0, 2.0, 9.0]),
            line(&[7.0; 50]),
            line(&[[0.0; 20], [1.0; 20], [2.0; 20]].concat()),
            line(&[1e150, -1e150, 0.0, 1e-300]),
        ] {
            assert_finite(&fit(&points).unwrap(), &points);
        }
        assert_eq!(fit(&line(&[7.0; 50])).unwrap().labels(), [-1; 50]);
        let three = fit(&line(&[[0.0; 20], [1.0; 20], [2.0; 20]].concat())).unwrap();
        assert_eq!(three.labels(), [[0; 20], [1; 20], [2; 20]].concat());
    }

    #[test]
    fn one_cluster_alone_is_found_only_when_allowed() {
        let points = line(&[0.0, 1.0, 2.0, 3.0, 4.0, 50.0]);
        assert_eq!(params(4, 1).fit(points.view(), &[1; 6]).unwrap().labels(), [-1; 6]);
        let size = MinClusterSize::Count(4);
        let allowed =
            HdbscanParams::new().min_cluster_size(size).min_samples(1).allow_single_cluster(true).check().unwrap();
        let model = allowed.fit(points.view(), &[1; 6]).unwrap();
        assert_eq!(model.labels(), [0, 0, 0, 0, 0, -1]);
        assert_eq!(model.predict(array![[2.5], [70.0]].view()).unwrap().labels, [0, -1]);
        assert_finite(&model, &points);
    }

    #[test]
    fn each_bad_input_has_its_own_error() {
        let fit = |points: Array2<f64>, weights: &[u32]| params(2, 1).fit(points.view(), weights).unwrap_err();
        assert_eq!(fit(line(&[1.0, 2.0]), &[1]), HdbscanError::WeightsLength { points: 2, weights: 1 });
        assert_eq!(fit(line(&[1.0, 2.0]), &[1, 0]), HdbscanError::ZeroWeight(1));
        assert_eq!(fit(line(&[1.0, f64::NAN]), &[1, 1]), HdbscanError::NonFinite { row: 1, column: 0 });
        assert_eq!(fit(line(&[1.0, 1e151]), &[1, 1]), HdbscanError::CoordinateTooLarge { row: 1, column: 0 });
        assert_eq!(fit(Array2::zeros((2, 0)), &[1, 1]), HdbscanError::NoFeatures);
        let model = params(2, 1).fit(line(&[1.0, 2.0]).view(), &[1, 1]).unwrap();
        let wide = model.predict(Array2::zeros((1, 2)).view());
        assert_eq!(wide.unwrap_err(), HdbscanError::FeatureCount { expected: 1, actual: 2 });
        let nan = model.membership_vectors(array![[f64::NAN]].view());
        assert_eq!(nan.unwrap_err(), HdbscanError::NonFinite { row: 0, column: 0 });
    }

    /// Points on a small grid, so that distances tie and points coincide, with weights and a shuffle.
    fn tied_points() -> impl Strategy<Value = (Array2<f64>, Vec<u32>, Vec<usize>)> {
        (8usize..60).prop_flat_map(|n| {
            let cells = prop::collection::vec(0u8..9, 2 * n);
            let weights = prop::collection::vec(prop_oneof![4 => 1u32..4, 1 => 5u32..40], n);
            let points =
                cells.prop_map(move |cells| Array2::from_shape_fn((n, 2), |(i, j)| f64::from(cells[2 * i + j])));
            (points, weights, Just((0..n).collect::<Vec<_>>()).prop_shuffle())
        })
    }

    proptest! {
        #[test]
        fn shuffled_points_keep_their_labels((points, weights, order) in tied_points(), k in 1usize..6) {
            let model = params(6, k).fit(points.view(), &weights).unwrap();
            let shuffled_weights: Vec<u32> = order.iter().map(|&i| weights[i]).collect();
            let shuffled = params(6, k).fit(points.select(Axis(0), &order).view(), &shuffled_weights).unwrap();
            let carried = order.iter().map(|&i| model.labels()[i]);
            prop_assert_eq!(by_appearance(shuffled.labels().iter().copied()), by_appearance(carried));
            let carried: Vec<f64> = order.iter().map(|&i| model.outlier_scores()[i]).collect();
            prop_assert_eq!(shuffled.outlier_scores(), carried);
            assert_finite(&model, &points);
        }

        #[test]
        fn one_weight_for_all_scales_sizes_and_stabilities_alone((points, _, _) in tied_points(), weight in 1u32..9) {
            let n = points.nrows();
            let plain = params(4, 3).fit(points.view(), &vec![1; n]).unwrap();
            let scaled = params(4 * u64::from(weight), 3).fit(points.view(), &vec![weight; n]).unwrap();
            prop_assert_eq!(plain.labels(), scaled.labels());
            prop_assert_eq!(plain.probabilities(), scaled.probabilities());
            prop_assert_eq!(plain.outlier_scores(), scaled.outlier_scores());
            for (plain, scaled) in plain.clusters().iter().zip(scaled.clusters()) {
                let stability = plain.stability * f64::from(weight);
                prop_assert!((stability - scaled.stability).abs() <= 1e-12 * stability);
                prop_assert_eq!(plain.size * u64::from(weight), scaled.size);
            }
        }

        #[test]
        fn a_prediction_does_not_depend_on_the_other_rows((points, weights, order) in tied_points()) {
            let model = params(6, 3).fit(points.view(), &weights).unwrap();
            let asked = points.mapv(|x| x * 0.9 + 0.2).select(Axis(0), &order);
            let together = model.predict(asked.view()).unwrap();
            let memberships = model.membership_vectors(asked.view()).unwrap();
            for (row, point) in asked.rows().into_iter().enumerate() {
                let alone = model.predict(point.insert_axis(Axis(0))).unwrap();
                prop_assert_eq!((alone.labels[0], alone.strengths[0]), (together.labels[row], together.strengths[row]));
                let alone = model.membership_vectors(point.insert_axis(Axis(0))).unwrap();
                prop_assert_eq!(alone.row(0), memberships.row(row));
            }
        }
    }
}
