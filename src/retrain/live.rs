//! The version that is live when a training begins: loaded, and held against what is to be trained.

use super::matching::MatchError;
use super::{RetrainRequest, novelty};
use crate::causes::with_causes;
use crate::customer::CustomerTable;
use crate::model_store::{ModelStore, ModelVersion, Servable, StoreError, TrainedOn};
use crate::pipeline::{Drift, SegmentId};

/// Whether another training would find what `live` is: the same customers, schema, parameters and program.
pub(super) fn is_unchanged(live: &ModelVersion, request: &RetrainRequest<'_>, trained_on: &TrainedOn) -> bool {
    let manifest = &live.manifest;
    manifest.trained_on.as_ref() == Some(trained_on)
        && manifest.params == *request.params
        && manifest.schema == *request.schema
}

/// Whether the segments of `live` can go on: those of invented customers say nothing of real ones, nor these of them.
pub(super) fn is_comparable(live: &ModelVersion, trained_on: &TrainedOn) -> bool {
    live.manifest.trained_on.as_ref().is_none_or(|on| on.sample == trained_on.sample)
}

/// The version whose place is to be taken, and what is wrong with the one that should be live.
pub(super) fn live_version(store: &ModelStore) -> (Option<ModelVersion>, Option<String>) {
    match store.load_servable() {
        Ok(Servable { version, fallback_from }) => (Some(version), fallback_from.map(|error| with_causes(&error))),
        Err(StoreError::NoCurrent { .. }) => (None, None),
        // A training is the way to mend a store without a whole version.
        Err(error) => (None, Some(with_causes(&error))),
    }
}

/// What the live version says of the customers of a training.
pub(super) struct SeenByLive {
    /// The segment that each row was in, if its training had such customers.
    pub segments: Vec<Option<SegmentId>>,
    /// How far they have moved from its own customers; `None` where its training is not described.
    pub drift: Option<Drift>,
}

/// What `live` says of the customers of `table`: nothing where there is no such version, or where it learned from a
/// column that they no longer have.
///
/// # Errors
/// [`MatchError::Assign`].
pub(super) fn seen_by_live(live: Option<&ModelVersion>, table: &CustomerTable) -> Result<SeenByLive, MatchError> {
    let seen = live.and_then(|live| Some((live, table.by_schema(live.model.schema())?)));
    let Some((live, table)) = seen else {
        return Ok(SeenByLive { segments: vec![None; table.n_rows()], drift: None });
    };
    let segments = live.model.segments_of_alike(&table).map_err(MatchError::Assign)?;
    let drift = novelty::drift_since(live, &table).map_err(MatchError::Assign)?;
    Ok(SeenByLive { segments, drift })
}
