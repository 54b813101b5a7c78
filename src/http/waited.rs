//! The time that an answer spent waiting for the model API.

use std::time::Duration;

/// Of a request's time, what it spent waiting for the model API; a response carries it to the outermost layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waited(pub Duration);
