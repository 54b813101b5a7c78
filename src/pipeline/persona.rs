//! Personas: what the customers of a segment have in common, counted from their own columns.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::SerializeMap;

use super::trait_counts::{TraitCounts, TraitValue};
use super::traits::{MIN_CUSTOMERS, Tallies, shows_the_few_beside};
use crate::customer::{CustomerTable, DatePart, Feature, FeatureKind, Kind, Role, Schema};

/// Values of one trait that a persona from outside may have; a trained one has as many as its schema asks for.
const MAX_VALUES: usize = 100;
/// The most frequent values of one feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Trait {
    /// The persona's key, such as `Top_Locations`.
    pub key: String,
    /// Whether the persona shows a list, and not a value alone.
    pub is_list: bool,
    /// Most frequent first; empty where no customer has a value.
    pub values: Vec<TraitValue>,
}

/// What the customers of a segment have in common.
///
/// In JSON a flat object, as the original's: `{"Top_Gender": "Female", "Top_Locations": ["Bedok", …], …}`, with the
/// marketers' own entries (`Writing_Style`, `Interests`, `Special_Offer`) beside the traits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Persona {
    /// In the order of the schema's features.
    pub traits: Vec<Trait>,
    /// What marketers added, by key.
    pub extras: BTreeMap<String, String>,
}

/// Counts every feature within each of `n_groups` groups, and over all rows, as [`Tallies::count`] has them.
pub fn count_traits(
    table: &CustomerTable,
    group_of_row: &[i32],
    n_groups: usize,
) -> (Vec<Vec<TraitCounts>>, Vec<TraitCounts>) {
    Tallies::count(table, group_of_row, n_groups).traits()
}

impl TraitCounts {
    /// Whether a value stands for those that are too rare to be told, and so is none that customers have in common.
    pub(super) fn is_pooled(&self, value: &TraitValue) -> bool {
        self.has_pooled && value.is_other()
    }

    /// The values that may be told with their customers: those of [`MIN_CUSTOMERS`] or more, and none where there are
    /// two values alone and one of them has fewer, since the other would tell how many.
    pub fn told(&self) -> impl Iterator<Item = &(TraitValue, u64)> {
        let is_told = !shows_the_few_beside(self.counts.iter().map(|&(_, customers)| customers));
        self.counts.iter().filter(move |(_, customers)| is_told && *customers >= MIN_CUSTOMERS)
    }

    /// The `n` most frequent of the values that may be told, each with its share here and in `overall`, whose customers
    /// include these.
    pub fn shares_beside<'c>(
        &'c self,
        overall: &'c TraitCounts,
        n: usize,
    ) -> impl Iterator<Item = (&'c TraitValue, f64, f64)> {
        // Where everybody has two values and few have the other, the share of the one tells how many.
        let is_told = overall.told().next().is_some();
        let told = self.told().filter(move |(value, _)| is_told && !self.is_pooled(value)).take(n);
        told.map(|(value, customers)| {
            // Every one of these customers is among all, so the value has a share above 0 there.
            let everywhere =
                overall.counts.iter().find(|(other, _)| other == value).map_or(*customers, |&(_, all)| all);
            (value, *customers as f64 / self.customers as f64, everywhere as f64 / overall.customers as f64)
        })
    }
}

impl Persona {
    /// Entries beside the traits that a persona from outside may have; further ones are not read.
    pub const MAX_EXTRAS: usize = 100;

    /// The persona of the customers behind `counts`: values of [`MIN_CUSTOMERS`] or more alone, and never the `Other`
    /// that stands for rare names.
    pub fn from_counts(counts: &[TraitCounts]) -> Self {
        Self::of_at_least(MIN_CUSTOMERS, counts)
    }

    /// What a form says of its one customer.
    pub fn of_one(counts: &[TraitCounts]) -> Self {
        Self::of_at_least(1, counts)
    }

    fn of_at_least(least: u64, counts: &[TraitCounts]) -> Self {
        let traits = counts.iter().map(|c| {
            let common = c.counts.iter().filter(|(value, customers)| *customers >= least && !c.is_pooled(value));
            let values = common.take(c.top).map(|(value, _)| value.clone()).collect();
            Trait { key: c.key.clone(), is_list: c.top > 1, values }
        });
        Self { traits: traits.collect(), extras: BTreeMap::new() }
    }

    /// Reads a persona from its JSON object: the schema's keys become traits, every other text an extra.
    ///
    /// Takes what is there and passes over what has another type: the object may come from a browser's storage, or
    /// from a marketer's editor.
    pub fn from_json(schema: &Schema, object: &serde_json::Map<String, serde_json::Value>) -> Self {
        let mut extras = BTreeMap::new();
        for (key, value) in object {
            if extras.len() == Self::MAX_EXTRAS {
                break;
            }
            if let (None, Some(text)) = (schema.features().find(|f| f.persona.key == *key), value.as_str()) {
                extras.insert(key.clone(), text.to_owned());
            }
        }
        let traits = schema.features().map(|feature| Trait {
            key: feature.persona.key.clone(),
            is_list: feature.persona.top > 1,
            values: match object.get(&feature.persona.key) {
                Some(serde_json::Value::Array(items)) => items.iter().filter_map(json_value).take(MAX_VALUES).collect(),
                Some(single) => json_value(single).into_iter().collect(),
                None => Vec::new(),
            },
        });
        Self { traits: traits.collect(), extras }
    }

