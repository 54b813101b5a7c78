//! The distinct profiles of a table, and the interning of its rows into them.

use rustc_hash::FxHashMap;

use super::UNKNOWN;
use crate::customer::{CustomerColumn, MISSING};
use crate::pipeline::FitError;

/// The distinct profiles of a table: rows that are the same to the model share one.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    /// For each profile and feature: the position of its one-hot value, the bits of its number, or [`UNKNOWN`].
    pub(super) keys: Vec<Box<[u64]>>,
    /// For each row the number of its profile.
    pub of_row: Vec<u32>,
    /// For each profile how many customers have it.
    pub customers: Vec<u64>,
}

impl Profiles {
    /// How many distinct profiles there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// For each profile how many customers have it, as the map and the clusters take it.
    ///
    /// # Errors
    /// [`FitError::TooManyCustomers`] where one profile has more than 2³² − 1.
    pub(in crate::pipeline) fn weights(&self) -> Result<Vec<u32>, FitError> {
        let narrow = |&customers: &u64| u32::try_from(customers).map_err(|_| FitError::TooManyCustomers { customers });
        self.customers.iter().map(narrow).collect()
    }

    /// The profiles with nothing known of these features.
    pub(in crate::pipeline) fn without(mut self, features: &[usize]) -> Self {
        for key in &mut self.keys {
            for &feature in features {
                if let Some(cell) = key.get_mut(feature) {
                    *cell = UNKNOWN;
                }
            }
        }
        self
    }

    /// What each profile is known by to this model.
    pub(in crate::pipeline) fn keys(&self) -> &[Box<[u64]>] {
        &self.keys
    }

    /// What the first profile is known by to this model.
    pub(in crate::pipeline) fn first_key(&self) -> Option<&[u64]> {
        self.keys.first().map(AsRef::as_ref)
    }

    /// The position of the profile's one-hot value, or the bits of its number; `None` where it has none.
    pub(in crate::pipeline) fn cell(&self, profile: usize, feature: usize) -> Option<u64> {
        self.keys.get(profile)?.get(feature).copied().filter(|&cell| cell != UNKNOWN)
    }
}

/// For each row a number that only rows share which are the same in every column so far.
pub(super) struct Combined {
    of_row: Vec<u64>,
    /// All numbers are below this.
    end: u64,
}

/// Up to this many numbers are looked up in a list, more of them in a map.
const MAX_LISTED: u64 = 1 << 20;

impl Combined {
    pub fn of(n_rows: usize) -> Self {
        Self { of_row: vec![0; n_rows], end: 1 }
    }

    /// Takes in a column, of whose codes each of `cells` says what it is to one feature.
    pub fn add(&mut self, column: &CustomerColumn, cells: &[&[u64]]) {
        let mut classes: FxHashMap<Vec<u64>, u64> = FxHashMap::default();
        let mut class = |code: usize| {
            let tuple = cells.iter().map(|of_code| of_code.get(code).copied().unwrap_or(UNKNOWN)).collect();
            let next = classes.len() as u64;
            *classes.entry(tuple).or_insert(next)
        };
        let class_of_code: Vec<u64> = (0..column.values.len()).map(&mut class).collect();
        let missing = class(MISSING as usize);
        let n_classes = classes.len() as u64;
        if self.end.checked_mul(n_classes).is_none() {
            let (of_row, first_rows) = std::mem::replace(self, Self::of(0)).numbered();
            *self = Self { of_row: of_row.into_iter().map(u64::from).collect(), end: first_rows.len() as u64 };
        }
        for (number, &code) in self.of_row.iter_mut().zip(column.codes.iter().chain(std::iter::repeat(&MISSING))) {
            let class = class_of_code.get(code as usize).copied().unwrap_or(missing);
            *number = number.wrapping_mul(n_classes).wrapping_add(class);
        }
        self.end = self.end.saturating_mul(n_classes);
    }

    /// For each row the number of its like, counted from 0 in order of first appearance; and for each of those the
    /// first row.
    pub fn numbered(self) -> (Vec<u32>, Vec<usize>) {
        let mut first_rows = Vec::new();
        let mut next = |row: usize| {
            first_rows.push(row);
            u32::try_from(first_rows.len() - 1).unwrap_or(u32::MAX)
        };
        let rows = self.of_row.into_iter().enumerate();
        let of_row = if self.end <= MAX_LISTED {
            let mut listed = vec![u32::MAX; usize::try_from(self.end).unwrap_or(0)];
            rows.map(|(row, number)| match listed.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) {
                Some(slot) if *slot == u32::MAX => {
                    *slot = next(row);
                    *slot
                }
                Some(slot) => *slot,
                None => u32::MAX,
            })
            .collect()
        } else {
            let mut mapped: FxHashMap<u64, u32> = FxHashMap::default();
            rows.map(|(row, number)| *mapped.entry(number).or_insert_with(|| next(row))).collect()
        };
        (of_row, first_rows)
    }
}
