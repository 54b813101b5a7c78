//! A day's budget for calls upstream: the most that a call may cost is reserved before it is made.
//!
//! What is spent is on disk ([`super::ledger`]), so the budget survives a restart, a crash loses no reservation, and
//! processes that share the folder share the budget. A key may have a budget of its own within that of all. What calls
//! under way reserve closes the budget for seconds, not for the day, and one key's never hold more than half of it.
//! Knows no prices.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::super::{Payer, SmallBudget, WriterConfig, WriterConfigError};
use super::leases::{HARDLY_ANYTHING, Known, Lately, Lease, Lessor};
use super::ledger::{Generation, Ledger, Spending};
use super::open_reservations::{OpenReservation, OpenReservations};

/// How many slices one call may lease, while others spend them.
const MAX_LEASES: usize = 4;

/// What may be spent in one day (UTC).
#[derive(Debug, Clone)]
pub struct Budget {
    ledger: Ledger,
    /// By everybody together; without limit where only keys have budgets.
    usd_per_day: Option<f64>,
    /// Where slices are leased, where several machines spend the budgets together.
    lessor: Option<Arc<dyn Lessor>>,
    /// One lease at a time in this process, and what came of the last ones.
    leasing: Arc<Mutex<Lately>>,
    /// What calls under way in this process have reserved; those of other processes count as spent.
    open: OpenReservations,
    now: fn() -> Timestamp,
    /// Whether it was said that the ledger has a day that is far ahead.
    has_warned: Arc<AtomicBool>,
}

/// A reservation for one call; dropped without `settle`, the whole amount counts as spent.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    day: Date,
    key: Option<Arc<str>>,
    usd: f64,
    generation: Generation,
    open: OpenReservation,
}

