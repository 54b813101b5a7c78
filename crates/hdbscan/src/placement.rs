//! Where a new point belongs in the tree: the training point it joins first, and at which density.
#![expect(clippy::indexing_slicing, reason = "each training point has an entry in every array indexed here")]

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::core_distances::squared_core_distances;
use super::distances::{check_coordinates, smallest_into};
use super::errors::HdbscanError;
use super::model::HdbscanModel;
use super::place_index::{FirstJoined, PlaceIndex};
use super::single_linkage::Density;

/// How new points are compared with the training points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PredictionRule {
    /// The rule of this crate. A new point's core distance reaches to its `min_samples`-th training point. It may join
    /// any training point. A new point with the coordinates of a training point gets that point's answer.
    #[default]
    Exact,
    /// The rule of the Python package 0.8.44, for comparisons with it. It differs in that:
    ///
    /// - training points' core distances count the point itself, so they reach one neighbour fewer than in the fit, and
    ///   those of new points reach one more (hdbscan#560);
    /// - the point joined is one of the 2 × `min_samples` nearest;
    /// - a training point that is asked about gets a new answer;
    /// - for memberships, densities are rounded to 32 bits, and a new point meets far clusters at the density where its
    ///   neighbour meets them, even if it joins that neighbour at a lower one.
    Package,
}

/// The place of one new point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    /// The training point it joins first.
    pub neighbour: usize,
    /// The density at which it does.
    pub lambda: f64,
    /// Whether both have the same coordinates.
    pub coincident: bool,
}

/// Places new points among the training points of a model.
pub(super) struct Placer<'a> {
    model: &'a HdbscanModel,
    method: Method<'a>,
}

enum Method<'a> {
    /// [`PredictionRule::Exact`], with a tree of the training points.
    Exact(&'a PlaceIndex),
    /// [`PredictionRule::Package`], by comparing with all training points.
    Package {
        squared_core: Vec<f64>,
        /// The rank, from 1, of the training point that a new point's core distance reaches to.
        rank: usize,
        /// How many of the nearest training points may be joined.
        candidates: usize,
    },
}

impl<'a> Placer<'a> {
    pub fn new(model: &'a HdbscanModel, rule: PredictionRule) -> Self {
        let (k, n_points) = (model.min_samples, model.columns.n_points());
        let method = match rule {
            PredictionRule::Exact => {
                Method::Exact(model.index.get_or_init(|| PlaceIndex::new(&model.columns, &model.squared_core)))
            }
            PredictionRule::Package => Method::Package {
                squared_core: squared_core_distances(&model.columns, k.saturating_sub(1)),
                rank: k.saturating_add(1).min(n_points),
                candidates: k.saturating_mul(2).min(n_points),
            },
        };
        Self { model, method }
    }

    /// Calls `answer` with each row's placement and the row, and returns the answers in the order of the rows. A row's
    /// answer depends on that row alone.
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
        let mut rows = vec![Vec::new(); points.nrows()];
        rows.iter_mut().zip(points.rows()).for_each(|(row, point)| row.extend(point));
        let rows = rows.par_iter();
        Ok(match &self.method {
            Method::Exact(index) => rows
                .map_init(
                    || index.buffers(self.model.min_samples),
                    |buffers, row| answer(&self.exact(index.first_joined(row, buffers)), row),
                )
                .collect(),
            Method::Package { squared_core, rank, candidates } => rows
                .map_init(
                    || vec![0.0; columns.n_points()],
                    |squared, row| {
                        columns.squared_distances(row, squared);
                        answer(&by_package(squared, squared_core, *rank, *candidates), row)
                    },
                )
                .collect(),
        })
    }

    fn exact(&self, joined: FirstJoined) -> Placement {
        let FirstJoined { reachability, distance, point: neighbour } = joined;
        if distance == 0.0 {
            return Placement { neighbour, lambda: self.model.tree.point_row(neighbour).lambda, coincident: true };
        }
        Placement { neighbour, lambda: Density::of_new_point(reachability.sqrt()), coincident: false }
    }
}

/// The placement by the Python package's rule, from the squared distances to the training points.
fn by_package(squared: &[f64], squared_core: &[f64], rank: usize, candidates: usize) -> Placement {
    let mut nearest = Vec::new();
    smallest_into(squared, rank, &mut nearest);
    let own_core = nearest.last().copied().unwrap_or(f64::INFINITY);
    let joined = nearest_points(squared, candidates).into_iter().map(|point| {
        let distance = squared[point];
        FirstJoined { reachability: distance.max(squared_core[point]).max(own_core), distance, point }
    });
    let first = joined.fold(FirstJoined::NONE, |best, next| if next < best { next } else { best });
    let lambda = Density::of_new_point(first.reachability.sqrt());
    Placement { neighbour: first.point, lambda, coincident: false }
}

/// The `count` nearest points, by ascending index.
fn nearest_points(squared: &[f64], count: usize) -> Vec<usize> {
    let mut points: Vec<usize> = (0..squared.len()).collect();
    points.sort_by(|&a, &b| squared[a].total_cmp(&squared[b]));
    points.truncate(count);
    points.sort_unstable();
    points
}

/// The index of the largest value; of equal ones the one that `prefer` puts before the others, else the first. `None`
/// for no values.
pub(super) fn argmax(values: ArrayView1<'_, f64>, prefer: impl Fn(usize, usize) -> bool) -> Option<usize> {
    (0..values.len()).reduce(|best, next| {
        if values[next] > values[best] || (values[next] == values[best] && prefer(next, best)) { next } else { best }
    })
}
