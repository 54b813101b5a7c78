//! Which values of two columns go together, and whether they still do.
//!
//! Columns can each be as they were while what went together no longer does: the towns of a rich quarter buy what the
//! others buy. So each pair of columns is compared as well, where both are steady by themselves: with the shares q of
//! now, and the p before, a pair of values is expected to have the share q_a · q_b · p_ab / (p_a · p_b).
//!
//! Dates are left out: what goes together with new ones cannot be known. Pairs of fewer than ten customers are written
//! down nowhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::customer::{CustomerTable, MIN_CUSTOMERS};

/// Pairs of columns that are compared, the first ones of a schema.
const MAX_PAIRS: usize = 28;

/// How often the values of two columns go together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// The two features' titles.
    pub titles: [String; 2],
    /// Customers by the value of each, by its position in the feature's histogram, among those with both.
    sides: [BTreeMap<u32, u64>; 2],
    /// Customers by both values, of pairs that ten or more have.
    pairs: Vec<(u32, u32, u64)>,
}

/// One feature of a table: its title, its column, and for each of the column's codes the position in the histogram.
pub(super) struct Coded {
    pub title: String,
    pub column: usize,
    pub positions: Vec<Option<u32>>,
}

/// A pair of values, as the share that is expected and the customers that are found.
pub(super) struct Expected {
    /// The two positions; `None` for all pairs that are not listed.
    pub pair: Option<(u32, u32)>,
    /// What the training leads one to expect, in customers of the training.
    pub before: f64,
    /// Customers now.
    pub now: f64,
}

impl Association {
    /// The associations of every two of these features of `table`.
    pub(super) fn all(table: &CustomerTable, features: &[Coded]) -> Vec<Self> {
        let pairs = features.iter().enumerate().flat_map(|(at, a)| features.iter().skip(at + 1).map(move |b| (a, b)));
        let counted = pairs.filter(|(a, b)| a.column != b.column).take(MAX_PAIRS).map(|(a, b)| {
            let mut association = Self::count(table, a, b);
            association.pairs.retain(|&(_, _, customers)| customers >= MIN_CUSTOMERS);
            association
        });
        counted.filter(|association| !association.pairs.is_empty()).collect()
    }

    /// Every pair of values, however few customers have it.
    fn count(table: &CustomerTable, a: &Coded, b: &Coded) -> Self {
        let width = |coded: &Coded| coded.positions.iter().flatten().max().map_or(0, |&last| last as usize + 1);
        let (width_a, width_b) = (width(a), width(b));
        let mut cells = vec![0_u64; width_a * width_b];
        let [left, right] = [a, b].map(|coded| table.columns().get(coded.column).map_or(&[][..], |c| &c.codes));
        let position = |coded: &Coded, code: u32| coded.positions.get(code as usize).copied().flatten();
        for ((&left, &right), weight) in left.iter().zip(right).zip(table.weights()) {
            let (Some(left), Some(right)) = (position(a, left), position(b, right)) else { continue };
            if let Some(customers) = cells.get_mut(left as usize * width_b + right as usize) {
                *customers += u64::from(weight);
            }
        }
        let (mut sides, mut pairs): ([BTreeMap<u32, u64>; 2], Vec<_>) = Default::default();
        for (line, left) in cells.chunks(width_b.max(1)).zip(0..) {
            for (&customers, right) in line.iter().zip(0..).filter(|(customers, _)| **customers > 0) {
                pairs.push((left, right, customers));
                let [lefts, rights] = &mut sides;
                *lefts.entry(left).or_insert(0) += customers;
                *rights.entry(right).or_insert(0) += customers;
            }
        }
        Self { titles: [a.title.clone(), b.title.clone()], sides, pairs }
    }

    /// Customers with a value in both columns.
    fn customers(&self) -> f64 {
        let [lefts, _] = &self.sides;
        lefts.values().sum::<u64>() as f64
    }

    fn share(&self, side: usize, position: u32) -> f64 {
        let customers = self.sides.get(side).and_then(|side| side.get(&position)).copied().unwrap_or(0);
        customers as f64 / self.customers().max(1.0)
    }

    /// What is to be expected of the customers of `table`, and what is found; the features are the two of this one.
    pub(super) fn expected(&self, table: &CustomerTable, a: &Coded, b: &Coded) -> Vec<Expected> {
        let now = Self::count(table, a, b);
        let (all, all_now) = (self.customers(), now.customers());
        let found: BTreeMap<(u32, u32), u64> = now.pairs.iter().map(|&(a, b, customers)| ((a, b), customers)).collect();
        let mut expected: Vec<Expected> = self
            .pairs
            .iter()
            .map(|&(a, b, customers)| {
                let together = customers as f64 / all / (self.share(0, a) * self.share(1, b));
                let before = together * now.share(0, a) * now.share(1, b) * all;
                Expected { pair: Some((a, b)), before, now: found.get(&(a, b)).copied().unwrap_or(0) as f64 }
            })
            .collect();
        let (before, found) = expected.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.before, sum.1 + one.now));
        expected.push(Expected { pair: None, before: (all - before).max(0.0), now: (all_now - found).max(0.0) });
        expected
    }
}
