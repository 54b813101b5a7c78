//! What a caller reads of a segmented table: the written API's `segments` and the portal's `clusters`, side by side.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::content::{AddressOf, ContentAnswer, ContentErrorAnswer};
use super::members::Members;
use super::regenerate::Regenerate;
use super::schema::{members_schema, observed_persona_schema, trained_persona_schema};
use super::tracking::Tracking;
use super::{DescribedBy, Group, Grouped, Lift};
use crate::content::{Campaign, Written, WrittenFor};
use crate::customer::CleaningReport;
use crate::pipeline::{Distinguishing, Drift, Persona, TraitValue};

/// Values of one trait that are named when training never saw them.
const MAX_UNSEEN: usize = 20;

/// The segments that occur in a workbook, written: as the written API has them and as the portal reads them.
#[derive(Serialize, ToSchema)]
#[schema(as = Answer)]
pub struct Answer<'a> {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The version of the model that the segments are of.
    #[schema(example = "20261122T194851Z-2a945ef3")]
    model_version: &'a str,
    rows: RowsAnswer<'a>,
    /// Values that training never saw, by the title of their trait.
    #[schema(example = json!({"Location": {"distinct": 1, "rows": 3, "most_frequent": {"Atlantis": 3}}}))]
    unseen_values: BTreeMap<&'a str, UnseenValues>,
    /// How far these customers have moved from those that the model was trained on; null for a version that was made
    /// without training data, and for fewer than 10 customers.
    drift: Option<&'a Drift>,
    /// As the written API has them: by id, the customers outside every segment last.
    segments: Vec<SegmentAnswer<'a>>,
    /// As the portal reads them, in the same order.
    clusters: Vec<ClusterAnswer<'a>>,
    /// Whether `members` lists fewer customers than there are.
    #[schema(example = false)]
    members_truncated: bool,
}

/// Values of one trait that training never saw: the most frequent with their rows, and how many there are.
#[derive(Serialize, ToSchema)]
pub struct UnseenValues {
    /// How many different values.
    #[schema(example = 1)]
    distinct: usize,
    /// How many rows have one of them.
    #[schema(example = 3)]
    rows: u64,
    /// The most frequent of them, each with its rows.
    #[schema(example = json!({"Atlantis": 3}))]
    most_frequent: BTreeMap<String, u64>,
}

/// Rows read, used and dropped, with the reasons, and the columns they were read by.
#[derive(Serialize, ToSchema)]
#[schema(as = Rows)]
pub struct RowsAnswer<'a> {
    /// The rows that became customers.
    #[schema(example = 5000)]
    rows_used: usize,
    #[serde(flatten)]
    cleaning: &'a CleaningReport,
}

/// The campaign that a segment was written for.
#[derive(Serialize, ToSchema, Clone)]
pub struct CampaignInputs {
    /// What the campaign is for.
    #[schema(example = "Increase sales of winter coats")]
    objective: String,
    /// The trade.
    #[schema(example = "Retail")]
    industry: String,
    /// How close the reader is to buying.
    #[schema(example = "Decision")]
    funnel_stage: &'static str,
    /// How much the segment reacted to earlier campaigns.
    #[schema(example = "High")]
    past_engagement: &'static str,
}

/// One segment, as the written API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Segment)]
pub struct SegmentAnswer<'a> {
    /// The trained segment; −1 for the customers outside every one.
    #[schema(example = 0)]
    cluster_id: i64,
    /// How many of the rows used are in it.
    #[schema(example = 1269)]
    size: usize,
    /// Their share of the rows used, 0 to 1.
    #[schema(example = 0.2538)]
    share: f64,
    /// What the segment's customers had in common when the model was trained, with what marketers added.
    #[schema(schema_with = trained_persona_schema)]
    persona: &'a Persona,
    /// What these very customers have in common.
    #[schema(schema_with = observed_persona_schema)]
    observed: &'a Persona,
    /// How frequent the values of each trait are in the segment and in the whole upload.
    lift: &'a Lift,
    /// What sets these customers apart, in sentences.
    #[schema(example = "Joined October to December (all). More often than others from Bedok (34 % against 17 %).")]
    persona_summary: &'a str,
    /// What sets these customers apart, and how far it may be said of one of them.
    distinguishing: &'a [Distinguishing],
    /// Whose customers this describes: the `upload`'s or, where it has too few, those of the segment in the `training`;
    /// null where nothing can be said.
    #[schema(required)]
    described_by: Option<DescribedBy>,
    /// The persona's keys of which nothing is said; empty if the segment has too few customers.
    #[schema(example = json!(["Top_Gender", "Top_Loyalty_Tier"]))]
    not_distinguishing: &'a [String],
    /// Those of them that are as in the whole workbook: no test finds a difference. The others may differ.
    #[schema(example = json!(["Top_Gender"]))]
    as_everywhere: &'a [String],
    content: ContentAnswer<'a>,
}

