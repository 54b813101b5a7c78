//! linfa's traits: [`Fit`] for the parameters, [`PredictInplace`] and so [`Predict`](linfa::traits::Predict) for the
//! model.
//!
//! They convert and delegate to [`LatentClassValidParams::fit`] and [`LatentClassModel::predict`], which offer more:
//! integer weights, posteriors, and errors.

use linfa::DatasetBase;
use linfa::dataset::Records;
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, ArrayBase, Data, Ix2};

use super::errors::LatentClassError;
use super::model::LatentClassModel;
use super::params::LatentClassValidParams;

/// The first number above every weight: 2³².
const WEIGHT_LIMIT: f32 = 4_294_967_296.0;

/// Fits the records of a dataset, `(n_rows, n_columns)`, of `u32` or anything else that converts to it; a missing value
/// is [`MISSING`](super::MISSING).
///
/// The dataset's weights, if it has any, are the weights of the rows and must be whole numbers; without weights every
/// row counts once. Targets are ignored. [`LatentClassParams`](super::LatentClassParams) have the same method through
/// linfa's [`ParamGuard`](linfa::ParamGuard); it checks the parameters first.
///
/// # Errors
/// The errors of [`LatentClassValidParams::fit`], and [`LatentClassError::WeightNotWhole`].
///
/// ```
/// use latent_classes::LatentClassParams;
/// use linfa::DatasetBase;
/// use linfa::traits::{Fit, Predict};
/// use ndarray::{Array1, array};
///
/// let dataset = DatasetBase::from(array![[0_u32, 0, 0], [1, 1, 1], [0, 0, 1]]).with_weights(array![60.0, 30.0, 3.0]);
/// let model = LatentClassParams::new().prior(1.0).classes(2, 2).fit(&dataset)?;
/// let labels: Array1<usize> = Predict::predict(&model, &dataset);
/// assert_eq!(labels, array![0, 1, 0]);
/// # Ok::<(), latent_classes::LatentClassError>(())
/// ```
impl<C, D, T> Fit<ArrayBase<D, Ix2>, T, LatentClassError> for LatentClassValidParams
where
    C: Copy + Into<u32>,
    D: Data<Elem = C>,
{
    type Object = LatentClassModel;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<LatentClassModel, LatentClassError> {
        let weights = match dataset.weights() {
            Some(weights) => whole_weights(weights)?,
            None => vec![1; dataset.nsamples()],
        };
        self.fit(dataset.records().mapv(Into::into).view(), &weights)
    }
}

/// A dataset's weights as integers.
fn whole_weights(weights: &[f32]) -> Result<Vec<u32>, LatentClassError> {
    let whole = |(row, &weight): (usize, &f32)| {
        // The conversion saturates and truncates; only numbers that it keeps are whole. NaN differs from everything.
        let is_whole = (weight as u32) as f32 == weight && weight < WEIGHT_LIMIT;
        if is_whole { Ok(weight as u32) } else { Err(LatentClassError::WeightNotWhole { row, weight }) }
    };
    weights.iter().enumerate().map(whole).collect()
}

/// The most probable class of each record, `(n_rows, n_columns)`.
///
/// linfa's signature has no room for an error: records with another number of columns than the training rows all get
/// class 0, the largest, as rows of which nothing is known. Call the model's own method to tell.
///
/// The targets passed to `predict_inplace` are replaced, whatever their length.
impl<C, D> PredictInplace<ArrayBase<D, Ix2>, Array1<usize>> for LatentClassModel
where
    C: Copy + Into<u32>,
    D: Data<Elem = C>,
{
    fn predict_inplace(&self, records: &ArrayBase<D, Ix2>, targets: &mut Array1<usize>) {
        let predicted = self.predict(records.mapv(Into::into).view());
        *targets = predicted.map_or_else(|_| Array1::zeros(records.nrows()), |found| Array1::from_vec(found.labels));
    }

    fn default_target(&self, records: &ArrayBase<D, Ix2>) -> Array1<usize> {
        Array1::zeros(records.nrows())
    }
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use linfa::traits::Predict;
    use ndarray::{Array2, array};

    use super::super::params::LatentClassParams;
    use super::*;

    fn rows() -> Array2<u32> {
        array![[0, 0, 0], [1, 1, 1], [0, 1, 0]]
    }

    #[test]
    fn a_dataset_is_fitted_like_its_rows_and_weights() {
        let params = LatentClassParams::new().classes(2, 2);
        let weighted = DatasetBase::from(rows()).with_weights(array![9.0, 5.0, 1.0]);
        let expected = params.clone().check().unwrap().fit(rows().view(), &[9, 5, 1]).unwrap();
        assert_eq!(params.fit(&weighted).unwrap(), expected);
        let narrow = DatasetBase::from(rows().mapv(|code| code as u8));
        let expected = params.clone().check().unwrap().fit(rows().view(), &[1; 3]).unwrap();
        assert_eq!(params.fit(&narrow).unwrap(), expected);
    }

    #[test]
    fn weights_that_are_not_whole_numbers_are_refused() {
        for bad in [0.5, -1.0, f32::NAN, WEIGHT_LIMIT] {
            let dataset = DatasetBase::from(rows()).with_weights(array![1.0, bad, 1.0]);
            let refused = LatentClassParams::new().fit(&dataset).unwrap_err();
            assert!(matches!(refused, LatentClassError::WeightNotWhole { row: 1, .. }), "{bad}: {refused}");
        }
    }

    #[test]
    fn records_of_another_width_are_of_the_largest_class() {
        let model = LatentClassParams::new().classes(2, 2).fit(&DatasetBase::from(rows())).unwrap();
        assert_eq!(Predict::predict(&model, &Array2::<u32>::ones((2, 5))), array![0, 0]);
    }
}
