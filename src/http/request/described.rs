//! What an upload's answer said of a segment, sent back to have the segment written again.
//!
//! It describes the customers of the upload, where the live model knows only those that it was trained on. It comes
//! from outside: its columns must be the live model's, its shares possible, and no claim greater than its share. A name
//! that the training does not know reaches no text, whoever sends it.

use serde_json::Value;

use super::fields::{Fields, LeftOut};
use crate::customer::{DatePart, FeatureKind, Kind};
use crate::http::problem::FieldProblem;
use crate::model_store::ModelVersion;
use crate::pipeline::{Claim, Distinction, Distinguishing, DistinguishingNumber, DistinguishingValue, TraitValue};
use crate::segmentation::DescribedBy;

/// The field with what sets the customers apart: a list of small objects that has a bound of its own.
pub(super) const DISTINGUISHING: &str = "distinguishing";
/// Entries of one segment, at most: more than a schema yields values that are told.
const MAX_TOLD: usize = 400;
/// What `all` and `most` exceed, in hundredths as answers may have shares.
const OF_ALL: f64 = 0.95;
const OF_MOST: f64 = 0.5;
/// How far a share in an answer may be rounded.
const HALF_A_HUNDREDTH: f64 = 0.005;
const NOT_ENTRY: &str = "must be as in an upload's answer: key, value, share, share_overall, lift, lift_low, lift_high \
                         and claim, or key, median, quartiles, median_overall, difference_sd and claim";

/// A segment as an upload's answer described it.
pub(super) struct Described {
    pub distinction: Distinction,
    /// The customers that the upload has in it, where the request says so.
    pub size: Option<u64>,
    /// On whom it rests, where the request says so; null says that nothing is told.
    pub described_by: Option<Option<DescribedBy>>,
    /// The columns of which a value is left out, since the training does not know it.
    pub left_out: Vec<LeftOut>,
}

impl Described {
    /// Reads `distinguishing` and what goes with it; `None` where the request has none. Mistakes are recorded.
    pub fn read(fields: &mut Fields, version: &ModelVersion) -> Option<Self> {
        let entries = fields.list(DISTINGUISHING)?;
        let size = fields.text(["size"]).and_then(|(name, text)| {
            let size = text.parse().ok();
            if size.is_none() {
                fields.refuse(name, "must be a whole number, 0 or more");
            }
            size
        });
        if entries.len() > MAX_TOLD {
            fields.refuse(DISTINGUISHING, &format!("must have at most {MAX_TOLD} entries"));
            return None;
        }
        let is_said = fields.names().any(|name| name == "described_by");
        let described_by = is_said.then(|| described_by(fields));
        let mut described = Self { distinction: Distinction::default(), size, described_by, left_out: Vec::new() };
        for (position, entry) in entries.into_iter().enumerate() {
            match serde_json::from_value(entry) {
                Ok(told) => described.add(fields, position, &told, version),
                Err(_) => fields.refuse(&format!("{DISTINGUISHING}[{position}]"), NOT_ENTRY),
            }
        }
        described.check_sums(fields, version);
        described.distinction.not_distinguishing = keys(fields, "not_distinguishing", version);
        described.distinction.as_everywhere = keys(fields, "as_everywhere", version);
        described.check_rest(fields);
        Some(described)
    }

