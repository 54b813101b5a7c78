//! Text that no log, error or debug print shows.

use std::fmt;

/// Text that no log, error or debug print shows.
#[derive(Clone)]
pub struct Secret(pub(super) String);

impl Secret {
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
