//! What can be wrong with a model folder, each with the file's name.

use std::io;
use std::path::PathBuf;

use crate::pipeline::DamagedModel;

/// Why a version could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// `current` does not exist: nothing was ever published here.
    #[error("{} has no current model version", dir.display())]
    NoCurrent {
        /// The model folder.
        dir: PathBuf,
    },
    /// `current` is not a link to a version, or its version is gone.
    #[error("{} does not lead to a version under versions/", link.display())]
    BrokenCurrent {
        /// The link.
        link: PathBuf,
    },
    /// There is no version of this id.
    #[error("there is no model version {id}")]
    NoSuchVersion {
        /// What was asked for.
        id: String,
    },
    /// One file of a version is not as it was written.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: FileFault,
    },
    /// Every file is whole, but together they are no model.
    #[error("the files of {} do not make a model", dir.display())]
    Model {
        /// The version's folder.
        dir: PathBuf,
        /// Which part is wrong.
        #[source]
        source: DamagedModel,
    },
    /// Another process, or another thread of this one, is writing a version.
    #[error("a training is under way in {} already: {holder}", dir.display())]
    Locked {
        /// The model folder.
        dir: PathBuf,
        /// Who holds the lock, such as `process 123 since 2026-01-01T02:00:00Z`.
        holder: String,
    },
    /// A file or folder could not be written.
    #[error("could not write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with one file of a version.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is larger than any file of a model can be.
    #[error("is {size_bytes} bytes long, more than a model file may be")]
    TooLarge {
        /// Its size.
        size_bytes: u64,
    },
    /// The system would not read it.
    #[error("cannot be read")]
    Unreadable(#[source] io::Error),
    /// Git LFS left its pointer in place of the file.
    #[error("is a Git LFS pointer, and not the file itself: run git lfs pull")]
    LfsPointer,
    /// Its SHA-256 is not the manifest's.
    #[error("was changed or damaged after it was written: its SHA-256 is not the manifest's")]
    Checksum,
    /// The manifest's SHA-256 does not begin with the version's hash.
    #[error("was changed or damaged after it was written: its SHA-256 does not begin as the version's name ends")]
    ManifestChecksum,
    /// It was read back, and is not what was to be written.
    #[error("does not come back from disk as it was written")]
    NotTheSame,
    /// The model places customers elsewhere than the sample says.
    #[error("agrees with the model on {agreeing} of {of} customers alone")]
    Disagrees {
        /// Customers who are where the sample says.
        agreeing: usize,
        /// Customers of the sample.
        of: usize,
    },
    /// The manifest does not list it.
    #[error("is not listed in the manifest")]
    NotListed,
    /// It is of a format that this build does not know.
    #[error(
        "is of format {found}, and this build reads formats {} to {}: train a version with it",
        known.start(),
        known.end()
    )]
    Format {
        /// The manifest's format version.
        found: u32,
        /// The format versions that are read.
        known: std::ops::RangeInclusive<u32>,
    },
    /// Its contents are not of the expected shape.
    #[error("does not hold what it should")]
    Contents(#[source] Box<dyn std::error::Error + Send + Sync>),
}
