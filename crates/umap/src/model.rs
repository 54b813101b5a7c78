//! The fit, the fitted model, and the parts it is stored as.

use linfa::ParamGuard;
use ndarray::{Array2, ArrayView2, Axis};

use super::curve::Curve;
use super::errors::UmapError;
use super::forest::neighbourly_order;
use super::fuzzy_graph::Graph;
use super::limits::MAX_POINTS;
use super::matchings::matchings;
use super::params::{UmapParams, UmapValidParams};
use super::points::Points;
use super::random::{self, Purpose};
use super::transform::{Target, place, reference};
use super::{layout, neighbour_search, start};

/// Up to this number of points, all positions are in the second-level cache anyway. For more, vertices are numbered so
/// that neighbours are near in memory.
const MAX_CACHED: usize = 20_000;

/// The stages of a fit, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The search for each point's nearest neighbours.
    Neighbours,
    /// The fuzzy graph of the neighbourhoods.
    Graph,
    /// The spectral start positions, and the edges in the order in which the layout draws them.
    Start,
    /// The layout by sampled gradients.
    Layout,
}

/// A finished embedding that further rows can be placed into, made by [`UmapValidParams::fit`].
#[derive(Clone)]
pub struct UmapModel {
    /// `(n_points, n_features)`
    points: Points,
    /// `(n_points, n_components)`
    embedding: Array2<f32>,
    /// The embedding in the layout that a transform reads.
    reference: Vec<[f32; 4]>,
    curve: Curve,
    params: UmapValidParams,
}

impl std::fmt::Debug for UmapModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("UmapModel");
        out.field("points", &self.points.rows().dim()).field("embedding", &self.embedding.dim());
        out.field("curve", &self.curve).field("params", &self.params).finish()
    }
}

/// A model as plain arrays, for storage.
#[derive(Clone, Debug, PartialEq)]
pub struct UmapParts {
    /// The training points, `(n_points, n_features)`.
    pub points: Array2<f32>,
    /// Their positions, `(n_points, n_components)`.
    pub embedding: Array2<f32>,
    /// The coefficient of the curve `1 / (1 + a d^2b)`.
    pub a: f32,
    /// The exponent of the curve.
    pub b: f32,
    /// The parameters of the fit.
    pub params: UmapParams,
}

impl UmapValidParams {
    /// Embeds `points`, `(n_points, n_features)`.
    ///
    /// Meant for distinct points, as with umap-learn's `unique=True`: equal points crowd each other out of the
    /// neighbourhoods. `progress` hears the stage and the share of it that is done, 0 to 1, from any thread.
    ///
    /// [`linfa::traits::Fit`] does the same for a dataset, without progress.
    ///
    /// # Errors
    /// [`UmapError::TooFewPoints`] below 2 points and [`UmapError::TooManyPoints`] above 2²⁴;
    /// [`UmapError::NoFeatures`]; [`UmapError::NotFinite`] for NaN and infinities; [`UmapError::NoCurve`] if no curve
    /// fits `min_dist` and `spread`, such as a spread near the end of the range of `f32`; [`UmapError::Diverged`] if
    /// steps or pushes are so large that positions overflow.
    pub fn fit(
        &self,
        points: ArrayView2<'_, f32>,
        progress: &(dyn Fn(Stage, f32) + Sync),
    ) -> Result<UmapModel, UmapError> {
        check_points(points)?;
        let curve = Curve::fit(self.min_dist(), self.spread())?;
        // Inside the thread pool from the start: from outside, each piece of work that is handed out would wake it.
        rayon::scope(|_| self.fit_checked(points, curve, progress))
    }

    fn fit_checked(
        &self,
        points: ArrayView2<'_, f32>,
        curve: Curve,
        progress: &(dyn Fn(Stage, f32) + Sync),
    ) -> Result<UmapModel, UmapError> {
        let points = Points::new(points);
        let k = self.neighbours_among(points.len());
        let neighbours = neighbour_search::among(&points, k, self.seed(), &|share| progress(Stage::Neighbours, share));
        progress(Stage::Neighbours, 1.0);
        // Of many points a graph is the largest thing in memory, so each goes before the next step needs room.
        let graph = {
            let whole = Graph::fuzzy(neighbours, self.local_connectivity(), self.set_op_mix_ratio());
            whole.pruned(self.fit_epochs(points.len()), Self::default_epochs(points.len()))
        };
        progress(Stage::Graph, 1.0);
        let embedding = if points.len() <= MAX_CACHED {
            self.embed(points.rows(), graph, curve, progress)
        } else {
            // Laid out in an order in which neighbours are near in memory, then returned to the points' own order.
            let order = neighbourly_order(&points, random::key(self.seed(), Purpose::Trees));
            let indices: Vec<usize> = order.iter().map(|&i| i as usize).collect();
            let near = points.rows().select(Axis(0), &indices);
            let near_graph = graph.renumbered(&order);
            drop(graph);
            let embedded = self.embed(near.view(), near_graph, curve, progress);
            let mut embedding = Array2::zeros(embedded.dim());
            indices.iter().zip(embedded.outer_iter()).for_each(|(&i, row)| embedding.row_mut(i).assign(&row));
            embedding
        };
        if embedding.iter().any(|x| !x.is_finite()) {
            return Err(UmapError::Diverged);
        }
        let reference = reference(embedding.view());
        Ok(UmapModel { points, embedding, reference, curve, params: self.clone() })
    }

