//! Groups customers into segments and writes marketing content for each.
//!
//! The two places to look first: [`pipeline`] is everything that is learned (encoder, scaler, map, clusters, personas),
//! pure and synchronous, on the crates `umap` and `hdbscan` of this workspace; [`http`] is everything a caller sees.
//!
//! Who may import whom (a line reads "left may import right"):
//!
//! ```text
//! main         → config, http, retrain, pickles, export, segmentation, upload_store, shared_store, assign, sql
//! http         → config, retrain, schedule, export, segmentation, content, model_store, shared_store, upload_store,
//!                pseudonyms, pipeline, customer, workbook
//! retrain      → model_store, shared_store, upload_store, pseudonyms, pipeline, customer, workbook
//! pseudonyms   → customer
//! pickles      → model_store, pipeline, customer
//! export       → segmentation, content, pipeline, customer
//! assign       → pipeline, customer
//! sql          → customer
//! segmentation → content, model_store, pipeline, customer
//! content      → config, pipeline, customer
//! model_store  → pipeline, customer
//! shared_store → config, model_store, pipeline
//! outcome      → pipeline
//! pipeline     → customer, the crates umap and hdbscan
//! workbook     → config, customer
//! upload_store, schedule → config
//! customer, config → nothing of ours
//! ```
//!
//! Every module may import `causes`, `disk`, `durable`, `near_miss`, `text_file` and `unique_json`, which import
//! nothing of ours.
//! `main` also puts together what it hands to them: the model store, the writer and the schema.
//!
//! On other systems than Linux there is nothing here: the one error is `main`'s.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

pub mod assign;
pub mod audit;
pub mod causes;
pub mod config;
pub mod content;
pub mod customer;
pub mod disk;
pub mod durable;
pub mod export;
pub mod http;
pub mod model_store;
pub mod near_miss;
pub mod outcome;
pub mod pickles;
pub mod pipeline;
pub mod pseudonyms;
pub mod retrain;
pub mod schedule;
pub mod segmentation;
pub mod shared_store;
pub mod sql;
pub mod text_file;
pub mod unique_json;
pub mod upload_store;
pub mod workbook;

#[cfg(test)]
mod seeds;
