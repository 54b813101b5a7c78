//! What a writer may know of a segment, sorted by how far it may be said of the reader.
//!
//! Built from what the trait test found ([`Distinction`]), so any company's columns work: what is true of all or of
//! most may be said, what is only more frequent may colour a text, and the rest is not mentioned. A gender is never
//! said. A persona may come back from a browser's storage: every string is cleaned, counted and cut here. Customers'
//! names, addresses and notes are no part of a persona and so never get here.

use crate::customer::{Column, DatePart, Feature, FeatureKind, Kind, Role, Schema, is_personal};
use crate::pipeline::{
    Claim, Distinction, Distinguishing, DistinguishingValue, MIN_OBSERVED, Persona, Statement, TraitValue, names_of,
};

use super::clean::{filled_line, one_line};
use super::extras::{Extra, Extras};

/// How long one value of a trait may be, in characters.
const MAX_VALUE_CHARS: usize = 60;
/// How long one statement may be, in characters.
const MAX_STATEMENT_CHARS: usize = 200;
/// How long the summary may be, in characters.
const MAX_SUMMARY_CHARS: usize = 400;
/// What is told of fewer customers than a statement may rest on.
const TOO_FEW: &str = "Too few customers to say what sets them apart.";

/// A segment, a described customer, or the whole customer base, as a writer may know it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Audience {
    pub(super) summary: String,
    pub(super) is_everyone: bool,
    /// Whether it is one customer, of whom what is said are facts.
    pub(super) is_one: bool,
    /// What may be said of the reader.
    pub(super) said: Vec<Remark>,
    /// What may colour a text and is never said of the reader.
    pub(super) colour: Vec<Remark>,
    /// The names of features that a text does not mention.
    pub(super) unmentioned: Vec<String>,
    /// Places, tier and date of joining that may be said.
    pub(super) places: Vec<String>,
    pub(super) tier: Option<String>,
    pub(super) joined: Option<String>,
    /// The same of what is only more frequent.
    pub(super) hints: Hints,
    /// Whether place and tier are true of most readers together.
    pub(super) may_join: bool,
    pub(super) writing_style: Option<String>,
    pub(super) interests: Option<String>,
    pub(super) special_offer: Option<String>,
    /// What marketers added under any other name.
    pub(super) others: Vec<Extra>,
}

/// One thing about the customers, as words that follow "customers".
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remark {
    pub(super) claim: Claim,
    pub(super) words: String,
    /// The share among these customers and among all; `None` where it is not known.
    pub(super) shares: Option<(f64, f64)>,
    /// The same among those with a value, where blanks make a difference.
    pub(super) known_shares: Option<(f64, f64)>,
}

/// What is more frequent among the readers than elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hints {
    pub(super) places: Vec<String>,
    pub(super) tier: Option<String>,
    pub(super) joined: Option<String>,
}

impl Audience {
    /// How many values of one trait are kept.
    pub const MAX_VALUES: usize = 5;

    /// A group, by what sets its customers apart, in data and in a `summary`, and by what marketers added to their
    /// `persona`. Nothing is told that rests on fewer than 50 `customers`.
    pub fn of_group(
        schema: &Schema,
        persona: &Persona,
        distinction: &Distinction,
        customers: u64,
        summary: &str,
    ) -> Self {
        let (distinction, summary) = match customers {
            MIN_OBSERVED.. => (cleaned(schema, distinction), summary),
            _ => (Distinction::default(), TOO_FEW),
        };
        let mut audience = Self::of_extras(persona);
        audience.summary = one_line(summary, MAX_SUMMARY_CHARS);
        audience.tell(schema, &distinction, distinction.statements(schema), true);
        audience.leave_the_rest(schema, &[&distinction]);
        audience
    }

