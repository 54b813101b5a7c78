//! Training: customers → encoder and scaler → map → clusters → personas.

use std::collections::BTreeMap;

use linfa::ParamGuard;
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::decided_by::DecidedBy;
use super::encoded::Encoded;
use super::encoder::{Encoder, Profiles};
use super::method::{GroupingParts, LatentClasses};
use super::model::{Model, ModelParts};
use super::persona::Persona;
use super::scaler::Scaler;
use super::segment::{CustomerBaseParts, NewName, SegmentId, SegmentParts};
use super::trait_counts::TraitCounts;
use super::traits::{Distinction, Tallies};
use super::{DamagedModel, FitError, FitParams, HeldOutBits, Method, Refit};
use crate::customer::{CustomerTable, Schema};
use hdbscan::{HdbscanModel, HdbscanParams, HdbscanValidParams, MinClusterSize, dbcv, silhouette};
use umap::{Stage, UmapModel, trustworthiness};

/// Fewer distinct profiles than this say nothing about segments.
pub(super) const MIN_PROFILES: usize = 10;
/// The least customers of a segment: of fewer nothing is tellable.
pub(super) const MIN_SEGMENT: u64 = 20;
/// The neighbourhood in which [`Scores::trustworthiness`] is measured.
const TRUSTED_NEIGHBOURS: usize = 15;

/// A step of a fit, for progress reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FitStep {
    /// Finding each profile's neighbours and their graph.
    Neighbours,
    /// Laying the profiles out on the map.
    Layout,
    /// Finding the clusters of the map.
    Clustering,
    /// Scoring the result and describing the segments.
    Scoring,
}

/// What a fit yields.
#[derive(Debug)]
pub struct Fitted {
    /// The model.
    pub model: Model,
    /// How good it is.
    pub scores: Scores,
    /// What each segment's customers are like.
    pub clusters: BTreeMap<SegmentId, Vec<TraitCounts>>,
    /// What all customers are like.
    pub everyone: Vec<TraitCounts>,
    /// The segment of each training row, `None` outside every cluster.
    pub segment_of_row: Vec<Option<SegmentId>>,
    /// The profile of each training row, a position in the map.
    pub profile_of_row: Vec<u32>,
    /// How many customers each profile has, in the order of the map.
    pub customers_of_profile: Vec<u32>,
    /// What a second training says, where there was one: see [`Encoded::fit_twice`].
    pub refit: Option<Refit>,
}

impl Fitted {
    /// Gives segments other ids, and marketers' extras along with them: `names` says for an id of this fit what it
    /// becomes. Ids that are not named stay. A fit numbers its segments from 0.
    ///
    /// # Errors
    /// [`DamagedModel`] when two segments would have one id; nothing is then changed.
    pub fn rename(&mut self, names: &BTreeMap<SegmentId, NewName>) -> Result<(), DamagedModel> {
        self.model.rename(names)?;
        let new_id = |id: SegmentId| names.get(&id).map_or(id, |name| name.id);
        self.clusters = std::mem::take(&mut self.clusters).into_iter().map(|(id, c)| (new_id(id), c)).collect();
        self.segment_of_row.iter_mut().for_each(|id| *id = id.map(new_id));
        if let Some(refit) = &mut self.refit {
            refit.rename(new_id);
        }
        Ok(())
    }
}

/// How good a model is on its own training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Customers.
    pub rows: usize,
    /// Distinct profiles among them.
    pub profiles: usize,
    /// Clusters found.
    pub clusters: usize,
    /// Customers outside every cluster, 0 to 1.
    pub noise_share: f64,
    /// Silhouette of the customers on the map, noise left out, −1 to 1 (Rousseeuw 1987); `None` with fewer than two
    /// clusters.
    pub silhouette: Option<f64>,
    /// The silhouette's standard error where it is from a sample, with more than 10,000 profiles in clusters; DBCV then
    /// is from a share of the profiles, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silhouette_error: Option<f64>,
    /// DBCV of the segments on the map, −1 to 1 (Moulavi et al. 2014), as [`dbcv`] counts profiles and customers;
    /// `None` with fewer than two clusters.
    pub dbcv: Option<f64>,
    /// What decides the segments; `None` with fewer than two clusters, and in versions of builds that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
    /// How much of the least stable segment the training on four fifths of the customers found again: a Jaccard index,
    /// 0 to 1; `None` where there was no such training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_jaccard: Option<f64>,
    /// What the segments of the training on four fifths of the customers tell of the others, over independent columns;
    /// `None` with fewer than two segments, and in versions of builds that did not ask. Where ways to train were
    /// compared first, this and `least_jaccard` are what the comparison found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<HeldOutBits>,
    /// How far neighbourhoods of 15 profiles on the map are true ones, 0 to 1 (Venna and Kaski 2001); `None` where the
    /// method has no map.
    #[serde(default)]
    pub trustworthiness: Option<f64>,
}

