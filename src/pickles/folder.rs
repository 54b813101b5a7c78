//! The files of an export: bounded, checked against their sums, and of the shapes that they say.
//!
//! File names are this module's own; what `export.json` says is looked up, and never made a path.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ndarray::Array2;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::ImportError;
use super::npy::{self, NpyFault, Number};
use crate::causes::hex;
use crate::text_file;

/// The format that this build reads.
const FORMAT_VERSION: u32 = 1;
pub(super) const HEAD: &str = "export.json";
pub(super) const CODES: &str = "codes.npy";
pub(super) const SCALED: &str = "scaled.npy";
/// More would keep a processor busy for minutes, and a training of its own is the better way.
const MAX_ROWS: usize = 200_000;
const MAX_HEAD_BYTES: u64 = 16 << 20;
const MAX_ARRAY_BYTES: u64 = 512 << 20;

/// What is wrong with one file of an export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportFault {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is larger than an export's files are.
    #[error("is {size_bytes} bytes long, more than the {limit_bytes} that are read")]
    TooLarge {
        /// Its size.
        size_bytes: u64,
        /// The most that is read.
        limit_bytes: u64,
    },
    /// It has no bytes.
    #[error("is empty: copy it once more from where the script wrote it")]
    Empty,
    /// Git LFS left its pointer in place of the file.
    #[error("is a Git LFS pointer, and not the file itself: run git lfs pull")]
    LfsPointer,
    /// The system would not read it.
    #[error("cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is no JSON of the expected shape.
    #[error("does not hold what it should")]
    Json(#[source] serde_json::Error),
    /// It is of a format that this build does not know.
    #[error("is of format {found}, and this build reads format {known}: export with the script of the same version")]
    Format {
        /// The file's format version.
        found: u32,
        /// The one format version that is read.
        known: u32,
    },
    /// Its SHA-256 is not the one in `export.json`.
    #[error("was changed or damaged after it was written: its SHA-256 is not the one in export.json")]
    Checksum,
    /// `export.json` has no SHA-256 of it.
    #[error("is not listed in export.json")]
    NotListed,
    /// It is no array of the expected type and number of dimensions.
    #[error("is not an array of the expected type")]
    NoArray(#[source] NpyFault),
    /// It has another number of rows or columns.
    #[error("has the shape {found:?}, and should have {expected:?}")]
    Shape {
        /// Its shape.
        found: Vec<usize>,
        /// What the shape should be.
        expected: Vec<usize>,
    },
    /// NaN or an infinity.
    #[error("holds a value that is not a number, the {0}th")]
    NotFinite(usize),
    /// A rule beyond its shape is broken.
    #[error("{0}")]
    Rule(String),
}

/// What `export.json` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(rename = "format_version")]
    _format_version: u32,
    rows: usize,
    columns: Vec<OneHotColumn>,
    scaled: Vec<ScaledColumn>,
    umap: UmapHead,
    hdbscan: HdbscanHead,
    personas: serde_json::Map<String, serde_json::Value>,
    sha256: BTreeMap<String, String>,
}

/// A column that the encoder spread out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneHotColumn {
    pub name: String,
    pub categories: Vec<Category>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(super) enum Category {
    Text(String),
    Number(f64),
}

/// A column that the scaler scaled.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaledColumn {
    pub name: String,
    pub mean: f64,
    pub scale: f64,
}

/// UMAP's parameters and what it fitted to them, in the names of `umap-learn`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UmapHead {
    pub n_neighbors: usize,
    pub min_dist: f32,
    pub spread: f32,
    pub learning_rate: f32,
    pub negative_sample_rate: usize,
    pub repulsion_strength: f32,
    pub local_connectivity: f32,
    pub set_op_mix_ratio: f32,
    pub n_epochs: Option<usize>,
    pub seed: u64,
    pub a: f32,
    pub b: f32,
}

/// HDBSCAN's parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HdbscanHead {
    pub min_cluster_size: u64,
    pub min_samples: usize,
    pub allow_single_cluster: bool,
}

/// An export, read: n rows, c one-hot columns, s scaled ones, t rows of the tree.
#[derive(Debug)]
pub(super) struct Export {
    pub dir: std::path::PathBuf,
    pub columns: Vec<OneHotColumn>,
    pub scaled_columns: Vec<ScaledColumn>,
    pub umap: UmapHead,
    pub hdbscan: HdbscanHead,
    /// By cluster id.
    pub personas: serde_json::Map<String, serde_json::Value>,
    /// `(n, c)`: positions in the categories, −1 for none.
    pub codes: Array2<i32>,
    /// `(n, s)`
    pub scaled: Array2<f32>,
    /// `(n, n_components)`
    pub embedding: Array2<f32>,
    /// `(n)`
    pub labels: Vec<i32>,
    /// `(n)`
    pub probabilities: Vec<f32>,
    /// `(t)`, as the three that follow.
    pub tree_parents: Vec<i32>,
    pub tree_children: Vec<i32>,
    pub tree_lambdas: Vec<f64>,
    pub tree_sizes: Vec<i32>,
}

