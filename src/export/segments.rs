//! One line a segment: what the sheet of segments shows.

use std::borrow::Cow;

use super::cell::CellValue;
use super::claims::Claims;
use super::tracked::Tracked;
use crate::content::{Campaign, Written};
use crate::segmentation::{Group, Grouped, Tracking};

/// What was written for the segments of a table, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// One a segment.
    pub written: &'a [Written],
    /// By which campaign.
    pub campaign: &'a Campaign,
}

/// A segment, as far as it is known.
pub(super) struct SegmentLine<'a> {
    pub cluster_id: i64,
    /// Customers, listed or not.
    pub size: Option<u64>,
    /// Customers in the sheet of rows.
    pub rows_listed: usize,
    /// Of all customers, 0 to 1.
    pub share: Option<f64>,
    pub persona_summary: Option<Cow<'a, str>>,
    /// What sets its customers apart, by how far it may be said.
    pub claims: Claims,
    /// What is frequent among these very customers, by the persona's keys, and what marketers added.
    pub traits: Vec<(Cow<'a, str>, CellValue<'a>)>,
    pub text: Option<Cow<'a, str>>,
    pub image_prompt: Option<Cow<'a, str>>,
    /// Every text, with what it is known by.
    pub tracked: Tracked,
}

impl<'a> SegmentLine<'a> {
    /// Takes from another description of the same segment what this one lacks.
    pub fn fill(&mut self, other: Self) {
        self.size = self.size.or(other.size);
        self.share = self.share.or(other.share);
        self.persona_summary = self.persona_summary.take().or(other.persona_summary);
        if self.claims.is_empty() {
            self.claims = other.claims;
        }
        self.text = self.text.take().or(other.text);
        self.image_prompt = self.image_prompt.take().or(other.image_prompt);
        if self.tracked.0.is_empty() {
            self.tracked = other.tracked;
        }
        if self.traits.is_empty() {
            self.traits = other.traits;
        }
    }

    fn of_group(grouped: &Grouped, group: &'a Group, texts: Option<(Texts<'a>, &'a Written)>) -> Self {
        let traits = group.observed.traits.iter().map(|t| {
            let value = match t.values.first() {
                Some(only) if !t.is_list => CellValue::from(only),
                Some(_) => {
                    let names: Vec<String> = t.values.iter().map(ToString::to_string).collect();
                    CellValue::Text(Cow::Owned(names.join(", ")))
                }
                None => CellValue::Nothing,
            };
            (Cow::Borrowed(t.key.as_str()), value)
        });
        let extras = group.persona.extras.iter();
        let extras = extras.map(|(key, text)| (Cow::Borrowed(key.as_str()), CellValue::Text(Cow::Borrowed(text))));
        let content = texts.and_then(|(_, written)| written.content.as_ref().ok());
        let tracked = texts.zip(content).map(|((texts, _), content)| {
            let drawn = content.image_prompt.iter().filter(|_| content.variants.is_empty());
            let tracking = Tracking::of(content, &grouped.written_for(group, texts.campaign));
            Tracked::new(content.variants.iter().chain(drawn).cloned(), tracking)
        });
        Self {
            cluster_id: group.cluster_id,
            size: u64::try_from(group.rows.len()).ok(),
            rows_listed: group.rows.len(),
            share: None,
            persona_summary: Some(Cow::Borrowed(&group.summary)),
            claims: Claims::of(&group.distinction),
            traits: traits.chain(extras).collect(),
            text: content.and_then(|content| content.variants.first()).map(|text| Cow::Borrowed(text.as_str())),
            image_prompt: content.and_then(|content| content.image_prompt.as_deref()).map(Cow::Borrowed),
            tracked: tracked.unwrap_or_default(),
        }
    }
}

/// The segments of a grouped table, with what was written for them.
pub(super) fn of_table<'a>(grouped: &'a Grouped, texts: Option<Texts<'a>>) -> Vec<SegmentLine<'a>> {
    let mut written = texts.into_iter().flat_map(|texts| texts.written.iter().map(move |written| (texts, written)));
    let lines = grouped.groups().iter().map(|group| SegmentLine::of_group(grouped, group, written.next()));
    let mut lines: Vec<_> = lines.collect();
    complete(&mut lines);
    lines
}

/// Works out what follows from the other segments: a size that nobody told is what is listed, and shares are of all
/// sizes together.
pub(super) fn complete(lines: &mut Vec<SegmentLine<'_>>) {
    for line in lines.iter_mut() {
        line.size = line.size.or(u64::try_from(line.rows_listed).ok());
    }
    let total: f64 = lines.iter().filter_map(|line| line.size).map(|size| size as f64).sum();
    for line in lines {
        let share = line.size.filter(|_| total > 0.0).map(|size| size as f64 / total);
        line.share = line.share.or(share);
    }
}