    fn add(&mut self, fields: &mut Fields, position: usize, told: &Distinguishing, version: &ModelVersion) {
        let fault = match told {
            Distinguishing::Value(value) => fault_of_value(value),
            Distinguishing::Number(number) => fault_of_number(number),
        };
        if let Some((member, rule)) = fault {
            return fields.refuse(&format!("{DISTINGUISHING}[{position}].{member}"), rule);
        }
        let is_same = |other: &Distinguishing| match (other, told) {
            (Distinguishing::Value(a), Distinguishing::Value(b)) => a.key == b.key && a.value == b.value,
            (other, told) => other.key() == told.key(),
        };
        if self.distinction.distinguishing.iter().any(is_same) {
            return fields.refuse(&format!("{DISTINGUISHING}[{position}]"), "must name each value once");
        }
        match known(told, version) {
            Known::As(told) => self.distinction.distinguishing.push(told),
            Known::NoValue => {
                let field = format!("{DISTINGUISHING}.{}", told.key());
                if self.left_out.iter().all(|left_out| left_out.field != field) {
                    self.left_out.push(LeftOut { field, is_whole: false });
                }
            }
            Known::NotPossible => {
                fields.refuse(&format!("{DISTINGUISHING}[{position}].value"), "must be a value of its column");
            }
            Known::NoColumn => {
                let field = format!("{DISTINGUISHING}[{position}].key");
                let message = "must be a persona's key of the live model, or the title of a date".to_owned();
                let allowed = version.model.schema().features().map(|f| f.persona.key.clone()).collect();
                fields.refuse_all([FieldProblem { field, message, allowed }]);
            }
        }
    }

    /// Refuses values of one column that more than all customers would have.
    fn check_sums(&self, fields: &mut Fields, version: &ModelVersion) {
        for feature in version.model.schema().features() {
            let of_column = |told: &Distinguishing| match told {
                Distinguishing::Value(value) if value.key == feature.persona.key => Some(value.share),
                _ => None,
            };
            let shares: Vec<f64> = self.distinction.distinguishing.iter().filter_map(of_column).collect();
            if shares.iter().sum::<f64>() > 1.0 + HALF_A_HUNDREDTH * shares.len() as f64 {
                fields.refuse(
                    DISTINGUISHING,
                    &format!("must have shares of {} that add up to 1 at most", feature.persona.key),
                );
            }
        }
    }

    /// Refuses a column in `as_everywhere` that `distinguishing` has, too.
    fn check_rest(&self, fields: &mut Fields) {
        let told = |key: &&String| self.distinction.distinguishing.iter().any(|told| told.key() == *key);
        if let Some(key) = self.distinction.as_everywhere.iter().find(told) {
            fields.refuse("as_everywhere", &format!("must be without {key}, which {DISTINGUISHING} tells"));
        }
    }
}

/// What the live model has for an entry.
enum Known {
    As(Distinguishing),
    NoValue,
    NotPossible,
    NoColumn,
}

/// The entry with its name as the training has it. Numbers and parts of dates are no words: they may be any.
fn known(told: &Distinguishing, version: &ModelVersion) -> Known {
    let schema = version.model.schema();
    let feature = schema.features().enumerate().find(|(_, feature)| feature.persona.key == told.key());
    let is_date =
        schema.columns.iter().any(|column| matches!(column.kind, Kind::Date { .. }) && column.title == told.key());
    match (feature, told) {
        (Some((_, feature)), Distinguishing::Number(_)) if feature.kind == FeatureKind::Number => {
            Known::As(told.clone())
        }
        (Some((index, feature)), Distinguishing::Value(value)) => match (feature.kind, &value.value) {
            (FeatureKind::DatePart(part), TraitValue::Whole(whole)) if part.is_possible(*whole) => {
                Known::As(told.clone())
            }
            (FeatureKind::Category | FeatureKind::Ordinal(_), TraitValue::Name(_)) => {
                let found = version.model.known_value(index, &value.value, version.profile.as_ref());
                found.map_or(Known::NoValue, |name| {
                    Known::As(Distinguishing::Value(DistinguishingValue { value: name, ..value.clone() }))
                })
            }
            _ => Known::NotPossible,
        },
        (None, Distinguishing::Value(value)) if is_date => {
            if is_pair(&value.value) {
                Known::As(told.clone())
            } else {
                Known::NotPossible
            }
        }
        (Some(_), Distinguishing::Number(_)) => Known::NotPossible,
        (None, _) => Known::NoColumn,
    }
}

