//! Whether the training knows a value that somebody names, and how it is written there.
//!
//! A persona that a marketer sends is no row of a table: its values come as text or numbers, in any spelling. What
//! fewer than [`MIN_CUSTOMERS`](super::MIN_CUSTOMERS) customers of the training have is not known.

use super::model::Model;
use super::training_profile::TrainingProfile;
use super::trait_counts::TraitValue;
use crate::customer::{Feature, FeatureKind, spelling_key};

impl Model {
    /// A value of the schema's feature number `index` as the training has it: in its spelling, a month by its number.
    /// `None` where fewer than 10 customers of the training have it; of a number, one as low or as high.
    ///
    /// `profile` is the training's. Without one, what the model lists is known, and so is every number.
    pub fn known_value(
        &self,
        index: usize,
        value: &TraitValue,
        profile: Option<&TrainingProfile>,
    ) -> Option<TraitValue> {
        let feature = self.schema().features().nth(index)?;
        let value = read(&feature, value)?;
        let own = profile.and_then(|profile| profile.features.iter().find(|own| own.title == feature.title));
        let value = match own {
            Some(own) => own.shared(&value)?,
            None => value,
        };
        let known = match feature.kind {
            FeatureKind::Category | FeatureKind::DatePart(_) => self.encoder().listed(index, &value)?.clone(),
            FeatureKind::Ordinal(_) | FeatureKind::Number => value,
        };
        (!feature.kind.merges_rare() || !known.is_other()).then_some(known)
    }
}

/// A value as a feature has it, however it is written; `None` where the feature can have none like it.
fn read(feature: &Feature<'_>, value: &TraitValue) -> Option<TraitValue> {
    match (feature.kind, value) {
        (FeatureKind::DatePart(part), value) => part.read(&value.to_string()).map(TraitValue::Whole),
        (FeatureKind::Number, TraitValue::Whole(whole)) => Some(TraitValue::Mean(*whole as f64)),
        (FeatureKind::Number, TraitValue::Mean(number)) => Some(TraitValue::Mean(*number)),
        (FeatureKind::Number, TraitValue::Name(text)) => text.trim().parse().ok().map(TraitValue::Mean),
        (FeatureKind::Ordinal(levels), value) => {
            let key = spelling_key(value.to_string().trim());
            levels.iter().find(|level| spelling_key(level) == key).cloned().map(TraitValue::Name)
        }
        (FeatureKind::Category, value) => Some(TraitValue::Name(value.to_string().trim().to_owned())),
    }
    .filter(|value| !matches!(value, TraitValue::Mean(number) if !number.is_finite()))
}
