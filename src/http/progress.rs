//! How far a request is: the data of a `progress` event, which is made where the work is done.

use serde::Serialize;

/// The data of a `progress` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(in crate::http) struct Progress {
    /// `reading`, `grouping`, `writing` or `drawing`.
    step: &'static str,
    /// Rows read so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    /// Segments written so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<usize>,
    /// Segments to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
}

impl Progress {
    pub fn step(step: &'static str) -> Self {
        Self { step, rows: None, done: None, of: None }
    }

    pub fn rows(self, rows: usize) -> Self {
        Self { rows: Some(rows), ..self }
    }

    pub fn done(self, done: usize, of: usize) -> Self {
        Self { done: Some(done), of: Some(of), ..self }
    }
}
