//! How far customers have moved from those that a model was trained on.
//!
//! The measure is the population stability index of credit scoring (Siddiqi 2006, "Credit Risk Scorecards", chapter 8):
//! with the shares p and q of one bin before and now, PSI = Σ (p − q) · ln(p / q) over all bins. It is 0 for equal
//! shares, never negative, and the same in both directions. By the same source's rule of thumb less than 0.1 is
//! steady and 0.25 or more has drifted.
//!
//! Two shares that differ by chance alone have a PSI as well: about χ² / n of it for n customers (Yurdakul and Naranjo
//! 2020, "Statistical properties of the population stability index"). A town list of 30 customers would always count as
//! drifted, so what chance explains is steady.
//!
//! Counts only, and says nothing of what to do. May import [`crate::customer`] alone.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::spellings::Spellings;
use super::training_profile::{FeatureProfile, Histogram, TrainingProfile};
use super::trait_counts::TraitValue;
use crate::customer::{CustomerColumn, CustomerTable, Feature, FeatureKind, Value};

/// Below this PSI a column is steady.
const SHIFTED_FROM: f64 = 0.1;
/// From this PSI on a column has drifted.
const DRIFTED_FROM: f64 = 0.25;
/// The least share that a bin counts with, since ln 0 has no value.
const MIN_SHARE: f64 = 1e-4;
/// Values of one column that are bins of their own, the most frequent of the training first.
const MAX_VALUES: usize = 50;
/// The 99 % quantile of the normal distribution: one steady column in a hundred passes for a moved one.
const CHANCE_QUANTILE: f64 = 2.326_347_9;

/// How far customers have moved from those that the model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Drift {
    /// Each trait's distance from the training, by its title, in the schema's order.
    #[serde(serialize_with = "by_title")]
    #[schema(value_type = std::collections::BTreeMap<String, ColumnDrift>)]
    pub columns: Vec<ColumnDrift>,
    /// The share of customers with at least one value that training never saw, 0 to 1.
    #[schema(example = 0.0006)]
    pub unseen_share: f64,
    /// The share of customers outside every segment, 0 to 1.
    #[schema(example = 0.0214)]
    pub outside_share: f64,
    /// The worst level of any column, and of the share outside compared with the training's.
    pub level: DriftLevel,
}

/// How far one trait has moved.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ColumnDrift {
    /// The trait's title, such as `Location` or `Join_Year`.
    #[serde(skip)]
    pub title: String,
    /// The population stability index, 0 for the training's own shares; four decimals.
    #[schema(example = 0.0123)]
    pub psi: f64,
    /// The PSI that chance alone exceeds once in a hundred times among so few customers; four decimals.
    #[schema(example = 0.0098)]
    pub by_chance: f64,
    /// What the two come to.
    pub level: DriftLevel,
    /// The value that adds most to the index; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_shift: Option<Shift>,
}

/// How the share of one value changed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Shift {
    /// The value; `new or rare values` for all that are rare or new, `no value` for empty cells, a range of numbers.
    #[schema(example = "Bedok")]
    pub value: String,
    /// Its share of the training's customers, 0 to 1.
    #[schema(example = 0.0412)]
    pub share_before: f64,
    /// Its share of these customers, 0 to 1.
    #[schema(example = 0.0571)]
    pub share: f64,
}

/// A distance in a plain word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftLevel {
    /// A PSI below 0.1, or no more than chance explains.
    Steady,
    /// A PSI of 0.1 to 0.25.
    Shifted,
    /// A PSI of 0.25 or more: time to train anew.
    Drifted,
}

/// Customers outside every segment, as shares of all, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutsideShares {
    /// Of the training.
    pub before: f64,
    /// Of the table that is compared with it.
    pub now: f64,
}

/// One bin of a histogram, and how many customers it has on either side.
#[derive(Debug, Clone, PartialEq)]
struct Bin {
    value: String,
    before: f64,
    now: f64,
}

