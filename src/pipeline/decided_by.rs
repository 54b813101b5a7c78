//! What decides the segments: the least set of columns from which a customer's segment follows.
//!
//! A segment that one column decides restates that column, however well the map's scores look: a filter would find the
//! same customers. Scores on the map cannot tell, since they are high where there is nothing, too.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::decimals::rounded;
use super::trait_counts::TraitValue;
use crate::customer::{CustomerTable, FeatureKind};

/// The share of the uncertainty about a customer's segment that deciding columns take away, at least.
const DECIDED: f64 = 0.95;
/// The most columns that are looked at together: of more there is nothing to be read.
const MAX_COLUMNS: usize = 4;
/// Up to this many features every pair is tried; of more only those of the best single ones.
const MAX_PAIRED: usize = 16;
/// How many customers the shares of all may count for beside those of a combination.
const WEIGHTS_OF_ALL: [f64; 4] = [1.0, 0.1, 0.01, 0.001];
/// Classes that a number is cut into.
const DECILES: u64 = 10;

/// The columns that decide the segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecidedBy {
    /// Their titles, in the schema's order; a date counts by its parts. Empty where no four of them decide the
    /// segments.
    #[schema(example = json!(["Join_Quarter"]))]
    pub columns: Vec<String>,
    /// The share of the uncertainty about a customer's segment that they take away, 0 to 1 (Theil 1970), as the other
    /// customers of the same values show; of the best columns that were found where none decide. Four decimals.
    #[schema(example = 1.0)]
    pub share: f64,
    /// The same in a sentence.
    #[schema(example = "These segments restate Join_Quarter; a filter would do.")]
    pub sentence: String,
}

/// Customers who are the same in every feature and in their segment.
struct Kind {
    classes: Vec<u32>,
    group: u32,
    customers: f64,
}

/// A set of features and how much they decide.
#[derive(Clone)]
struct Candidate {
    features: Vec<usize>,
    share: f64,
    /// Combinations of their values that occur.
    n_combinations: usize,
}

impl DecidedBy {
    /// Finds the columns that decide `group_of_row`; rows outside `0..n_groups` are left out. `None` with fewer than
    /// two groups, of which nothing is to be decided.
    pub fn find(table: &CustomerTable, group_of_row: &[i32], n_groups: usize) -> Option<Self> {
        let kinds = kinds(table, group_of_row, n_groups);
        let uncertainty = Entropy::of(&kinds);
        // Of no customers it is not a number.
        if uncertainty.bits.is_nan() || uncertainty.bits <= 0.0 {
            return None;
        }
        let titles: Vec<String> = table.schema().features().map(|feature| feature.title.to_owned()).collect();
        let candidate = |features: Vec<usize>| Candidate::of(&kinds, &uncertainty, features);
        let mut best: Vec<Candidate> = (0..titles.len()).map(|feature| candidate(vec![feature])).collect();
        for n_columns in 1..=MAX_COLUMNS {
            let deciding = best.iter().filter(|candidate| candidate.share >= DECIDED);
            if let Some(least) = deciding.min_by_key(|candidate| candidate.n_combinations) {
                return Some(Self::new(least, &titles, true));
            }
            if n_columns == MAX_COLUMNS || n_columns >= titles.len() {
                break;
            }
            best.sort_by(|a, b| b.share.total_cmp(&a.share));
            best.truncate(if n_columns == 1 && titles.len() <= MAX_PAIRED { titles.len() } else { 1 });
            best = extended(&best, titles.len()).into_iter().map(candidate).collect();
        }
        best.sort_by(|a, b| b.share.total_cmp(&a.share));
        best.first().map(|candidate| Self::new(candidate, &titles, false))
    }

    fn new(candidate: &Candidate, titles: &[String], decide: bool) -> Self {
        let columns: Vec<String> =
            candidate.features.iter().filter_map(|&feature| titles.get(feature).cloned()).collect();
        let columns = if decide { columns } else { Vec::new() };
        let sentence = match columns.as_slice() {
            [] => "No few columns decide these segments: they follow from many traits together.".to_owned(),
            [one] => format!("These segments restate {one}; a filter would do."),
            [most @ .., last] => format!("{} and {last} decide these segments.", most.join(", ")),
        };
        Self { columns, share: rounded(candidate.share), sentence }
    }
}

/// Every set that has one feature more than one of `sets`, once.
fn extended(sets: &[Candidate], n_features: usize) -> Vec<Vec<usize>> {
    let mut larger: Vec<Vec<usize>> = Vec::new();
    for set in sets {
        for feature in (0..n_features).filter(|feature| !set.features.contains(feature)) {
            let mut features = set.features.clone();
            features.push(feature);
            features.sort_unstable();
            larger.push(features);
        }
    }
    larger.sort_unstable();
    larger.dedup();
    larger
}

