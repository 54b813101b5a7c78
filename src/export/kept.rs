//! An upload's answer as its caller kept it: the whole of it, or the portal's `clusters` alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ExportError;
use super::cell::CellValue;
use super::claims::{Claims, KeptTraits};
use super::json::{Capped, Traits, shape_error};
use super::members::KeptMembers;
use super::segments::SegmentLine;
use super::tracked::{KeptTexts, KeptTrackings, Tracked, VariantIds};

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
    model_version: Option<String>,
    format: Option<String>,
    keep: Option<String>,
}

/// An entry of `segments`.
#[derive(Deserialize)]
#[serde(expecting = "an object with a cluster_id")]
struct KeptSegment<'a> {
    cluster_id: i64,
    size: Option<u64>,
    share: Option<f64>,
    #[serde(borrow)]
    persona: Option<Traits<'a>>,
    #[serde(borrow)]
    observed: Option<Traits<'a>>,
    persona_summary: Option<String>,
    #[serde(borrow)]
    distinguishing: Option<KeptTraits<'a>>,
    content: Option<KeptContent>,
}

#[derive(Default, Deserialize)]
#[serde(expecting = "an object with text or image_prompt")]
struct KeptContent {
    text: Option<String>,
    image_prompt: Option<String>,
    variants: Option<KeptTexts>,
    tracking: Option<KeptTrackings>,
}

/// An entry of `clusters`.
#[derive(Deserialize)]
#[serde(expecting = "an object with a cluster_id")]
struct KeptCluster<'a> {
    cluster_id: i64,
    size: Option<u64>,
    #[serde(borrow)]
    persona: Option<Traits<'a>>,
    #[serde(borrow)]
    observed: Option<Traits<'a>>,
    persona_summary: Option<String>,
    #[serde(borrow)]
    distinguishing: Option<KeptTraits<'a>>,
    default_post: Option<String>,
    tracking: Option<KeptTrackings>,
    #[serde(borrow)]
    members: Option<&'a RawValue>,
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
    pub(super) fn into_parts(self) -> (Vec<SegmentLine<'a>>, Vec<KeptMembers<'a>>) {
        let mut lines = Vec::new();
        let mut by_id = BTreeMap::new();
        for segment in self.segments.into_iter().flat_map(|Capped(segments)| segments) {
            by_id.entry(segment.cluster_id).or_insert(lines.len());
            lines.push(SegmentLine::from(segment));
        }
        let mut members = Vec::new();
        for (number, cluster) in self.clusters.into_iter().flat_map(|Capped(clusters)| clusters).enumerate() {
            // Taken out, so that a second cluster of this id is a line of its own.
            let line = by_id.remove(&cluster.cluster_id).unwrap_or(lines.len());
            if let Some(json) = cluster.members {
                let path = format!("clusters[{number}].members");
                members.push(KeptMembers {
                    path,
                    line,
                    cluster_id: cluster.cluster_id,
                    ids: VariantIds::default(),
                    json,
                });
            }
            let cluster = SegmentLine::from(cluster);
            match lines.get_mut(line) {
                Some(segment) => segment.fill(cluster),
                None => lines.push(cluster),
            }
        }
        if let Some(model_version) = &self.model_version {
            lines.iter_mut().for_each(|line| line.tracked.tell_edited(model_version, line.cluster_id));
        }
        for list in &mut members {
            list.ids = lines.get(list.line).map(|line| line.tracked.ids()).unwrap_or_default();
        }
        (lines, members)
    }
}

/// What is observed, and of the persona what nobody observes: what marketers added. An answer of an earlier build may
/// have the persona alone.
fn entries<'a>(observed: Option<Traits<'a>>, persona: Option<Traits<'a>>) -> Vec<(Cow<'a, str>, CellValue<'a>)> {
    let mut entries = observed.map(|Traits(entries)| entries).unwrap_or_default();
    for entry in persona.into_iter().flat_map(|Traits(entries)| entries) {
        if entries.iter().all(|(key, _)| *key != entry.0) {
            entries.push(entry);
        }
    }
    entries
}

impl<'a> From<KeptSegment<'a>> for SegmentLine<'a> {
    fn from(segment: KeptSegment<'a>) -> Self {
        let content = segment.content.unwrap_or_default();
        Self {
            cluster_id: segment.cluster_id,
            size: segment.size,
            rows_listed: 0,
            share: segment.share,
            persona_summary: segment.persona_summary.map(Cow::Owned),
            claims: Claims::kept(segment.distinguishing),
            traits: entries(segment.observed, segment.persona),
            tracked: Tracked::kept(content.variants, content.tracking),
            text: content.text.map(Cow::Owned),
            image_prompt: content.image_prompt.map(Cow::Owned),
        }
    }
}

impl<'a> From<KeptCluster<'a>> for SegmentLine<'a> {
    fn from(cluster: KeptCluster<'a>) -> Self {
        let post = cluster.default_post.filter(|post| !post.is_empty());
        Self {
            cluster_id: cluster.cluster_id,
            tracked: Tracked::kept(post.clone().map(|post| Capped(vec![post])), cluster.tracking),
            size: cluster.size,
            rows_listed: 0,
            share: None,
            persona_summary: cluster.persona_summary.map(Cow::Owned),
            claims: Claims::kept(cluster.distinguishing),
            traits: entries(cluster.observed, cluster.persona),
            text: post.map(Cow::Owned),
            image_prompt: None,
        }
    }
}
