//! What is spent, day by day: one small file that several processes may share.
//!
//! Changes that wait are made together: one of their callers reads the file, makes them all, replaces the file whole
//! and syncs it, under a lock across processes. So a caller waits for two writes at most, however many others there
//! are. Each UTC day has an entry of its own, so a clock that was ahead or behind for a while spends that other day's
//! budget and leaves today's as it was. Knows no limits and no prices.

mod change;
mod spending;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use crate::durable;
use change::{Change, DayChange};

pub use spending::{Generation, Spending};

const LEDGER: &str = "budget.json";
const LOCK: &str = ".budget.lock";
/// How long its lock is waited for, which is held for moments.
const WAIT_FOR_LOCK: Duration = Duration::from_secs(20);
/// Days that are kept, those nearest to today.
const MAX_DAYS: usize = 14;

/// The file. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    dir: PathBuf,
    /// Changes of this process that wait.
    waiting: Arc<Mutex<Vec<Box<dyn Change>>>>,
    /// One writes at a time in this process, so that another process's lock blocks one thread at most.
    turn: Arc<AsyncMutex<()>>,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    days: BTreeMap<Date, Spending>,
}

/// What a file holds that an earlier version wrote.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneDay {
    day: Date,
    spent_usd: f64,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Ledger {
    /// The ledger in a folder; makes both where there are none. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read, holds something else, or cannot be written.
    pub fn open(dir: &Path, today: Date) -> io::Result<Self> {
        durable::create_private_folder(dir)?;
        let ledger = Self::at(dir);
        // A folder that cannot be written should be known before the first call.
        ledger.change_blocking(today, |_| Ok::<_, ()>(()))?.ok();
        Ok(ledger)
    }

    /// The ledger in a folder, to be read; makes and writes nothing.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), waiting: Arc::default(), turn: Arc::default() }
    }

    /// The file.
    pub fn path(dir: &Path) -> PathBuf {
        dir.join(LEDGER)
    }

    /// What is spent of a day. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn of(&self, day: Date) -> io::Result<Spending> {
        Ok(read(&Self::path(&self.dir))?.days.remove(&day).unwrap_or_default())
    }

    /// A day in the ledger that is later than tomorrow: the clock was ahead once, or is behind now. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn day_ahead(&self, today: Date) -> io::Result<Option<Date>> {
        let tomorrow = today.saturating_add(1.day());
        Ok(read(&Self::path(&self.dir))?.days.into_keys().find(|day| *day > tomorrow))
    }

    /// Lets `edit` change what is spent of `day`, and writes it unless `edit` refuses.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn change<T: Send + 'static, E: Send + 'static>(
        &self,
        day: Date,
        edit: impl FnOnce(&mut Spending) -> Result<T, E> + Send + 'static,
    ) -> io::Result<Result<T, E>> {
        self.change_then(day, edit, |changed| changed).await
    }

    /// As [`Ledger::change`]; `then` is given what was changed once it is written, also if this future was dropped
    /// meanwhile.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn change_then<T: Send + 'static, U: Send + 'static, E: Send + 'static>(
        &self,
        day: Date,
        edit: impl FnOnce(&mut Spending) -> Result<T, E> + Send + 'static,
        then: impl FnOnce(T) -> U + Send + 'static,
    ) -> io::Result<Result<U, E>> {
        let (sender, mut told) = oneshot::channel();
        self.waiting().push(Box::new(DayChange::new(day, edit, then, sender)));
        let turn = tokio::select! {
            // Most are told what another wrote for them.
            biased;
            told = &mut told => return told.map_err(io::Error::other)?,
            turn = self.turn.clone().lock_owned() => turn,
        };
        let ledger = self.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            ledger.change_waiting();
        });
        writing.await.map_err(io::Error::other)?;
        told.await.map_err(io::Error::other)?
    }

    /// Makes all changes that wait, and tells each what came of it. Blocking.
    fn change_waiting(&self) {
        let mut changes = std::mem::take(&mut *self.waiting());
        if changes.is_empty() {
            return;
        }
        let written = self.change_days(|days| {
            // Each one is made: the first that is refused decides nothing for the next.
            let n_made = changes.iter_mut().map(|change| change.make(days)).filter(|is_made| *is_made).count();
            ((), n_made > 0)
        });
        let written = written.map_err(Arc::new);
        changes.into_iter().for_each(|change| change.tell(written.clone()));
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Box<dyn Change>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Ledger::change`]. Blocking.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn change_blocking<T, E>(
        &self,
        day: Date,
        edit: impl FnOnce(&mut Spending) -> Result<T, E>,
    ) -> io::Result<Result<T, E>> {
        self.change_days(|days| {
            let changed = days.change(day, edit);
            let is_changed = changed.is_ok();
            (changed, is_changed)
        })
    }

    /// Has `edit` change the days, and writes them if it says so.
    fn change_days<T>(&self, edit: impl FnOnce(&mut Days) -> (T, bool)) -> io::Result<T> {
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(self.dir.join(LOCK))?;
        durable::lock_within(&lock, WAIT_FOR_LOCK)?;
        let outcome = self.change_locked(edit);
        // Explicitly: a child process being started holds its parent's open files for a moment. If unlocking fails, the
        // lock ends with the file.
        let _ = lock.unlock();
        outcome
    }

    fn change_locked<T>(&self, edit: impl FnOnce(&mut Days) -> (T, bool)) -> io::Result<T> {
        let path = Self::path(&self.dir);
        let mut days = read(&path)?;
        let (outcome, is_changed) = edit(&mut days);
        if is_changed {
            durable::write(&path, &path.with_extension("json.part"), &serde_json::to_vec(&days)?)?;
        }
        Ok(outcome)
    }
}

impl Days {
    /// Lets `edit` change a day; none is kept that is too far from it.
    fn change<T, E>(&mut self, day: Date, edit: impl FnOnce(&mut Spending) -> Result<T, E>) -> Result<T, E> {
        let mut spending = self.days.get(&day).cloned().unwrap_or_default();
        let changed = edit(&mut spending)?;
        self.days.insert(day, spending);
        // All of it is written for each call, and calls of earlier days have long ended. The two days before this one
        // keep theirs: where the clock is ahead, today is one of them.
        let old: Vec<Date> = self.days.range(..day).rev().skip(2).map(|(day, _)| *day).collect();
        for day in old {
            self.days.entry(day).and_modify(Spending::forget_keys);
        }
        while self.days.len() > MAX_DAYS {
            let distance = |other: &Date| day.duration_until(*other).unsigned_abs();
            let Some(farthest) = self.days.keys().copied().max_by_key(distance) else { break };
            self.days.remove(&farthest);
        }
        Ok(changed)
    }
}

fn read(path: &Path) -> io::Result<Days> {
    let json = match durable::read_regular(path) {
        Ok(json) => json,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Days::default()),
        Err(e) => return Err(e),
    };
    let days = match serde_json::from_slice::<OneDay>(&json) {
        Ok(OneDay { day, spent_usd }) => Days { days: BTreeMap::from([(day, Spending::by_all(spent_usd))]) },
        Err(_) => serde_json::from_slice(&json).map_err(|error| damaged(&error.to_string()))?,
    };
    if days.days.values().all(Spending::is_sound) { Ok(days) } else { Err(damaged("spent_usd is not a sum of money")) }
}

/// Says what to do as well, since the server does not start with such a file.
fn damaged(what: &str) -> io::Error {
    let way_out = "move the damaged file away, and nothing counts as spent today";
    io::Error::new(io::ErrorKind::InvalidData, format!("{what}; {way_out}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_file_that_an_earlier_version_wrote_is_read_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let today = day("2026-11-26");
        fs::write(Ledger::path(dir.path()), r#"{"day": "2026-11-26", "spent_usd": 0.75}"#).unwrap();
        let ledger = Ledger::open(dir.path(), today).unwrap();
        assert!((ledger.of(today).unwrap().spent_usd - 0.75).abs() < 1e-12);
        assert_eq!(ledger.of(day("2026-11-27")).unwrap(), Spending::default());
    }

    #[tokio::test]
    async fn changes_that_wait_are_written_together() {
        let dir = tempfile::tempdir().unwrap();
        let today = day("2026-11-26");
        let ledger = Ledger::open(dir.path(), today).unwrap();
        let turn = ledger.turn.clone().lock_owned().await;
        let change = |n: usize| {
            let on_disk = ledger.clone();
            ledger.change(today, move |spending| {
                spending.add(0.01, None);
                if n.is_multiple_of(10) { Err("refused") } else { Ok(on_disk.of(today).unwrap().spent_usd) }
            })
        };
        let mut changing = std::pin::pin!(futures::future::join_all((0..100).map(change)));
        assert!(futures::poll!(&mut changing).is_pending());
        drop(turn);
        let changed: Vec<f64> = changing.await.into_iter().filter_map(|changed| changed.unwrap().ok()).collect();
        assert_eq!(changed, [0.0; 90], "nothing was written before the last of them was made");
        assert!((ledger.of(today).unwrap().spent_usd - 0.9).abs() < 1e-9);
    }

    #[test]
    fn the_days_nearest_to_today_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let today = day("2026-11-26");
        let ledger = Ledger::open(dir.path(), day("2031-01-01")).unwrap();
        assert_eq!(ledger.day_ahead(today).unwrap(), Some(day("2031-01-01")));
        for before in 0..20 {
            let spend = |spending: &mut Spending| {
                spending.add(1.0, Some("portal"));
                Ok::<_, ()>(())
            };
            ledger.change_blocking(today.saturating_sub(i64::from(20 - before).days()), spend).unwrap().unwrap();
        }
        let spend = |spending: &mut Spending| {
            spending.add(0.5, None);
            Ok::<_, ()>(())
        };
        ledger.change_blocking(today, spend).unwrap().unwrap();
        assert_eq!(read(&Ledger::path(dir.path())).unwrap().days.len(), MAX_DAYS);
        assert!((ledger.of(today).unwrap().spent_usd - 0.5).abs() < 1e-12);
        assert!((ledger.of(day("2026-11-25")).unwrap().of_key("portal") - 1.0).abs() < 1e-12);
        let older = ledger.of(day("2026-11-23")).unwrap();
        assert_eq!((older.spent_usd, older.keys.len()), (1.0, 0), "of older days the sum alone is kept");
        assert_eq!(ledger.day_ahead(today).unwrap(), None, "it is the farthest away");
    }

    #[test]
    fn a_clock_that_is_weeks_ahead_for_a_while_leaves_today_s_sums_of_keys() {
        let dir = tempfile::tempdir().unwrap();
        let today = day("2026-11-26");
        let spend = |spending: &mut Spending| {
            spending.add(1.0, Some("portal"));
            Ok::<_, ()>(())
        };
        let ledger = Ledger::open(dir.path(), today).unwrap();
        ledger.change_blocking(today, spend).unwrap().unwrap();
        for ahead in [20, 21] {
            Ledger::open(dir.path(), today.saturating_add(ahead.days())).unwrap();
        }
        assert!((ledger.of(today).unwrap().of_key("portal") - 1.0).abs() < 1e-12);
    }
}
