//! The cells of a sheet's part, given to its feed one after the other.

use crate::customer::Cell;
use crate::workbook::WorkbookError;
use crate::workbook::feed::{Flow, SheetFeed};

use super::cell_value::{Content, Shown};
use super::cells::{Sheet, Step};
use super::markup::{Cursor, Stop};
use super::strings::SharedStrings;

/// What the cells of all sheets refer to.
pub(super) struct Texts {
    pub strings: SharedStrings,
    pub styles: Vec<Shown>,
    pub is_1904: bool,
    pub recalculates: bool,
}

/// How far a sheet has been read.
pub(super) struct Progress<'t> {
    pub sheet: Sheet<'t>,
    pub n_cells: u64,
    /// So many cells were given to the feed by an earlier reading.
    pub n_skipped: u64,
}

/// Why a walk came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// The bytes did.
    Incomplete,
    /// What comes next is not plain.
    Unusual,
    /// The sheet's rows did.
    Ended,
    /// The feed wants no more.
    Enough,
}

impl Texts {
    /// Nothing of a sheet yet, of which so many cells are passed over.
    pub(super) fn begin(&self, n_skipped: u64) -> Progress<'_> {
        Progress { sheet: Sheet::new(&self.styles, self.recalculates), n_cells: 0, n_skipped }
    }

    /// Feeds the cells in `bytes`, as far as they are whole. Gives the number of bytes that are left.
    pub(super) fn walk(
        &self,
        progress: &mut Progress<'_>,
        bytes: &[u8],
        feed: &mut SheetFeed<'_>,
    ) -> Result<(usize, Walked), WorkbookError> {
        let sheet = &mut progress.sheet;
        let mut cursor = Cursor { rest: bytes };
        loop {
            let left = cursor.rest.len();
            match sheet.step(&mut cursor) {
                Ok(Step::Cell { row, column, content }) => {
                    let Some(mut cell) = self.cell(content, &sheet.scratch) else { return Ok((left, Walked::Unusual)) };
                    progress.n_cells += 1;
                    if progress.n_cells <= progress.n_skipped {
                        continue;
                    }
                    if cell.is_blank() {
                        if content == Content::NoResult {
                            if feed.open_row(row)? == Flow::Enough {
                                return Ok((left, Walked::Enough));
                            }
                            feed.formula_without_result(column as usize);
                        }
                        continue;
                    }
                    if feed.open_row(row)? == Flow::Enough {
                        return Ok((left, Walked::Enough));
                    }
                    if sheet.is_hidden {
                        feed.hide_row();
                    }
                    if let Content::Digits(digits) = content
                        && feed.identifies(column as usize)
                    {
                        cell = Cell::Digits(digits);
                        sheet.is_odd = true;
                    }
                    feed.cell(column as usize, cell)?;
                }
                Ok(Step::Begun | Step::Row) => {}
                Ok(Step::Ended) => return Ok((cursor.rest.len(), Walked::Ended)),
                Err(Stop::Unusual) => return Ok((left, Walked::Unusual)),
                Err(Stop::Incomplete) => return Ok((left, Walked::Incomplete)),
            }
        }
    }

    /// A cell as the builder takes it; `None` for a string that there is not.
    #[inline]
    pub(super) fn cell<'a>(&'a self, content: Content<'a>, scratch: &'a str) -> Option<Cell<'a>> {
        Some(match content {
            Content::Shared(number) => Cell::Text(self.strings.get(number)?),
            Content::Text(text) => Cell::Text(text),
            Content::Scratch => Cell::Text(scratch),
            Content::Number(number) => Cell::Number(number),
            Content::Digits(digits) => fast_float2::parse(digits).map_or(Cell::Empty, Cell::Number),
            Content::Day(serial_days) => Cell::DateTime { serial_days, is_1904: self.is_1904 },
            Content::Flag(value) => Cell::Bool(value),
            Content::Error => Cell::Error,
            // What nobody knows is left out like what is not there.
            Content::Nothing | Content::NoResult | Content::Unknown => Cell::Empty,
        })
    }
}
