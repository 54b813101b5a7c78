//! The parameters: built or deserialised without checks, then checked once.

use std::fmt;
use std::str::FromStr;

use linfa::ParamGuard;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::errors::HdbscanError;

/// The least weight of a cluster: the number of points, where all weights are 1.
///
/// As text, in files and in settings: `400` for a weight, `8%` for a share of the total weight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MinClusterSize {
    /// This weight.
    Count(u64),
    /// This share of the total weight, as a fraction of 1.
    Share(f64),
}

impl MinClusterSize {
    /// The weight for points of this `total_weight`. A share is rounded to the nearest whole number, and is at least 2.
    pub fn resolve(self, total_weight: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => ((share * total_weight as f64).round() as u64).max(2),
        }
    }
}

/// A text that is neither a whole number nor a percentage.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is neither a number such as 400 nor a share such as 8%")]
pub struct ParseMinClusterSizeError(String);

impl FromStr for MinClusterSize {
    type Err = ParseMinClusterSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseMinClusterSizeError(text.to_owned());
        let trimmed = text.trim();
        match trimmed.strip_suffix('%') {
            // Shifting the decimal point in the text is exact; dividing by 100 would round a second time.
            Some(percent) => format!("{}e-2", percent.trim_end()).parse().map(Self::Share).map_err(|_| refused()),
            None => trimmed.parse().map(Self::Count).map_err(|_| refused()),
        }
    }
}

impl fmt::Display for MinClusterSize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count(count) => write!(out, "{count}"),
            Self::Share(share) => write!(out, "{}%", percent_text(share)),
        }
    }
}

/// The share's shortest decimal text with the decimal point moved by two digits, so that it reads back as the same
/// share. Multiplying by 100 would write 7.000000000000001 for 0.07.
fn percent_text(share: f64) -> String {
    let text = share.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (shifted, rest) = match fraction.split_at_checked(2) {
        Some((shifted, rest)) => (format!("{whole}{shifted}"), rest),
        None => (format!("{whole}{fraction:0<2}"), ""),
    };
    let units = match shifted.trim_start_matches('0') {
        "" => "0",
        units => units,
    };
    if rest.is_empty() { units.to_owned() } else { format!("{units}.{rest}") }
}

impl TryFrom<String> for MinClusterSize {
    type Error = ParseMinClusterSizeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MinClusterSize> for String {
    fn from(size: MinClusterSize) -> Self {
        size.to_string()
    }
}

/// Which nodes of the condensed tree become clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterSelection {
    /// Those of the greatest total stability, none inside another (Campello, Moulavi, Sander 2013).
    #[default]
    #[serde(alias = "eom")]
    ExcessOfMass,
    /// The leaves: the finest clusters that there are.
    Leaf,
}

impl ClusterSelection {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Unchecked parameters; [`ParamGuard::check`] turns them into [`HdbscanValidParams`].
///
/// Distances are Euclidean.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "StoredParams", into = "StoredParams")]
pub struct HdbscanParams(HdbscanValidParams);

/// Checked parameters, ready for [`HdbscanValidParams::fit`].
#[derive(Debug, Clone, PartialEq)]
pub struct HdbscanValidParams {
    min_cluster_size: MinClusterSize,
    min_samples: usize,
    allow_single_cluster: bool,
    selection: ClusterSelection,
}

/// The parameters as files hold them. A separate type, so that reading yields unchecked parameters only.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StoredParams {
    min_cluster_size: MinClusterSize,
    min_samples: usize,
    allow_single_cluster: bool,
    #[serde(skip_serializing_if = "ClusterSelection::is_default")]
    selection: ClusterSelection,
}

impl Default for StoredParams {
    fn default() -> Self {
        HdbscanParams::default().into()
    }
}

impl From<StoredParams> for HdbscanParams {
    fn from(stored: StoredParams) -> Self {
        let StoredParams { min_cluster_size, min_samples, allow_single_cluster, selection } = stored;
        Self(HdbscanValidParams { min_cluster_size, min_samples, allow_single_cluster, selection })
    }
}

impl From<HdbscanParams> for StoredParams {
    fn from(params: HdbscanParams) -> Self {
        let HdbscanValidParams { min_cluster_size, min_samples, allow_single_cluster, selection } = params.0;
        Self { min_cluster_size, min_samples, allow_single_cluster, selection }
    }
}

impl Default for HdbscanValidParams {
    fn default() -> Self {
        Self {
            min_cluster_size: MinClusterSize::Share(0.08),
            min_samples: 5,
            allow_single_cluster: false,
            selection: ClusterSelection::ExcessOfMass,
        }
    }
}

impl HdbscanParams {
    /// The defaults: clusters of at least 8 % of the total weight, 5 neighbours, no single cluster.
    pub fn new() -> Self {
        Self::default()
    }

    /// The least weight of a cluster.
    #[must_use]
    pub fn min_cluster_size(mut self, size: MinClusterSize) -> Self {
        self.0.min_cluster_size = size;
        self
    }

    /// How many points, without the point itself, make up a neighbourhood. If there are fewer other points, it is all
    /// of them.
    #[must_use]
    pub fn min_samples(mut self, min_samples: usize) -> Self {
        self.0.min_samples = min_samples;
        self
    }

    /// Whether all data may be one cluster.
    #[must_use]
    pub fn allow_single_cluster(mut self, allow: bool) -> Self {
        self.0.allow_single_cluster = allow;
        self
    }

