//! One customer, of whom often only some traits are known: placed by the training customers who have the same ones.
//!
//! To the map an unknown trait is a point between all values, and what is near it says little of the customer. Of the
//! training customers that agree in everything known, the share in one segment is what the known traits tell.
//!
//! What fewer than [`MIN_CUSTOMERS`] customers have in common places nobody: the rarest of the given traits is dropped
//! until more agree, so that no answer tells the traits of the only customer of a town. Strengths are rounded to 0.05.

use super::model::{KnownTrait, Model};
use super::placement::{Nearest, Placement, in_steps};
use super::traits::MIN_CUSTOMERS;
use super::{AssignError, Method, SegmentId};
use crate::customer::{CustomerTable, FeatureKind};

impl Model {
    /// Places the one customer of `table`; `None` where it has none.
    ///
    /// Where only some traits are known it is in the segment in which most of the training customers are who have the
    /// same ones, with their share as `strength`; of traits that fewer than 10 of them share the rarest are dropped
    /// first. Where all are known and each is common, where none are left, and where those who agree are outside every
    /// segment, [`Model::assign`] knows better.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn place_one(&self, table: &CustomerTable) -> Result<Option<Placement>, AssignError> {
        let given = self.profiles(table)?;
        let key: Option<Box<[u64]>> = given.first_key().map(Into::into);
        let known = self.known_traits(&given);
        let told = self.common_traits(known.clone());
        let dropped: Vec<usize> = known.iter().map(|known| known.feature).filter(|f| !has(&told, *f)).collect();
        let placement = match self.by_known_traits(&told) {
            Some(placement) => Some(placement),
            None => self.place(&given.without(&dropped))?.first().copied(),
        };
        let placement = placement.map(Placement::coarse);
        if let (Some(key), Some(placement)) = (key, placement) {
            self.described().remember(key, placement);
        }
        Ok(placement)
    }

    /// As [`Model::place_one`], where that is remembered: looks it up and computes nothing.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn recall_one(&self, table: &CustomerTable) -> Result<Option<Placement>, AssignError> {
        let profiles = self.profiles(table)?;
        Ok(profiles.first_key().and_then(|key| self.described().recall(key)))
    }

    /// Of the `known` traits those that enough customers share: all of them where every one is known and common, else
    /// so many, the most common ones, that enough customers have them all.
    fn common_traits(&self, known: Vec<KnownTrait>) -> Vec<KnownTrait> {
        let features: Vec<bool> = self.schema().features().map(|f| f.kind == FeatureKind::Number).collect();
        let is_number = |known: &KnownTrait| features.get(known.feature).copied().unwrap_or_default();
        let customers_with = |traits: &[KnownTrait]| -> u64 {
            self.agreeing_profiles(traits).map(|profile| self.customers_of(profile)).sum()
        };
        let mut known: Vec<(u64, KnownTrait)> =
            known.into_iter().map(|known| (customers_with(std::slice::from_ref(&known)), known)).collect();
        let is_common = |(customers, known): &(u64, KnownTrait)| *customers >= MIN_CUSTOMERS || is_number(known);
        if known.len() == features.len() && known.iter().all(is_common) {
            return known.into_iter().map(|(_, known)| known).collect();
        }
        // The rarest last; of equally rare ones the later feature.
        known.sort_by_key(|(customers, known)| (std::cmp::Reverse(*customers), known.feature));
        let mut known: Vec<KnownTrait> = known.into_iter().map(|(_, known)| known).collect();
        while !known.is_empty() && customers_with(&known) < MIN_CUSTOMERS {
            known.pop();
        }
        known
    }

    /// The segment in which most of the customers are who have these traits, of whom there are enough; `None` where
    /// every trait is known, or none.
    fn by_known_traits(&self, known: &[KnownTrait]) -> Option<Placement> {
        // A class skips what is not known exactly, and so knows better than a count.
        if self.method() == Method::LatentClasses || known.is_empty() || known.len() == self.schema().features().count()
        {
            return None;
        }
        let (mut agreeing, mut customers_of) = (0_u64, vec![0_u64; self.segments().len()]);
        for profile in self.agreeing_profiles(known) {
            let customers = self.customers_of(profile);
            agreeing += customers;
            let position = self.segment_of_profile(profile).and_then(|id| self.position(id));
            if let Some(count) = position.and_then(|position| customers_of.get_mut(position)) {
                *count += customers;
            }
        }
        let most = self.segments().iter().zip(customers_of).max_by_key(|&(_, customers)| customers);
        most.filter(|&(_, customers)| customers > 0).map(|(segment, customers)| {
            let share = customers as f64 / agreeing as f64;
            placed(segment.cluster_id, share)
        })
    }
}

impl Placement {
    /// The placement with strengths in steps of 0.05.
    fn coarse(self) -> Self {
        let nearest = self.nearest.map(|nearest| Nearest { membership: in_steps(nearest.membership), ..nearest });
        Self { strength: in_steps(self.strength), nearest, ..self }
    }
}

fn has(traits: &[KnownTrait], feature: usize) -> bool {
    traits.iter().any(|known| known.feature == feature)
}

fn placed(id: SegmentId, share: f64) -> Placement {
    let nearest = Some(Nearest { cluster_id: id, membership: share });
    Placement { segment: Some(id), strength: share, nearest, is_known: false, is_partial: true }
}
