//! linfa's traits: [`Fit`] for the parameters, [`Transformer`] for the model.
//!
//! They convert and delegate to [`UmapValidParams::fit`] and [`UmapModel::transform`].

use linfa::DatasetBase;
use linfa::traits::{Fit, Transformer};
use ndarray::{Array2, ArrayBase, Data, Ix2};

use super::errors::UmapError;
use super::model::UmapModel;
use super::params::UmapValidParams;

/// Fits the records of a dataset, `(n_points, n_features)`. Records of `f64` are rounded to `f32`, as in umap-learn.
///
/// Targets are ignored, and so are weights: neighbourhoods count points. [`UmapParams`](super::UmapParams) have the
/// same method through linfa's [`ParamGuard`](linfa::ParamGuard); it checks the parameters first.
///
/// # Errors
/// The errors of [`UmapValidParams::fit`]. A number beyond the range of `f32` is not finite.
///
/// ```
/// use linfa::DatasetBase;
/// use linfa::traits::{Fit, Transformer};
/// use ndarray::Array2;
/// use umap::UmapParams;
///
/// let records = Array2::from_shape_fn((40, 3), |(i, j)| (i * (j + 1)) as f64);
/// let dataset = DatasetBase::from(records.clone());
/// let model = UmapParams::default().n_neighbors(10).n_components(2).fit(&dataset)?;
/// let mapped = Transformer::transform(&model, &records)?;
/// assert_eq!(mapped.dim(), (40, 2));
/// # Ok::<(), umap::UmapError>(())
/// ```
impl<F, D, T> Fit<ArrayBase<D, Ix2>, T, UmapError> for UmapValidParams
where
    F: Copy + Into<f64>,
    D: Data<Elem = F>,
{
    type Object = UmapModel;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<UmapModel, UmapError> {
        self.fit(single_precision(dataset.records()).view(), &|_, _| {})
    }
}

/// Places records, `(n_rows, n_features)`, into the embedding: `(n_rows, n_components)`.
///
/// The output is a `Result`, as in linfa's t-SNE. Its errors are those of [`UmapModel::transform`].
impl<F, D> Transformer<&ArrayBase<D, Ix2>, Result<Array2<f32>, UmapError>> for UmapModel
where
    F: Copy + Into<f64>,
    D: Data<Elem = F>,
{
    fn transform(&self, records: &ArrayBase<D, Ix2>) -> Result<Array2<f32>, UmapError> {
        self.transform(single_precision(records).view())
    }
}

/// Replaces a dataset's records by their positions in the embedding. Targets and weights stay; feature names, which no
/// longer apply, are dropped.
///
/// The errors are those of [`UmapModel::transform`].
impl<F, D, T> Transformer<DatasetBase<ArrayBase<D, Ix2>, T>, Result<DatasetBase<Array2<f32>, T>, UmapError>>
    for UmapModel
where
    F: Copy + Into<f64>,
    D: Data<Elem = F>,
{
    fn transform(&self, dataset: DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<DatasetBase<Array2<f32>, T>, UmapError> {
        let positions = self.transform(single_precision(dataset.records()).view())?;
        let DatasetBase { targets, weights, .. } = dataset;
        Ok(DatasetBase::new(positions, targets).with_weights(weights))
    }
}

/// The records as `f32`.
fn single_precision<F: Copy + Into<f64>>(records: &ArrayBase<impl Data<Elem = F>, Ix2>) -> Array2<f32> {
    records.mapv(|x| x.into() as f32)
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use ndarray::{Array1, array};

    use super::*;
    use crate::UmapParams;

    fn records() -> Array2<f32> {
        Array2::from_shape_fn((30, 3), |(i, j)| ((i * (j + 3)) % 13) as f32 + 0.1)
    }

    fn params() -> UmapParams {
        UmapParams::default().n_neighbors(6).n_components(2).n_epochs(Some(15))
    }

    #[test]
    fn a_dataset_is_fitted_like_its_records_in_either_precision() {
        let expected = params().check().unwrap().fit(records().view(), &|_, _| {}).unwrap();
        let single = params().fit(&DatasetBase::from(records())).unwrap();
        let double = params().fit(&DatasetBase::from(records().mapv(f64::from))).unwrap();
        let checked = Fit::fit(&params().check().unwrap(), &DatasetBase::from(records())).unwrap();
        for model in [single, double, checked] {
            assert_eq!(model.to_parts(), expected.to_parts());
        }
    }

    #[test]
    fn a_dataset_is_placed_with_its_targets_and_weights() {
        let model = params().fit(&DatasetBase::from(records())).unwrap();
        let weights: Array1<f32> = (0..30).map(|i| i as f32).collect();
        let targets: Array1<usize> = (0..30).collect();
        let dataset = DatasetBase::new(records(), targets.clone()).with_weights(weights.clone());
        let placed: DatasetBase<Array2<f32>, Array1<usize>> = Transformer::transform(&model, dataset).unwrap();
        assert_eq!(placed.records(), model.transform(records().view()).unwrap());
        assert_eq!((placed.targets(), placed.weights()), (&targets, weights.as_slice()));
    }

    #[test]
    fn what_cannot_be_fitted_or_placed_is_an_error() {
        let unchecked = params().n_neighbors(1).fit(&DatasetBase::from(records()));
        assert_eq!(unchecked.unwrap_err(), UmapError::TooFewNeighbors(1));
        let beyond = params().fit(&DatasetBase::from(array![[0.0], [1e39]]));
        assert_eq!(beyond.unwrap_err(), UmapError::NotFinite { row: 1, column: 0 });
        let model = params().fit(&DatasetBase::from(records())).unwrap();
        let refused = |records: Array2<f64>| Transformer::transform(&model, &records).unwrap_err();
        assert_eq!(refused(array![[0.0, f64::NAN, 1.0]]), UmapError::NotFinite { row: 0, column: 1 });
        assert_eq!(refused(Array2::zeros((1, 2))), UmapError::WrongFeatures { expected: 3, found: 2 });
    }
}
