//! linfa's traits: [`Fit`] for the parameters, [`PredictInplace`] and so [`Predict`](linfa::traits::Predict) for the
//! model.
//!
//! They convert and delegate to [`HdbscanValidParams::fit`] and [`HdbscanModel::predict`], which offer more: integer
//! weights, strengths, and errors for points that have no answer.
#![expect(clippy::indexing_slicing, reason = "rows are counted from the array that is indexed")]

use linfa::DatasetBase;
use linfa::dataset::Records;
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, ArrayBase, ArrayView2, Axis, Data, Ix2};

use super::distances::check_coordinates;
use super::errors::HdbscanError;
use super::model::HdbscanModel;
use super::params::HdbscanValidParams;

/// The first number above every weight: 2³².
const WEIGHT_LIMIT: f32 = 4_294_967_296.0;

/// Fits the records of a dataset, `(n_points, n_features)`, of `f32`, `f64` or anything else that converts to `f64`.
///
/// The dataset's weights, if it has any, are the weights of the points and must be whole numbers; without weights every
/// point counts once. Targets are ignored. [`HdbscanParams`](super::HdbscanParams) have the same method through linfa's
/// [`ParamGuard`](linfa::ParamGuard); it checks the parameters first.
///
/// # Errors
/// The errors of [`HdbscanValidParams::fit`], and [`HdbscanError::WeightNotWhole`].
///
/// ```
/// use hdbscan::{HdbscanParams, MinClusterSize};
/// use linfa::DatasetBase;
/// use linfa::traits::{Fit, Predict};
/// use ndarray::array;
///
/// let dataset = DatasetBase::from(array![[0.0], [0.1], [0.3], [5.0], [5.2], [5.3], [99.0]]);
/// let model = HdbscanParams::new().min_cluster_size(MinClusterSize::Count(3)).min_samples(1).fit(&dataset)?;
/// let labels = Predict::predict(&model, &dataset);
/// assert_eq!(labels, array![Some(0), Some(0), Some(0), Some(1), Some(1), Some(1), None]);
/// # Ok::<(), hdbscan::HdbscanError>(())
/// ```
impl<F, D, T> Fit<ArrayBase<D, Ix2>, T, HdbscanError> for HdbscanValidParams
where
    F: Copy + Into<f64>,
    D: Data<Elem = F>,
{
    type Object = HdbscanModel;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<HdbscanModel, HdbscanError> {
        let weights = match dataset.weights() {
            Some(weights) => whole_weights(weights)?,
            None => vec![1; dataset.nsamples()],
        };
        self.fit(dataset.records().mapv(Into::into).view(), &weights)
    }
}

/// A dataset's weights as integers.
fn whole_weights(weights: &[f32]) -> Result<Vec<u32>, HdbscanError> {
    let whole = |(point, &weight): (usize, &f32)| {
        // The conversion saturates and truncates; only numbers that it keeps are whole. NaN differs from everything.
        let is_whole = (weight as u32) as f32 == weight && weight < WEIGHT_LIMIT;
        if is_whole { Ok(weight as u32) } else { Err(HdbscanError::WeightNotWhole { point, weight }) }
    };
    weights.iter().enumerate().map(whole).collect()
}

/// Labels records, `(n_new, n_features)`, by the clusters of the fit; `None` is noise, as in linfa's DBSCAN.
///
/// linfa's signature has no room for an error, and nothing here panics. A row that [`HdbscanModel::predict`] refuses
/// (NaN, an infinity, a coordinate beyond ±1e150, or another number of features than the training points) gets `None`:
/// it is in no cluster. Other rows are not affected. Call the model's own method to tell such rows from noise.
///
/// The targets passed to `predict_inplace` are replaced, whatever their length.
impl<F, D> PredictInplace<ArrayBase<D, Ix2>, Array1<Option<usize>>> for HdbscanModel
where
    F: Copy + Into<f64>,
    D: Data<Elem = F>,
{
    fn predict_inplace(&self, records: &ArrayBase<D, Ix2>, targets: &mut Array1<Option<usize>>) {
        *targets = labels_or_noise(self, records.mapv(Into::into).view());
    }

    fn default_target(&self, records: &ArrayBase<D, Ix2>) -> Array1<Option<usize>> {
        Array1::from_elem(records.nrows(), None)
    }
}

