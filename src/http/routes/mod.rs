//! One file a resource: its handlers with the types of their requests and answers. [`super::router`] lists them.

pub(super) mod answer_headers;
pub(super) mod compare;
pub(super) mod console;
pub(super) mod docs;
pub(super) mod export;
pub(super) mod generate;
pub(super) mod health;
pub(super) mod images;
pub(super) mod index;
mod job;
pub(super) mod map;
pub(super) mod metrics;
pub(super) mod models;
pub(super) mod openapi;
pub(super) mod retrain;
pub(super) mod segments;
pub(super) mod status;
mod trained_lift;
pub(super) mod upload;
mod upload_places;
pub(super) mod uploads;
