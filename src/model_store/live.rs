//! The version that answers requests.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::{ModelStore, ModelVersion, StoreError};

/// The live version. A request takes one snapshot and keeps it to its end, whatever is published meanwhile.
#[derive(Debug)]
pub struct LiveModel {
    version: ArcSwap<ModelVersion>,
    /// Held from reading which version is current to making it the live one: who looked earlier would else put an
    /// older version over a newer one. Holds the marketers' additions that the live version was served with.
    refreshing: Mutex<Option<Vec<u8>>>,
}

impl LiveModel {
    /// Makes `version` of the store the live one; `prepare` gets it first and lays over it what marketers added, which
    /// is then no change to take over.
    pub fn new(mut version: ModelVersion, store: &ModelStore, prepare: impl FnOnce(&mut ModelVersion)) -> Self {
        // Before `prepare` reads them: what is added meanwhile is a change.
        let extras = store.extras_stamp();
        prepare(&mut version);
        Self { version: ArcSwap::from_pointee(version), refreshing: Mutex::new(extras) }
    }

    /// The live version, for one request.
    pub fn snapshot(&self) -> Arc<ModelVersion> {
        self.version.load_full()
    }

    /// Takes over the store's current version if it or what marketers added is another one; `prepare` gets it first.
    /// Returns whether it did. One refresh waits for the other; after it, what was current when it was asked is live,
    /// or what became current since.
    ///
    /// # Errors
    /// As [`ModelStore::load`]. The live version then stays.
    pub fn refresh(&self, store: &ModelStore, prepare: impl FnOnce(&mut ModelVersion)) -> Result<bool, StoreError> {
        let mut extras = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let id = store.current()?;
        let stamp = store.extras_stamp();
        if id == self.version.load().id && *extras == stamp {
            return Ok(false);
        }
        let mut version = store.load(&id)?;
        prepare(&mut version);
        self.version.store(Arc::new(version));
        *extras = stamp;
        Ok(true)
    }
}
