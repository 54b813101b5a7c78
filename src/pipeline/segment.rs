//! Segments as callers know them: an id that lasts, a size, a persona.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::persona::Persona;
use super::traits::{Distinction, Distinguishing};
use crate::customer::Schema;

/// What is said of a segment of an earlier build.
const UNTESTED: &str =
    "This version was trained before traits were tested; retrain to learn what sets these customers apart.";

/// The name of a segment, the same from one training to the next; never a position in a list.
///
/// HDBSCAN's own labels are positions, and stay inside the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentId(u32);

impl SegmentId {
    /// The id of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// How answers name a customer's segment: its number, or −1 outside every segment.
    pub fn code(id: Option<Self>) -> i64 {
        id.map_or(-1, |id| i64::from(id.0))
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A trained segment: how many customers it had in training, and what they have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its id.
    pub cluster_id: SegmentId,
    /// Customers in training.
    pub customers: u64,
    /// Their share of all customers in training, 0 to 1.
    pub share: f64,
    /// What is frequent among them.
    pub persona: Persona,
    /// What sets them apart; `None` in versions of builds that did not test it.
    pub distinction: Option<Distinction>,
    summary: String,
}

/// A [`Segment`] as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentParts {
    /// As [`Segment::cluster_id`].
    pub cluster_id: SegmentId,
    /// As [`Segment::customers`].
    pub customers: u64,
    /// As [`Segment::share`].
    pub share: f64,
    /// As [`Segment::persona`], a flat object.
    pub persona: serde_json::Map<String, serde_json::Value>,
    /// As [`Distinction::distinguishing`]; absent in versions of builds that did not test it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinguishing: Option<Vec<Distinguishing>>,
    /// As [`Distinction::not_distinguishing`], and absent with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_distinguishing: Option<Vec<String>>,
    /// As [`Distinction::as_everywhere`]; absent in versions of builds that did not test it, which say it of nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_everywhere: Option<Vec<String>>,
}

/// What a segment is to be called from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewName {
    /// Its new id.
    pub id: SegmentId,
    /// What marketers added to the segment that bore this id before, by key.
    pub extras: BTreeMap<String, String>,
}

/// All customers of a training, in segments or not.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerBase {
    /// How many there were.
    pub customers: u64,
    /// What they have in common.
    pub persona: Persona,
}

/// A [`CustomerBase`] as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerBaseParts {
    /// As [`CustomerBase::customers`].
    pub customers: u64,
    /// As [`CustomerBase::persona`], a flat object.
    pub persona: serde_json::Map<String, serde_json::Value>,
}

impl Segment {
    pub(super) fn from_parts(schema: &Schema, parts: &SegmentParts) -> Self {
        let distinction = parts.distinguishing.clone().map(|distinguishing| Distinction {
            distinguishing,
            not_distinguishing: parts.not_distinguishing.clone().unwrap_or_default(),
            as_everywhere: parts.as_everywhere.clone().unwrap_or_default(),
        });
        Self {
            cluster_id: parts.cluster_id,
            customers: parts.customers,
            share: parts.share,
            persona: Persona::from_json(schema, &parts.persona),
            summary: match &distinction {
                Some(distinction) => distinction.summary(schema, parts.customers),
                None => UNTESTED.to_owned(),
            },
            distinction,
        }
    }

    /// The segment as it is stored.
    pub fn to_parts(&self) -> SegmentParts {
        SegmentParts {
            cluster_id: self.cluster_id,
            customers: self.customers,
            share: self.share,
            persona: self.persona.to_json(),
            distinguishing: self.distinction.as_ref().map(|d| d.distinguishing.clone()),
            not_distinguishing: self.distinction.as_ref().map(|d| d.not_distinguishing.clone()),
            as_everywhere: self.distinction.as_ref().map(|d| d.as_everywhere.clone()),
        }
    }

    /// What sets the segment's customers apart, in sentences.
    pub fn summary(&self) -> &str {
        &self.summary
    }
}

impl CustomerBase {
    pub(super) fn from_parts(schema: &Schema, parts: &CustomerBaseParts) -> Self {
        Self { customers: parts.customers, persona: Persona::from_json(schema, &parts.persona) }
    }

    pub(super) fn to_parts(&self) -> CustomerBaseParts {
        CustomerBaseParts { customers: self.customers, persona: self.persona.to_json() }
    }
}
