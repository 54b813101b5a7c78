//! `budget/<day>.json`: what machines have leased of a day's budgets, together.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::client::Object;
use super::{SharedStore, SharedStoreError};

/// How often a lease is tried again when other machines lease at the same time.
const MAX_TRIES: u32 = 40;
/// The first wait between two tries; later ones are up to sixteen times as long.
const WAIT: Duration = Duration::from_millis(5);

/// What is leased of a day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Leased {
    /// Of the budget of all, in US dollars.
    pub leased_usd: f64,
    /// Of keys' own budgets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, f64>,
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
    /// less changes nothing.
    ///
    /// # Errors
    /// [`SharedStoreError`]; nothing of it may then be spent, whether or not it is noted as leased.
    pub fn lease(&self, day: Date, key: Option<&str>, grant: impl Fn(f64) -> f64) -> Result<f64, SharedStoreError> {
        let name = object_of(day);
        for tried in 0..MAX_TRIES {
            let (mut leased, e_tag) = self.see_leased(day)?;
            let is_first = e_tag.is_none() && leased == Leased::default();
            let of = match key {
                None => &mut leased.leased_usd,
                Some(key) => leased.keys.entry(key.to_owned()).or_default(),
            };
            let granted = grant(*of);
            if granted <= 0.0 {
                return Ok(0.0);
            }
            *of += granted;
            let json = serde_json::to_vec(&leased).map_err(|error| self.no_leases(day, &error))?;
            let is_written = match is_first {
                true => self.client.create(&name, json)?,
                false => self.client.swap(&name, e_tag.as_deref(), json)?,
            };
            if is_written {
                return Ok(granted);
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
                let (mut leased, e_tag) = self.see_leased(day)?;
                let Some(key) = key.filter(|key| leased.keys.contains_key(*key)) else { return Ok(()) };
                leased.keys.remove(key);
                let json = serde_json::to_vec(&leased).map_err(|error| self.no_leases(day, &error))?;
                if self.client.swap(&object_of(day), e_tag.as_deref(), json)? {
                    return Ok(());
                }
                let why = "was changed by another machine meanwhile; try again".to_owned();
                Err(SharedStoreError::Failed { url: self.client.url_of(&object_of(day)), why })
            }
        }
    }

    fn see_leased(&self, day: Date) -> Result<(Leased, Option<String>), SharedStoreError> {
        let Some(Object { bytes, e_tag }) = self.client.get(&object_of(day))? else {
            return Ok((Leased::default(), None));
        };
        let leased: Leased = serde_json::from_slice(&bytes).map_err(|error| self.no_leases(day, &error))?;
        let is_sum = |usd: &f64| usd.is_finite() && *usd >= 0.0;
        if is_sum(&leased.leased_usd) && leased.keys.values().all(is_sum) {
            Ok((leased, e_tag))
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
