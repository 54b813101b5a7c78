//! How to have one segment written again: a request that its caller only has to send.

use serde::Serialize;
use utoipa::ToSchema;

use super::schema::persona_schema;
use super::{DescribedBy, Group};
use crate::content::Campaign;
use crate::pipeline::{Distinguishing, Persona};

/// The request that writes a segment once more.
#[derive(Serialize, ToSchema)]
pub struct Regenerate<'a> {
    /// Always `POST`.
    #[schema(example = "POST")]
    method: &'static str,
    /// Always `/generate-post`.
    #[schema(example = "/generate-post")]
    path: &'static str,
    body: RegenerateBody<'a>,
}

/// The JSON to send, as it is: the segment and the whole campaign.
#[derive(Serialize, ToSchema)]
struct RegenerateBody<'a> {
    /// The segment; −1 for the customers outside every one.
    #[schema(example = 2)]
    cluster_id: i64,
    /// What the customers outside every segment have in common; absent for a trained segment, which `cluster_id` names.
    #[schema(schema_with = persona_schema)]
    #[serde(skip_serializing_if = "Option::is_none")]
    persona: Option<&'a Persona>,
    /// How many customers of the upload are in it.
    #[schema(example = 1269)]
    size: usize,
    /// What sets the upload's customers apart: the text is written for them, and not for those of the training.
    distinguishing: &'a [Distinguishing],
    /// As in the answer.
    described_by: Option<DescribedBy>,
    /// As in the answer.
    #[schema(example = json!(["Top_Gender", "Top_Loyalty_Tier"]))]
    not_distinguishing: &'a [String],
    /// As in the answer.
    #[schema(example = json!(["Top_Gender"]))]
    as_everywhere: &'a [String],
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
    /// Where the content will be published.
    #[schema(example = "Instagram")]
    platform: &'static str,
    /// The voice.
    #[schema(example = "Casual")]
    tone: &'static str,
    /// What is to be written and drawn.
    #[schema(example = "TextAndPrompt")]
    post_type: &'static str,
    /// How many variants.
    #[schema(example = 1)]
    num_variants: usize,
}

impl<'a> Regenerate<'a> {
    /// The request that writes `campaign` for `group`.
    pub(super) fn new(group: &'a Group, campaign: &Campaign) -> Self {
        let body = RegenerateBody {
            cluster_id: group.cluster_id,
            persona: (group.cluster_id < 0).then_some(&group.persona),
            size: group.rows.len(),
            described_by: group.described_by,
            distinguishing: &group.distinction.distinguishing,
            not_distinguishing: &group.distinction.not_distinguishing,
            as_everywhere: &group.distinction.as_everywhere,
            objective: campaign.objective().to_owned(),
            industry: campaign.industry().to_owned(),
            funnel_stage: campaign.funnel_stage().name(),
            past_engagement: campaign.past_engagement().name(),
            platform: campaign.platform().name(),
            tone: campaign.tone().name(),
            post_type: campaign.output().name(),
            num_variants: campaign.n_variants(),
        };
        Self { method: "POST", path: "/generate-post", body }
    }
}
