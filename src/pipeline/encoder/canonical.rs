//! The order of a training's profiles: a function of what they are, not of which came first.

use xxhash_rust::xxh3::xxh3_64;

use super::profiles::Profiles;
use super::{Block, Encoder};

impl Encoder {
    /// The same profiles, numbered in the order of a hash of their values.
    ///
    /// Sorted profiles would be a trap for whatever breaks ties by position, as the search for neighbours does: of many
    /// equally near profiles those in the first towns of the alphabet would be everybody's neighbours. By a hash of the
    /// values, and not of their positions in the encoder, a new value leaves the others in their order.
    pub(in crate::pipeline) fn canonical(&self, profiles: Profiles) -> Profiles {
        let hashes: Vec<Vec<u64>> = self.blocks.iter().map(Block::hashes).collect();
        let hash = |key: &[u64]| {
            let cells = key.iter().zip(&hashes).map(|(&cell, of_position)| {
                let hashed = usize::try_from(cell).ok().and_then(|position| of_position.get(position));
                hashed.copied().unwrap_or(cell)
            });
            xxh3_64(&cells.flat_map(u64::to_le_bytes).collect::<Vec<u8>>())
        };
        let mut order: Vec<(u64, Box<[u64]>, usize)> =
            profiles.keys.into_iter().enumerate().map(|(number, key)| (hash(&key), key, number)).collect();
        order.sort_unstable();
        let mut place_of = vec![u32::MAX; order.len()];
        for (place, (_, _, number)) in (0..).zip(&order) {
            if let Some(slot) = place_of.get_mut(*number) {
                *slot = place;
            }
        }
        let customers = order.iter().filter_map(|(_, _, number)| profiles.customers.get(*number).copied()).collect();
        let place = |number: &u32| place_of.get(*number as usize).copied().unwrap_or(u32::MAX);
        let of_row = profiles.of_row.iter().map(place).collect();
        Profiles { keys: order.into_iter().map(|(_, key, _)| key).collect(), of_row, customers }
    }
}

impl Block {
    /// A hash of each of its values by its position; none of a number, whose cell says it all.
    fn hashes(&self) -> Vec<u64> {
        match self {
            Self::OneHot(values) => values.iter().map(|value| xxh3_64(value.to_string().as_bytes())).collect(),
            Self::Scaled | Self::Described(_) => Vec::new(),
        }
    }
}