    /// A described customer: what the description says are facts. What sets the segment apart that the customer is
    /// surely in may colour a text.
    pub fn of_customer(schema: &Schema, customer: &Persona, segment: Option<(&Persona, &Distinction, u64)>) -> Self {
        let facts = Distinction { distinguishing: one_customer(schema, customer), ..Distinction::default() };
        let extras = Self::of_extras(segment.map_or(customer, |(persona, ..)| persona));
        let mut audience = Self { is_one: true, ..extras };
        let statements = facts.statements(schema);
        let words: Vec<&str> = statements.iter().map(|statement| statement.words.as_str()).collect();
        audience.summary = one_line(&words.join(", "), MAX_SUMMARY_CHARS);
        audience.tell(schema, &facts, statements, true);
        let mut own = match segment {
            Some((_, distinction, customers)) if customers >= MIN_OBSERVED => cleaned(schema, distinction),
            _ => Distinction::default(),
        };
        let of_facts: Vec<_> = facts.distinguishing.iter().map(|fact| column_of(schema, fact.key())).collect();
        own.distinguishing.retain(|told| !of_facts.contains(&column_of(schema, told.key())));
        audience.tell(schema, &own, own.statements(schema), false);
        audience.leave_the_rest(schema, &[&facts, &own]);
        audience
    }

    /// A persona of which nobody knows how many customers it is true of: it may colour a text, and nothing is said.
    pub fn of_persona(schema: &Schema, persona: &Persona) -> Self {
        let distinguishing = schema.features().flat_map(|feature| values_of(schema, persona, &feature)).collect();
        let typical = Distinction { distinguishing, ..Distinction::default() };
        let mut audience = Self::of_extras(persona);
        audience.summary = one_line(&persona.summary(schema), MAX_SUMMARY_CHARS);
        audience.tell(schema, &typical, typical.statements(schema), false);
        for told in &mut audience.colour {
            told.shares = None;
        }
        audience.leave_the_rest(schema, &[&typical]);
        audience
    }

    /// All customers: nothing may be said of every one of them.
    pub fn everyone(schema: &Schema) -> Self {
        let mut audience = Self { summary: "All customers".to_owned(), is_everyone: true, ..Self::default() };
        audience.leave_the_rest(schema, &[]);
        audience
    }

    /// One sentence about the segment.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    fn of_extras(persona: &Persona) -> Self {
        let Extras { writing_style, interests, special_offer, others } = Extras::of(persona);
        Self { writing_style, interests, special_offer, others, ..Self::default() }
    }

    /// Adds what a distinction tells, whose `statements` these are. It is said only where it `may_say` so and is true
    /// of most.
    fn tell(&mut self, schema: &Schema, distinction: &Distinction, statements: Vec<Statement>, may_say: bool) {
        let is_said = |claim: Claim| may_say && claim != Claim::MoreOften;
        for statement in statements.into_iter().filter(|told| told.role != Role::Gender) {
            let is_said = is_said(statement.claim);
            if let Some(when) = statement.words.strip_prefix("joined ") {
                let when = match when {
                    when if when.starts_with("in ") => when.to_owned(),
                    when if self.is_one && is_said => format!("between {}", when.replace(" to ", " and ")),
                    when => format!("from {when}"),
                };
                let slot = if is_said { &mut self.joined } else { &mut self.hints.joined };
                slot.get_or_insert(when);
            }
            let words = one_line(&statement.words, MAX_STATEMENT_CHARS);
            let Statement { claim, shares, known_shares, .. } = statement;
            let told = Remark { claim, words, shares, known_shares };
            if is_said { self.said.push(told) } else { self.colour.push(told) }
        }
        for told in &distinction.distinguishing {
            let Distinguishing::Value(DistinguishingValue { key, value, claim, .. }) = told else { continue };
            let role = schema.features().find(|feature| feature.persona.key == *key).map(|feature| feature.role);
            let (places, tier) = if is_said(*claim) {
                (&mut self.places, &mut self.tier)
            } else {
                (&mut self.hints.places, &mut self.hints.tier)
            };
            match role {
                Some(Role::Place) => places.push(value.to_string()),
                Some(Role::Tier) => {
                    tier.get_or_insert(value.to_string());
                }
                _ => continue,
            }
            // What is true of most alone need not be true together with what is true of most.
            self.may_join |= may_say && *claim == Claim::All;
        }
    }

    /// Names the features of which `told` says nothing; a gender is always among them.
    fn leave_the_rest(&mut self, schema: &Schema, told: &[&Distinction]) {
        let keys: Vec<&str> = told.iter().flat_map(|told| &told.distinguishing).map(Distinguishing::key).collect();
        let is_told = |key: &str, column: usize| {
            keys.contains(&key)
                || schema.columns.get(column).is_some_and(|column| keys.contains(&column.title.as_str()))
        };
        let rest = schema.features().filter(|f| f.role == Role::Gender || !is_told(&f.persona.key, f.column));
        let keys: Vec<String> = rest.map(|feature| feature.persona.key.clone()).collect();
        self.unmentioned = names_of(schema, &keys);
    }
}

