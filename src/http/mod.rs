//! Everything a caller sees: routes, wire types, problems, and the life of the server.
//!
//! The only module that knows axum, JSON bodies and status codes. A handler extracts, takes one snapshot of the live
//! model, calls, and maps the result; the processor's work runs on blocking threads, a bounded number at a time. May
//! import [`crate::trainer`], [`crate::schedule`], [`crate::export`], [`crate::segmentation`], [`crate::content`],
//! [`crate::model_store`], [`crate::upload_store`], [`crate::pipeline`] (personas and placements), [`crate::customer`]
//! and [`crate::workbook`].

mod accept;
mod admin;
mod body;
mod compression;
mod docs;
mod doors;
mod error;
mod expiry;
mod export;
mod fields;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod generate;
mod grouping;
mod health;
mod idempotency;
mod ignored;
mod images;
mod incoming;
mod index;
mod jobs;
mod live;
mod metrics;
mod models;
mod openapi;
mod problem;
mod refresh;
mod request_id;
mod retrain;
mod router;
mod scrape;
mod server;
mod settings;
mod state;
mod status;
mod target;
mod upload;

pub use doors::{Key, TrustedProxies};
pub use refresh::Refresh;
pub use server::{Application, Condition, OnLoad, Opening, Prepared, ServeError};
pub use settings::{Retraining, Settings};
