//! Bytes of `.xlsx`, `.xls` and `.csv` into customers; the content decides the kind, never the name.
//!
//! Read untrusted files by a [`Reader`]: it reads in a process of its own, with bounded memory and time, and checks
//! every byte of the answer. [`read`] and [`read_into`] read in this process, which a hostile file can make abort. All
//! are synchronous and know no HTTP. An `.xlsx` is streamed cell by cell, never laid out as a grid: a single far cell
//! costs nothing. Formulas are never calculated; what the file remembers of them is read. Nobody else reads with
//! calamine or zip.

mod ahead;
mod archive;
mod columns;
mod csv;
mod encoding;
mod error;
mod feed;
mod kind;
mod merge;
mod padding;
mod reader;
mod sheets;
mod totals;
mod unlock;
mod xls;
mod xlsx;

use std::io::{Cursor, Read, Seek};
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::config;
use crate::customer::{CustomerTable, Schema, TableBuilder};

pub use columns::{
    COLUMNS_EXTENSION, RowsOfCustomer, RowsOfCustomers, copy_columns_without, is_columns_file, read_columns,
    rows_of_customers, write_columns,
};
pub use error::{ReaderFault, WorkbookError};
#[cfg(feature = "fuzzing")]
pub use reader::fuzzing;
pub use reader::{Bounds, CellsFound, Confinement, READER_COMMAND, ReadRequest, Reader, Recorder, Watch, run_reader};
pub use totals::names_sums;

use ahead::Helpers;
use kind::FileKind;
use padding::Unpadded;

/// How large a workbook may be. What is larger is refused, not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// `MAX_ROWS`, rows below the headers of all sheets that hold anything; 1,000,000.
    pub max_rows: usize,
    /// Columns, counted to the last cell that holds anything.
    pub max_columns: usize,
    /// The text of one cell, in bytes.
    pub max_cell_bytes: usize,
    /// Sheets of one workbook, hidden ones included.
    pub max_sheets: usize,
    /// Parts of one archive.
    pub max_parts: usize,
    /// `MAX_UNPACKED_MB`, what the parts of one archive unpack to; 256.
    pub max_unpacked_bytes: u64,
    /// Different values of one column of names; only a [`Reader`] minds them.
    pub max_names: usize,
}

impl Limits {
    /// Reads the limits that can be set. The others: 1,024 columns, four times Excel's 32,767 characters (each takes up
    /// to four bytes), 256 sheets, 10,000 parts, 100,000 names a column.
    pub fn read(read: &mut config::Reader<'_>) -> Self {
        Self {
            max_rows: read.count("MAX_ROWS", 1_000_000, "rows").get(),
            max_columns: 1_024,
            max_cell_bytes: 131_072,
            max_sheets: 256,
            max_parts: 10_000,
            max_unpacked_bytes: read.megabytes("MAX_UNPACKED_MB", 1, 256),
            max_names: 100_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        config::defaults(Self::read)
    }
}

/// Reads the visible sheets that have the schema's required columns, as one table; the report says of every sheet what
/// it was used for. Dates after `today` are in the future.
///
/// A table without a row is not an error here:
/// [`CleaningReport::no_usable_row`](crate::customer::CleaningReport::no_usable_row) says why.
///
/// # Errors
/// One variant of [`WorkbookError`] for each way in which the file is not a readable workbook of customers.
pub fn read<R: Read + Seek + Send>(
    source: R,
    schema: Arc<Schema>,
    today: Date,
    limits: &Limits,
) -> Result<CustomerTable, WorkbookError> {
    let mut builder = TableBuilder::new(schema, today);
    read_into(source, &mut builder, limits)?;
    Ok(builder.finish())
}

/// Reads as [`read`] does, and adds the rows to those that the builder has already; copies are found across files.
///
/// To follow a long reading, have the builder [show its rows](TableBuilder::show_rows_in).
///
/// # Errors
/// As [`read`]. Rows read before the error stay in the builder.
pub fn read_into<R: Read + Seek + Send>(
    source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
) -> Result<(), WorkbookError> {
    read_by(source, builder, limits, None)
}

/// As [`read_into`], by several threads where there are `helpers`.
fn read_by<R: Read + Seek + Send>(
    mut source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
    helpers: Option<&Helpers>,
) -> Result<(), WorkbookError> {
    match kind::detect(&mut source, limits)? {
        FileKind::Xlsx => xlsx::read(Unpadded::new(source).map_err(WorkbookError::io)?, builder, limits, helpers),
        FileKind::UnlockedXlsx(bytes) => xlsx::read(Cursor::new(bytes), builder, limits, helpers),
        FileKind::Xls(bytes) => xls::read(bytes, builder, limits),
        FileKind::Text => csv::read(source, builder, limits, helpers),
    }
}

/// What an `.xlsx` becomes as it is read, and as calamine reads it.
#[cfg(any(test, feature = "fuzzing"))]
#[derive(Debug)]
pub struct BothWays {
    /// As it is read.
    pub read: Result<crate::customer::KeyedTable, WorkbookError>,
    /// As calamine reads it.
    pub by_calamine: Result<crate::customer::KeyedTable, WorkbookError>,
    /// Whether all of it is plain: then the two are the same wherever calamine reads it, or this is the place of a
    /// fault.
    pub is_plain: bool,
}

/// Reads an `.xlsx` both ways; `None` for what is none.
#[cfg(any(test, feature = "fuzzing"))]
pub fn both_ways(bytes: &[u8]) -> Option<BothWays> {
    let limits = Limits::default();
    let Ok(FileKind::Xlsx) = kind::detect(&mut Cursor::new(bytes), &limits) else { return None };
    let schema = Arc::new(Schema::built_in().ok()?);
    let builder = || TableBuilder::keyed(schema.clone(), jiff::civil::date(2026, 3, 1));
    let source = || Unpadded::new(Cursor::new(bytes)).ok();
    let (mut read, mut by_calamine) = (builder(), builder());
    let outcome = xlsx::read_telling(source()?, &mut read, &limits);
    let is_plain = outcome.as_ref().is_ok_and(|&is_plain| is_plain);
    // Calamine does not tell of it.
    read.forget_hidden();
    let outcome_by_calamine = xlsx::read_by_calamine(source()?, &mut by_calamine, &limits);
    Some(BothWays {
        read: outcome.map(|_| read.finish_keyed()),
        by_calamine: outcome_by_calamine.map(|()| by_calamine.finish_keyed()),
        is_plain,
    })
}
