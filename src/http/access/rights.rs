//! What a key may do. A route names the right that it needs in [`crate::http::router`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Look at segments, the map, the status and the metrics.
    Read,
    /// Send workbooks, to be grouped, written for and exported.
    Upload,
    /// Have content written and drawn.
    Generate,
    /// Look at versions and reports, start trainings and comparisons.
    Train,
    /// Everything, and alone: activate versions, change segments, look at uploads.
    Admin,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Upload, Self::Generate, Self::Train, Self::Admin];

    /// Its name in `KEYS_FILE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Generate => "generate",
            Self::Train => "train",
            Self::Admin => "admin",
        }
    }

    /// Whether it takes a key that has it, also where no other route needs a key.
    pub fn always_needs_key(self) -> bool {
        matches!(self, Self::Train | Self::Admin)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Right {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|right| right.name() == text);
        let named = named.ok_or_else(|| match text {
            "" => "a right is missing".to_owned(),
            text => format!("{text} is no right"),
        });
        named.map_err(|fault| format!("{fault}: take from read, upload, generate, train and admin"))
    }
}

/// The rights of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u8);

impl Rights {
    /// Every right.
    pub(super) const ALL: Self = Self(0b1_1111);
    /// Those of callers to whom no route for administrators is open.
    pub(super) const EVERYDAY: Self = Self(0b0_0111);

    /// Whether `right` is among them. [`Right::Admin`] stands for all.
    pub fn has(self, right: Right) -> bool {
        self.0 & (right.bit() | Right::Admin.bit()) != 0
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_no_other_and_admin_is_all_of_them() {
        for right in Right::ALL {
            let own = Rights::from_iter([right]);
            assert!(own.has(right) && Rights::from_iter([Right::Admin]).has(right) && Rights::ALL.has(right));
            let others = Right::ALL.into_iter().filter(|other| *other != right);
            assert!(right == Right::Admin || !others.into_iter().any(|other| own.has(other)), "{right}");
            assert_eq!(right.name().parse(), Ok(right));
            assert_eq!(Rights::EVERYDAY.has(right), !right.always_needs_key());
        }
        assert!("Admin".parse::<Right>().is_err());
    }
}
