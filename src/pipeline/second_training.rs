//! Training once more on four fifths of the customers, and placing the others: the making of a [`Refit`].

mod expected;
mod split;

use std::collections::BTreeMap;

use hdbscan::{HdbscanModel, HdbscanParams, MinClusterSize};
use latent_classes::LatentClassModel;
use linfa::ParamGuard;
use ndarray::{ArrayView2, Axis};
use umap::UmapModel;

use super::decimals::rounded;
use super::encoded::Encoded;
use super::few::{Few, Tenths};
use super::fit::{FitStep, Fitted, MIN_PROFILES};
use super::method::{FoundClasses, LatentClasses};
use super::refit::{Calibration, Observation};
use super::{
    FitError, FitParams, HeldOutBits, MIN_CUSTOMERS, Method, Model, Refit, SegmentId, Stability, TraitCounts, in_steps,
};
use crate::customer::{CustomerTable, FeatureKind};
use expected::Expected;
use split::Split;

/// From this uncertainty coefficient on a part of a date decides the segments.
const DECIDES_FROM: f64 = 0.5;

impl Encoded<'_> {
    /// Trains as [`Encoded::fit`], and once more on four fifths of the customers by the same parameters. The second
    /// training puts into [`Fitted::refit`] and the scores what the gate asks beside the map: how stable the segments
    /// are, and what they tell of the other customers. It has no effect where too few profiles are left for it.
    ///
    /// # Errors
    /// As [`Encoded::fit`]. Where the second training alone fails, the first is there, with the second's error.
    pub fn fit_twice(
        &self,
        params: &FitParams,
        progress: &(dyn Fn(FitStep, f32) + Sync),
    ) -> Result<(Fitted, Result<(), FitError>), FitError> {
        params.check()?;
        let seed = params.umap.check_ref().map_err(FitError::Map)?.seed();
        let split = Split::new(&self.profiles.weights()?, seed);
        let is_enough = split.kept.len() >= MIN_PROFILES && !split.held_out.is_empty();
        let (first, second) = (|| self.fit(params, progress), || self.fit_kept(params, &split));
        let (mut fitted, kept) = match self.profiles.len() {
            _ if !is_enough => return Ok((first()?, Ok(()))),
            // A map of fewer is laid out by one thread, and two at a time take little memory.
            profiles if profiles < umap::LEAST_POINTS => {
                let (fitted, kept) = rayon::join(first, second);
                (fitted?, kept)
            }
            _ => (first()?, second()),
        };
        let judged = kept.and_then(|kept| fitted.take_refit(&self.table, &split, kept, seed));
        Ok((fitted, judged))
    }

    /// The map of the customers that are kept, and its clusters; `None` where the method has no map.
    fn fit_kept(&self, params: &FitParams, split: &Split) -> Result<Option<KeptMap>, FitError> {
        if params.method == Method::LatentClasses {
            return Ok(None);
        }
        let (profiles, customers): (Vec<usize>, Vec<u32>) = split.kept.iter().copied().unzip();
        let points = self.encoder.encode_some(&self.profiles, &profiles, &self.scaler());
        let umap_params = params.umap.check_ref().map_err(FitError::Map)?;
        let umap = umap_params.fit(points.view(), &|_, _| {}).map_err(FitError::Map)?;
        let hdbscan_params = resized(&params.hdbscan, split.kept_share())?;
        let places = umap.embedding().mapv(f64::from);
        let hdbscan_params = hdbscan_params.check_ref().map_err(FitError::Cluster)?;
        let hdbscan = hdbscan_params.fit(places.view(), &customers).map_err(FitError::Cluster)?;
        Ok(Some(KeptMap { umap: Box::new(umap), hdbscan: Box::new(hdbscan) }))
    }
}

/// All of a second training that takes long: nothing in it asks for what the first one found.
struct KeptMap {
    umap: Box<UmapModel>,
    hdbscan: Box<HdbscanModel>,
}

