//! The keys that are good now: those of `API_KEYS` and `ADMIN_KEY`, and those of `KEYS_FILE`, which may change while
//! the server runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use governor::clock::DefaultClock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;

use super::key::Key;
use super::keys_file::{self, KeyLine, KeysFileError};
use super::rights::{Right, Rights};

/// The rate of one key.
pub(super) type KeyRate = RateLimiter<NotKeyed, InMemoryState, DefaultClock>;

/// The name of `ADMIN_KEY` in logs.
const ADMIN: &str = "ADMIN_KEY";

/// What became of a file that was read again.
#[derive(Debug)]
pub struct Reloaded<E> {
    /// How many keys are good now.
    pub n_keys: usize,
    /// The budgets that could not be taken over.
    pub refused: Option<RefusedBudgets<E>>,
}

/// The first budgets of keys, where what calls cost cannot be kept.
#[derive(Debug)]
pub struct RefusedBudgets<E> {
    /// The keys that go on without a budget, as before.
    pub without: Vec<String>,
    /// The keys that were not known before and are not taken over.
    pub left_out: Vec<String>,
    /// Why.
    pub cause: E,
}

/// A key with its name and what goes for it.
#[derive(Clone)]
pub(in crate::http) struct NamedKey {
    /// What it is called in logs.
    pub(super) name: Arc<str>,
    pub(super) key: Key,
    pub(super) rights: Rights,
    expires: Option<Timestamp>,
    /// Its own rate, where it has one.
    pub(super) rate: Option<(u32, Arc<KeyRate>)>,
    /// US dollars in one day.
    pub(super) budget_usd: Option<f64>,
}

/// Every key.
pub(super) struct Keys {
    of_settings: Vec<Arc<NamedKey>>,
    file: Option<PathBuf>,
    is_needed: bool,
    /// Whether what calls cost is kept, so that a key may have a budget.
    has_budgets: AtomicBool,
    good: ArcSwap<Vec<Arc<NamedKey>>>,
}

impl NamedKey {
    fn of_settings(name: String, key: Key, rights: Rights) -> Self {
        Self { name: name.into(), key, rights, expires: None, rate: None, budget_usd: None }
    }

    /// The key of a line; a rate that stays keeps what was used of it.
    fn of_line(line: &KeyLine, before: &[Arc<Self>]) -> Option<Self> {
        let key = line.key()?;
        let same = before.iter().find(|before| *before.name == *line.name && before.key.is(&key));
        // What was used of a rate stays used: of a reload a client should gain no second minute.
        let used = |limit: u32| same?.rate.clone().filter(|(before, _)| *before == limit);
        let fresh = |limit| Arc::new(RateLimiter::direct(Quota::per_minute(limit)));
        let rate = line.requests_per_minute;
        let rate = rate.map(|limit| used(limit.get()).unwrap_or_else(|| (limit.get(), fresh(limit))));
        let rights = line.rights.iter().copied().collect();
        let expires = line.expires.map(keys_file::Expiry::moment);
        Some(Self { name: line.name.as_str().into(), key, rights, expires, rate, budget_usd: line.budget_usd_per_day })
    }

    /// Whether it is no longer good.
    pub(super) fn is_expired(&self) -> bool {
        self.expires.is_some_and(|expires| Timestamp::now() >= expires)
    }
}

impl fmt::Debug for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Keys {
    /// The keys of the settings and of the file, if there is one. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read, is faulty, or repeats a key of the settings.
    pub(super) fn load(api_keys: &[Key], admin_key: Option<Key>, file: Option<&Path>) -> Result<Self, KeysFileError> {
        let everyday = (1..).zip(api_keys);
        let everyday = everyday.map(|(n, key)| NamedKey::of_settings(format!("API_KEYS.{n}"), *key, Rights::EVERYDAY));
        let admin = admin_key.map(|key| NamedKey::of_settings(ADMIN.to_owned(), key, Rights::ALL));
        let keys = Self {
            of_settings: everyday.chain(admin).map(Arc::new).collect(),
            file: file.map(Path::to_owned),
            // A file without a key closes the service: the last key may have been taken out of it.
            is_needed: file.is_some() || !api_keys.is_empty(),
            has_budgets: AtomicBool::new(false),
            good: ArcSwap::default(),
        };
        let good = keys.read()?;
        keys.has_budgets.store(good.iter().any(|key| key.budget_usd.is_some()), Ordering::Relaxed);
        keys.good.store(Arc::new(good));
        Ok(keys)
    }

