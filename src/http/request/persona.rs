//! A persona of a marketer's own: checked against itself and against what the training knows.

use super::fields::{Fields, LeftOut};
use super::note_codes;
use crate::content::{Audience, extra_key, has_meaning};
use crate::customer::{DatePart, FeatureKind, Note, Schema};
use crate::model_store::ModelVersion;
use crate::pipeline::{Persona, Trait, TraitValue};

/// The field.
pub(super) const PERSONA: &str = "persona";

/// Whether an entry of a persona that is sent is read under this name: one that has a meaning of its own, or one that
/// marketers have added to a segment. What else stands beside a persona may be anything of a customer, and stays here.
pub(in crate::http) fn is_extra(version: &ModelVersion, name: &str) -> bool {
    let is_marketers = |own: &String| extra_key(own) == extra_key(name);
    let segments = || version.model.segments().iter();
    has_meaning(name) || segments().any(|segment| segment.persona.extras.keys().any(is_marketers))
}

/// Refuses months and quarters that no year has.
pub(super) fn check_dates(fields: &mut Fields, persona: &Persona, schema: &Schema) {
    for feature in schema.features() {
        let last = match feature.kind {
            FeatureKind::DatePart(DatePart::Month) => 12,
            FeatureKind::DatePart(DatePart::Quarter) => 4,
            _ => continue,
        };
        let key = &feature.persona.key;
        let number = |value: &TraitValue| match value {
            TraitValue::Whole(whole) => Some(*whole as f64),
            TraitValue::Mean(mean) => Some(*mean),
            TraitValue::Name(name) => name.trim().parse().ok(),
        };
        let is_wrong = |number: f64| number.fract() != 0.0 || !(1.0..=f64::from(last)).contains(&number);
        if persona.values(key).iter().filter_map(number).any(is_wrong) {
            fields.refuse(PERSONA, &format!("must have {key} from 1 to {last}"));
        }
    }
}

/// A persona that no trained segment has.
pub(super) struct OwnPersona {
    /// With its values as the training has them.
    pub persona: Persona,
    /// The traits of which a value is left out: fewer than 10 customers of the training have it.
    pub left_out: Vec<LeftOut>,
    /// What a person should know of it.
    pub notes: Vec<Note>,
}

/// Holds the persona against the training. A month outside of the quarter beside it is refused.
pub(super) fn of_their_own(fields: &mut Fields, persona: Persona, version: &ModelVersion) -> OwnPersona {
    let (mut left_out, mut notes) = (Vec::new(), Vec::new());
    let traits = persona.traits.into_iter().enumerate().map(|(index, given)| {
        let known = |value: &TraitValue| version.model.known_value(index, value, version.profile.as_ref());
        let mut values: Vec<TraitValue> = Vec::with_capacity(given.values.len());
        for value in given.values.iter().filter_map(known) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        if given.values.iter().any(|value| known(value).is_none()) {
            left_out.push(LeftOut { field: format!("{PERSONA}.{}", given.key), is_whole: values.is_empty() });
        }
        if values.len() > Audience::MAX_VALUES {
            let (key, most) = (&given.key, Audience::MAX_VALUES);
            notes.push(Note::new(
                note_codes::VALUES_CUT,
                format!("of {PERSONA}.{key} the first {most} values are used"),
            ));
        }
        Trait { values, ..given }
    });
    let persona = Persona { traits: traits.collect(), extras: persona.extras };
    refuse_month_of_another_quarter(fields, &persona, version.model.schema());
    OwnPersona { persona, left_out, notes }
}

/// Refuses a month beside a quarter that it is not in. Of several months nothing contradicts: a persona lists what is
/// frequent, and the most frequent quarter need not have the most frequent months.
fn refuse_month_of_another_quarter(fields: &mut Fields, persona: &Persona, schema: &Schema) {
    for (column, _) in schema.columns.iter().enumerate() {
        let of_part = |part: DatePart| {
            let mut features = schema.features().filter(move |feature| feature.column == column);
            let key = &features.find(|feature| feature.kind == FeatureKind::DatePart(part))?.persona.key;
            match persona.values(key) {
                [TraitValue::Whole(only)] => Some((key.as_str(), *only)),
                _ => None,
            }
        };
        if let (Some((month_key, month)), Some((quarter_key, quarter))) =
            (of_part(DatePart::Month), of_part(DatePart::Quarter))
            && (month - 1) / 3 + 1 != quarter
        {
            fields.refuse(PERSONA, &format!("must have {month_key} in {quarter_key}, or leave one of them out"));
        }
    }
}
