//! A day's budget for calls upstream: the most that a call may cost is reserved before it is made.
//!
//! One small file holds the UTC day and what is spent of it. Every change reads it, replaces it whole and syncs it,
//! under a lock across processes. So the budget survives a restart, a crash loses no reservation, and processes that
//! share the folder share the budget. Knows no prices.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::super::{BudgetConfig, WriterConfigError};
use crate::durable;

const LEDGER: &str = "budget.json";
const LOCK: &str = ".budget.lock";
/// Tolerance for sums of binary fractions.
const HARDLY_ANYTHING: f64 = 1e-9;

/// What may be spent in one day (UTC).
#[derive(Debug, Clone)]
pub struct Budget {
    dir: PathBuf,
    usd_per_day: f64,
    /// One change at a time in this process, so that another process's lock blocks one thread at most.
    turn: Arc<Mutex<()>>,
    now: fn() -> Timestamp,
}

/// A reservation for one call; dropped without `settle`, the whole amount counts as spent.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    day: Date,
    usd: f64,
}

/// Why nothing could be reserved.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    #[error("the day's budget does not cover the call")]
    Spent {
        /// Until the next day begins.
        until_reset: Duration,
    },
    #[error("the budget's file could not be used")]
    File(#[source] io::Error),
}

/// What the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    day: Date,
    spent_usd: f64,
}

impl Budget {
    /// The budget whose file is in the configured folder; makes both where there are none. Blocking.
    ///
    /// # Errors
    /// [`WriterConfigError::Budget`] when the file cannot be read, holds something else, or cannot be written.
    pub fn open(config: &BudgetConfig) -> Result<Self, WriterConfigError> {
        let budget = Self {
            dir: config.state_dir.clone(),
            usd_per_day: config.usd_per_day,
            turn: Arc::new(Mutex::new(())),
            now: Timestamp::now,
        };
        let unusable = |source| WriterConfigError::Budget { path: budget.dir.join(LEDGER), source };
        fs::create_dir_all(&budget.dir).map_err(unusable)?;
        let today = day_of((budget.now)());
        change(&budget.dir, today, |_| Some(())).map_err(unusable)?;
        Ok(budget)
    }

    /// Reserves `usd` for a call; the reservation is on disk before it returns.
    ///
    /// # Errors
    /// [`BudgetError::Spent`] when what is left of the day is less, [`BudgetError::File`] when the file cannot be used.
    pub async fn reserve(&self, usd: f64) -> Result<Reservation, BudgetError> {
        let now = (self.now)();
        let (today, limit) = (day_of(now), self.usd_per_day + HARDLY_ANYTHING);
        let reserved = self.change(today, move |ledger| {
            let spent_usd = ledger.spent_usd + usd;
            (spent_usd <= limit).then(|| {
                ledger.spent_usd = spent_usd;
                ledger.day
            })
        });
        let day = reserved.await.map_err(BudgetError::File)?;
        let day = day.ok_or(BudgetError::Spent { until_reset: until_next_day(now) })?;
        Ok(Reservation { budget: self.clone(), day, usd })
    }

    /// What a day's calls may cost, in US dollars.
    pub(super) fn usd_per_day(&self) -> f64 {
        self.usd_per_day
    }

    /// What is left of the day, in US dollars. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn left_usd(&self) -> io::Result<f64> {
        let today = day_of((self.now)());
        let spent_usd = read(&self.dir.join(LEDGER))?.filter(|ledger| ledger.day >= today).map_or(0.0, |l| l.spent_usd);
        Ok((self.usd_per_day - spent_usd).max(0.0))
    }

    async fn change<T: Send + 'static>(
        &self,
        today: Date,
        edit: impl FnOnce(&mut Ledger) -> Option<T> + Send + 'static,
    ) -> io::Result<Option<T>> {
        let turn = self.turn.clone().lock_owned().await;
        let dir = self.dir.clone();
        let changing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            change(&dir, today, edit)
        });
        changing.await.map_err(io::Error::other)?
    }
}

