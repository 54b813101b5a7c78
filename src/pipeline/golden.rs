//! A few customers whose segments are known, to tell whether a model still says the same of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AssignError, Fitted, Model, SegmentId, TraitValue};
use crate::customer::{CustomerTable, FeatureKind, MIN_CUSTOMERS, Value};

/// Customers of a sample, at most.
const MAX_CUSTOMERS: usize = 256;

/// Training customers, the schema's columns alone and of each day its year and month, with their segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenSample {
    customers: CustomerTable,
    segments: Vec<Option<SegmentId>>,
}

/// How far a model agrees with a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// Customers who are where the sample says.
    pub agreeing: usize,
    /// Customers of the sample.
    pub of: usize,
}

impl GoldenSample {
    /// Up to 256 customers, evenly spaced over the profiles of each segment and of those outside; none with a level
    /// that fewer than ten have. Whatever the order of the rows, the sample is the same.
    pub fn take(table: &CustomerTable, fitted: &Fitted) -> Self {
        let mut rows_of: BTreeMap<Option<SegmentId>, Vec<usize>> = BTreeMap::new();
        let few = few_levels(table, fitted);
        let has_few = |row: usize| {
            let mut levels = few.iter().map(|(column, levels)| (table.columns().get(*column), levels));
            levels
                .any(|(column, levels)| column.and_then(|column| column.value(row)).is_some_and(|v| levels.contains(v)))
        };
        for (row, &segment) in fitted.segment_of_row.iter().enumerate().filter(|&(row, _)| !has_few(row)) {
            rows_of.entry(segment).or_default().push(row);
        }
        let profile = |row: usize| fitted.profile_of_row.get(row).copied();
        for rows in rows_of.values_mut() {
            rows.sort_by(|&a, &b| profile(a).cmp(&profile(b)).then_with(|| table.compare_rows(a, b)));
            rows.dedup_by_key(|row| profile(*row));
        }
        let quota = (MAX_CUSTOMERS / rows_of.len().max(1)).max(1);
        let spaced = |rows: &Vec<usize>| {
            let step = rows.len().div_ceil(quota).max(1);
            rows.iter().copied().step_by(step).collect::<Vec<_>>()
        };
        let rows: Vec<usize> = rows_of.values().flat_map(spaced).take(MAX_CUSTOMERS).collect();
        let segments = rows.iter().map(|&row| fitted.segment_of_row.get(row).copied().flatten()).collect();
        Self { customers: fitted.model.as_seen(table).excerpt(&rows), segments }
    }

    /// Places the customers anew by `model`.
    ///
    /// # Errors
    /// As [`Model::assign`]; [`AssignError::Incomplete`] for a sample whose parts do not fit one another.
    pub fn agreement(&self, model: &Model) -> Result<Agreement, AssignError> {
        if !self.customers.is_whole() || self.customers.n_rows() != self.segments.len() {
            return Err(AssignError::Incomplete);
        }
        let placed = model.assign(&self.customers)?.segments();
        let agreeing = placed.iter().zip(&self.segments).filter(|(placed, expected)| placed == expected).count();
        Ok(Agreement { agreeing, of: self.segments.len() })
    }
}

/// The levels that fewer than ten customers of a training have, by column.
fn few_levels(table: &CustomerTable, fitted: &Fitted) -> Vec<(usize, Vec<Value>)> {
    let features = table.schema().features().zip(&fitted.everyone);
    let of = features.filter_map(|(feature, counts)| {
        let FeatureKind::Ordinal(levels) = feature.kind else { return None };
        let few = counts.counts.iter().filter(|&&(_, customers)| customers < MIN_CUSTOMERS);
        let level = |(name, _): &(TraitValue, u64)| {
            let rank = levels.iter().position(|level| *name == TraitValue::Name(level.clone()))?;
            u32::try_from(rank).ok().map(Value::Level)
        };
        Some((feature.column, few.filter_map(level).collect::<Vec<_>>()))
    });
    of.filter(|(_, few)| !few.is_empty()).collect()
}

impl Agreement {
    /// Whether every customer of the sample is where it says.
    pub fn is_full(self) -> bool {
        self.agreeing == self.of
    }

    /// The share of the customers who are, 0 to 1; 1 for an empty sample.
    pub fn share(self) -> f64 {
        if self.of == 0 { 1.0 } else { self.agreeing as f64 / self.of as f64 }
    }
}
