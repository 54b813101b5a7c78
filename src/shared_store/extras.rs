//! `personas.json`: what marketers add to segments, for every machine; replaced by compare-and-swap alone.
//!
//! Each machine has a copy in its folder of models, which is what it serves with.

use std::collections::BTreeMap;

use super::client::{Change, Object};
use super::{SharedStore, SharedStoreError};
use crate::causes::with_causes;
use crate::model_store::{Extras, ModelStore, StoreError};
use crate::pipeline::SegmentId;

const PERSONAS: &str = "personas.json";
/// How often a change is tried again when others are made at the same time.
const MAX_TRIES: usize = 10;

impl SharedStore {
    /// Puts `entry` in the place of what was added to a segment, in the store. `check` looks at what is there and may
    /// refuse. Where the store has none yet, it gets what `models` has.
    ///
    /// # Errors
    /// [`SharedStoreError`], as what `check` answers; [`StoreError`] when that of `models` cannot be read.
    pub fn put_extras<E: From<StoreError> + From<SharedStoreError>>(
        &self,
        models: &ModelStore,
        id: SegmentId,
        entry: &BTreeMap<String, String>,
        check: impl Fn(Option<&BTreeMap<String, String>>) -> Result<(), E>,
    ) -> Result<(), E> {
        for _ in 0..MAX_TRIES {
            let there = self.client.get(PERSONAS)?;
            let mut extras = match &there {
                Some(Object { bytes, .. }) => self.extras_of(bytes)?,
                None => models.extras()?,
            };
            check(extras.get(&id))?;
            extras.insert(id, entry.clone());
            let json = serde_json::to_vec_pretty(&extras).map_err(|error| self.no_extras(&error))?;
            if self.client.replace(PERSONAS, there.as_ref(), &json)? {
                return Ok(());
            }
        }
        let why = "is changed by others without a pause".to_owned();
        Err(SharedStoreError::Failed { url: self.client.url_of(PERSONAS), why }.into())
    }

    /// Copies what marketers added into `models`, unless it is still that of `e_tag`; the mark of what it is now. Where
    /// the store has none yet, it gets what `models` has. What holds something else is logged once, and `models` keeps
    /// its copy.
    pub(super) fn pull_extras(
        &self,
        models: &ModelStore,
        e_tag: Option<&str>,
    ) -> Result<Option<String>, SharedStoreError> {
        let failed = |source| SharedStoreError::Version { url: self.client.url_of(PERSONAS), source };
        let Object { bytes, e_tag } = match self.client.get_if_changed(PERSONAS, e_tag)? {
            Change::Same => return Ok(e_tag.map(str::to_owned)),
            Change::Gone => {
                let own = models.extras().map_err(failed)?;
                if e_tag.is_none() && !own.is_empty() {
                    let json = serde_json::to_vec_pretty(&own).map_err(|error| self.no_extras(&error))?;
                    self.client.create(PERSONAS, json)?;
                }
                return Ok(None);
            }
            Change::Now(object) => object,
        };
        let extras = match self.extras_of(&bytes) {
            Ok(extras) => extras,
            Err(error) => {
                tracing::error!(
                    event = "shared_extras_unusable",
                    causes = with_causes(&error),
                    "what marketers added on other machines cannot be taken over"
                );
                return Ok(e_tag);
            }
        };
        if let Some(kept) = models.keep_own_extras(&extras).map_err(failed)? {
            tracing::warn!(
                event = "own_extras_put_aside",
                file = %kept.display(),
                "what marketers added here gives way to what the shared store has; it is kept in {}",
                kept.display()
            );
        }
        models.replace_extras(&extras).map_err(failed)?;
        Ok(e_tag)
    }

    fn extras_of(&self, bytes: &[u8]) -> Result<Extras, SharedStoreError> {
        serde_json::from_slice(bytes).map_err(|error| self.no_extras(&error))
    }

    fn no_extras(&self, error: &serde_json::Error) -> SharedStoreError {
        let why = format!("holds no texts by segment (line {})", error.line());
        SharedStoreError::Damaged { url: self.client.url_of(PERSONAS), why }
    }
}
