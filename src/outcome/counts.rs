//! How many people got a text, and how many of them acted.

/// So many people got a text, and so many of them acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The text.
    pub content_id: String,
    /// The texts with the same group are alternatives to each other.
    pub group: String,
    /// Within a stratum people are alike, such as those of one day or one list; may be empty.
    pub stratum: String,
    /// People who got the text.
    pub sent: u64,
    /// Those of them who acted; at most `sent`.
    pub acted: u64,
}

/// One text within one stratum, or in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Arm {
    pub sent: u64,
    pub acted: u64,
}

impl Arm {
    pub fn add(&mut self, sending: &Sending) {
        *self = self.plus(Self { sent: sending.sent, acted: sending.acted });
    }

    pub fn plus(self, other: Self) -> Self {
        Self { sent: self.sent.saturating_add(other.sent), acted: self.acted.saturating_add(other.acted) }
    }
}
