//! One customer, of whom often only some traits are known: placed by the training customers who have the same ones.
//!
//! To the map an unknown trait is a point between all values, and what is near it says little of the customer. Of the
//! training customers that agree in everything known, the share in one segment is what the known traits tell.
//!
//! What fewer than [`MIN_CUSTOMERS`] customers have in common places nobody: the rarest of the given traits is dropped
//! until more agree, so that no answer tells the traits of the only customer of a town. Numbers agree within a tenth of
//! the customers. Strengths are rounded to 0.05.

use super::model::{KnownTrait, Model};
use super::placement::{Nearest, Placement, SetAside};
use super::traits::MIN_CUSTOMERS;
use super::{AssignError, Method, SegmentId, TrainingProfile, TraitValue};
use crate::customer::CustomerTable;

impl Model {
    /// Places the one customer of `table`; `None` where it has none, or where nothing is known of it that enough
    /// customers share.
    ///
    /// Of traits that fewer than 10 training customers have in common the rarest are dropped first. Where any is
    /// dropped or unknown, the customer is in the segment in which most of the training customers are who have the
    /// others, with their share as `strength`. Where every trait is left, and where those who agree are outside every
    /// segment, [`Model::assign`] knows better.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn place_one(&self, table: &CustomerTable) -> Result<Option<Placement>, AssignError> {
        let given = self.profiles(table)?;
        let key: Option<Box<[u64]>> = given.first_key().map(Into::into);
        let known = self.known_traits(&given);
        let told = self.common_traits(known.clone());
        if told.is_empty() {
            return Ok(None);
        }
        let dropped: Vec<usize> = known.iter().map(|known| known.feature).filter(|f| !has(&told, *f)).collect();
        let placement = match self.by_known_traits(&told) {
            Some(placement) => Some(placement),
            None => self.place(&given.without(&dropped))?.first().copied(),
        };
        let placement =
            placement.map(|placement| Placement { set_aside: SetAside::of(&dropped), ..placement.coarse() });
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

    /// The features, by their positions in the schema, of which the one customer of `table` has a value that fewer than
    /// 10 customers of the training have. Nothing is to be said of them: it would tell that there are so few.
    ///
    /// `profile` is the training's, where it has one.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn unshared(
        &self,
        table: &CustomerTable,
        profile: Option<&TrainingProfile>,
    ) -> Result<Vec<usize>, AssignError> {
        let known = match profile {
            Some(_) => Vec::new(),
            None => self.known_traits(&self.profiles(table)?),
        };
        let has_many = |index: usize| {
            let own = known.iter().find(|known| known.feature == index);
            own.is_none_or(|own| self.customers_with(std::slice::from_ref(own)) >= MIN_CUSTOMERS)
        };
        let mut unshared = Vec::new();
        for (index, feature) in self.schema().features().enumerate() {
            let value = table.columns().get(feature.column).and_then(|column| column.value(0));
            let Some((value, told)) = value.and_then(|value| Some((value, TraitValue::of(&feature, value)?))) else {
                continue;
            };
            let own = profile.and_then(|profile| profile.features.iter().find(|own| own.title == feature.title));
            let is_shared = own.map_or_else(|| has_many(index), |own| own.shared(&told).is_some());
            let is_pooled = told.is_other() && feature.kind.merges_rare();
            if is_pooled || !is_shared || !self.encoder().lists(index, &feature, value) {
                unshared.push(index);
            }
        }
        Ok(unshared)
    }

    /// How many customers of the training have all of these traits.
    fn customers_with(&self, traits: &[KnownTrait]) -> u64 {
        self.agreeing_profiles(traits).map(|profile| self.customers_of(profile)).sum()
    }

    /// Of the `known` traits so many, the most common ones, that enough customers have them all.
    fn common_traits(&self, known: Vec<KnownTrait>) -> Vec<KnownTrait> {
        let mut known: Vec<(u64, KnownTrait)> =
            known.into_iter().map(|known| (self.customers_with(std::slice::from_ref(&known)), known)).collect();
        // The rarest last; of equally rare ones the later feature.
        known.sort_by_key(|(customers, known)| (std::cmp::Reverse(*customers), known.feature));
        let mut known: Vec<KnownTrait> = known.into_iter().map(|(_, known)| known).collect();
        while !known.is_empty() && self.customers_with(&known) < MIN_CUSTOMERS {
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

fn has(traits: &[KnownTrait], feature: usize) -> bool {
    traits.iter().any(|known| known.feature == feature)
}

fn placed(id: SegmentId, share: f64) -> Placement {
    let nearest = Some(Nearest { cluster_id: id, membership: share });
    Placement {
        segment: Some(id),
        strength: share,
        nearest,
        is_known: false,
        is_partial: true,
        set_aside: SetAside::default(),
    }
}
