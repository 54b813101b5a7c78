//! A column as a schema's file has it: every key that there is, and which kinds of columns take it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Column, DateFeature, DateOrder, Kind, MIN_CUSTOMERS, PersonaKey, Role, Scale};

/// The keys of any column. A key that is in nobody's list is a mistake, and not passed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    title: String,
    #[serde(default)]
    aliases: Vec<String>,
    required: bool,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    synonyms: BTreeMap<String, String>,
    #[serde(default = "super::one")]
    weight: f64,
    kind: KindName,
    persona: Option<PersonaKey>,
    min_customers: Option<u64>,
    levels: Option<Vec<String>>,
    score_title: Option<String>,
    scale: Option<Scale>,
    phrase: Option<String>,
    parts: Option<Vec<DateFeature>>,
    order: Option<DateOrder>,
    future: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindName {
    Category,
    Ordinal,
    Date,
    Number,
}

/// A key that a column needs or cannot have.
#[derive(Debug, thiserror::Error)]
pub(super) enum WrongKey {
    #[error("the column needs the key {key:?}")]
    Missing { key: &'static str },
    #[error("the column is of another kind than has the key {key:?}")]
    OtherKind { key: &'static str },
}

impl TryFrom<Keys> for Column {
    type Error = WrongKey;

    fn try_from(mut keys: Keys) -> Result<Self, WrongKey> {
        let kind = keys.kind()?;
        keys.check_empty()?;
        let Keys { title, aliases, required, role, synonyms, weight, .. } = keys;
        Ok(Self { title, aliases, required, role, synonyms, weight, kind })
    }
}

impl Keys {
    /// What the column's cells mean; takes the keys of that kind away.
    fn kind(&mut self) -> Result<Kind, WrongKey> {
        let missing = |key| WrongKey::Missing { key };
        Ok(match self.kind {
            KindName::Category => Kind::Category {
                persona: self.persona.take().ok_or_else(|| missing("persona"))?,
                min_customers: self.min_customers.take().unwrap_or(MIN_CUSTOMERS),
            },
            KindName::Ordinal => Kind::Ordinal {
                levels: self.levels.take().ok_or_else(|| missing("levels"))?,
                score_title: self.score_title.take().ok_or_else(|| missing("score_title"))?,
                persona: self.persona.take().ok_or_else(|| missing("persona"))?,
            },
            KindName::Date => Kind::Date {
                phrase: self.phrase.take().ok_or_else(|| missing("phrase"))?,
                parts: self.parts.take().ok_or_else(|| missing("parts"))?,
                order: self.order.take(),
                future: self.future.take().unwrap_or_default(),
            },
            KindName::Number => Kind::Number {
                persona: self.persona.take().ok_or_else(|| missing("persona"))?,
                scale: self.scale.take().unwrap_or_default(),
            },
        })
    }

    /// What is left is of another kind.
    fn check_empty(&self) -> Result<(), WrongKey> {
        let left = [
            ("persona", self.persona.is_some()),
            ("min_customers", self.min_customers.is_some()),
            ("levels", self.levels.is_some()),
            ("score_title", self.score_title.is_some()),
            ("scale", self.scale.is_some()),
            ("phrase", self.phrase.is_some()),
            ("parts", self.parts.is_some()),
            ("order", self.order.is_some()),
            ("future", self.future.is_some()),
        ];
        match left.into_iter().find(|&(_, is_left)| is_left) {
            Some((key, _)) => Err(WrongKey::OtherKind { key }),
            None => Ok(()),
        }
    }
}
