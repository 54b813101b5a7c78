//! Which of the new segments is which of the old ones: by the customers they share.
//!
//! The old model places the customers that the new one was trained on, so that both speak of the same people. Of all
//! ways to pair segments one is taken that shares the most customers (the assignment problem, solved by Kuhn and
//! Munkres' Hungarian algorithm). Two segments can be a pair only if they share more than half of the customers of the
//! new one: one that split lives on in its largest part, and two that merged in the larger of them. So what marketers
//! added for a segment never reaches mostly other customers. Latent classes place everybody: of those only customers
//! count that are of a kind the old training had. A segment that the live version has not is looked for in earlier
//! ones.

use std::collections::{BTreeMap, BTreeSet};

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;
use serde::Serialize;

use crate::customer::CustomerTable;
use crate::pipeline::{AssignError, DamagedModel, Fitted, Model, NewName, Segment, SegmentId};

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
    /// Customers of today's whom both versions place in it.
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
    /// Where the customers of the table are in it, as [`places_before()`].
    pub places: &'m [Option<SegmentId>],
    /// Loads earlier versions, the newest first; asked only while segments are left that `live` has not.
    pub earlier: &'m mut dyn Iterator<Item = Model>,
    /// The first id that no segment has ever had.
    pub next_id: SegmentId,
}

/// Gives the segments of `fitted` the ids, and the marketers' extras, of those that they go on from: of the live
/// version's, else of one that an earlier version had and the live one has not. The others get ids that no segment has
/// had. Returns what became of them, and the first id that is still free.
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
    let now: Vec<SegmentId> = fitted.model.segments().iter().map(|segment| segment.cluster_id).collect();
    let mut pairs = pairs(&before, &now, table, fitted, places);
    let is_kept: BTreeSet<SegmentId> = pairs.keys().copied().collect();
    while live.is_some() && pairs.len() < now.len() {
        let Some(model) = earlier.next() else { break };
        let left: Vec<SegmentId> = now.iter().copied().filter(|id| !pairs.contains_key(id)).collect();
        let is_taken = |id: SegmentId| {
            before.iter().any(|segment| segment.cluster_id == id) || pairs.values().any(|pair| pair.id == id)
        };
        let gone: Vec<&Segment> = model.segments().iter().filter(|gone| !is_taken(gone.cluster_id)).collect();
        if !gone.is_empty() {
            let found = self::pairs(&gone, &left, table, fitted, &places_before(Some(&model), table)?);
            pairs.extend(found);
        }
    }
    let mut matching = Matching::default();
    let mut names = BTreeMap::new();
    let mut next_id = next_id.get();
    for segment in fitted.model.segments() {
        let customers = segment.customers;
        let name = match pairs.get(&segment.cluster_id) {
            Some(pair) => {
                let (cluster_id, customers_before, shared) = (pair.id, pair.customers, pair.shared);
                let is_kept = is_kept.contains(&segment.cluster_id);
                let list = if is_kept { &mut matching.kept } else { &mut matching.returned };
                list.push(KeptSegment { cluster_id, customers_before, customers, shared });
                NewName { id: cluster_id, extras: pair.extras.clone() }
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

/// The segment of the old model that every row was in, if its training had such customers; nobody's, where there is no
/// old model or it was made for other columns.
///
/// # Errors
/// [`MatchError::Assign`].
pub(super) fn places_before(old: Option<&Model>, table: &CustomerTable) -> Result<Vec<Option<SegmentId>>, MatchError> {
    let own = |old: &Model| match old.schema().reads_as(table.schema()) {
        true => old.segments_of_alike(&table.with_schema(old.schema().clone())),
        false => old.segments_of_alike(table),
    };
    match old.map(own) {
        Some(Ok(segments)) => Ok(segments),
        None | Some(Err(AssignError::OtherSchema)) => Ok(vec![None; table.n_rows()]),
        Some(Err(error)) => Err(MatchError::Assign(error)),
    }
}

/// The old segment that a new one goes on from.
struct Pair {
    id: SegmentId,
    /// Its customers in the old version's training.
    customers: u64,
    /// Customers of today's that both have.
    shared: u64,
    extras: BTreeMap<String, String>,
}

/// For those of the segments `now` of `fitted` that go on from one of `before`, which.
fn pairs(
    before: &[&Segment],
    now: &[SegmentId],
    table: &CustomerTable,
    fitted: &Fitted,
    places_before: &[Option<SegmentId>],
) -> BTreeMap<SegmentId, Pair> {
    let mut shared: BTreeMap<(SegmentId, SegmentId), u64> = BTreeMap::new();
    let mut sizes = BTreeMap::<_, u64>::new();
    for ((&now, &then), weight) in fitted.segment_of_row.iter().zip(places_before).zip(table.weights()) {
        let customers = u64::from(weight);
        *sizes.entry(now).or_insert(0) += customers;
        if let (Some(now), Some(then)) = (now, then) {
            *shared.entry((now, then)).or_insert(0) += customers;
        }
    }
    shared.retain(|&(now, _), shared| {
        let size = sizes.get(&Some(now)).copied().unwrap_or(0);
        2 * *shared > size
    });
    let side = now.len().max(before.len());
    if shared.is_empty() {
        return BTreeMap::new();
    }
    let weight_of = |(row, column): (usize, usize)| {
        let ids = now.get(row).zip(before.get(column)).map(|(now, then)| (*now, then.cluster_id));
        ids.and_then(|ids| shared.get(&ids)).map_or(0, |&shared| i64::try_from(shared).unwrap_or(i64::MAX >> 32))
    };
    let (_, assigned) = kuhn_munkres(&Matrix::from_fn(side, side, weight_of));
    let pair = |(&now, column): (&SegmentId, usize)| {
        let then = before.get(column)?;
        let shared = *shared.get(&(now, then.cluster_id))?;
        let extras = then.persona.extras.clone();
        Some((now, Pair { id: then.cluster_id, customers: then.customers, shared, extras }))
    };
    now.iter().zip(assigned).filter_map(pair).collect()
}
