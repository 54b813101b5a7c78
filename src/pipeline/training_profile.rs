//! What training data looked like, feature by feature: the side that later data are compared with.

use serde::{Deserialize, Serialize};

use super::association::Association;
use super::encoder::OTHER;
use super::spellings::Spellings;
use super::stretches::{self, Numbers};
use super::trait_counts::TraitValue;
use super::{Fitted, Refit, TraitCounts};
use crate::customer::{CustomerTable, FeatureKind, MIN_CUSTOMERS};

/// The histogram of every feature over all customers of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingProfile {
    /// Customers.
    pub customers: u64,
    /// One entry a feature, in the schema's order.
    pub features: Vec<FeatureProfile>,
    /// Which values of two features go together; empty in versions of earlier builds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<Association>,
    /// What a second training on four fifths of the customers says; `None` in versions of earlier builds, and where
    /// there were too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit: Option<Refit>,
}

/// The histogram of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureProfile {
    /// The feature's title, such as `Location` or `Join_Year`.
    pub title: String,
    /// Customers without a value.
    pub missing: u64,
    /// Those of them whose file does not have the column, where others do: of them it is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
    /// Customers by value.
    pub histogram: Histogram,
    /// Whether `Other` stands for every value that the histogram does not list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_rare: bool,
    /// How far numbers reach: ten customers or more have a number as low as the first, and as high as the second,
    /// roughly. `None` in versions of earlier builds, for fewer customers, and for what is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<(f64, f64)>,
}

/// Customers by value: the counts and the missing add up to all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Histogram {
    /// Of a category, an ordinal or a date's part: each value with its customers, most frequent first.
    Values(Vec<(TraitValue, u64)>),
    /// Of a number: ascending bounds, and for each stretch its customers. Stretch i reaches from bound i − 1 (excluded)
    /// to bound i (included); the first and the last are open. The bounds are rounded deciles, and both sides of each
    /// number that a tenth of the customers have.
    Stretches {
        /// Bounds between stretches, at most 20.
        bounds: Vec<f64>,
        /// Customers of each stretch, one more than bounds.
        customers: Vec<u64>,
    },
}

impl TrainingProfile {
    /// The histograms of the customers that `fitted` was trained on.
    pub fn of(table: &CustomerTable, fitted: &Fitted) -> Self {
        let mut profile = Self::from_counts(table, &fitted.everyone);
        for ((index, own), feature) in profile.features.iter_mut().enumerate().zip(table.schema().features()) {
            own.has_rare = fitted.model.encoder().merges_rare(index);
            if let FeatureKind::Ordinal(_) = feature.kind {
                own.merge_few_levels();
            }
        }
        let seen = fitted.model.as_seen(table);
        let associations = Association::all(&seen, &profile.coded(&seen));
        Self { associations, refit: fitted.refit.clone(), ..profile }
    }

    /// The histograms of the customers of `table`, whose traits were counted as `everyone`.
    pub(super) fn from_counts(table: &CustomerTable, everyone: &[TraitCounts]) -> Self {
        let features = table.schema().features().zip(everyone).map(|(feature, counts)| {
            let (histogram, reach) = match feature.kind {
                FeatureKind::Number => {
                    let numbers = Numbers::new(table, feature.column);
                    let (bounds, customers) = numbers.counted();
                    (Histogram::Stretches { bounds, customers }, numbers.reach())
                }
                FeatureKind::Category | FeatureKind::DatePart(_) | FeatureKind::Ordinal(_) => {
                    (Histogram::Values(counts.counts.clone()), None)
                }
            };
            let present: u64 = match &histogram {
                Histogram::Values(values) => values.iter().map(|&(_, customers)| customers).sum(),
                Histogram::Stretches { customers, .. } => customers.iter().sum(),
            };
            let TraitCounts { title, .. } = counts;
            let missing = table.n_customers().saturating_sub(present);
            FeatureProfile {
                title: title.clone(),
                missing,
                unknown: unknown(table, feature.column).min(missing),
                histogram,
                has_rare: false,
                reach,
            }
        });
        Self { customers: table.n_customers(), features: features.collect(), associations: Vec::new(), refit: None }
    }
}

/// The customers whose file does not have the column, where there were several files.
pub(super) fn unknown(table: &CustomerTable, column: usize) -> u64 {
    let title = table.schema().columns.get(column).map(|column| &column.title);
    let customers = title.and_then(|title| table.cleaning().without_column.get(title));
    customers.map_or(0, |&customers| customers as u64)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(customers: &u64) -> bool {
    *customers == 0
}

impl FeatureProfile {
    /// The value as it is written here, if ten customers or more have it; of a number itself, if they have one of the
    /// same tenth and the number is within reach.
    pub(super) fn shared(&self, value: &TraitValue) -> Option<TraitValue> {
        let (known, customers) = match (&self.histogram, value) {
            (Histogram::Stretches { bounds, customers }, TraitValue::Mean(number)) => {
                let is_far = self.reach.is_some_and(|(low, high)| *number < low || *number > high);
                let of_tenth = customers.get(stretches::place(bounds, *number));
                (value, of_tenth.filter(|_| !is_far)?)
            }
            (Histogram::Stretches { .. }, _) => return None,
            (Histogram::Values(values), value) => {
                let same = values.iter().position(|(known, _)| known == value);
                let alike = || Spellings::default().position(value, values.iter().map(|(known, _)| known));
                let (known, customers) = same.or_else(alike).and_then(|place| values.get(place))?;
                (known, customers)
            }
        };
        (*customers >= MIN_CUSTOMERS).then(|| known.clone())
    }

    /// Counts levels of fewer than ten customers together, as `Other`.
    fn merge_few_levels(&mut self) {
        let Histogram::Values(values) = &mut self.histogram else { return };
        let (told, few): (Vec<_>, Vec<_>) =
            std::mem::take(values).into_iter().partition(|&(_, customers)| customers >= MIN_CUSTOMERS);
        *values = told;
        if !few.is_empty() {
            values.push((TraitValue::Name(OTHER.to_owned()), few.iter().map(|&(_, customers)| customers).sum()));
            self.has_rare = true;
        }
    }
}
