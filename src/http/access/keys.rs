//! The keys that are good now: those of `API_KEYS` and `ADMIN_KEY`, and those of `KEYS_FILE`, which may change while
//! the server runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// A key with its name and what goes for it.
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
    has_budgets: bool,
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
        let mut keys = Self {
            of_settings: everyday.chain(admin).map(Arc::new).collect(),
            file: file.map(Path::to_owned),
            // A file without a key closes the service: the last key may have been taken out of it.
            is_needed: file.is_some() || !api_keys.is_empty(),
            has_budgets: false,
            good: ArcSwap::default(),
        };
        let good = keys.read()?;
        keys.has_budgets = good.iter().any(|key| key.budget_usd.is_some());
        keys.good.store(Arc::new(good));
        Ok(keys)
    }

    /// Reads the file again. How many keys are good then. Blocking.
    ///
    /// # Errors
    /// As [`Keys::load`]; the keys before stay.
    pub(super) fn reload(&self) -> Result<usize, KeysFileError> {
        let good = self.read()?;
        if !self.has_budgets && good.iter().any(|key| key.budget_usd.is_some()) {
            return Err(KeysFileError::FirstBudget);
        }
        let n_keys = good.len();
        self.good.store(Arc::new(good));
        Ok(n_keys)
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
        self.has_budgets
    }

    /// Whether some key that is good has this right.
    pub(super) fn give(&self, right: Right) -> bool {
        self.good.load().iter().any(|key| key.rights.has(right) && !key.is_expired())
    }
}
