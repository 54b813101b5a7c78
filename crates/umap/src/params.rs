//! The parameters: built or deserialised without checks, then checked once.

use linfa::ParamGuard;
use serde::{Deserialize, Serialize};

use super::errors::UmapError;
use super::limits::{MAX_COMPONENTS, MAX_EPOCHS, MAX_NEGATIVE_SAMPLE_RATE};

/// The parameters as files hold them, with the names of umap-learn. A separate type, so that reading yields unchecked
/// parameters only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    n_neighbors: usize,
    n_components: usize,
    min_dist: f32,
    spread: f32,
    n_epochs: Option<usize>,
    learning_rate: f32,
    negative_sample_rate: usize,
    repulsion_strength: f32,
    local_connectivity: f32,
    set_op_mix_ratio: f32,
    seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            n_neighbors: 120,
            n_components: 10,
            min_dist: 0.1,
            spread: 1.0,
            n_epochs: None,
            learning_rate: 1.0,
            negative_sample_rate: 5,
            repulsion_strength: 1.0,
            local_connectivity: 1.0,
            set_op_mix_ratio: 1.0,
            seed: 42,
        }
    }
}

/// Unchecked parameters; [`ParamGuard::check`] turns them into [`UmapValidParams`].
///
/// The defaults are those of umap-learn, except for `n_neighbors` 120 and `n_components` 10: a map of one-hot data that
/// is clustered rather than drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Settings", into = "Settings")]
pub struct UmapParams(UmapValidParams);

/// Checked parameters, ready for [`UmapValidParams::fit`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UmapValidParams(Settings);

impl From<Settings> for UmapParams {
    fn from(settings: Settings) -> Self {
        Self(UmapValidParams(settings))
    }
}

impl From<UmapParams> for Settings {
    fn from(params: UmapParams) -> Self {
        params.0.0
    }
}

impl From<UmapValidParams> for UmapParams {
    fn from(params: UmapValidParams) -> Self {
        Self(params)
    }
}

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        impl UmapParams {
            $($(#[$doc])* #[must_use] pub fn $name(mut self, $name: $kind) -> Self {
                self.0.0.$name = $name;
                self
            })*
        }
        impl UmapValidParams {
            $($(#[$doc])* #[must_use] pub fn $name(&self) -> $kind {
                self.0.$name
            })*
        }
    };
}

parameters! {
    /// The number of neighbours of a point, which counts as one of them; at least 2. A fit lowers it to the number of
    /// points minus one.
    n_neighbors: usize,
    /// The dimensions of the embedding, 1 to [`MAX_COMPONENTS`].
    n_components: usize,
    /// The distance in the embedding up to which two points have strength 1, 0 to `spread`.
    min_dist: f32,
    /// The scale of distances in the embedding.
    spread: f32,
    /// The rounds of the layout: by default 500 up to 10,000 points and 200 beyond. A transform takes a third of them,
    /// by default 100.
    n_epochs: Option<usize>,
    /// The length of the steps in the first epoch, from where it falls linearly to 0. A transform starts with a
    /// quarter.
    learning_rate: f32,
    /// The number of random vertices that push a vertex away for each of its edges that is drawn.
    negative_sample_rate: usize,
    /// The weight of those pushes.
    repulsion_strength: f32,
    /// The number of nearest neighbours with strength 1; interpolated between two whole numbers.
    local_connectivity: f32,
    /// How neighbourhoods are joined: 1 is their fuzzy union, 0 their fuzzy intersection.
    set_op_mix_ratio: f32,
    /// The seed of all random numbers.
    seed: u64,
}

impl UmapValidParams {
    /// The epochs of a fit of `n_points` points.
    pub(super) fn fit_epochs(&self, n_points: usize) -> usize {
        self.n_epochs().unwrap_or_else(|| Self::default_epochs(n_points))
    }

    /// umap-learn's default epochs for a fit of `n_points` points.
    pub(super) fn default_epochs(n_points: usize) -> usize {
        if n_points <= 10_000 { 500 } else { 200 }
    }

    /// The epochs of a transform. umap-learn takes 30 for more than 10,000 rows; here the number of rows must not
    /// matter.
    pub(super) fn transform_epochs(&self) -> usize {
        self.n_epochs().map_or(100, |n| n / 3)
    }
}

impl ParamGuard for UmapParams {
    type Checked = UmapValidParams;
    type Error = UmapError;

