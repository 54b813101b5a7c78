//! `current`: the one object that is replaced, and only by compare-and-swap.

use jiff::Timestamp;
use rustix::system::uname;
use serde::{Deserialize, Serialize};

use super::client::Object;
use super::{SharedStore, SharedStoreError};
use crate::causes::with_causes;
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
#[derive(Debug)]
pub struct Seen {
    /// What it held; `None` where there was none, and where it held something else.
    pub current: Option<Current>,
    pub(super) object: Option<Object>,
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

    /// The same, where an object that holds something else is to be replaced: it is seen, and names no version. What is
    /// wrong with it comes beside it.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn look_at_current(&self) -> Result<(Seen, Option<SharedStoreError>), SharedStoreError> {
        let Some(object) = self.client.get(CURRENT)? else {
            return Ok((Seen { current: None, object: None }, None));
        };
        let (current, fault) = match self.current_of(&object.bytes) {
            Ok(current) => (Some(current), None),
            Err(fault) => (None, Some(fault)),
        };
        Ok((Seen { current, object: Some(object) }, fault))
    }

    /// Makes `version` the current one, if `current` is still what was `seen`. It must be in the store, whole.
    ///
    /// # Errors
    /// [`SharedStoreError::Swapped`] when another process was first; other [`SharedStoreError`]s when the store did not
    /// say whether it was done, and `current` does not show it either.
    pub fn swap_current(&self, seen: &Seen, version: &VersionId) -> Result<(), SharedStoreError> {
        // To activate what is current already must not lose the way back.
        let before = seen.current.as_ref().and_then(|current| match &current.before {
            before if current.version == *version => before.clone(),
            _ => Some(current.version.clone()),
        });
        let next = Current { version: version.clone(), before, by: this_process(), at: Timestamp::now() };
        let json = serde_json::to_vec_pretty(&next).map_err(|error| self.damaged(error.to_string()))?;
        if let Some(current) = &seen.current {
            // A training that was killed as soon as its version was current left it so.
            self.mark_as_published(&current.version)?;
        }
        let swapped = self.client.replace(CURRENT, seen.object.as_ref(), &json);
        if !matches!(swapped, Ok(true)) {
            // Somebody else may have wanted the same.
            let now = self.see_current().map(|seen| seen.current);
            match (swapped, now) {
                (_, Ok(Some(now))) if now.version == next.version => {}
                (Err(error), _) | (Ok(_), Err(error)) => return Err(error),
                (Ok(_), Ok(now)) => {
                    let (by, version) = match now {
                        Some(now) => (now.by, now.version.to_string()),
                        None => ("somebody".to_owned(), "nothing".to_owned()),
                    };
                    return Err(SharedStoreError::Swapped { url: self.url(), by, version });
                }
            }
        }
        if let Err(error) = self.mark_as_published(version) {
            // It is current all the same, and the next change of `current` tries again.
            tracing::warn!(
                event = "shared_version_still_marked",
                model_version = %version,
                causes = with_causes(&error),
                "the mark of a version that is being published could not be taken away"
            );
        }
        Ok(())
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
