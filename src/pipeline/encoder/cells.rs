//! What one profile holds for one feature.

use super::{Profiles, UNKNOWN};

impl Profiles {
    /// The position of the profile's one-hot value, or the bits of its number; `None` where it has none.
    pub(in crate::pipeline) fn cell(&self, profile: usize, feature: usize) -> Option<u64> {
        self.keys.get(profile)?.get(feature).copied().filter(|&cell| cell != UNKNOWN)
    }
}
