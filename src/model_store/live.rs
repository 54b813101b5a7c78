//! The version that answers requests.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{ModelStore, ModelVersion, StoreError};

/// The live version. A request takes one snapshot and keeps it to its end, whatever is published meanwhile.
#[derive(Debug)]
pub struct LiveModel(ArcSwap<ModelVersion>);

impl LiveModel {
    /// Makes `version` the live one.
    pub fn new(version: ModelVersion) -> Self {
        Self(ArcSwap::from_pointee(version))
    }

    /// The live version, for one request.
    pub fn snapshot(&self) -> Arc<ModelVersion> {
        self.0.load_full()
    }

    /// Takes over the store's current version if it is another one; `prepare` gets it first. Returns whether it did.
    ///
    /// # Errors
    /// As [`ModelStore::load`]. The live version then stays.
    pub fn refresh(&self, store: &ModelStore, prepare: impl FnOnce(&mut ModelVersion)) -> Result<bool, StoreError> {
        let id = store.current()?;
        if id == self.0.load().id {
            return Ok(false);
        }
        let mut version = store.load(&id)?;
        prepare(&mut version);
        self.0.store(Arc::new(version));
        Ok(true)
    }
}
