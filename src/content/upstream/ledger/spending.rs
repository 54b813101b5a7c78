//! What is spent of one day: sums, of everybody and by key, that a reset begins anew. Pure; knows no file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A sum beyond this was not spent.
const MAX_USD: f64 = 1e9;

/// What is spent of one day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spending {
    /// By everybody, in US dollars.
    pub spent_usd: f64,
    /// By key, where a key has a name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, f64>,
    /// How often all of it was set to nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    resets: u32,
    /// How often the sum of a key was since.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    resets_of_keys: BTreeMap<String, u32>,
    /// What this machine has leased of the budget of all, where several spend it together.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub leased_usd: f64,
    /// The same of keys' own budgets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leased_keys: BTreeMap<String, f64>,
}

/// Between which resets something was spent: of everybody, and of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation {
    all: u32,
    key: u32,
}

impl Generation {
    /// Whether what is spent in it counts in the sum of all that `now` belongs to, whatever was reset of a key.
    pub fn counts_for_all(self, now: Self) -> bool {
        self.all == now.all
    }
}

impl Spending {
    /// So much by everybody, and nothing by any key.
    pub(super) fn by_all(spent_usd: f64) -> Self {
        Self { spent_usd, ..Self::default() }
    }

    /// Adds `usd`, which may be less than 0, to the sum and to that of the key.
    pub fn add(&mut self, usd: f64, key: Option<&str>) {
        self.spent_usd = (self.spent_usd + usd).max(0.0);
        if let Some(key) = key {
            let of_key = self.keys.entry(key.to_owned()).or_default();
            *of_key = (*of_key + usd).max(0.0);
        }
    }

    /// Counts what is spent as nothing: that of `key`, or that of everybody.
    pub fn reset(&mut self, key: Option<&str>) {
        match key {
            None => *self = Self { resets: self.resets.wrapping_add(1), ..Self::default() },
            Some(key) => {
                self.keys.remove(key);
                self.leased_keys.remove(key);
                let resets = self.resets_of_keys.entry(key.to_owned()).or_default();
                *resets = resets.wrapping_add(1);
            }
        }
    }

    /// Keeps the sums of everybody alone.
    pub(super) fn forget_keys(&mut self) {
        self.keys.clear();
        self.resets_of_keys.clear();
        self.leased_keys.clear();
    }

    /// What is spent now, by `key` if there is one, belongs to this.
    pub fn generation(&self, key: Option<&str>) -> Generation {
        let key = key.and_then(|key| self.resets_of_keys.get(key)).copied().unwrap_or_default();
        Generation { all: self.resets, key }
    }

    /// As [`Spending::add`], for something that was spent in `generation`: a sum that was reset since stays as it is.
    pub fn correct(&mut self, usd: f64, key: Option<&str>, generation: Generation) {
        let now = self.generation(key);
        if generation.counts_for_all(now) {
            self.add(usd, key.filter(|_| generation == now));
        }
    }

    /// Adds a slice that was leased of the budget of all, or of a key's own; less than 0 where it is given back.
    pub fn add_lease(&mut self, usd: f64, key: Option<&str>) {
        match key {
            None => self.leased_usd += usd,
            Some(key) => *self.leased_keys.entry(key.to_owned()).or_default() += usd,
        }
    }

    /// What this machine has leased of the budget of all, or of a key's own.
    pub fn leased(&self, key: Option<&str>) -> f64 {
        key.map_or(self.leased_usd, |key| self.leased_keys.get(key).copied().unwrap_or_default())
    }

    /// What this machine has leased of the budget of all, or of a key's own, and is neither spent nor reserved.
    pub fn unused_usd(&self, key: Option<&str>) -> f64 {
        self.leased(key) - key.map_or(self.spent_usd, |key| self.of_key(key))
    }

    /// What the calls of a key cost.
    pub fn of_key(&self, key: &str) -> f64 {
        self.keys.get(key).copied().unwrap_or_default()
    }

    /// Whether all of it are sums of money.
    pub(super) fn is_sound(&self) -> bool {
        let all = [&self.spent_usd, &self.leased_usd].into_iter().chain(self.keys.values());
        all.chain(self.leased_keys.values()).all(|usd| (0.0..=MAX_USD).contains(usd))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_nothing(usd: &f64) -> bool {
    *usd == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(resets: &u32) -> bool {
    *resets == 0
}
