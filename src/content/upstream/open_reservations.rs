//! What is reserved for calls that are under way in this process, by day and payer.
//!
//! The ledger counts a reservation as spent from the first moment, so that a crash loses none. Only with these sums can
//! one tell what is spent from what most likely comes back in seconds. Another process's reservations are not known
//! here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

/// A day and a payer; none where calls need no key.
type Of = (Date, Option<Arc<str>>);

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

impl OpenReservations {
    /// Counts one more.
    pub fn open(&self, day: Date, payer: Option<Arc<str>>, usd: f64) -> OpenReservation {
        let of = (day, payer);
        let mut sums = self.sums();
        let sum = sums.entry(of.clone()).or_default();
        sum.n_calls += 1;
        sum.usd += usd;
        OpenReservation { all: self.clone(), of, usd }
    }

    /// What is reserved of a day, in US dollars: by everybody, and by one payer.
    pub fn of(&self, day: Date, payer: Option<&str>) -> (f64, f64) {
        let sums = self.sums();
        let of_day = || sums.iter().filter(|((of, _), _)| *of == day);
        let by_payer = of_day().filter(|((_, of), _)| of.as_deref() == payer);
        (of_day().map(|(_, sum)| sum.usd).sum(), by_payer.map(|(_, sum)| sum.usd).sum())
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
