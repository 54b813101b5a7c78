//! A trained model: places customers in the segments that training found.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{Array2, ArrayView1, Axis};
use serde::{Deserialize, Serialize};

use super::encoder::{Encoder, Profiles};
use super::hdbscan::{HdbscanModel, HdbscanParts, Prediction};
use super::persona::{Persona, TraitValue};
use super::scaler::Scaler;
use super::umap::{UmapModel, UmapParts};
use super::{AssignError, DamagedModel};
use crate::customer::{CustomerTable, Schema};

/// Everything that was learned from one training set, and the schema it was read by.
///
/// Invariants, checked by [`Model::from_parts`]: encoder, scaler, map and clusters fit the schema and one another, and
/// there is one segment a cluster, in the order of the cluster ids.
#[derive(Debug)]
pub struct Model {
    schema: Arc<Schema>,
    encoder: Encoder,
    scaler: Scaler,
    umap: UmapModel,
    hdbscan: HdbscanModel,
    everyone: Segment,
    segments: Vec<Segment>,
    /// The encoded rows of the training profiles, as bits, and their positions.
    known: HashMap<Box<[u32]>, u32>,
}

/// A trained segment: how many customers it had in training, and what they have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The cluster's id; for the whole customer base, the number of clusters.
    pub cluster_id: u32,
    /// Customers in training.
    pub customers: u64,
    /// Their share of all customers in training, 0 to 1.
    pub share: f64,
    /// What they have in common.
    pub persona: Persona,
}

/// A [`Segment`] as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentParts {
    /// As [`Segment::cluster_id`].
    pub cluster_id: u32,
    /// As [`Segment::customers`].
    pub customers: u64,
    /// As [`Segment::share`].
    pub share: f64,
    /// As [`Segment::persona`], a flat object.
    pub persona: serde_json::Map<String, serde_json::Value>,
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
    /// The map: encoded training profiles, `(n_profiles, n_features)`, and their places.
    pub umap: UmapParts,
    /// The clusters of the places.
    pub hdbscan: HdbscanParts,
    /// The whole customer base.
    pub everyone: SegmentParts,
    /// One entry a cluster, in the order of the ids.
    pub segments: Vec<SegmentParts>,
}

/// Where the rows of one table belong.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// For each row the number of its profile, a position in `placements`.
    pub profile_of_row: Vec<u32>,
    /// For each distinct profile its place.
    pub placements: Vec<Placement>,
    /// Values that training never saw, by feature, with their rows.
    pub unseen: Vec<(String, Vec<(TraitValue, u64)>)>,
}

/// Where one profile belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// The cluster's id, or −1 outside every cluster.
    pub label: i32,
    /// How firmly the profile belongs to `label`, 0 to 1; 0 outside every cluster.
    pub strength: f64,
    /// The cluster it is nearest to: that of `label` inside a cluster. `None` in a model without clusters.
    pub nearest: Option<Nearest>,
    /// Whether training had this very profile.
    pub is_known: bool,
}

