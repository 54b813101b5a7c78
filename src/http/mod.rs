//! Everything a caller sees: routes, wire types, problems, and the life of the server.
//!
//! The only module that knows axum, JSON bodies and status codes. A handler extracts, takes one snapshot of the live
//! model, calls, and maps the result; the processor's work runs on blocking threads, a bounded number at a time. May
//! import [`crate::retrain::worker`], [`crate::schedule`], [`crate::export`], [`crate::segmentation`], [`crate::content`],
//! [`crate::model_store`], [`crate::upload_store`], [`crate::pipeline`] (personas and placements), [`crate::customer`]
//! and [`crate::workbook`].

mod admission;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod idempotency;
mod metrics;
mod problem;
mod request;
mod request_id;
mod response;
mod router;
mod routes;
mod server;
mod settings;
mod state;
mod tasks;

pub use admission::{Key, TrustedProxies};
pub use server::{Application, Condition, OnLoad, Opening, Prepared, ServeError};
pub use settings::{Retraining, Settings};
pub use tasks::refresh::Refresh;