impl Fitted {
    fn take_refit(
        &mut self,
        table: &CustomerTable,
        split: &Split,
        kept: Option<KeptMap>,
        seed: u64,
    ) -> Result<(), FitError> {
        let second = match (kept, self.model.latent_classes()) {
            (Some(kept), _) => Second::by_map(&self.model, split, kept),
            (None, Some(classes)) => Second::by_classes(classes, split, seed)?,
            (None, None) => return Ok(()),
        };
        let refit = refit(self, &second, split, seed)?;
        let told = second.told(self, table, split);
        self.scores.least_jaccard = refit.stability.iter().map(|stability| stability.jaccard).reduce(f64::min);
        (self.scores.told, self.refit) = (told, Some(refit));
        Ok(())
    }
}

fn refit(fitted: &Fitted, second: &Second<'_>, split: &Split, seed: u64) -> Result<Refit, FitError> {
    let own: Vec<Option<SegmentId>> = fitted.model.segments_of_profiles().collect();
    let overlap = Overlap::of(&own, second, split);
    let placed = second.place(split, &overlap.segment_of_label())?;
    let stability = fitted.model.segments().iter().map(|segment| segment.cluster_id);
    let stability = stability.map(|id| Stability { cluster_id: id, jaccard: overlap.jaccard(id) });
    let observed: Vec<Observation> = placed.iter().map(|place| place.observed(&own)).collect();
    let expected = Expected::of(fitted, &own, seed)?;
    Ok(Refit {
        shares: expected.shares,
        customers: expected.customers,
        follows_dates: follows_dates(fitted),
        stability: stability.collect(),
        calibration: Calibration::fit(&observed),
    })
}

/// The second training.
struct Second<'m> {
    learned: Learned<'m>,
    /// For each of its profiles its number in the first training, its label and how firmly it belongs.
    profiles: Vec<usize>,
    labels: Vec<i32>,
    strengths: Vec<f64>,
}

/// What it learned, and what it places the others by.
enum Learned<'m> {
    Map { umap: Box<UmapModel>, hdbscan: Box<HdbscanModel>, points: ArrayView2<'m, f32>, few: Few, tenths: &'m Tenths },
    Classes { first: &'m LatentClasses, second: LatentClassModel },
}

/// A held-out profile as the second training places it.
struct Placed {
    profile: usize,
    customers: u64,
    segment: Option<SegmentId>,
    /// How firmly; `None` outside every cluster.
    strength: Option<f64>,
}

impl<'m> Second<'m> {
    fn by_map(model: &'m Model, split: &Split, KeptMap { umap, hdbscan }: KeptMap) -> Self {
        let (profiles, customers): (Vec<usize>, Vec<u64>) = split.kept.iter().map(|&(p, n)| (p, u64::from(n))).unzip();
        let (labels, strengths) = (hdbscan.labels().to_vec(), hdbscan.probabilities().to_vec());
        let points = model.points();
        let few = Few::of(points.select(Axis(0), &profiles).view(), &customers, model.tenths(), MIN_CUSTOMERS);
        Self {
            learned: Learned::Map { umap, hdbscan, points, few, tenths: model.tenths() },
            profiles,
            labels,
            strengths,
        }
    }

    fn by_classes(first: &'m LatentClasses, split: &Split, seed: u64) -> Result<Self, FitError> {
        let FoundClasses { model: second, labels, strengths } = first.fit_again(&split.kept, seed)?;
        let profiles = split.kept.iter().map(|&(profile, _)| profile).collect();
        Ok(Self { learned: Learned::Classes { first, second }, profiles, labels, strengths })
    }

