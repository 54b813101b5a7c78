//! How far customers have moved from those that a model was trained on.
//!
//! The measure is the total variation ½ Σ |p − q| of the shares before and now: the share of customers that would have
//! to change for the two histograms to be equal. Two samples of one population differ as well, so what the χ² test of
//! homogeneity gives to chance is steady. All rows of an answer together give a false alarm once in a hundred times.
//!
//! A value that training never had is no less a change for being had by a few rows: the χ² test pools cells that are so
//! small, and an exact test looks at new and rare values alone.
//!
//! New customers join on new dates, and segments that restate a date follow them. So what dates show counts only where
//! other columns have moved too.
//!
//! Beside it stands the population stability index of credit scoring (Siddiqi 2006, "Credit Risk Scorecards", chapter
//! 8): PSI = Σ (p − q) · ln(p / q), about χ² / n by chance among n customers (Yurdakul and Naranjo 2020).
//!
//! Counts only, and says nothing of what to do.

mod bins;
mod pairs;
mod unlisted;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::SegmentId;
use super::decimals::rounded;
use super::difference::Difference;
use super::refit::Refit;
use super::training_profile::{Histogram, TrainingProfile, unknown};
use super::traits::{MIN_CUSTOMERS, Tallies};
use crate::customer::{CustomerTable, FeatureKind};
use bins::{Bin, ColumnCounts, by_stretch, by_value, n_unseen};
use unlisted::Unlisted;

/// Below this total variation a column is steady, unless the share of one value doubled or halved.
const SHIFTED_FROM: f64 = 0.05;
/// From this total variation on a column has drifted.
const DRIFTED_FROM: f64 = 0.15;
/// How much a share that doubled or halved must have changed to count.
const MIN_CHANGE: f64 = 0.02;
/// The probability that chance alone moves any row of an answer.
const FALSE_ALARMS: f64 = 0.01;
/// The rules by which a row is not steady: the test of all its values, that of each value that doubled or halved, and
/// that of new and rare ones. Each has a part of the false alarms.
const RULES: f64 = 3.0;
/// The least share that a bin counts with, since ln 0 has no value.
const MIN_SHARE: f64 = 1e-4;
/// Values of one column that are bins of their own, the most frequent of the training first.
const MAX_VALUES: usize = 50;
/// The largest share of a training's customers whose rare values of a column were merged for others to be told as new.
const MAX_MERGED: f64 = 0.05;
/// The 99 % quantile of the normal distribution.
const CHANCE_QUANTILE: f64 = 2.326_347_9;

/// How far customers have moved from those that the model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Drift {
    /// Each trait's distance from the training, by its title, in the schema's order.
    #[serde(serialize_with = "by_title")]
    #[schema(value_type = std::collections::BTreeMap<String, ColumnDrift>)]
    pub columns: Vec<ColumnDrift>,
    /// The same for pairs of columns that are steady by themselves and whose values no longer go together as they did,
    /// by both titles; absent where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "by_title")]
    #[schema(value_type = std::collections::BTreeMap<String, ColumnDrift>, required = false)]
    pub associations: Vec<ColumnDrift>,
    /// The same for the shares of the segments, those outside every segment among them. Absent in versions of earlier
    /// builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<ColumnDrift>,
    /// The share of customers with at least one value that training never saw or merged as rare, 0 to 1. A column of
    /// which it merged the values of more than a twentieth of its customers tells no new values from rare ones, and is
    /// left out.
    #[schema(example = 0.0006)]
    pub unseen_share: f64,
    /// The share of customers outside every segment, 0 to 1.
    #[schema(example = 0.0214)]
    pub outside_share: f64,
    /// The worst level of any row: `steady`, `shifted` or `drifted`.
    pub level: DriftLevel,
}

