//! Marketers' entries, laid over the personas of a model.

use std::collections::BTreeMap;

use super::super::contradiction::Contradiction;
use super::super::persona::{Persona, Trait};
use super::super::segment::SegmentId;
use super::super::trait_counts::TraitValue;
use super::Model;
use crate::customer::{Feature, FeatureKind};

/// Entries that were not taken over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overlaid {
    /// Ids that no segment has.
    pub without_segment: Vec<SegmentId>,
    /// Traits that no customer of the segment has; the trained ones stay.
    pub contradictions: Vec<(SegmentId, Contradiction)>,
}

impl Model {
    /// Lays marketers' entries over the trained personas: a key of the schema replaces the trained trait, unless it has
    /// a value that none of the segment's customers had in training; any other key becomes an extra.
    pub fn overlay_personas(
        &mut self,
        entries: &BTreeMap<SegmentId, serde_json::Map<String, serde_json::Value>>,
    ) -> Overlaid {
        let mut overlaid = Overlaid::default();
        for (&id, entry) in entries {
            let Some(position) = self.position(id) else {
                overlaid.without_segment.push(id);
                continue;
            };
            let mut persona = Persona::from_json(&self.schema, entry);
            persona.traits.retain(|claimed| match self.contradiction(id, claimed) {
                Some(contradiction) => {
                    overlaid.contradictions.push((id, contradiction));
                    false
                }
                None => true,
            });
            if let Some(segment) = self.segments.get_mut(position) {
                segment.persona.overlay(persona);
            }
        }
        overlaid
    }

    /// Puts marketers' additions in the place of those that segments have; ids that no segment has are passed over.
    pub fn set_extras(&mut self, extras: &BTreeMap<SegmentId, BTreeMap<String, String>>) {
        for segment in &mut self.segments {
            if let Some(extras) = extras.get(&segment.cluster_id) {
                segment.persona.extras.clone_from(extras);
            }
        }
    }

    fn contradiction(&self, id: SegmentId, claimed: &Trait) -> Option<Contradiction> {
        let (index, feature) =
            self.schema.features().enumerate().find(|(_, feature)| feature.persona.key == claimed.key)?;
        let value = claimed.values.iter().find(|value| !self.has_customer(id, index, &feature, value))?;
        Some(Contradiction { key: claimed.key.clone(), claimed: value.clone(), customers: 0, instead: None })
    }

    /// Whether training had a customer of the segment with this value. Of a mean, and of what only
    /// describes, there is nothing to say.
    fn has_customer(&self, id: SegmentId, index: usize, feature: &Feature<'_>, value: &TraitValue) -> bool {
        if matches!(feature.kind, FeatureKind::Number) || self.encoder.only_describes(index) {
            return true;
        }
        let Some((column, encoded)) = self.encoder.encoded(index, feature, value, &self.scaler) else { return false };
        let labels = self.grouping.labels();
        self.known.iter().any(|(row, &position)| {
            let segment = labels.get(position as usize).and_then(|&label| self.segment_of(label));
            segment == Some(id) && row.get(column).is_some_and(|&bits| f32::from_bits(bits) == encoded)
        })
    }
}
