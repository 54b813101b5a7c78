//! What a writer may know of a segment.
//!
//! Built from a persona by the schema's roles, so any company's columns work. A persona may come back from a browser's
//! storage: every string is cleaned, counted and cut here, and none is trusted later. Customers' names, addresses and
//! notes are no part of a persona and so never get here.

use crate::customer::{DatePart, Feature, FeatureKind, Kind, Role, Schema, is_personal};
use crate::pipeline::{Persona, Trait, TraitValue};

use super::clean::{filled_line, one_line};

/// How long one value of a trait may be, in characters.
const MAX_VALUE_CHARS: usize = 60;
/// How many values of one trait are kept.
const MAX_VALUES: usize = 5;
/// How long one entry of the marketers may be, in characters.
const MAX_EXTRA_CHARS: usize = 200;
/// How long the summary may be, in characters.
const MAX_SUMMARY_CHARS: usize = 400;

/// A segment, or the whole customer base, as a writer may know it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Audience {
    pub(super) summary: String,
    pub(super) is_everyone: bool,
    pub(super) places: Vec<String>,
    pub(super) tier: Option<String>,
    pub(super) joined: Joined,
    pub(super) others: Vec<(String, String)>,
    pub(super) writing_style: Option<String>,
    pub(super) interests: Option<String>,
    pub(super) special_offer: Option<String>,
}

/// When most of them joined; each list is the most frequent first, and holds possible values alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Joined {
    /// 1 to 4.
    pub(super) quarters: Vec<u8>,
    /// 1 to 12.
    pub(super) months: Vec<u8>,
    /// Four digits.
    pub(super) years: Vec<u16>,
}

impl Audience {
    /// The audience that a persona describes.
    pub fn new(schema: &Schema, persona: &Persona) -> Self {
        let persona = cleaned(schema, persona);
        let mut audience = Self {
            summary: one_line(&persona.summary(schema), MAX_SUMMARY_CHARS),
            writing_style: extra(&persona, "Writing_Style"),
            interests: extra(&persona, "Interests"),
            special_offer: extra(&persona, "Special_Offer"),
            ..Self::default()
        };
        for feature in schema.features() {
            audience.take(schema, &feature, persona.values(&feature.persona.key));
        }
        audience
    }

    /// All customers, with the persona of the whole base: nothing in it may be said of every reader.
    pub fn everyone(schema: &Schema, persona: &Persona) -> Self {
        let whole = Self::new(schema, persona);
        Self { summary: format!("All customers; most typical: {}", whole.summary), is_everyone: true, ..whole }
    }

    /// One sentence about the segment.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    fn take(&mut self, schema: &Schema, feature: &Feature<'_>, values: &[TraitValue]) {
        let names = || values.iter().map(ToString::to_string).filter(|name| is_known(name));
        match (feature.kind, feature.role) {
            (FeatureKind::DatePart(part), _) => {
                let phrase = schema.columns.get(feature.column).map(|column| &column.kind);
                if let Some(Kind::Date { phrase, .. }) = phrase
                    && phrase.contains("join")
                {
                    self.joined.take(part, values);
                }
            }
            (_, Role::Place) => self.places.extend(names()),
            (_, Role::Tier) => self.tier = self.tier.take().or_else(|| names().next()),
            // Known to the summary alone: no list of facts for a text to draw on should hold it.
            (_, Role::Gender) => {}
            (_, Role::Other) => {
                let listed = names().collect::<Vec<_>>().join(", ");
                if let Some(listed) = filled_line(&listed, MAX_EXTRA_CHARS) {
                    self.others.push((one_line(feature.title, MAX_VALUE_CHARS), listed));
                }
            }
        }
    }
}

impl Joined {
    fn take(&mut self, part: DatePart, values: &[TraitValue]) {
        let wholes = values.iter().filter_map(|value| match value {
            TraitValue::Whole(whole) => Some(*whole),
            // The editor sends years as text once they were edited.
            TraitValue::Name(name) => name.trim().parse().ok(),
            TraitValue::Mean(_) => None,
        });
        let small = |max: i64| move |whole: i64| u8::try_from(whole).ok().filter(|_| (1..=max).contains(&whole));
        match part {
            DatePart::Quarter => self.quarters.extend(wholes.filter_map(small(4))),
            DatePart::Month => self.months.extend(wholes.filter_map(small(12))),
            DatePart::Year => self
                .years
                .extend(wholes.filter(|year| (1900..=2100).contains(year)).filter_map(|year| u16::try_from(year).ok())),
        }
    }
}

/// The same persona with every string cleaned and cut, and no more values than a persona has.
fn cleaned(schema: &Schema, persona: &Persona) -> Persona {
    let is_amount =
        |key: &str| schema.features().any(|f| f.persona.key == key && matches!(f.kind, FeatureKind::Number));
    let value = |value: &TraitValue, is_amount: bool| match value {
        TraitValue::Name(name) if is_personal(name) => None,
        TraitValue::Name(name) => filled_line(name, MAX_VALUE_CHARS).map(TraitValue::Name),
        TraitValue::Mean(mean) if !mean.is_finite() => None,
        // A telephone number is one also where it is written as a number.
        number if !is_amount && is_personal(&number.to_string()) => None,
        number => Some(number.clone()),
    };
    let traits = persona.traits.iter().map(|t| {
        let is_amount = is_amount(&t.key);
        let values = t.values.iter().filter_map(|v| value(v, is_amount)).take(MAX_VALUES).collect();
        Trait { key: t.key.clone(), is_list: t.is_list, values }
    });
    Persona { traits: traits.collect(), extras: persona.extras.clone() }
}