/// How far one trait has moved.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ColumnDrift {
    /// The trait's title, such as `Location` or `Join_Year`.
    #[serde(skip)]
    pub title: String,
    /// The share of customers whose file has the column, 0 to 1: the others are not compared.
    #[serde(skip)]
    pub known_share: f64,
    /// The population stability index, 0 for the training's own shares; four decimals.
    #[schema(example = 0.0123)]
    pub psi: f64,
    /// The PSI that chance alone exceeds once in a hundred times among so few customers; four decimals.
    #[schema(example = 0.0098)]
    pub by_chance: f64,
    /// The share of customers that would have to change for the shares to be as they were, 0 to 1; four decimals.
    #[schema(example = 0.0312)]
    pub total_variation: f64,
    /// The share of customers with a value that training never saw or merged as rare, 0 to 1; four decimals. Absent for
    /// numbers, and in `associations` and `segments`. Customers of the training have merged values, too: if it merged
    /// all values of a column, 1.0 is `steady`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.0006)]
    pub unseen_share: Option<f64>,
    /// How likely chance alone is to make such a difference, 0 to 1; six decimals.
    #[schema(example = 0.214)]
    pub p_value: f64,
    /// What total variation, `unseen_share` and p-value come to.
    pub level: DriftLevel,
    /// The value whose share changed most, among values of 10 customers or more, or of none; absent if no share did.
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
    /// A total variation and a share of new values below 0.05, or no more than chance explains.
    Steady,
    /// Of dates, and of segments that restate one: they have changed, which is no sign by itself.
    Moving,
    /// A total variation or a share of new values of 0.05 to 0.15, or a value whose share doubled or halved.
    Shifted,
    /// A total variation or a share of new values of 0.15 or more: time to train anew.
    Drifted,
}

impl TrainingProfile {
    /// How far the customers of `table` have moved from those of the training; `segments` are their segments, row by
    /// row.
    ///
    /// Categories, levels and parts of dates are compared by value, the 50 most frequent of the training each for
    /// itself and all others together; numbers by the stretches that training counted them in; empty cells are a bin of
    /// their own. Customers whose file does not have the column, where other files do, are not compared in it. Features
    /// that only one side has are left out: also those that are filled and had no value in the training, and those
    /// whose column is in no file.
    pub fn drift(&self, table: &CustomerTable, segments: &[Option<SegmentId>]) -> Drift {
        let ids: Vec<Option<SegmentId>> = segments.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let place = |id| ids.binary_search(id).ok().and_then(|place| i32::try_from(place).ok()).unwrap_or(i32::MAX);
        let group_of_row: Vec<i32> = segments.iter().map(place).collect();
        self.drift_of(&Tallies::count(table, &group_of_row, ids.len()), &ids)
    }

    /// The same of customers who have been counted; `segments` are what their groups are, each once.
    pub fn drift_of(&self, tallies: &Tallies<'_>, segments: &[Option<SegmentId>]) -> Drift {
        let table = tallies.table();
        let counts: Vec<ColumnCounts> = (0..table.columns().len()).map(|at| ColumnCounts::of(tallies, at)).collect();
        let mut unseen_codes: Vec<Vec<bool>> = table.columns().iter().map(|c| vec![false; c.values.len()]).collect();
        let mut rows = Vec::new();
        for feature in table.schema().features() {
            let Some(profile) = self.features.iter().find(|profile| profile.title == feature.title) else { continue };
            let (Some(column), Some(counts), Some(unseen)) =
                (table.columns().get(feature.column), counts.get(feature.column), unseen_codes.get_mut(feature.column))
            else {
                continue;
            };
            let is_new = profile.missing >= self.customers && counts.missing < table.n_customers();
            if is_new || is_in_no_file(table, feature.column) {
                continue;
            }
            let mut bins = match &profile.histogram {
                Histogram::Values(values) => by_value(&feature, profile, values, (column, counts), unseen),
                Histogram::Stretches { bounds, customers } => by_stretch(bounds, customers, (column, counts)),
            };
            // Of customers whose file does not have the column it is not known: they have not changed.
            let unknown = unknown(table, feature.column);
            let missing = (profile.missing.saturating_sub(profile.unknown), counts.missing.saturating_sub(unknown));
            bins.push(Bin::new("no value", missing.0 as f64, missing.1 as f64));
            let moves = matches!(feature.kind, FeatureKind::DatePart(_));
            let known_share = 1.0 - unknown as f64 / table.n_customers().max(1) as f64;
            rows.push(Row { title: profile.title.clone(), bins, moves, known_share });
        }
        let n_customers = table.n_customers() as f64;
        let customers = (0..).map(|group| tallies.customers(group));
        let now: BTreeMap<Option<SegmentId>, u64> = segments.iter().copied().zip(customers).collect();
        let segments = self.refit.as_ref().map(|refit| by_segment(refit, &now));
        let n_rows = rows.len() + self.associations.len() + usize::from(segments.is_some());
        let chance = FALSE_ALARMS / n_rows.max(1) as f64;
        let (columns, levels): (Vec<_>, Vec<_>) = rows.iter().map(|row| row.drift(chance)).unzip();
        let (segments, level_of_segments) = segments.map(|row| row.drift(chance)).unzip();
        let associations = self.moved_associations(table, &columns, chance);
        let level_of_associations = associations.iter().map(|row| (row.level, false));
        let outside = now.get(&None).copied().unwrap_or(0) as f64;
        Drift {
            level: worst(levels.into_iter().chain(level_of_segments).chain(level_of_associations)),
            columns,
            associations,
            segments,
            unseen_share: rounded(n_unseen(table, &unseen_codes) as f64 / n_customers.max(1.0)),
            outside_share: rounded(outside / n_customers.max(1.0)),
        }
    }
}

