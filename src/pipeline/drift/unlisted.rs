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

#[cfg(test)]
mod tests {
    use super::*;

    /// Customers by town, of 300 towns of which each has 1/n of the first one's customers.
    fn long_tail(n: usize, state: &mut u64) -> Vec<f64> {
        let ends: Vec<f64> = (1..=300)
            .scan(0.0, |sum, town| {
                *sum += 1.0 / f64::from(town);
                Some(*sum)
            })
            .collect();
        let mut counts = vec![0.0; ends.len()];
        for _ in 0..n {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let drawn = (*state >> 11) as f64 / (1_u64 << 53) as f64 * ends[ends.len() - 1];
            counts[ends.partition_point(|&end| end <= drawn).min(ends.len() - 1)] += 1.0;
        }
        counts
    }

    #[test]
    fn rare_towns_of_other_customers_are_no_new_values() {
        let mut state = 7;
        for (trained, n) in [(1_000, 30), (1_000, 200), (1_000, 2_000), (5_000, 200), (5_000, 20_000)] {
            let tables = 200;
            let alarms = (0..tables).filter(|_| {
                let (before, now) = (long_tail(trained, &mut state), long_tail(n, &mut state));
                let (mut bins, mut other) = (Vec::new(), Bin { is_unlisted: true, ..Bin::new("Other", 0.0, 0.0) });
                for (before, now) in before.into_iter().zip(now) {
                    match before >= 10.0 {
                        true => bins.push(Bin::new("", before, now)),
                        false => (other.before, other.now) = (other.before + before, other.now + now),
                    }
                }
                bins.push(other);
                Unlisted::of(&bins).unwrap().level(0.01 / 8.0) != DriftLevel::Steady
            });
            let alarms = alarms.count();
            assert!(alarms <= tables / 50, "{alarms} of {tables} tables of {n}");
        }
    }
}
