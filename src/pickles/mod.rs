//! Models of the Flask service: what `tools/export_pickles.py` wrote becomes a version.
//!
//! A folder of plain arrays and one JSON file, every one bounded and checked against its SHA-256 before it is looked
//! at. No pickle is ever read: that takes Python, and runs what it reads. The training rows are rebuilt from their
//! encoded form and cleaned like those of any sheet, so that a customer who was trained on there is known here; the map
//! and the clusters are taken over as they are ([`crate::pipeline::adopt`] says how). Trains nothing, knows nothing of
//! HTTP.

mod folder;
mod npy;
mod personas;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::customer::Schema;
use crate::model_store::{Candidate, ModelStore, StoreError, TrainedOn, VersionId};
use crate::pipeline::{
    AssignError, Contradiction, FitError, FitParams, Fitted, GoldenSample, Method, Persona, Scaler, Scores, Segment,
    SegmentId, SegmentParts, TrainedElsewhere, TrainingProfile, adopt,
};
use hdbscan::{CondensedRow, HdbscanParams, MinClusterSize};
use umap::UmapParams;

pub use folder::ExportFault;
pub use npy::NpyFault;

use folder::Export;
use personas::Personas;

/// What to import, and how.
#[derive(Debug, Clone)]
pub struct ImportRequest<'a> {
    /// The folder that `tools/export_pickles.py` wrote.
    pub dir: &'a Path,
    /// The columns that the encoder's and the scaler's are found among.
    pub schema: Arc<Schema>,
    /// Whether the version becomes the current one.
    pub activate: bool,
    /// The time of the import; names the version.
    pub now: Timestamp,
    /// The day after which a date is in the future.
    pub today: Date,
}

/// A version that was made of an export.
#[derive(Debug)]
pub struct Imported {
    /// The version.
    pub id: VersionId,
    /// What was taken over.
    pub report: ImportReport,
}

/// What an import took over; stored in the version as `report.json`.
#[derive(Debug, Clone, Serialize)]
pub struct ImportReport {
    /// When it was.
    pub at: Timestamp,
    /// Training rows whose segment is the cluster that they were trained in. The others are copies of customers most of
    /// whom were trained in another.
    pub labels_kept: usize,
    /// Personas that were taken over.
    pub personas: usize,
    /// Personas that were not, by the cluster id they bore: there is no such cluster.
    pub personas_without_cluster: Vec<String>,
    /// How the model was trained.
    pub params: FitParams,
    /// How good it is, measured here.
    pub scores: Scores,
    /// The segments, in the order of their ids.
    pub segments: Vec<SegmentParts>,
}

