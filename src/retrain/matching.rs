//! Which of the new segments is which of the old ones: by the customers they share.
//!
//! The old model places the customers that the new one was trained on, so that both speak of the same people. How much
//! two segments are one is the Jaccard index of their customers. Of all ways to pair segments one is taken with the
//! largest sum (the assignment problem, solved by Kuhn and Munkres' Hungarian algorithm). Two segments can be a pair
//! only if they share more than half of the customers of the new one: one that split lives on in its largest part, and
//! two that merged in the larger of them. So what marketers added for a segment never reaches mostly other customers.
//! Latent classes place everybody: of those only customers count that are of a kind the old training had.
//!
//! A segment of the live version and those of the versions before it are all candidates: after a change of the method
//! and back, the segment that was the same two versions ago goes on, and not one of the live version that only holds
//! most of its customers. What the live version has is preferred where an earlier one is not clearly more alike.

use std::collections::{BTreeMap, BTreeSet};

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;
use serde::Serialize;

use crate::customer::CustomerTable;
use crate::pipeline::{AssignError, DamagedModel, Fitted, Model, NewName, Segment, SegmentId};

/// By how much a segment of an earlier version must be more alike than one of the live version.
const MARGIN: f64 = 0.05;

/// What became of the segments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Matching {
    /// Segments that go on under their ids.
    pub kept: Vec<KeptSegment>,
    /// Segments that an earlier version had and the live one has not, under the ids they had then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<KeptSegment>,
    /// Segments that are new, with ids that no segment has ever had.
    pub new: Vec<NewSegment>,
    /// Segments of the old version that no new one goes on from.
    pub vanished: Vec<VanishedSegment>,
}

/// A segment that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptSegment {
    /// Its id.
    pub cluster_id: SegmentId,
    /// Its customers in the old version's training.
    pub customers_before: u64,
    /// Its customers now.
    pub customers: u64,
    /// Customers of today's whom both versions place in it; of a segment that returned, the version that had it.
    pub shared: u64,
}

/// A segment that is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSegment {
    /// Its id.
    pub cluster_id: SegmentId,
    /// Its customers.
    pub customers: u64,
}

/// A segment that no new one goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VanishedSegment {
    /// Its id, which no other segment will get.
    pub cluster_id: SegmentId,
    /// Its customers in the old version's training.
    pub customers_before: u64,
}

/// Why segments could not be matched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// The old model cannot place the customers.
    #[error("the live model cannot place the customers")]
    Assign(#[source] AssignError),
    /// The new ids do not fit the model.
    #[error("the new segments cannot take their ids")]
    Rename(#[source] DamagedModel),
}

/// What new segments are matched with.
pub(super) struct Before<'m> {
    /// The live version's model.
    pub live: Option<&'m Model>,
    /// The segment of it that each customer of the table was in.
    pub places: &'m [Option<SegmentId>],
    /// Loads earlier versions, the newest first; asked only while one could be more alike than `live`.
    pub earlier: &'m mut dyn Iterator<Item = Model>,
    /// The first id that no segment has ever had.
    pub next_id: SegmentId,
}

/// Gives the segments of `fitted` the ids, and the marketers' extras, of those that they go on from: of the live
/// version's, or of those of an earlier one. The others get ids that no segment has had. Returns what became of them,
/// and the first id that is still free.
///
/// `table` holds the customers that `fitted` was trained on.
///
/// # Errors
/// [`MatchError`].
pub(super) fn match_segments(
    old: Before<'_>,
    table: &CustomerTable,
    fitted: &mut Fitted,
) -> Result<(Matching, SegmentId), MatchError> {
    let Before { live, places, earlier, next_id } = old;
    let before: Vec<&Segment> = live.map(Model::segments).unwrap_or_default().iter().collect();
    let mut candidates = Candidates::default();
    let with_live = Overlaps::of(table, fitted, places);
    candidates.add(before.iter().copied(), &with_live, 0.0);
    while live.is_some() && !candidates.are_settled(fitted) {
        let Some(model) = earlier.next() else { break };
        let overlaps = Overlaps::of(table, fitted, &places_before(&model, table)?);
        candidates.add(model.segments().iter(), &overlaps, MARGIN);
    }
    let pairs = candidates.paired(fitted);
    let in_live = |id: SegmentId| before.iter().any(|segment| segment.cluster_id == id);
    let mut matching = Matching::default();
    let mut names = BTreeMap::new();
    let mut next_id = next_id.get();
    for segment in fitted.model.segments() {
        let customers = segment.customers;
        let name = match pairs.get(&segment.cluster_id) {
            Some(&(cluster_id, shared)) => {
                let Some(Ancestor { customers: customers_before, extras }) = candidates.ancestors.remove(&cluster_id)
                else {
                    continue;
                };
                // An earlier version's segment of this id may be the more alike one.
                let (list, shared) = match in_live(cluster_id) {
                    true => (&mut matching.kept, with_live.shared(segment.cluster_id, cluster_id)),
                    false => (&mut matching.returned, shared),
                };
                list.push(KeptSegment { cluster_id, customers_before, customers, shared });
                NewName { id: cluster_id, extras }
            }
            None => {
                let id = SegmentId::new(next_id);
                next_id = next_id.saturating_add(1);
                matching.new.push(NewSegment { cluster_id: id, customers });
                NewName { id, extras: BTreeMap::new() }
            }
        };
        names.insert(segment.cluster_id, name);
    }
    matching.kept.sort_by_key(|kept| kept.cluster_id);
    matching.returned.sort_by_key(|returned| returned.cluster_id);
    let goes_on = |id: SegmentId| matching.kept.iter().any(|kept| kept.cluster_id == id);
    matching.vanished = before
        .iter()
        .filter(|segment| !goes_on(segment.cluster_id))
        .map(|segment| VanishedSegment { cluster_id: segment.cluster_id, customers_before: segment.customers })
        .collect();
    fitted.rename(&names).map_err(MatchError::Rename)?;
    Ok((matching, SegmentId::new(next_id)))
}

