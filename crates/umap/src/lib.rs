//! Uniform manifold approximation and projection of points: fit, transform, and how far to trust the picture.
//!
//! After McInnes, Healy and Melville 2018, "UMAP: Uniform Manifold Approximation and Projection for Dimension
//! Reduction" (<https://arxiv.org/abs/1802.03426>), with the defaults and conventions of the `umap-learn` package where
//! the paper leaves a choice: neighbours (exact up to 20,000 points) → fuzzy graph → spectral start → layout by sampled
//! gradients.
//!
//! Pure and seeded: the same points, parameters and seed give the same bits on any number of threads, and
//! [`UmapModel::transform`] places a row without regard to the rows around it. Euclidean distances only; no supervised
//! or density-preserving variant, no inverse.
//!
//! ```
//! use umap::UmapParams;
//! use linfa::ParamGuard;
//! use ndarray::Array2;
//!
//! let points = Array2::from_shape_fn((40, 3), |(i, j)| (i * (j + 1)) as f32);
//! let params = UmapParams::default().n_neighbors(10).n_components(2).check()?;
//! let model = params.fit(points.view(), &|_stage, _share| {})?;
//! assert_eq!(model.embedding().dim(), (40, 2));
//! assert_eq!(model.transform(points.view())?.dim(), (40, 2));
//! # Ok::<(), umap::UmapError>(())
//! ```

mod candidate_heap;
mod curve;
mod descent;
mod errors;
mod forest;
mod fuzzy_graph;
mod kernel;
mod layout;
mod limits;
mod matchings;
mod model;
mod neighbour_search;
mod neighbours;
mod pairs;
mod params;
mod points;
mod principal;
mod random;
mod schedule;
mod simd;
mod single_point;
mod spectral;
mod start;
mod transform;
mod trustworthiness;

pub use errors::UmapError;
pub use limits::MAX_COMPONENTS;
pub use model::{Stage, UmapModel, UmapParts};
pub use params::{UmapParams, UmapValidParams};
pub use principal::{PrincipalPlane, principal_plane};
pub use trustworthiness::trustworthiness;
