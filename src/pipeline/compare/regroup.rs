//! The segments of a fit, and nothing else of it: what a resample needs.

use linfa::ParamGuard;
use ndarray::Array2;

use crate::customer::CustomerTable;
use crate::pipeline::encoder::{Encoder, Profiles, RareNames};
use crate::pipeline::fit::{MIN_PROFILES, MIN_SEGMENT, with_a_least_size};
use crate::pipeline::method::LatentClasses;
use crate::pipeline::scaler::Scaler;
use crate::pipeline::second_training::resized;
use crate::pipeline::{FitError, FitParams, Method};

/// The rounds of a resample's layout. Its segments differ little from those of the 500 rounds of a training, and it
/// takes less than half of the time.
const N_EPOCHS: usize = 200;

/// The segments of a table's rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segments {
    /// Of each row; `None` outside every segment.
    pub of_row: Vec<Option<usize>>,
    pub n_segments: usize,
}

/// The segments of `table` by each of `params`, which differ in their clusters alone: they share their map. A size of
/// clusters in customers counts as this `share` of itself.
pub(super) fn regroup(table: &CustomerTable, params: &[&FitParams], share: f64) -> Result<Vec<Segments>, FitError> {
    let Some(first) = params.first() else { return Ok(Vec::new()) };
    let encoder = Encoder::fit(table, RareNames::Merged)?;
    let table = encoder.as_seen(table);
    let profiles = encoder.canonical(encoder.intern(&table));
    if profiles.len() < MIN_PROFILES {
        return Err(FitError::TooFewProfiles { found: profiles.len(), needed: MIN_PROFILES });
    }
    let scaler = Scaler::fit(&encoder.scaled_values(&profiles), &profiles.customers);
    let points = encoder.encode(&profiles, &scaler);
    match first.method {
        Method::UmapHdbscan => on_a_map(&table, &profiles, &points, params, share),
        Method::LatentClasses => {
            let seed = first.umap.check_ref().map_err(FitError::Map)?.seed();
            let found = LatentClasses::fit(table.schema(), &profiles, points, seed, MIN_SEGMENT)?;
            let segments = Segments::of(&profiles, found.labels(), found.n_classes());
            Ok(vec![segments; params.len()])
        }
    }
}

fn on_a_map(
    table: &CustomerTable,
    profiles: &Profiles,
    points: &Array2<f32>,
    params: &[&FitParams],
    share: f64,
) -> Result<Vec<Segments>, FitError> {
    let Some(first) = params.first() else { return Ok(Vec::new()) };
    let umap = first.umap.clone().n_epochs(Some(N_EPOCHS));
    let umap = umap.check_ref().map_err(FitError::Map)?;
    let places = umap.fit(points.view(), &|_, _| {}).map_err(FitError::Map)?.embedding().mapv(f64::from);
    let customers = profiles.weights()?;
    let clusters = |params: &&FitParams| {
        let params = resized(&params.hdbscan, share)?;
        let params = with_a_least_size(params.check_ref().map_err(FitError::Cluster)?, table.n_customers())?;
        let found = params.fit(places.view(), &customers).map_err(FitError::Cluster)?;
        Ok(Segments::of(profiles, found.labels(), found.n_clusters()))
    };
    params.iter().map(clusters).collect()
}

impl Segments {
    fn of(profiles: &Profiles, labels: &[i32], n_segments: usize) -> Self {
        let label = |profile: u32| labels.get(profile as usize).and_then(|&label| usize::try_from(label).ok());
        Self { of_row: profiles.of_row.iter().map(|&profile| label(profile)).collect(), n_segments }
    }

    /// The segment of each row, where outside of all counts as one more.
    pub fn with_outside(&self) -> Vec<usize> {
        self.of_row.iter().map(|segment| segment.unwrap_or(self.n_segments)).collect()
    }
}
