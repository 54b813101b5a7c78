//! An upload's answer as its caller kept it: the whole of it, or the portal's `clusters` alone.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ExportError;
use super::json::{Capped, shape_error};
use super::members::KeptMembers;
use super::segments::SegmentLine;
use super::told::{KeptCluster, KeptSegment, MergedSegment};
use super::tracked::VariantIds;

/// Segments of one answer: more than any model has.
const MAX_SEGMENTS: usize = 1_000;

/// A kept answer. Fields that an export has no use for are passed over, whatever they hold.
#[derive(Deserialize)]
#[serde(expecting = "an object with segments or clusters")]
pub struct KeptAnswer<'a> {
    #[serde(borrow)]
    segments: Option<Capped<KeptSegment<'a>, MAX_SEGMENTS>>,
    #[serde(borrow)]
    clusters: Option<Capped<KeptCluster<'a>, MAX_SEGMENTS>>,
    format: Option<String>,
    keep: Option<String>,
}

impl<'a> KeptAnswer<'a> {
    /// Reads a body. The lists of members are looked at by [`Export::of_answer`](super::Export::of_answer).
    ///
    /// # Errors
    /// [`ExportError::NotJson`], [`ExportError::Shape`] with the place of what is not as in an answer, or when there is
    /// neither `segments` nor `clusters`.
    pub fn from_json(body: &'a [u8]) -> Result<Self, ExportError> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let answer: Self =
            serde_path_to_error::deserialize(&mut json).map_err(|error| match error.inner().classify() {
                serde_json::error::Category::Data => shape_error("", error.path(), error.inner()),
                _ => ExportError::NotJson(error.into_inner()),
            })?;
        json.end().map_err(ExportError::NotJson)?;
        if answer.segments.is_none() && answer.clusters.is_none() {
            let rule = "must be there, or segments: send an upload's answer, or what was kept of it".to_owned();
            return Err(ExportError::Shape { path: "clusters".to_owned(), rule });
        }
        Ok(answer)
    }

    /// The format that the body asks for, as written.
    pub fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    /// What the body asks to keep of a workbook's rows, as written.
    pub fn keep(&self) -> Option<&str> {
        self.keep.as_deref()
    }

    /// One line a segment, in the answer's order, and the lists of members. Entries of the two lists with one id are
    /// one segment.
    ///
    /// # Errors
    /// [`ExportError::Shape`] where both lists describe a segment and contradict each other.
    pub(super) fn into_parts(self) -> Result<(Vec<SegmentLine<'a>>, Vec<KeptMembers<'a>>), ExportError> {
        let mut told = Vec::new();
        let mut by_id = BTreeMap::new();
        for (number, segment) in self.segments.into_iter().flat_map(|Capped(segments)| segments).enumerate() {
            by_id.entry(segment.cluster_id).or_insert(told.len());
            told.push(MergedSegment::of_segment(&format!("segments[{number}]"), segment));
        }
        let mut members = Vec::new();
        for (number, cluster) in self.clusters.into_iter().flat_map(|Capped(clusters)| clusters).enumerate() {
            let path = format!("clusters[{number}]");
            // Taken out, so that a second cluster of this id is a line of its own.
            let line = by_id.remove(&cluster.cluster_id).unwrap_or(told.len());
            if let Some(json) = cluster.members {
                let (path, cluster_id) = (format!("{path}.members"), cluster.cluster_id);
                members.push(KeptMembers { path, line, cluster_id, ids: VariantIds::default(), json });
            }
            let cluster = MergedSegment::of_cluster(&path, cluster);
            match told.get_mut(line) {
                Some(segment) => segment.join(cluster)?,
                None => told.push(cluster),
            }
        }
        let lines: Vec<SegmentLine<'a>> = told.into_iter().map(MergedSegment::into_line).collect::<Result<_, _>>()?;
        for list in &mut members {
            list.ids = lines.get(list.line).map(|line| line.tracked.ids()).unwrap_or_default();
        }
        Ok((lines, members))
    }
}