    /// What the segments that were found among the kept customers tell of the others; `None` with fewer than two
    /// segments.
    fn told(&self, fitted: &Fitted, table: &CustomerTable, split: &Split) -> Option<HeldOutBits> {
        let n_segments = usize::try_from(self.labels.iter().max()? + 1).ok().filter(|&n| n > 1)?;
        let (table, rows) = table.distinct_rows();
        let profiles: Vec<usize> =
            rows.iter().map(|&row| fitted.profile_of_row.get(row).map_or(usize::MAX, |&p| p as usize)).collect();
        let (kept, left) = split.of_rows(&profiles, &table.weights().collect::<Vec<_>>());
        let label_of: BTreeMap<usize, i32> = self.profiles.iter().copied().zip(self.labels.iter().copied()).collect();
        let segment = |profile: &usize| usize::try_from(*label_of.get(profile)?).ok();
        let segments: Vec<Option<usize>> = profiles.iter().map(segment).collect();
        Some(HeldOutBits::of_left_out(&table, (&kept, &left), &segments, n_segments))
    }

    /// Places every profile of which customers were held out, as a model places the customers of an upload;
    /// `segment_of_label` says which segment a cluster is.
    fn place(&self, split: &Split, segment_of_label: &BTreeMap<i32, SegmentId>) -> Result<Vec<Placed>, FitError> {
        let numbered = self.profiles.iter().copied().zip(0..);
        let own: BTreeMap<usize, usize> = numbered.filter(|&(profile, _)| self.learned.looks_up(profile)).collect();
        let unseen: Vec<usize> = split.held_out.iter().map(|&(p, _)| p).filter(|p| !own.contains_key(p)).collect();
        let (labels, strengths) = if unseen.is_empty() { Default::default() } else { self.learned.predict(&unseen)? };
        let mut predicted = labels.into_iter().zip(strengths);
        let place = |&(profile, customers): &(usize, u64)| {
            let known = own.get(&profile).copied();
            let (label, strength) = match known {
                Some(position) => {
                    let label = self.labels.get(position).copied().unwrap_or(-1);
                    (label, self.strengths.get(position).copied().unwrap_or(0.0))
                }
                None => predicted.next().unwrap_or((-1, 0.0)),
            };
            let segment = segment_of_label.get(&label).copied();
            let strength = (label >= 0).then_some(strength);
            Placed { profile, customers, segment, strength }
        };
        Ok(split.held_out.iter().map(place).collect())
    }
}

impl Learned<'_> {
    /// Whether this profile, which it was trained on, is looked up: too many customers have it to be few.
    fn looks_up(&self, profile: usize) -> bool {
        match self {
            Self::Map { points, few, tenths, .. } => few.like(points.row(profile), tenths).is_empty(),
            Self::Classes { .. } => true,
        }
    }

    /// The labels of these profiles of the first training, and how firmly they belong.
    fn predict(&self, profiles: &[usize]) -> Result<(Vec<i32>, Vec<f64>), FitError> {
        match self {
            Self::Map { umap, hdbscan, points, few, tenths } => {
                let points = points.select(Axis(0), profiles);
                let left_out: Vec<Vec<u32>> =
                    points.rows().into_iter().map(|row| few.like(row, tenths).to_vec()).collect();
                let places = umap.transform_without(points.view(), &left_out).map_err(FitError::Map)?.mapv(f64::from);
                let predicted = hdbscan.predict(places.view()).map_err(FitError::Cluster)?;
                Ok((predicted.labels, predicted.strengths))
            }
            Self::Classes { first, second } => first.placed_by(second, profiles),
        }
    }
}

/// The clusters' parameters for this share of the customers.
pub(super) fn resized(params: &HdbscanParams, share: f64) -> Result<HdbscanParams, FitError> {
    let size = params.check_ref().map_err(FitError::Cluster)?.min_cluster_size();
    Ok(match size {
        MinClusterSize::Count(count) => {
            let count = ((count as f64 * share).round() as u64).max(2);
            params.clone().min_cluster_size(MinClusterSize::Count(count))
        }
        MinClusterSize::Share(_) => params.clone(),
    })
}

impl Placed {
    /// Whether the first training agrees.
    fn observed(&self, own: &[Option<SegmentId>]) -> Observation {
        let first = own.get(self.profile).copied().flatten();
        Observation {
            key: self.profile as u64,
            // As confidence is looked up.
            strength: self.strength.map(in_steps),
            agrees: self.segment == first && self.strength.is_some() == first.is_some(),
            customers: self.customers as f64,
        }
    }
}

