//! Files that a training left where they are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workbook that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LeftOutFile)]
pub struct SkippedFile {
    /// Its path below its folder.
    #[schema(example = "2026-01-01/letter.xlsx")]
    pub file: String,
    /// What is wrong with it.
    #[schema(example = "the file is not a workbook")]
    pub why: String,
}