impl TrainingProfile {
    /// How far the customers of `table` have moved from those of the training.
    ///
    /// Categories, levels and parts of dates are compared by value, the 50 most frequent of the training each for
    /// itself and all others together; numbers by the training's deciles; empty cells are a bin of their own. No bin
    /// counts with less than half a customer of the smaller side, nor with less than 0.0001. Features that only one
    /// side has are left out.
    pub fn drift(&self, table: &CustomerTable, outside: OutsideShares) -> Drift {
        let counts: Vec<ColumnCounts> = table.columns().iter().map(|column| ColumnCounts::new(table, column)).collect();
        let mut unseen_codes: Vec<Vec<bool>> = table.columns().iter().map(|c| vec![false; c.values.len()]).collect();
        let mut columns = Vec::new();
        for feature in table.schema().features() {
            let Some(profile) = self.features.iter().find(|profile| profile.title == feature.title) else { continue };
            let (Some(column), Some(counts), Some(unseen)) =
                (table.columns().get(feature.column), counts.get(feature.column), unseen_codes.get_mut(feature.column))
            else {
                continue;
            };
            let mut bins = match &profile.histogram {
                Histogram::Values(values) => by_value(&feature, values, (column, counts), unseen),
                Histogram::Stretches { bounds, customers } => by_stretch(bounds, customers, (column, counts)),
            };
            let missing = Bin::new("no value", profile.missing as f64, counts.missing as f64);
            bins.push(missing);
            columns.push(ColumnDrift::new(profile, &bins));
        }
        let n_customers = table.n_customers() as f64;
        let unseen_share = rounded(n_unseen(table, &unseen_codes) as f64 / n_customers.max(1.0));
        let inside = |share: f64, customers: f64| (share * customers, (1.0 - share) * customers);
        let (before, now) = (inside(outside.before, self.customers as f64), inside(outside.now, n_customers));
        let outside_level = distance(&[Bin::new("", before.0, now.0), Bin::new("", before.1, now.1)]).level;
        let worst = columns.iter().map(|column| column.level).fold(outside_level, Ord::max);
        Drift { columns, unseen_share, outside_share: rounded(outside.now), level: worst }
    }
}

/// How many rows have each value of a column, and how many none.
struct ColumnCounts {
    of_code: Vec<u64>,
    missing: u64,
}

impl ColumnCounts {
    fn new(table: &CustomerTable, column: &CustomerColumn) -> Self {
        let mut counts = Self { of_code: vec![0; column.values.len()], missing: 0 };
        for (&code, weight) in column.codes.iter().zip(table.weights()) {
            *counts.of_code.get_mut(code as usize).unwrap_or(&mut counts.missing) += u64::from(weight);
        }
        counts
    }
}

/// The bins of a feature whose values are counted one by one. Marks the codes that training never saw.
fn by_value(
    feature: &Feature<'_>,
    trained: &[(TraitValue, u64)],
    (column, counts): (&CustomerColumn, &ColumnCounts),
    unseen: &mut [bool],
) -> Vec<Bin> {
    let mut bins: Vec<Bin> =
        trained.iter().take(MAX_VALUES).map(|(v, n)| Bin::new(v.to_string(), *n as f64, 0.0)).collect();
    let rare: u64 = trained.iter().skip(MAX_VALUES).map(|&(_, n)| n).sum();
    let mut others = Bin::new("new or rare values", rare as f64, 0.0);
    let mut positions: Vec<(&TraitValue, usize)> = trained.iter().map(|(value, _)| value).zip(0..).collect();
    positions.sort_by(|a, b| a.0.total_order(b.0));
    // A level that training never saw still has its place on the scale; a name or a year has none.
    let is_scale = matches!(feature.kind, FeatureKind::Ordinal(_) | FeatureKind::Number);
    let spellings = Spellings::default();
    for ((value, &rows), unseen) in column.values.iter().zip(&counts.of_code).zip(unseen) {
        let position = TraitValue::of(feature, value).and_then(|value| {
            let found = positions.binary_search_by(|(known, _)| known.total_order(&value)).ok();
            let as_it_is = found.and_then(|found| positions.get(found)).map(|&(_, position)| position);
            as_it_is.or_else(|| spellings.position(&value, trained.iter().map(|(value, _)| value)))
        });
        *unseen |= position.is_none() && !is_scale;
        let bin = position.and_then(|position| bins.get_mut(position)).unwrap_or(&mut others);
        bin.now += rows as f64;
    }
    bins.push(others);
    bins
}

/// The bins of a number: the stretches between the training's deciles.
fn by_stretch(bounds: &[f64], trained: &[u64], (column, counts): (&CustomerColumn, &ColumnCounts)) -> Vec<Bin> {
    let name = |stretch: usize| match (stretch.checked_sub(1).and_then(|below| bounds.get(below)), bounds.get(stretch))
    {
        (Some(from), Some(to)) => format!("above {from} to {to}"),
        (Some(from), None) => format!("above {from}"),
        (None, Some(to)) => format!("up to {to}"),
        (None, None) => "any number".to_owned(),
    };
    let mut bins: Vec<Bin> = trained.iter().enumerate().map(|(i, &n)| Bin::new(name(i), n as f64, 0.0)).collect();
    for (value, &rows) in column.values.iter().zip(&counts.of_code) {
        let Value::Number(number) = value else { continue };
        if let Some(bin) = bins.get_mut(bounds.partition_point(|bound| bound < number)) {
            bin.now += rows as f64;
        }
    }
    bins
}

