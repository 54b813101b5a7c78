//! What a kept answer tells of one segment, in one of its lists or in both: `segments[..]` and `clusters[..]`.
//!
//! A marketer may have edited either. What both say must be the same, or the export is refused with both names; of a
//! text the edited one counts, wherever it is, since the id beside it says which text the machine wrote.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ExportError;
use super::cell::CellValue;
use super::claims::{Claims, KeptTraits};
use super::json::{Capped, Traits};
use super::segments::SegmentLine;
use super::tracked::{KeptTexts, KeptTrackings, Tracked};
use crate::content::ContentId;
use crate::segmentation::Tracking;

/// An entry of `segments`.
#[derive(Deserialize)]
#[serde(expecting = "an object with a cluster_id")]
pub(super) struct KeptSegment<'a> {
    pub cluster_id: i64,
    pub size: Option<u64>,
    pub share: Option<f64>,
    #[serde(borrow)]
    pub persona: Option<Traits<'a>>,
    #[serde(borrow)]
    pub observed: Option<Traits<'a>>,
    pub persona_summary: Option<String>,
    #[serde(borrow)]
    pub distinguishing: Option<KeptTraits<'a>>,
    pub content: Option<KeptContent>,
}

#[derive(Default, Deserialize)]
#[serde(expecting = "an object with text or image_prompt")]
pub(super) struct KeptContent {
    pub text: Option<String>,
    pub image_prompt: Option<String>,
    pub variants: Option<KeptTexts>,
    pub tracking: Option<KeptTrackings>,
}

/// An entry of `clusters`.
#[derive(Deserialize)]
#[serde(expecting = "an object with a cluster_id")]
pub(super) struct KeptCluster<'a> {
    pub cluster_id: i64,
    pub size: Option<u64>,
    #[serde(borrow)]
    pub persona: Option<Traits<'a>>,
    #[serde(borrow)]
    pub observed: Option<Traits<'a>>,
    pub persona_summary: Option<String>,
    #[serde(borrow)]
    pub distinguishing: Option<KeptTraits<'a>>,
    pub default_post: Option<String>,
    pub tracking: Option<KeptTrackings>,
    #[serde(borrow)]
    pub members: Option<&'a RawValue>,
}

/// A value, and where the answer has it: `segments[3].persona_summary`.
struct At<T> {
    path: String,
    value: T,
}

/// What a kept answer says of one segment, in one of its lists or in both.
pub(super) struct MergedSegment<'a> {
    cluster_id: i64,
    size: Option<At<u64>>,
    share: Option<f64>,
    persona_summary: Option<At<String>>,
    persona: Option<At<Traits<'a>>>,
    observed: Option<At<Traits<'a>>>,
    claims: Option<At<Claims>>,
    /// The first text, in each place that has it.
    first_texts: Vec<At<String>>,
    /// The texts after the first.
    further_texts: Vec<String>,
    /// How many texts are listed, where any are.
    n_variants: Option<At<usize>>,
    image_prompt: Option<String>,
    tracking: Vec<Tracking>,
}

impl<'a> MergedSegment<'a> {
    pub fn of_segment(path: &str, segment: KeptSegment<'a>) -> Self {
        let content = segment.content.unwrap_or_default();
        let variants = content.variants.map(|Capped(variants)| variants).unwrap_or_default();
        let n_variants = at(path, "content.variants", (!variants.is_empty()).then_some(variants.len()));
        let mut variants = variants.into_iter();
        let firsts = [at(path, "content.variants[0]", variants.next()), at(path, "content.text", content.text)];
        Self {
            cluster_id: segment.cluster_id,
            size: at(path, "size", segment.size),
            share: segment.share,
            persona_summary: at(path, "persona_summary", segment.persona_summary),
            persona: at(path, "persona", segment.persona),
            observed: at(path, "observed", segment.observed),
            claims: at(path, "distinguishing", segment.distinguishing.map(Claims::kept)),
            first_texts: firsts.into_iter().flatten().filter(|text| !text.value.is_empty()).collect(),
            further_texts: variants.collect(),
            n_variants,
            image_prompt: content.image_prompt,
            tracking: trackings(content.tracking),
        }
    }

