//! What sets a segment's customers apart, in two cells: what may be said of its readers, and what is only more
//! frequent.

use serde::Deserialize;

use super::json::{Capped, Key};
use crate::pipeline::{Claim, Distinction, Distinguishing, TraitValue};

/// Entries of one segment: more than any schema yields values that are told.
const MAX: usize = 1_000;

/// Traits as `Top_Locations: Bedok, Novena; Top_Loyalty_Tier: Gold`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Claims {
    /// True of all or of most.
    pub may_be_said: String,
    /// More frequent than elsewhere.
    pub more_often: String,
}

/// One entry of `distinguishing`, as an answer has it.
#[derive(Deserialize)]
#[serde(expecting = "an object with a key, a value or a median, and a claim")]
pub(super) struct KeptTrait<'a> {
    #[serde(borrow)]
    key: Key<'a>,
    value: Option<TraitValue>,
    median: Option<f64>,
    claim: Claim,
}

/// The list of one kept segment.
pub(super) type KeptTraits<'a> = Capped<KeptTrait<'a>, MAX>;

impl Claims {
    pub fn of(distinction: &Distinction) -> Self {
        let mut claims = Writer::default();
        for told in &distinction.distinguishing {
            let value = match told {
                Distinguishing::Value(value) => value.value.to_string(),
                Distinguishing::Number(number) => median(number.median),
            };
            claims.add(told.claim(), told.key(), &value);
        }
        claims.claims
    }

    /// Those of a kept answer.
    pub fn kept(Capped(traits): KeptTraits<'_>) -> Self {
        let mut claims = Writer::default();
        for KeptTrait { key: Key(key), value, median: middle, claim } in traits {
            let value = value.map(|value| value.to_string());
            if let Some(value) = value.or_else(|| middle.map(median)) {
                claims.add(claim, &key, &value);
            }
        }
        claims.claims
    }
}

fn median(number: f64) -> String {
    format!("median {number}")
}

/// Claims, and the key that each was last written under.
#[derive(Default)]
struct Writer {
    claims: Claims,
    last_keys: [String; 2],
}

impl Writer {
    fn add(&mut self, claim: Claim, key: &str, value: &str) {
        let [last_said, last_more_often] = &mut self.last_keys;
        let (text, last_key) = match claim {
            Claim::All | Claim::Most => (&mut self.claims.may_be_said, last_said),
            Claim::MoreOften => (&mut self.claims.more_often, last_more_often),
        };
        if last_key == key && !text.is_empty() {
            text.push_str(", ");
        } else {
            let separator = if text.is_empty() { "" } else { "; " };
            text.push_str(&format!("{separator}{key}: "));
            key.clone_into(last_key);
        }
        text.push_str(value);
    }
}
