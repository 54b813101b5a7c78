//! Where a model places new customers of the kind that it was trained on.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::pipeline::{FitError, Fitted, SegmentId};

/// Profiles of one customer that are placed anew, at most, unless a fifth of them are more.
const MAX_PLACED: usize = 2_000;
/// The share of them that is placed anew where they are many.
const PLACED: usize = 5;

/// The shares of the segments among new customers.
pub(super) struct Expected {
    /// By segment, in the order of their ids; those outside every segment last.
    pub shares: Vec<(Option<SegmentId>, f64)>,
    /// On how many customers they rest.
    pub customers: u64,
}

impl Expected {
    /// Each customer of the training is taken for a new one. Without this customer the training would still have the
    /// profile where another has it too: it is looked up, and its segment is `own`. Otherwise it is placed as what
    /// training never had. Of very many that would have to be placed some are, drawn by `seed`.
    pub fn of(fitted: &Fitted, own: &[Option<SegmentId>], seed: u64) -> Result<Self, FitError> {
        let mut customers: BTreeMap<Option<SegmentId>, f64> = BTreeMap::new();
        let mut alone = Vec::new();
        for (profile, (&segment, &n)) in own.iter().zip(&fitted.customers_of_profile).enumerate() {
            match n {
                1 => alone.push(profile),
                _ => *customers.entry(segment).or_insert(0.0) += f64::from(n),
            }
        }
        let n_alone = alone.len() as f64;
        let drawn = |profile: &usize| xxh3_64(&[(*profile as u64).to_le_bytes(), seed.to_le_bytes()].concat());
        alone.sort_by_cached_key(drawn);
        alone.truncate(MAX_PLACED.max(alone.len() / PLACED));
        let each = n_alone / alone.len().max(1) as f64;
        for segment in fitted.model.segments_as_unseen(&alone).map_err(FitError::Place)? {
            *customers.entry(segment).or_insert(0.0) += each;
        }
        let all: f64 = customers.values().sum();
        let share = |id: Option<SegmentId>| customers.get(&id).copied().unwrap_or(0.0) / all.max(1.0);
        let ids = fitted.model.segments().iter().map(|segment| Some(segment.cluster_id)).chain([None]);
        Ok(Self { shares: ids.map(|id| (id, share(id))).collect(), customers: (all / each.max(1.0)).round() as u64 })
    }
}
