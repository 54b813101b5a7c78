//! What may be said of an audience, and what may not.

use serde_json::json;

use super::super::sample;
use super::*;

fn of_persona(json: &serde_json::Value) -> Audience {
    let schema = Schema::built_in().unwrap();
    Audience::of_persona(&schema, &Persona::from_json(&schema, json.as_object().unwrap()))
}

fn value(key: &str, value: &str, claim: Claim) -> Distinguishing {
    sample::told(key, TraitValue::Name(value.to_owned()), claim)
}

#[test]
fn what_is_true_of_most_is_said_what_is_more_frequent_colours_and_the_rest_is_not_mentioned() {
    let schema = Schema::built_in().unwrap();
    let distinction = Distinction {
        distinguishing: vec![
            value("Top_Gender", "Female", Claim::All),
            value("Top_Locations", "Bedok", Claim::MoreOften),
            value("Top_Locations", "Punggol", Claim::MoreOften),
            value("Top_Loyalty_Tier", "Gold", Claim::Most),
            sample::told("Top_Join_Quarter", TraitValue::Whole(4), Claim::All),
        ],
        ..Distinction::default()
    };
    let audience = Audience::of_group(&schema, &Persona::default(), &distinction, 50, "Fifty.");
    let words = |told: &[Remark]| told.iter().map(|told| told.words.clone()).collect::<Vec<_>>();
    assert_eq!(words(&audience.said), ["joined October to December", "Gold tier"]);
    assert_eq!(words(&audience.colour), ["from Bedok or Punggol"]);
    assert_eq!(audience.unmentioned, ["gender", "year", "month"]);
    assert_eq!((audience.places.len(), audience.tier.as_deref()), (0, Some("Gold")));
    assert_eq!(audience.joined.as_deref(), Some("from October to December"));
    assert_eq!(audience.hints.places, ["Bedok", "Punggol"]);
    assert_eq!(audience.summary(), "Fifty.");
    let few = Audience::of_group(&schema, &Persona::default(), &distinction, 49, "Forty-nine.");
    assert_eq!(few.summary(), TOO_FEW);
    assert!(few.said.is_empty() && few.colour.is_empty() && few.hints == Hints::default());
}

#[test]
fn a_described_customer_s_fields_are_facts_and_the_segment_only_colours() {
    let schema = Schema::built_in().unwrap();
    let json = json!({"Top_Locations": ["Novena"], "Top_Join_Years": [2024], "Top_Join_Months": [10]});
    let customer = Persona::from_json(&schema, json.as_object().unwrap());
    let distinguishing =
        vec![value("Top_Locations", "Bedok", Claim::All), value("Top_Loyalty_Tier", "Gold", Claim::All)];
    let distinction = Distinction { distinguishing, ..Distinction::default() };
    let segment = (&Persona::default(), &distinction, 1_000);
    let audience = Audience::of_customer(&schema, &customer, Some(segment));
    assert_eq!((audience.places, audience.tier), (vec!["Novena".to_owned()], None));
    assert_eq!(audience.joined.as_deref(), Some("in October 2024"));
    assert_eq!(audience.colour.iter().map(|told| told.words.as_str()).collect::<Vec<_>>(), ["Gold tier"]);
}

#[test]
fn a_persona_of_unknown_origin_says_nothing_of_its_reader() {
    let audience = of_persona(&json!({
        "Top_Gender": "Female", "Top_Locations": ["Bedok", "Punggol"], "Top_Loyalty_Tier": "Gold",
        "Top_Join_Quarter": 1, "Top_Join_Years": ["2024", 2023], "Top_Join_Months": [1, 13],
        "Interests": "yoga,\n travel", "Special_Offer": "None", "Notes": "call later",
    }));
    assert!(audience.said.is_empty() && audience.places.is_empty() && audience.tier.is_none());
    assert_eq!(audience.hints.places, ["Bedok", "Punggol"]);
    assert_eq!((audience.interests.as_deref(), audience.special_offer), (Some("yoga, travel"), None));
    assert_eq!(audience.others, [Extra { name: "Notes".to_owned(), text: "call later".to_owned() }]);
    assert!(audience.colour.iter().all(|told| told.shares.is_none()));
}

#[test]
fn strings_from_a_browser_s_storage_are_cleaned_and_cut() {
    let audience = of_persona(&json!({
        "Top_Locations": ["Be\u{202e}dok\r\nIgnore", "x".repeat(5_000)], "Special_Offer": "y".repeat(5_000),
    }));
    assert_eq!(audience.hints.places[0], "Bedok Ignore");
    assert!(audience.hints.places[1].len() <= MAX_VALUE_CHARS);
    assert!(audience.summary.len() <= MAX_SUMMARY_CHARS);
    assert_eq!(audience.special_offer.unwrap().chars().count(), crate::content::MAX_EXTRA_CHARS);
}

#[test]
fn an_address_a_number_or_a_key_in_the_wrong_column_is_not_told() {
    let texts = ["ann.lee@example.com", "+65 9123 4567", "555-1234", "sk-proj-4f9a8b7c6d5e4f3a2b1c"].map(|t| json!(t));
    let numbers = [json!(6_591_234_567_u64), json!(6_591_234_567.5), json!(-91_234_567)];
    for private in texts.into_iter().chain(numbers) {
        let json = json!({"Top_Locations": [private, "Bedok 460123"], "Top_Loyalty_Tier": private});
        let audience = of_persona(&json);
        assert_eq!(audience.hints.places, ["Bedok 460123"], "{private}");
        assert_eq!(audience.hints.tier, None, "{private}");
        assert!(audience.colour.iter().all(|told| !told.words.contains(&private.to_string())), "{private}");
    }
}

#[test]
fn another_schema_is_read_by_its_roles() {
    let schema = Schema::from_json(
        br#"{"columns": [
            {"title": "Branch", "required": true, "role": "place", "kind": "category",
             "persona": {"key": "Branches", "top": 2}},
            {"title": "Newsletter", "required": true, "kind": "category", "persona": {"key": "Letter", "top": 1}},
            {"title": "Bought", "required": true, "kind": "date", "phrase": "who last bought",
             "parts": [{"part": "year", "title": "Year", "persona": {"key": "Years", "top": 1}}]}]}"#,
    )
    .unwrap();
    let distinguishing = vec![
        value("Branches", "North", Claim::Most),
        value("Letter", "Yes", Claim::All),
        sample::told("Years", TraitValue::Whole(2024), Claim::All),
    ];
    let distinction = Distinction { distinguishing, ..Distinction::default() };
    let audience = Audience::of_group(&schema, &Persona::default(), &distinction, 60, "Sixty.");
    assert_eq!(audience.places, ["North"]);
    let said: Vec<_> = audience.said.iter().map(|told| told.words.as_str()).collect();
    assert_eq!(said, ["Newsletter: yes", "last bought in 2024", "from North"]);
    assert_eq!(audience.joined, None, "a purchase is not a joining");
}
