//! Slices of a day's budget, where several machines spend it together.
//!
//! A machine leases a slice before it spends any of it, and spends it from its own ledger. What is leased of a day never
//! exceeds the day's budget, so neither does what all machines spend together; a machine that is lost takes with it what
//! it had left of its slice.

use std::fmt::Debug;
use std::io;

use jiff::civil::Date;

/// Tolerance for sums of binary fractions.
pub(super) const HARDLY_ANYTHING: f64 = 1e-9;

/// The share of a day's budget that a slice is.
const SLICE: f64 = 0.05;

/// Where slices are leased. Blocking.
pub trait Lessor: Debug + Send + Sync {
    /// Leases a slice; what was leased, in US dollars, and 0 where less is left than is needed.
    ///
    /// # Errors
    /// When it is not known whether anything was leased. Then nothing of it may be spent.
    fn lease(&self, lease: &Lease) -> io::Result<f64>;
}

/// What is to be leased.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// The day (UTC) whose budget it is.
    pub day: Date,
    /// Whose budget it is, where it is a key's.
    pub key: Option<String>,
    /// The whole budget, in US dollars.
    pub budget_usd: f64,
    /// The least that is of use.
    pub needed_usd: f64,
    /// The most that is wanted.
    pub wanted_usd: f64,
}

impl Lease {
    /// A slice for a call that needs so much.
    pub(super) fn of(day: Date, key: Option<String>, budget_usd: f64, needed_usd: f64) -> Self {
        Self { day, key, budget_usd, needed_usd, wanted_usd: needed_usd.max(budget_usd * SLICE) }
    }

    /// What can be leased where so much of the budget is leased already.
    pub fn grant(&self, leased_usd: f64) -> f64 {
        let left_usd = self.budget_usd - leased_usd;
        if left_usd + HARDLY_ANYTHING < self.needed_usd { 0.0 } else { self.wanted_usd.min(left_usd) }
    }
}
