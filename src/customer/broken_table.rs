//! The error of tables from elsewhere.

/// A table from elsewhere that contradicts itself or its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the table is not whole: {0}")]
pub struct BrokenTable(pub(super) &'static str);
