//! Where the customers of a table are on the map of a training, for a picture of both.

use super::model::Positions;
use super::overview::Overview;
use super::{AssignError, Model, SegmentId};
use crate::customer::CustomerTable;

/// The distinct profiles of a table, one entry a profile in each list.
#[derive(Debug, Clone, PartialEq)]
pub struct TablePlaces {
    /// Its number in the training; `None` for one that training never met.
    pub profiles: Vec<Option<u32>>,
    /// Its position in the plane of [`Model::overview`].
    pub positions: Vec<[f64; 2]>,
    /// Its segment; `None` outside every one.
    pub segments: Vec<Option<SegmentId>>,
    /// How many of the table's customers have it.
    pub customers: Vec<u64>,
}

impl Model {
    /// The profiles of `table` in the plane of [`Model::overview`] with so many `max_points`; `None` where the method
    /// has no map.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn table_places(&self, table: &CustomerTable, max_points: usize) -> Result<Option<TablePlaces>, AssignError> {
        let Some(own) = self.places() else { return Ok(None) };
        let profiles = self.profiles(table)?;
        let segments: Vec<Option<SegmentId>> = self.place(&profiles)?.iter().map(|place| place.segment).collect();
        let Some(Positions { numbers, looked_up, others }) = self.positions(&profiles)? else { return Ok(None) };
        let of_others = segments.iter().zip(&looked_up).filter(|(_, found)| found.is_none());
        let of_others: Vec<Option<SegmentId>> = of_others.map(|(segment, _)| *segment).collect();
        let plane = Overview::plane_with(self, &self.customers_of_profiles(), max_points, others.view(), &of_others);
        let mut others = own.nrows()..;
        let position = |found: &Option<u32>| {
            let at = found.map_or_else(|| others.next(), |number| Some(number as usize));
            at.and_then(|at| plane.get(at)).copied().unwrap_or_default()
        };
        let positions = looked_up.iter().map(position).collect();
        Ok(Some(TablePlaces { positions, profiles: numbers, segments, customers: profiles.customers }))
    }
}