fn extra(persona: &Persona, key: &str) -> Option<String> {
    persona.extras.get(key).and_then(|text| filled_line(text, MAX_EXTRA_CHARS)).filter(|text| is_known(text))
}

/// Whether a value says something; sheets are full of ways to say nothing.
fn is_known(name: &str) -> bool {
    const NOTHING: [&str; 9] = ["n/a", "na", "none", "null", "nil", "nan", "unknown", "-", "other"];
    !NOTHING.iter().any(|nothing| name.eq_ignore_ascii_case(nothing))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn persona(schema: &Schema, json: &serde_json::Value) -> Persona {
        Persona::from_json(schema, json.as_object().unwrap())
    }

    #[test]
    fn a_persona_becomes_places_tier_dates_and_the_marketers_entries() {
        let schema = Schema::built_in().unwrap();
        let json = json!({
            "Top_Gender": "Female", "Top_Locations": ["Bedok", "Punggol"], "Top_Loyalty_Tier": "Gold",
            "Top_Join_Quarter": 1, "Top_Join_Years": ["2024", 2023], "Top_Join_Months": [1, 13],
            "Interests": "yoga,\n travel", "Special_Offer": "None", "Notes": "call later",
        });
        let audience = Audience::new(&schema, &persona(&schema, &json));
        assert_eq!(audience.places, ["Bedok", "Punggol"]);
        assert_eq!(audience.tier.as_deref(), Some("Gold"));
        assert_eq!(audience.joined, Joined { quarters: vec![1], months: vec![1], years: vec![2024, 2023] });
        assert_eq!((audience.interests.as_deref(), audience.special_offer), (Some("yoga, travel"), None));
        assert_eq!(audience.summary, "Gold tier females from Bedok, Punggol who joined in Quarter 1 of 2024");
    }

    #[test]
    fn strings_from_a_browser_s_storage_are_cleaned_and_cut() {
        let schema = Schema::built_in().unwrap();
        let json = json!({
            "Top_Locations": ["Be\u{202e}dok\r\nIgnore", "x".repeat(5_000)], "Special_Offer": "y".repeat(5_000),
        });
        let audience = Audience::new(&schema, &persona(&schema, &json));
        assert_eq!(audience.places[0], "Bedok Ignore");
        assert!(audience.places[1].len() <= MAX_VALUE_CHARS);
        assert!(audience.summary.len() <= MAX_SUMMARY_CHARS);
        assert_eq!(audience.special_offer.unwrap().len(), MAX_EXTRA_CHARS);
    }

    #[test]
    fn an_address_a_number_or_a_key_in_the_wrong_column_is_not_told() {
        let schema = Schema::built_in().unwrap();
        for private in ["ann.lee@example.com", "+65 9123 4567", "555-1234", "sk-proj-4f9a8b7c6d5e4f3a2b1c"] {
            let json = json!({"Top_Locations": [private, "Bedok 460123"], "Top_Loyalty_Tier": private});
            let audience = Audience::new(&schema, &persona(&schema, &json));
            assert_eq!((audience.places, audience.tier), (vec!["Bedok 460123".to_owned()], None), "{private}");
            assert!(!audience.summary.contains(private), "{}", audience.summary);
        }
        for private in [json!(6_591_234_567_u64), json!(6_591_234_567.5), json!(-91_234_567)] {
            let json = json!({"Top_Locations": [private, 460_123], "Top_Loyalty_Tier": private});
            let audience = Audience::new(&schema, &persona(&schema, &json));
            assert_eq!((audience.places, audience.tier), (vec!["460123".to_owned()], None), "{private}");
            assert!(
                !audience.summary.contains("91234567") && !audience.summary.contains("6591"),
                "{}",
                audience.summary
            );
        }
    }

    #[test]
    fn another_schema_is_read_by_its_roles() {
        let schema = Schema::from_json(
            br#"{"columns": [
                {"title": "Branch", "required": true, "role": "place", "kind": "category",
                 "persona": {"key": "Branches", "top": 2}},
                {"title": "Plan", "required": true, "kind": "category", "persona": {"key": "Plan", "top": 1}},
                {"title": "Bought", "required": true, "kind": "date", "phrase": "who last bought",
                 "parts": [{"part": "year", "title": "Year", "persona": {"key": "Years", "top": 1}}]}]}"#,
        )
        .unwrap();
        let json = json!({"Branches": ["North"], "Plan": "Family", "Years": [2024]});
        let audience = Audience::new(&schema, &persona(&schema, &json));
        assert_eq!(audience.places, ["North"]);
        assert_eq!(audience.others, [("Plan".to_owned(), "Family".to_owned())]);
        assert_eq!(audience.joined, Joined::default(), "a purchase is not a joining");
    }
}
