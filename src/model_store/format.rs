//! The files of a version: what each holds, and back.
//!
//! Nothing read here is believed: shapes are checked by the crates that parse, and what the numbers mean by
//! [`crate::pipeline::Model::from_parts`].

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use ndarray::Array2;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::profiles_csv::cluster_profiles;
use super::{Candidate, FileFault};
use crate::customer::Schema;
use crate::pipeline::{
    CustomerBaseParts, GoldenSample, GroupingParts, LatentParts, Model, ModelParts, SegmentId, SegmentParts,
    TrainingProfile,
};
use hdbscan::HdbscanParts;
use latent_classes::{Candidate as TriedClasses, LatentClassParts};
use umap::{UmapParams, UmapParts};

const ENCODER: &str = "encoder.json";
const SCALER: &str = "scaler.json";
const UMAP: &str = "umap.safetensors";
const HDBSCAN: &str = "hdbscan.safetensors";
const LATENT: &str = "latent.safetensors";
pub(super) const PERSONAS: &str = "cluster_personas.json";
const PROFILES: &str = "cluster_profiles.csv";
pub(super) const PROFILE: &str = "training_profile.json";
pub(super) const GOLDEN: &str = "golden_sample.json";
pub(super) const REPORT: &str = "report.json";
pub(super) const PAGE: &str = "report.html";
/// The key of the scalars beside the arrays of a tensor file.
const SCALARS: &str = "scalars";

/// The files that a model may be made of; of the others [`PROFILE`] and [`GOLDEN`] are read again, and the rest is for
/// people.
pub(super) const MODEL_FILES: [&str; 6] = [ENCODER, SCALER, UMAP, HDBSCAN, LATENT, PERSONAS];

/// Whether a version that lists these files is made of `name`: a map and its clusters, or latent classes.
pub(super) fn is_needed(name: &str, listed: &BTreeMap<String, String>) -> bool {
    match name {
        UMAP | HDBSCAN => !listed.contains_key(LATENT),
        LATENT => listed.contains_key(LATENT),
        _ => true,
    }
}

