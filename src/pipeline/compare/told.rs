//! What the segments of one training tell of a customer: an estimate that needs no other training.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::columns::Codes;
use super::density::SegmentDensity;
use super::draws::{Customers, Draws};
use crate::customer::CustomerTable;
use crate::pipeline::segment::SegmentId;

/// What segments tell of a customer, over independent columns.
///
/// The segments were found with all customers, so it is a little more than [`super::compare`] finds of customers that
/// they were not found among.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldBits {
    /// The mean of a customer, in bits.
    pub bits: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl ToldBits {
    /// Of a fifth of the customers of `table`, by the density of the others; `None` with fewer than two segments.
    ///
    /// `segments` has one entry a row. The split is of distinct rows in their own order, so that the order of the
    /// customers changes nothing.
    pub(in crate::pipeline) fn of(table: &CustomerTable, segments: &[Option<SegmentId>], seed: u64) -> Option<Self> {
        let ids: Vec<SegmentId> = segments.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if ids.len() < 2 {
            return None;
        }
        let place = |id: &Option<SegmentId>| id.and_then(|id| ids.binary_search(&id).ok()).unwrap_or(ids.len());
        let (table, rows) = table.distinct_rows();
        let segments: Vec<Option<SegmentId>> = rows.iter().map(|&row| segments.get(row).copied().flatten()).collect();
        let (kept, left) = Draws::new(seed, "told", 0).split(&table.weights().collect::<Customers>());
        let codes = Codes::of(&table);
        let of_kept: Vec<usize> =
            segments.iter().zip(&kept).filter(|&(_, &n)| n > 0).map(|(id, _)| place(id)).collect();
        let (rows, customers) = codes.drawn(&kept);
        let density = SegmentDensity::fit(rows.view(), &customers, &of_kept, &codes.n_values, ids.len() + 1);
        let (rows, customers) = codes.drawn(&left);
        let found = density.bits(rows.view(), &customers);
        Some(Self { bits: found.mean, standard_error: found.standard_error })
    }

    /// The bits that it is sure of: the mean less two standard errors.
    pub fn at_least(&self) -> f64 {
        self.bits - 2.0 * self.standard_error
    }
}
