//! Whether a column is in a group as everywhere: what may be said of it where nothing is tellable.
//!
//! A column of which nothing is tellable need not be as everywhere: a share below a tenth, or a lift below 1.25, is not
//! told however sure it is. So the group's distribution, customers without a value among it, is held against everybody
//! else's: by the χ² test of all values, by the z-test of each one, and of numbers by their deciles and by the rank
//! sum. Whatever one of them finds at 5 % is not as everywhere. A constant column is nothing to speak of.

use super::statistics::{Cell, Ranked, rank_sum_p_value};
use super::{MIN_CUSTOMERS, MIN_OBSERVED, shows_the_few_beside};
use crate::pipeline::difference::Difference;

/// Below this probability a column is not as everywhere.
const DIFFERS_BELOW: f64 = 0.05;
/// Parts that the range of a number is cut into.
const PARTS: u64 = 10;

/// A column's customers in a group and in all.
pub(super) struct Likeness<'a> {
    /// Customers of the group and all customers, with a value or without.
    pub customers: (u64, u64),
    /// By value: of the group, and of all.
    pub own: &'a [u64],
    pub all: &'a [u64],
}

impl Likeness<'_> {
    /// Whether names, levels or parts of dates are as everywhere: a column whose values hardly two customers have in
    /// common compares with nothing.
    pub fn of_values(&self) -> bool {
        let shared: u64 = self.all.iter().filter(|&&customers| customers >= MIN_CUSTOMERS).sum();
        if 2 * shared < self.all.iter().sum() {
            return false;
        }
        let (n, big_n) = self.with_value();
        let is_unlike = |(&own, &all): (&u64, &u64)| {
            let cell = Cell { k: own as f64, n: n as f64, big_k: all as f64, big_n: big_n as f64 };
            cell.p_value() * self.own.len() as f64 <= DIFFERS_BELOW
        };
        self.may_be_said()
            && !self.differ(self.own.iter().copied().zip(self.all.iter().copied()))
            && !self.own.iter().zip(self.all).any(is_unlike)
    }

    /// Whether numbers are as everywhere.
    pub fn of_number(&self, numbers: Ranked<'_>) -> bool {
        let (_, big_n) = self.with_value();
        let mut parts = vec![(0, 0); PARTS as usize];
        let mut below = 0;
        for &(_, own, all) in numbers {
            if let Some(part) = parts.get_mut((below * PARTS / big_n.max(1)) as usize) {
                *part = (part.0 + own, part.1 + all);
            }
            below += all;
        }
        self.may_be_said() && !self.differ(parts.into_iter()) && rank_sum_p_value(numbers) > DIFFERS_BELOW
    }

    /// Customers that have a value: of the group, and of all.
    fn with_value(&self) -> (u64, u64) {
        (self.own.iter().sum(), self.all.iter().sum())
    }

    /// Whether there is anything to compare, enough of it, and nothing that would tell of the few beside.
    fn may_be_said(&self) -> bool {
        let (n, big_n) = self.with_value();
        let is_constant = self.all.iter().filter(|&&customers| customers > 0).count() < 2;
        let shows_few = |counts: &[u64]| shows_the_few_beside(counts.iter().copied());
        n.min(big_n - n) >= MIN_OBSERVED && !is_constant && !shows_few(self.own) && !shows_few(self.all)
    }

    /// Whether the χ² test tells the group from everybody else by these cells, each `(group, all)`, and by the
    /// customers without a value.
    fn differ(&self, cells: impl Iterator<Item = (u64, u64)>) -> bool {
        let (n, big_n) = self.with_value();
        let missing = (self.customers.0.saturating_sub(n), self.customers.1.saturating_sub(big_n));
        let beside = cells.chain([missing]).map(|(own, all)| (own as f64, all.saturating_sub(own) as f64));
        Difference::between(beside).p_value <= DIFFERS_BELOW
    }
}