    /// Which nodes of the condensed tree become clusters.
    #[must_use]
    pub fn selection(mut self, selection: ClusterSelection) -> Self {
        self.0.selection = selection;
        self
    }
}

impl ParamGuard for HdbscanParams {
    type Checked = HdbscanValidParams;
    type Error = HdbscanError;

    fn check_ref(&self) -> Result<&Self::Checked, Self::Error> {
        match self.0.min_cluster_size {
            MinClusterSize::Count(count) if count < 2 => return Err(HdbscanError::MinClusterSizeTooSmall(count)),
            // Negated, so that NaN is refused too.
            MinClusterSize::Share(share) if !(share > 0.0 && share <= 1.0) => {
                return Err(HdbscanError::MinClusterShareOutOfRange(share));
            }
            MinClusterSize::Count(_) | MinClusterSize::Share(_) => {}
        }
        if self.0.min_samples == 0 {
            return Err(HdbscanError::MinSamplesZero);
        }
        Ok(&self.0)
    }

    fn check(self) -> Result<Self::Checked, Self::Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl HdbscanValidParams {
    /// The least weight of a cluster, or the least share.
    pub fn min_cluster_size(&self) -> MinClusterSize {
        self.min_cluster_size
    }

    /// How many points, without the point itself, make up a neighbourhood.
    pub fn min_samples(&self) -> usize {
        self.min_samples
    }

    /// Whether all data may be one cluster.
    pub fn allow_single_cluster(&self) -> bool {
        self.allow_single_cluster
    }

    /// Which nodes of the condensed tree become clusters.
    pub fn selection(&self) -> ClusterSelection {
        self.selection
    }
}

impl From<HdbscanValidParams> for HdbscanParams {
    fn from(checked: HdbscanValidParams) -> Self {
        Self(checked)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(params: HdbscanParams) -> HdbscanError {
        params.check().unwrap_err()
    }

    #[test]
    fn the_defaults_are_those_of_the_design() {
        let params = HdbscanParams::new().check().unwrap();
        assert_eq!(params.min_cluster_size(), MinClusterSize::Share(0.08));
        assert_eq!(params.min_cluster_size().resolve(5_000), 400);
        assert_eq!(params.min_samples(), 5);
        assert!(!params.allow_single_cluster());
    }

    #[test]
    fn a_cluster_of_weight_one_is_refused() {
        let params = HdbscanParams::new().min_cluster_size(MinClusterSize::Count(1));
        assert_eq!(refusal(params), HdbscanError::MinClusterSizeTooSmall(1));
    }

    #[test]
    fn a_share_outside_zero_to_one_is_refused() {
        for share in [0.0, -0.1, 1.01, f64::INFINITY] {
            let params = HdbscanParams::new().min_cluster_size(MinClusterSize::Share(share));
            assert_eq!(refusal(params), HdbscanError::MinClusterShareOutOfRange(share));
        }
        let nan = HdbscanParams::new().min_cluster_size(MinClusterSize::Share(f64::NAN));
        assert!(matches!(refusal(nan), HdbscanError::MinClusterShareOutOfRange(_)));
    }

    #[test]
    fn no_neighbours_are_refused() {
        assert_eq!(refusal(HdbscanParams::new().min_samples(0)), HdbscanError::MinSamplesZero);
    }

    #[test]
    fn a_small_share_of_a_small_weight_still_means_two() {
        assert_eq!(MinClusterSize::Share(0.08).resolve(3), 2);
        assert_eq!(MinClusterSize::Share(1.0).resolve(u64::from(u32::MAX)), u64::from(u32::MAX));
    }

    #[test]
    fn sizes_are_read_as_numbers_or_as_a_percentage() {
        assert_eq!("400".parse(), Ok(MinClusterSize::Count(400)));
        assert_eq!(" 8 % ".parse(), Ok(MinClusterSize::Share(0.08)));
        assert_eq!("2.5%".parse(), Ok(MinClusterSize::Share(0.025)));
        for text in ["", "%", "eight", "-3", "4.5", "inf%", "NaN%", "8%%"] {
            assert!(text.parse::<MinClusterSize>().is_err(), "{text}");
        }
        assert_eq!(MinClusterSize::Share(0.07).to_string(), "7%");
    }

    #[test]
    fn parameters_are_stored_with_the_size_as_text() {
        let params = HdbscanParams::new().min_samples(3);
        let json = serde_json::to_string(&params).unwrap();
        assert_eq!(json, r#"{"min_cluster_size":"8%","min_samples":3,"allow_single_cluster":false}"#);
        assert_eq!(serde_json::from_str::<HdbscanParams>(&json).unwrap(), params);
        assert_eq!(serde_json::from_str::<HdbscanParams>("{}").unwrap(), HdbscanParams::new());
        assert!(serde_json::from_str::<HdbscanParams>(r#"{"min_cluster_sise":"8%"}"#).is_err());
    }

    proptest! {
        #[test]
        fn a_size_reads_back_as_it_was_written(count in any::<u64>(), hundredths in 1u32..=10_000) {
            for size in [MinClusterSize::Count(count), MinClusterSize::Share(f64::from(hundredths) / 1e4)] {
                prop_assert_eq!(size.to_string().parse(), Ok(size));
            }
        }
    }
}
