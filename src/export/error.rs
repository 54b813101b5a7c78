//! Why there is no export; each text is one sentence that says what to change.

use rust_xlsxwriter::XlsxError;
use zip::result::ZipError;

/// Why segments could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The kept answer is not JSON.
    #[error("the answer is not valid JSON")]
    NotJson(#[source] serde_json::Error),
    /// A part of the kept answer is not what an answer has there.
    #[error("{path} {rule}")]
    Shape {
        /// Which part, such as `clusters[3].members[17].Location`; of a bounded length.
        path: String,
        /// What it must be; quotes nothing.
        rule: String,
    },
    /// More rows than a sheet of Excel has.
    #[error("a sheet of Excel holds at most {limit} rows below its header: ask for csv, or export fewer")]
    TooManyRows {
        /// Rows below the header.
        limit: usize,
    },
    /// The customers have more different keys than a sheet should have columns.
    #[error("an export has at most {limit} columns: leave some keys out of the members")]
    TooManyColumns {
        /// How many columns there may be.
        limit: usize,
    },
    /// Rows times columns would make a file that nobody can open.
    #[error("an export has at most {limit} cells: export fewer rows or leave some keys out of the members")]
    TooManyCells {
        /// Rows times columns.
        limit: usize,
    },
    /// The file could not be written; no fault of what is in it.
    #[error("the export could not be written")]
    Write(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ExportError {
    /// What went wrong with the file itself.
    pub(super) fn write(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Write(Box::new(cause))
    }

    /// The same of a workbook: its writer's error names no cause where that is what the disk said.
    pub(super) fn write_workbook(error: XlsxError) -> Self {
        match error {
            XlsxError::IoError(cause) | XlsxError::ZipError(ZipError::Io(cause)) => Self::write(cause),
            other => Self::write(other),
        }
    }
}