/// The cluster that a profile is nearest to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Its id.
    pub cluster_id: u32,
    /// How much the profile belongs to it, 0 to 1.
    pub membership: f64,
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
        if parts.umap.points.ncols() != encoder.n_features() {
            return Err(DamagedModel::rule("umap", "has not the encoder's number of features"));
        }
        if parts.umap.embedding.dim() != parts.hdbscan.points.dim() {
            return Err(DamagedModel::rule("hdbscan", "has not the map's shape"));
        }
        let known = index_rows(&parts.umap.points);
        let umap = UmapModel::from_parts(parts.umap).map_err(|e| DamagedModel::part("umap", e))?;
        let hdbscan = HdbscanModel::from_parts(parts.hdbscan).map_err(|e| DamagedModel::part("hdbscan", e))?;
        let in_order = parts.segments.iter().zip(0..).all(|(segment, id)| segment.cluster_id == id);
        if parts.segments.len() != hdbscan.n_clusters() || !in_order {
            return Err(DamagedModel::rule("personas", "are not one a cluster, in the order of the ids"));
        }
        let everyone = Segment::from_parts(&schema, &parts.everyone);
        let segments = parts.segments.iter().map(|segment| Segment::from_parts(&schema, segment)).collect();
        Ok(Self { schema: Arc::new(schema), encoder, scaler, umap, hdbscan, everyone, segments, known })
    }

    /// The model as plain data.
    pub fn to_parts(&self) -> ModelParts {
        ModelParts {
            schema: self.schema.as_ref().clone(),
            encoder: self.encoder.clone(),
            scaler: self.scaler.clone(),
            umap: self.umap.to_parts(),
            hdbscan: self.hdbscan.to_parts(),
            everyone: self.everyone.to_parts(),
            segments: self.segments.iter().map(Segment::to_parts).collect(),
        }
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
    pub fn segment(&self, cluster_id: u32) -> Option<&Segment> {
        self.segments.get(cluster_id as usize)
    }

    /// The whole customer base of the training.
    pub fn everyone(&self) -> &Segment {
        &self.everyone
    }

    /// How many distinct profiles the model was trained on.
    pub fn n_profiles(&self) -> usize {
        self.known.len()
    }

    /// Lays marketers' entries over the trained personas: a key of the schema replaces the trained trait, any other
    /// becomes an extra. Returns the ids that no segment has.
    pub fn overlay_personas(
        &mut self,
        entries: &std::collections::BTreeMap<u32, serde_json::Map<String, serde_json::Value>>,
    ) -> Vec<u32> {
        let mut strangers = Vec::new();
        for (&id, entry) in entries {
            match self.segments.get_mut(id as usize) {
                Some(segment) => segment.persona.overlay(Persona::from_json(&self.schema, entry)),
                None => strangers.push(id),
            }
        }
        strangers
    }

    /// Takes the way of a profile that training never met once, so that the first request takes no longer than the
    /// next one.
    ///
    /// # Errors
    /// As [`Model::assign`]: the model then answers nothing.
    pub fn warm_up(&self) -> Result<(), AssignError> {
        let nobody = Array2::zeros((1, self.encoder.n_features()));
        let (places, _) = self.predict(&nobody)?;
        self.hdbscan.nearest_clusters(places.mapv(f64::from).view()).map_err(AssignError::Cluster)?;
        Ok(())
    }

    /// Places every row of `table`.
    ///
    /// A profile that training met is looked up; every other one is put on the map and given to the clusters. The
    /// result of a row depends on that row alone.
    ///
    /// # Errors
    /// [`AssignError::OtherSchema`] when the table was read by another schema than the model's.
    pub fn assign(&self, table: &CustomerTable) -> Result<Assignment, AssignError> {
        if table.schema().as_ref() != self.schema.as_ref() {
            return Err(AssignError::OtherSchema);
        }
        let profiles = self.encoder.intern(table);
        let placements = self.place(&profiles)?;
        Ok(Assignment { profile_of_row: profiles.of_row, placements, unseen: self.encoder.unseen(table) })
    }

    fn place(&self, profiles: &Profiles) -> Result<Vec<Placement>, AssignError> {
        let rows = self.encoder.encode(profiles, &self.scaler);
        let known: Vec<Option<usize>> =
            rows.rows().into_iter().map(|row| self.known.get(&bits_of(row)[..]).map(|&p| p as usize)).collect();
        let strangers: Vec<usize> =
            known.iter().enumerate().filter(|(_, known)| known.is_none()).map(|(profile, _)| profile).collect();
        let (places, prediction) = self.predict(&rows.select(Axis(0), &strangers))?;
        let mut predicted = prediction.labels.into_iter().zip(prediction.strengths).zip(places.rows());
        let (mut placements, mut outside, mut outside_places) =
            (Vec::with_capacity(known.len()), Vec::new(), Vec::new());
        for known in known {
            let (label, strength, place) = match known {
                Some(position) => self.known_place(position).ok_or(AssignError::Incomplete)?,
                None => predicted.next().map(|((l, s), place)| (l, s, place)).ok_or(AssignError::Incomplete)?,
            };
            if label < 0 {
                outside.push(placements.len());
                outside_places.extend(place.iter().map(|&coordinate| f64::from(coordinate)));
            }
            let nearest = u32::try_from(label).ok().map(|cluster_id| Nearest { cluster_id, membership: strength });
            placements.push(Placement { label, strength, nearest, is_known: known.is_some() });
        }
        let n_dimensions = self.umap.embedding().ncols();
        let outside_places = Array2::from_shape_vec((outside.len(), n_dimensions), outside_places);
        let outside_places = outside_places.map_err(|_| AssignError::Incomplete)?;
        let nearest = self.hdbscan.nearest_clusters(outside_places.view()).map_err(AssignError::Cluster)?;
        for (profile, nearest) in outside.into_iter().zip(nearest) {
            if let Some(placement) = placements.get_mut(profile) {
                placement.nearest = nearest
                    .and_then(|n| Some(Nearest { cluster_id: u32::try_from(n.label).ok()?, membership: n.membership }));
            }
        }
        Ok(placements)
    }

    /// Label, strength and place of a training profile.
    fn known_place(&self, position: usize) -> Option<(i32, f64, ArrayView1<'_, f32>)> {
        let label = *self.hdbscan.labels().get(position)?;
        let strength = *self.hdbscan.probabilities().get(position)?;
        let embedding = self.umap.embedding();
        let place = (position < embedding.nrows()).then(|| embedding.index_axis_move(Axis(0), position))?;
        Some((label, strength, place))
    }

    fn predict(&self, rows: &Array2<f32>) -> Result<(Array2<f32>, Prediction), AssignError> {
        if rows.nrows() == 0 {
            return Ok((Array2::zeros((0, 0)), Prediction { labels: Vec::new(), strengths: Vec::new() }));
        }
        let places = self.umap.transform(rows.view()).map_err(AssignError::Map)?;
        let prediction = self.hdbscan.predict(places.mapv(f64::from).view()).map_err(AssignError::Cluster)?;
        Ok((places, prediction))
    }
}

impl Assignment {
    /// The place of row `row`.
    pub fn of_row(&self, row: usize) -> Option<&Placement> {
        self.placements.get(*self.profile_of_row.get(row)? as usize)
    }

    /// The label of every row, −1 outside every cluster.
    pub fn labels(&self) -> Vec<i32> {
        self.profile_of_row.iter().map(|&p| self.placements.get(p as usize).map_or(-1, |place| place.label)).collect()
    }
}

impl Segment {
    fn from_parts(schema: &Schema, parts: &SegmentParts) -> Self {
        Self {
            cluster_id: parts.cluster_id,
            customers: parts.customers,
            share: parts.share,
            persona: Persona::from_json(schema, &parts.persona),
        }
    }

    /// The segment as it is stored.
    pub fn to_parts(&self) -> SegmentParts {
        SegmentParts {
            cluster_id: self.cluster_id,
            customers: self.customers,
            share: self.share,
            persona: self.persona.to_json(),
        }
    }
}

fn bits_of(row: ArrayView1<'_, f32>) -> Box<[u32]> {
    row.iter().map(|value| value.to_bits()).collect()
}

fn index_rows(points: &Array2<f32>) -> HashMap<Box<[u32]>, u32> {
    points.rows().into_iter().map(bits_of).zip(0..).collect()
}
