//! Slices of a day's budget, where several machines spend it together.
//!
//! A machine leases a slice before it spends any of it, spends it from its own ledger, and gives back what it has
//! beyond a slice and does not use. What is leased of a day never exceeds the day's budget, so neither does what all
//! machines spend together; a machine that is lost takes with it what it had left of its slice.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::time::Duration;

use jiff::civil::Date;
use tokio::time::Instant;

/// Tolerance for sums of binary fractions.
pub(super) const HARDLY_ANYTHING: f64 = 1e-9;

/// The share of a day's budget that a slice is.
pub(super) const SLICE: f64 = 0.05;

/// How many slices the calls under way on a machine may hold before it leases no more for them: they need hardly any of
/// it in the end.
const HELD_SLICES: f64 = 3.0;

/// How long nobody asks again after an answer that gave nothing.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Where slices are leased. Blocking.
pub trait Lessor: Debug + Send + Sync {
    /// Leases a slice; what was leased, in US dollars, and 0 where less is left than is needed.
    ///
    /// # Errors
    /// When it is not known whether anything was leased. Then nothing of it may be spent.
    fn lease(&self, lease: &Lease) -> io::Result<f64>;

    /// Has the next lease give `usd` once more, since nobody can spend them: what this process was given last of a
    /// key's own budget, or of that of all, could not be noted. Does not wait for the network.
    fn give_again(&self, day: Date, key: Option<&str>, usd: f64);

    /// What this process has leased of the budget of all, or of a key's own, as far as it can be given back; 0 while
    /// that is not known. Does not wait.
    fn returnable_usd(&self, day: Date, key: Option<&str>) -> f64;

    /// Gives back so much of it, which nobody spends any more, and what an earlier call could not give back.
    ///
    /// # Errors
    /// When it is not known whether it was given back. The next lease then gives it again, if it was not.
    fn give_back(&self, day: Date, key: Option<&str>, usd: f64) -> io::Result<()>;
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

    /// What the calls under way on a machine may hold of a budget.
    pub(super) fn most_held_usd(budget_usd: f64) -> f64 {
        budget_usd * SLICE * HELD_SLICES
    }

    /// Whether calls under way that hold `open_usd` leave a further one to wait for them, and lease nothing for it.
    pub(super) fn is_waited_for(budget_usd: f64, open_usd: f64, usd: f64) -> bool {
        open_usd > HARDLY_ANYTHING && open_usd + usd > Self::most_held_usd(budget_usd) + HARDLY_ANYTHING
    }

    /// What can be leased where so much of the budget is leased already.
    pub fn grant(&self, leased_usd: f64) -> f64 {
        let left_usd = self.budget_usd - leased_usd;
        if left_usd + HARDLY_ANYTHING < self.needed_usd { 0.0 } else { self.wanted_usd.min(left_usd) }
    }
}

/// What came of the last leases, so that calls which come while nothing can be leased do not wait one behind another.
#[derive(Debug, Default)]
pub(super) struct Lately {
    /// When the lessor last gave no answer.
    unreachable: Option<Instant>,
    /// By key: the day of which less was left than so much, and when that was said.
    spent: BTreeMap<Option<String>, (Date, f64, Instant)>,
    /// The day of which something could not be given back, and when.
    owed: Option<(Date, Instant)>,
}

/// Why nothing needs to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The day's budget does not cover it.
    Spent,
    /// The lessor gave no answer a moment ago.
    Unreachable,
}

impl Lately {
    /// What is known already of a lease of at least `needed_usd`.
    pub fn known(&self, day: Date, key: Option<&str>, needed_usd: f64) -> Option<Known> {
        let is_fresh = |at: Instant| at.elapsed() < ASK_AGAIN_AFTER;
        if self.unreachable.is_some_and(is_fresh) {
            return Some(Known::Unreachable);
        }
        let (of, too_much_usd, at) = self.spent.get(&key.map(str::to_owned))?;
        let is_spent = *of == day && is_fresh(*at) && needed_usd + HARDLY_ANYTHING >= *too_much_usd;
        is_spent.then_some(Known::Spent)
    }

    /// The day of which something is to be given back once more by now.
    pub fn owed(&self) -> Option<Date> {
        self.owed.filter(|(_, at)| at.elapsed() >= ASK_AGAIN_AFTER).map(|(day, _)| day)
    }

    /// Takes note of the day of which something could not be given back; `None` where all was.
    pub fn note_owed(&mut self, day: Option<Date>) {
        self.owed = day.map(|day| (day, Instant::now()));
    }

    /// Takes note of what was granted; `None` where there was no answer.
    pub fn learn(&mut self, day: Date, key: Option<&str>, needed_usd: f64, granted_usd: Option<f64>) {
        self.unreachable = granted_usd.is_none().then(Instant::now);
        self.spent.retain(|_, (_, _, at)| at.elapsed() < ASK_AGAIN_AFTER);
        if granted_usd.is_some_and(|usd| usd <= 0.0) {
            self.spent.insert(key.map(str::to_owned), (day, needed_usd, Instant::now()));
        }
    }
}
