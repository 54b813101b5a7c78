//! One line a segment: what the sheet of segments shows.

use std::borrow::Cow;

use super::ExportError;
use super::cell::CellValue;
use super::claims::Claims;
use super::columns::{Columns, MAX_COLUMNS};
use super::tracked::Tracked;
use crate::content::{Campaign, Written};
use crate::segmentation::{Group, Grouped, Tracking};

/// What is before a segment's traits.
const BEFORE: [&str; 7] =
    ["cluster_id", "size", "rows_listed", "share", "persona_summary", "may_be_said", "more_often"];
/// What is after them.
const AFTER: [&str; 2] = ["text", "image_prompt"];

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

/// The lines as a table: which columns it has, and what is in them.
pub(super) struct SegmentTable {
    /// The keys of all personas, in order of first appearance.
    traits: Columns,
}

impl SegmentTable {
    /// # Errors
    /// [`ExportError::TooManyColumns`].
    pub fn of(lines: &[SegmentLine<'_>]) -> Result<Self, ExportError> {
        let traits: Columns = lines.iter().flat_map(|line| &line.traits).map(|(key, _)| key.as_ref()).collect();
        if traits.titles().len() > MAX_COLUMNS {
            return Err(ExportError::TooManyColumns { limit: MAX_COLUMNS });
        }
        Ok(Self { traits })
    }

    pub fn titles(&self) -> impl Iterator<Item = &str> {
        BEFORE.into_iter().chain(self.traits.titles().iter().map(String::as_str)).chain(AFTER)
    }

    /// The cells of one line, by the titles.
    pub fn cells<'l>(&self, line: &'l SegmentLine<'_>) -> Vec<CellValue<'l>> {
        let text = |text: &'l str| if text.is_empty() { CellValue::Nothing } else { CellValue::Text(text.into()) };
        let optional = |written: &'l Option<Cow<'_, str>>| written.as_deref().map_or(CellValue::Nothing, text);
        let mut cells = vec![
            CellValue::Whole(line.cluster_id.into()),
            line.size.map_or(CellValue::Nothing, |size| CellValue::Whole(size.into())),
            CellValue::Whole(i128::try_from(line.rows_listed).unwrap_or(i128::MAX)),
            line.share.map_or(CellValue::Nothing, CellValue::Number),
            optional(&line.persona_summary),
            text(&line.claims.may_be_said),
            text(&line.claims.more_often),
        ];
        let of_trait =
            |title: &String| line.traits.iter().find(|(key, _)| key == title).map(|(_, value)| value.clone());
        cells.extend(self.traits.titles().iter().map(|title| of_trait(title).unwrap_or(CellValue::Nothing)));
        cells.extend([optional(&line.text), optional(&line.image_prompt)]);
        cells
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