/// Whether it is a year with its quarter or month, such as `2024-Q4` or `2024-10`.
fn is_pair(value: &TraitValue) -> bool {
    let TraitValue::Name(text) = value else { return false };
    let Some((year, part)) = text.split_once('-') else { return false };
    let has_digits = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    let is_part = match part.strip_prefix('Q') {
        Some(quarter) => has_digits(quarter, 1) && DatePart::Quarter.read(quarter).is_some(),
        None => has_digits(part, 2) && DatePart::Month.read(part).is_some(),
    };
    has_digits(year, 4) && DatePart::Year.read(year).is_some() && is_part
}

/// What of a value's numbers cannot be, and what it must be.
fn fault_of_value(told: &DistinguishingValue) -> Option<(&'static str, &'static str)> {
    let is_share = |share: f64| share > 0.0 && share <= 1.0;
    let least = match told.claim {
        Claim::All => OF_ALL,
        Claim::Most => OF_MOST,
        Claim::MoreOften => 0.0,
    };
    let known = (told.known_share, told.known_share_overall);
    let is_known_possible = match known {
        (None, None) => true,
        (Some(own), Some(all)) => {
            let reaches = |known: f64, share: f64| known <= 1.0 && known + HALF_A_HUNDREDTH >= share;
            is_share(own) && reaches(own, told.share) && all >= 0.0 && reaches(all, told.share_overall)
        }
        _ => false,
    };
    if !is_share(told.share) {
        Some(("share", "must be over 0 and at most 1"))
    } else if !(0.0..=told.share).contains(&told.share_overall) {
        // `GET /segments` has shares in hundredths: the least is 0 there.
        Some(("share_overall", "must be at least 0 and at most share: what is told is more frequent than elsewhere"))
    } else if !(told.lift_low <= told.lift && told.lift <= told.lift_high && told.lift_low >= 0.0) {
        Some(("lift", "must be between lift_low and lift_high"))
    } else if !is_known_possible {
        Some(("known_share", "must be a share of at least share, with known_share_overall beside it, or left out"))
    } else {
        (told.share < least).then_some(("claim", "must be no more than its share allows: all over 0.95, most over 0.5"))
    }
}

/// The same of a number's.
fn fault_of_number(told: &DistinguishingNumber) -> Option<(&'static str, &'static str)> {
    let [low, high] = told.quartiles;
    if !(low <= told.median && told.median <= high) {
        Some(("quartiles", "must be below and above the median"))
    } else if (told.median - told.median_overall) * told.difference_sd < 0.0 {
        Some(("difference_sd", "must be above 0 where median is above median_overall, and below 0 where it is below"))
    } else {
        (told.claim != Claim::MoreOften).then_some(("claim", "must be more_often of a number"))
    }
}

fn described_by(fields: &mut Fields) -> Option<DescribedBy> {
    let (name, text) = fields.text(["described_by"])?;
    let by = serde_json::from_value(Value::String(text)).ok();
    if by.is_none() {
        let (field, message) = (name.to_owned(), "must be upload or training".to_owned());
        fields.refuse_all([FieldProblem { field, message, allowed: ["upload", "training"].map(str::to_owned).into() }]);
    }
    by
}

/// A list of the persona's keys; empty where the request has none.
fn keys(fields: &mut Fields, name: &str, version: &ModelVersion) -> Vec<String> {
    let schema = version.model.schema();
    let mut keys: Vec<String> = Vec::new();
    for key in fields.list(name).unwrap_or_default() {
        match key {
            Value::String(key) if schema.features().any(|feature| feature.persona.key == key) => {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            _ => {
                let allowed = schema.features().map(|feature| feature.persona.key.clone()).collect();
                let (field, message) = (name.to_owned(), "must list the persona's keys".to_owned());
                fields.refuse_all([FieldProblem { field, message, allowed }]);
                return Vec::new();
            }
        }
    }
    keys
}
