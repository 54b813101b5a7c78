//! Pairs of columns: whether their values still go together as they did in the training.

use super::bins::{Bin, positions};
use super::{ColumnDrift, DriftLevel, MAX_VALUES};
use crate::customer::{CustomerTable, FeatureKind, Value};
use crate::pipeline::association::{Coded, Expected};
use crate::pipeline::stretches;
use crate::pipeline::training_profile::{Histogram, TrainingProfile};

impl TrainingProfile {
    /// The pairs of steady columns whose values no longer go together as they did.
    pub(super) fn moved_associations(
        &self,
        table: &CustomerTable,
        columns: &[ColumnDrift],
        chance: f64,
    ) -> Vec<ColumnDrift> {
        let coded: Vec<Coded> = self.coded(table);
        let is_steady =
            |title: &String| columns.iter().any(|row| row.title == *title && row.level == DriftLevel::Steady);
        let moved = self.associations.iter().filter(|association| association.titles.iter().all(is_steady));
        let moved = moved.filter_map(|association| {
            let [a, b] = association.titles.each_ref().map(|title| coded.iter().find(|coded| coded.title == *title));
            let name = |title: &str, position: u32| self.value_name(title, position).unwrap_or_default();
            let [left, right] = &association.titles;
            let bin = |one: Expected| {
                let pair = one.pair.map(|(a, b)| format!("{}, {}", name(left, a), name(right, b)));
                Bin::new(pair.unwrap_or_else(|| "other pairs".to_owned()), one.before, one.now)
            };
            let bins: Vec<Bin> = association.expected(table, a?, b?).into_iter().map(bin).collect();
            Some(ColumnDrift::new(format!("{left} × {right}"), &bins, chance))
        });
        moved.filter(|row| row.level != DriftLevel::Steady).collect()
    }

    /// Where the values of the features that can be associated stand in their histograms.
    pub(in crate::pipeline) fn coded(&self, table: &CustomerTable) -> Vec<Coded> {
        let mut coded = Vec::new();
        for feature in table.schema().features().filter(|f| !matches!(f.kind, FeatureKind::DatePart(_))) {
            let Some(profile) = self.features.iter().find(|profile| profile.title == feature.title) else { continue };
            let Some(column) = table.columns().get(feature.column) else { continue };
            let positions = match &profile.histogram {
                Histogram::Values(values) => positions(&feature, profile, values, column),
                Histogram::Stretches { bounds, .. } => column
                    .values
                    .iter()
                    .map(|value| match value {
                        Value::Number(number) => Some(stretches::place(bounds, *number)),
                        _ => None,
                    })
                    .collect(),
            };
            let narrow = |position: Option<usize>| {
                position.filter(|&position| position < MAX_VALUES).and_then(|position| u32::try_from(position).ok())
            };
            let positions = positions.into_iter().map(narrow).collect();
            coded.push(Coded { title: profile.title.clone(), column: feature.column, positions });
        }
        coded
    }

    /// What stands at a position of a feature's histogram.
    fn value_name(&self, title: &str, position: u32) -> Option<String> {
        match &self.features.iter().find(|profile| profile.title == title)?.histogram {
            Histogram::Values(values) => values.get(position as usize).map(|(value, _)| value.to_string()),
            Histogram::Stretches { bounds, .. } => Some(stretches::name(bounds, position as usize)),
        }
    }
}