/// Whether no file has a column at all. Then nothing is known of it, which is no change.
fn is_in_no_file(table: &CustomerTable, column: usize) -> bool {
    let found = &table.cleaning().columns_used;
    let title = table.schema().columns.get(column).map(|column| &column.title);
    !found.is_empty() && title.is_some_and(|title| !found.contains_key(title))
}

/// The worst level of all rows. Of those that move by themselves none counts unless another row has moved.
fn worst(levels: impl Iterator<Item = (DriftLevel, bool)>) -> DriftLevel {
    let (moving, others): (Vec<_>, Vec<_>) = levels.partition(|&(_, moves)| moves);
    let worst = |levels: &[(DriftLevel, bool)]| levels.iter().map(|&(level, _)| level).max();
    match worst(&others) {
        None | Some(DriftLevel::Steady) => DriftLevel::Steady,
        Some(level) => level.max(worst(&moving).unwrap_or(level)),
    }
}

/// The histograms of one row of an answer.
struct Row {
    title: String,
    bins: Vec<Bin>,
    /// Whether it moves by itself.
    moves: bool,
    /// The share of the customers whose file has the column.
    known_share: f64,
}

impl Row {
    /// The row of the answer, and the level that its numbers come to with whether it moves by itself.
    fn drift(&self, chance: f64) -> (ColumnDrift, (DriftLevel, bool)) {
        let drift = ColumnDrift::new(self.title.clone(), &self.bins, chance);
        let level = drift.level;
        let shown = if self.moves && level != DriftLevel::Steady { DriftLevel::Moving } else { level };
        (ColumnDrift { level: shown, known_share: self.known_share, ..drift }, (level, self.moves))
    }
}

/// The segments of new customers by the training's second fit, beside those of these.
fn by_segment(refit: &Refit, now: &BTreeMap<Option<SegmentId>, u64>) -> Row {
    let name = |id: &Option<SegmentId>| id.map_or("outside every segment".to_owned(), |id| format!("segment {id}"));
    let before = refit.customers as f64;
    let bin = |(id, share): &(Option<SegmentId>, f64)| {
        Bin::new(name(id), share * before, now.get(id).copied().unwrap_or(0) as f64)
    };
    let (title, bins) = ("segments".to_owned(), refit.shares.iter().map(bin).collect());
    Row { title, bins, moves: refit.follows_dates, known_share: 1.0 }
}

