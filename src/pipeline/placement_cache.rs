//! Places that took some computing, remembered for as long as their model lives: those of profiles that are not looked
//! up, and those of customers whom a form described.
//!
//! A place is a function of its profile alone, so remembering it changes how long an answer takes and nothing else. The
//! memory has an end: once it is full it is forgotten, and fills again with the profiles that still come. Of a table
//! that does not fit, as much is remembered as fits.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, Axis};
use rustc_hash::FxHashMap;

use super::placement::{Placement, bits_of};

/// The memory for placements, in bytes: some 38,000 of them with the built-in schema, more where there are fewer
/// values.
const MAX_BYTES: usize = 10 << 20;

/// Placements by what the customers are known by.
#[derive(Debug)]
pub(super) struct PlacementCache<K>(Mutex<FxHashMap<Box<[K]>, Placement>>);

/// Profiles that are not looked up, as bits of their encoded rows, with their places.
pub(super) type UnseenProfiles = PlacementCache<u32>;

impl<K> Default for PlacementCache<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> PlacementCache<K> {
    /// What was remembered of `key`.
    pub(super) fn recall(&self, key: &[K]) -> Option<Placement> {
        self.lock().get(key).copied()
    }

    /// Remembers `placement`.
    pub(super) fn remember(&self, key: Box<[K]>, placement: Placement) {
        insert(&mut self.lock(), key, placement);
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<Box<[K]>, Placement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert<K: Eq + Hash>(remembered: &mut FxHashMap<Box<[K]>, Placement>, key: Box<[K]>, placement: Placement) {
    if remembered.len() >= max_remembered::<K>(key.len()) {
        remembered.clear();
    }
    remembered.insert(key, placement);
}

/// How many placements fit, by keys of this length.
fn max_remembered<K>(key_length: usize) -> usize {
    MAX_BYTES / (key_length * size_of::<K>() + size_of::<(Box<[K]>, Placement)>())
}

impl UnseenProfiles {
    /// The places of `rows`, `(n_profiles, n_features)`, in their order: `place` is asked for those that are not
    /// remembered.
    ///
    /// # Errors
    /// Those of `place`.
    pub(super) fn placed<E>(
        &self,
        rows: &Array2<f32>,
        place: impl FnOnce(&Array2<f32>) -> Result<Vec<Placement>, E>,
    ) -> Result<Vec<Placement>, E> {
        let (mut placements, mut missing) = (Vec::with_capacity(rows.nrows()), Vec::new());
        {
            let remembered = self.lock();
            for (position, row) in rows.rows().into_iter().enumerate() {
                let placement = remembered.get(&bits_of(row)).copied();
                if placement.is_none() {
                    missing.push(position);
                }
                placements.push(placement);
            }
        }
        // Not under the lock: it may take a second.
        let placed = place(&rows.select(Axis(0), &missing))?;
        let mut remembered = self.lock();
        let max = max_remembered::<u32>(rows.ncols());
        let n_new = placed.iter().filter(|placement| !placement.is_known).count();
        // Where more of the table was remembered than is new, that is worth more.
        if remembered.len() + n_new > max && n_new > rows.nrows() - missing.len() {
            remembered.clear();
        }
        for (position, placement) in missing.into_iter().zip(placed) {
            if !placement.is_known && remembered.len() < max {
                remembered.insert(bits_of(rows.row(position)), placement);
            }
            if let Some(place) = placements.get_mut(position) {
                *place = Some(placement);
            }
        }
        Ok(placements.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::SetAside;

    /// Each row's strength is its first value; rows below zero are training's.
    fn placements(rows: &Array2<f32>) -> Vec<Placement> {
        let of = |value: f32| Placement {
            segment: None,
            strength: value.into(),
            nearest: None,
            is_known: value < 0.0,
            is_partial: false,
            set_aside: SetAside::default(),
        };
        rows.column(0).iter().map(|&value| of(value)).collect()
    }

    fn column(values: &[f32]) -> Array2<f32> {
        Array2::from_shape_fn((values.len(), 1), |(i, _)| values[i])
    }

    #[test]
    fn a_newcomer_is_placed_once_and_the_order_stays() {
        let unseen = UnseenProfiles::default();
        let mut asked = Vec::new();
        for values in [&[3.0, -1.0, 5.0][..], &[5.0, 7.0, -1.0, 3.0], &[7.0, 5.0]] {
            let rows = column(values);
            let placed = unseen.placed(&rows, |missing| {
                asked.push(missing.column(0).to_vec());
                Ok::<_, ()>(placements(missing))
            });
            assert_eq!(placed.unwrap(), placements(&rows));
        }
        assert_eq!(asked, [vec![3.0, -1.0, 5.0], vec![7.0, -1.0], vec![]]);
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let unseen = UnseenProfiles::default();
        let max = max_remembered::<u32>(1);
        let rows = column(&(0..max + 1_000).map(|n| n as f32).collect::<Vec<_>>());
        let mut asked = Vec::new();
        for _ in 0..2 {
            let placed = unseen.placed(&rows, |missing| {
                asked.push(missing.nrows());
                Ok::<_, ()>(placements(missing))
            });
            assert_eq!(placed.unwrap(), placements(&rows));
            assert!(unseen.lock().len() <= max);
        }
        assert_eq!(asked, [max + 1_000, 1_000], "of a table that does not fit what fits is remembered");
    }

    #[test]
    fn what_could_not_be_placed_is_asked_for_again() {
        let unseen = UnseenProfiles::default();
        assert_eq!(unseen.placed(&column(&[1.0]), |_| Err("no place")), Err("no place"));
        assert_eq!(unseen.placed(&column(&[1.0]), |missing| Ok::<_, ()>(placements(missing))).unwrap().len(), 1);
    }
}
