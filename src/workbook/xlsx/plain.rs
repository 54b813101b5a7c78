//! Plain workbooks, read without an XML parser and with the result of calamine.
//!
//! What a workbook consists of (its sheets, which of them are hidden, which styles show a day), calamine is asked once
//! over ([`Anatomy`]); what is read here are the two large parts, the shared strings and the sheet. Whatever is not as
//! nearly every program writes it is left to calamine: before the first cell, or from the cell on that is unusual.

use std::io::{Read, Seek};

use zip::ZipArchive;

use crate::customer::{Cell, TableBuilder};
use crate::workbook::feed::{Closest, SheetEnd, SheetFeed};
use crate::workbook::{Limits, WorkbookError};

use super::Resume;
use super::anatomy::Anatomy;
use super::cells::{Content, Sheet, Step};
use super::markup::{Cursor, Stop};
use super::strings::SharedStrings;
use super::window::Window;

/// A workbook that looks plain.
pub(super) struct PlainBook<'s, R> {
    archive: ZipArchive<&'s mut R>,
    anatomy: Anatomy,
    strings: SharedStrings,
}

/// How far a sheet was read.
enum Reading {
    Ended(SheetEnd),
    /// Up to something unusual, behind so many cells.
    Unusual(u64),
}

impl<'s, R: Read + Seek> PlainBook<'s, R> {
    /// Opens a workbook; `None` where it is not plain.
    pub(super) fn open(source: &'s mut R, limits: &Limits) -> Option<Self> {
        let mut archive = ZipArchive::new(source).ok()?;
        let anatomy = Anatomy::of(&mut archive, limits.max_sheets)?;
        let strings = match anatomy.strings {
            None => SharedStrings::default(),
            Some(part) => SharedStrings::read(archive.by_index(part).ok()?).ok()?,
        };
        Some(Self { archive, anatomy, strings })
    }

    /// Reads the first visible sheet whose header matches; `Some` where calamine has to go on.
    pub(super) fn read(
        &mut self,
        builder: &mut TableBuilder,
        limits: &Limits,
    ) -> Result<Option<Resume>, WorkbookError> {
        let mut closest = Closest::default();
        for (sheet, part) in std::mem::take(&mut self.anatomy.sheets).into_iter().enumerate() {
            let mut feed = SheetFeed::begin(builder, limits, self.anatomy.is_1904);
            let reading = match part {
                Some(part) => self.read_sheet(part, &mut feed)?,
                None => Reading::Unusual(0),
            };
            match reading {
                Reading::Ended(SheetEnd::Read) => return Ok(None),
                Reading::Ended(SheetEnd::NoHeader(missing)) => closest.note(missing),
                Reading::Unusual(cells) => {
                    return Ok(Some(Resume { sheet, cells, feed: Some(feed.pause()), closest }));
                }
            }
        }
        Err(closest.into_error())
    }

    fn read_sheet(&mut self, part: usize, feed: &mut SheetFeed<'_>) -> Result<Reading, WorkbookError> {
        let Ok(part) = self.archive.by_index(part) else { return Ok(Reading::Unusual(0)) };
        let mut window = Window::new(part);
        let mut sheet = Sheet::new(&self.anatomy.styles);
        let mut cells = 0;
        loop {
            let mut cursor = Cursor { rest: window.bytes() };
            let (left, stop) = loop {
                let left = cursor.rest.len();
                match sheet.step(&mut cursor) {
                    Ok(Step::Cell { row, column, content }) => {
                        let Some(cell) = self.strings.cell(content, &sheet.scratch, self.anatomy.is_1904) else {
                            break (left, Stop::Unusual);
                        };
                        cells += 1;
                        if cell.is_blank() {
                            continue;
                        }
                        if let Err(missing) = feed.open_row(row)? {
                            return Ok(Reading::Ended(SheetEnd::NoHeader(missing)));
                        }
                        feed.cell(column as usize, cell)?;
                    }
                    Ok(Step::Begun | Step::Row) => {}
                    Ok(Step::Ended) => return feed.end().map(Reading::Ended),
                    Err(stop) => break (left, stop),
                }
            };
            window.take_up_to(left);
            if stop == Stop::Unusual || !window.fetch() {
                return Ok(Reading::Unusual(cells));
            }
        }
    }
}

impl SharedStrings {
    /// A cell as the builder takes it; `None` for a string that there is not.
    #[inline]
    fn cell<'a>(&'a self, content: Content<'a>, scratch: &'a str, is_1904: bool) -> Option<Cell<'a>> {
        Some(match content {
            Content::Shared(number) => Cell::Text(self.get(number)?),
            Content::Text(text) => Cell::Text(text),
            Content::Scratch => Cell::Text(scratch),
            Content::Number(number) => Cell::Number(number),
            Content::Day(serial_days) => Cell::DateTime { serial_days, is_1904 },
            Content::Flag(value) => Cell::Bool(value),
            Content::Error => Cell::Error,
            // What calamine does not know is left out like what is not there.
            Content::Nothing | Content::Unknown => Cell::Empty,
        })
    }
}
