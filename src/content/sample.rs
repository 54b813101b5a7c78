//! Briefs that several test modules share.

use serde_json::json;

use super::{Audience, Brief, Campaign, CampaignInput};
use crate::customer::Schema;
use crate::pipeline::{
    Claim, Distinction, Distinguishing, DistinguishingNumber, DistinguishingValue, Persona, TraitValue,
};

/// The audience of a customer described by a persona's JSON object, under the built-in schema: its values are facts.
pub(super) fn audience(persona: &serde_json::Value) -> Audience {
    let schema = Schema::built_in().unwrap();
    Audience::of_customer(&schema, &Persona::from_json(&schema, persona.as_object().unwrap()), None)
}

/// A value that 34 % of a segment have and 17 % of all.
pub(super) fn told(key: &str, value: TraitValue, claim: Claim) -> Distinguishing {
    let fact = DistinguishingValue::fact(key, value);
    let (share, share_overall, lift, lift_low, lift_high) = (0.34, 0.17, 2.0, 1.8, 2.2);
    Distinguishing::Value(DistinguishingValue { share, share_overall, lift, lift_low, lift_high, claim, ..fact })
}

/// A number whose median is higher in a segment.
pub(super) fn higher(key: &str) -> Distinguishing {
    let (median, quartiles, median_overall, difference_sd) = (120.0, [90.0, 150.0], 80.0, 0.9);
    let (key, claim) = (key.to_owned(), Claim::MoreOften);
    Distinguishing::Number(DistinguishingNumber { key, median, quartiles, median_overall, difference_sd, claim })
}

/// A segment of 1,000 customers of a shop whose sheet also has a newsletter column and a mean spend.
pub(super) fn segment(distinguishing: Vec<Distinguishing>) -> Audience {
    let columns = json!([
        {"title": "Joined", "required": true, "kind": "date", "phrase": "who joined",
         "parts": [{"part": "quarter", "title": "Quarter", "persona": {"key": "Quarter", "top": 1}}]},
        {"title": "Town", "required": true, "role": "place", "kind": "category", "persona": {"key": "Towns", "top": 3}},
        {"title": "Tier", "required": true, "role": "tier", "kind": "category", "persona": {"key": "Tier", "top": 1}},
        {"title": "Gender", "required": true, "role": "gender", "kind": "category",
         "persona": {"key": "Gender", "top": 1}},
        {"title": "Newsletter", "required": true, "kind": "category", "persona": {"key": "Newsletter", "top": 1}},
        {"title": "Mean_Spend", "required": true, "kind": "number", "persona": {"key": "Mean_Spend", "top": 1}},
    ]);
    let schema = Schema::from_json(json!({ "columns": columns }).to_string().as_bytes()).unwrap();
    let distinction = Distinction { distinguishing, ..Distinction::default() };
    let summary = distinction.summary(&schema, 1_000);
    Audience::of_group(&schema, &Persona::default(), &distinction, 1_000, &summary)
}

/// Segments of every sort, with their names.
pub(super) fn segments() -> Vec<(&'static str, Audience)> {
    let name = |name: &str| TraitValue::Name(name.to_owned());
    let soft = || vec![told("Towns", name("Bedok"), Claim::MoreOften), told("Towns", name("Novena"), Claim::MoreOften)];
    let most = vec![
        told("Gender", name("Female"), Claim::Most),
        told("Tier", name("Gold"), Claim::Most),
        told("Towns", name("Bedok"), Claim::Most),
    ];
    vec![
        ("nothing to say", segment(Vec::new())),
        ("one trait of all", segment(vec![told("Quarter", TraitValue::Whole(4), Claim::All)])),
        ("soft traits", segment(soft())),
        ("traits of most", segment(most)),
        ("a number and soft traits", segment([soft(), vec![higher("Mean_Spend")]].concat())),
        ("an answer to a question", segment(vec![told("Newsletter", name("Yes"), Claim::Most)])),
    ]
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
