//! What is reserved for calls that are under way in this process, by day, payer and what was reset since.
//!
//! The ledger counts a reservation as spent from the first moment, so that a crash loses none. Only with these sums can
//! one tell what is spent from what most likely comes back in seconds. What was reserved before a reset counts in no
//! sum after it, here as in the ledger. Another process's reservations are not known here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

use super::ledger::Generation;

/// A day, a payer, or none where calls need no key, and between which resets.
type Of = (Date, Option<Arc<str>>, Generation);

/// All open reservations. Cheap to clone; all clones share them.
#[derive(Debug, Clone, Default)]
pub struct OpenReservations(Arc<Mutex<BTreeMap<Of, Sum>>>);

#[derive(Debug, Default)]
struct Sum {
    n_calls: usize,
    usd: f64,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct OpenReservation {
    all: OpenReservations,
    of: Of,
    usd: f64,
}

/// What is reserved of a day, in US dollars, as far as it counts now.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Of the budget of all, by everybody.
    pub all_usd: f64,
    /// The payer's part of it.
    pub of_payer_usd: f64,
    /// Of the payer's own budget, which may have been reset alone.
    pub of_own_usd: f64,
}

impl OpenReservations {
    /// Counts one more.
    pub fn open(&self, day: Date, payer: Option<Arc<str>>, usd: f64, generation: Generation) -> OpenReservation {
        let of = (day, payer, generation);
        let mut sums = self.sums();
        let sum = sums.entry(of.clone()).or_default();
        sum.n_calls += 1;
        sum.usd += usd;
        OpenReservation { all: self.clone(), of, usd }
    }

    /// What is reserved of a day and counts `now`, where the payer is this one.
    pub fn held(&self, day: Date, payer: Option<&str>, now: Generation) -> Held {
        let mut held = Held { all_usd: 0.0, of_payer_usd: 0.0, of_own_usd: 0.0 };
        for ((of_day, of, generation), Sum { usd, .. }) in self.sums().iter() {
            if *of_day != day || !generation.counts_for_all(now) {
                continue;
            }
            held.all_usd += usd;
            if of.as_deref() == payer {
                held.of_payer_usd += usd;
                held.of_own_usd += if *generation == now { *usd } else { 0.0 };
            }
        }
        held
    }

    fn sums(&self) -> MutexGuard<'_, BTreeMap<Of, Sum>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenReservation {
    fn drop(&mut self) {
        let mut sums = self.all.sums();
        let Some(sum) = sums.get_mut(&self.of) else { return };
        sum.n_calls = sum.n_calls.saturating_sub(1);
        sum.usd -= self.usd;
        // So sums of binary fractions never drift for long.
        if sum.n_calls == 0 {
            sums.remove(&self.of);
        }
    }
}
