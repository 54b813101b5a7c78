//! Model versions on disk, and the one that is live.
//!
//! ```text
//! MODEL_DIR/
//!   current -> versions/20260101T020000Z-0123abcd      replaced by rename, never edited
//!   extras.json              what marketers add to segments, for every version; replaced by rename
//!   extras.before_sharing.json   what that was before it became a copy of a shared store's
//!   versions/<utc-time>-<hash>/
//!     manifest.json          parameters, schema, counts, scores, SHA-256 of every other file; written last
//!     encoder.json  scaler.json  umap.safetensors  hdbscan.safetensors (or latent.safetensors alone)
//!     cluster_personas.json  cluster_profiles.csv  training_profile.json  golden_sample.json
//!     report.json  report.html
//!   staging/                 versions that are being written, not published yet, or taken away
//!   pulling/                 a version that comes from another store
//!   refused/<utc-time>.json, .html   reports of the last candidates that did not pass
//! ```
//!
//! A version is written to `staging/`, every file and folder synced, renamed into `versions/`, and only then does
//! `current` point to it: whatever ends the process, a reader finds the old version or the new one, whole. The name of
//! a version ends with the start of its manifest's SHA-256, and the manifest lists every other file's: no byte of a
//! version changes unnoticed. Knows nothing of HTTP and trains nothing.

mod candidate;
mod copies;
mod disk;
mod errors;
mod extras;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod live;
mod lock;
mod manifest;
mod profiles_csv;
mod staging;
mod store;
mod upkeep;

pub use candidate::Candidate;
pub use copies::{Incoming, Outgoing};
pub use errors::{FileFault, StoreError};
pub use extras::Extras;
pub use live::LiveModel;
pub use lock::WriterLock;
pub use manifest::{Manifest, TrainedOn, VersionId};
pub use staging::{Sealed, Staged};
pub use store::{ModelStore, ModelVersion, VersionSummary};
pub use upkeep::{RefusedName, Servable};