/// The column of a persona's key, or of a date's title.
fn column_of(schema: &Schema, key: &str) -> Option<usize> {
    let by_title = schema.columns.iter().position(|column| column.title == key);
    by_title.or_else(|| schema.features().find(|feature| feature.persona.key == key).map(|feature| feature.column))
}

/// The values of one customer's persona; of a date its month with its year.
fn one_customer(schema: &Schema, customer: &Persona) -> Vec<Distinguishing> {
    let mut told = Vec::new();
    for (index, column) in schema.columns.iter().enumerate() {
        let features = || schema.features().filter(move |feature| feature.column == index);
        let part = |wanted: DatePart| {
            let feature = features().find(|feature| feature.kind == FeatureKind::DatePart(wanted))?;
            customer.values(&feature.persona.key).iter().find_map(|value| date_part(value, wanted))
        };
        match (&column.kind, part(DatePart::Year), part(DatePart::Month)) {
            (Kind::Date { .. }, Some(year), Some(month)) => {
                let value = TraitValue::Name(format!("{year}-{month:02}"));
                told.push(Distinguishing::Value(DistinguishingValue::fact(&column.title, value)));
            }
            _ => told.extend(features().flat_map(|feature| values_of(schema, customer, &feature))),
        }
    }
    told
}

/// A persona's values of one feature, cleaned, as if all customers had them.
fn values_of(schema: &Schema, persona: &Persona, feature: &Feature<'_>) -> Vec<Distinguishing> {
    let (column, key) = (schema.columns.get(feature.column), &feature.persona.key);
    let usable = |value: &TraitValue| match feature.kind {
        FeatureKind::DatePart(part) => date_part(value, part).map(TraitValue::Whole),
        kind => cleaned_value(column, value, kind == FeatureKind::Number),
    };
    let fact = |value| Distinguishing::Value(DistinguishingValue::fact(key, value));
    persona.values(key).iter().filter_map(usable).take(Audience::MAX_VALUES).map(fact).collect()
}

/// A possible part of a date. The portal's editor sends years as text once they were edited.
fn date_part(value: &TraitValue, part: DatePart) -> Option<i64> {
    let whole = match value {
        TraitValue::Whole(whole) => *whole,
        TraitValue::Name(name) => name.trim().parse().ok()?,
        TraitValue::Mean(_) => return None,
    };
    let possible = match part {
        DatePart::Quarter => 1..=4,
        DatePart::Month => 1..=12,
        DatePart::Year => 1_900..=2_100,
    };
    possible.contains(&whole).then_some(whole)
}

/// What is told, with every value cleaned and cut; what says nothing or looks private is left out.
fn cleaned(schema: &Schema, distinction: &Distinction) -> Distinction {
    let clean = |told: &Distinguishing| match told {
        Distinguishing::Value(told) => {
            let column = column_of(schema, &told.key).and_then(|column| schema.columns.get(column));
            let value = cleaned_value(column, &told.value, false)?;
            Some(Distinguishing::Value(DistinguishingValue { value, ..told.clone() }))
        }
        Distinguishing::Number(_) => Some(told.clone()),
    };
    let distinguishing = distinction.distinguishing.iter().filter_map(clean).collect();
    Distinction { distinguishing, ..Distinction::default() }
}

fn cleaned_value(column: Option<&Column>, value: &TraitValue, is_amount: bool) -> Option<TraitValue> {
    let says_something = |name: &str| column.is_some_and(|column| column.says_something(name));
    match value {
        TraitValue::Name(name) if is_personal(name) || !says_something(name) => None,
        TraitValue::Name(name) => filled_line(name, MAX_VALUE_CHARS).map(TraitValue::Name),
        TraitValue::Mean(mean) if !mean.is_finite() => None,
        // A telephone number is one also where it is written as a number.
        number if !is_amount && is_personal(&number.to_string()) => None,
        number => Some(number.clone()),
    }
}

#[cfg(test)]
mod tests;