/// Customers with at least one of the codes that are marked.
fn n_unseen(table: &CustomerTable, unseen_codes: &[Vec<bool>]) -> u64 {
    let strange: Vec<_> =
        table.columns().iter().zip(unseen_codes).filter(|(_, unseen)| unseen.contains(&true)).collect();
    if strange.is_empty() {
        return 0;
    }
    let has_one = |row: &usize| {
        strange.iter().any(|(column, unseen)| {
            column.codes.get(*row).and_then(|&code| unseen.get(code as usize)).is_some_and(|&unseen| unseen)
        })
    };
    let marked = table.weights().enumerate().filter(|(row, _)| has_one(row));
    marked.map(|(_, weight)| u64::from(weight)).sum()
}

impl ColumnDrift {
    fn new(profile: &FeatureProfile, bins: &[Bin]) -> Self {
        let Distance { psi, by_chance, level, terms } = distance(bins);
        let (before, now) = totals(bins);
        let moved = bins.iter().zip(terms).filter(|&(_, term)| term > 0.0);
        // Of equal ones the first, which is the most frequent.
        let most = moved.reduce(|most, next| if next.1 > most.1 { next } else { most });
        let largest_shift = most.map(|(bin, _)| Shift {
            value: bin.value.clone(),
            share_before: rounded(bin.before / before),
            share: rounded(bin.now / now),
        });
        Self { title: profile.title.clone(), psi: rounded(psi), by_chance: rounded(by_chance), level, largest_shift }
    }
}

impl Bin {
    fn new(value: impl Into<String>, before: f64, now: f64) -> Self {
        Self { value: value.into(), before, now }
    }
}

fn totals(bins: &[Bin]) -> (f64, f64) {
    bins.iter().fold((0.0, 0.0), |(before, now), bin| (before + bin.before, now + bin.now))
}

/// How far two histograms are apart.
struct Distance {
    psi: f64,
    by_chance: f64,
    level: DriftLevel,
    /// What each bin adds to the PSI; none where one side has nobody.
    terms: Vec<f64>,
}

fn distance(bins: &[Bin]) -> Distance {
    let (before, now) = totals(bins);
    if before == 0.0 || now == 0.0 {
        return Distance { psi: 0.0, by_chance: 0.0, level: DriftLevel::Steady, terms: Vec::new() };
    }
    let floor = MIN_SHARE.max(0.5 / before.min(now));
    let term = |bin: &Bin| {
        let (p, q) = ((bin.before / before).max(floor), (bin.now / now).max(floor));
        (p - q) * (p / q).ln()
    };
    let terms: Vec<f64> = bins.iter().map(term).collect();
    let psi: f64 = terms.iter().sum();
    let n_bins = bins.iter().filter(|bin| bin.before > 0.0 || bin.now > 0.0).count();
    let by_chance = chi_squared_99(n_bins.saturating_sub(1)) * (1.0 / before + 1.0 / now);
    let level = match psi {
        psi if psi < SHIFTED_FROM || psi <= by_chance => DriftLevel::Steady,
        psi if psi < DRIFTED_FROM => DriftLevel::Shifted,
        _ => DriftLevel::Drifted,
    };
    Distance { psi, by_chance, level, terms }
}

/// The 99 % quantile of the χ² distribution (Wilson and Hilferty 1931); 0 for no degree of freedom.
fn chi_squared_99(degrees: usize) -> f64 {
    if degrees == 0 {
        return 0.0;
    }
    let degrees = degrees as f64;
    let spread = 2.0 / (9.0 * degrees);
    degrees * (1.0 - spread + CHANCE_QUANTILE * spread.sqrt()).powi(3)
}

/// Four decimals: what a reader can use.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn by_title<S: Serializer>(columns: &[ColumnDrift], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(columns.iter().map(|column| (&column.title, column)))
}

impl DriftLevel {
    /// The level in one word, such as `steady`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Shifted => "shifted",
            Self::Drifted => "drifted",
        }
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