/// Why nothing was imported. The store is then as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// One file of the export is not as it should be.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: ExportFault,
    },
    /// A persona is not one of its cluster's customers.
    #[error(
        "{}: the persona of cluster {cluster} contradicts the training rows; export the cluster_personas.pkl of the \
         training that the other pickles are from, or leave it out",
        path.display()
    )]
    Persona {
        /// The file.
        path: PathBuf,
        /// The cluster.
        cluster: SegmentId,
        /// What it says.
        #[source]
        contradiction: Contradiction,
    },
    /// The parts do not make a model.
    #[error("the files of {} do not make a model", dir.display())]
    Model {
        /// The folder.
        dir: PathBuf,
        /// Which part is wrong.
        #[source]
        source: FitError,
    },
    /// The version was read back from disk, and could not place customers.
    #[error("the version cannot place the customers it was trained on")]
    Assign(#[source] AssignError),
    /// The version was read back from disk, and places customers elsewhere.
    #[error("the version agrees with the export on {agreeing} of {of} customers alone")]
    Disagrees {
        /// Customers who are where they should be.
        agreeing: usize,
        /// Customers who were looked at.
        of: usize,
    },
    /// The report could not be written as JSON.
    #[error("the report could not be written")]
    Report(#[source] serde_json::Error),
    /// The version could not be written.
    #[error("the version could not be written")]
    Store(#[from] StoreError),
}

/// Makes a version of an export, looks at it again on disk, and publishes it.
///
/// # Errors
/// [`ImportError`]; [`StoreError::Locked`] within it while a training is under way.
pub fn import(store: &ModelStore, request: &ImportRequest<'_>) -> Result<Imported, ImportError> {
    let export = folder::read(request.dir)?;
    let columns = export.columns_of(&request.schema)?;
    let table = rows::table(&export, &columns, request)?;
    let scaler = export.scaler(&columns);
    let personas = Personas::read(&request.schema, &export.personas);
    let params = params(&export);
    let trained = trained_elsewhere(export, params.clone(), scaler, &personas);
    let adopted =
        adopt(&table, trained).map_err(|source| ImportError::Model { dir: request.dir.to_owned(), source })?;
    let fitted = &adopted.fitted;
    check_personas(request, &personas, fitted)?;
    let golden = GoldenSample::take(&table, fitted).map_err(ImportError::Assign)?;
    let lock = store.lock()?;
    let candidate = Candidate {
        fitted,
        params: &params,
        trained_on: TrainedOn::new(false, None),
        golden: &golden,
        profile: &TrainingProfile::of(&table, fitted),
        next_segment_id: next_segment_id(store, fitted)?,
        created_at: request.now,
    };
    let staged = store.stage(&lock, &candidate)?;
    let (model, golden) = staged.reload()?;
    let agreement = golden.agreement(&model).map_err(ImportError::Assign)?;
    if !agreement.is_full() {
        return Err(ImportError::Disagrees { agreeing: agreement.agreeing, of: agreement.of });
    }
    let without_cluster = adopted.without_cluster.iter().map(SegmentId::to_string).chain(personas.nobodys);
    let report = ImportReport {
        at: request.now,
        labels_kept: adopted.n_labels_kept,
        personas: personas.by_id.len() - adopted.without_cluster.len(),
        personas_without_cluster: without_cluster.collect(),
        scores: fitted.scores.clone(),
        segments: fitted.model.segments().iter().map(Segment::to_parts).collect(),
        params,
    };
    let json = serde_json::to_value(&report).map_err(ImportError::Report)?;
    let sealed = staged.seal(&json)?;
    let id = if request.activate { sealed.publish()? } else { sealed.put_aside()? };
    Ok(Imported { id, report })
}

/// Refuses personas of another training than the clusters': they would describe customers who are not there.
fn check_personas(request: &ImportRequest<'_>, personas: &Personas, fitted: &Fitted) -> Result<(), ImportError> {
    for (&cluster, persona) in &personas.by_id {
        let Some(counts) = fitted.clusters.get(&cluster) else { continue };
        if let Some(contradiction) = Contradiction::find(&Persona::from_json(&request.schema, persona), counts) {
            return Err(ImportError::Persona { path: request.dir.join(folder::HEAD), cluster, contradiction });
        }
    }
    Ok(())
}

/// The first id that neither a version of the store nor this one has.
fn next_segment_id(store: &ModelStore, fitted: &Fitted) -> Result<SegmentId, StoreError> {
    let after = fitted.model.segments().last().map_or(0, |segment| segment.cluster_id.get().saturating_add(1));
    Ok(store.next_segment_id()?.max(SegmentId::new(after)))
}

/// The parameters of the export in the terms of a fit here.
fn params(export: &Export) -> FitParams {
    let (umap, hdbscan) = (&export.umap, &export.hdbscan);
    FitParams {
        method: Method::UmapHdbscan,
        umap: UmapParams::default()
            .n_neighbors(umap.n_neighbors)
            .n_components(export.embedding.ncols())
            .min_dist(umap.min_dist)
            .spread(umap.spread)
            .n_epochs(umap.n_epochs)
            .learning_rate(umap.learning_rate)
            .negative_sample_rate(umap.negative_sample_rate)
            .repulsion_strength(umap.repulsion_strength)
            .local_connectivity(umap.local_connectivity)
            .set_op_mix_ratio(umap.set_op_mix_ratio)
            .seed(umap.seed),
        hdbscan: HdbscanParams::default()
            .min_cluster_size(MinClusterSize::Count(hdbscan.min_cluster_size))
            .min_samples(hdbscan.min_samples)
            .allow_single_cluster(hdbscan.allow_single_cluster),
        ..FitParams::default()
    }
}

fn trained_elsewhere(export: Export, params: FitParams, scaler: Scaler, personas: &Personas) -> TrainedElsewhere {
    let nodes = export.tree_parents.iter().zip(&export.tree_children);
    let rows = nodes.zip(export.tree_lambdas.iter().zip(&export.tree_sizes));
    // A negative number is none of the tree's, and as one beyond all of them it is refused there.
    let node = |number: i32| u32::try_from(number).unwrap_or(u32::MAX);
    let row = |((&parent, &child), (&lambda, &size)): ((&i32, &i32), (&f64, &i32))| CondensedRow {
        parent: node(parent),
        child: node(child),
        lambda,
        size: u64::try_from(size).unwrap_or(0),
    };
    TrainedElsewhere {
        params,
        scaler,
        curve: (export.umap.a, export.umap.b),
        tree: rows.map(row).collect(),
        embedding: export.embedding,
        labels: export.labels,
        probabilities: export.probabilities,
        personas: personas.by_id.clone(),
    }
}
