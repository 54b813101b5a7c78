//! Where one value of one feature is in an encoded row.

use super::{Block, Encoder};
use crate::customer::{Feature, FeatureKind, Schema, Value};
use crate::pipeline::TraitValue;
use crate::pipeline::contradiction::is_same;
use crate::pipeline::scaler::Scaler;
use crate::pipeline::spellings::Spellings;

impl Encoder {
    /// The column that holds the value `value` of the schema's feature number `index`, and what stands there for it;
    /// `None` where training never saw it, for a number, and for a
    /// feature that only describes.
    pub(in crate::pipeline) fn encoded(
        &self,
        index: usize,
        feature: &Feature<'_>,
        value: &TraitValue,
        scaler: &Scaler,
    ) -> Option<(usize, f32)> {
        let (before, block) = (self.blocks.get(..index)?, self.blocks.get(index)?);
        let start: usize = before.iter().map(Block::width).sum();
        match (block, feature.kind) {
            (Block::OneHot(values), _) => {
                let position = values.iter().position(|known| is_same(known, value))?;
                Some((start + position, self.weight(index)))
            }
            (Block::Scaled, FeatureKind::Ordinal(levels)) => {
                let level = levels.iter().position(|level| is_same(&TraitValue::Name(level.clone()), value))?;
                let n_scaled = before.iter().filter(|block| matches!(block, Block::Scaled)).count();
                // Levels count from 1.
                Some((start, scaler.scale(n_scaled, (level + 1) as f64) as f32 * self.weight(index)))
            }
            (Block::Scaled | Block::Described(_), _) => None,
        }
    }

    /// Whether the schema's feature number `index` lists this name or part of a date, under any of its spellings; of
    /// levels and numbers, which it has no list of, always.
    pub(in crate::pipeline) fn lists(&self, index: usize, feature: &Feature<'_>, value: &Value) -> bool {
        let has_list = matches!(feature.kind, FeatureKind::Category | FeatureKind::DatePart(_));
        let Some(block) = self.blocks.get(index) else { return false };
        !has_list || block.position(feature, value, &Spellings::default()).is_some()
    }

    /// The name or part of a date as the schema's feature number `index` lists it, under any of its spellings.
    pub(in crate::pipeline) fn listed(&self, index: usize, value: &TraitValue) -> Option<&TraitValue> {
        let known = self.blocks.get(index)?.values();
        let same = known.binary_search_by(|known| known.total_order(value)).ok();
        known.get(same.or_else(|| Spellings::default().position(value, known.iter()))?)
    }

    /// The columns of an encoded row that hold numbers.
    pub(in crate::pipeline) fn number_columns(&self, schema: &Schema) -> Vec<usize> {
        let (mut columns, mut start) = (Vec::new(), 0);
        for (block, feature) in self.blocks.iter().zip(schema.features()) {
            if matches!((block, feature.kind), (Block::Scaled, FeatureKind::Number)) {
                columns.push(start);
            }
            start += block.width();
        }
        columns
    }

    /// Whether the schema's feature number `index` decides no segment, so that encoded rows do not tell it.
    pub(in crate::pipeline) fn only_describes(&self, index: usize) -> bool {
        matches!(self.blocks.get(index), Some(Block::Described(_)))
    }
}
