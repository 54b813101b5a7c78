//! What a stream is placed by.

use jiff::civil::Date;

use crate::pipeline::{Model, TrainingProfile};

/// How to place rows.
#[derive(Debug, Clone, Copy)]
pub struct AssignRequest<'a> {
    /// What places them.
    pub model: &'a Model,
    /// Its version.
    pub version: &'a str,
    /// What its training's customers looked like, where that is known.
    pub profile: Option<&'a TrainingProfile>,
    /// The input's columns that are handed on, in this order; `None` for all of them.
    pub keep: Option<&'a [String]>,
    /// The day after which a date is in the future.
    pub today: Date,
}
