//! What training data looked like, feature by feature: the side that later data are compared with.

use serde::{Deserialize, Serialize};

use super::association::Association;
use super::encoder::OTHER;
use super::spellings::Spellings;
use super::trait_counts::TraitValue;
use super::{Fitted, Refit, TraitCounts};
use crate::customer::{CustomerTable, FeatureKind, MIN_CUSTOMERS, Value};

/// Parts that a number's range is cut into.
const PARTS: u64 = 10;

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
    /// to bound i (included); the first and the last are open. The bounds are the deciles, as far as they differ.
    Stretches {
        /// Bounds between stretches, at most 9.
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
                    let numbers = sorted_numbers(table, feature.column);
                    (stretches(&numbers), reach(&numbers))
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
            FeatureProfile {
                title: title.clone(),
                missing: table.n_customers().saturating_sub(present),
                histogram,
                has_rare: false,
                reach,
            }
        });
        Self { customers: table.n_customers(), features: features.collect(), associations: Vec::new(), refit: None }
    }
}

impl FeatureProfile {
    /// The value as it is written here, if ten customers or more have it; of a number itself, if they have one of the
    /// same tenth and the number is within reach.
    pub(super) fn shared(&self, value: &TraitValue) -> Option<TraitValue> {
        let (known, customers) = match (&self.histogram, value) {
            (Histogram::Stretches { bounds, customers }, TraitValue::Mean(number)) => {
                let is_far = self.reach.is_some_and(|(low, high)| *number < low || *number > high);
                let of_tenth = customers.get(bounds.partition_point(|bound| bound < number));
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

/// From which number to which one ten customers or more reach, in two digits of what lies between, outwards: nobody's
/// own number.
fn reach(numbers: &[(f64, u64)]) -> Option<(f64, f64)> {
    let all = numbers.last().map_or(0, |&(_, up_to)| up_to);
    let reached = |rank: u64| numbers.get(numbers.partition_point(|&(_, up_to)| up_to < rank)).map(|&(n, _)| n);
    let from_above = (all + 1).checked_sub(MIN_CUSTOMERS).filter(|&rank| rank > 0)?;
    let (low, high) = (reached(MIN_CUSTOMERS)?, reached(from_above)?);
    let (low, high) = (low.min(high), high.max(low));
    let spread = high - low;
    if spread <= 0.0 || !spread.is_finite() {
        return Some((low, high));
    }
    let unit = 10_f64.powi(spread.log10().floor() as i32 - 1);
    Some(((low / unit).floor() * unit, (high / unit).ceil() * unit))
}

fn stretches(numbers: &[(f64, u64)]) -> Histogram {
    let all = numbers.last().map_or(0, |&(_, up_to)| up_to);
    // The number of the last of the customers that make up so many tenths.
    let decile = |part: u64| {
        let rank = (part * all / PARTS).max(1);
        numbers.get(numbers.partition_point(|&(_, up_to)| up_to < rank)).map(|&(number, _)| number)
    };
    let mut bounds: Vec<f64> = (1..PARTS).filter_map(decile).collect();
    bounds.dedup();
    // Above the largest number there is nobody to count.
    bounds.retain(|bound| numbers.last().is_some_and(|(last, _)| bound < last));
    let up_to = |bound: &f64| {
        let above = numbers.partition_point(|(number, _)| number <= bound);
        above.checked_sub(1).and_then(|last| numbers.get(last)).map_or(0, |&(_, up_to)| up_to)
    };
    let ends: Vec<u64> = bounds.iter().map(up_to).chain([all]).collect();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let customers = starts.zip(&ends).map(|(start, &end)| end - start).collect();
    Histogram::Stretches { bounds, customers }
}

/// The numbers of a column in ascending order, each with the customers that have it or a lower one.
fn sorted_numbers(table: &CustomerTable, column: usize) -> Vec<(f64, u64)> {
    let Some(column) = table.columns().get(column) else { return Vec::new() };
    let mut customers = vec![0_u64; column.values.len()];
    for (&code, weight) in column.codes.iter().zip(table.weights()) {
        if let Some(customers) = customers.get_mut(code as usize) {
            *customers += u64::from(weight);
        }
    }
    let number = |(value, customers): (&Value, u64)| match value {
        Value::Number(number) if customers > 0 => Some((*number, customers)),
        _ => None,
    };
    let mut numbers: Vec<(f64, u64)> = column.values.iter().zip(customers).filter_map(number).collect();
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut so_far = 0;
    for (_, customers) in &mut numbers {
        so_far += *customers;
        *customers = so_far;
    }
    numbers
}
