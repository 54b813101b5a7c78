//! What a server does without being asked by a request: retrainings, new versions, old uploads.

pub(super) mod expiry;
pub(super) mod jobs;
pub(super) mod refresh;
