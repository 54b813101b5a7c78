//! One customer, of whom often only some traits are known: placed by the training customers who have the same ones.
//!
//! To the map an unknown trait is a point between all values, and what is near it says little of the customer. Of the
//! training customers that agree in everything known, the share in one segment is what the known traits tell.

use super::encoder::Profiles;
use super::model::Model;
use super::placement::{Nearest, Placement};
use super::{AssignError, SegmentId};
use crate::customer::CustomerTable;

impl Model {
    /// Places the one customer of `table`; `None` where it has none.
    ///
    /// Where only some traits are known it is in the segment in which most of the training customers are who have the
    /// same ones, with their share as `strength`. Where all or none are known, where no training customer agrees in all
    /// of them, and where those who agree are outside every segment, [`Model::assign`] knows better.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn place_one(&self, table: &CustomerTable) -> Result<Option<Placement>, AssignError> {
        let profiles = self.profiles(table)?;
        let placement = match self.by_known_traits(&profiles) {
            Some(placement) => Some(placement),
            None => self.place(&profiles)?.first().copied(),
        };
        if let (Some(key), Some(placement)) = (profiles.first_key(), placement) {
            self.described().remember(key.into(), placement);
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

    fn by_known_traits(&self, profiles: &Profiles) -> Option<Placement> {
        let known = self.known_traits(profiles)?;
        let (mut agreeing, mut customers_of) = (0_u64, vec![0_u64; self.segments().len()]);
        for profile in self.agreeing_profiles(&known) {
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

fn placed(id: SegmentId, share: f64) -> Placement {
    let nearest = Some(Nearest { cluster_id: id, membership: share });
    Placement { segment: Some(id), strength: share, nearest, is_known: false }
}
