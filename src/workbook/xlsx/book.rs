//! A workbook whose parts are read one after the other: each as it is written, and in its canonical form from where
//! that is not plain.

use std::io::{Read, Seek};

use zip::ZipArchive;

use crate::customer::Cell;
use crate::workbook::WorkbookError;
use crate::workbook::feed::{Flow, SheetFeed};
use crate::workbook::sheets::{Book, SheetInfo};

use super::canonical::Canonical;
use super::cell_value::{Content, Shown};
use super::cells::{Sheet, Step};
use super::markup::{Cursor, Stop};
use super::merges::each_merge;
use super::package::Package;
use super::strings::SharedStrings;
use super::styles;
use super::window::Window;

/// An open workbook.
pub(super) struct XlsxBook<R> {
    archive: ZipArchive<R>,
    package: Package,
    texts: Texts,
    /// Whether nothing was read by a parser, and nothing left out.
    pub is_plain: bool,
}

/// What the cells of all sheets refer to.
struct Texts {
    strings: SharedStrings,
    styles: Vec<Shown>,
    is_1904: bool,
    recalculates: bool,
}

/// How far a part was read.
enum Reading {
    Done {
        /// Whether calamine would read a value in another way.
        is_odd: bool,
    },
    /// Up to something that is not plain, behind so many cells.
    Unusual(u64),
}

impl<R: Read + Seek> XlsxBook<R> {
    /// # Errors
    /// [`WorkbookError::Damaged`] where the archive, the list of sheets or the shared strings cannot be read.
    pub(super) fn open(source: R) -> Result<Self, WorkbookError> {
        let mut archive = ZipArchive::new(source).map_err(WorkbookError::damaged)?;
        let package = Package::read(&mut archive)?;
        let styles = styles::read(&mut archive, package.styles);
        let (strings, is_plain) = match package.strings {
            None => (SharedStrings::default(), true),
            Some(part) => strings(&mut archive, part)?,
        };
        let (is_1904, recalculates) = (package.is_1904, package.recalculates);
        Ok(Self { archive, package, texts: Texts { strings, styles, is_1904, recalculates }, is_plain })
    }
}

impl<R: Read + Seek> Book for XlsxBook<R> {
    fn sheets(&self) -> &[SheetInfo] {
        &self.package.sheets
    }

    fn is_1904(&self) -> bool {
        self.package.is_1904
    }

    fn has_pivot_table(&mut self, sheet: usize) -> bool {
        self.package.has_pivot_table(&mut self.archive, sheet)
    }

    fn feed(&mut self, sheet: usize, feed: &mut SheetFeed<'_>) -> Result<(), WorkbookError> {
        let part = self.package.parts.get(sheet).copied().flatten();
        let part = part.ok_or_else(|| WorkbookError::damaged("a sheet has no part"))?;
        let plain = self.archive.by_index(part).map_err(WorkbookError::damaged)?;
        let n_cells = match self.texts.read(&mut Window::new(plain), 0, feed)? {
            Reading::Done { is_odd } => {
                self.is_plain &= !is_odd;
                return Ok(());
            }
            Reading::Unusual(n_cells) => n_cells,
        };
        self.is_plain = false;
        let canonical = Canonical::new(self.archive.by_index(part).map_err(WorkbookError::damaged)?);
        let mut window = Window::new(canonical);
        match self.texts.read(&mut window, n_cells, feed)? {
            Reading::Done { .. } => Ok(()),
            Reading::Unusual(_) => Err(match window.into_source().fault() {
                Some(fault) => WorkbookError::damaged(fault),
                None => WorkbookError::damaged("a cell contradicts the format"),
            }),
        }
    }
}

/// The shared strings in their part, and whether that is plain.
fn strings<R: Read + Seek>(archive: &mut ZipArchive<R>, part: usize) -> Result<(SharedStrings, bool), WorkbookError> {
    let plain = archive.by_index(part).map_err(WorkbookError::damaged)?;
    if let Ok(strings) = SharedStrings::read(plain) {
        return Ok((strings, true));
    }
    let mut canonical = Canonical::of_strings(archive.by_index(part).map_err(WorkbookError::damaged)?);
    SharedStrings::read(&mut canonical).map(|strings| (strings, false)).map_err(|_| match canonical.fault() {
        Some(fault) => WorkbookError::damaged(fault),
        None => WorkbookError::damaged("the shared strings contradict the format"),
    })
}

impl Texts {
    /// Feeds the cells of a sheet's part, but for the first `n_skipped`, and its merged cells.
    fn read<R: Read>(
        &self,
        window: &mut Window<R>,
        n_skipped: u64,
        feed: &mut SheetFeed<'_>,
    ) -> Result<Reading, WorkbookError> {
        let mut sheet = Sheet::new(&self.styles, self.recalculates);
        let mut n_cells = 0_u64;
        loop {
            let mut cursor = Cursor { rest: window.bytes() };
            let (left, stop) = loop {
                let left = cursor.rest.len();
                match sheet.step(&mut cursor) {
                    Ok(Step::Cell { row, column, content }) => {
                        let Some(cell) = self.cell(content, &sheet.scratch) else { break (left, Some(Stop::Unusual)) };
                        n_cells += 1;
                        if n_cells <= n_skipped {
                            continue;
                        }
                        if cell.is_blank() {
                            if content == Content::NoResult {
                                if feed.open_row(row)? == Flow::Enough {
                                    return Ok(Reading::Done { is_odd: sheet.is_odd });
                                }
                                feed.formula_without_result(column as usize);
                            }
                            continue;
                        }
                        if feed.open_row(row)? == Flow::Enough {
                            return Ok(Reading::Done { is_odd: sheet.is_odd });
                        }
                        feed.cell(column as usize, cell)?;
                    }
                    Ok(Step::Begun | Step::Row) => {}
                    Ok(Step::Ended) => break (cursor.rest.len(), None),
                    Err(stop) => break (left, Some(stop)),
                }
            };
            window.take_up_to(left);
            match stop {
                None => return merges(window, feed).map(|()| Reading::Done { is_odd: sheet.is_odd }),
                Some(Stop::Unusual) => return Ok(Reading::Unusual(n_cells)),
                Some(Stop::Incomplete) if !window.fetch() => return Ok(Reading::Unusual(n_cells)),
                Some(Stop::Incomplete) => {}
            }
        }
    }

    /// A cell as the builder takes it; `None` for a string that there is not.
    #[inline]
    fn cell<'a>(&'a self, content: Content<'a>, scratch: &'a str) -> Option<Cell<'a>> {
        Some(match content {
            Content::Shared(number) => Cell::Text(self.strings.get(number)?),
            Content::Text(text) => Cell::Text(text),
            Content::Scratch => Cell::Text(scratch),
            Content::Number(number) => Cell::Number(number),
            Content::Day(serial_days) => Cell::DateTime { serial_days, is_1904: self.is_1904 },
            Content::Flag(value) => Cell::Bool(value),
            Content::Error => Cell::Error,
            // What nobody knows is left out like what is not there.
            Content::Nothing | Content::NoResult | Content::Unknown => Cell::Empty,
        })
    }
}

/// Feeds the merged cells behind a sheet's rows.
fn merges<R: Read>(window: &mut Window<R>, feed: &mut SheetFeed<'_>) -> Result<(), WorkbookError> {
    let mut fed = Ok(());
    if feed.wants_merges() {
        each_merge(window, |merge| {
            if fed.is_ok() {
                fed = feed.merge(merge);
            }
        });
    }
    fed
}
