//! What a caller reads of a segmented table: the written API's `segments` and the portal's `clusters`, side by side.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::members::Members;
use super::{Group, Grouped, Lift, Written};
use crate::content::{Campaign, Content, WriteError};
use crate::customer::CleaningReport;
use crate::pipeline::{Persona, TraitValue};

/// Values of one trait that are named when training never saw them.
const MAX_UNSEEN: usize = 20;

/// The whole answer.
#[derive(Serialize)]
pub struct Answer<'a> {
    status: &'static str,
    model_version: &'a str,
    /// Rows read, used and dropped, with the reasons, and the columns they were read by.
    rows: RowsAnswer<'a>,
    /// Values that training never saw, by trait.
    unseen_values: BTreeMap<&'a str, UnseenValues>,
    segments: Vec<SegmentAnswer<'a>>,
    clusters: Vec<ClusterAnswer<'a>>,
    /// Whether `members` lists fewer customers than there are.
    members_truncated: bool,
}

/// Values of one trait that training never saw: the most frequent with their rows, and how many there are.
#[derive(Serialize)]
struct UnseenValues {
    distinct: usize,
    rows: u64,
    most_frequent: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct RowsAnswer<'a> {
    rows_used: usize,
    #[serde(flatten)]
    cleaning: &'a CleaningReport,
}

/// One segment, as the written API shows it.
#[derive(Serialize)]
struct SegmentAnswer<'a> {
    cluster_id: i32,
    size: usize,
    /// Of the rows used, 0 to 1.
    share: f64,
    persona: &'a Persona,
    observed: &'a Persona,
    lift: &'a Lift,
    persona_summary: &'a str,
    content: ContentAnswer<'a>,
}

/// One segment, as the portal reads it.
#[derive(Serialize)]
struct ClusterAnswer<'a> {
    cluster_id: i32,
    persona: &'a Persona,
    persona_summary: &'a str,
    default_post: &'a str,
    prompt_used: &'a str,
    size: usize,
    members: Members<'a>,
    campaign_inputs: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_error: Option<ContentErrorAnswer>,
}

/// What was written for a segment, or why nothing was.
#[derive(Serialize)]
#[serde(untagged)]
enum ContentAnswer<'a> {
    Written(Box<WrittenAnswer<'a>>),
    Failed { error: ContentErrorAnswer },
}

/// What a writer wrote, with how it came to be.
#[derive(Serialize)]
pub struct WrittenAnswer<'a> {
    /// The first variant; absent where only an image prompt was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// What to draw; absent where only text was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_prompt: Option<&'a str>,
    /// At most seven words for the picture, beside every image prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slogan: Option<&'a str>,
    variants: &'a [String],
    prompt_used: &'a str,
    prompt_hash: &'a str,
    model: &'a str,
    tokens: serde_json::Value,
    flags: serde_json::Value,
}

/// Why a segment has no content.
#[derive(Serialize)]
struct ContentErrorAnswer {
    step: String,
    message: String,
}

impl<'a> ContentAnswer<'a> {
    fn new(written: &'a Written) -> Self {
        match written {
            Ok(content) => Self::Written(Box::new(WrittenAnswer::new(content))),
            Err(error) => Self::Failed { error: ContentErrorAnswer::new(error) },
        }
    }
}

impl<'a> WrittenAnswer<'a> {
    /// The answer for `content`.
    pub fn new(content: &'a Content) -> Self {
        let flags = content.flags;
        Self {
            text: content.variants.first().map(String::as_str),
            image_prompt: content.image_prompt.as_deref(),
            slogan: content.slogan.as_deref(),
            variants: &content.variants,
            prompt_used: &content.prompt_used,
            prompt_hash: &content.prompt_hash,
            model: &content.model,
            tokens: json!({ "prompt": content.tokens.prompt, "completion": content.tokens.completion }),
            flags: json!({
                "is_offline": flags.is_offline,
                "is_trimmed": flags.is_trimmed,
                "is_repaired": flags.is_repaired,
                "is_unstructured": flags.is_unstructured,
            }),
        }
    }
}

impl ContentErrorAnswer {
    fn new(error: &WriteError) -> Self {
        Self { step: error.step.to_string(), message: error.caller_sentence().to_owned() }
    }
}

impl<'a> Answer<'a> {
    /// The answer for `grouped` with what was written for each of its segments, in their order; lists at most
    /// `max_members` customers in all.
    pub fn new(grouped: &'a Grouped, written: &'a [Written], campaign: &Campaign, max_members: usize) -> Self {
        let used = grouped.table.n_rows();
        let inputs = json!({
            "objective": campaign.objective(),
            "industry": campaign.industry(),
            "funnel_stage": campaign.funnel_stage().name(),
            "past_engagement": campaign.past_engagement().name(),
        });
        let mut members_left = max_members;
        let clusters = grouped.groups.iter().zip(written).map(|(group, written)| {
            let limit = members_left.min(group.rows.len());
            members_left -= limit;
            cluster(grouped, group, written, limit, &inputs)
        });
        Self {
            status: "ok",
            model_version: grouped.version.id.as_str(),
            rows: RowsAnswer { rows_used: used, cleaning: grouped.table.cleaning() },
            unseen_values: unseen(grouped),
            clusters: clusters.collect(),
            segments: grouped
                .groups
                .iter()
                .zip(written)
                .map(|(group, written)| segment(group, written, used))
                .collect(),
            members_truncated: used > max_members,
        }
    }
}

fn segment<'a>(group: &'a Group, written: &'a Written, used: usize) -> SegmentAnswer<'a> {
    SegmentAnswer {
        cluster_id: group.cluster_id,
        size: group.rows.len(),
        share: group.rows.len() as f64 / used.max(1) as f64,
        persona: &group.persona,
        observed: &group.observed,
        lift: &group.lift,
        persona_summary: &group.summary,
        content: ContentAnswer::new(written),
    }
}

fn cluster<'a>(
    grouped: &'a Grouped,
    group: &'a Group,
    written: &'a Written,
    limit: usize,
    inputs: &serde_json::Value,
) -> ClusterAnswer<'a> {
    let content = written.as_ref().ok();
    ClusterAnswer {
        cluster_id: group.cluster_id,
        persona: &group.persona,
        persona_summary: &group.summary,
        default_post: content.and_then(|c| c.variants.first()).map_or("", String::as_str),
        prompt_used: content.map_or("", |c| c.prompt_used.as_str()),
        size: group.rows.len(),
        members: Members { grouped, rows: &group.rows, limit },
        campaign_inputs: inputs.clone(),
        content_error: written.as_ref().err().map(ContentErrorAnswer::new),
    }
}

fn unseen(grouped: &Grouped) -> BTreeMap<&str, UnseenValues> {
    let of = |values: &[(TraitValue, u64)]| UnseenValues {
        distinct: values.len(),
        rows: values.iter().map(|&(_, rows)| rows).sum(),
        most_frequent: values.iter().take(MAX_UNSEEN).map(|(value, rows)| (value.to_string(), *rows)).collect(),
    };
    grouped.assignment.unseen.iter().map(|(title, values)| (title.as_str(), of(values))).collect()
}
