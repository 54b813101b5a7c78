//! A day's budget for calls upstream: the most that a call may cost is reserved before it is made.
//!
//! What is spent is on disk ([`super::ledger`]), so the budget survives a restart, a crash loses no reservation, and
//! processes that share the folder share the budget. A key may have a budget of its own within that of all. What calls
//! under way reserve closes the budget for seconds, not for the day, and one key's hold no more than its share of it.
//! Knows no prices.

mod leasing;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::super::{Payer, SmallBudget, WriterConfig, WriterConfigError};
use super::leases::{HARDLY_ANYTHING, Known, Lately, Lease, Lessor};
use super::ledger::{Generation, Ledger, Spending};
use super::open_reservations::{OpenReservation, OpenReservations};
use super::shortfall::{Asked, Refused, Short};

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

/// A reservation that its call has not received; dropped, it is given back.
struct Unclaimed(Option<Reservation>);

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
    /// is, [`BudgetError::Held`] when it is only because of calls under way, or when those of the payer hold its share
    /// of what is left, [`BudgetError::File`] when the file cannot be used, [`BudgetError::Lease`] and
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
        let short = match self.take(day, usd, key.clone(), key_budget).await? {
            Ok(reservation) => return Ok(reservation),
            Err(short) => short,
        };
        let Some(lessor) = &self.lessor else { return Err(spent(&short)) };
        for _ in 0..MAX_LEASES {
            // Many calls that find the slice spent lease one, not one each; and none asks again for what another was
            // just told.
            let lately = self.leasing.clone().lock_owned().await;
            let short = match self.take(day, usd, key.clone(), key_budget).await? {
                Ok(reservation) => return Ok(reservation),
                Err(short) => short,
            };
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

    /// Reserves `usd` of the day; what is short of it where it does not cover them. If this future is dropped while the
    /// file is written, which may take long, the reservation is given back.
    async fn take(
        &self,
        day: Date,
        usd: f64,
        key: Option<Arc<str>>,
        key_budget: Option<f64>,
    ) -> Result<Result<Reservation, Short>, BudgetError> {
        let asked = Asked { usd, of_all: self.usd_per_day, of_key: key_budget, is_leased: self.lessor.is_some() };
        let (all_open, payer) = (self.open.clone(), key.clone());
        let take = move |spending: &mut Spending| {
            let name = payer.as_deref();
            let generation = spending.generation(name);
            if let Some(refused) = asked.refused(spending, name, all_open.held(day, name, generation)) {
                return Err(refused);
            }
            spending.add(usd, name);
            Ok((generation, all_open.open(day, payer, usd, generation)))
        };
        let budget = self.clone();
        let then = move |(generation, open)| Unclaimed(Some(Reservation { budget, day, key, usd, generation, open }));
        match self.ledger.change_then(day, take, then).await.map_err(BudgetError::File)? {
            Ok(unclaimed) => unclaimed.claim().map(Ok).ok_or(BudgetError::Held),
            Err(Refused::Short(short)) => Ok(Err(short)),
            Err(Refused::Held) => Err(BudgetError::Held),
        }
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
            Ok::<_, ()>(spending.unused_usd(None))
        });
        if let Ok(unused_usd) = settled.await? {
            budget.give_back(day, unused_usd);
        }
        Ok(())
    }

    /// The same; a failure is logged.
    pub async fn settle_or_log(self, usd: f64) {
        if let Err(error) = self.settle(usd).await {
            tracing::error!(
                event = "budget_not_settled",
                %error,
                "the budget's file could not be updated: the whole reservation counts as spent"
            );
        }
    }
}

impl Unclaimed {
    fn claim(mut self) -> Option<Reservation> {
        self.0.take()
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let (Some(reservation), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(reservation.settle_or_log(0.0));
        }
    }
}

/// What is spent of today, and what sets it to nothing; for the operator's command. Blocking.
#[derive(Debug)]
pub struct DaySpending {
    dir: PathBuf,
    /// Today (UTC).
    pub day: Date,
    /// What is spent of it.
    pub spending: Spending,
}

impl DaySpending {
    /// Reads the file in a folder; writes nothing.
    ///
    /// # Errors
    /// [`WriterConfigError::Budget`] when the file cannot be used.
    pub fn of_today(dir: &Path) -> Result<Self, WriterConfigError> {
        let unusable = |source| WriterConfigError::Budget { path: Ledger::path(dir), source };
        let day = day_of(Timestamp::now());
        let spending = Ledger::at(dir).of(day).map_err(unusable)?;
        Ok(Self { dir: dir.to_owned(), day, spending })
    }

    /// A day in the file that is later than tomorrow.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn day_ahead(&self) -> io::Result<Option<Date>> {
        Ledger::at(&self.dir).day_ahead(self.day)
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
        Ledger::open(&self.dir, self.day)?.change_blocking(self.day, reset).map(|_| ())
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
