//! Tries a store out: whether this machine may write there, and whether the store heeds conditions.

use uuid::Uuid;

use super::{SharedStore, SharedStoreError};

const CHECKS: &str = "checks";

impl SharedStore {
    /// Makes an object, replaces it, and takes it away, each as several machines do at the same time.
    ///
    /// # Errors
    /// [`SharedStoreError::Unconditional`] when the store lets one machine undo what another has done; any other.
    pub fn try_out(&self) -> Result<(), SharedStoreError> {
        let name = format!("{CHECKS}/{}", Uuid::new_v4().simple());
        let tried = self.try_conditions(&name);
        let removed = self.client.delete(&name);
        tried.and(removed)
    }

    fn try_conditions(&self, name: &str) -> Result<(), SharedStoreError> {
        let must = |holds: bool, why| {
            if holds { Ok(()) } else { Err(SharedStoreError::Unconditional { url: self.url(), why }) }
        };
        must(self.client.create(name, b"1".to_vec())?, "it does not make a new object")?;
        must(
            !self.client.create(name, b"2".to_vec())?,
            "it replaces an object that is there already, and does not heed If-None-Match",
        )?;
        let first = self.client.get(name)?;
        must(first.is_some(), "it does not have an object that was just written")?;
        must(
            self.client.replace(name, first.as_ref(), b"3")?,
            "it does not replace an object that is as it was (If-Match)",
        )?;
        must(
            !self.client.replace(name, first.as_ref(), b"4")?,
            "it replaces an object that was changed meanwhile, and does not heed If-Match",
        )
    }
}
