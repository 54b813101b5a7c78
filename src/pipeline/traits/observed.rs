//! Whether a trained trait is true of the rows at hand.

use super::count::{Subject, Tallies};
use super::statistics::quartiles;
use super::trait_test::{OF_ALL, OF_MOST};
use super::{Claim, Distinction, Distinguishing, DistinguishingNumber, DistinguishingValue, MIN_CUSTOMERS};
use crate::pipeline::TraitValue;

/// What rows say of a trained trait.
enum Verdict {
    /// They have it, as far as its claim goes.
    BorneOut,
    /// They have something else.
    Contradicted,
    /// Too few of them have a value.
    Unknown,
}

impl Tallies<'_> {
    /// What of `trained` the rows of a group do not contradict. Of so few rows nothing is known to be as everywhere.
    ///
    /// Fewer than [`MIN_CUSTOMERS`] rows with a value neither contradict a trait nor bear it out, or what is said of
    /// them would tell what they are: the trait is then said to be more frequent, and of none of them.
    pub fn uncontradicted(&self, group: usize, trained: &Distinction) -> Distinction {
        let subjects = Subject::all(self.schema());
        let stands = |trained: &Distinguishing| match trained {
            Distinguishing::Value(value) => match self.verdict_on(&subjects, group, value) {
                Verdict::Contradicted => None,
                Verdict::BorneOut => Some(trained.clone()),
                Verdict::Unknown => {
                    Some(Distinguishing::Value(DistinguishingValue { claim: Claim::MoreOften, ..value.clone() }))
                }
            },
            Distinguishing::Number(number) => {
                (!self.contradicts_number(&subjects, group, number)).then(|| trained.clone())
            }
        };
        let distinguishing = trained.distinguishing.iter().filter_map(stands).collect();
        Distinction { distinguishing, ..Distinction::default() }
    }

    /// Whether so many of the group's rows have the value as its claim says: of those with a value no fewer may have
    /// it, and of all rows enough must.
    fn verdict_on(&self, subjects: &[Subject<'_>], group: usize, trained: &DistinguishingValue) -> Verdict {
        let (mut n, mut k) = (0, 0);
        for subject in subjects.iter().filter(|subject| subject.key == trained.key && !subject.is_number()) {
            let counts = self.counts(subject);
            let own = counts.line(group);
            let has_value = counts.values.iter().zip(own).filter(|&(value, _)| subject.told(value) == trained.value);
            k += has_value.map(|(_, &customers)| customers).sum::<u64>();
            n = n.max(own.iter().sum::<u64>());
        }
        let is_too_little = |share: f64| match trained.claim {
            Claim::All => share < OF_ALL,
            Claim::Most => share <= OF_MOST,
            Claim::MoreOften => share < trained.share_overall,
        };
        let share_of = |rows: u64| k as f64 / rows.max(1) as f64;
        match n >= MIN_CUSTOMERS {
            true if is_too_little(share_of(n)) => Verdict::Contradicted,
            true if !is_too_little(share_of(self.customers(group))) => Verdict::BorneOut,
            _ => Verdict::Unknown,
        }
    }

    /// Whether the group's median is on the other side of everybody's; not where too few have a number.
    fn contradicts_number(&self, subjects: &[Subject<'_>], group: usize, trained: &DistinguishingNumber) -> bool {
        let Some(subject) = subjects.iter().find(|subject| subject.key == trained.key) else { return true };
        let counts = self.counts(subject);
        let numbers = counts.values.iter().zip(counts.line(group)).filter_map(|(value, &customers)| match value {
            TraitValue::Mean(number) => Some((*number, customers)),
            TraitValue::Whole(_) | TraitValue::Name(_) => None,
        });
        let has_enough = numbers.clone().map(|(_, customers)| customers).sum::<u64>() >= MIN_CUSTOMERS;
        let median = quartiles(numbers).filter(|_| has_enough).map(|[_, median, _]| median);
        median.is_some_and(|median| (median - trained.median_overall) * trained.difference_sd < 0.0)
    }
}