/// Reads and checks every file of an export.
///
/// # Errors
/// [`ImportError::File`] naming the first file that is wrong.
pub(super) fn read(dir: &Path) -> Result<Export, ImportError> {
    let head = read_head(dir)?;
    let n = head.rows;
    let files = Files { dir, sums: &head.sha256 };
    let codes = files.matrix(CODES, n, Some(head.columns.len()))?;
    let scaled = files.matrix(SCALED, n, Some(head.scaled.len()))?;
    let embedding = files.matrix("embedding.npy", n, None)?;
    let labels = files.vector("labels.npy", Some(n))?;
    let probabilities = files.vector("probabilities.npy", Some(n))?;
    let tree_parents: Vec<i32> = files.vector("tree_parent.npy", None)?;
    let n_tree = Some(tree_parents.len());
    let tree_children = files.vector("tree_child.npy", n_tree)?;
    let tree_lambdas = files.vector("tree_lambda.npy", n_tree)?;
    let tree_sizes = files.vector("tree_size.npy", n_tree)?;
    Ok(Export {
        dir: dir.to_owned(),
        columns: head.columns,
        scaled_columns: head.scaled,
        umap: head.umap,
        hdbscan: head.hdbscan,
        personas: head.personas,
        codes,
        scaled,
        embedding,
        labels,
        probabilities,
        tree_parents,
        tree_children,
        tree_lambdas,
        tree_sizes,
    })
}

impl Export {
    /// Says of one of the files that it breaks a rule.
    pub fn fault(&self, file: &str, rule: impl Into<String>) -> ImportError {
        ImportError::File { path: self.dir.join(file), fault: ExportFault::Rule(rule.into()) }
    }
}

fn read_head(dir: &Path) -> Result<Head, ImportError> {
    /// Read on its own first: another format may differ in every other field.
    #[derive(Deserialize)]
    struct Format {
        format_version: u32,
    }
    let path = dir.join(HEAD);
    let fault = |fault| ImportError::File { path: path.clone(), fault };
    let bytes = read_file(&path, MAX_HEAD_BYTES).map_err(fault)?;
    let json = |e| fault(ExportFault::Json(e));
    let Format { format_version: found } = serde_json::from_slice(&bytes).map_err(json)?;
    if found != FORMAT_VERSION {
        return Err(fault(ExportFault::Format { found, known: FORMAT_VERSION }));
    }
    let head: Head = serde_json::from_slice(&bytes).map_err(json)?;
    if head.rows > MAX_ROWS {
        let rule = format!("speaks of {} training rows, more than the {MAX_ROWS} that are taken over", head.rows);
        return Err(fault(ExportFault::Rule(rule)));
    }
    Ok(head)
}

/// The arrays of an export.
struct Files<'a> {
    dir: &'a Path,
    sums: &'a BTreeMap<String, String>,
}

impl Files<'_> {
    fn matrix<T: Number>(&self, name: &str, rows: usize, columns: Option<usize>) -> Result<Array2<T>, ImportError> {
        self.array(name, |shape, values| {
            let found_columns = shape.get(1).copied().unwrap_or_default();
            let expected = [rows, columns.unwrap_or(found_columns)];
            check(&shape, &expected)?;
            Array2::from_shape_vec(expected, values).map_err(|_| ExportFault::NoArray(NpyFault::Length))
        })
    }

    fn vector<T: Number>(&self, name: &str, length: Option<usize>) -> Result<Vec<T>, ImportError> {
        self.array(name, |shape, values| {
            check(&shape, &[length.unwrap_or(values.len())])?;
            Ok(values)
        })
    }

    fn array<T: Number, R>(
        &self,
        name: &str,
        take: impl FnOnce(Vec<usize>, Vec<T>) -> Result<R, ExportFault>,
    ) -> Result<R, ImportError> {
        let path = self.dir.join(name);
        let read = || {
            let expected = self.sums.get(name).ok_or(ExportFault::NotListed)?;
            let bytes = read_file(&path, MAX_ARRAY_BYTES)?;
            if *expected != hex(Sha256::digest(&bytes)) {
                return Err(ExportFault::Checksum);
            }
            let (shape, values) = npy::read::<T>(&bytes).map_err(ExportFault::NoArray)?;
            if let Some(position) = values.iter().position(|value| !(*value).into().is_finite()) {
                return Err(ExportFault::NotFinite(position + 1));
            }
            take(shape, values)
        };
        read().map_err(|fault| ImportError::File { path: path.clone(), fault })
    }
}

fn check(shape: &[usize], expected: &[usize]) -> Result<(), ExportFault> {
    if shape == expected {
        Ok(())
    } else {
        Err(ExportFault::Shape { found: shape.to_vec(), expected: expected.to_vec() })
    }
}

fn read_file(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, ExportFault> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ExportFault::Missing,
        _ => ExportFault::Unreadable(source),
    };
    let file = File::open(path).map_err(unreadable)?;
    let size_bytes = file.metadata().map_err(unreadable)?.len();
    if size_bytes > limit_bytes {
        return Err(ExportFault::TooLarge { size_bytes, limit_bytes });
    }
    let mut bytes = Vec::new();
    file.take(limit_bytes).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.is_empty() {
        return Err(ExportFault::Empty);
    }
    if text_file::is_lfs_pointer(&bytes) { Err(ExportFault::LfsPointer) } else { Ok(bytes) }
}
