//! The ways in which a file is not a readable workbook; each text is one sentence that says what to change.

use crate::customer::MissingColumns;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkbookError {
    /// Not one byte, or blanks alone.
    #[error("the file is empty: send a workbook with a header row and customers below it")]
    Empty,
    /// The content is of another kind, whatever the name says.
    #[error("the file is {found}, not a workbook: save it as .xlsx, .xls or .csv and send that")]
    NotAWorkbook {
        /// What it is, such as `a PDF`.
        found: &'static str,
    },
    /// A password is needed to open it.
    #[error("the workbook is protected by a password: remove the password and send it again")]
    Encrypted,
    /// It starts as a workbook, but its parts cannot be read.
    #[error("the workbook is damaged: open it in a spreadsheet program, save it again and send that")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The text is in no encoding that can be told.
    #[error("the text of the file cannot be read: save it as CSV in UTF-8 and send that")]
    UnreadableText(#[source] Option<std::io::Error>),
    /// There is no sheet that could hold customers.
    #[error("the workbook has no visible sheet: unhide the sheet with the customers and send it again")]
    NoSheet,
    /// No sheet has a header row with the required columns.
    #[error("{0}")]
    MissingColumns(MissingColumns),
    /// More rows than are read at once.
    #[error("the sheet has more than {limit} rows: split it into smaller files")]
    TooManyRows {
        /// How many rows are read.
        limit: usize,
    },
    /// Something stands further right than is read.
    #[error(
        "cell {cell} holds something, but no more than {limit} columns are read: delete what is right of the table"
    )]
    TooManyColumns {
        /// The cell, such as `XFD1048576`.
        cell: String,
        /// How many columns are read.
        limit: usize,
    },
    /// A single cell holds a book.
    #[error("cell {cell} holds more than {limit} bytes of text: shorten it")]
    CellTooLong {
        /// The cell, such as `I17`.
        cell: String,
        /// How many bytes of a cell are read.
        limit: usize,
    },
    /// More sheets than are looked at.
    #[error("the workbook has more than {limit} sheets: send the sheet with the customers alone")]
    TooManySheets {
        /// How many sheets are looked at.
        limit: usize,
    },
    /// The bytes could not be had; no fault of the file.
    #[error("the file could not be read from where it is kept")]
    Io(#[source] std::io::Error),
}

impl WorkbookError {
    /// The parts of the workbook contradict its format.
    pub(super) fn damaged(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Damaged(Box::new(cause))
    }
}