/// Trains a model on the customers of `table`.
///
/// The same customers and parameters give the same model, bit for bit, in any order of rows, a row each or many in one,
/// and on any number of threads.
///
/// # Errors
/// [`FitError::TooFewProfiles`] under 10 distinct profiles, [`FitError::TooManyFeatures`] when a category has
/// thousands of values, [`FitError::Map`] and [`FitError::Cluster`] when parameters break a rule, [`FitError::Classes`]
/// when a column has too many values for classes.
pub fn fit(
    table: &CustomerTable,
    params: &FitParams,
    progress: &(dyn Fn(FitStep, f32) + Sync),
) -> Result<Fitted, FitError> {
    params.check()?;
    Encoded::of(table)?.fit(params, progress)
}

impl Encoded<'_> {
    /// As [`fit`].
    ///
    /// # Errors
    /// As [`fit`].
    pub fn fit(&self, params: &FitParams, progress: &(dyn Fn(FitStep, f32) + Sync)) -> Result<Fitted, FitError> {
        params.check()?;
        let Self { encoder, table, profiles } = self;
        let encoder = encoder.clone();
        let umap_params = params.umap.check_ref().map_err(FitError::Map)?;
        let hdbscan_params = params.hdbscan.check_ref().map_err(FitError::Cluster)?;
        let hdbscan_params = with_a_least_size(hdbscan_params, table.n_customers())?;
        if profiles.len() < MIN_PROFILES {
            return Err(FitError::TooFewProfiles { found: profiles.len(), needed: MIN_PROFILES });
        }
        let customers = profiles.weights()?;
        let scaler = self.scaler();
        let points = encoder.encode(profiles, &scaler);
        if params.method == Method::LatentClasses {
            progress(FitStep::Clustering, 0.0);
            let classes = LatentClasses::fit(table.schema(), profiles, points, umap_params.seed(), MIN_SEGMENT)?;
            progress(FitStep::Scoring, 0.0);
            return describe_classes(table, profiles, (encoder, scaler), &classes);
        }
        let umap =
            umap_params.fit(points.view(), &|stage, done| progress(stage.into(), done)).map_err(FitError::Map)?;
        progress(FitStep::Clustering, 0.0);
        let places = umap.embedding().mapv(f64::from);
        let hdbscan = hdbscan_params.fit(places.view(), &customers).map_err(FitError::Cluster)?;
        progress(FitStep::Scoring, 0.0);
        describe(table, profiles, points.view(), Learned { encoder, scaler, umap, hdbscan })
    }

    /// The scaler of the profiles, each weighed by its customers.
    pub(super) fn scaler(&self) -> Scaler {
        Scaler::fit(&self.encoder.scaled_values(&self.profiles), &self.profiles.customers)
    }
}

/// The parameters with clusters of [`MIN_SEGMENT`] customers or more.
pub(super) fn with_a_least_size(params: &HdbscanValidParams, customers: u64) -> Result<HdbscanValidParams, FitError> {
    let least = match params.min_cluster_size() {
        size if size.resolve(customers) < MIN_SEGMENT => MinClusterSize::Count(MIN_SEGMENT),
        size => size,
    };
    HdbscanParams::from(params.clone()).min_cluster_size(least).check().map_err(FitError::Cluster)
}

/// Scores what was learned from `table`, and describes its segments.
///
/// `points` are the encoded `profiles`, `(n_profiles, n_features)`; their places are the first of the map.
pub(super) fn describe(
    table: &CustomerTable,
    profiles: &Profiles,
    points: ArrayView2<'_, f32>,
    learned: Learned,
) -> Result<Fitted, FitError> {
    let hdbscan = &learned.hdbscan;
    let customers = profiles.weights()?;
    let embedding = learned.umap.embedding().split_at(Axis(0), profiles.len()).0;
    let places = embedding.mapv(f64::from);
    let own = hdbscan.labels().get(..profiles.len()).unwrap_or_default();
    // It is undefined for fewer than two clusters, and nothing else can fail here.
    let silhouette = silhouette(places.view(), own, &customers).ok();
    let scores = Scores {
        trustworthiness: Some(trustworthiness(points, embedding, TRUSTED_NEIGHBOURS)),
        silhouette: silhouette.map(|silhouette| silhouette.mean),
        silhouette_error: silhouette.and_then(|silhouette| silhouette.standard_error),
        dbcv: dbcv(places.view(), own, &customers).map_err(FitError::Cluster)?,
        ..Scores::count(table, profiles, (hdbscan.labels(), hdbscan.n_clusters()))
    };
    let labels = labels_of_rows(profiles, hdbscan.labels());
    let n_segments = hdbscan.n_clusters();
    let grouping =
        GroupingParts::Map { umap: Box::new(learned.umap.to_parts()), hdbscan: Box::new(learned.hdbscan.to_parts()) };
    let found = Found { encoder: learned.encoder, scaler: learned.scaler, grouping, labels, n_segments, scores };
    finish(table, profiles, found)
}

