//! The service as its callers meet it: a real server on port 0, real sockets, a mock model behind the openai writer.
//!
//! One binary, because each further one links the whole crate again and trains a model of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an answer of another shape than the test expects should fail the test loudly"
)]

mod access;
mod admission;
mod app;
mod approval;
mod broken_versions;
mod callers;
mod comparing;
mod compression;
mod console;
mod contradictions;
mod described;
mod discovery;
mod download;
mod drift;
mod ending;
mod export;
mod export_rows;
mod failing_upstream;
mod foreign;
#[path = "../support/form.rs"]
mod form;
mod generate;
mod idempotency;
mod images;
#[path = "../reading/impostor.rs"]
mod impostor;
mod isolation;
mod keeping;
mod late_pictures;
mod left_out;
mod life;
mod lift;
mod live;
mod looking;
mod models;
mod named_levels;
mod offline;
mod one_audience;
mod portal;
mod private;
#[path = "../support/problems.rs"]
mod problems;
mod quarters;
mod rare_dates;
mod readers;
mod refusals;
mod refused_candidates;
mod retrain;
mod second_schema;
mod sheets;
mod singled_out;
mod store;
mod strict;
mod switching;
#[path = "../support/told_apart.rs"]
mod told_apart;
mod tracking;
mod trained;
mod upload;
mod upstream;
mod writers;
mod wrong_names;
