//! The hashes of rows, by which copies are told.
//!
//! A set of 128-bit hashes grows beyond the processor's caches, so that each look into it waits for the memory. Here it
//! waits once: a hash is in the slot that its first bits say, or in the next ones. A set twice as large has all hashes
//! in the same order, so that growing it goes through both from the start to the end. The hashes are well spread by
//! themselves, and are not hashed again.

/// Slots of the smallest set.
const MIN_SLOTS: usize = 1 << 10;
/// What an empty slot holds.
const EMPTY: u128 = 0;

/// A set of hashes.
#[derive(Debug, Clone, Default)]
pub(super) struct RowHashes {
    /// As many as a power of two, or none; at most two thirds of them are taken.
    slots: Vec<u128>,
    n_taken: usize,
    /// Whether the hash is in the set that looks as an empty slot does.
    has_empty: bool,
}

impl RowHashes {
    /// Adds a hash; whether it is new.
    #[inline]
    pub fn insert(&mut self, hash: u128) -> bool {
        if hash == EMPTY {
            return !std::mem::replace(&mut self.has_empty, true);
        }
        if 3 * self.n_taken >= 2 * self.slots.len() {
            self.grow();
        }
        let is_new = put(&mut self.slots, hash);
        self.n_taken += usize::from(is_new);
        is_new
    }

    fn grow(&mut self) {
        let mut slots = vec![EMPTY; (2 * self.slots.len()).max(MIN_SLOTS)];
        for &hash in self.slots.iter().filter(|&&hash| hash != EMPTY) {
            put(&mut slots, hash);
        }
        self.slots = slots;
    }
}

/// Puts a hash into its slot, or the next empty one; whether it was not there.
#[inline]
fn put(slots: &mut [u128], hash: u128) -> bool {
    let n_bits = slots.len().trailing_zeros();
    let first_bits = u64::try_from(hash >> 64).unwrap_or_default() >> (u64::BITS - n_bits);
    let mut at = usize::try_from(first_bits).unwrap_or_default();
    // A third of the slots is empty, so that one comes.
    while let Some(slot) = slots.get_mut(at & (slots.len() - 1)) {
        if *slot == EMPTY {
            *slot = hash;
            return true;
        }
        if *slot == hash {
            return false;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_hash_is_new_once(
            hashes in prop::collection::vec(prop_oneof![any::<u128>(), 0_u128..9, u128::MAX - 9..=u128::MAX], 0..3_000),
        ) {
            let (mut set, mut expected) = (RowHashes::default(), HashSet::new());
            for hash in hashes {
                prop_assert_eq!(set.insert(hash), expected.insert(hash));
            }
        }
    }

    #[test]
    fn hashes_that_belong_into_one_slot_are_told_apart_however_many_there_are() {
        // All of them belong into the last slot, behind which the first one follows.
        let hashes: Vec<u128> = (0..2_000).map(|n| u128::MAX - n).collect();
        let mut set = RowHashes::default();
        assert!(hashes.iter().all(|&hash| set.insert(hash)));
        assert!(!hashes.iter().any(|&hash| set.insert(hash)));
    }
}
