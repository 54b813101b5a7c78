//! Standard scaling of the ordinal and numeric features.

use serde::{Deserialize, Serialize};

/// In place of the deviation of a feature that nobody has: it tells nobody apart, so every value is the mean.
const OF_NOBODY: f64 = f64::MAX;

/// Mean and standard deviation of each scaled feature over the customers it was fitted on.
///
/// As scikit-learn's `StandardScaler`: the population's standard deviation, and 1 in its place where a feature does
/// not vary. Written here because `linfa-preprocessing`'s scaler cannot weigh its records, and a profile stands for
/// many customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaler {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Scaler {
    /// The scaler of these means and scales, one a scaled feature. What is no scaler is refused where it is used.
    pub fn new(mean: Vec<f64>, scale: Vec<f64>) -> Self {
        Self { mean, scale }
    }

    /// Fits one feature a column; `columns[c][p]` is what profile `p` has, and `customers[p]` its weight.
    pub(super) fn fit(columns: &[Vec<Option<f64>>], customers: &[u64]) -> Self {
        let (mean, scale) = columns
            .iter()
            .map(|column| {
                let weighted = || column.iter().zip(customers).filter_map(|(v, &n)| Some(((*v)?, n as f64)));
                let total: f64 = weighted().map(|(_, n)| n).sum();
                if total == 0.0 {
                    return (0.0, OF_NOBODY);
                }
                let mean = weighted().map(|(value, n)| value * n).sum::<f64>() / total;
                let variance = weighted().map(|(value, n)| (value - mean).powi(2) * n).sum::<f64>() / total;
                let deviation = variance.sqrt();
                // A rounding error of a constant column must not be blown up into a feature.
                (mean, if deviation > 1e-12 * mean.abs().max(f64::MIN_POSITIVE) { deviation } else { 1.0 })
            })
            .unzip();
        Self { mean, scale }
    }

    /// `value` of scaled feature `column` in standard deviations from its mean.
    pub(super) fn scale(&self, column: usize, value: f64) -> f64 {
        match (self.mean.get(column), self.scale.get(column)) {
            (Some(_), Some(&OF_NOBODY)) => 0.0,
            (Some(mean), Some(scale)) => (value - mean) / scale,
            _ => 0.0,
        }
    }

    /// The value that [`Scaler::scale`] makes `scaled` of.
    pub(super) fn unscale(&self, column: usize, scaled: f64) -> f64 {
        match (self.mean.get(column), self.scale.get(column)) {
            (Some(mean), Some(scale)) => scaled * scale + mean,
            _ => 0.0,
        }
    }

    /// Whether there are `n` features, each with a finite mean and a positive, finite scale.
    pub(super) fn fits(&self, n: usize) -> bool {
        self.mean.len() == n
            && self.scale.len() == n
            && self.mean.iter().all(|mean| mean.is_finite())
            && self.scale.iter().all(|scale| scale.is_finite() && *scale > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weighted_fit_equals_a_fit_on_the_expanded_customers() {
        let weighted = Scaler::fit(&[vec![Some(1.0), Some(2.0), Some(3.0), None]], &[3, 1, 2, 9]);
        let expanded = Scaler::fit(&[[1.0, 1.0, 1.0, 2.0, 3.0, 3.0].map(Some).to_vec()], &[1; 6]);
        assert!((weighted.scale(0, 5.0) - expanded.scale(0, 5.0)).abs() < 1e-12);
    }

    #[test]
    fn a_feature_that_no_customer_has_is_nothing_for_any_value() {
        let scaler = Scaler::fit(&[vec![None; 7]], &[3; 7]);
        assert!([-1e9, 0.0, 48.5, 1e300].iter().all(|&value| scaler.scale(0, value).to_bits() == 0));
        assert!(scaler.fits(1));
    }

    #[test]
    fn a_constant_feature_is_centred_and_not_divided() {
        let scaler = Scaler::fit(&[vec![Some(0.1); 7]], &[3; 7]);
        assert!(scaler.scale(0, 0.1).abs() < 1e-12);
        assert!(scaler.fits(1) && !scaler.fits(2));
    }
}
