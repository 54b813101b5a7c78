//! Labels of new points.
#![expect(
    clippy::indexing_slicing,
    reason = "each node and each training point has an entry in the arrays indexed here"
)]

use ndarray::ArrayView2;

use super::errors::HdbscanError;
use super::model::HdbscanModel;
use super::placement::{Placement, Placer, PredictionRule};

/// Labels and strengths of new points, `(n_new)` each.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The cluster, −1 outside all of them.
    pub labels: Vec<i32>,
    /// The density at which the point joins, as a share of the cluster's highest: 0 for noise, at most 1.
    pub strengths: Vec<f64>,
}

impl HdbscanModel {
    /// Labels new `points`, `(n_new, n_features)`, by the clusters of the fit.
    ///
    /// A new point joins the training point of least mutual reachability, and gets the cluster that exists there at the
    /// density where it joins. A new point with the coordinates of a training point gets that point's label and
    /// probability. No answer depends on the other rows.
    ///
    /// [`linfa::traits::Predict`] offers the same without strengths and without errors.
    ///
    /// # Errors
    /// [`HdbscanError::FeatureCount`], [`HdbscanError::NonFinite`], [`HdbscanError::CoordinateTooLarge`].
    pub fn predict(&self, points: ArrayView2<'_, f64>) -> Result<Prediction, HdbscanError> {
        self.predict_by(PredictionRule::Exact, points)
    }

    /// As [`HdbscanModel::predict`], by a given rule, for comparisons with the Python package.
    ///
    /// # Errors
    /// As [`HdbscanModel::predict`].
    pub fn predict_by(&self, rule: PredictionRule, points: ArrayView2<'_, f64>) -> Result<Prediction, HdbscanError> {
        let placed = Placer::new(self, rule).map_rows(points, |placement, _| self.label_at(placement))?;
        let (labels, strengths) = placed.into_iter().unzip();
        Ok(Prediction { labels, strengths })
    }

    fn label_at(&self, placement: &Placement) -> (i32, f64) {
        let &Placement { neighbour, lambda, coincident } = placement;
        if coincident {
            return (self.labels[neighbour], self.probabilities[neighbour]);
        }
        let neighbour_lambda = self.tree.point_row(neighbour).lambda;
        let mut node = self.tree.node_of_point(neighbour);
        if neighbour_lambda > lambda {
            // The neighbour's cluster may begin only above the density at which the point joins.
            while let Some(parent) = self.tree.parent_node(node)
                && self.tree.birth(node) >= lambda
            {
                node = parent;
            }
        }
        let Ok(label) = usize::try_from(self.node_labels[node]) else {
            return (-1, 0.0);
        };
        let death = self.tree.death(self.selected[label]);
        // A chosen root keeps only what outlasts it, as among the training points.
        if self.selected[label] == 0 && lambda.min(neighbour_lambda) < death {
            return (-1, 0.0);
        }
        (self.node_labels[node], (lambda / death).min(1.0))
    }
}
