//! Work that outlives a request: retrainings, taking over new versions, removing old uploads.
//!
//! `jobs` is the registry that the state holds; `retraining`, `refresh` and `expiry` run on the state, and `following`
//! on the shared store.

pub(super) mod expiry;
pub(super) mod following;
pub(super) mod jobs;
pub(super) mod refresh;
pub(super) mod retraining;
