//! The texts of a segment with what they are known by, for the sheet of texts and for the rows that are to get one.

use serde::Deserialize;

use super::json::Capped;
use crate::content::{ContentId, MAX_VARIANTS};
use crate::segmentation::Tracking;

/// Texts of one segment.
const MAX: usize = MAX_VARIANTS as usize;

/// A segment's texts, each with its ids.
#[derive(Default)]
pub(super) struct Tracked(pub Vec<TrackedText>);

/// One text.
pub(super) struct TrackedText {
    pub text: String,
    pub tracking: Tracking,
}

/// The ids of a segment's texts, by their variants.
#[derive(Default)]
pub(super) struct VariantIds(Vec<(u64, String)>);

/// The ids as an answer has them.
#[derive(Deserialize)]
pub(super) struct KeptTracking {
    variant: usize,
    content_id: String,
    #[serde(default)]
    utm: String,
}

/// The lists of one kept segment.
pub(super) type KeptTrackings = Capped<KeptTracking, MAX>;
pub(super) type KeptTexts = Capped<String, MAX>;

impl Tracked {
    /// The texts with their ids, as far as each of them has both.
    pub fn new(texts: impl IntoIterator<Item = String>, tracking: impl IntoIterator<Item = Tracking>) -> Self {
        let texts = texts.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        let pairs = tracking.into_iter().zip(texts);
        Self(pairs.map(|(tracking, text)| TrackedText { text: text.unwrap_or_default(), tracking }).collect())
    }

    /// Gives each text that was edited since it was written for this segment an id of its own: an outcome must not take
    /// it for what the machine wrote.
    pub fn tell_edited(&mut self, model_version: &str, cluster_id: i64) {
        for TrackedText { text, tracking } in self.0.iter_mut().filter(|tracked| !tracked.text.is_empty()) {
            let id = ContentId::read(&tracking.content_id);
            if let Some(id) = id.and_then(|id| id.of_edited(model_version, cluster_id, text)) {
                tracking.utm = tracking.utm.replace(&tracking.content_id, id.as_str());
                id.as_str().clone_into(&mut tracking.content_id);
            }
        }
    }

    /// Those of a kept answer.
    pub fn kept(texts: Option<KeptTexts>, tracking: Option<KeptTrackings>) -> Self {
        let texts = texts.into_iter().flat_map(|Capped(texts)| texts);
        let tracking = tracking.into_iter().flat_map(|Capped(tracking)| tracking);
        let of = |KeptTracking { variant, content_id, utm }| Tracking { variant, content_id, utm };
        Self::new(texts, tracking.map(of))
    }

    pub fn ids(&self) -> VariantIds {
        let ids =
            self.0.iter().map(|TrackedText { tracking, .. }| (tracking.variant as u64, tracking.content_id.clone()));
        VariantIds(ids.collect())
    }
}

impl VariantIds {
    /// How many texts there are to choose from.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The id of a variant.
    pub fn get(&self, variant: u64) -> Option<&str> {
        self.0.iter().find(|(of, _)| *of == variant).map(|(_, id)| id.as_str())
    }
}
