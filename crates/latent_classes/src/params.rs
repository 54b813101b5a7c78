//! The parameters: built or deserialised without checks, then checked once.

use linfa::ParamGuard;
use serde::{Deserialize, Serialize};

use super::errors::LatentClassError;
use super::limits::MAX_CLASSES;

/// Unchecked parameters; [`ParamGuard::check`] turns them into [`LatentClassValidParams`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "StoredParams", into = "StoredParams")]
pub struct LatentClassParams(LatentClassValidParams);

/// Checked parameters, ready for [`LatentClassValidParams::fit`].
#[derive(Debug, Clone, PartialEq)]
pub struct LatentClassValidParams {
    min_classes: usize,
    max_classes: usize,
    n_starts: usize,
    max_iterations: usize,
    tolerance: f64,
    prior: f64,
    seed: u64,
}

/// The parameters as files hold them. A separate type, so that reading yields unchecked parameters only.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StoredParams {
    min_classes: usize,
    max_classes: usize,
    n_starts: usize,
    max_iterations: usize,
    tolerance: f64,
    prior: f64,
    seed: u64,
}

impl Default for StoredParams {
    fn default() -> Self {
        LatentClassParams::default().into()
    }
}

impl From<StoredParams> for LatentClassParams {
    fn from(stored: StoredParams) -> Self {
        let StoredParams { min_classes, max_classes, n_starts, max_iterations, tolerance, prior, seed } = stored;
        Self(LatentClassValidParams { min_classes, max_classes, n_starts, max_iterations, tolerance, prior, seed })
    }
}

impl From<LatentClassParams> for StoredParams {
    fn from(params: LatentClassParams) -> Self {
        let LatentClassValidParams { min_classes, max_classes, n_starts, max_iterations, tolerance, prior, seed } =
            params.0;
        Self { min_classes, max_classes, n_starts, max_iterations, tolerance, prior, seed }
    }
}

impl Default for LatentClassValidParams {
    fn default() -> Self {
        Self {
            min_classes: 1,
            max_classes: 12,
            n_starts: 10,
            max_iterations: 1_000,
            tolerance: 1e-7,
            prior: 40.0,
            seed: 42,
        }
    }
}

impl LatentClassParams {
    /// The defaults: 1 to 12 classes, 10 starts, a prior of weight 40.
    pub fn new() -> Self {
        Self::default()
    }

    /// The numbers of classes to choose from, from `min` to `max`. Fewer are tried where there are fewer distinct rows,
    /// and where three more classes have brought nothing.
    #[must_use]
    pub fn classes(mut self, min: usize, max: usize) -> Self {
        (self.0.min_classes, self.0.max_classes) = (min, max);
        self
    }

    /// How many random starts each number of classes gets. The best three after 30 steps are climbed to the end.
    #[must_use]
    pub fn n_starts(mut self, n_starts: usize) -> Self {
        self.0.n_starts = n_starts;
        self
    }

    /// The most steps of one start.
    #[must_use]
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.0.max_iterations = max_iterations;
        self
    }

    /// A climb ends when a step gains less than this, in nats for each unit of weight.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.0.tolerance = tolerance;
        self
    }

    /// The weight with which the shares of all rows count in every class and column: a Dirichlet prior. 0 gives the
    /// maximum likelihood.
    #[must_use]
    pub fn prior(mut self, prior: f64) -> Self {
        self.0.prior = prior;
        self
    }

    /// The seed of the starts.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }
}

impl ParamGuard for LatentClassParams {
    type Checked = LatentClassValidParams;
    type Error = LatentClassError;

    fn check_ref(&self) -> Result<&Self::Checked, Self::Error> {
        let params = &self.0;
        let (min, max) = (params.min_classes, params.max_classes);
        if min == 0 || min > max || max > MAX_CLASSES {
            return Err(LatentClassError::ClassRange { min, max });
        }
        if params.n_starts == 0 {
            return Err(LatentClassError::NoStarts);
        }
        if params.max_iterations == 0 {
            return Err(LatentClassError::NoIterations);
        }
        // Negated ranges, so that NaN is refused too.
        if !(0.0..f64::INFINITY).contains(&params.tolerance) {
            return Err(LatentClassError::Tolerance(params.tolerance));
        }
        if !(0.0..f64::INFINITY).contains(&params.prior) {
            return Err(LatentClassError::Prior(params.prior));
        }
        Ok(params)
    }

    fn check(self) -> Result<Self::Checked, Self::Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl LatentClassValidParams {
    /// The least number of classes that is tried.
    pub fn min_classes(&self) -> usize {
        self.min_classes
    }

    /// The largest number of classes that is tried.
    pub fn max_classes(&self) -> usize {
        self.max_classes
    }

    /// How many random starts each number of classes gets.
    pub fn n_starts(&self) -> usize {
        self.n_starts
    }

    /// The most steps of one start.
    pub fn max_iterations(&self) -> usize {
        self.max_iterations
    }

    /// The gain below which a climb ends, in nats for each unit of weight.
    pub fn tolerance(&self) -> f64 {
        self.tolerance
    }

    /// The weight of the prior.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// The seed of the starts.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl From<LatentClassValidParams> for LatentClassParams {
    fn from(params: LatentClassValidParams) -> Self {
        Self(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_refuses_what_breaks_it() {
        let refused = |params: LatentClassParams| params.check().unwrap_err();
        for (min, max) in [(0, 3), (4, 3), (1, 65)] {
            assert_eq!(refused(LatentClassParams::new().classes(min, max)), LatentClassError::ClassRange { min, max });
        }
        assert_eq!(refused(LatentClassParams::new().n_starts(0)), LatentClassError::NoStarts);
        assert_eq!(refused(LatentClassParams::new().max_iterations(0)), LatentClassError::NoIterations);
        assert_eq!(refused(LatentClassParams::new().prior(-1.0)), LatentClassError::Prior(-1.0));
        for bad in [f64::NAN, f64::INFINITY] {
            assert!(matches!(refused(LatentClassParams::new().prior(bad)), LatentClassError::Prior(_)));
            assert!(matches!(refused(LatentClassParams::new().tolerance(bad)), LatentClassError::Tolerance(_)));
        }
    }

    #[test]
    fn parameters_are_stored_by_name_and_unknown_names_are_refused() {
        let params = LatentClassParams::new().classes(2, 5).seed(7);
        let json = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<LatentClassParams>(&json).unwrap(), params);
        assert_eq!(serde_json::from_str::<LatentClassParams>("{}").unwrap(), LatentClassParams::new());
        assert!(serde_json::from_str::<LatentClassParams>(r#"{"max_class":3}"#).is_err());
    }
}
