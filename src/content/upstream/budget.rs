//! A day's budget for calls upstream: the most that a call may cost is reserved before it is made.
//!
//! What is spent is on disk ([`super::ledger`]), so the budget survives a restart, a crash loses no reservation, and
//! processes that share the folder share the budget. A key may have a budget of its own within that of all. Knows no
//! prices.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::super::{Payer, WriterConfig, WriterConfigError};
use super::ledger::{Generation, Ledger, Spending};

/// Tolerance for sums of binary fractions.
const HARDLY_ANYTHING: f64 = 1e-9;

/// What may be spent in one day (UTC).
#[derive(Debug, Clone)]
pub struct Budget {
    ledger: Ledger,
    /// By everybody together; without limit where only keys have budgets.
    usd_per_day: Option<f64>,
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
    #[error("the budget's file could not be used")]
    File(#[source] io::Error),
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
        Self::open_at(dir, usd_per_day, Timestamp::now).map(Some)
    }

    /// A budget of keys alone, whose file is in `dir`; makes both where there are none. Blocking.
    ///
    /// # Errors
    /// As [`Budget::open`].
    pub fn of_keys(dir: &Path) -> Result<Self, WriterConfigError> {
        Self::open_at(dir, None, Timestamp::now)
    }

    fn open_at(dir: &Path, usd_per_day: Option<f64>, now: fn() -> Timestamp) -> Result<Self, WriterConfigError> {
        let unusable = |source| WriterConfigError::Budget { path: Ledger::path(dir), source };
        let ledger = Ledger::open(dir, day_of(now())).map_err(unusable)?;
        let budget = Self { ledger, usd_per_day, now, has_warned: Arc::default() };
        budget.warn_of_a_clock_that_jumped().map_err(unusable)?;
        Ok(budget)
    }

    /// Reserves `usd` for a call of `payer`; the reservation is on disk before it returns.
    ///
    /// # Errors
    /// [`BudgetError::Spent`] when what is left of the day is less, [`BudgetError::File`] when the file cannot be used.
    pub async fn reserve(&self, usd: f64, payer: Option<&Payer>) -> Result<Reservation, BudgetError> {
        let now = (self.now)();
        let (today, limit) = (day_of(now), self.usd_per_day);
        let (key, key_limit) = payer.map_or((None, None), |payer| (Some(payer.name.clone()), payer.usd_per_day));
        let of_key = key.clone();
        let reserving = self.ledger.change(today, move |spending| {
            let name = of_key.as_deref();
            let exceeds = |spent: f64, limit: Option<f64>| limit.is_some_and(|l| spent + usd > l + HARDLY_ANYTHING);
            if exceeds(spending.spent_usd, limit) {
                return Err("of all keys");
            }
            if name.is_some_and(|name| exceeds(spending.of_key(name), key_limit)) {
                return Err("of the key");
            }
            spending.add(usd, name);
            Ok(spending.generation(name))
        });
        match reserving.await.map_err(BudgetError::File)? {
            Err(of) => Err(BudgetError::Spent { of, until_reset: until_next_day(now) }),
            Ok(generation) => Ok(Reservation { budget: self.clone(), day: today, key, usd, generation }),
        }
    }

    /// What a day's calls may cost, in US dollars; `None` where only keys have budgets.
    pub(super) fn usd_per_day(&self) -> Option<f64> {
        self.usd_per_day
    }

