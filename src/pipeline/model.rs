//! A trained model: places customers in the segments that training found.

mod overlay;
mod placing;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::encoder::{Encoder, Profiles};
use super::few::{Few, Tenths};
use super::method::{Grouping, GroupingParts, LatentClasses};
use super::placement::bits_of;
use super::placement_cache::PlacementCache;
use super::scaler::Scaler;
use super::segment::{CustomerBase, CustomerBaseParts, NewName, Segment, SegmentId, SegmentParts};
use super::trait_counts::TraitValue;
use super::{AssignError, DamagedModel, MIN_CUSTOMERS, Method};
use crate::customer::{CustomerTable, FormFields, Schema};

pub use overlay::Overlaid;
pub use placing::Assignment;

/// Everything that was learned from one training set, and the schema it was read by.
///
/// Invariants, checked by [`Model::from_parts`]: encoder, scaler and what the method learned fit the schema and one
/// another, and there is one segment a cluster, each with an id of its own.
#[derive(Debug)]
pub struct Model {
    schema: Arc<Schema>,
    form_fields: FormFields,
    encoder: Encoder,
    scaler: Scaler,
    grouping: Grouping,
    everyone: CustomerBase,
    /// In the order of their ids.
    segments: Vec<Segment>,
    /// For each of the method's labels the id of its segment: the only place where the two meet.
    id_of_label: Vec<SegmentId>,
    /// The encoded rows of the training profiles, as bits, and their positions.
    known: FxHashMap<Box<[u32]>, u32>,
    /// What numbers are compared by.
    tenths: Tenths,
    /// The training profiles of fewer than ten customers, which are placed as unseen ones are.
    few: Few,
    /// Whether the customers of the training are invented, so that rare profiles need no protection.
    is_sample: bool,
    /// The profiles of tables, by their cells.
    placed: PlacementCache,
    /// Customers whom a form described, by the cells of their profiles.
    described: PlacementCache,
}

/// A model as plain data, for storage.
#[derive(Debug, Clone)]
pub struct ModelParts {
    /// The schema that the training data was read by.
    pub schema: Schema,
    /// Values of the one-hot blocks.
    pub encoder: Encoder,
    /// Means and deviations of the scaled features.
    pub scaler: Scaler,
    /// What the method learned.
    pub grouping: GroupingParts,
    /// The whole customer base.
    pub everyone: CustomerBaseParts,
    /// One entry a cluster, in the order of the method's labels; the ids may be any.
    pub segments: Vec<SegmentParts>,
}

/// What is known of one feature of a customer: the bits of its encoded columns.
#[derive(Debug, Clone)]
pub(super) struct KnownTrait {
    /// The feature's position in the schema.
    pub feature: usize,
    /// Of each what it is compared by: its bits, or the tenth of a number.
    columns: Vec<(usize, u32)>,
}

/// Where the profiles of a table are on the map.
#[derive(Debug)]
pub(super) struct Positions {
    /// The number of each in the training, if it has one.
    pub numbers: Vec<Option<u32>>,
    /// The same of those that are looked up.
    pub looked_up: Vec<Option<u32>>,
    /// The places of all others, in their order.
    pub others: Array2<f32>,
}