impl ColumnDrift {
    /// Of these bins; chance alone moves them this often.
    fn new(title: String, bins: &[Bin], chance: f64) -> Self {
        let ((before, now), chance) = (totals(bins), chance / RULES);
        if before == 0.0 || now == 0.0 {
            let (level, largest_shift, unseen_share) = (DriftLevel::Steady, None, None);
            let (psi, by_chance, total_variation, p_value) = (0.0, 0.0, 0.0, 1.0);
            let known_share = 1.0;
            return Self {
                title,
                known_share,
                psi,
                by_chance,
                total_variation,
                unseen_share,
                p_value,
                level,
                largest_shift,
            };
        }
        let difference = Difference::between(bins.iter().map(|bin| (bin.before, bin.now)));
        let change = |bin: &Bin| (bin.now / now - bin.before / before).abs();
        // Of fewer customers than may be described nothing is shown, but that there are none; neither of the training
        // nor of now.
        let may_be_told = |customers: f64| customers == 0.0 || customers >= MIN_CUSTOMERS as f64;
        let may_be_shown = |bin: &&Bin| may_be_told(bin.before) && may_be_told(bin.now);
        let changed = bins.iter().filter(may_be_shown).map(|bin| (bin, change(bin)));
        let changed = changed.filter(|&(_, change)| change > 0.0);
        // Of equal ones the first, which is the most frequent.
        let most = changed.reduce(|most, next| if next.1 > most.1 { next } else { most });
        let largest_shift = most.map(|(bin, _)| Shift {
            value: bin.value.clone(),
            share_before: rounded(bin.before / before),
            share: rounded(bin.now / now),
        });
        let a_value_moved = bins.iter().any(|bin| bin.doubled_or_halved(before, now, chance / bins.len() as f64));
        let level = match difference {
            Difference { p_value, .. } if p_value >= chance && !a_value_moved => DriftLevel::Steady,
            Difference { total_variation, .. } if total_variation >= DRIFTED_FROM => DriftLevel::Drifted,
            Difference { total_variation, .. } if total_variation >= SHIFTED_FROM => DriftLevel::Shifted,
            _ if a_value_moved => DriftLevel::Shifted,
            _ => DriftLevel::Steady,
        };
        let unlisted = Unlisted::of(bins);
        let by_new_values = unlisted.as_ref().map_or(DriftLevel::Steady, |unlisted| unlisted.level(chance));
        let p_value = match (&unlisted, by_new_values) {
            (Some(unlisted), DriftLevel::Shifted | DriftLevel::Drifted) => difference.p_value.min(unlisted.p_value),
            _ => difference.p_value,
        };
        let (psi, by_chance) = stability_index(bins);
        Self {
            title,
            known_share: 1.0,
            psi: rounded(psi),
            by_chance: rounded(by_chance),
            total_variation: rounded(difference.total_variation),
            unseen_share: unlisted.map(|unlisted| rounded(unlisted.now)),
            p_value: (p_value * 1e6).round() / 1e6,
            level: level.max(by_new_values),
            largest_shift,
        }
    }
}

fn totals(bins: &[Bin]) -> (f64, f64) {
    bins.iter().fold((0.0, 0.0), |(before, now), bin| (before + bin.before, now + bin.now))
}

/// The population stability index, and what chance alone exceeds once in a hundred times. No bin counts with less than
/// half a customer of the smaller side, nor with less than 0.0001.
fn stability_index(bins: &[Bin]) -> (f64, f64) {
    let (before, now) = totals(bins);
    let floor = MIN_SHARE.max(0.5 / before.min(now));
    let term = |bin: &Bin| {
        let (p, q) = ((bin.before / before).max(floor), (bin.now / now).max(floor));
        (p - q) * (p / q).ln()
    };
    let n_bins = bins.iter().filter(|bin| bin.before > 0.0 || bin.now > 0.0).count();
    let by_chance = chi_squared_99(n_bins.saturating_sub(1)) * (1.0 / before + 1.0 / now);
    (bins.iter().map(term).sum(), by_chance)
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

fn by_title<S: Serializer>(columns: &[ColumnDrift], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(columns.iter().map(|column| (&column.title, column)))
}

impl DriftLevel {
    /// The level in one word, such as `steady`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Moving => "moving",
            Self::Shifted => "shifted",
            Self::Drifted => "drifted",
        }
    }
}

#[cfg(test)]
mod tests;
