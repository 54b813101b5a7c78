//! Groups customers into segments and writes marketing content for each.
//!
//! The two places to look first: [`pipeline`] is everything that is learned (encoder, scaler, UMAP,
//! HDBSCAN, personas), pure and synchronous; [`http`] is everything a caller sees.
//!
//! Who may import whom (a line reads "left may import right"):
//!
//! ```text
//! main        → config, http, retrain
//! http        → content, model_store, customer, workbook
//! retrain     → model_store, pipeline, customer, workbook
//! content     → pipeline, customer
//! model_store → pipeline, customer
//! pipeline    → customer
//! workbook    → customer
//! customer, config → nothing of ours
//! ```

pub mod content;
pub mod customer;
pub mod pipeline;
