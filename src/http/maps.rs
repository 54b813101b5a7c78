//! The latest answers of `GET /map`: a version never changes, and neither does its map.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use tokio::sync::OwnedMutexGuard;

use crate::model_store::VersionId;

/// Answers that are remembered: the live version's, and one that somebody compares it with, each with values and
/// without.
const MAX_REMEMBERED: usize = 4;

/// Maps as JSON by version, and whether the values of the customers' columns are in it.
#[derive(Debug, Default)]
pub(super) struct Maps {
    made: Mutex<Vec<(VersionId, bool, Bytes)>>,
    /// Held while a version is loaded for its map.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Maps {
    /// The map of a version, if it was asked for lately.
    pub fn find(&self, id: &VersionId, is_admin: bool) -> Option<Bytes> {
        let maps = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        maps.iter().find(|(known, of_admin, _)| known == id && *of_admin == is_admin).map(|(_, _, json)| json.clone())
    }

    /// The turn to load a version that is not live: one at a time, for each is a whole model in memory.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        self.turn.clone().lock_owned().await
    }

    /// Keeps a map in the place of the one that was made longest ago.
    pub fn remember(&self, id: VersionId, is_admin: bool, json: Bytes) {
        let mut maps = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        maps.insert(0, (id, is_admin, json));
        maps.truncate(MAX_REMEMBERED);
    }
}