impl Model {
    /// Puts a model together from stored parts.
    ///
    /// # Errors
    /// [`DamagedModel`] when a part breaks its own rules or does not fit another; the text names the part.
    pub fn from_parts(parts: ModelParts) -> Result<Self, DamagedModel> {
        let schema =
            Schema::from_json(&serde_json::to_vec(&parts.schema).map_err(|e| DamagedModel::part("schema", e))?)
                .map_err(|e| DamagedModel::part("schema", e))?;
        let (encoder, scaler) = (parts.encoder, parts.scaler);
        if !encoder.fits(&schema) {
            return Err(DamagedModel::rule("encoder", "does not fit the schema"));
        }
        if !scaler.fits(encoder.n_scaled()) {
            return Err(DamagedModel::rule("scaler", "does not fit the schema"));
        }
        let points = parts.grouping.points().clone();
        let known = index_rows(&points);
        let grouping = Grouping::from_parts(parts.grouping, &encoder, &schema)?;
        let id_of_label: Vec<SegmentId> = parts.segments.iter().map(|segment| segment.cluster_id).collect();
        let mut segments: Vec<Segment> = parts.segments.iter().map(|s| Segment::from_parts(&schema, s)).collect();
        segments.sort_by_key(|segment| segment.cluster_id);
        let is_repeated = segments.windows(2).any(|pair| matches!(pair, [a, b] if a.cluster_id == b.cluster_id));
        if segments.len() != grouping.n_segments() || is_repeated {
            return Err(DamagedModel::rule("personas", "are not one a cluster, each with an id of its own"));
        }
        let everyone = CustomerBase::from_parts(&schema, &parts.everyone);
        let customers: Vec<u64> = (0..points.nrows()).map(|point| grouping.customers_of(point)).collect();
        let tenths = Tenths::of(points.view(), &customers, &encoder.number_columns(&schema));
        let few = Few::of(points.view(), &customers, &tenths, MIN_CUSTOMERS);
        let schema = Arc::new(schema);
        Ok(Self {
            form_fields: FormFields::of(&schema),
            schema,
            encoder,
            scaler,
            grouping,
            everyone,
            segments,
            id_of_label,
            known,
            tenths,
            few,
            is_sample: false,
            placed: PlacementCache::default(),
            described: PlacementCache::default(),
        })
    }

    /// The model as plain data.
    pub fn to_parts(&self) -> ModelParts {
        ModelParts {
            schema: self.schema.as_ref().clone(),
            encoder: self.encoder.clone(),
            scaler: self.scaler.clone(),
            grouping: self.grouping.to_parts(),
            everyone: self.everyone.to_parts(),
            segments: self.id_of_label.iter().filter_map(|&id| self.segment(id)).map(Segment::to_parts).collect(),
        }
    }

    /// Marks the training's customers as invented, so that rare profiles need no protection: each profile is looked up
    /// then, also one that few have.
    pub fn mark_as_sample(&mut self) {
        self.is_sample = true;
        self.few = Few::default();
        self.forget_places();
    }

    fn forget_places(&mut self) {
        self.placed = PlacementCache::default();
        self.described = PlacementCache::default();
    }

    /// The schema that customers of this model are read by.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The trained segments, in the order of their ids.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment of this id.
    pub fn segment(&self, id: SegmentId) -> Option<&Segment> {
        self.segments.get(self.position(id)?)
    }

    /// The place of this id in [`Model::segments`].
    pub fn position(&self, id: SegmentId) -> Option<usize> {
        self.segments.binary_search_by_key(&id, |segment| segment.cluster_id).ok()
    }

    /// The whole customer base of the training.
    pub fn everyone(&self) -> &CustomerBase {
        &self.everyone
    }

    /// How many distinct profiles the model was trained on.
    pub fn n_profiles(&self) -> usize {
        self.known.len()
    }

