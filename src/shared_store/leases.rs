//! `budget/<day>.json`: what machines have leased of a day's budgets, together, and each process by itself.
//!
//! A process finds by its own entry what it leased without hearing so: its answer was lost, and the lease was not.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::client::Object;
use super::{SharedStore, SharedStoreError};

/// How often a lease is tried again when other machines lease at the same time.
const MAX_TRIES: u32 = 40;
/// The first wait between two tries; later ones are up to sixteen times as long.
const WAIT: Duration = Duration::from_millis(5);

/// No try begins later than this.
const DEADLINE: Duration = Duration::from_secs(30);
/// Tolerance for sums of binary fractions.
const HARDLY_ANYTHING: f64 = 1e-9;

/// What is leased of a day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Leased {
    /// Of the budget of all, in US dollars.
    pub leased_usd: f64,
    /// Of keys' own budgets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, f64>,
    /// What each process leased of either.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    processes: BTreeMap<String, OfProcess>,
}

/// What one process leased of a day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfProcess {
    #[serde(default)]
    leased_usd: f64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    keys: BTreeMap<String, f64>,
}

/// This process as it leases.
#[derive(Debug)]
pub(super) struct Lessee {
    /// Its name in the store.
    name: String,
    /// By day and key, the sum of what it leased and was told so.
    told: Mutex<BTreeMap<(Date, Option<String>), f64>>,
}

impl Default for Lessee {
    fn default() -> Self {
        Self { name: Uuid::new_v4().simple().to_string(), told: Mutex::default() }
    }
}

impl Leased {
    /// The sum of all, and that of a process: of a key's own budget, or of that of everybody.
    fn sums(&mut self, process: &str, key: Option<&str>) -> (&mut f64, &mut f64) {
        let of_process = self.processes.entry(process.to_owned()).or_default();
        match key {
            None => (&mut self.leased_usd, &mut of_process.leased_usd),
            Some(key) => {
                (self.keys.entry(key.to_owned()).or_default(), of_process.keys.entry(key.to_owned()).or_default())
            }
        }
    }

    fn is_sound(&self) -> bool {
        let is_sum = |usd: &f64| usd.is_finite() && *usd >= 0.0;
        let is_sound = |of: &OfProcess| is_sum(&of.leased_usd) && of.keys.values().all(is_sum);
        is_sum(&self.leased_usd) && self.keys.values().all(is_sum) && self.processes.values().all(is_sound)
    }
}

impl SharedStore {
    /// What is leased of a day.
    ///
    /// # Errors
    /// [`SharedStoreError`]; [`SharedStoreError::Damaged`] when the object holds something else.
    pub fn leased(&self, day: Date) -> Result<Leased, SharedStoreError> {
        Ok(self.see_leased(day)?.0)
    }

