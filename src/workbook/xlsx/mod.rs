//! `.xlsx`, streamed cell by cell and read without laying a sheet out.
//!
//! Nearly every program writes the two large parts, the shared strings and the sheets, in the same plain XML. That is
//! read directly, several times as fast as by an XML parser. From the first thing that is not plain, the part is read
//! in its [canonical] form, which a parser makes of it. Calamine says which styles show a day; in tests it reads the
//! same workbooks, and where it reads one, the result is the same.

mod book;
#[cfg(any(test, feature = "fuzzing"))]
mod by_calamine;
mod canonical;
mod cell_value;
mod cells;
mod markup;
mod merges;
mod package;
mod reference;
mod rows_ahead;
mod strings;
mod styles;
mod walk;
mod window;

use std::io::{Read, Seek};

use crate::customer::TableBuilder;

use super::ahead::Helpers;
use super::{Limits, WorkbookError, sheets};

use book::XlsxBook;

/// Reads the sheets with customers, by several threads where there are `helpers`.
pub(super) fn read<R: Read + Seek + Send>(
    source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
    helpers: Option<&Helpers>,
) -> Result<(), WorkbookError> {
    sheets::read(&mut XlsxBook::open(source, helpers)?, builder, limits)
}

/// As [`read`]; returns whether all of the workbook is plain.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read_telling<R: Read + Seek + Send>(
    source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
) -> Result<bool, WorkbookError> {
    let mut book = XlsxBook::open(source, None)?;
    sheets::read(&mut book, builder, limits)?;
    Ok(book.is_plain)
}

/// Reads the sheets with customers by calamine.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read_by_calamine<R: Read + Seek>(
    source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
) -> Result<(), WorkbookError> {
    sheets::read(&mut by_calamine::CalamineBook::open(source)?, builder, limits)
}

#[cfg(test)]
mod tests;
