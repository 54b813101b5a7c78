//! Model versions on disk, and the one that is live.
//!
//! ```text
//! MODEL_DIR/
//!   current -> versions/20260101T020000Z-0123abcd      replaced by rename, never edited
//!   versions/<utc-time>-<hash>/
//!     manifest.json          parameters, schema, counts, scores, SHA-256 of every other file; written last
//!     encoder.json  scaler.json  umap.safetensors  hdbscan.safetensors
//!     cluster_personas.json  cluster_profiles.csv  report.json
//!   staging/                 versions that are being written
//! ```
//!
//! A version is written to `staging/`, every file and folder synced, renamed into `versions/`, and only then does
//! `current` point to it: whatever ends the process, a reader finds the old version or the new one, whole. Knows
//! nothing of HTTP and trains nothing; may import [`crate::pipeline`] and [`crate::customer`].

mod disk;
mod errors;
mod format;
mod live;
mod manifest;
mod profiles_csv;
mod store;

pub use errors::{FileFault, StoreError};
pub use live::LiveModel;
pub use manifest::{Manifest, VersionId};
pub use store::{Candidate, ModelStore, ModelVersion, VersionSummary};
