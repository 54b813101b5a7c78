//! The customers of a training, profile by profile, as far as a stored model knows them: where each is on the map, in
//! which segment, and what its values are.

use std::collections::BTreeMap;

use ndarray::ArrayView1;

use super::overview::Overview;
use super::trait_counts::{OTHER, TraitCounts, TraitValue, ranked};
use super::{Model, SegmentId};
use crate::customer::FeatureKind;

/// The distinct profiles of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedProfiles {
    /// The segment of each; `None` outside every one.
    pub segments: Vec<Option<SegmentId>>,
    /// How many customers have it.
    pub customers: Vec<u64>,
    /// How strongly it belongs to its segment, 0 to 1.
    pub strengths: Vec<f64>,
    /// The features of the schema, in its order.
    pub columns: Vec<TrainedColumn>,
}

/// The values of one feature: a dictionary, and for each profile a position in it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedColumn {
    /// The feature's title, such as `Location`.
    pub title: String,
    /// The persona's key, such as `Top_Locations`.
    pub key: String,
    /// How many values a persona shows.
    pub top: usize,
    /// Whether its values are numbers to be measured, and not names.
    pub is_number: bool,
    /// The distinct values, ascending.
    pub values: Vec<TraitValue>,
    /// For each profile the position of its value; `None` where it has none.
    pub codes: Vec<Option<u32>>,
}

impl TrainedProfiles {
    /// The profiles of `model`, in the order of its map.
    pub fn of(model: &Model) -> Self {
        let rows = model.trained_rows();
        let features: Vec<_> = model.schema().features().collect();
        let mut values: Vec<Vec<Option<TraitValue>>> = vec![Vec::with_capacity(rows.len()); features.len()];
        for row in &rows {
            for (column, value) in values.iter_mut().zip(model.decode(ArrayView1::from(row.as_slice()))) {
                column.push(value);
            }
        }
        let columns = features.iter().zip(values).map(|(feature, of_profile)| {
            let mut values: Vec<TraitValue> = of_profile.iter().flatten().cloned().collect();
            values.sort_by(TraitValue::total_order);
            values.dedup();
            let code = |value: &TraitValue| values.binary_search_by(|known| known.total_order(value)).ok();
            let codes = of_profile.iter().map(|value| u32::try_from(code(value.as_ref()?)?).ok()).collect();
            TrainedColumn {
                title: feature.title.to_owned(),
                key: feature.persona.key.clone(),
                top: feature.persona.top,
                is_number: matches!(feature.kind, FeatureKind::Number),
                values,
                codes,
            }
        });
        Self {
            columns: columns.collect(),
            segments: model.segments_of_profiles().collect(),
            customers: (0..rows.len()).map(|profile| model.customers_of(profile)).collect(),
            strengths: model.strengths_of_profiles().to_vec(),
        }
    }

    /// Of one feature, each value with its customers in `segment`, or among all for `None`; the most frequent first.
    /// Customers without a value, and those of whose date a part is withheld, are `Other`: a model does not tell them
    /// apart.
    pub fn counts(&self, column: &TrainedColumn, segment: Option<SegmentId>) -> TraitCounts {
        let is_counted = |own: &Option<SegmentId>| segment.is_none_or(|id| *own == Some(id));
        let own = self.segments.iter().zip(&self.customers).filter(|(own, _)| is_counted(own));
        let customers = own.map(|(_, customers)| customers).sum();
        let mut counts = self.said(column, segment);
        let others = customers - counts.iter().map(|&(_, customers)| customers).sum::<u64>();
        counts.extend((others > 0).then(|| (TraitValue::Name(OTHER.to_owned()), others)));
        let TrainedColumn { title, key, top, .. } = column;
        let (title, key, counts) = (title.clone(), key.clone(), ranked(counts));
        TraitCounts { title, key, top: *top, customers, counts, has_pooled: true }
    }

    fn said(&self, column: &TrainedColumn, segment: Option<SegmentId>) -> Vec<(TraitValue, u64)> {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for ((code, own), customers) in column.codes.iter().zip(&self.segments).zip(&self.customers) {
            let is_counted = segment.is_none_or(|id| *own == Some(id));
            if let (Some(code), true) = (code, is_counted) {
                *counts.entry(*code).or_default() += customers;
            }
        }
        counts.into_iter().filter_map(|(code, n)| Some((column.values.get(code as usize)?.clone(), n))).collect()
    }

    /// Customers outside every segment.
    pub fn outside(&self) -> u64 {
        self.segments.iter().zip(&self.customers).filter(|(segment, _)| segment.is_none()).map(|(_, n)| n).sum()
    }
}

impl Model {
    /// The plane of the map with at most `max_points` profiles, and which profiles these are.
    ///
    /// Latent classes have no map, and so no points.
    pub fn overview(&self, max_points: usize) -> (Overview, Vec<usize>) {
        let customers = self.customers_of_profiles();
        Overview::of_model(self, &customers, max_points).unwrap_or_else(|| {
            let n_profiles = customers.len();
            (Overview { points: Vec::new(), n_profiles, variance_share: 0.0, gap_share: 1.0 }, Vec::new())
        })
    }

    /// How many training customers have each of the training's profiles.
    pub(super) fn customers_of_profiles(&self) -> Vec<u32> {
        let customers = |profile| u32::try_from(self.customers_of(profile)).unwrap_or(u32::MAX);
        (0..self.segments_of_profiles().count()).map(customers).collect()
    }
}