    pub fn of_cluster(path: &str, cluster: KeptCluster<'a>) -> Self {
        let post = at(path, "default_post", cluster.default_post);
        Self {
            cluster_id: cluster.cluster_id,
            size: at(path, "size", cluster.size),
            share: None,
            persona_summary: at(path, "persona_summary", cluster.persona_summary),
            persona: at(path, "persona", cluster.persona),
            observed: at(path, "observed", cluster.observed),
            claims: at(path, "distinguishing", cluster.distinguishing.map(Claims::kept)),
            first_texts: post.into_iter().filter(|post| !post.value.is_empty()).collect(),
            further_texts: Vec::new(),
            n_variants: None,
            image_prompt: None,
            tracking: trackings(cluster.tracking),
        }
    }

    /// Adds what the other list tells of the same segment.
    ///
    /// # Errors
    /// [`ExportError::Shape`] with both names, where they contradict each other.
    pub fn join(&mut self, other: Self) -> Result<(), ExportError> {
        join(&mut self.size, other.size)?;
        join(&mut self.persona_summary, other.persona_summary)?;
        join(&mut self.persona, other.persona)?;
        join(&mut self.observed, other.observed)?;
        join(&mut self.claims, other.claims)?;
        self.share = self.share.or(other.share);
        self.first_texts.extend(other.first_texts);
        if self.tracking.is_empty() {
            self.tracking = other.tracking;
        }
        Ok(())
    }

    /// The line of the sheet of segments.
    ///
    /// # Errors
    /// [`ExportError::Shape`] with both names, where the first text was edited in two places, each in its own way, or
    /// where a text was taken out of its list and not out of the ids: customers would be given none.
    pub fn into_line(self) -> Result<SegmentLine<'a>, ExportError> {
        if let Some(listed) = self.n_variants.filter(|listed| listed.value < self.tracking.len()) {
            return Err(contradiction(&listed.path, listed.path.replace("content.variants", "content.tracking")));
        }
        let first = first_text(self.first_texts, &self.tracking)?;
        let first_of_all = match &first {
            // The id is then that of what is drawn.
            None if self.further_texts.is_empty() => self.image_prompt.clone(),
            first => Some(first.clone().unwrap_or_default()),
        };
        let texts = first_of_all.into_iter().chain(self.further_texts).collect();
        let claims = self.claims.map(|claims| claims.value).unwrap_or_default();
        let [observed, persona] = [self.observed, self.persona].map(|traits| traits.map(|traits| traits.value));
        Ok(SegmentLine {
            cluster_id: self.cluster_id,
            size: self.size.map(|size| size.value),
            rows_listed: 0,
            share: self.share,
            persona_summary: self.persona_summary.map(|summary| Cow::Owned(summary.value)),
            claims,
            traits: entries(observed, persona),
            text: first.map(Cow::Owned),
            image_prompt: self.image_prompt.map(Cow::Owned),
            tracked: Tracked::kept(texts, self.tracking),
        })
    }
}

fn at<T>(base: &str, name: &str, value: Option<T>) -> Option<At<T>> {
    value.map(|value| At { path: format!("{base}.{name}"), value })
}

fn trackings(kept: Option<KeptTrackings>) -> Vec<Tracking> {
    kept.into_iter().flat_map(|Capped(tracking)| tracking).map(Tracking::from).collect()
}

/// Takes the other value where there is none, and refuses another one.
fn join<T: PartialEq>(own: &mut Option<At<T>>, other: Option<At<T>>) -> Result<(), ExportError> {
    match (own.as_ref(), other) {
        (Some(own), Some(other)) if own.value != other.value => Err(contradiction(&own.path, other.path)),
        (None, other) => {
            *own = other;
            Ok(())
        }
        (Some(_), _) => Ok(()),
    }
}

/// The text that somebody edited; else the one that was written. Without its id nobody knows which that is.
fn first_text(texts: Vec<At<String>>, tracking: &[Tracking]) -> Result<Option<String>, ExportError> {
    let id = tracking.first().and_then(|tracking| ContentId::read(&tracking.content_id));
    let is_written = |text: &At<String>| id.as_ref().is_some_and(|id| id.is_of(&text.value));
    let (written, edited): (Vec<_>, Vec<_>) = texts.into_iter().partition(is_written);
    let mut edited = edited.into_iter();
    let Some(first) = edited.next() else { return Ok(written.into_iter().next().map(|text| text.value)) };
    match edited.find(|other| other.value != first.value) {
        Some(other) => Err(contradiction(&first.path, other.path)),
        None => Ok(Some(first.value)),
    }
}

fn contradiction(first: &str, other: String) -> ExportError {
    ExportError::Shape { path: other, rule: format!("must be left out, or say the same as {first}") }
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
