//! The time that an answer spent waiting: for the model API, or for its own rejection.

use std::time::Duration;

/// Of a request's time, what it spent waiting for the model API; a response carries it to the outermost layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waited(pub Duration);

/// Of a request's time, how long it was kept waiting before it was not admitted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delayed(pub Duration);
