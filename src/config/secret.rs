//! Text that no log, error or debug print shows.

use std::fmt;

/// Text that no log, error or debug print shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret; `None` where it is blank, because a blank key is a missing one.
    pub fn new(secret: &str) -> Option<Self> {
        Some(secret.trim()).filter(|secret| !secret.is_empty()).map(|secret| Self(secret.to_owned()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