impl Candidate {
    /// The share is 1 − H(S | features) / H(S). The numerator is what a customer's segment costs, in bits, by the
    /// others of the same combination: for `n` customers of whom `k` are in the segment, whose share of all is `p`, the
    /// others say (k − 1 + αp) / (n − 1 + α). So a combination that one customer has decides nothing (leaving one out;
    /// Stone 1974). α is the best of [`WEIGHTS_OF_ALL`].
    fn of(kinds: &[Kind], segments: &Entropy, features: Vec<usize>) -> Self {
        let mut number_of: FxHashMap<Vec<u32>, usize> = FxHashMap::default();
        let mut customers: Vec<f64> = Vec::new();
        let mut in_segment: BTreeMap<(usize, u32), f64> = BTreeMap::new();
        for kind in kinds {
            let classes = features.iter().map(|&feature| kind.classes.get(feature).copied().unwrap_or_default());
            let number = *number_of.entry(classes.collect()).or_insert(customers.len());
            match customers.get_mut(number) {
                Some(all) => *all += kind.customers,
                None => customers.push(kind.customers),
            }
            *in_segment.entry((number, kind.group)).or_default() += kind.customers;
        }
        let bits_with = |weight: f64| -> f64 {
            let cost = |(&(number, group), &k): (&(usize, u32), &f64)| {
                let n = customers.get(number).copied().unwrap_or(k);
                -k * ((k - 1.0 + weight * segments.share_of(group)) / (n - 1.0 + weight)).log2()
            };
            in_segment.iter().map(cost).sum::<f64>() / segments.customers
        };
        let bits = WEIGHTS_OF_ALL.map(bits_with).into_iter().fold(segments.bits, f64::min);
        let share = 1.0 - bits / segments.bits;
        Self { features, share: share.clamp(0.0, 1.0), n_combinations: customers.len() }
    }
}

/// How uncertain a customer's segment is.
struct Entropy {
    bits: f64,
    /// The customers of each segment.
    of_segment: BTreeMap<u32, f64>,
    customers: f64,
}

impl Entropy {
    fn of(kinds: &[Kind]) -> Self {
        let mut of_segment: BTreeMap<u32, f64> = BTreeMap::new();
        for kind in kinds {
            *of_segment.entry(kind.group).or_default() += kind.customers;
        }
        let customers: f64 = of_segment.values().sum();
        let bits = of_segment.values().map(|count| -count / customers * (count / customers).log2()).sum();
        Self { bits, of_segment, customers }
    }

    fn share_of(&self, segment: u32) -> f64 {
        self.of_segment.get(&segment).map_or(0.0, |count| count / self.customers)
    }
}

fn kinds(table: &CustomerTable, group_of_row: &[i32], n_groups: usize) -> Vec<Kind> {
    let columns: Vec<(Vec<u32>, &[u32])> = table
        .schema()
        .features()
        .filter_map(|feature| {
            let column = table.columns().get(feature.column)?;
            let values: Vec<Option<TraitValue>> = column.values.iter().map(|v| TraitValue::of(&feature, v)).collect();
            let class_of_code = match feature.kind {
                FeatureKind::Number => deciles(&values, column.codes.iter().copied().zip(table.weights())),
                FeatureKind::Category | FeatureKind::DatePart(_) | FeatureKind::Ordinal(_) => classes(&values),
            };
            Some((class_of_code, column.codes.as_slice()))
        })
        .collect();
    let mut customers_of: FxHashMap<(Vec<u32>, u32), u64> = FxHashMap::default();
    for ((row, &group), weight) in group_of_row.iter().enumerate().zip(table.weights()) {
        let Some(group) = u32::try_from(group).ok().filter(|&group| (group as usize) < n_groups) else { continue };
        let class = |(class_of_code, codes): &(Vec<u32>, &[u32])| {
            codes.get(row).and_then(|&code| class_of_code.get(code as usize)).copied().unwrap_or_default()
        };
        *customers_of.entry((columns.iter().map(class).collect(), group)).or_default() += u64::from(weight);
    }
    let mut kinds: Vec<((Vec<u32>, u32), u64)> = customers_of.into_iter().collect();
    kinds.sort_unstable();
    kinds.into_iter().map(|((classes, group), n)| Kind { classes, group, customers: n as f64 }).collect()
}

