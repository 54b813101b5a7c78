//! Repeatable chance.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and every bit of its numbers is good.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of one variant or one round.
    pub(super) fn new(seed: u64, variant: usize) -> Self {
        Self(seed ^ (u64::try_from(variant).unwrap_or(u64::MAX) << 48))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`; 0 where `n` is 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(n).unwrap_or_default()).unwrap_or_default()
    }

    /// A number from `low` to `high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        let unit = f32::from(u16::try_from(self.next() >> 48).unwrap_or_default()) / f32::from(u16::MAX);
        low + unit * (high - low)
    }
}
