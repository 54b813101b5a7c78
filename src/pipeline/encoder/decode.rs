//! Back from numbers to values: what an encoded profile says.

use ndarray::ArrayView1;

use super::super::TraitValue;
use super::super::scaler::Scaler;
use super::{Block, Encoder};
use crate::customer::{FeatureKind, Schema};

/// How far a scaled level may be from its rank. What is farther was a missing value: it is encoded as the mean.
const RANK_TOLERANCE: f64 = 1e-3;
/// Significant digits of a number that was scaled in single precision.
const DIGITS: i32 = 6;

impl Encoder {
    /// The value of each feature of an encoded row, in the schema's order; `None` where it has none, where the feature
    /// only describes, and of a number that is the mean itself.
    pub(in crate::pipeline) fn decode(
        &self,
        schema: &Schema,
        scaler: &Scaler,
        row: ArrayView1<'_, f32>,
    ) -> Vec<Option<TraitValue>> {
        let (mut start, mut scaled) = (0, 0);
        let mut values = Vec::new();
        for (index, (block, feature)) in self.blocks.iter().zip(schema.features()).enumerate() {
            values.push(match block {
                // It has no column.
                Block::Described(_) => None,
                Block::OneHot(known) => {
                    let hot = |&at: &usize| row.get(start + at).is_some_and(|&bit| bit > 0.0);
                    (0..known.len()).find(hot).and_then(|at| known.get(at).cloned())
                }
                Block::Scaled => {
                    let slot = row.get(start).copied().unwrap_or_default() / self.weight(index);
                    let number = scaler.unscale(scaled, f64::from(slot));
                    scaled += 1;
                    scaled_value(feature.kind, slot, feature.scale.undo(number))
                }
            });
            start += block.width();
        }
        values
    }
}

fn scaled_value(kind: FeatureKind<'_>, slot: f32, number: f64) -> Option<TraitValue> {
    match kind {
        FeatureKind::Ordinal(levels) => {
            let rank = number.round();
            let level = levels.get((rank as usize).checked_sub(1)?)?;
            ((number - rank).abs() < RANK_TOLERANCE).then(|| TraitValue::Name(level.clone()))
        }
        _ if slot == 0.0 => None,
        _ => Some(TraitValue::Mean(significant(number))),
    }
}

fn significant(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let unit = 10_f64.powi(DIGITS - 1 - number.abs().log10().floor() as i32);
    (number * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_precision_leaves_no_trace() {
        assert_eq!([0.1_f32, 1234.5, -3.0e7].map(|n| significant(f64::from(n))), [0.1, 1234.5, -3.0e7]);
        assert_eq!(significant(0.0), 0.0);
    }
}