/// A number from 1 for each value, the same for the same value; 0 is nothing.
fn classes(values: &[Option<TraitValue>]) -> Vec<u32> {
    let mut distinct: Vec<&TraitValue> = values.iter().flatten().collect();
    distinct.sort_by(|a, b| a.total_order(b));
    distinct.dedup();
    let class = |value: &TraitValue| distinct.binary_search_by(|other| other.total_order(value)).unwrap_or_default();
    values.iter().map(|value| value.as_ref().map_or(0, |value| class(value) as u32 + 1)).collect()
}

/// The tenth of the customers that each number falls into, from 1; 0 is nothing.
fn deciles(values: &[Option<TraitValue>], codes: impl Iterator<Item = (u32, u32)>) -> Vec<u32> {
    let mut customers = vec![0_u64; values.len()];
    for (code, weight) in codes {
        if let Some(count) = customers.get_mut(code as usize) {
            *count += u64::from(weight);
        }
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| match (values.get(a).and_then(Option::as_ref), values.get(b).and_then(Option::as_ref)) {
        (Some(a), Some(b)) => a.total_order(b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    let total: u64 = customers.iter().sum::<u64>().max(1);
    let (mut below, mut class_of_code) = (0, vec![0; values.len()]);
    for code in order {
        if let (Some(class), Some(Some(_))) = (class_of_code.get_mut(code), values.get(code)) {
            *class = u32::try_from(DECILES * below / total).unwrap_or_default() + 1;
        }
        below += customers.get(code).copied().unwrap_or_default();
    }
    class_of_code
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;

    use super::*;
    use crate::customer::{Cell, Schema, TableBuilder};

    /// What decides the groups of 1,440 customers, ten of each combination of two towns, two genders, twelve months and
    /// three tiers. `group` is given town, month and tier, and a number that nothing follows from.
    fn decided(group: fn(usize, usize, usize, usize) -> i32) -> Option<DecidedBy> {
        let mut builder = TableBuilder::new(Arc::new(Schema::built_in().unwrap()), date(2026, 1, 1));
        builder.begin_sheet(false);
        builder.push_row(&["id", "location", "gender", "date joined", "loyalty tier"].map(Cell::Text)).unwrap();
        let mut groups = Vec::new();
        for n in 0..1440_usize {
            let (town, gender, month, tier) = (n % 2, n / 2 % 2, n / 4 % 12, n / 48 % 3);
            let (id, joined) = (n.to_string(), format!("2024-{:02}-05", month + 1));
            let row =
                [&id, ["Bedok", "Novena"][town], ["F", "M"][gender], &joined, ["Silver", "Gold", "Platinum"][tier]];
            builder.push_row(&row.map(Cell::Text)).unwrap();
            groups.push(group(town, month, tier, ((n * 2_654_435_761) >> 9) % 4));
        }
        builder.end_sheet().unwrap();
        DecidedBy::find(&builder.finish(), &groups, 4)
    }

    #[test]
    fn segments_that_follow_from_one_column_restate_its_coarsest_part() {
        let decided = decided(|_, month, _, _| month as i32 / 3).unwrap();
        assert_eq!(decided.columns, ["Join_Quarter"]);
        assert_eq!(
            (decided.share, decided.sentence.as_str()),
            (1.0, "These segments restate Join_Quarter; a filter would do.")
        );
    }

    #[test]
    fn segments_that_follow_from_two_columns_name_both() {
        let decided = decided(|town, _, tier, _| if tier == 1 { 2 } else { town as i32 }).unwrap();
        assert_eq!(decided.sentence, "Location and Loyalty Tier decide these segments.");
    }

    #[test]
    fn segments_that_follow_from_nothing_are_decided_by_nothing() {
        let decided = decided(|_, _, _, random| random as i32).unwrap();
        assert!(decided.columns.is_empty() && decided.share < 0.2, "{decided:?}");
        assert!(decided.sentence.starts_with("No few columns"));
    }

    #[test]
    fn a_column_in_which_nearly_every_customer_differs_decides_nothing() {
        // Together the two columns nearly tell one customer from another, and say nothing of the segment.
        let mut kinds = Vec::new();
        for n in 0..2_000_u32 {
            let random = u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            let (noise, group) = ((random % 300) as u32, (random / 300 % 2) as u32);
            kinds.push(Kind { classes: vec![noise, n % 7], group, customers: 1.0 });
        }
        let uncertainty = Entropy::of(&kinds);
        let share = Candidate::of(&kinds, &uncertainty, vec![0, 1]).share;
        assert!(share < 0.05, "{share}");
    }

    #[test]
    fn of_one_segment_there_is_nothing_to_decide() {
        assert_eq!(decided(|_, _, _, _| 0), None);
        assert_eq!(decided(|town, _, _, _| town as i32 - 1), None, "outside every segment is no segment");
    }
}