    /// Reads the file again and takes it over. Where a key has the first budget of all, `begin` has what calls cost
    /// kept from then on. If it cannot, everything else is taken over: a key that was good stays without a budget, and
    /// a new one, which would spend without limit, is left out. Blocking.
    ///
    /// # Errors
    /// As [`Keys::load`], and where a budget is less than `least_call_usd`; the keys before stay.
    pub(super) fn reload<E>(
        &self,
        least_call_usd: Option<f64>,
        begin: impl FnOnce() -> Result<(), E>,
    ) -> Result<Reloaded<E>, KeysFileError> {
        let mut good = self.read()?;
        keys_file::check_budgets(good.iter().map(|key| (&*key.name, key.budget_usd)), least_call_usd)?;
        let mut refused = None;
        if !self.has_budgets.load(Ordering::Relaxed) && good.iter().any(|key| key.budget_usd.is_some()) {
            match begin() {
                Ok(()) => self.has_budgets.store(true, Ordering::Relaxed),
                Err(cause) => refused = Some(self.without_budgets(&mut good, cause)),
            }
        }
        let n_keys = good.iter().filter(|key| !key.is_expired()).count();
        self.good.store(Arc::new(good));
        Ok(Reloaded { n_keys, refused })
    }

    fn without_budgets<E>(&self, good: &mut Vec<Arc<NamedKey>>, cause: E) -> RefusedBudgets<E> {
        let before = self.good.load();
        let (mut without, mut left_out) = (Vec::new(), Vec::new());
        good.retain_mut(|key| {
            if key.budget_usd.is_none() {
                return true;
            }
            let is_known = before.iter().any(|before| before.key.is(&key.key));
            let names = if is_known { &mut without } else { &mut left_out };
            names.push(key.name.to_string());
            *key = Arc::new(NamedKey { budget_usd: None, ..NamedKey::clone(key) });
            is_known
        });
        RefusedBudgets { without, left_out, cause }
    }

    fn read(&self) -> Result<Vec<Arc<NamedKey>>, KeysFileError> {
        let lines = self.file.as_deref().map(keys_file::read).transpose()?.unwrap_or_default();
        let before = self.good.load();
        let mut keys = self.of_settings.clone();
        for key in lines.iter().filter_map(|line| NamedKey::of_line(line, &before)) {
            if self.of_settings.iter().any(|other| other.key.is(&key.key) || other.name == key.name) {
                return Err(KeysFileError::Twice { name: key.name.to_string() });
            }
            keys.push(Arc::new(key));
        }
        Ok(keys)
    }

    /// The key that was sent, good or expired.
    pub(super) fn find(&self, sent: &Key) -> Option<Arc<NamedKey>> {
        // Compares with every key, so that the time tells nothing.
        self.good.load().iter().fold(None, |found, key| if key.key.is(sent) { Some(key.clone()) } else { found })
    }

    /// Whether callers of every route need a key.
    pub(super) fn is_needed(&self) -> bool {
        self.is_needed
    }

    /// Whether some key has a budget of its own.
    pub(super) fn has_budgets(&self) -> bool {
        self.has_budgets.load(Ordering::Relaxed)
    }

    /// Whether some key that is good has this right.
    pub(super) fn give(&self, right: Right) -> bool {
        self.good.load().iter().any(|key| key.rights.has(right) && !key.is_expired())
    }
}