/// Scores latent classes, and describes their segments. What is measured on a map is left empty.
fn describe_classes(
    table: &CustomerTable,
    profiles: &Profiles,
    (encoder, scaler): (Encoder, Scaler),
    classes: &LatentClasses,
) -> Result<Fitted, FitError> {
    let (labels, n_segments) = (labels_of_rows(profiles, classes.labels()), classes.n_classes());
    let scores = Scores::count(table, profiles, (classes.labels(), n_segments));
    let grouping = GroupingParts::Latent(Box::new(classes.to_parts()));
    finish(table, profiles, Found { encoder, scaler, grouping, labels, n_segments, scores })
}

/// What a method found, before it is one model.
struct Found {
    encoder: Encoder,
    scaler: Scaler,
    grouping: GroupingParts,
    /// Of each row.
    labels: Vec<i32>,
    n_segments: usize,
    scores: Scores,
}

/// Counts the traits of the segments that were found, and puts the model together.
fn finish(table: &CustomerTable, profiles: &Profiles, found: Found) -> Result<Fitted, FitError> {
    let Found { encoder, scaler, grouping, labels, n_segments, scores } = found;
    let scores = Scores { decided_by: DecidedBy::find(table, &labels, n_segments), ..scores };
    let tallies = Tallies::count(table, &labels, n_segments);
    let (clusters, everyone) = tallies.traits();
    let described = Described { clusters: &clusters, distinctions: tallies.distinctions(), everyone: &everyone };
    let model = assemble(table, (encoder, scaler, grouping), &labels, described)?;
    let clusters = (0..).map(SegmentId::new).zip(clusters).collect();
    let segment_of_row = labels.into_iter().map(|label| u32::try_from(label).ok().map(SegmentId::new)).collect();
    let (profile_of_row, customers_of_profile) = (profiles.of_row.clone(), profiles.weights()?);
    Ok(Fitted { model, scores, clusters, everyone, segment_of_row, profile_of_row, customers_of_profile, refit: None })
}

/// The learned parts, before they are one model.
pub(super) struct Learned {
    pub encoder: Encoder,
    pub scaler: Scaler,
    pub umap: UmapModel,
    pub hdbscan: HdbscanModel,
}

/// What was counted of the clusters, in the order of their labels, and of everyone.
struct Described<'a> {
    clusters: &'a [Vec<TraitCounts>],
    distinctions: Vec<Distinction>,
    everyone: &'a [TraitCounts],
}

fn assemble(
    table: &CustomerTable,
    (encoder, scaler, grouping): (Encoder, Scaler, GroupingParts),
    labels: &[i32],
    described: Described<'_>,
) -> Result<Model, FitError> {
    let all = table.n_customers();
    let Described { clusters, distinctions, everyone } = described;
    let segment = |label: u32, counts: &[TraitCounts], distinction: Distinction| {
        let own = labels.iter().zip(table.weights()).filter(|&(&other, _)| u32::try_from(other) == Ok(label));
        let customers: u64 = own.map(|(_, weight)| u64::from(weight)).sum();
        let Distinction { distinguishing, not_distinguishing, as_everywhere } = distinction;
        SegmentParts {
            cluster_id: SegmentId::new(label),
            customers,
            share: customers as f64 / all.max(1) as f64,
            persona: Persona::from_counts(counts).to_json(),
            distinguishing: Some(distinguishing),
            not_distinguishing: Some(not_distinguishing),
            as_everywhere: Some(as_everywhere),
        }
    };
    let everyone = CustomerBaseParts { customers: all, persona: Persona::from_counts(everyone).to_json() };
    Model::from_parts(ModelParts {
        schema: Schema::clone(table.schema()),
        encoder,
        scaler,
        grouping,
        everyone,
        segments: (0..).zip(clusters.iter().zip(distinctions)).map(|(label, (c, d))| segment(label, c, d)).collect(),
    })
    .map_err(FitError::Model)
}

fn labels_of_rows(profiles: &Profiles, labels: &[i32]) -> Vec<i32> {
    profiles.of_row.iter().map(|&profile| labels.get(profile as usize).copied().unwrap_or(-1)).collect()
}

impl Scores {
    /// The counts; the scores proper are left empty.
    fn count(table: &CustomerTable, profiles: &Profiles, (labels, n_segments): (&[i32], usize)) -> Self {
        let weighted = labels.iter().zip(&profiles.customers);
        let noise: u64 = weighted.filter(|&(&label, _)| label < 0).map(|(_, &n)| n).sum();
        let customers = table.n_customers();
        Self {
            rows: usize::try_from(customers).unwrap_or(usize::MAX),
            profiles: profiles.len(),
            clusters: n_segments,
            noise_share: noise as f64 / customers.max(1) as f64,
            silhouette: None,
            silhouette_error: None,
            dbcv: None,
            decided_by: None,
            least_jaccard: None,
            told: None,
            trustworthiness: None,
        }
    }
}

impl From<Stage> for FitStep {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Neighbours | Stage::Graph | Stage::Start => Self::Neighbours,
            Stage::Layout => Self::Layout,
        }
    }
}
