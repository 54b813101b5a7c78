//! Values of features and how often they occur: what personas and the trait test count.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::customer::{Feature, FeatureKind, Value};

/// What stands for all rare names of a column, and for all rare parts of its dates.
pub(super) const OTHER: &str = "Other";

/// One value of a trait. Ordered so that ties in frequency break the same way every time.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TraitValue {
    /// A year, a month, a quarter.
    Whole(i64),
    /// The mean of a numeric column.
    Mean(f64),
    /// A category's or a level's name.
    Name(String),
}

/// How often each value of one feature occurs among some customers.
#[derive(Debug, Clone, PartialEq)]
pub struct TraitCounts {
    /// The feature's title, such as `Location`.
    pub title: String,
    /// The persona's key, such as `Top_Locations`.
    pub key: String,
    /// How many values the persona shows.
    pub top: usize,
    /// The customers that were counted, with a value or without: what shares are of.
    pub customers: u64,
    /// Values and their customers, most frequent first, ties in the order of the values. For a numeric feature its
    /// mean alone, with the customers that have a number.
    pub counts: Vec<(TraitValue, u64)>,
    /// Whether a value `Other` stands for rare or withheld values; else it is a level with that name.
    pub has_pooled: bool,
}

pub(super) fn trait_counts(feature: &Feature<'_>, tally: Vec<(TraitValue, u64)>, customers: u64) -> TraitCounts {
    TraitCounts {
        title: feature.title.to_owned(),
        key: feature.persona.key.clone(),
        top: feature.persona.top,
        customers,
        has_pooled: feature.kind.merges_rare(),
        counts: match feature.kind {
            FeatureKind::Number => mean_of(tally),
            FeatureKind::Category | FeatureKind::DatePart(_) | FeatureKind::Ordinal(_) => ranked(tally),
        },
    }
}

/// Merges equal values (many days have one month) and puts the most frequent first.
pub(super) fn ranked(mut counts: Vec<(TraitValue, u64)>) -> Vec<(TraitValue, u64)> {
    counts.sort_by(|a, b| a.0.total_order(&b.0));
    counts.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 += later.1;
        }
        same
    });
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    counts
}

fn mean_of(mut counts: Vec<(TraitValue, u64)>) -> Vec<(TraitValue, u64)> {
    // A sum of fractions depends on its order, and the mean must not.
    counts.sort_by(|a, b| a.0.total_order(&b.0));
    let n: u64 = counts.iter().map(|&(_, count)| count).sum();
    let sum: f64 = counts.iter().map(|(value, count)| value.as_f64() * *count as f64).sum();
    if n == 0 { Vec::new() } else { vec![(TraitValue::Mean(sum / n as f64), n)] }
}

impl TraitValue {
    /// What a cell's value is in the eyes of one feature; `None` where it cannot have one. A part of a date that is
    /// withheld is [`OTHER`], as a rare name is.
    pub(super) fn of(feature: &Feature<'_>, value: &Value) -> Option<Self> {
        Some(match (feature.kind, value) {
            (FeatureKind::Category, Value::Text(name)) => Self::Name(name.clone()),
            (FeatureKind::Ordinal(levels), Value::Level(level)) => Self::Name(levels.get(*level as usize)?.clone()),
            (FeatureKind::DatePart(part), value) if part.is_withheld(value) => Self::Name(OTHER.to_owned()),
            (FeatureKind::DatePart(part), value) => Self::Whole(part.of(value)?),
            (FeatureKind::Number, Value::Number(number)) => Self::Mean(*number),
            _ => return None,
        })
    }

    /// Whether it stands for values that are too rare to be told, and so is no value that customers have in common.
    pub fn is_other(&self) -> bool {
        matches!(self, Self::Name(name) if name == OTHER)
    }

    fn as_f64(&self) -> f64 {
        match self {
            Self::Whole(whole) => *whole as f64,
            Self::Mean(mean) => *mean,
            Self::Name(_) => 0.0,
        }
    }

    /// A total order of the values of one feature.
    pub(super) fn total_order(&self, other: &Self) -> std::cmp::Ordering {
        self.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal)
    }
}

impl fmt::Display for TraitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => write!(f, "{whole}"),
            Self::Mean(mean) => f.write_str(&readable(*mean)),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A number with one decimal, or as many as four digits take, and without zeros at the end: 1984, 12.35, 0.0753.
fn readable(number: f64) -> String {
    let leading = if number == 0.0 || !number.is_finite() { 0 } else { number.abs().log10().floor() as i32 };
    let decimals = usize::try_from(3 - leading).unwrap_or_default().clamp(1, 12);
    let text = format!("{number:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