type Fault = Box<dyn Error + Send + Sync>;
/// A file's name and bytes.
type NamedFile = (&'static str, Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Personas {
    everyone: CustomerBaseParts,
    clusters: Vec<SegmentParts>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UmapScalars {
    a: f32,
    b: f32,
    params: UmapParams,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HdbscanScalars {
    min_samples: u64,
    min_cluster_size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LatentScalars {
    /// The edges of the bins of each number.
    edges: Vec<Vec<f64>>,
}

/// Every file of a version but its manifest and its reports. On failure, the file that could not be made.
pub(super) fn encode(candidate: &Candidate<'_>) -> Result<Vec<NamedFile>, (&'static str, Fault)> {
    let mut files = encode_model(&candidate.fitted.model)?;
    let profiles = cluster_profiles(&candidate.fitted.clusters, &candidate.fitted.everyone).map_err(Fault::from);
    files.extend(named([(PROFILES, profiles), (PROFILE, json(candidate.profile)), (GOLDEN, json(candidate.golden))])?);
    Ok(files)
}

/// The files of [`MODEL_FILES`], the same bytes for the same model. On failure, the file that could not be made.
pub(super) fn encode_model(model: &Model) -> Result<Vec<NamedFile>, (&'static str, Fault)> {
    let parts = model.to_parts();
    let personas = Personas { everyone: parts.everyone, clusters: parts.segments };
    let mut files = named([(ENCODER, json(&parts.encoder)), (SCALER, json(&parts.scaler))])?;
    files.extend(match &parts.grouping {
        GroupingParts::Map { umap, hdbscan } => named([(UMAP, encode_umap(umap)), (HDBSCAN, encode_hdbscan(hdbscan))])?,
        GroupingParts::Latent(latent) => named([(LATENT, encode_latent(latent))])?,
    });
    files.extend(named([(PERSONAS, json(&personas))])?);
    Ok(files)
}

fn named<const N: usize>(
    files: [(&'static str, Result<Vec<u8>, Fault>); N],
) -> Result<Vec<NamedFile>, (&'static str, Fault)> {
    files.into_iter().map(|(name, bytes)| bytes.map(|bytes| (name, bytes)).map_err(|fault| (name, fault))).collect()
}

/// The sample of customers whose segments are known.
pub(super) fn decode_golden(bytes: &[u8]) -> Result<GoldenSample, Fault> {
    Ok(serde_json::from_slice(bytes)?)
}

/// What the training data looked like.
pub(super) fn decode_profile(bytes: &[u8]) -> Result<TrainingProfile, Fault> {
    Ok(serde_json::from_slice(bytes)?)
}

/// A model's parts from [`MODEL_FILES`]. On failure, the file that is wrong, and how.
pub(super) fn decode(
    schema: Schema,
    files: &BTreeMap<&'static str, Vec<u8>>,
) -> Result<ModelParts, (&'static str, FileFault)> {
    let personas: Personas = parse(files, PERSONAS)?;
    let contents = |name| move |fault| (name, FileFault::Contents(fault));
    let grouping = if files.contains_key(LATENT) {
        GroupingParts::Latent(Box::new(decode_latent(bytes(files, LATENT)?).map_err(contents(LATENT))?))
    } else {
        GroupingParts::Map {
            umap: Box::new(decode_umap(bytes(files, UMAP)?).map_err(contents(UMAP))?),
            hdbscan: Box::new(decode_hdbscan(bytes(files, HDBSCAN)?).map_err(contents(HDBSCAN))?),
        }
    };
    Ok(ModelParts {
        schema,
        encoder: parse(files, ENCODER)?,
        scaler: parse(files, SCALER)?,
        grouping,
        everyone: personas.everyone,
        segments: personas.clusters,
    })
}

/// The ids in [`PERSONAS`] of whatever format.
pub(super) fn segment_ids(personas: &[u8]) -> Option<Vec<SegmentId>> {
    #[derive(Deserialize)]
    struct Ids {
        clusters: Vec<Id>,
    }
    #[derive(Deserialize)]
    struct Id {
        cluster_id: SegmentId,
    }
    let ids: Ids = serde_json::from_slice(personas).ok()?;
    Some(ids.clusters.into_iter().map(|segment| segment.cluster_id).collect())
}

/// Readable JSON that ends in a line break.
pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn bytes<'f>(
    files: &'f BTreeMap<&'static str, Vec<u8>>,
    name: &'static str,
) -> Result<&'f [u8], (&'static str, FileFault)> {
    files.get(name).map(Vec::as_slice).ok_or((name, FileFault::Missing))
}

fn parse<T: DeserializeOwned>(
    files: &BTreeMap<&'static str, Vec<u8>>,
    name: &'static str,
) -> Result<T, (&'static str, FileFault)> {
    serde_json::from_slice(bytes(files, name)?).map_err(|e| (name, FileFault::Contents(e.into())))
}

fn encode_umap(parts: &UmapParts) -> Result<Vec<u8>, Fault> {
    let scalars = UmapScalars { a: parts.a, b: parts.b, params: parts.params.clone() };
    let (points, embedding) = (Tensor::matrix(&parts.points), Tensor::matrix(&parts.embedding));
    write(&scalars, &[("points", points), ("embedding", embedding)])
}

fn decode_umap(bytes: &[u8]) -> Result<UmapParts, Fault> {
    let file = Arrays::read(bytes)?;
    let UmapScalars { a, b, params } = file.scalars()?;
    Ok(UmapParts { points: file.matrix("points")?, embedding: file.matrix("embedding")?, a, b, params })
}

fn encode_hdbscan(parts: &HdbscanParts) -> Result<Vec<u8>, Fault> {
    let scalars = HdbscanScalars { min_samples: parts.min_samples, min_cluster_size: parts.min_cluster_size };
    write(
        &scalars,
        &[
            ("points", Tensor::matrix(&parts.points)),
            ("squared_core_distances", Tensor::vector(&parts.squared_core_distances)),
            ("tree_parents", Tensor::vector(&parts.tree_parents)),
            ("tree_children", Tensor::vector(&parts.tree_children)),
            ("tree_lambdas", Tensor::vector(&parts.tree_lambdas)),
            ("tree_sizes", Tensor::vector(&parts.tree_sizes)),
            ("selected", Tensor::vector(&parts.selected)),
        ],
    )
}

fn decode_hdbscan(bytes: &[u8]) -> Result<HdbscanParts, Fault> {
    let file = Arrays::read(bytes)?;
    let HdbscanScalars { min_samples, min_cluster_size } = file.scalars()?;
    Ok(HdbscanParts {
        points: file.matrix("points")?,
        squared_core_distances: file.vector("squared_core_distances")?,
        min_samples,
        min_cluster_size,
        tree_parents: file.vector("tree_parents")?,
        tree_children: file.vector("tree_children")?,
        tree_lambdas: file.vector("tree_lambdas")?,
        tree_sizes: file.vector("tree_sizes")?,
        selected: file.vector("selected")?,
    })
}

fn encode_latent(parts: &LatentParts) -> Result<Vec<u8>, Fault> {
    let LatentClassParts { sizes, n_values, shares, candidates } = &parts.classes;
    let n_classes: Vec<u64> = candidates.iter().map(|tried| tried.n_classes as u64).collect();
    let log_likelihoods: Vec<f64> = candidates.iter().map(|tried| tried.log_likelihood).collect();
    let bics: Vec<f64> = candidates.iter().map(|tried| tried.bic).collect();
    write(
        &LatentScalars { edges: parts.edges.clone() },
        &[
            ("points", Tensor::matrix(&parts.points)),
            ("codes", Tensor::matrix(&parts.codes)),
            ("customers", Tensor::vector(&parts.customers)),
            ("sizes", Tensor::vector(sizes)),
            ("n_values", Tensor::vector(n_values)),
            ("shares", Tensor::matrix(shares)),
            ("tried_n_classes", Tensor::vector(&n_classes)),
            ("tried_log_likelihoods", Tensor::vector(&log_likelihoods)),
            ("tried_bics", Tensor::vector(&bics)),
        ],
    )
}

fn decode_latent(bytes: &[u8]) -> Result<LatentParts, Fault> {
    let file = Arrays::read(bytes)?;
    let LatentScalars { edges } = file.scalars()?;
    let n_classes: Vec<u64> = file.vector("tried_n_classes")?;
    let log_likelihoods: Vec<f64> = file.vector("tried_log_likelihoods")?;
    let bics: Vec<f64> = file.vector("tried_bics")?;
    if [log_likelihoods.len(), bics.len()] != [n_classes.len(); 2] {
        return Err("its numbers of classes and their scores differ in number".into());
    }
    let tried = n_classes.into_iter().zip(log_likelihoods).zip(bics).map(|((n_classes, log_likelihood), bic)| {
        let n_classes = usize::try_from(n_classes).unwrap_or(usize::MAX);
        TriedClasses { n_classes, log_likelihood, bic }
    });
    let classes = LatentClassParts {
        sizes: file.vector("sizes")?,
        n_values: file.vector("n_values")?,
        shares: file.matrix("shares")?,
        candidates: tried.collect(),
    };
    Ok(LatentParts {
        points: file.matrix("points")?,
        codes: file.matrix("codes")?,
        customers: file.vector("customers")?,
        classes,
        edges,
    })
}

/// A number as a tensor file stores it: little-endian, of a fixed size.
trait Element: Copy {
    const DTYPE: Dtype;
    const SIZE: usize;
    fn put(self, out: &mut Vec<u8>);
    /// `None` unless there are [`Element::SIZE`] bytes.
    fn take(bytes: &[u8]) -> Option<Self>;
}

macro_rules! element {
    ($($number:ty = $dtype:ident),*) => { $(
        impl Element for $number {
            const DTYPE: Dtype = Dtype::$dtype;
            const SIZE: usize = size_of::<$number>();

            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )* };
}

element!(f32 = F32, f64 = F64, u32 = U32, u64 = U64);

struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn new<T: Element>(shape: Vec<usize>, values: impl Iterator<Item = T>) -> Self {
        let mut bytes = Vec::with_capacity(shape.iter().product::<usize>() * T::SIZE);
        values.for_each(|value| value.put(&mut bytes));
        Self { dtype: T::DTYPE, shape, bytes }
    }

    fn matrix<T: Element>(values: &Array2<T>) -> Self {
        Self::new(values.shape().to_vec(), values.iter().copied())
    }

    fn vector<T: Element>(values: &[T]) -> Self {
        Self::new(vec![values.len()], values.iter().copied())
    }
}

fn write(scalars: &impl Serialize, tensors: &[(&'static str, Tensor)]) -> Result<Vec<u8>, Fault> {
    let views = tensors
        .iter()
        .map(|(name, tensor)| Ok((*name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = HashMap::from([(SCALARS.to_owned(), serde_json::to_string(scalars)?)]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

/// The arrays of one tensor file, and the scalars beside them.
struct Arrays<'b> {
    tensors: SafeTensors<'b>,
    scalars: String,
}

impl<'b> Arrays<'b> {
    fn read(bytes: &'b [u8]) -> Result<Self, Fault> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let scalars = header.metadata().as_ref().and_then(|metadata| metadata.get(SCALARS)).cloned();
        Ok(Self { tensors: SafeTensors::deserialize(bytes)?, scalars: scalars.ok_or("it has no scalars")? })
    }

    fn scalars<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        Ok(serde_json::from_str(&self.scalars)?)
    }

    fn vector<T: Element>(&self, name: &'static str) -> Result<Vec<T>, Fault> {
        Ok(self.tensor(name, 1)?.0)
    }

    fn matrix<T: Element>(&self, name: &'static str) -> Result<Array2<T>, Fault> {
        let (values, shape) = self.tensor(name, 2)?;
        match shape.as_slice() {
            &[rows, columns] => Ok(Array2::from_shape_vec((rows, columns), values)?),
            _ => Err(format!("{name} is no matrix").into()),
        }
    }

    fn tensor<T: Element>(&self, name: &'static str, dimensions: usize) -> Result<(Vec<T>, Vec<usize>), Fault> {
        let tensor = self.tensors.tensor(name)?;
        if tensor.dtype() != T::DTYPE || tensor.shape().len() != dimensions {
            return Err(format!("{name} is not of the type {:?} with {dimensions} dimensions", T::DTYPE).into());
        }
        let values = tensor.data().chunks_exact(T::SIZE).map(T::take).collect::<Option<Vec<T>>>();
        Ok((values.ok_or("it ends in the middle of a number")?, tensor.shape().to_vec()))
    }
}
