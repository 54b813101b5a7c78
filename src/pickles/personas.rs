//! The personas of an export, in the shape that personas have here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::customer::{FeatureKind, Schema};
use crate::pipeline::SegmentId;

/// Personas by cluster id, and the ids that are none.
#[derive(Debug, Default)]
pub(super) struct Personas {
    pub by_id: BTreeMap<SegmentId, Map<String, Value>>,
    /// Ids such as −1, under which some trainings describe the noise.
    pub nobodys: Vec<String>,
}

impl Personas {
    /// A level may be given by its rank, counted from 1, and what marketers added as a list: both become text.
    pub fn read(schema: &Schema, personas: &Map<String, Value>) -> Self {
        let mut read = Self::default();
        for (id, persona) in personas {
            match (id.trim().parse(), persona) {
                (Ok(id), Value::Object(persona)) => {
                    let entries = persona.iter().map(|(key, value)| (key.clone(), entry(schema, key, value)));
                    read.by_id.insert(SegmentId::new(id), entries.collect());
                }
                _ => read.nobodys.push(id.clone()),
            }
        }
        read
    }
}

fn entry(schema: &Schema, key: &str, value: &Value) -> Value {
    let Some(feature) = schema.features().find(|feature| feature.persona.key == key) else {
        return text(value).map_or(Value::Null, Value::String);
    };
    match (feature.kind, value) {
        (FeatureKind::Ordinal(levels), Value::Array(ranks)) => ranks.iter().map(|rank| level(levels, rank)).collect(),
        (FeatureKind::Ordinal(levels), rank) => level(levels, rank),
        (FeatureKind::Category | FeatureKind::DatePart(_) | FeatureKind::Number, value) => value.clone(),
    }
}

/// The level of a rank; anything else stays as it is.
fn level(levels: &[String], value: &Value) -> Value {
    let rank = value.as_f64().filter(|rank| rank.fract() == 0.0 && *rank >= 1.0);
    let level = rank.and_then(|rank| levels.get(rank as usize - 1));
    level.map_or_else(|| value.clone(), |level| Value::from(level.as_str()))
}

/// An extra as text; none where it is empty or an object.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Array(items) => Some(items.iter().filter_map(text).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Object(_) => None,
    }
    .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_level_is_taken_by_its_rank_and_a_list_of_interests_as_text() {
        let schema = Schema::built_in().unwrap();
        let persona = json!({
            "2": {"Top_Loyalty_Tier": 3, "Top_Join_Months": [7, 9], "Interests": ["tea", "go"], "Special_Offer": null},
            "4": {"Top_Loyalty_Tier": "Gold"},
            "-1": {"Top_Gender": "Male"},
        });
        let read = Personas::read(&schema, persona.as_object().unwrap());
        let expected = json!({
            "2": {"Top_Loyalty_Tier": "Platinum", "Top_Join_Months": [7, 9], "Interests": "tea, go", "Special_Offer": null},
            "4": {"Top_Loyalty_Tier": "Gold"},
        });
        assert_eq!(serde_json::to_value(&read.by_id).unwrap(), expected);
        assert_eq!(read.nobodys, ["-1"]);
    }
}
