//! Segments and their customers as a file that a spreadsheet program opens: `.xlsx` or `.csv`.
//!
//! An [`Export`] is made of an answer as its caller kept it ([`KeptAnswer`]) or of a table that was just grouped, and
//! [written](Export::write) row by row, so that memory does not grow with the customers. Whatever text says, it stays
//! text: never a formula, never a link. Groups nothing and writes no content; knows no HTTP and keeps no file. May
//! import [`crate::segmentation`], [`crate::content`] (what was written), [`crate::pipeline`] and [`crate::customer`].

mod cell;
mod claims;
mod columns;
mod csv;
mod error;
mod json;
mod kept;
mod members;
mod rows;
mod segments;
mod sink;
mod size;
mod told;
mod tracked;
mod xlsx;

use std::io::Write;
use std::path::Path;
use std::str::FromStr;

pub use error::ExportError;
pub use kept::KeptAnswer;
pub use segments::Texts;

use crate::segmentation::Grouped;
use rows::{GroupedRows, Rows, Survey};
use segments::SegmentLine;

/// The kind of file to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// An Excel workbook: a sheet of segments and a sheet of customers.
    #[default]
    Xlsx,
    /// The customers as text separated by commas; the segments where no customers are listed.
    Csv,
}

impl Format {
    /// Every name that is understood; also the extension of a file.
    pub const NAMES: [&'static str; 2] = ["xlsx", "csv"];

    /// The extension of a file, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
        }
    }

    /// The media type, as registered with IANA.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// A name that is none of [`Format::NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", Format::NAMES.join(", "))]
pub struct NoFormat;

impl FromStr for Format {
    type Err = NoFormat;

    /// Reads a name in any case, with blanks around it allowed.
    fn from_str(name: &str) -> Result<Self, NoFormat> {
        match name.trim().to_ascii_lowercase().as_str() {
            "xlsx" => Ok(Self::Xlsx),
            "csv" => Ok(Self::Csv),
            _ => Err(NoFormat),
        }
    }
}

/// Segments and their customers, ready to be written; the customers are still where they came from.
pub struct Export<'a> {
    segments: Vec<SegmentLine<'a>>,
    rows: Rows<'a>,
    survey: Survey,
}

impl<'a> Export<'a> {
    /// The export of an answer that its caller kept.
    ///
    /// # Errors
    /// [`ExportError::Shape`] when a list of members holds something else than customers, or two lists contradict each
    /// other, [`ExportError::TooManyColumns`].
    pub fn of_answer(answer: KeptAnswer<'a>) -> Result<Self, ExportError> {
        let (mut segments, members) = answer.into_parts()?;
        let mut survey = Survey::default();
        for list in &members {
            let before = survey.n_rows();
            list.read_into(&mut survey)?;
            if let Some(line) = segments.get_mut(list.line) {
                line.rows_listed = survey.n_rows() - before;
            }
        }
        segments::complete(&mut segments);
        Ok(Self { segments, rows: Rows::Kept(members), survey })
    }

    /// The export of a grouped table, with every customer, and with what was written for its segments, if anything was.
    ///
    /// # Errors
    /// [`ExportError::TooManyColumns`].
    pub fn of_table(grouped: &'a Grouped, texts: Option<Texts<'a>>) -> Result<Self, ExportError> {
        let segments = segments::of_table(grouped, texts);
        let tracked = segments.iter().map(|line| line.tracked.ids()).collect();
        let rows = Rows::Grouped(GroupedRows { grouped, tracked });
        let mut survey = Survey::default();
        rows.read_into(&mut survey)?;
        Ok(Self { segments, rows, survey })
    }

    /// Whether it is of segments alone: their lines are then what a file of one table has.
    fn is_without_rows(&self) -> bool {
        self.survey.n_rows() == 0 && !self.segments.is_empty()
    }

    /// How many bytes [`Export::write`] puts to `out` and into scratch files at most.
    ///
    /// # Errors
    /// [`ExportError::TooManyRows`] and [`ExportError::TooManyCells`].
    pub fn most_bytes(&self, format: Format) -> Result<u64, ExportError> {
        match format {
            Format::Xlsx => xlsx::most_bytes(self),
            Format::Csv => csv::most_bytes(self),
        }
    }

    /// Writes the file to `out`. Blocking; what cannot be streamed waits in unnamed files of the folder `scratch`.
    ///
    /// # Errors
    /// [`ExportError::TooManyRows`] and [`ExportError::TooManyCells`] before anything is written,
    /// [`ExportError::Write`] with what went wrong at `out` or `scratch`.
    pub fn write(&self, format: Format, out: impl Write + Send, scratch: &Path) -> Result<(), ExportError> {
        self.most_bytes(format)?;
        match format {
            Format::Xlsx => xlsx::write(self, out, scratch),
            Format::Csv => csv::write(self, out),
        }
    }
}
