//! The bins in which customers before and now are compared, and how many each has.

use super::{MAX_MERGED, MAX_VALUES, MIN_CHANGE};
use crate::customer::{CustomerColumn, CustomerTable, Feature, FeatureKind, Value};
use crate::pipeline::difference::Difference;
use crate::pipeline::encoder::OTHER;
use crate::pipeline::spellings::Spellings;
use crate::pipeline::stretches;
use crate::pipeline::training_profile::FeatureProfile;
use crate::pipeline::trait_counts::TraitValue;
use crate::pipeline::traits::Tallies;

/// One bin of a histogram, and how many customers it has on either side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bin {
    pub value: String,
    pub before: f64,
    pub now: f64,
    /// Whether these are values that training never had or had of few.
    pub is_unlisted: bool,
}

impl Bin {
    pub fn new(value: impl Into<String>, before: f64, now: f64) -> Self {
        Self { value: value.into(), before, now, is_unlisted: false }
    }

    /// Values that training never had or had of few.
    fn unlisted(value: impl Into<String>, before: f64) -> Self {
        Self { is_unlisted: true, ..Self::new(value, before, 0.0) }
    }

    /// Whether the share of this value became twice or half of what it was, which matters, and chance does so less
    /// often than `chance`.
    pub fn doubled_or_halved(&self, before: f64, now: f64, chance: f64) -> bool {
        let (p, q) = (self.before / before, self.now / now);
        let is_large = (p - q).abs() >= MIN_CHANGE && p.max(q) >= 2.0 * p.min(q);
        let rest = (before - self.before, now - self.now);
        is_large && Difference::between([(self.before, self.now), rest]).p_value < chance
    }
}

/// How many customers have each value of a column, and how many none.
pub(super) struct ColumnCounts {
    of_code: Vec<u64>,
    pub missing: u64,
}

impl ColumnCounts {
    /// Those of a table's column number `column`.
    pub fn of(tallies: &Tallies<'_>, column: usize) -> Self {
        let everyone = tallies.n_groups();
        let of_code: Vec<u64> = tallies.line(column, everyone).collect();
        let missing = tallies.customers(everyone).saturating_sub(of_code.iter().sum());
        Self { of_code, missing }
    }
}

/// The bins of a feature whose values are counted one by one. Marks the codes that training never saw.
pub(super) fn by_value(
    feature: &Feature<'_>,
    profile: &FeatureProfile,
    trained: &[(TraitValue, u64)],
    (column, counts): (&CustomerColumn, &ColumnCounts),
    unseen: &mut [bool],
) -> Vec<Bin> {
    let bin = |(value, n): &(TraitValue, u64)| match profile.has_rare && *value == TraitValue::Name(OTHER.to_owned()) {
        true => Bin::unlisted(value.to_string(), *n as f64),
        false => Bin::new(value.to_string(), *n as f64, 0.0),
    };
    let mut bins: Vec<Bin> = trained.iter().take(MAX_VALUES).map(bin).collect();
    let less_frequent: u64 = trained.iter().skip(MAX_VALUES).map(|&(_, n)| n).sum();
    let mut known_others = Bin::new("other known values", less_frequent as f64, 0.0);
    let mut others = Bin::unlisted("new or rare values", 0.0);
    // A level that training never saw still has its place on the scale; a name or a year has none.
    let is_scale = matches!(feature.kind, FeatureKind::Ordinal(_) | FeatureKind::Number);
    // Where training left out many names, one that it does not list is ordinary, and may be one of these.
    let all: u64 = trained.iter().map(|&(_, n)| n).sum();
    let merged: f64 = bins.iter().filter(|bin| bin.is_unlisted).map(|bin| bin.before).sum();
    let tells_new = !is_scale && merged <= MAX_MERGED * all as f64;
    let known = known_positions(feature, trained, column);
    let positions = positions(feature, profile, trained, column);
    let places = known.into_iter().zip(positions);
    for ((&rows, unseen), (known, position)) in counts.of_code.iter().zip(unseen).zip(places) {
        *unseen |= known.is_none() && tells_new;
        let bin = match position {
            Some(position) => bins.get_mut(position).unwrap_or(&mut known_others),
            None => &mut others,
        };
        bin.now += rows as f64;
    }
    if less_frequent > 0 {
        bins.push(known_others);
    }
    bins.push(others);
    bins
}

/// For each code of a column the place of its value in the training's histogram: where training merged rare names,
/// those that it does not list are one of its values.
pub(super) fn positions(
    feature: &Feature<'_>,
    profile: &FeatureProfile,
    trained: &[(TraitValue, u64)],
    column: &CustomerColumn,
) -> Vec<Option<usize>> {
    let rare_name = TraitValue::Name(OTHER.to_owned());
    let merged = trained.iter().position(|(value, _)| profile.has_rare && *value == rare_name);
    let positions = known_positions(feature, trained, column).into_iter().zip(&column.values);
    let has_value = |value: &Value| TraitValue::of(feature, value).is_some();
    positions.map(|(position, value)| position.or(merged.filter(|_| has_value(value)))).collect()
}

/// The same; `None` for what training does not list.
fn known_positions(
    feature: &Feature<'_>,
    trained: &[(TraitValue, u64)],
    column: &CustomerColumn,
) -> Vec<Option<usize>> {
    let mut positions: Vec<(&TraitValue, usize)> = trained.iter().map(|(value, _)| value).zip(0..).collect();
    positions.sort_by(|a, b| a.0.total_order(b.0));
    let spellings = Spellings::default();
    let position = |value: &Value| {
        let value = TraitValue::of(feature, value)?;
        let found = positions.binary_search_by(|(known, _)| known.total_order(&value)).ok();
        let as_it_is = found.and_then(|found| positions.get(found)).map(|&(_, position)| position);
        as_it_is.or_else(|| spellings.position(&value, trained.iter().map(|(value, _)| value)))
    };
    column.values.iter().map(position).collect()
}

/// The bins of a number: the training's stretches.
pub(super) fn by_stretch(
    bounds: &[f64],
    trained: &[u64],
    (column, counts): (&CustomerColumn, &ColumnCounts),
) -> Vec<Bin> {
    let mut bins: Vec<Bin> =
        trained.iter().enumerate().map(|(i, &n)| Bin::new(stretches::name(bounds, i), n as f64, 0.0)).collect();
    for (value, &rows) in column.values.iter().zip(&counts.of_code) {
        let Value::Number(number) = value else { continue };
        if let Some(bin) = bins.get_mut(stretches::place(bounds, *number)) {
            bin.now += rows as f64;
        }
    }
    bins
}

/// Customers with at least one of the codes that are marked.
pub(super) fn n_unseen(table: &CustomerTable, unseen_codes: &[Vec<bool>]) -> u64 {
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