/// One segment, as the portal reads it.
#[derive(Serialize, ToSchema)]
#[schema(as = Cluster)]
pub struct ClusterAnswer<'a> {
    /// The trained segment; −1 for the customers outside every one.
    #[schema(example = 0)]
    cluster_id: i64,
    /// As in `segments`.
    #[schema(schema_with = trained_persona_schema)]
    persona: &'a Persona,
    /// As in `segments`.
    #[schema(schema_with = observed_persona_schema)]
    observed: &'a Persona,
    /// What sets these customers apart, in sentences.
    #[schema(example = "Joined October to December (all). More often than others from Bedok (34 % against 17 %).")]
    persona_summary: &'a str,
    /// What sets these customers apart, and how far it may be said of one of them.
    distinguishing: &'a [Distinguishing],
    /// Whose customers this describes: the `upload`'s or, where it has too few, those of the segment in the `training`;
    /// null where nothing can be said.
    #[schema(required)]
    described_by: Option<DescribedBy>,
    /// The persona's keys of which nothing is said; empty if the segment has too few customers.
    #[schema(example = json!(["Top_Gender", "Top_Loyalty_Tier"]))]
    not_distinguishing: &'a [String],
    /// Those of them that are as in the whole workbook: no test finds a difference. The others may differ.
    #[schema(example = json!(["Top_Gender"]))]
    as_everywhere: &'a [String],
    /// The first text; empty where none was written.
    #[schema(example = "Been meaning to? Make today the day for our winter coats. …")]
    default_post: &'a str,
    /// What each variant of the text is known by; empty where none was written.
    tracking: Vec<Tracking>,
    /// The prompt; empty where nothing was written.
    #[schema(example = "# Role\nYou are a senior copywriter. …")]
    prompt_used: &'a str,
    /// How many customers are in it, listed or not.
    #[schema(example = 1269)]
    size: usize,
    /// Its customers in the order of the workbook: the schema's columns, what they yield, and where they belong.
    #[schema(schema_with = members_schema)]
    members: Members<'a>,
    campaign_inputs: CampaignInputs,
    /// Why nothing was written; absent where something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_error: Option<ContentErrorAnswer>,
}

/// What the answers of all segments of one table have in common.
#[derive(Clone, Copy)]
pub struct AnswerContext<'a> {
    /// The customers and their segments.
    pub grouped: &'a Grouped,
    /// What was to be written.
    pub campaign: &'a Campaign,
    /// Where pictures are found.
    pub address_of: &'a AddressOf<'a>,
}

impl<'a> Answer<'a> {
    /// The answer for `grouped` with what was written for each of its segments, in their order; lists at most
    /// `max_members` customers in all.
    pub fn new(
        grouped: &'a Grouped,
        written: &'a [Written],
        campaign: &Campaign,
        max_members: usize,
        address_of: &AddressOf<'_>,
    ) -> Self {
        let used = grouped.table.n_rows();
        let context = AnswerContext { grouped, campaign, address_of };
        let inputs = CampaignInputs::of(campaign);
        let mut members_left = max_members;
        let clusters = grouped.groups.iter().zip(written).map(|(group, written)| {
            let limit = members_left.min(group.rows.len());
            members_left -= limit;
            let n_variants = written.content.as_ref().map_or(0, |content| content.variants.len());
            let members = Members { grouped, rows: &group.rows, limit, n_variants };
            cluster(&context, group, written, members, &inputs)
        });
        Self {
            status: "ok",
            model_version: grouped.version.id.as_str(),
            rows: RowsAnswer { rows_used: used, cleaning: grouped.table.cleaning() },
            unseen_values: unseen(grouped),
            drift: grouped.drift(),
            clusters: clusters.collect(),
            segments: grouped
                .groups
                .iter()
                .zip(written)
                .map(|(group, written)| SegmentAnswer::new(&context, group, written))
                .collect(),
            members_truncated: used > max_members,
        }
    }
}

impl AnswerContext<'_> {
    fn written_for(&self, group: &Group) -> WrittenFor<'_> {
        self.grouped.written_for(group, self.campaign)
    }
}

impl<'a> SegmentAnswer<'a> {
    /// One of the segments, with what was written for it.
    pub fn new(context: &AnswerContext<'_>, group: &'a Group, written: &'a Written) -> Self {
        let &AnswerContext { grouped, campaign, address_of } = context;
        Self {
            cluster_id: group.cluster_id,
            size: group.rows.len(),
            share: group.rows.len() as f64 / grouped.table.n_rows().max(1) as f64,
            persona: &group.persona,
            observed: &group.observed,
            lift: &group.lift,
            persona_summary: &group.summary,
            distinguishing: &group.distinction.distinguishing,
            described_by: group.described_by,
            not_distinguishing: &group.distinction.not_distinguishing,
            as_everywhere: &group.distinction.as_everywhere,
            content: ContentAnswer::new(written, &context.written_for(group), address_of, || {
                Regenerate::new(group, campaign)
            }),
        }
    }
}

impl CampaignInputs {
    fn of(campaign: &Campaign) -> Self {
        Self {
            objective: campaign.objective().to_owned(),
            industry: campaign.industry().to_owned(),
            funnel_stage: campaign.funnel_stage().name(),
            past_engagement: campaign.past_engagement().name(),
        }
    }
}

fn cluster<'a>(
    context: &AnswerContext<'_>,
    group: &'a Group,
    written: &'a Written,
    members: Members<'a>,
    inputs: &CampaignInputs,
) -> ClusterAnswer<'a> {
    let content = written.content.as_ref().ok();
    ClusterAnswer {
        cluster_id: group.cluster_id,
        persona: &group.persona,
        observed: &group.observed,
        persona_summary: &group.summary,
        distinguishing: &group.distinction.distinguishing,
        described_by: group.described_by,
        not_distinguishing: &group.distinction.not_distinguishing,
        as_everywhere: &group.distinction.as_everywhere,
        default_post: content.and_then(|c| c.variants.first()).map_or("", String::as_str),
        tracking: content.map(|c| Tracking::of(c, &context.written_for(group))).unwrap_or_default(),
        prompt_used: content.map_or("", |c| c.prompt_used.as_str()),
        size: group.rows.len(),
        members,
        campaign_inputs: inputs.clone(),
        content_error: written.content.as_ref().err().map(ContentErrorAnswer::new),
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
