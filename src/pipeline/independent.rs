//! The features that are no function of another.

use crate::customer::{DatePart, Feature, FeatureKind, Schema};

/// The features for which `counts` is true, with their numbers; of a date one part: its month, else its quarter, else
/// its year. A quarter follows from its month, and a base that does not cover whole years has other months in its last
/// one.
pub(super) fn independent(schema: &Schema, counts: impl Fn(&Feature<'_>) -> bool) -> Vec<(usize, Feature<'_>)> {
    let all: Vec<(usize, Feature<'_>)> = schema.features().enumerate().filter(|(_, feature)| counts(feature)).collect();
    let rank = |kind: &FeatureKind<'_>| match kind {
        FeatureKind::DatePart(DatePart::Month) => 0,
        FeatureKind::DatePart(DatePart::Quarter) => 1,
        FeatureKind::DatePart(DatePart::Year) => 2,
        FeatureKind::Category | FeatureKind::Ordinal(_) | FeatureKind::Number => 0,
    };
    let is_best = |(_, feature): &&(usize, Feature<'_>)| {
        let siblings = all.iter().filter(|(_, other)| other.column == feature.column);
        siblings.map(|(_, other)| rank(&other.kind)).min() == Some(rank(&feature.kind))
    };
    all.iter().filter(is_best).cloned().collect()
}
