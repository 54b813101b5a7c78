//! The learned part held against what umap-learn and hdbscan recorded (`tests/fixtures/reference`), and their own model
//! brought along (`tests/fixtures/pickles_export`).
//!
//! One binary, because each further one links the whole crate again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken fixture should fail its test loudly"
)]

mod fixtures;
mod pickles;
mod pipeline;