    fn check_ref(&self) -> Result<&UmapValidParams, UmapError> {
        let p = &self.0;
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let not_negative = |x: f32| x.is_finite() && x >= 0.0;
        if p.n_neighbors() < 2 {
            return Err(UmapError::TooFewNeighbors(p.n_neighbors()));
        }
        if !(1..=MAX_COMPONENTS).contains(&p.n_components()) {
            return Err(UmapError::ComponentsOutOfRange { found: p.n_components() });
        }
        if !positive(p.spread()) {
            return Err(UmapError::SpreadNotPositive(p.spread()));
        }
        if !(0.0..=p.spread()).contains(&p.min_dist()) {
            return Err(UmapError::MinDistOutOfRange { min_dist: p.min_dist(), spread: p.spread() });
        }
        if let Some(n_epochs) = p.n_epochs().filter(|n| !(1..=MAX_EPOCHS).contains(n)) {
            return Err(UmapError::EpochsOutOfRange(n_epochs));
        }
        if !positive(p.learning_rate()) {
            return Err(UmapError::LearningRateNotPositive(p.learning_rate()));
        }
        if p.negative_sample_rate() > MAX_NEGATIVE_SAMPLE_RATE {
            return Err(UmapError::NegativeSampleRateTooHigh(p.negative_sample_rate()));
        }
        if !not_negative(p.repulsion_strength()) {
            return Err(UmapError::RepulsionStrengthNegative(p.repulsion_strength()));
        }
        if !not_negative(p.local_connectivity()) {
            return Err(UmapError::LocalConnectivityNegative(p.local_connectivity()));
        }
        if !(0.0..=1.0).contains(&p.set_op_mix_ratio()) {
            return Err(UmapError::SetOpMixRatioOutOfRange(p.set_op_mix_ratio()));
        }
        Ok(p)
    }

    fn check(self) -> Result<UmapValidParams, UmapError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(UmapParams) -> UmapParams) -> UmapError {
        change(UmapParams::default()).check().unwrap_err()
    }

    #[test]
    fn the_defaults_are_valid_and_survive_storage() {
        let stored = serde_json::to_string(&UmapParams::default()).unwrap();
        let params: UmapParams = serde_json::from_str(&stored).unwrap();
        assert_eq!(params, UmapParams::default());
        let params = params.check().unwrap();
        assert_eq!((params.n_neighbors(), params.n_components(), params.seed()), (120, 10, 42));
        assert_eq!((params.fit_epochs(10_000), params.fit_epochs(10_001), params.transform_epochs()), (500, 200, 100));
    }

    #[test]
    fn a_stored_parameter_of_another_name_is_refused() {
        assert!(serde_json::from_str::<UmapParams>(r#"{"n_neighbours": 15}"#).is_err());
        assert!(serde_json::from_str::<UmapParams>(r#"{"n_neighbors": 15}"#).is_ok());
    }

    #[test]
    fn a_neighbourhood_of_one_is_refused() {
        assert_eq!(refused(|p| p.n_neighbors(1)), UmapError::TooFewNeighbors(1));
    }

    #[test]
    fn no_component_and_too_many_components_are_refused() {
        assert_eq!(refused(|p| p.n_components(0)), UmapError::ComponentsOutOfRange { found: 0 });
        assert_eq!(refused(|p| p.n_components(17)), UmapError::ComponentsOutOfRange { found: 17 });
    }

    #[test]
    fn a_spread_that_is_not_positive_is_refused() {
        assert_eq!(refused(|p| p.spread(0.0)), UmapError::SpreadNotPositive(0.0));
        assert!(matches!(refused(|p| p.spread(f32::NAN)), UmapError::SpreadNotPositive(_)));
        assert!(matches!(refused(|p| p.spread(f32::INFINITY)), UmapError::SpreadNotPositive(_)));
    }

    #[test]
    fn a_smallest_distance_outside_the_spread_is_refused() {
        assert_eq!(refused(|p| p.min_dist(1.5)), UmapError::MinDistOutOfRange { min_dist: 1.5, spread: 1.0 });
        assert!(matches!(refused(|p| p.min_dist(-0.1)), UmapError::MinDistOutOfRange { .. }));
        assert!(matches!(refused(|p| p.min_dist(f32::NAN)), UmapError::MinDistOutOfRange { .. }));
    }

    #[test]
    fn no_epoch_and_too_many_epochs_are_refused() {
        assert_eq!(refused(|p| p.n_epochs(Some(0))), UmapError::EpochsOutOfRange(0));
        assert_eq!(refused(|p| p.n_epochs(Some(usize::MAX))), UmapError::EpochsOutOfRange(usize::MAX));
    }

    #[test]
    fn a_learning_rate_that_is_not_positive_is_refused() {
        assert_eq!(refused(|p| p.learning_rate(0.0)), UmapError::LearningRateNotPositive(0.0));
    }

    #[test]
    fn an_excessive_negative_sample_rate_is_refused() {
        assert_eq!(refused(|p| p.negative_sample_rate(101)), UmapError::NegativeSampleRateTooHigh(101));
    }

    #[test]
    fn a_negative_repulsion_is_refused() {
        assert_eq!(refused(|p| p.repulsion_strength(-1.0)), UmapError::RepulsionStrengthNegative(-1.0));
    }

    #[test]
    fn a_negative_local_connectivity_is_refused() {
        assert_eq!(refused(|p| p.local_connectivity(-1.0)), UmapError::LocalConnectivityNegative(-1.0));
    }

    #[test]
    fn a_mix_ratio_outside_zero_to_one_is_refused() {
        assert_eq!(refused(|p| p.set_op_mix_ratio(1.5)), UmapError::SetOpMixRatioOutOfRange(1.5));
    }
}