    /// What is left of the day, in US dollars; `None` where only keys have budgets. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn left_usd(&self) -> io::Result<Option<f64>> {
        let spent_usd = self.ledger.of(day_of((self.now)()))?.spent_usd;
        Ok(self.usd_per_day.map(|limit| (limit - spent_usd).max(0.0)))
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
        let Self { budget, day, key, usd: reserved, generation } = self;
        if (usd - reserved).abs() < HARDLY_ANYTHING {
            return Ok(());
        }
        let settled = budget.ledger.change(day, move |spending| {
            spending.correct(usd - reserved, key.as_deref(), generation);
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
mod tests {
    use std::fs;

    use super::*;

    fn open(dir: &Path) -> Result<Budget, WriterConfigError> {
        Budget::open_at(&dir.join("state"), Some(1.0), Timestamp::now)
    }

    fn payer(name: &str) -> Payer {
        Payer { name: name.into(), usd_per_day: Some(0.5) }
    }

    fn at(budget: &Budget, now: fn() -> Timestamp) -> Budget {
        Budget { now, ..budget.clone() }
    }

    fn morning() -> Timestamp {
        "2999-01-01T06:00:00Z".parse().unwrap()
    }

    fn next_morning() -> Timestamp {
        "2999-01-02T06:00:00Z".parse().unwrap()
    }

    async fn until_reset(budget: &Budget, usd: f64) -> Option<Duration> {
        match budget.reserve(usd, None).await {
            Ok(_) => None,
            Err(BudgetError::Spent { until_reset, .. }) => Some(until_reset),
            Err(BudgetError::File(error)) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn no_more_is_set_aside_than_the_day_has_and_the_next_day_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let budget = at(&open(dir.path()).unwrap(), morning);
        for _ in 0..10 {
            assert_eq!(until_reset(&budget, 0.1).await, None);
        }
        assert_eq!(until_reset(&budget, 0.1).await, Some(Duration::from_secs(18 * 3_600)));
        assert_eq!(until_reset(&at(&budget, next_morning), 1.0).await, None);
        assert!(until_reset(&budget, 0.1).await.is_some(), "a clock that is put back gives no second budget");
    }

    #[tokio::test]
    async fn a_clock_that_was_years_ahead_once_closes_nothing_and_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let far_ahead: fn() -> Timestamp = || "3004-01-01T06:00:00Z".parse().unwrap();
        let budget = at(&open(dir.path()).unwrap(), morning);
        drop(budget.reserve(0.7, None).await.unwrap());
        drop(at(&budget, far_ahead).reserve(1.0, None).await.unwrap());
        let again = Budget::open_at(&dir.path().join("state"), Some(1.0), morning).unwrap();
        assert!(again.has_warned.load(Ordering::Relaxed));
        assert!((again.left_usd().unwrap().unwrap() - 0.3).abs() < HARDLY_ANYTHING);
        assert_eq!(until_reset(&again, 0.3).await, None);
        assert!(until_reset(&again, 0.1).await.is_some());
    }

    #[tokio::test]
    async fn a_key_spends_its_own_budget_and_leaves_the_others_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let budget = at(&open(dir.path()).unwrap(), morning);
        drop(budget.reserve(0.4, Some(&payer("portal"))).await.unwrap());
        let spent = budget.reserve(0.2, Some(&payer("portal"))).await.unwrap_err();
        assert_eq!(spent.to_string(), "the day's budget of the key does not cover the call");
        budget.reserve(0.4, Some(&payer("crm"))).await.unwrap().settle(0.1).await.unwrap();
        drop(budget.reserve(0.4, Some(&payer("crm"))).await.unwrap());
        let spent = budget.reserve(0.2, None).await.unwrap_err();
        assert_eq!(spent.to_string(), "the day's budget of all keys does not cover the call");
        let only_keys = Budget { usd_per_day: None, ..budget.clone() };
        drop(only_keys.reserve(9.0, None).await.unwrap());
        assert!(only_keys.reserve(0.2, Some(&payer("portal"))).await.is_err());
        assert_eq!(only_keys.left_usd().unwrap(), None);
    }

    #[tokio::test]
    async fn a_call_that_cost_less_gives_the_rest_back_and_one_without_a_word_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let budget = at(&open(dir.path()).unwrap(), morning);
        budget.reserve(0.9, None).await.unwrap().settle(0.1).await.unwrap();
        drop(budget.reserve(0.5, None).await.unwrap());
        assert!(until_reset(&budget, 0.5).await.is_some());
        assert!((budget.left_usd().unwrap().unwrap() - 0.4).abs() < HARDLY_ANYTHING);
        assert_eq!(until_reset(&budget, 0.4).await, None);
        assert!(budget.left_usd().unwrap().unwrap() < HARDLY_ANYTHING);
        assert!((at(&budget, next_morning).left_usd().unwrap().unwrap() - 1.0).abs() < HARDLY_ANYTHING);
    }

    #[tokio::test]
    async fn a_call_that_ends_on_the_next_day_takes_nothing_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let budget = at(&open(dir.path()).unwrap(), morning);
        let late = budget.reserve(0.9, None).await.unwrap();
        let next = at(&budget, next_morning);
        assert_eq!(until_reset(&next, 0.5).await, None);
        late.settle(0.0).await.unwrap();
        assert!(until_reset(&next, 0.6).await.is_some());
    }

    #[tokio::test]
    async fn a_call_that_ends_after_a_reset_takes_nothing_from_what_is_spent_since() {
        for (reset, left_of_all) in [(None, 0.4), (Some("portal"), 0.5)] {
            let dir = tempfile::tempdir().unwrap();
            let budget = at(&open(dir.path()).unwrap(), morning);
            let under_way = budget.reserve(0.3, Some(&payer("portal"))).await.unwrap();
            let day = day_of(morning());
            let today = DaySpending { ledger: budget.ledger.clone(), day, spending: Spending::default() };
            today.reset(reset).unwrap();
            drop(budget.reserve(0.4, Some(&payer("portal"))).await.unwrap());
            under_way.settle(0.1).await.unwrap();
            let spent = budget.ledger.of(day).unwrap();
            assert!((spent.of_key("portal") - 0.4).abs() < HARDLY_ANYTHING, "{reset:?}: {spent:?}");
            assert!((spent.spent_usd - left_of_all).abs() < HARDLY_ANYTHING, "{reset:?}: {spent:?}");
        }
    }

    #[tokio::test]
    async fn what_was_set_aside_is_known_after_a_restart_and_to_another_process() {
        let dir = tempfile::tempdir().unwrap();
        let first = at(&open(dir.path()).unwrap(), morning);
        drop(first.reserve(0.8, None).await.unwrap());
        let second = at(&open(dir.path()).unwrap(), morning);
        assert!(until_reset(&second, 0.3).await.is_some());
        drop(second.reserve(0.2, None).await.unwrap());
        assert!(until_reset(&first, 0.1).await.is_some());
    }

    #[tokio::test]
    async fn many_calls_at_once_never_set_more_aside_than_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| at(&open(dir.path()).unwrap(), morning));
        let reserving = (0..20).map(|n| if n % 2 == 0 { one.reserve(0.2, None) } else { other.reserve(0.2, None) });
        let outcomes = futures::future::join_all(reserving).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    }

    #[test]
    fn a_file_that_is_no_ledger_is_named_and_left_as_it_is() {
        for faulty in ["", "{}", r#"{"day": "2026-01-01", "spent_usd": -1}"#, r#"{"day": 1, "spent_usd": 1}"#] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("state").join("budget.json");
            fs::create_dir(dir.path().join("state")).unwrap();
            fs::write(&path, faulty).unwrap();
            assert!(open(dir.path()).unwrap_err().to_string().contains("budget.json"), "{faulty}");
            assert_eq!(fs::read_to_string(&path).unwrap(), faulty);
        }
    }
}