impl Reservation {
    /// Replaces the reservation by what the call cost; a day that is over stays as it was.
    ///
    /// # Errors
    /// When the file cannot be used: the whole reservation then stays spent.
    pub async fn settle(self, usd: f64) -> io::Result<()> {
        let Self { budget, day, usd: reserved } = self;
        if (usd - reserved).abs() < HARDLY_ANYTHING {
            return Ok(());
        }
        let settled = budget.change(day, move |ledger| {
            (ledger.day == day).then(|| ledger.spent_usd = (ledger.spent_usd + usd - reserved).max(0.0))
        });
        settled.await.map(|_| ())
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

/// Lets `edit` change the ledger of `today`, and writes it if `edit` returns a value. A ledger of a later day stays as
/// it is: setting the clock back gives no second budget.
fn change<T>(dir: &Path, today: Date, edit: impl FnOnce(&mut Ledger) -> Option<T>) -> io::Result<Option<T>> {
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(dir.join(LOCK))?;
    lock.lock()?;
    let outcome = change_locked(dir, today, edit);
    // Explicitly: a child process being started holds its parent's open files for a moment. If unlocking fails, the
    // lock ends with the file.
    let _ = lock.unlock();
    outcome
}

fn change_locked<T>(dir: &Path, today: Date, edit: impl FnOnce(&mut Ledger) -> Option<T>) -> io::Result<Option<T>> {
    let new_day = Ledger { day: today, spent_usd: 0.0 };
    let mut ledger = read(&dir.join(LEDGER))?.filter(|ledger| ledger.day >= today).unwrap_or(new_day);
    let Some(result) = edit(&mut ledger) else { return Ok(None) };
    durable::write(&dir.join(LEDGER), &dir.join(format!("{LEDGER}.part")), &serde_json::to_vec(&ledger)?)?;
    Ok(Some(result))
}

fn read(path: &Path) -> io::Result<Option<Ledger>> {
    let json = match fs::read(path) {
        Ok(json) => json,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let ledger: Ledger = serde_json::from_slice(&json)?;
    let is_sum = ledger.spent_usd.is_finite() && ledger.spent_usd >= 0.0;
    is_sum
        .then_some(Some(ledger))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "spent_usd is not a sum of money"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> Result<Budget, WriterConfigError> {
        Budget::open(&BudgetConfig { usd_per_day: 1.0, state_dir: dir.join("state") })
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
        match budget.reserve(usd).await {
            Ok(_) => None,
            Err(BudgetError::Spent { until_reset }) => Some(until_reset),
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
    async fn a_call_that_cost_less_gives_the_rest_back_and_one_without_a_word_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let budget = at(&open(dir.path()).unwrap(), morning);
        budget.reserve(0.9).await.unwrap().settle(0.1).await.unwrap();
        drop(budget.reserve(0.5).await.unwrap());
        assert!(until_reset(&budget, 0.5).await.is_some());
        assert!((budget.left_usd().unwrap() - 0.4).abs() < HARDLY_ANYTHING);
        assert_eq!(until_reset(&budget, 0.4).await, None);
        assert!(budget.left_usd().unwrap() < HARDLY_ANYTHING);
        assert!((at(&budget, next_morning).left_usd().unwrap() - 1.0).abs() < HARDLY_ANYTHING);
    }

    #[tokio::test]
    async fn a_call_that_ends_on_the_next_day_takes_nothing_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let budget = at(&open(dir.path()).unwrap(), morning);
        let late = budget.reserve(0.9).await.unwrap();
        let next = at(&budget, next_morning);
        assert_eq!(until_reset(&next, 0.5).await, None);
        late.settle(0.0).await.unwrap();
        assert!(until_reset(&next, 0.6).await.is_some());
    }

    #[tokio::test]
    async fn what_was_set_aside_is_known_after_a_restart_and_to_another_process() {
        let dir = tempfile::tempdir().unwrap();
        let first = at(&open(dir.path()).unwrap(), morning);
        drop(first.reserve(0.8).await.unwrap());
        let second = at(&open(dir.path()).unwrap(), morning);
        assert!(until_reset(&second, 0.3).await.is_some());
        drop(second.reserve(0.2).await.unwrap());
        assert!(until_reset(&first, 0.1).await.is_some());
    }

    #[tokio::test]
    async fn many_calls_at_once_never_set_more_aside_than_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| at(&open(dir.path()).unwrap(), morning));
        let reserving = (0..20).map(|n| if n % 2 == 0 { one.reserve(0.2) } else { other.reserve(0.2) });
        let outcomes = futures::future::join_all(reserving).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    }

    #[test]
    fn a_file_that_is_no_ledger_is_named_and_left_as_it_is() {
        for faulty in ["", "{}", r#"{"day": "2026-01-01", "spent_usd": -1}"#, r#"{"day": 1, "spent_usd": 1}"#] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("state").join(LEDGER);
            fs::create_dir(dir.path().join("state")).unwrap();
            fs::write(&path, faulty).unwrap();
            assert!(open(dir.path()).unwrap_err().to_string().contains("budget.json"), "{faulty}");
            assert_eq!(fs::read_to_string(&path).unwrap(), faulty);
        }
    }
}