/// Why nothing could be reserved.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    #[error("the day's budget {of} does not cover the call")]
    Spent {
        /// Whose budget it is.
        of: &'static str,
        /// Until the next day begins.
        until_reset: Duration,
    },
    #[error("calls under way hold what is left of the day's budget, or the most of it that one key's may")]
    Held,
    #[error("a day's budget never covers the call: {0}")]
    TooSmall(SmallBudget),
    #[error("the budget's file could not be used")]
    File(#[source] io::Error),
    #[error("it is not known what other machines have left of the budget")]
    Lease(#[source] io::Error),
    #[error("a moment ago it could not be learned what other machines have left of the budget")]
    LeaseLately,
}

/// A budget that does not cover a call.
#[derive(Debug)]
struct Short {
    /// Whose it is.
    of: &'static str,
    key: Option<String>,
    budget_usd: f64,
    /// What is missing.
    needed_usd: f64,
    /// What calls under way hold.
    open_usd: f64,
    /// Whether nothing would be missing without the open reservations.
    is_held: bool,
}

/// Why a call got nothing from the ledger.
enum Refused {
    Short(Short),
    /// The payer's open reservations hold as much as one payer's may.
    Share,
    /// Nobody waits for the reservation any more.
    Gone,
}

/// What a call asks of the day's budgets.
struct Asked {
    usd: f64,
    of_all: Option<f64>,
    of_key: Option<f64>,
    /// Whether several machines spend the budgets together, and this one has what it leased.
    is_leased: bool,
}

impl Asked {
    /// Why what is left does not cover the call, for a payer with this name; `open_usd` is reserved by everybody for
    /// calls under way, and `own_usd` by the payer.
    fn refused(&self, spending: &Spending, name: Option<&str>, (open_usd, own_usd): (f64, f64)) -> Option<Refused> {
        let short = |budget: Option<f64>, leased: f64, spent: f64, open_usd: f64| {
            let budget_usd = budget?;
            let needed_usd = spent + self.usd - if self.is_leased { leased } else { budget_usd };
            let is_held = needed_usd - open_usd <= HARDLY_ANYTHING;
            let short = Short { of: "of all keys", key: None, budget_usd, needed_usd, open_usd, is_held };
            (needed_usd > HARDLY_ANYTHING).then_some(short)
        };
        let all = short(self.of_all, spending.leased_usd, spending.spent_usd, open_usd);
        let own = name.and_then(|name| {
            let leased = spending.leased_keys.get(name).copied().unwrap_or_default();
            let short = short(self.of_key, leased, spending.of_key(name), own_usd)?;
            Some(Short { of: "of the key", key: Some(name.to_owned()), ..short })
        });
        let (held, spent): (Vec<_>, Vec<_>) = [all, own].into_iter().flatten().partition(|short| short.is_held);
        let spent = spent.into_iter().next();
        // A slice that was leased may grow, but not for more than one payer's share.
        if !self.is_leased && spent.is_some() {
            return spent.map(Refused::Short);
        }
        if name.is_some() && self.is_beyond_share(spending, open_usd, own_usd) {
            return Some(Refused::Share);
        }
        spent.or(held.into_iter().next()).map(Refused::Short)
    }

    /// Whether a payer's open reservations would hold more than half of what is left of the budget of all. Its first
    /// may hold all of that, so that a call which costs much can be made at all.
    fn is_beyond_share(&self, spending: &Spending, open_usd: f64, own_usd: f64) -> bool {
        let Some(budget_usd) = self.of_all else { return false };
        let left_usd = budget_usd - (spending.spent_usd - open_usd).max(0.0);
        own_usd > HARDLY_ANYTHING && own_usd + self.usd > left_usd / 2.0 + HARDLY_ANYTHING
    }
}

impl Budget {
    /// The budget whose file is in the configured folder; makes both where there are none. `None` where there is no
    /// budget at all. Blocking.
    ///
    /// # Errors
    /// [`WriterConfigError::Budget`] when the file cannot be read, holds something else, or cannot be written.
    pub fn open(config: &WriterConfig) -> Result<Option<Self>, WriterConfigError> {
        if !config.keeps_budget() {
            return Ok(None);
        }
        let usd_per_day = config.budget.as_ref().map(|budget| budget.usd_per_day);
        let dir = config.budget.as_ref().map_or(&config.state_dir, |budget| &budget.state_dir);
        let budget = Self::open_at(dir, usd_per_day, Timestamp::now)?;
        Ok(Some(Self { lessor: config.lessor.clone(), ..budget }))
    }

    /// A budget of keys alone, whose file is in `dir`; makes both where there are none. Blocking.
    ///
    /// # Errors
    /// As [`Budget::open`].
    pub fn of_keys(dir: &Path, lessor: Option<Arc<dyn Lessor>>) -> Result<Self, WriterConfigError> {
        Ok(Self { lessor, ..Self::open_at(dir, None, Timestamp::now)? })
    }

    fn open_at(dir: &Path, usd_per_day: Option<f64>, now: fn() -> Timestamp) -> Result<Self, WriterConfigError> {
        let unusable = |source| WriterConfigError::Budget { path: Ledger::path(dir), source };
        let ledger = Ledger::open(dir, day_of(now())).map_err(unusable)?;
        let (lessor, leasing, has_warned) = (None, Arc::default(), Arc::default());
        let open = OpenReservations::default();
        let budget = Self { ledger, usd_per_day, lessor, leasing, open, now, has_warned };
        budget.warn_of_a_clock_that_jumped().map_err(unusable)?;
        Ok(budget)
    }

    /// Reserves `usd` for a call of `payer`; the reservation is on disk before it returns.
    ///
    /// # Errors
    /// [`BudgetError::TooSmall`] when a whole day's budget is less, [`BudgetError::Spent`] when what is left of the day
    /// is, [`BudgetError::Held`] when it is only because of calls under way, or when those of the payer hold half of
    /// what is left, [`BudgetError::File`] when the file cannot be used, [`BudgetError::Lease`] and
    /// [`BudgetError::LeaseLately`] when it is not known what other machines have left.
    pub async fn reserve(&self, usd: f64, payer: Option<&Payer>) -> Result<Reservation, BudgetError> {
        let now = (self.now)();
        let (day, key) = (day_of(now), payer.map(|payer| payer.name.clone()));
        let key_budget = payer.and_then(|payer| payer.usd_per_day);
        let too_small = |is_of_key, budget: Option<f64>| SmallBudget::of(is_of_key, budget?, usd);
        if let Some(small) = too_small(false, self.usd_per_day).or_else(|| too_small(true, key_budget)) {
            return Err(BudgetError::TooSmall(small));
        }
        let spent = |short: &Short| {
            let spent = BudgetError::Spent { of: short.of, until_reset: until_next_day(now) };
            if short.is_held { BudgetError::Held } else { spent }
        };
        let reserved = |(generation, open)| {
            let (budget, key) = (self.clone(), key.clone());
            Reservation { budget, day, key, usd, generation, open }
        };
        let short = match self.take(day, usd, key.clone(), key_budget).await? {
            Ok(taken) => return Ok(reserved(taken)),
            Err(short) => short,
        };
        let Some(lessor) = &self.lessor else { return Err(spent(&short)) };
        for _ in 0..MAX_LEASES {
            // Many calls that find the slice spent lease one, not one each; and none asks again for what another was
            // just told.
            let lately = self.leasing.clone().lock_owned().await;
            let short = match self.take(day, usd, key.clone(), key_budget).await? {
                Ok(taken) => return Ok(reserved(taken)),
                Err(short) => short,
            };
            if short.is_held && Lease::is_waited_for(short.budget_usd, short.open_usd, usd) {
                return Err(BudgetError::Held);
            }
            match lately.known(day, short.key.as_deref(), short.needed_usd) {
                Some(Known::Spent) => return Err(spent(&short)),
                Some(Known::Unreachable) => return Err(BudgetError::LeaseLately),
                None => {}
            }
            let lease = Lease::of(day, short.key.clone(), short.budget_usd, short.needed_usd);
            if !self.lease(lessor.clone(), lease, lately).await? {
                return Err(spent(&short));
            }
        }
        Err(BudgetError::Lease(io::Error::other("other calls have spent what was leased")))
    }

    /// Takes `usd` from the day; what is short of it where it does not cover them.
    async fn take(
        &self,
        day: Date,
        usd: f64,
        key: Option<Arc<str>>,
        key_budget: Option<f64>,
    ) -> Result<Result<(Generation, OpenReservation), Short>, BudgetError> {
        let asked = Asked { usd, of_all: self.usd_per_day, of_key: key_budget, is_leased: self.lessor.is_some() };
        let all_open = self.open.clone();
        // What runs on a blocking thread runs on where this future is dropped.
        let wanted = Arc::new(());
        let still_wanted = Arc::downgrade(&wanted);
        let taking = self.ledger.change(day, move |spending| {
            let name = key.as_deref();
            if still_wanted.strong_count() == 0 {
                return Err(Refused::Gone);
            }
            if let Some(refused) = asked.refused(spending, name, all_open.of(day, name)) {
                return Err(refused);
            }
            spending.add(usd, name);
            let generation = spending.generation(name);
            Ok((generation, all_open.open(day, key, usd)))
        });
        let taken = taking.await.map_err(BudgetError::File)?;
        drop(wanted);
        match taken {
            Ok(taken) => Ok(Ok(taken)),
            Err(Refused::Short(short)) => Ok(Err(short)),
            Err(Refused::Share | Refused::Gone) => Err(BudgetError::Held),
        }
    }

    /// Leases a slice and notes it. Whether there was enough left. Runs to its end also if this future is dropped: a
    /// slice that others count as leased is never one that nobody may spend.
    async fn lease(
        &self,
        lessor: Arc<dyn Lessor>,
        lease: Lease,
        mut lately: OwnedMutexGuard<Lately>,
    ) -> Result<bool, BudgetError> {
        let ledger = self.ledger.clone();
        let leasing = tokio::spawn(async move {
            let Lease { day, key, needed_usd, .. } = lease.clone();
            let asking = tokio::task::spawn_blocking(move || lessor.lease(&lease)).await;
            let granted = asking.map_err(io::Error::other).flatten();
            lately.learn(day, key.as_deref(), needed_usd, granted.as_ref().ok().copied());
            let granted = granted.map_err(BudgetError::Lease)?;
            if granted <= 0.0 {
                return Ok(false);
            }
            let noting = ledger.change(day, move |spending| {
                spending.add_lease(granted, key.as_deref());
                Ok::<_, ()>(())
            });
            noting.await.map_err(BudgetError::File)?.ok();
            drop(lately);
            Ok(true)
        });
        leasing.await.map_err(|error| BudgetError::Lease(io::Error::other(error))).flatten()
    }

    /// What a day's calls may cost, in US dollars; `None` where only keys have budgets.
    pub(super) fn usd_per_day(&self) -> Option<f64> {
        self.usd_per_day
    }

    /// What this machine has spent of the day, in US dollars. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn spent_usd(&self) -> io::Result<f64> {
        Ok(self.ledger.of(day_of((self.now)()))?.spent_usd)
    }

    /// Says once that the ledger has a day that is far ahead of today. It closes nothing: each day has its own budget.
    fn warn_of_a_clock_that_jumped(&self) -> io::Result<()> {
        let today = day_of((self.now)());
        let Some(ahead) = self.ledger.day_ahead(today)? else { return Ok(()) };
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                event = "clock_jumped",
                %today,
                %ahead,
                "the budget's file has spending of {ahead}: the clock was ahead once, or is behind now; today's budget \
                 is that of {today}"
            );
        }
        Ok(())
    }
}

