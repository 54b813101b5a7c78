//! The ways in which a file is not a readable workbook; each text is one sentence that says what to change.

use std::error::Error;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::customer::{BrokenTable, MissingColumns};

/// What lies behind an error. From the reader process its text alone arrives.
type Cause = Box<dyn Error + Send + Sync>;

/// Why a file was not read. The reader process writes all but the last five, which are about it.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum WorkbookError {
    /// Not one byte, or blanks alone.
    #[error("the file is empty: send a workbook with a header row and customers below it")]
    Empty,
    /// The content is of another kind, whatever the name says.
    #[error("the file is {found}, not a workbook: save it as .xlsx, .xls or .csv and send that")]
    NotAWorkbook {
        /// What it is, such as `a PDF`.
        found: String,
    },
    /// A password is needed to open it.
    #[error("the workbook is protected by a password: remove the password and send it again")]
    Encrypted,
    /// It starts as a workbook, but its parts cannot be read.
    #[error("the workbook is damaged: open it in a spreadsheet program, save it again and send that")]
    Damaged(
        #[source]
        #[serde(with = "cause")]
        Cause,
    ),
    /// The encoding of the text cannot be determined.
    #[error("the text of the file cannot be read: save it as CSV in UTF-8 and send that")]
    UnreadableText(
        #[source]
        #[serde(with = "cause")]
        Cause,
    ),
    /// A quote of a CSV file that is closed nowhere, and may take any number of rows with it.
    #[error(
        "line {line} opens a quote that is not closed within {limit} bytes: delete it, or double every quote inside a \
         cell"
    )]
    OpenQuote {
        /// The line, counted from 1.
        line: u64,
        /// How far was looked, in bytes.
        limit: usize,
    },
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
    /// A cell holds something further right than is read.
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
    /// An archive of more parts than any workbook has.
    #[error("the workbook is made of more than {limit} parts: save the sheet with the customers alone and send that")]
    TooManyParts {
        /// How many parts are looked at.
        limit: usize,
    },
    /// Much larger once unpacked than it looks.
    #[error(
        "the workbook unpacks to more than {} MB, or is packed too tightly: split it into smaller files",
        .limit_bytes >> 20
    )]
    UnpacksTooLarge {
        /// How much is unpacked, in bytes.
        limit_bytes: u64,
    },
    /// A column of names that hardly repeat.
    #[error("the column {column:?} holds more than {limit} different values: use a column whose values repeat")]
    TooManyValues {
        /// The schema's title of the column.
        column: String,
        /// How many are kept.
        limit: usize,
    },
    /// Identifiers are to be kept, and there is no room for so many.
    #[error("the identifiers take more than {} MB: split the workbook into smaller files", .limit_bytes >> 20)]
    IdentifiersTooLong {
        /// How much is kept of them, in bytes.
        limit_bytes: usize,
    },
    /// The bytes could not be had; no fault of the file.
    #[error("the file could not be read from where it is kept")]
    Io(
        #[source]
        #[serde(with = "cause")]
        Cause,
    ),
    /// The reader process asked for more memory than it may have.
    #[error("the workbook takes more than {} MB of memory to read: split it into smaller files", .limit_bytes >> 20)]
    #[serde(skip)]
    TooMuchMemory {
        /// How much it may have, in bytes.
        limit_bytes: u64,
    },
    /// The reader process was not done in time.
    #[error("the workbook takes more than {} seconds to read: split it into smaller files", .limit.as_secs())]
    #[serde(skip)]
    TooMuchTime {
        /// How long it may take.
        limit: Duration,
    },
    /// The reader process broke down over the file.
    #[error("the workbook cannot be read: open it in a spreadsheet program, save it again and send that")]
    #[serde(skip)]
    BrokeReader(#[source] ReaderFault),
    /// No reader process could be started; not the fault of the file.
    #[error("no process could be started to read the file")]
    #[serde(skip)]
    NoReader(#[source] std::io::Error),
    /// The caller does not want the file read any more.
    #[error("the reading was stopped")]
    #[serde(skip)]
    Stopped,
}

/// How a reader process broke down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReaderFault {
    /// It ended without an answer, as the text says: an exit status or a signal.
    #[error("the reader process ended: {0}")]
    Ended(String),
    /// Its answer is none.
    #[error("the reader process gave a broken answer: {0}")]
    BrokenAnswer(&'static str),
    /// Its answer contradicts itself.
    #[error("the reader process gave a broken answer")]
    BrokenTable(#[source] BrokenTable),
}

impl WorkbookError {
    /// Whether another file would be read: it is this one's fault, and not the machine's.
    pub fn is_of_the_file(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::NoReader(_) | Self::Stopped)
    }

    /// The same without cells of the file, for what is kept: the row that came closest to a header may be of anything.
    #[must_use]
    pub fn without_cells(self) -> Self {
        match self {
            Self::MissingColumns(missing) => Self::MissingColumns(MissingColumns { found: Vec::new(), ..missing }),
            other => other,
        }
    }

    /// The file is of another kind, such as `a PDF`.
    pub(super) fn not_a_workbook(found: &str) -> Self {
        Self::NotAWorkbook { found: found.to_owned() }
    }

    /// The parts of the workbook contradict its format.
    pub(super) fn damaged(cause: impl Into<Cause>) -> Self {
        Self::Damaged(cause.into())
    }

    /// The bytes could not be had.
    pub(super) fn io(cause: impl Into<Cause>) -> Self {
        Self::Io(cause.into())
    }
}

/// Errors of others on their way between processes: their text, with what lies behind them.
mod cause {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Cause;
    use crate::causes::{cut, with_causes};

    /// The longest text, in characters: a cause may quote the file.
    const MAX_CHARS: usize = 400;

    pub(super) fn serialize<S: Serializer>(cause: &Cause, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&cut(with_causes(cause.as_ref()), MAX_CHARS))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cause, D::Error> {
        String::deserialize(deserializer).map(Cause::from)
    }
}
