//! The distinct profiles of a table, and the interning of its rows into them.

use std::borrow::Cow;

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
pub(super) struct Combined<'t> {
    n_rows: usize,
    columns: Vec<Classes<'t>>,
    /// All numbers are below this.
    end: u64,
}

/// The codes of a column, row by row, and which of them are the same.
struct Classes<'t> {
    codes: Cow<'t, [u32]>,
    of_code: Vec<u64>,
    /// Of rows without a value.
    missing: u64,
    n_classes: u64,
}

/// The numbers that were met, each with a shorter one.
enum Met {
    Listed(Vec<u32>),
    Mapped(FxHashMap<u64, u32>),
}

/// Up to this many numbers are looked up in a list, more of them in a map.
const MAX_LISTED: u64 = 1 << 20;
/// Rows whose numbers are made together: column by column they stay in the processor's cache.
const ROWS_AT_ONCE: usize = 1_024;

impl<'t> Combined<'t> {
    pub fn of(n_rows: usize) -> Self {
        Self { n_rows, columns: Vec::new(), end: 1 }
    }

    /// Takes in a column, of whose codes each of `cells` says what it is to one feature.
    pub fn add(&mut self, column: &'t CustomerColumn, cells: &[&[u64]]) {
        let mut classes: FxHashMap<Vec<u64>, u64> = FxHashMap::default();
        let mut class = |code: usize| {
            let tuple = cells.iter().map(|of_code| of_code.get(code).copied().unwrap_or(UNKNOWN)).collect();
            let next = classes.len() as u64;
            *classes.entry(tuple).or_insert(next)
        };
        let of_code: Vec<u64> = (0..column.values.len()).map(&mut class).collect();
        let missing = class(MISSING as usize);
        let n_classes = classes.len() as u64;
        if self.end.checked_mul(n_classes).is_none() {
            let before = std::mem::replace(self, Self::of(self.n_rows));
            let (of_row, first_rows) = before.numbered();
            let end = first_rows.len() as u64;
            let of_code = (0..end).collect();
            self.push(Classes { codes: Cow::Owned(of_row), of_code, missing: 0, n_classes: end });
        }
        self.push(Classes { codes: Cow::Borrowed(&column.codes), of_code, missing, n_classes });
    }

    fn push(&mut self, column: Classes<'t>) {
        self.end = self.end.saturating_mul(column.n_classes);
        self.columns.push(column);
    }

    /// For each row the number of its like, counted from 0 in order of first appearance; and for each of those the
    /// first row.
    pub fn numbered(self) -> (Vec<u32>, Vec<usize>) {
        let mut met = match usize::try_from(self.end) {
            Ok(end) if self.end <= MAX_LISTED => Met::Listed(vec![u32::MAX; end]),
            _ => Met::Mapped(FxHashMap::default()),
        };
        let (mut of_row, mut first_rows) = (Vec::with_capacity(self.n_rows), Vec::new());
        let mut numbers = vec![0; ROWS_AT_ONCE];
        for first in (0..self.n_rows).step_by(ROWS_AT_ONCE) {
            numbers.truncate(self.n_rows - first);
            self.number(first, &mut numbers);
            of_row.extend(numbers.iter().zip(first..).map(|(&number, row)| {
                met.shorter(number, || {
                    first_rows.push(row);
                    u32::try_from(first_rows.len() - 1).unwrap_or(u32::MAX)
                })
            }));
        }
        (of_row, first_rows)
    }

    /// Makes the numbers of the rows from the `first` on.
    fn number(&self, first: usize, numbers: &mut [u64]) {
        numbers.fill(0);
        for Classes { codes, of_code, missing, n_classes } in &self.columns {
            let codes = codes.get(first..).unwrap_or_default();
            let (with_code, without) = numbers.split_at_mut(codes.len().min(numbers.len()));
            for (number, &code) in with_code.iter_mut().zip(codes) {
                let class = of_code.get(code as usize).unwrap_or(missing);
                *number = number.wrapping_mul(*n_classes).wrapping_add(*class);
            }
            for number in without {
                *number = number.wrapping_mul(*n_classes).wrapping_add(*missing);
            }
        }
    }
}

impl Met {
    /// The number that a number was given, or the `next` one.
    fn shorter(&mut self, number: u64, next: impl FnOnce() -> u32) -> u32 {
        match self {
            Self::Listed(listed) => {
                let Some(slot) = usize::try_from(number).ok().and_then(|number| listed.get_mut(number)) else {
                    return u32::MAX;
                };
                if *slot == u32::MAX {
                    *slot = next();
                }
                *slot
            }
            Self::Mapped(mapped) => *mapped.entry(number).or_insert_with(next),
        }
    }
}