    /// The encoded profiles of the training, `(n_profiles, n_features)`.
    pub(super) fn points(&self) -> ArrayView2<'_, f32> {
        self.grouping.points()
    }

    /// Which method found the segments.
    pub fn method(&self) -> Method {
        match self.grouping {
            Grouping::Map(_) => Method::UmapHdbscan,
            Grouping::Latent(_) => Method::LatentClasses,
        }
    }

    /// Where the training's profiles are on the map, `(n_profiles, n_components)`, if the method has one.
    pub(super) fn places(&self) -> Option<ArrayView2<'_, f32>> {
        self.grouping.places()
    }

    /// The latent classes of the training's profiles, where they are the method.
    pub(super) fn latent_classes(&self) -> Option<&LatentClasses> {
        match &self.grouping {
            Grouping::Map(_) => None,
            Grouping::Latent(latent) => Some(latent),
        }
    }

    /// The segment of each of the training's profiles, `None` outside every cluster.
    pub(super) fn segments_of_profiles(&self) -> impl Iterator<Item = Option<SegmentId>> {
        self.grouping.labels().iter().map(|&label| self.segment_of(label))
    }

    /// Of each point whether its profile is looked up, since enough customers have it.
    pub(super) fn are_looked_up(&self) -> Vec<bool> {
        self.points().rows().into_iter().map(|row| self.looked_up(row).is_some()).collect()
    }

    /// Where these training profiles, of few customers each, are placed: on a map as rows that training never had.
    /// Latent classes place a row by itself alone, known or not.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub(super) fn segments_as_unseen(&self, profiles: &[usize]) -> Result<Vec<Option<SegmentId>>, AssignError> {
        match &self.grouping {
            Grouping::Map(map) if !profiles.is_empty() => {
                let rows = self.points().select(Axis(0), profiles);
                let places = self.places_of_unseen(map, rows.view())?.mapv(f64::from);
                let predicted = map.hdbscan.predict(places.view()).map_err(AssignError::Cluster)?;
                Ok(predicted.labels.into_iter().map(|label| self.segment_of(label)).collect())
            }
            Grouping::Map(_) | Grouping::Latent(_) => {
                Ok(profiles.iter().map(|&profile| self.segment_of_profile(profile)).collect())
            }
        }
    }

    /// The encoded rows of the training's profiles, in the order of their numbers.
    pub(super) fn trained_rows(&self) -> Vec<Vec<f32>> {
        let mut rows = vec![Vec::new(); self.grouping.labels().len()];
        for (bits, &position) in &self.known {
            if let Some(row) = rows.get_mut(position as usize) {
                *row = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
            }
        }
        rows
    }

    /// Where `profiles` are on the map; `None` where the method has none.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub(super) fn positions(&self, profiles: &Profiles) -> Result<Option<Positions>, AssignError> {
        let Grouping::Map(map) = &self.grouping else { return Ok(None) };
        let rows = self.encoder.encode(profiles, &self.scaler);
        let numbers: Vec<Option<u32>> = rows.rows().into_iter().map(|row| self.number_of(row)).collect();
        let looked_up: Vec<Option<u32>> = rows.rows().into_iter().map(|row| self.looked_up(row)).collect();
        let others: Vec<usize> = (0..).zip(&looked_up).filter(|(_, found)| found.is_none()).map(|(at, _)| at).collect();
        let others = if others.is_empty() {
            Array2::zeros((0, map.umap.embedding().ncols()))
        } else {
            self.places_of_unseen(map, rows.select(Axis(0), &others).view())?
        };
        Ok(Some(Positions { numbers, looked_up, others }))
    }

    /// The number of an encoded profile in the training, if it has one.
    pub(super) fn number_of(&self, row: ArrayView1<'_, f32>) -> Option<u32> {
        self.known.get(&bits_of(row)[..]).copied()
    }

    /// The same, if enough customers have the profile for anybody to be told of it.
    pub(super) fn looked_up(&self, row: ArrayView1<'_, f32>) -> Option<u32> {
        self.number_of(row).filter(|_| self.few.like(row, &self.tenths).is_empty())
    }

    /// How strongly each of the training's profiles belongs to its segment.
    pub(super) fn strengths_of_profiles(&self) -> &[f64] {
        self.grouping.strengths()
    }

    /// The values that an encoded row stands for, by feature.
    pub(super) fn decode(&self, row: ArrayView1<'_, f32>) -> Vec<Option<TraitValue>> {
        self.encoder.decode(&self.schema, &self.scaler, row)
    }

    /// Gives segments other ids, and marketers' extras along with them: `names` holds for an id of this model the new
    /// one and the extras that are added to the persona. Ids that are not named stay.
    ///
    /// # Errors
    /// [`DamagedModel`] when two segments would have one id; the model is then as it was.
    pub(super) fn rename(&mut self, names: &BTreeMap<SegmentId, NewName>) -> Result<(), DamagedModel> {
        let new_id = |id: SegmentId| names.get(&id).map_or(id, |name| name.id);
        let ids: BTreeSet<SegmentId> = self.id_of_label.iter().map(|&id| new_id(id)).collect();
        if ids.len() != self.id_of_label.len() {
            return Err(DamagedModel::rule("personas", "are not one a cluster, each with an id of its own"));
        }
        for segment in &mut self.segments {
            if let Some(name) = names.get(&segment.cluster_id) {
                segment.cluster_id = name.id;
                segment.persona.extras.extend(name.extras.clone());
            }
        }
        self.segments.sort_by_key(|segment| segment.cluster_id);
        self.id_of_label.iter_mut().for_each(|id| *id = new_id(*id));
        // Their places name segments.
        self.forget_places();
        Ok(())
    }

    /// The distinct profiles of `table`.
    ///
    /// # Errors
    /// [`AssignError::OtherSchema`] when it was read by another schema than the model's.
    pub(super) fn profiles(&self, table: &CustomerTable) -> Result<Profiles, AssignError> {
        let (given, own) = (table.schema(), &self.schema);
        if !Arc::ptr_eq(given, own) && given != own {
            return Err(AssignError::OtherSchema);
        }
        Ok(self.encoder.intern(table))
    }

    /// The customers of `table` as the model tells them apart: with `Other` in place of each name that training merged.
    pub(super) fn as_seen<'t>(&self, table: &'t CustomerTable) -> Cow<'t, CustomerTable> {
        self.encoder.as_seen(table)
    }

    /// What profiles are encoded by.
    pub(super) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// What is remembered of customers whom a form described.
    pub(super) fn described(&self) -> &PlacementCache {
        &self.described
    }

    /// What numbers are compared by.
    pub(super) fn tenths(&self) -> &Tenths {
        &self.tenths
    }

    /// What is known of the first profile, feature by feature.
    pub(super) fn known_traits(&self, profiles: &Profiles) -> Vec<KnownTrait> {
        let rows = self.encoder.encode(profiles, &self.scaler);
        let value = |column: usize| Some((column, self.tenths.seen(column, rows.get((0, column))?.to_bits())));
        let features = self.encoder.known_features(profiles).into_iter();
        features
            .map(|(feature, columns)| KnownTrait { feature, columns: columns.filter_map(value).collect() })
            .collect()
    }

    /// The training profiles that have all of these traits, by number, in no order.
    pub(super) fn agreeing_profiles(&self, traits: &[KnownTrait]) -> impl Iterator<Item = usize> {
        let has = |bits: &[u32], (column, value): &(usize, u32)| {
            bits.get(*column).is_some_and(|&bits| self.tenths.seen(*column, bits) == *value)
        };
        let agrees = move |bits: &[u32]| traits.iter().all(|known| known.columns.iter().all(|cell| has(bits, cell)));
        self.known.iter().filter(move |(bits, _)| agrees(bits)).map(|(_, &profile)| profile as usize)
    }

    /// How many training customers have this training profile.
    pub(super) fn customers_of(&self, profile: usize) -> u64 {
        self.grouping.customers_of(profile)
    }

    /// The segment of a training profile.
    pub(super) fn segment_of_profile(&self, profile: usize) -> Option<SegmentId> {
        self.segment_of(*self.grouping.labels().get(profile)?)
    }

    /// The segment that the method's label stands for; `None` for noise.
    fn segment_of(&self, label: i32) -> Option<SegmentId> {
        self.id_of_label.get(usize::try_from(label).ok()?).copied()
    }
}

fn index_rows(points: &Array2<f32>) -> FxHashMap<Box<[u32]>, u32> {
    let mut known = FxHashMap::with_capacity_and_hasher(points.nrows(), FxBuildHasher);
    for (row, position) in points.rows().into_iter().zip(0..) {
        known.entry(bits_of(row)).or_insert(position);
    }
    known
}
