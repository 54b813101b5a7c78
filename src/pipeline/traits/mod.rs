//! The trait test: what may be said of the customers of one segment, and what may not.
//!
//! The one place where that is decided; summaries, reports, prompts, offline texts and lift follow it. A value that k
//! of a segment's n customers and K of all N have is *tellable* when k ≥ 20, k/n ≥ 10 %, its lift (k/n over K/N) ≥
//! 1.25, and the z-test of its share against everybody else's has p < 0.01 / (segments × values of all columns)
//! (Bonferroni). It is then said of *all* (the lower end of Wilson's 99 % interval of k/n is over 95 %), of *most*
//! (over 50 %), or as *more often* than elsewhere. Of a number the medians must differ by 0.3 robust standard
//! deviations or more (of logarithms for `"scale": "log"`), with a rank sum of the same p. Shares and claims are of all
//! customers, so that a few known genders say nothing of a thousand unknown ones. Lift and z must hold among the
//! customers that have a value, too, or a column that is often empty would be told. Where the column is a tenth more or
//! less often filled in than elsewhere, the shares among the customers with a value are told beside.
//!
//! What is not tellable is not the same as everywhere: a share of 8 % may be twice everybody's. Only a column that no
//! test at 5 % tells from everybody else's is said to be *as everywhere* ([`likeness`]); of the others nothing is said.
//!
//! Dates are tested as their parts and as pairs of a year with a quarter or month ([`dates`]): a segment of early 2023
//! and late 2024 must not be told as late 2023.
//!
//! Nothing is said of fewer than [`MIN_CUSTOMERS`] customers. Pure.

mod count;
mod dates;
mod found;
mod likeness;
mod observed;
mod statistics;
#[cfg(test)]
mod tests;
mod trait_test;
mod words;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use super::trait_counts::TraitValue;

pub use crate::customer::MIN_CUSTOMERS;
pub use count::Tallies;
pub use statistics::wilson_interval;
pub use words::{Statement, names_of};

/// The fewest customers of whom a statement rests on themselves: with fewer an upload's group is not described by what
/// is observed in it, no provider is told what they have in common, and no confidence is learned from them.
pub const MIN_OBSERVED: u64 = 50;

/// What sets the customers of one segment apart from all, and what does not.
///
/// Both empty for fewer than [`MIN_CUSTOMERS`] customers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distinction {
    /// What is tellable, in the schema's order; of one column what sets the segment apart most comes first.
    pub distinguishing: Vec<Distinguishing>,
    /// The persona keys of the features of which nothing is tellable, in the schema's order.
    pub not_distinguishing: Vec<String>,
    /// Those of them whose values are in the segment as everywhere: no test tells them from everybody else's. Of the
    /// others nothing may be said, neither that they differ nor that they do not.
    #[serde(default)]
    pub as_everywhere: Vec<String>,
}

/// One thing that sets a segment's customers apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Distinguishing {
    /// A name, a level or a part of a date is more frequent than elsewhere.
    Value(DistinguishingValue),
    /// A number is higher or lower than elsewhere.
    Number(DistinguishingNumber),
}

/// A value that is more frequent in a segment than elsewhere; shares and lifts have four decimals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DistinguishingValue {
    /// The persona's key, such as `Top_Locations`; of a year with its quarter or month the title of the date's column.
    #[schema(example = "Top_Locations")]
    pub key: String,
    /// A name, a whole number such as a quarter, or a pair such as `2024-Q4` or `2024-10`.
    #[schema(schema_with = value_schema)]
    pub value: TraitValue,
    /// Of the segment's customers, with a value or without, 0 to 1.
    #[schema(example = 0.34)]
    pub share: f64,
    /// Of all customers, 0 to 1.
    #[schema(example = 0.17)]
    pub share_overall: f64,
    /// `share / share_overall`.
    #[schema(example = 2.0)]
    pub lift: f64,
    /// The lower end of its 99 % interval.
    #[schema(example = 1.8)]
    pub lift_low: f64,
    /// The upper end.
    #[schema(example = 2.2)]
    pub lift_high: f64,
    /// `share` among those of the segment's customers who have a value in this column, and `share_overall` among all
    /// who have one. They are there only where the share of customers with a value is a tenth larger or smaller in the
    /// segment than everywhere: part of the lift is then that the column is filled in more often, or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.51)]
    pub known_share: Option<f64>,
    /// The same of all customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.39)]
    pub known_share_overall: Option<f64>,
    /// How far it may be said of a customer of the segment.
    pub claim: Claim,
}