/// The segment of `old` that every row was in, if its training had such customers; nobody's, where it learned from a
/// column that the customers no longer have.
fn places_before(old: &Model, table: &CustomerTable) -> Result<Vec<Option<SegmentId>>, MatchError> {
    match table.by_schema(old.schema()) {
        Some(table) => old.segments_of_alike(&table).map_err(MatchError::Assign),
        None => Ok(vec![None; table.n_rows()]),
    }
}

/// How many of today's customers each new segment shares with each of an old version.
struct Overlaps {
    shared: BTreeMap<(SegmentId, SegmentId), u64>,
    of_new: BTreeMap<SegmentId, u64>,
    of_old: BTreeMap<SegmentId, u64>,
}

impl Overlaps {
    fn of(table: &CustomerTable, fitted: &Fitted, places_before: &[Option<SegmentId>]) -> Self {
        let mut overlaps = Self { shared: BTreeMap::new(), of_new: BTreeMap::new(), of_old: BTreeMap::new() };
        for ((&now, &then), weight) in fitted.segment_of_row.iter().zip(places_before).zip(table.weights()) {
            let customers = u64::from(weight);
            now.into_iter().for_each(|id| *overlaps.of_new.entry(id).or_insert(0) += customers);
            then.into_iter().for_each(|id| *overlaps.of_old.entry(id).or_insert(0) += customers);
            if let (Some(now), Some(then)) = (now, then) {
                *overlaps.shared.entry((now, then)).or_insert(0) += customers;
            }
        }
        overlaps
    }

    /// Customers of a new segment who were in this old one.
    fn shared(&self, now: SegmentId, then: SegmentId) -> u64 {
        self.shared.get(&(now, then)).copied().unwrap_or(0)
    }

    /// The pairs that share more than half of the new segment, with the customers they share and their Jaccard index.
    fn pairs(&self) -> impl Iterator<Item = ((SegmentId, SegmentId), u64, f64)> {
        let of = |sizes: &BTreeMap<SegmentId, u64>, id: SegmentId| sizes.get(&id).copied().unwrap_or(0);
        self.shared.iter().filter_map(move |(&(now, then), &shared)| {
            let (own, all) = (of(&self.of_new, now), of(&self.of_new, now) + of(&self.of_old, then) - shared);
            (2 * shared > own).then(|| ((now, then), shared, shared as f64 / all as f64))
        })
    }
}

/// An old segment, as the newest version has it that has it at all.
struct Ancestor {
    /// Its customers in that version's training.
    customers: u64,
    extras: BTreeMap<String, String>,
}

/// The old segments that new ones may go on from.
#[derive(Default)]
struct Candidates {
    ancestors: BTreeMap<SegmentId, Ancestor>,
    /// By new and old segment: how alike they are at best, and the customers that they share there.
    pairs: BTreeMap<(SegmentId, SegmentId), (f64, u64)>,
}

impl Candidates {
    /// Adds the segments of one version, the newest version first; they count as less alike by `margin`.
    fn add<'s>(&mut self, segments: impl Iterator<Item = &'s Segment>, overlaps: &Overlaps, margin: f64) {
        for segment in segments {
            let Segment { cluster_id, customers, persona, .. } = segment;
            let ancestor = || Ancestor { customers: *customers, extras: persona.extras.clone() };
            self.ancestors.entry(*cluster_id).or_insert_with(ancestor);
        }
        for (pair, shared, jaccard) in overlaps.pairs() {
            let found = (jaccard - margin, shared);
            let best = self.pairs.entry(pair).or_insert(found);
            if found.0 > best.0 {
                *best = found;
            }
        }
    }

    /// Whether no earlier version can have anything that is more alike.
    fn are_settled(&self, fitted: &Fitted) -> bool {
        let best = |now: SegmentId| {
            let own = self.pairs.iter().filter(|((new, _), _)| *new == now);
            own.map(|(_, &(alike, _))| alike).fold(0.0, f64::max)
        };
        fitted.model.segments().iter().all(|segment| best(segment.cluster_id) >= 1.0 - MARGIN)
    }

    /// For the new segments that go on from an old one, which, and the customers that both have.
    fn paired(&self, fitted: &Fitted) -> BTreeMap<SegmentId, (SegmentId, u64)> {
        let now: Vec<SegmentId> = fitted.model.segments().iter().map(|segment| segment.cluster_id).collect();
        let then: BTreeSet<SegmentId> = self.pairs.keys().map(|&(_, then)| then).collect();
        let then: Vec<SegmentId> = then.into_iter().collect();
        if then.is_empty() {
            return BTreeMap::new();
        }
        let of = |row: usize, column: usize| self.pairs.get(&(*now.get(row)?, *then.get(column)?));
        // Whole numbers, as the algorithm asks for; two segments that are no pair count less than any pair.
        let weight_of = |(row, column): (usize, usize)| of(row, column).map_or(0, |(alike, _)| (alike * 1e9) as i64);
        let side = now.len().max(then.len());
        let (_, assigned) = kuhn_munkres(&Matrix::from_fn(side, side, weight_of));
        let pair = |(row, column): (usize, usize)| {
            let &(_, shared) = of(row, column)?;
            Some((*now.get(row)?, (*then.get(column)?, shared)))
        };
        assigned.into_iter().enumerate().filter_map(pair).collect()
    }
}
