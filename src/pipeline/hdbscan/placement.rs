//! Where a new point would hang in the tree: the training point it joins first, and at what density.
#![expect(clippy::indexing_slicing, reason = "each training point has an entry in every array indexed here")]

use std::borrow::Cow;

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::core_distances::squared_core_distances;
use super::distances::{check_coordinates, smallest_into};
use super::errors::HdbscanError;
use super::model::HdbscanModel;
use super::single_linkage::Density;

/// How new points are compared with the training points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PredictionRule {
    /// A new point's core distance reaches its `min_samples`-th training point, since it is not among them;
    /// any training point may be the one it joins; a point at the place of a training point gets that
    /// point's own answer.
    #[default]
    Exact,
    /// As the Python package 0.8.44, to compare with it: training points' core distances count the point
    /// itself, so reach one neighbour fewer than in the fit, and new points' one more (hdbscan#560); the
    /// point joined is sought among the 2 × `min_samples` nearest; no answer of a training point is reused;
    /// in membership, densities are rounded to 32 bits and a point is taken to meet far clusters at the
    /// density where its neighbour does, even if it joins that neighbour only later.
    Package,
}

/// The place of one new point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    /// The training point it joins first.
    pub neighbour: usize,
    /// The density at which it does.
    pub lambda: f64,
    /// Whether it lies exactly there.
    pub coincident: bool,
}

/// Places new points among the training points of a model.
pub(super) struct Placer<'a> {
    model: &'a HdbscanModel,
    squared_core: Cow<'a, [f64]>,
    /// The rank, from 1, of the training point that a new point's core distance reaches.
    rank: usize,
    /// How many of the nearest training points may be joined.
    candidates: Option<usize>,
    reuse: bool,
}

impl<'a> Placer<'a> {
    pub fn new(model: &'a HdbscanModel, rule: PredictionRule) -> Self {
        let (k, n_points) = (model.min_samples, model.columns.n_points());
        let (squared_core, rank, candidates) = match rule {
            PredictionRule::Exact => (Cow::Borrowed(model.squared_core.as_slice()), k, None),
            PredictionRule::Package => {
                let squared_core = squared_core_distances(&model.columns, k.saturating_sub(1));
                (Cow::Owned(squared_core), k.saturating_add(1), Some(k.saturating_mul(2).min(n_points)))
            }
        };
        Self { model, squared_core, rank: rank.min(n_points), candidates, reuse: rule == PredictionRule::Exact }
    }

    /// Calls `place` with each row's placement and its squared distances to the training points, and
    /// returns the answers in the order of the rows. A row's answer depends on that row alone.
    ///
    /// # Errors
    /// [`HdbscanError::FeatureCount`], [`HdbscanError::NonFinite`], [`HdbscanError::CoordinateTooLarge`].
    pub fn map_rows<T: Send>(
        &self,
        points: ArrayView2<'_, f64>,
        answer: impl Fn(&Placement, &[f64]) -> T + Sync,
    ) -> Result<Vec<T>, HdbscanError> {
        let columns = &self.model.columns;
        if points.ncols() != columns.n_features() {
            return Err(HdbscanError::FeatureCount { expected: columns.n_features(), actual: points.ncols() });
        }
        check_coordinates(points)?;
        let buffers = || (vec![0.0; columns.n_points()], Vec::new(), Vec::new());
        let answers = (0..points.nrows()).into_par_iter().map_init(buffers, |(squared, nearest, query), row| {
            query.clear();
            query.extend(points.row(row).iter().copied());
            columns.squared_distances(query, squared);
            let placement = self.place(squared, nearest);
            answer(&placement, squared)
        });
        Ok(answers.collect())
    }

    fn place(&self, squared: &[f64], nearest: &mut Vec<f64>) -> Placement {
        if self.reuse
            && let Some(neighbour) = squared.iter().position(|&distance| distance == 0.0)
        {
            return Placement { neighbour, lambda: self.model.tree.point_row(neighbour).lambda, coincident: true };
        }
        smallest_into(squared, self.rank, nearest);
        let own_core = nearest.last().copied().unwrap_or(f64::INFINITY);
        let joined = match self.candidates {
            None => self.first_joined(0..squared.len(), squared, own_core),
            Some(count) => self.first_joined(nearest_points(squared, count).into_iter(), squared, own_core),
        };
        let (reachability, _, neighbour) = joined;
        Placement { neighbour, lambda: Density::of_new_point(reachability.sqrt()), coincident: false }
    }

    /// Squared mutual reachability, squared distance and number of the point joined first. Of several at one
    /// density the nearest wins, then the lowest.
    fn first_joined(
        &self,
        candidates: impl Iterator<Item = usize>,
        squared: &[f64],
        own_core: f64,
    ) -> (f64, f64, usize) {
        let mut best = (f64::INFINITY, f64::INFINITY, 0);
        for point in candidates {
            let distance = squared[point];
            let reachability = distance.max(self.squared_core[point]).max(own_core);
            if reachability < best.0 || (reachability == best.0 && distance < best.1) {
                best = (reachability, distance, point);
            }
        }
        best
    }
}

/// The `count` nearest points, ascending by number.
fn nearest_points(squared: &[f64], count: usize) -> Vec<usize> {
    let mut points: Vec<usize> = (0..squared.len()).collect();
    points.sort_by(|&a, &b| squared[a].total_cmp(&squared[b]));
    points.truncate(count);
    points.sort_unstable();
    points
}

/// The training points among which nearest exemplars are sought: the least of `squared` over `exemplars`.
pub(super) fn least(squared: &[f64], exemplars: &[usize]) -> f64 {
    exemplars.iter().map(|&point| squared[point]).fold(f64::INFINITY, f64::min)
}

/// The place of the largest value, the first of equals; none for no values.
pub(super) fn argmax(values: ArrayView1<'_, f64>, prefer: impl Fn(usize, usize) -> bool) -> Option<usize> {
    (0..values.len()).reduce(|best, next| {
        if values[next] > values[best] || (values[next] == values[best] && prefer(next, best)) { next } else { best }
    })
}
