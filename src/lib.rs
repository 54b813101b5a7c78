//! Groups customers into segments and writes marketing content for each.
//!
//! The two places to look first: [`pipeline`] is everything that is learned (encoder, scaler, map, clusters, personas),
//! pure and synchronous, on the numeric crates of this workspace; [`http`] is everything a caller sees.
//!
//! Who may import whom is a table in ARCHITECTURE.md, which `tests/layering/` holds. The binary puts together what it
//! hands to these modules: the model store, the writer and the schema.
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
