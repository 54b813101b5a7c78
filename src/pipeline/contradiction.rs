//! What a persona from outside claims of a segment's customers that is not so.
//!
//! A persona may come from another training than its clusters, under the same ids: its texts would then speak to
//! customers whom nobody has.

use std::fmt;

use super::persona::Persona;
use super::trait_counts::{TraitCounts, TraitValue};
use crate::customer::spelling_key;

/// A value that a persona claims to be frequent, and the customers say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Contradiction {
    /// The persona's key, such as `Top_Gender`.
    pub key: String,
    /// What the persona says.
    pub claimed: TraitValue,
    /// How many of the segment's customers have it.
    pub customers: u64,
    /// What stands in this place by the customers themselves, and how many have it.
    pub instead: Option<(TraitValue, u64)>,
}

impl Contradiction {
    /// The first value of `persona` that fewer than half as many customers have as have the value that should stand in
    /// its place. A persona that was counted on these customers has none; one with a close second in front neither.
    pub fn find(persona: &Persona, counts: &[TraitCounts]) -> Option<Self> {
        persona.traits.iter().find_map(|claimed| {
            let column = counts.iter().find(|counted| counted.key == claimed.key)?;
            let counted = &column.counts;
            claimed.values.iter().enumerate().find_map(|(place, value)| {
                if matches!(value, TraitValue::Mean(_)) {
                    return None;
                }
                let customers = counted.iter().find(|(other, _)| is_same(other, value)).map_or(0, |&(_, n)| n);
                let instead = counted.iter().filter(|(other, _)| !column.is_pooled(other)).nth(place).cloned();
                let is_wrong = customers == 0 || instead.as_ref().is_some_and(|&(_, n)| 2 * customers < n);
                is_wrong.then(|| Self { key: claimed.key.clone(), claimed: value.clone(), customers, instead })
            })
        })
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, claimed, customers, instead } = self;
        match instead {
            Some((value, n)) => {
                write!(f, "it says {key} {claimed}, which {customers} of its customers have, and {n} have {value}")
            }
            None => write!(f, "it says {key} {claimed}, which {customers} of its customers have"),
        }
    }
}

impl std::error::Error for Contradiction {}

/// Whether two values are one: personas are also written by hand, and a year may be text in them.
pub(super) fn is_same(a: &TraitValue, b: &TraitValue) -> bool {
    a == b || spelling_key(a.to_string().trim()) == spelling_key(b.to_string().trim())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::customer::Schema;

    fn counts() -> Vec<TraitCounts> {
        let name = |name: &str| TraitValue::Name(name.to_owned());
        let of = |key: &str, top, counts| {
            let (title, key) = (key.to_owned(), key.to_owned());
            TraitCounts { title, key, top, customers: 100, counts, has_pooled: true }
        };
        vec![
            of("Top_Gender", 1, vec![(name("Male"), 60), (name("Female"), 40)]),
            of("Top_Locations", 3, vec![(name("Bedok"), 50), (name("Punggol"), 30), (name("Bishan"), 20)]),
            of("Top_Join_Quarter", 1, vec![(TraitValue::Whole(4), 100)]),
        ]
    }

    fn found(persona: &serde_json::Value) -> Option<String> {
        let persona = Persona::from_json(&Schema::built_in().unwrap(), persona.as_object().unwrap());
        Contradiction::find(&persona, &counts()).map(|contradiction| contradiction.to_string())
    }

    #[test]
    fn a_persona_of_these_customers_contradicts_nothing() {
        for persona in [
            json!({}),
            json!({"Top_Gender": "Male", "Top_Locations": ["Bedok", "Punggol", "Bishan"], "Top_Join_Quarter": 4}),
            json!({"Top_Gender": "female", "Top_Locations": ["Punggol", "Bedok"], "Top_Join_Quarter": "4"}),
            json!({"Top_Loyalty_Tier": "Gold", "Interests": "running"}),
        ] {
            assert_eq!(found(&persona), None, "{persona}");
        }
    }

    #[test]
    fn rare_names_together_stand_in_the_place_of_no_value() {
        let mut counts = counts();
        counts[1].counts.insert(0, (TraitValue::Name("Other".to_owned()), 500));
        let persona = Persona::from_counts(&counts);
        assert_eq!(persona.values("Top_Locations")[0], TraitValue::Name("Bedok".to_owned()));
        assert_eq!(Contradiction::find(&persona, &counts), None);
    }

    #[test]
    fn a_persona_of_other_customers_is_told_by_its_first_wrong_value() {
        for (persona, sentence) in [
            (
                json!({"Top_Gender": "Male", "Top_Join_Quarter": 1}),
                "it says Top_Join_Quarter 1, which 0 of its customers have, and 100 have 4",
            ),
            (
                json!({"Top_Locations": ["Bishan", "Bedok"]}),
                "it says Top_Locations Bishan, which 20 of its customers have, and 50 have Bedok",
            ),
            (
                json!({"Top_Locations": ["Bedok", "Punggol", "Bishan", "Yishun"]}),
                "it says Top_Locations Yishun, which 0 of its customers have",
            ),
        ] {
            assert_eq!(found(&persona).as_deref(), Some(sentence));
        }
    }
}
