//! What marketers add to segments while the service runs: one file beside `current`, by segment.
//!
//! Ids last from one training to the next, and so do these entries: every version is served with those of its segments.
//! An entry stands in the place of what `PERSONA_PATH` adds to its segment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::disk::read_file;
use super::upkeep::write_anew;
use super::{FileFault, ModelStore, ModelVersion, StoreError};
use crate::durable;
use crate::pipeline::SegmentId;

const EXTRAS: &str = "extras.json";
/// What the file held before it became a copy of a shared store's.
const OWN_EXTRAS: &str = "extras.before_sharing.json";

/// Marketers' additions by segment and key.
pub type Extras = BTreeMap<SegmentId, BTreeMap<String, String>>;

impl ModelStore {
    /// What marketers have added.
    ///
    /// # Errors
    /// [`StoreError::File`] when the file is there and cannot be read, or holds something else.
    pub fn extras(&self) -> Result<Extras, StoreError> {
        let path = self.dir().join(EXTRAS);
        if !path.exists() {
            return Ok(Extras::new());
        }
        let bytes = read_file(&path)?;
        serde_json::from_slice(&bytes).map_err(|e| StoreError::File { path, fault: FileFault::Contents(e.into()) })
    }

    /// Lays what marketers have added over the segments of `version`.
    ///
    /// # Errors
    /// As [`ModelStore::extras`]; the version is then as it was.
    pub fn lay_extras(&self, version: &mut ModelVersion) -> Result<(), StoreError> {
        version.model.set_extras(&self.extras()?);
        Ok(())
    }

    /// Puts `entry` in the place of what was added to a segment, on disk before it returns. `check` looks at what is
    /// there and may refuse. Blocking.
    ///
    /// # Errors
    /// As [`ModelStore::extras`]; [`StoreError::Write`] when the file cannot be written; what `check` answers.
    pub fn put_extras<E: From<StoreError>>(
        &self,
        id: SegmentId,
        entry: BTreeMap<String, String>,
        check: impl FnOnce(Option<&BTreeMap<String, String>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let _lock = self.lock_extras()?;
        let mut extras = self.extras()?;
        check(extras.get(&id))?;
        extras.insert(id, entry);
        Ok(self.write_extras(&extras)?)
    }

    /// Takes over what marketers have added on another machine, on disk before it returns. Blocking.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn replace_extras(&self, extras: &Extras) -> Result<(), StoreError> {
        let _lock = self.lock_extras()?;
        self.write_extras(extras)
    }

    /// Keeps beside the file what it holds before `others` take its place for the first time; where it is then, unless
    /// they hold the same. Blocking.
    ///
    /// # Errors
    /// As [`ModelStore::extras`]; [`StoreError::Write`].
    pub fn keep_own_extras(&self, others: &Extras) -> Result<Option<PathBuf>, StoreError> {
        let _lock = self.lock_extras()?;
        let kept = self.dir().join(OWN_EXTRAS);
        if kept.exists() {
            return Ok(None);
        }
        let own = self.extras()?;
        let json = serde_json::to_vec_pretty(&own);
        let json = json.map_err(|e| StoreError::Write { path: kept.clone(), source: e.into() })?;
        write_anew(&kept, &json)?;
        Ok((!own.is_empty() && own != *others).then_some(kept))
    }

    fn write_extras(&self, extras: &Extras) -> Result<(), StoreError> {
        let path = self.dir().join(EXTRAS);
        let json = serde_json::to_vec_pretty(extras);
        let json = json.map_err(|e| StoreError::Write { path: path.clone(), source: e.into() })?;
        write_anew(&path, &json)
    }

    /// What the file is now, to see whether it has changed.
    pub(super) fn extras_stamp(&self) -> Option<Vec<u8>> {
        durable::read_regular(&self.dir().join(EXTRAS)).ok()
    }
}