/// How many customers each segment shares with each cluster of the second training, among those of both.
struct Overlap {
    shared: BTreeMap<(SegmentId, i32), u64>,
    of_segment: BTreeMap<SegmentId, u64>,
    of_label: BTreeMap<i32, u64>,
}

impl Overlap {
    fn of(own: &[Option<SegmentId>], second: &Second<'_>, split: &Split) -> Self {
        let mut overlap = Self { shared: BTreeMap::new(), of_segment: BTreeMap::new(), of_label: BTreeMap::new() };
        for (&(profile, customers), &label) in split.kept.iter().zip(&second.labels) {
            let (customers, segment) = (u64::from(customers), own.get(profile).copied().flatten());
            if let Some(id) = segment {
                *overlap.of_segment.entry(id).or_insert(0) += customers;
            }
            if label >= 0 {
                *overlap.of_label.entry(label).or_insert(0) += customers;
            }
            if let (Some(id), true) = (segment, label >= 0) {
                *overlap.shared.entry((id, label)).or_insert(0) += customers;
            }
        }
        overlap
    }

    /// The Jaccard index of a segment and the cluster that is most like it.
    fn jaccard(&self, id: SegmentId) -> f64 {
        let own = self.of_segment.get(&id).copied().unwrap_or(0);
        let indices = self.shared.iter().filter(|((segment, _), _)| *segment == id).map(|((_, label), &shared)| {
            let all = own + self.of_label.get(label).copied().unwrap_or(0) - shared;
            shared as f64 / all.max(1) as f64
        });
        rounded(indices.fold(0.0, f64::max))
    }

    /// The segment that each cluster is, one to one: those that share the most customers first.
    fn segment_of_label(&self) -> BTreeMap<i32, SegmentId> {
        let mut pairs: Vec<(u64, SegmentId, i32)> =
            self.shared.iter().map(|(&(id, label), &shared)| (shared, id, label)).collect();
        pairs.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
        let mut segments: BTreeMap<i32, SegmentId> = BTreeMap::new();
        for (_, id, label) in pairs {
            if !segments.contains_key(&label) && segments.values().all(|&taken| taken != id) {
                segments.insert(label, id);
            }
        }
        segments
    }
}

/// Whether one part of a date tells at least half of what tells the segments apart: U(segment | part) ≥ 0.5, the
/// uncertainty coefficient of Theil (1972).
fn follows_dates(fitted: &Fitted) -> bool {
    let features = fitted.model.schema().features().enumerate();
    let mut dates = features.filter(|(_, feature)| matches!(feature.kind, FeatureKind::DatePart(_)));
    dates.any(|(index, _)| {
        let Some(everyone) = fitted.everyone.get(index) else { return false };
        let of_segment: Vec<&TraitCounts> = fitted.clusters.values().filter_map(|traits| traits.get(index)).collect();
        let customers = |counts: &TraitCounts| counts.counts.iter().map(|&(_, n)| n).sum::<u64>();
        let sizes: Vec<u64> = of_segment.iter().map(|counts| customers(counts)).collect();
        let all = entropy(&sizes, customers(everyone));
        let left = everyone.counts.iter().map(|(value, n)| {
            let of = |counts: &&TraitCounts| counts.counts.iter().find(|(own, _)| own == value).map_or(0, |&(_, n)| n);
            let sizes: Vec<u64> = of_segment.iter().map(of).collect();
            *n as f64 * entropy(&sizes, *n)
        });
        let left = left.sum::<f64>() / customers(everyone).max(1) as f64;
        all > 0.0 && 1.0 - left / all >= DECIDES_FROM
    })
}

/// The entropy in nats of these parts of `all`; what they leave of it is one part more.
fn entropy(parts: &[u64], all: u64) -> f64 {
    let rest = all.saturating_sub(parts.iter().sum());
    let shares = parts.iter().chain([&rest]).filter(|&&part| part > 0).map(|&part| part as f64 / all as f64);
    -shares.map(|share| share * share.ln()).sum::<f64>()
}