fn labels_or_noise(model: &HdbscanModel, points: ArrayView2<'_, f64>) -> Array1<Option<usize>> {
    let mut labels = Array1::from_elem(points.nrows(), None);
    let is_sound = |&row: &usize| check_coordinates(points.slice(ndarray::s![row..=row, ..])).is_ok();
    let sound: Vec<usize> = (0..points.nrows()).filter(is_sound).collect();
    if let Ok(prediction) = model.predict(points.select(Axis(0), &sound).view()) {
        for (&row, &label) in sound.iter().zip(&prediction.labels) {
            labels[row] = usize::try_from(label).ok();
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use linfa::traits::Predict;
    use ndarray::{Array2, array};

    use super::super::params::{HdbscanParams, MinClusterSize};
    use super::*;

    fn params() -> HdbscanParams {
        HdbscanParams::new().min_cluster_size(MinClusterSize::Count(3)).min_samples(1)
    }

    /// Two groups and an outlier.
    fn points() -> Array2<f64> {
        array![[0.0], [1.0], [2.5], [20.0], [21.0], [22.5], [90.0]]
    }

    #[test]
    fn a_dataset_is_fitted_like_its_points_and_weights() {
        let weighted = DatasetBase::from(points()).with_weights(array![1.0, 2.0, 1.0, 3.0, 1.0, 1.0, 5.0]);
        let model = params().fit(&weighted).unwrap();
        let expected = params().check().unwrap().fit(points().view(), &[1, 2, 1, 3, 1, 1, 5]).unwrap();
        assert_eq!(model.to_parts(), expected.to_parts());
        let plain = Fit::fit(&params().check().unwrap(), &DatasetBase::from(points())).unwrap();
        let expected = params().check().unwrap().fit(points().view(), &[1; 7]).unwrap();
        assert_eq!(plain.to_parts(), expected.to_parts());
    }

    #[test]
    fn records_of_single_precision_are_fitted_and_labelled_too() {
        let dataset = DatasetBase::from(points().mapv(|x| x as f32));
        let model = params().fit(&dataset).unwrap();
        assert_eq!(model.labels(), [0, 0, 0, 1, 1, 1, -1]);
        let labelled = Predict::predict(&model, dataset);
        assert_eq!(labelled.targets()[6], None);
        assert_eq!(labelled.targets()[3], Some(1));
    }

    #[test]
    fn weights_that_are_not_whole_numbers_are_refused() {
        for bad in [0.5, -1.0, f32::NAN, f32::INFINITY, WEIGHT_LIMIT] {
            let weights = Array1::from_shape_fn(7, |i| if i == 2 { bad } else { 1.0 });
            let refused = params().fit(&DatasetBase::from(points()).with_weights(weights)).unwrap_err();
            assert!(matches!(refused, HdbscanError::WeightNotWhole { point: 2, .. }), "{bad}: {refused}");
        }
        let fit = |weights| params().fit(&DatasetBase::from(points()).with_weights(weights)).unwrap_err();
        assert_eq!(fit(array![1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]), HdbscanError::ZeroWeight(2));
        assert_eq!(fit(array![1.0, 1.0]), HdbscanError::WeightsLength { points: 7, weights: 2 });
    }

    #[test]
    fn unsound_parameters_are_refused_before_the_fit() {
        let refused = params().min_samples(0).fit(&DatasetBase::from(points())).unwrap_err();
        assert_eq!(refused, HdbscanError::MinSamplesZero);
    }

    #[test]
    fn rows_without_an_answer_are_noise_and_change_no_other_row() {
        let model = params().fit(&DatasetBase::from(points())).unwrap();
        let asked = array![[0.5], [f64::NAN], [21.5], [1e200], [f64::NEG_INFINITY]];
        let labels = Predict::predict(&model, &asked);
        assert_eq!(labels, array![Some(0), None, Some(1), None, None]);
        assert_eq!(Predict::predict(&model, &Array2::<f64>::zeros((2, 3))), array![None, None]);
        let mut too_short = array![None];
        model.predict_inplace(&asked, &mut too_short);
        assert_eq!(too_short, labels);
    }
}
