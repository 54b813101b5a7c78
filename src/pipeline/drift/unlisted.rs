//! New and rare values of a column: how frequent they are now, and whether chance makes them so.

use super::bins::Bin;
use super::{DRIFTED_FROM, DriftLevel, SHIFTED_FROM, totals};
use crate::pipeline::hypergeometric::chance_of_as_many;

/// The values of a column that training never had, or had of few.
pub(super) struct Unlisted {
    /// Their shares.
    before: f64,
    pub now: f64,
    /// How likely chance alone is to give so many customers one of them.
    pub p_value: f64,
}

impl Unlisted {
    /// `None` where values are not told apart by name.
    pub fn of(bins: &[Bin]) -> Option<Self> {
        let own: Vec<Bin> = bins.iter().filter(|bin| bin.is_unlisted).cloned().collect();
        let ((all_before, all_now), (before, now)) = (totals(bins), totals(&own));
        (!own.is_empty()).then(|| Self {
            before: before / all_before,
            now: now / all_now,
            p_value: chance_of_as_many((before, all_before), (now, all_now)),
        })
    }

    /// New values have to be twice as frequent as rare ones were: that these were rare is how they were chosen.
    pub fn level(&self, chance: f64) -> DriftLevel {
        match self.now - self.before {
            _ if self.p_value >= chance || self.now < 2.0 * self.before => DriftLevel::Steady,
            more if more >= DRIFTED_FROM => DriftLevel::Drifted,
            more if more >= SHIFTED_FROM => DriftLevel::Shifted,
            _ => DriftLevel::Steady,
        }
    }
}