impl Reservation {
    /// Replaces the reservation by what the call cost, on the day of the reservation. A sum that was set to nothing
    /// meanwhile is left alone.
    ///
    /// # Errors
    /// When the file cannot be used: the whole reservation then stays spent.
    pub async fn settle(self, usd: f64) -> io::Result<()> {
        let Self { budget, day, key, usd: reserved, generation, open } = self;
        if (usd - reserved).abs() < HARDLY_ANYTHING {
            return Ok(());
        }
        let settled = budget.ledger.change(day, move |spending| {
            spending.correct(usd - reserved, key.as_deref(), generation);
            drop(open);
            Ok::<_, ()>(())
        });
        settled.await.map(|_| ())
    }
}

/// What is spent of today, and what sets it to nothing; for the operator's command. Blocking.
#[derive(Debug)]
pub struct DaySpending {
    ledger: Ledger,
    /// Today (UTC).
    pub day: Date,
    /// What is spent of it.
    pub spending: Spending,
}

impl DaySpending {
    /// Reads the file in a folder.
    ///
    /// # Errors
    /// [`WriterConfigError::Budget`] when the file cannot be used.
    pub fn of_today(dir: &Path) -> Result<Self, WriterConfigError> {
        let unusable = |source| WriterConfigError::Budget { path: Ledger::path(dir), source };
        let day = day_of(Timestamp::now());
        let ledger = Ledger::open(dir, day).map_err(unusable)?;
        let spending = ledger.of(day).map_err(unusable)?;
        Ok(Self { ledger, day, spending })
    }

    /// A day in the file that is later than tomorrow.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn day_ahead(&self) -> io::Result<Option<Date>> {
        self.ledger.day_ahead(self.day)
    }

    /// Counts today's spending as nothing: that of `key`, or that of everybody.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn reset(&self, key: Option<&str>) -> io::Result<()> {
        let reset = |spending: &mut Spending| {
            spending.reset(key);
            Ok::<_, ()>(())
        };
        self.ledger.change_blocking(self.day, reset).map(|_| ())
    }
}

fn day_of(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

fn until_next_day(now: Timestamp) -> Duration {
    let next = day_of(now).saturating_add(1.day()).to_zoned(TimeZone::UTC);
    let left = next.map(|next| next.timestamp().duration_since(now));
    left.ok().and_then(|left| Duration::try_from(left).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
