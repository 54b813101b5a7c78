//! Briefs that several test modules share.

use serde_json::json;

use super::{Audience, Brief, Campaign, CampaignInput};
use crate::customer::Schema;
use crate::pipeline::Persona;

/// The audience of a persona's JSON object, under the built-in schema.
pub(super) fn audience(persona: &serde_json::Value) -> Audience {
    let schema = Schema::built_in().unwrap();
    Audience::new(&schema, &Persona::from_json(&schema, persona.as_object().unwrap()))
}

/// A full persona: every trait and every entry of the marketers.
pub(super) fn full_persona() -> serde_json::Value {
    json!({
        "Top_Gender": "Female", "Top_Locations": ["Bedok", "Punggol", "Bishan"], "Top_Loyalty_Tier": "Gold",
        "Top_Join_Quarter": 1, "Top_Join_Years": [2024, 2023], "Top_Join_Months": [1, 2],
        "Interests": "yoga, weekend markets", "Special_Offer": "a free tote bag with any two items",
        "Writing_Style": "warm, short sentences",
    })
}

/// A brief for the full persona, its inputs edited.
pub(super) fn brief(edit: impl FnOnce(&mut CampaignInput)) -> Brief {
    let mut input = CampaignInput {
        objective: Some("Increase sales of winter coats".into()),
        industry: Some("Retail".into()),
        ..CampaignInput::default()
    };
    edit(&mut input);
    Brief { audience: audience(&full_persona()), campaign: Campaign::check(&input).unwrap() }
}