    /// The flat JSON object that [`Persona::from_json`] reads.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(object)) => object,
            _ => serde_json::Map::new(),
        }
    }

    /// Lays `over` over this persona: its traits that have a value replace these, its extras are added.
    pub fn overlay(&mut self, over: Self) {
        for t in over.traits.into_iter().filter(|t| !t.values.is_empty()) {
            match self.traits.iter_mut().find(|own| own.key == t.key) {
                Some(own) => *own = t,
                None => self.traits.push(t),
            }
        }
        self.extras.extend(over.extras);
    }

    /// The values under `key`, most frequent first; empty where the persona has none.
    pub fn values(&self, key: &str) -> &[TraitValue] {
        self.traits.iter().find(|t| t.key == key).map_or(&[], |t| t.values.as_slice())
    }

    /// What a marketer wrote of a segment in one sentence, such as `Silver tier females from Bedok, Punggol, Bishan who
    /// joined in Quarter 1 of 2024`.
    pub fn summary(&self, schema: &Schema) -> String {
        let names = |feature: &Feature<'_>, n: usize| -> String {
            self.values(&feature.persona.key).iter().take(n).map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let (mut before, mut noun, mut place, mut with) =
            (String::new(), "customers".to_owned(), String::new(), Vec::new());
        for feature in schema.features().filter(|f| !self.values(&f.persona.key).is_empty()) {
            match (feature.kind, feature.role) {
                (FeatureKind::DatePart(_), _) => {}
                (_, Role::Tier) => before = format!("{} tier ", names(&feature, 1)),
                (_, Role::Gender) => noun = noun_for(&names(&feature, 1)).to_owned(),
                (_, Role::Place) => place = format!(" from {}", names(&feature, feature.persona.top)),
                (_, Role::Other) => with.push(format!("{} {}", feature.title, names(&feature, feature.persona.top))),
            }
        }
        let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
        let summary = format!("{before}{noun}{place}{with}{}", self.date_phrases(schema));
        let mut letters = summary.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// ` who joined in Quarter 1 of 2024` for each date column that has a part.
    fn date_phrases(&self, schema: &Schema) -> String {
        let mut text = String::new();
        for column in &schema.columns {
            let Kind::Date { phrase, parts, .. } = &column.kind else { continue };
            let first = |part: DatePart| {
                parts.iter().find(|p| p.part == part).and_then(|p| self.values(&p.persona.key).first())
            };
            let when = match (first(DatePart::Quarter), first(DatePart::Month), first(DatePart::Year)) {
                (Some(quarter), _, Some(year)) => format!("in Quarter {quarter} of {year}"),
                (Some(quarter), _, None) => format!("in Quarter {quarter}"),
                (None, Some(month), Some(year)) => format!("in month {month} of {year}"),
                (None, Some(month), None) => format!("in month {month}"),
                (None, None, Some(year)) => format!("in {year}"),
                (None, None, None) => continue,
            };
            text.push_str(&format!(" {phrase} {when}"));
        }
        text
    }
}

/// The plural that a sentence uses for customers of one gender.
fn noun_for(gender: &str) -> &str {
    match gender.to_lowercase().as_str() {
        "female" => "females",
        "male" => "males",
        _ => "customers",
    }
}

fn json_value(value: &serde_json::Value) -> Option<TraitValue> {
    match value {
        serde_json::Value::String(name) => Some(TraitValue::Name(name.clone())),
        serde_json::Value::Number(number) => {
            number.as_i64().map(TraitValue::Whole).or_else(|| number.as_f64().map(TraitValue::Mean))
        }
        _ => None,
    }
}

impl Serialize for Persona {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for t in &self.traits {
            match self.extras.get(&t.key) {
                // A marketer's entry replaces a trait of its name: a later schema may have brought that one.
                Some(text) => object.serialize_entry(&t.key, text)?,
                None if t.is_list => object.serialize_entry(&t.key, &t.values)?,
                None => object.serialize_entry(&t.key, &t.values.first())?,
            }
        }
        let is_trait = |key: &str| self.traits.iter().any(|t| t.key == key);
        for (key, text) in self.extras.iter().filter(|(key, _)| !is_trait(key)) {
            object.serialize_entry(key, text)?;
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marketer_s_entry_stands_in_the_place_of_a_trait_of_its_name() {
        let named = |key: &str, is_list, names: &[&str]| Trait {
            key: key.to_owned(),
            is_list,
            values: names.iter().map(|name| TraitValue::Name((*name).to_owned())).collect(),
        };
        let extras = [("Interests", "coffee"), ("Writing_Style", "short")];
        let persona = Persona {
            traits: vec![
                named("Top_Plans", true, &["Basic"]),
                named("Interests", false, &["tea"]),
                named("Top_Gender", false, &[]),
            ],
            extras: extras.map(|(key, text)| (key.to_owned(), text.to_owned())).into(),
        };
        let json = r#"{"Top_Plans":["Basic"],"Interests":"coffee","Top_Gender":null,"Writing_Style":"short"}"#;
        assert_eq!(serde_json::to_string(&persona).unwrap(), json);
        assert_eq!(serde_json::Value::Object(persona.to_json()).to_string(), json);
    }
}
