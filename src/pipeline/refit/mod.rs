//! A second training, on four fifths of the customers: what it says of the first.
//!
//! A model knows its own customers. How much a segment owes to the very customers it was trained on, and how likely
//! another training agrees on one, can be seen only in customers that were not trained on. So each training is made
//! once more without a fifth of them, by the same parameters and seed, and that fifth is placed.
//!
//! Where the model itself will put new customers is asked of the model itself: those of its customers who share their
//! profile with another are looked up, as new ones of that profile will be, and the others are placed as if training
//! had not had them. Another training would have other segments to put them in.

mod calibration;

use serde::{Deserialize, Serialize};

use super::{Placement, SegmentId, in_steps};

pub(super) use calibration::{Calibration, Observation};

/// What a second training on four fifths of the customers says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refit {
    /// Where the model places new customers of the kind that it was trained on, as shares of all, by segment; those
    /// outside every segment last.
    pub shares: Vec<(Option<SegmentId>, f64)>,
    /// On how many customers those shares rest.
    pub customers: u64,
    /// Whether the segments restate a date, and so move with it: half of what tells the segments apart, or more, is
    /// told by one part of a date alone.
    pub follows_dates: bool,
    /// How much of each segment the second training found again, in the order of their ids.
    pub stability: Vec<Stability>,
    /// How likely another training is to agree on a customer.
    pub(super) calibration: Calibration,
}

/// How much of a segment a training on fewer customers found again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stability {
    /// The segment.
    pub cluster_id: SegmentId,
    /// The Jaccard index of its customers and those of the cluster that is most like it, among the customers of both
    /// trainings, 0 to 1. From 0.75 on a segment is stable, below 0.6 it is not to be trusted (Hennig 2007,
    /// "Cluster-wise assessment of cluster stability").
    pub jaccard: f64,
}

impl Refit {
    /// The share of such customers outside every segment.
    pub fn outside_share(&self) -> f64 {
        self.shares.iter().find(|(segment, _)| segment.is_none()).map_or(0.0, |&(_, share)| share)
    }

    /// How much of a segment the second training found again, as [`Stability::jaccard`].
    pub fn stability_of(&self, id: SegmentId) -> Option<f64> {
        self.stability.iter().find(|stability| stability.cluster_id == id).map(|stability| stability.jaccard)
    }

    /// How likely another training on the same kind of customers is to put this one in the same place, 0 to 1; `None`
    /// where too few were held out to say.
    pub fn confidence(&self, placement: &Placement) -> Option<f64> {
        if placement.is_partial {
            return Some(placement.strength);
        }
        self.calibration.confidence(placement.segment.map(|_| in_steps(placement.strength)))
    }

    /// The mean difference between confidence and agreement, each weighed by its customers, of customers whom the
    /// confidence was not learned from; `None` where there were too few.
    pub fn calibration_error(&self) -> Option<f64> {
        self.calibration.error
    }

    /// Gives segments other ids.
    pub(super) fn rename(&mut self, new_id: impl Fn(SegmentId) -> SegmentId) {
        self.shares.iter_mut().for_each(|(id, _)| *id = id.map(&new_id));
        self.stability.iter_mut().for_each(|stability| stability.cluster_id = new_id(stability.cluster_id));
        self.shares.sort_by_key(|(id, _)| (id.is_none(), *id));
        self.stability.sort_by_key(|stability| stability.cluster_id);
    }
}
