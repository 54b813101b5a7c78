//! Why a customer was not erased.

use std::io;
use std::path::PathBuf;

use super::super::RetrainError;
use crate::model_store::StoreError;

/// Why a customer was not erased; what was rewritten until then stays so, and trainings may pass the customer over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// Nobody keeps anything here: it is another folder than the server's, or the settings are others.
    #[error(
        "nothing was searched, since there is no file in {} and {}, and no version: run this where the server runs, \
         with its settings", base_data.display(), uploads.display()
    )]
    NothingHere {
        /// The folder of base data.
        base_data: PathBuf,
        /// The folder of uploads.
        uploads: PathBuf,
    },
    /// Customers are kept by a key that is gone, and another one would find nobody.
    #[error(
        "identifiers.key is missing in {}, and {} has customers by it: restore it, name the STATE_DIR that has it, or \
         erase such uploads as a whole (content-portal uploads erase)", state.display(), file.display()
    )]
    KeyLost {
        /// Where the key should be.
        state: PathBuf,
        /// A file of columns.
        file: PathBuf,
    },
    /// Uploads that are rewritten would lose what the server trains on, or the customer would not be found.
    #[error(
        "the live version has {what}, which this schema does not have: run this with the server's SCHEMA_PATH, or \
         train by the new schema first"
    )]
    OtherSchema {
        /// What the schema lacks.
        what: String,
    },
    /// Blank, or a word for nothing.
    #[error("the identifier is empty or a word for nothing")]
    NoIdentifier,
    /// The schema names no header of identifiers.
    #[error("the schema names no column of identifiers")]
    NoIdentifierColumn,
    /// The key or the list of those who were erased.
    #[error("the key and the list of erased customers cannot be used")]
    State(#[source] io::Error),
    /// A kept upload could not be rewritten.
    #[error("{} could not be rewritten", file.display())]
    Rewrite {
        /// The upload.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The files could not be listed, or no process be started to read them with.
    #[error("the files could not be looked through")]
    Files(#[from] RetrainError),
    /// A training is under way, or the versions cannot be listed.
    #[error("the model store could not answer")]
    Store(#[from] StoreError),
}
