//! The columns that matter, as data: the built-in customer schema and any other company's file.

mod checks;
mod column;
mod feature;
mod place;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::nothing::{means_nothing, says_nothing};
use super::{Value, text};
pub use feature::{Feature, FeatureKind};

/// The built-in schema: date joined, location, gender (optional) and loyalty tier.
const BUILT_IN: &str = include_str!("schema.json");

/// The most that a column may count for.
pub(super) const MAX_WEIGHT: f64 = 100.0;
/// The fewest customers of whom anything is said: no value, share, median, lift or combination of fewer is in an
/// answer, a prompt, a report or a file.
pub const MIN_CUSTOMERS: u64 = 10;

/// The columns of a customer sheet that a model is trained on, in the order of the model's features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Headers under which a customer's identifier is found. It is never a feature and never stored.
    #[serde(default)]
    pub identifier: Vec<String>,
    /// The columns that become features.
    pub columns: Vec<Column>,
}

/// One column: how it is found in a sheet, and what its cells mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "column::Keys")]
pub struct Column {
    /// What the column is called in answers, such as `Date Joined`.
    pub title: String,
    /// Further headers it is found by, compared as [`normalize_header`](super::normalize_header) does; earlier ones win
    /// over later ones.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whether a row without it is dropped, and a sheet without it refused.
    pub required: bool,
    /// What part the column plays in sentences about a segment.
    #[serde(default)]
    pub role: Role,
    /// Other spellings of a value and the value they mean, such as `F` for `Female`; case is ignored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub synonyms: BTreeMap<String, String>,
    /// How much the column counts when customers are compared, 0 to 100; 1. With 0 it is described, in personas, lift
    /// and drift, and decides no segment.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f64,
    /// What its cells mean.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What the cells of a column mean, and with it how they become features.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// One of a set of names that training finds; becomes a one-hot block.
    Category {
        /// How the most frequent values appear in a persona.
        persona: PersonaKey,
        /// A value that fewer customers of a training have is `Other` there; 10.
        #[serde(skip_serializing_if = "is_min_customers")]
        min_customers: u64,
    },
    /// One of `levels`, lowest first; becomes its rank, counted from 1 and scaled.
    Ordinal {
        /// The accepted values, lowest first. Any other value is unknown and its row is dropped.
        levels: Vec<String>,
        /// What the rank is called in answers, such as `Loyalty_Tier_Score`.
        score_title: String,
        /// How the most frequent level appears in a persona.
        persona: PersonaKey,
    },
    /// A day; each part becomes a one-hot block.
    Date {
        /// What a sentence says of the date, such as `who joined`.
        phrase: String,
        /// The parts to learn from.
        parts: Vec<DateFeature>,
        /// What comes first in dates such as 03/05/2024; without it each sheet's own dates decide.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<DateOrder>,
        /// Whether a day may be in the future, such as that of a renewal.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        future: bool,
    },
    /// A number; scaled.
    Number {
        /// How the mean appears in a persona.
        persona: PersonaKey,
        /// How differences are measured.
        #[serde(skip_serializing_if = "is_linear")]
        scale: Scale,
    },
}

/// How differences between numbers are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// By how much they differ.
    #[default]
    Linear,
    /// By how many times one is the other: 10 and 20 are as far apart as 100 and 200. For amounts of which most are
    /// small and a few are very large.
    Log,
}

impl Scale {
    /// A number on this scale. The logarithm is that of 1 + the number's size, with the number's sign, so that it takes
    /// 0 and negative numbers.
    pub fn apply(self, number: f64) -> f64 {
        match self {
            Self::Linear => number,
            Self::Log => number.abs().ln_1p().copysign(number),
        }
    }

    /// The number that [`Scale::apply`] makes `scaled` of.
    pub fn undo(self, scaled: f64) -> f64 {
        match self {
            Self::Linear => scaled,
            Self::Log => scaled.abs().exp_m1().copysign(scaled),
        }
    }
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_one(weight: &f64) -> bool {
    *weight == 1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_min_customers(customers: &u64) -> bool {
    *customers == MIN_CUSTOMERS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_linear(scale: &Scale) -> bool {
    *scale == Scale::Linear
}

/// What comes first in a date of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// 31/12/2024
    DayFirst,
    /// 12/31/2024
    MonthFirst,
    /// 24/12/31
    YearFirst,
}

/// One part of a date as a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateFeature {
    /// Which part.
    pub part: DatePart,
    /// What it is called in answers, such as `Join_Year`.
    pub title: String,
    /// How its most frequent values appear in a persona.
    pub persona: PersonaKey,
    /// How much the part counts, times its column's weight, 0 to 100; 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f64,
}

/// A part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    /// The calendar year.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
}

/// A quarter as somebody writes it: `3`, `Q3`, `Quarter 3`, `Qtr. 3`, `3rd quarter`.
fn quarter(text: &str) -> Option<i64> {
    let lower = text.trim().to_lowercase();
    let named = ["quarter", "qtr", "q"].into_iter().find_map(|name| {
        let before = lower.strip_prefix(name).map(|rest| rest.trim_start_matches(['.', ':']));
        before.or_else(|| lower.strip_suffix(name))
    });
    let number = named.unwrap_or(&lower).trim();
    let ordinal = ["st", "nd", "rd", "th"].into_iter().find_map(|ending| number.strip_suffix(ending));
    ordinal.filter(|_| named.is_some()).unwrap_or(number).parse().ok()
}

