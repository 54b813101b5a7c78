//! Places that took some computing, remembered for as long as their model lives: those of the profiles of tables, and
//! those of customers whom a form described.
//!
//! A place is a function of its profile alone, so remembering it changes how long an answer takes and nothing else. The
//! memory has an end: once it is full it is forgotten, and fills again with the profiles that still come. Of a table
//! that does not fit, as much is remembered as fits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::placement::Placement;

/// The memory for placements, in bytes: some 80,000 of them with the built-in schema.
const MAX_BYTES: usize = 10 << 20;

/// Placements by what the customers are known by.
#[derive(Debug, Default)]
pub(super) struct PlacementCache(Mutex<FxHashMap<Box<[u64]>, Placement>>);

impl PlacementCache {
    /// What was remembered of `key`.
    pub(super) fn recall(&self, key: &[u64]) -> Option<Placement> {
        self.lock().get(key).copied()
    }

    /// Remembers `placement`.
    pub(super) fn remember(&self, key: Box<[u64]>, placement: Placement) {
        insert(&mut self.lock(), key, placement);
    }

    /// The places of the profiles that have these `keys`, in their order: `place` is asked for those that are not
    /// remembered, by their positions.
    ///
    /// # Errors
    /// Those of `place`.
    pub(super) fn placed<E>(
        &self,
        keys: &[Box<[u64]>],
        place: impl FnOnce(&[usize]) -> Result<Vec<Placement>, E>,
    ) -> Result<Vec<Placement>, E> {
        let mut placements: Vec<Option<Placement>> = {
            let remembered = self.lock();
            keys.iter().map(|key| remembered.get(key).copied()).collect()
        };
        let missing = placements.iter().enumerate().filter(|(_, place)| place.is_none()).map(|(position, _)| position);
        let missing: Vec<usize> = missing.collect();
        if !missing.is_empty() {
            // Not under the lock: it may take a second.
            let placed = place(&missing)?;
            let mut remembered = self.lock();
            let max = max_remembered(keys.first().map_or(0, |key| key.len()));
            // Where more of the table was remembered than is new, that is worth more.
            if remembered.len() + missing.len() > max && missing.len() > keys.len() - missing.len() {
                remembered.clear();
            }
            for (position, placement) in missing.into_iter().zip(placed) {
                if let Some(key) = keys.get(position).filter(|_| remembered.len() < max) {
                    remembered.insert(key.clone(), placement);
                }
                if let Some(place) = placements.get_mut(position) {
                    *place = Some(placement);
                }
            }
        }
        Ok(placements.into_iter().flatten().collect())
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<Box<[u64]>, Placement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(remembered: &mut FxHashMap<Box<[u64]>, Placement>, key: Box<[u64]>, placement: Placement) {
    if remembered.len() >= max_remembered(key.len()) {
        remembered.clear();
    }
    remembered.insert(key, placement);
}

/// How many placements fit, by keys of this length.
fn max_remembered(key_length: usize) -> usize {
    MAX_BYTES / (key_length * size_of::<u64>() + size_of::<(Box<[u64]>, Placement)>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::SetAside;

    /// Each place's strength is its key's only cell.
    fn placements(cells: &[u64]) -> Vec<Placement> {
        let of = |cell: u64| Placement {
            segment: None,
            strength: cell as f64,
            nearest: None,
            is_known: cell == 1,
            is_partial: false,
            set_aside: SetAside::default(),
        };
        cells.iter().map(|&cell| of(cell)).collect()
    }

    fn keys(cells: &[u64]) -> Vec<Box<[u64]>> {
        cells.iter().map(|&cell| Box::from([cell])).collect()
    }

    fn at(cells: &[u64], positions: &[usize]) -> Vec<u64> {
        positions.iter().map(|&position| cells[position]).collect()
    }

    #[test]
    fn a_profile_is_placed_once_and_the_order_stays() {
        let remembered = PlacementCache::default();
        let mut asked = Vec::new();
        for cells in [&[3, 1, 5][..], &[5, 7, 1, 3], &[7, 5]] {
            let placed = remembered.placed(&keys(cells), |missing| {
                asked.push(at(cells, missing));
                Ok::<_, ()>(placements(&at(cells, missing)))
            });
            assert_eq!(placed.unwrap(), placements(cells));
        }
        assert_eq!(asked, [vec![3, 1, 5], vec![7]]);
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let remembered = PlacementCache::default();
        let max = max_remembered(1);
        let cells: Vec<u64> = (0..max as u64 + 1_000).collect();
        let mut asked = Vec::new();
        for _ in 0..2 {
            let placed = remembered.placed(&keys(&cells), |missing| {
                asked.push(missing.len());
                Ok::<_, ()>(placements(&at(&cells, missing)))
            });
            assert_eq!(placed.unwrap(), placements(&cells));
            assert!(remembered.lock().len() <= max);
        }
        assert_eq!(asked, [max + 1_000, 1_000], "of a table that does not fit what fits is remembered");
    }

    #[test]
    fn what_could_not_be_placed_is_asked_for_again() {
        let remembered = PlacementCache::default();
        assert_eq!(remembered.placed(&keys(&[1]), |_| Err("no place")), Err("no place"));
        assert_eq!(remembered.placed(&keys(&[1]), |_| Ok::<_, ()>(placements(&[1]))).unwrap().len(), 1);
    }
}