    /// Leases what `grant` makes of what is leased already: of a key's own budget, or of that of all. A lease of 0 or
    /// less changes nothing. What this process leased before without hearing so comes first, however little it is.
    ///
    /// # Errors
    /// [`SharedStoreError`]; nothing of it may then be spent. If it is noted as leased, the next lease gives it.
    pub fn lease(&self, day: Date, key: Option<&str>, grant: impl Fn(f64) -> f64) -> Result<f64, SharedStoreError> {
        let mut told = self.lessee.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(of, _), _| of.duration_until(day).as_hours().abs() <= 48);
        let told = told.entry((day, key.map(str::to_owned))).or_default();
        let (leased_usd, is_new) = self.change_leased(day, |leased| {
            let (of_all, own) = leased.sums(&self.lessee.name, key);
            // After a reset there is less than this process was told of.
            let untold = *own - std::mem::replace(told, *own);
            if untold > HARDLY_ANYTHING {
                return (untold, false);
            }
            let granted = grant(*of_all).max(0.0);
            *of_all += granted;
            *own += granted;
            (granted, granted > 0.0)
        })?;
        if is_new {
            *told += leased_usd;
        }
        Ok(leased_usd)
    }

    /// Counts `usd` of what this process leased of a day as never told, since they could not be noted here: the next
    /// lease gives them.
    pub fn give_again(&self, day: Date, key: Option<&str>, usd: f64) {
        let mut told = self.lessee.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.entry((day, key.map(str::to_owned))).or_default();
        *told = (*told - usd).max(0.0);
    }

    /// What this process leased of a day, of a key's own budget or of that of all, and was told so; 0 while it leases
    /// or gives back.
    pub fn leased_here_usd(&self, day: Date, key: Option<&str>) -> f64 {
        let Ok(told) = self.lessee.told.try_lock() else { return 0.0 };
        told.get(&(day, key.map(str::to_owned))).copied().unwrap_or_default()
    }

    /// Gives back `usd` of what this process leased of a day, of a key's own budget or of that of all, and what it
    /// could not give back before. What was leased before a reset is not: it counts no more.
    ///
    /// # Errors
    /// [`SharedStoreError`]; if it is still noted as leased, the next lease gives it.
    pub fn give_back(&self, day: Date, key: Option<&str>, usd: f64) -> Result<(), SharedStoreError> {
        let mut told = self.lessee.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.entry((day, key.map(str::to_owned))).or_default();
        *told = (*told - usd).max(0.0);
        let kept_usd = *told;
        let given_back = self.change_leased(day, |leased| {
            let (of_all, own) = leased.sums(&self.lessee.name, key);
            let surplus = *own - kept_usd;
            if surplus <= HARDLY_ANYTHING {
                return ((), false);
            }
            *of_all = (*of_all - surplus).max(0.0);
            *own = kept_usd;
            ((), true)
        });
        given_back.map(|_| ())
    }

    /// Has `edit` change what is leased of a day, again where others changed it meanwhile. What it found, and whether
    /// it changed anything, as it says.
    fn change_leased<T>(
        &self,
        day: Date,
        mut edit: impl FnMut(&mut Leased) -> (T, bool),
    ) -> Result<(T, bool), SharedStoreError> {
        let (name, started) = (object_of(day), Instant::now());
        for tried in 0..MAX_TRIES {
            let (mut leased, seen) = self.see_leased(day)?;
            let (found, is_changed) = edit(&mut leased);
            if !is_changed {
                return Ok((found, false));
            }
            let json = serde_json::to_vec(&leased).map_err(|error| self.no_leases(day, &error))?;
            if self.client.replace(&name, seen.as_ref(), &json)? {
                return Ok((found, true));
            }
            if started.elapsed() > DEADLINE {
                break;
            }
            // Those who lease at the same time should not meet again.
            let spread = std::process::id() % 7 + 1;
            std::thread::sleep(WAIT * spread * (1 << tried.min(4)) / 4);
        }
        let why = "is changed by others without a pause".to_owned();
        Err(SharedStoreError::Failed { url: self.client.url_of(&name), why })
    }

    /// Counts what is leased of a day as nothing: that of `key`, or all. Machines keep what they have leased.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn forget_leases(&self, day: Date, key: Option<&str>) -> Result<(), SharedStoreError> {
        match key {
            None => self.client.delete(&object_of(day)),
            Some(_) => {
                let (mut leased, seen) = self.see_leased(day)?;
                let Some(key) = key.filter(|key| leased.keys.contains_key(*key)) else { return Ok(()) };
                leased.keys.remove(key);
                leased.processes.values_mut().for_each(|process| {
                    process.keys.remove(key);
                });
                let json = serde_json::to_vec(&leased).map_err(|error| self.no_leases(day, &error))?;
                if self.client.replace(&object_of(day), seen.as_ref(), &json)? {
                    return Ok(());
                }
                let why = "was changed by another machine meanwhile; try again".to_owned();
                Err(SharedStoreError::Failed { url: self.client.url_of(&object_of(day)), why })
            }
        }
    }

    fn see_leased(&self, day: Date) -> Result<(Leased, Option<Object>), SharedStoreError> {
        let Some(object) = self.client.get(&object_of(day))? else { return Ok((Leased::default(), None)) };
        let leased: Leased = serde_json::from_slice(&object.bytes).map_err(|error| self.no_leases(day, &error))?;
        if leased.is_sound() {
            Ok((leased, Some(object)))
        } else {
            let why = "holds what is no sum of money".to_owned();
            Err(SharedStoreError::Damaged { url: self.client.url_of(&object_of(day)), why })
        }
    }

    fn no_leases(&self, day: Date, error: &serde_json::Error) -> SharedStoreError {
        let why = format!("holds no leases (line {})", error.line());
        SharedStoreError::Damaged { url: self.client.url_of(&object_of(day)), why }
    }
}

fn object_of(day: Date) -> String {
    format!("budget/{day}.json")
}