impl DatePart {
    /// This part of a date, or of what is known of one; `None` where it is not known, or `value` is not a date.
    pub fn of(self, value: &Value) -> Option<i64> {
        let (year, quarter, month) = match value {
            Value::Date(date) => (Some(date.year()), None, Some(date.month())),
            Value::PartialDate { year, quarter, month, .. } => (*year, *quarter, *month),
            Value::Text(_) | Value::Level(_) | Value::Number(_) => (None, None, None),
        };
        match self {
            Self::Year => year.map(i64::from),
            Self::Month => month.map(i64::from),
            Self::Quarter => month.map(|month| (month - 1) / 3 + 1).or(quarter).map(i64::from),
        }
    }

    /// This part as somebody writes it: a year, a month by its English name or its number, a quarter as `2`,
    /// `Q2` or `Quarter 2`.
    pub fn read(self, text: &str) -> Option<i64> {
        let text = text.trim();
        let whole = match self {
            Self::Year => text.parse().ok(),
            Self::Month => super::date::month(text).map(i64::from),
            Self::Quarter => quarter(text),
        };
        whole.filter(|whole| self.is_possible(*whole))
    }

    /// Whether some date has this part.
    pub fn is_possible(self, whole: i64) -> bool {
        match self {
            Self::Year => (1_900..=2_100).contains(&whole),
            Self::Month => (1..=12).contains(&whole),
            Self::Quarter => (1..=4).contains(&whole),
        }
    }

    /// Whether this part of a date is known and not said.
    pub fn is_withheld(self, value: &Value) -> bool {
        let Value::PartialDate { withheld, .. } = value else { return false };
        match self {
            Self::Year => withheld.year,
            Self::Quarter => withheld.quarter,
            Self::Month => withheld.month,
        }
    }
}

/// Under which key a persona carries a trait, and how many values of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonaKey {
    /// The key, such as `Top_Locations`.
    pub key: String,
    /// How many of the most frequent values; 1 gives the value alone, more give a list.
    pub top: usize,
}

/// What part a column plays in sentences about a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Where customers are: `from Bedok`.
    Place,
    /// Their standing: `Silver tier`.
    Tier,
    /// Their gender: it may shape the audience's description, and never a post's words.
    Gender,
    /// Anything else: `with Plan Family`.
    #[default]
    Other,
}

/// Why a schema was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Not JSON, or not of a schema's shape.
    #[error("the schema is not valid JSON of the expected shape")]
    Parse(#[from] serde_json::Error),
    /// A key of it, or a column, is not of the expected shape.
    #[error("{place} cannot be read")]
    Shape {
        /// The key and the column.
        place: String,
        /// What is wrong there.
        #[source]
        cause: serde_json::Error,
    },
    /// A rule about the columns is broken; the text names the column and the rule.
    #[error("the schema's {column} {rule}")]
    Rule {
        /// The column by its title, or by its position where it has none; or `columns` for the list itself.
        column: String,
        /// What is wrong with which of its keys.
        rule: Cow<'static, str>,
    },
}

impl Schema {
    /// The schema of the original's sheets: location, gender, date joined, loyalty tier.
    ///
    /// # Errors
    /// Never for a build whose tests pass: the file is part of the binary and parsed in a test.
    pub fn built_in() -> Result<Self, SchemaError> {
        Self::from_json(BUILT_IN.as_bytes())
    }

    /// Parses and checks a schema.
    ///
    /// # Errors
    /// [`SchemaError::Parse`] and [`SchemaError::Shape`] when the text is not JSON of this shape;
    /// [`SchemaError::Rule`] when there is no column or too many, a weight is out of range or none is above 0, a name
    /// is empty or used twice, an ordinal has fewer than two or repeated levels or a synonym for another, a date has no
    /// part, a synonym is empty, or a persona key asks for no value.
    pub fn from_json(json: &[u8]) -> Result<Self, SchemaError> {
        let mut file = serde_json::Deserializer::from_slice(json);
        let schema: Self =
            serde_path_to_error::deserialize(&mut file).map_err(|error| place::unreadable(json, error))?;
        file.end()?;
        schema.check()?;
        Ok(schema)
    }
}

impl Column {
    /// Every header the column is found by, its title first.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.title.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    /// The last day that a cell of the column may name on the day `today`.
    pub fn last_day(&self, today: Date) -> Date {
        if matches!(self.kind, Kind::Date { future: true, .. }) { Date::MAX } else { today }
    }

    /// The levels of an ordinal, lowest first; none of another column.
    pub fn levels(&self) -> &[String] {
        match &self.kind {
            Kind::Ordinal { levels, .. } => levels,
            Kind::Category { .. } | Kind::Date { .. } | Kind::Number { .. } => &[],
        }
    }

    /// Whether a value says something of who has it. A word for nothing does where the schema names it: as a level,
    /// such as `None` or `Unknown`, or, of what counts as empty elsewhere, as the value of a synonym, such as `NA`.
    pub fn says_something(&self, value: &str) -> bool {
        if !says_nothing(value) {
            return true;
        }
        let is_value = |named: &&String| text::fold_given(named) == text::fold_given(value);
        match &self.kind {
            Kind::Ordinal { levels, .. } => levels.iter().any(|level| is_value(&level)),
            Kind::Category { .. } => self.synonyms.values().filter(is_value).any(|named| means_nothing(named)),
            Kind::Date { .. } | Kind::Number { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;