fn value_schema() -> Object {
    let types = [Type::String, Type::Number];
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(types))
        .description(Some("A name, a number such as a quarter, or a year with its quarter or month: 2024-Q4, 2024-10."))
        .examples(["Bedok"])
        .build()
}

/// A number that is higher or lower in a segment than elsewhere. Its median and quartiles are rounded so far that at
/// least ten of the customers that each is of have a number that rounds to the same: nobody's own number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DistinguishingNumber {
    /// The persona's key.
    #[schema(example = "Mean_Spend")]
    pub key: String,
    /// The segment's median.
    #[schema(example = 120.0)]
    pub median: f64,
    /// The segment's lower and upper quartile.
    #[schema(example = json!([90.0, 150.0]))]
    pub quartiles: [f64; 2],
    /// Everybody's median.
    #[schema(example = 80.0)]
    pub median_overall: f64,
    /// `(median - median_overall)` in robust standard deviations (the interquartile range over 1.349), both of the
    /// logarithms where the schema has `"scale": "log"`.
    #[schema(example = 0.9)]
    pub difference_sd: f64,
    /// Always `more_often`: the customers tend to it, and no more may be said of one.
    pub claim: Claim,
}

/// How far a tellable trait may be said of a customer of the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// Of all: true of over 95 %.
    All,
    /// Of most: true of over 50 %.
    Most,
    /// More often than elsewhere: it may colour a text, and never be said of its reader.
    MoreOften,
}

impl DistinguishingValue {
    /// What is known of one customer, as of a segment and of everybody whose customers all have it.
    pub fn fact(key: &str, value: TraitValue) -> Self {
        let (share, share_overall, lift, lift_low, lift_high) = (1.0, 1.0, 1.0, 1.0, 1.0);
        let (key, claim, known_share, known_share_overall) = (key.to_owned(), Claim::All, None, None);
        Self { key, value, share, share_overall, lift, lift_low, lift_high, known_share, known_share_overall, claim }
    }

    /// The share among the customers with a value and among all with one, where it is told.
    pub fn known_shares(&self) -> Option<(f64, f64)> {
        self.known_share.zip(self.known_share_overall)
    }
}

impl Distinguishing {
    /// The persona's key, or the title of a date's column.
    pub fn key(&self) -> &str {
        match self {
            Self::Value(value) => &value.key,
            Self::Number(number) => &number.key,
        }
    }

    /// Takes it for what is only more frequent than elsewhere.
    pub fn lower_claim(&mut self) {
        match self {
            Self::Value(value) => value.claim = Claim::MoreOften,
            Self::Number(number) => number.claim = Claim::MoreOften,
        }
    }

    /// How far it may be said of a customer of the segment.
    pub fn claim(&self) -> Claim {
        match self {
            Self::Value(value) => value.claim,
            Self::Number(number) => number.claim,
        }
    }
}

/// Whether a group's customers have two values alone, one of them fewer than may be told of: the share of the other
/// would tell how many.
pub(super) fn shows_the_few_beside(customers: impl Iterator<Item = u64>) -> bool {
    let mut present = customers.filter(|&customers| customers > 0);
    match (present.next(), present.next(), present.next()) {
        (Some(a), Some(b), None) => a.min(b) < MIN_CUSTOMERS,
        _ => false,
    }
}
