//! A workbook whose parts are read one after the other: each as it is written, and in its canonical form from where
//! that is not plain.

use std::io::{Read, Seek};

use zip::ZipArchive;

use crate::workbook::WorkbookError;
use crate::workbook::ahead::Helpers;
use crate::workbook::feed::SheetFeed;
use crate::workbook::sheets::{Book, SheetInfo};

use super::canonical::Canonical;
use super::merges::each_merge;
use super::package::Package;
use super::strings::SharedStrings;
use super::walk::{Texts, Walked};
use super::window::Window;
use super::{rows_ahead, styles};

/// An open workbook.
pub(super) struct XlsxBook<'h, R> {
    archive: ZipArchive<R>,
    helpers: Option<&'h Helpers>,
    package: Package,
    texts: Texts,
    /// Whether nothing was read by a parser, and nothing left out.
    pub is_plain: bool,
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

impl<'h, R: Read + Seek + Send> XlsxBook<'h, R> {
    /// Opens a workbook, whose rows are looked at by the helpers as well, if there are any.
    ///
    /// # Errors
    /// [`WorkbookError::Damaged`] where the archive, the list of sheets or the shared strings cannot be read.
    pub(super) fn open(source: R, helpers: Option<&'h Helpers>) -> Result<Self, WorkbookError> {
        let mut archive = ZipArchive::new(source).map_err(WorkbookError::damaged)?;
        let package = Package::read(&mut archive)?;
        let styles = styles::read(&mut archive, package.styles);
        let (strings, is_plain) = match package.strings {
            None => (SharedStrings::default(), true),
            Some(part) => strings(&mut archive, part, helpers)?,
        };
        let (is_1904, recalculates) = (package.is_1904, package.recalculates);
        let texts = Texts { strings, styles, is_1904, recalculates };
        Ok(Self { archive, helpers, package, texts, is_plain })
    }
}

impl<R: Read + Seek + Send> Book for XlsxBook<'_, R> {
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
        let n_cells = match read(&self.texts, &mut window(plain, self.helpers), 0, feed, self.helpers)? {
            Reading::Done { is_odd } => {
                self.is_plain &= !is_odd;
                return Ok(());
            }
            Reading::Unusual(n_cells) => n_cells,
        };
        self.is_plain = false;
        let canonical = Canonical::new(self.archive.by_index(part).map_err(WorkbookError::damaged)?);
        let mut window = window(canonical, self.helpers);
        match read(&self.texts, &mut window, n_cells, feed, self.helpers)? {
            Reading::Done { .. } => Ok(()),
            Reading::Unusual(_) => Err(match window.into_source().fault() {
                Some(fault) => WorkbookError::damaged(fault),
                None => WorkbookError::damaged("a cell contradicts the format"),
            }),
        }
    }
}

/// The shared strings in their part, and whether that is plain.
fn strings<R: Read + Seek + Send>(
    archive: &mut ZipArchive<R>,
    part: usize,
    helpers: Option<&Helpers>,
) -> Result<(SharedStrings, bool), WorkbookError> {
    let plain = archive.by_index(part).map_err(WorkbookError::damaged)?;
    if let Ok(strings) = SharedStrings::read(plain, helpers) {
        return Ok((strings, true));
    }
    let mut canonical = Canonical::of_strings(archive.by_index(part).map_err(WorkbookError::damaged)?);
    SharedStrings::read(&mut canonical, None).map(|strings| (strings, false)).map_err(|_| match canonical.fault() {
        Some(fault) => WorkbookError::damaged(fault),
        None => WorkbookError::damaged("the shared strings contradict the format"),
    })
}

fn window<R: Read>(part: R, helpers: Option<&Helpers>) -> Window<R> {
    match helpers {
        Some(helpers) => Window::of_bytes(part, helpers.piece_bytes()),
        None => Window::new(part),
    }
}

/// Feeds the cells of a sheet's part, but for the first `n_skipped`, and its merged cells.
fn read<R: Read + Send>(
    texts: &Texts,
    window: &mut Window<R>,
    n_skipped: u64,
    feed: &mut SheetFeed<'_>,
    mut helpers: Option<&Helpers>,
) -> Result<Reading, WorkbookError> {
    let mut progress = texts.begin(n_skipped);
    loop {
        let (left, mut walked) = texts.walk(&mut progress, window.bytes(), feed)?;
        window.take_up_to(left);
        if walked == Walked::Incomplete
            && progress.n_cells >= n_skipped
            && let Some(some) = helpers
            && let Some(ahead) = rows_ahead::read(texts, window, &mut progress, feed, some)?
        {
            helpers = None;
            walked = ahead;
            if walked == Walked::Incomplete {
                // What is left in the window was not walked through.
                continue;
            }
        }
        match walked {
            Walked::Enough => return Ok(Reading::Done { is_odd: progress.sheet.is_odd }),
            Walked::Ended => return merges(window, feed).map(|()| Reading::Done { is_odd: progress.sheet.is_odd }),
            Walked::Incomplete if window.fetch() => {}
            Walked::Incomplete | Walked::Unusual => return Ok(Reading::Unusual(progress.n_cells)),
        }
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
