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

impl From<KeptTracking> for Tracking {
    fn from(KeptTracking { variant, content_id, utm }: KeptTracking) -> Self {
        Self { variant, content_id, utm }
    }
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

    /// Those of a kept answer. A text that somebody edited has an id of its own, and so has one that was added: an
    /// outcome must not take them for what the machine wrote. A single text without an id gets no line.
    pub fn kept(texts: Vec<String>, tracking: Vec<Tracking>) -> Self {
        if tracking.is_empty() && texts.len() < 2 {
            return Self::default();
        }
        let of_first = tracking.first().map(|first| (first.content_id.clone(), first.utm.clone()));
        let (content_id, utm) = of_first.unwrap_or_default();
        let last = tracking.iter().map(|tracking| tracking.variant).max().unwrap_or_default();
        let n_added = texts.len().saturating_sub(tracking.len());
        let added = (1..=n_added).map(|n| Tracking {
            variant: last.saturating_add(n),
            content_id: content_id.clone(),
            utm: utm.clone(),
        });
        let mut tracked = Self::new(texts, tracking.into_iter().chain(added));
        tracked.0.iter_mut().for_each(TrackedText::tell_edited);
        tracked
    }

    pub fn ids(&self) -> VariantIds {
        let ids =
            self.0.iter().map(|TrackedText { tracking, .. }| (tracking.variant as u64, tracking.content_id.clone()));
        VariantIds(ids.collect())
    }
}

impl TrackedText {
    fn tell_edited(&mut self) {
        let Self { text, tracking } = self;
        let id = ContentId::read(&tracking.content_id).filter(|id| !text.is_empty() && !id.is_of(text));
        if let Some(id) = id.map(|id| id.of_other(text)) {
            tracking.utm = tracking.utm.replace(&tracking.content_id, id.as_str());
            id.as_str().clone_into(&mut tracking.content_id);
        }
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
