//! A few customers whose segments are known, to tell whether a model still says the same of them.
//!
//! They are nobody's rows: rare names and levels are merged or left out, of a day its year and month are kept, and a
//! number is the median of ten customers or more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AssignError, Fitted, Model, SegmentId, TraitValue};
use crate::customer::{CustomerColumn, CustomerTable, FeatureKind, MIN_CUSTOMERS, MISSING, Value};

/// Customers of a sample, at most.
const MAX_CUSTOMERS: usize = 256;
/// Parts that the range of a number is cut into, at most; each has [`MIN_CUSTOMERS`] or more.
const MAX_PARTS: u64 = 20;

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
    /// that fewer than ten have. Whatever the order of the rows, the sample is the same. Where there are numbers, each
    /// is the median of its neighbourhood, and the segments are where the model places such customers.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn take(table: &CustomerTable, fitted: &Fitted) -> Result<Self, AssignError> {
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
        let seen = fitted.model.as_seen(table);
        let customers = seen.excerpt(&rows);
        if table.schema().features().any(|feature| feature.kind == FeatureKind::Number) {
            let customers = in_medians(&customers, &seen);
            let segments = fitted.model.assign_as_trained(&customers)?.segments();
            return Ok(Self { customers, segments });
        }
        let segments = rows.iter().map(|&row| fitted.segment_of_row.get(row).copied().flatten()).collect();
        Ok(Self { customers, segments })
    }

    /// Places the customers anew by `model`.
    ///
    /// # Errors
    /// As [`Model::assign`]; [`AssignError::Incomplete`] for a sample whose parts do not fit one another.
    pub fn agreement(&self, model: &Model) -> Result<Agreement, AssignError> {
        if !self.customers.is_whole() || self.customers.n_rows() != self.segments.len() {
            return Err(AssignError::Incomplete);
        }
        let placed = model.assign_as_trained(&self.customers)?.segments();
        let agreeing = placed.iter().zip(&self.segments).filter(|(placed, expected)| placed == expected).count();
        Ok(Agreement { agreeing, of: self.segments.len() })
    }
}

/// The customers of a sample with medians of the customers of `all` in place of their numbers; without a number where
/// too few have one.
fn in_medians(sample: &CustomerTable, all: &CustomerTable) -> CustomerTable {
    let coarse = |(own, all_of): (&CustomerColumn, &CustomerColumn)| {
        let medians = Medians::of(all_of, all);
        let (mut values, mut codes) = (Vec::<Value>::new(), Vec::with_capacity(own.codes.len()));
        for row in 0..own.codes.len() {
            let value = match own.value(row) {
                Some(Value::Number(number)) => medians.near(*number).map(Value::Number),
                other => other.cloned(),
            };
            codes.push(value.map_or(MISSING, |value| {
                let known = values.iter().position(|known| *known == value);
                let place = known.unwrap_or(values.len());
                values.extend(known.is_none().then_some(value));
                u32::try_from(place).unwrap_or(MISSING)
            }));
        }
        CustomerColumn { values, codes }
    };
    sample.with_columns(sample.columns().iter().zip(all.columns()).map(coarse).collect())
}

/// The medians of the parts of a number's range, by the largest number of each part.
struct Medians(Vec<(f64, f64)>);

impl Medians {
    fn of(column: &CustomerColumn, table: &CustomerTable) -> Self {
        let mut numbers: Vec<(f64, u64)> = column
            .codes
            .iter()
            .zip(table.weights())
            .filter_map(|(&code, weight)| match column.values.get(code as usize) {
                Some(Value::Number(number)) => Some((*number, u64::from(weight))),
                _ => None,
            })
            .collect();
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let customers = |part: &[(f64, u64)]| part.iter().map(|&(_, n)| n).sum::<u64>();
        let least = (customers(&numbers) / MAX_PARTS).max(MIN_CUSTOMERS);
        let mut parts: Vec<Vec<(f64, u64)>> = Vec::new();
        for alike in numbers.chunk_by(|a, b| a.0 == b.0) {
            match parts.last_mut() {
                Some(open) if customers(open) < least => open.extend(alike),
                _ => parts.push(alike.to_vec()),
            }
        }
        if parts.last().is_some_and(|last| customers(last) < MIN_CUSTOMERS) {
            let few = parts.pop().unwrap_or_default();
            // Nothing is before them where they are all there are.
            parts.last_mut().into_iter().for_each(|before| before.extend(&few));
        }
        let median = |part: &Vec<(f64, u64)>| {
            let (all, mut so_far) = (customers(part), 0);
            let middle = part.iter().find(|(_, n)| {
                so_far += n;
                2 * so_far >= all
            });
            Some((part.last()?.0, middle?.0))
        };
        Self(parts.iter().filter_map(median).collect())
    }

    /// The median of the part that the number is in.
    fn near(&self, number: f64) -> Option<f64> {
        let place = self.0.partition_point(|&(last, _)| last < number);
        self.0.get(place).or(self.0.last()).map(|&(_, median)| median)
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
