//! `current`: the one object that is replaced, and only by compare-and-swap.

use jiff::Timestamp;
use rustix::system::uname;
use serde::{Deserialize, Serialize};

use super::client::Object;
use super::{SharedStore, SharedStoreError};
use crate::model_store::VersionId;

pub(super) const CURRENT: &str = "current";

/// What `current` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// The version that every server serves.
    pub version: VersionId,
    /// The version before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<VersionId>,
    /// The process that made it the current one, for people.
    pub by: String,
    /// When it did.
    pub at: Timestamp,
}

/// `current` as it was seen: what a later change of it depends on.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it held; `None` where there was none.
    pub current: Option<Current>,
    pub(super) e_tag: Option<String>,
}

impl SharedStore {
    /// Reads which version is current.
    ///
    /// # Errors
    /// [`SharedStoreError`]; [`SharedStoreError::Damaged`] when the object holds something else.
    pub fn see_current(&self) -> Result<Seen, SharedStoreError> {
        let (seen, fault) = self.look_at_current()?;
        fault.map_or(Ok(seen), Err)
    }

    /// The same, where an object that holds something else is to be replaced: it is seen, and names no version.
    pub(super) fn look_at_current(&self) -> Result<(Seen, Option<SharedStoreError>), SharedStoreError> {
        let Some(Object { bytes, e_tag }) = self.client.get(CURRENT)? else {
            return Ok((Seen { current: None, e_tag: None }, None));
        };
        Ok(match self.current_of(&bytes) {
            Ok(current) => (Seen { current: Some(current), e_tag }, None),
            Err(fault) => (Seen { current: None, e_tag }, Some(fault)),
        })
    }

    /// Makes `version` the current one, if `current` is still what was `seen`. It must be in the store, whole.
    ///
    /// # Errors
    /// [`SharedStoreError::Swapped`] when another process was first; other [`SharedStoreError`]s when the store did not
    /// say whether it was done, and `current` does not show it either.
    pub fn swap_current(&self, seen: &Seen, version: &VersionId) -> Result<(), SharedStoreError> {
        let before = seen.current.as_ref().map(|current| current.version.clone());
        let next = Current { version: version.clone(), before, by: this_process(), at: Timestamp::now() };
        let json = serde_json::to_vec_pretty(&next).map_err(|error| self.damaged(error.to_string()))?;
        let outcome = match &seen.e_tag {
            None => self.client.create(CURRENT, json),
            e_tag => self.client.swap(CURRENT, e_tag.as_deref(), json),
        };
        if matches!(outcome, Ok(true)) {
            return Ok(());
        }
        // An answer may be lost after the write, and a write that is tried again then finds itself. And somebody else may
        // have wanted the same.
        let now = self.see_current().map(|seen| seen.current);
        match (outcome, now) {
            (_, Ok(Some(now))) if now.version == next.version => Ok(()),
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok(_), Ok(now)) => {
                let (by, version) = match now {
                    Some(now) => (now.by, now.version.to_string()),
                    None => ("somebody".to_owned(), "nothing".to_owned()),
                };
                Err(SharedStoreError::Swapped { url: self.url(), by, version })
            }
        }
    }

    pub(super) fn current_of(&self, bytes: &[u8]) -> Result<Current, SharedStoreError> {
        let mut current: Current = serde_json::from_slice(bytes)
            .map_err(|error| self.damaged(format!("names no version (line {})", error.line())))?;
        // It comes from outside, and is shown.
        current.by.retain(|c| c.is_ascii_graphic() || c == ' ');
        current.by.truncate(100);
        Ok(current)
    }

    fn damaged(&self, why: String) -> SharedStoreError {
        SharedStoreError::Damaged { url: self.client.url_of(CURRENT), why }
    }
}

/// This process, as others are told of it.
fn this_process() -> String {
    let host: String = uname().nodename().to_string_lossy().chars().filter(char::is_ascii_graphic).take(64).collect();
    format!("process {} on {host}", std::process::id())
}