    /// Lays out `points`, `(n_points, n_features)`, by their graph: `(n_points, n_components)`.
    fn embed(
        &self,
        points: ArrayView2<'_, f32>,
        graph: Graph,
        curve: Curve,
        progress: &(dyn Fn(Stage, f32) + Sync),
    ) -> Array2<f32> {
        // Side by side, because half of what the matchings take is one edge after the other.
        let start = || start::positions(points, &graph, self.n_components(), self.seed());
        let (start, matchings) = rayon::join(start, || matchings(&graph));
        drop(graph);
        progress(Stage::Start, 1.0);
        layout::optimise(matchings, start.view(), curve, self, &|share| progress(Stage::Layout, share))
    }

    /// The number of neighbours among `n_points` points, limited as in umap-learn, but at least 2.
    fn neighbours_among(&self, n_points: usize) -> usize {
        self.n_neighbors().min(n_points.saturating_sub(1)).max(2)
    }
}

impl UmapModel {
    /// The training points, `(n_points, n_features)`.
    #[must_use]
    pub fn points(&self) -> ArrayView2<'_, f32> {
        self.points.rows()
    }

    /// The positions of the training points, `(n_points, n_components)`.
    #[must_use]
    pub fn embedding(&self) -> ArrayView2<'_, f32> {
        self.embedding.view()
    }

    /// The parameters of the fit.
    #[must_use]
    pub fn params(&self) -> &UmapValidParams {
        &self.params
    }

    /// Places `rows`, `(n_rows, n_features)`, into the embedding: `(n_rows, n_components)`.
    ///
    /// A row's position depends on the model and on that row alone, to the bit.
    ///
    /// [`linfa::traits::Transformer`] does the same for arrays and datasets.
    ///
    /// # Errors
    /// [`UmapError::WrongFeatures`] if the number of columns differs from that of the training points;
    /// [`UmapError::NotFinite`] for NaN and infinities; [`UmapError::Diverged`] if steps or pushes are so large that
    /// positions overflow.
    pub fn transform(&self, rows: ArrayView2<'_, f32>) -> Result<Array2<f32>, UmapError> {
        self.transform_without(rows, &[])
    }

    /// As [`transform`](Self::transform), with some of the training points left out of a row's neighbours.
    ///
    /// `left_out` has one list of training points for each row, in any order; where it has none, or where it has every
    /// point, all are neighbours. A row that equals a training point is so placed as if that point were no neighbour of
    /// anybody.
    ///
    /// # Errors
    /// As [`transform`](Self::transform).
    pub fn transform_without(
        &self,
        rows: ArrayView2<'_, f32>,
        left_out: &[Vec<u32>],
    ) -> Result<Array2<f32>, UmapError> {
        if rows.ncols() != self.points.n_features() {
            return Err(UmapError::WrongFeatures { expected: self.points.n_features(), found: rows.ncols() });
        }
        check_finite(rows)?;
        checked(place(self.target(), rows, left_out))
    }

    fn target(&self) -> Target<'_> {
        Target {
            points: &self.points,
            embedding: self.embedding.view(),
            reference: &self.reference,
            curve: self.curve,
            params: &self.params,
            k: self.params.neighbours_among(self.points.len()),
        }
    }

    /// The model as plain arrays.
    #[must_use]
    pub fn to_parts(&self) -> UmapParts {
        UmapParts {
            points: self.points.rows().to_owned(),
            embedding: self.embedding.clone(),
            a: self.curve.a,
            b: self.curve.b,
            params: self.params.clone().into(),
        }
    }

    /// The model of these parts, which may come from a damaged or hostile file: everything is checked.
    ///
    /// # Errors
    /// The errors of [`UmapParams::check`](ParamGuard::check) for the parameters and of [`UmapValidParams::fit`] for
    /// the points; [`UmapError::WrongEmbeddingShape`] if the embedding does not match both;
    /// [`UmapError::EmbeddingNotFinite`] for NaN and infinities in it; [`UmapError::BadCurve`] unless `a` and `b` are
    /// positive numbers.
    pub fn from_parts(parts: UmapParts) -> Result<Self, UmapError> {
        let params = parts.params.check()?;
        check_points(parts.points.view())?;
        let (points, (rows, columns)) = (parts.points.nrows(), parts.embedding.dim());
        if (rows, columns) != (points, params.n_components()) {
            return Err(UmapError::WrongEmbeddingShape { points, rows, columns, n_components: params.n_components() });
        }
        if let Some(((row, column), _)) = parts.embedding.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(UmapError::EmbeddingNotFinite { row, column });
        }
        let curve = Curve::usable(parts.a, parts.b).ok_or(UmapError::BadCurve { a: parts.a, b: parts.b })?;
        let reference = reference(parts.embedding.view());
        Ok(Self { points: Points::new(parts.points.view()), embedding: parts.embedding, reference, curve, params })
    }
}

fn checked(placed: Array2<f32>) -> Result<Array2<f32>, UmapError> {
    if placed.iter().any(|x| !x.is_finite()) { Err(UmapError::Diverged) } else { Ok(placed) }
}

/// Refuses too few and too many points, and points without finite coordinates.
fn check_points(points: ArrayView2<'_, f32>) -> Result<(), UmapError> {
    match points.dim() {
        (n @ (0 | 1), _) => Err(UmapError::TooFewPoints(n)),
        (n, _) if n > MAX_POINTS => Err(UmapError::TooManyPoints(n)),
        (_, 0) => Err(UmapError::NoFeatures),
        _ => check_finite(points),
    }
}

fn check_finite(points: ArrayView2<'_, f32>) -> Result<(), UmapError> {
    match points.indexed_iter().find(|(_, x)| !x.is_finite()) {
        Some(((row, column), _)) => Err(UmapError::NotFinite { row, column }),
        None => Ok(()),
    }
}
