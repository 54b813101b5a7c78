//! Where a model places new customers of the kind that it was trained on.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::pipeline::{FitError, Fitted, SegmentId};

/// Profiles of few customers that are placed anew, at most, unless a fifth of them are more.
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
    /// Each customer of the training is taken for a new one: a profile that is looked up is in its `own` segment, and
    /// one of few customers is placed as what training never had. Of very many that would have to be placed some are,
    /// drawn by `seed`.
    pub fn of(fitted: &Fitted, own: &[Option<SegmentId>], seed: u64) -> Result<Self, FitError> {
        let mut customers: BTreeMap<Option<SegmentId>, f64> = BTreeMap::new();
        let mut few = Vec::new();
        let looked_up = fitted.model.are_looked_up();
        for (profile, (&segment, &n)) in own.iter().zip(&fitted.customers_of_profile).enumerate() {
            match looked_up.get(profile) {
                Some(true) => *customers.entry(segment).or_insert(0.0) += f64::from(n),
                _ => few.push((profile, n)),
            }
        }
        let drawn =
            |(profile, _): &(usize, u32)| xxh3_64(&[(*profile as u64).to_le_bytes(), seed.to_le_bytes()].concat());
        let n_customers = |few: &[(usize, u32)]| few.iter().map(|&(_, n)| f64::from(n)).sum::<f64>();
        let n_few = n_customers(&few);
        few.sort_by_cached_key(drawn);
        few.truncate(MAX_PLACED.max(few.len() / PLACED));
        let each = n_few / n_customers(&few).max(1.0);
        let profiles: Vec<usize> = few.iter().map(|&(profile, _)| profile).collect();
        let segments = fitted.model.segments_as_unseen(&profiles).map_err(FitError::Place)?;
        for (segment, (_, n)) in segments.into_iter().zip(few) {
            *customers.entry(segment).or_insert(0.0) += each * f64::from(n);
        }
        let all: f64 = customers.values().sum();
        let share = |id: Option<SegmentId>| customers.get(&id).copied().unwrap_or(0.0) / all.max(1.0);
        let ids = fitted.model.segments().iter().map(|segment| Some(segment.cluster_id)).chain([None]);
        Ok(Self { shares: ids.map(|id| (id, share(id))).collect(), customers: (all / each.max(1.0)).round() as u64 })
    }
}
