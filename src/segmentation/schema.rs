//! Descriptions of the objects whose keys another schema of the customers' columns changes.

use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, Array, ArrayBuilder, Object, ObjectBuilder, Type};

/// What a persona looks like with the built-in columns.
pub fn persona_schema() -> Object {
    persona_of(
        "What the customers have in common: the most frequent values of each trait, with what marketers added \
        (Writing_Style, Interests, Special_Offer, or any name of their own).",
    )
}

/// A trained segment's persona.
pub(super) fn trained_persona_schema() -> Object {
    persona_of(
        "What the segment's customers had in common when the model was trained, with what marketers added \
        (Writing_Style, Interests, Special_Offer, or any name of their own).",
    )
}

/// The persona of an upload's own customers.
pub(super) fn observed_persona_schema() -> Object {
    persona_of("What the customers of this upload have in common: the most frequent values of each trait.")
}

fn persona_of(description: &str) -> Object {
    let example = json!({
        "Top_Locations": ["Bedok", "Punggol", "Bishan"], "Top_Gender": "Female", "Top_Join_Years": [2024, 2023],
        "Top_Join_Months": [1, 2], "Top_Join_Quarter": 1, "Top_Loyalty_Tier": "Silver", "Interests": "running",
    });
    any_object(description, example)
}

/// What a segment's customers look like with the built-in columns.
pub(super) fn members_schema() -> Array {
    let description = "One customer: the schema's columns, what they yield, and where the customer belongs. \
                       `strength` is how dense the place on the map is, as a share of the densest of the segment; \
                       `confidence` is how likely another training is to put the customer in the same place, learned \
                       from customers who were held out, null where there were too few of this kind.";
    let example = json!({
        "Location": "Bedok", "Gender": "Female", "Date Joined": "2023-11-03", "Join_Year": 2023, "Join_Month": 11,
        "Join_Quarter": 4, "Loyalty Tier": "Gold", "Loyalty_Tier_Score": 2, "cluster_id": 0, "strength": 1.0,
        "confidence": 0.94,
    });
    ArrayBuilder::new()
        .items(any_object(description, example.clone()))
        .description(Some("Its customers, in the order of the workbook."))
        .examples([json!([example])])
        .build()
}

/// An object whose keys are not known beforehand.
pub fn any_object(description: &str, example: serde_json::Value) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some(description))
        .examples([example])
        .build()
}
