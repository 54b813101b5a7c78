//! The rows of a plain sheet looked at by several threads: the sheet's part is cut behind the end tags of rows.
//!
//! What another thread found of a row counts only where the reading has come to the start of that row, and the row is
//! as most are. Any other is walked through once more in its turn, so that wherever a part is cut, the table is the
//! same.

use std::io::Read;
use std::marker::PhantomData;

use crate::customer::{Cell, RowReader, RowsAhead};
use crate::workbook::ahead::{Ahead, Helpers, Pieces};
use crate::workbook::feed::SheetFeed;
use crate::workbook::{Limits, WorkbookError};

use super::cell_value::Content;
use super::cells::{Sheet, Step};
use super::markup::Cursor;
use super::walk::{Progress, Texts, Walked};
use super::window::{MAX_WINDOW_BYTES, Window};

/// Behind this a part may be cut.
const ROW_END: &[u8] = b"</row>";

/// The pieces of a sheet's part.
struct SheetPieces<'t, R> {
    texts: &'t Texts,
    limits: &'t Limits,
    source: PhantomData<fn(R)>,
}

/// A piece, and what was found of its rows.
struct Seen {
    bytes: Vec<u8>,
    rows: RowsAhead,
    places: Vec<Place>,
}

/// Where a row is, whose tags are plain.
struct Place {
    /// Behind its end tag, from the start of the piece.
    end: usize,
    /// The number that its tag says, counted from 0.
    number: Option<u32>,
    /// The number that its cells say; `None` where none holds anything.
    row: Option<u32>,
    n_cells: u64,
    /// Whether it has to be walked through in its turn.
    is_odd: bool,
}

/// Reads on in the sheet by several threads, up to the last end tag of a row. Gives why it came to its end; `None`
/// where the rows cannot be looked at ahead.
pub(super) fn read<R: Read + Send>(
    texts: &Texts,
    window: &mut Window<R>,
    progress: &mut Progress<'_>,
    feed: &mut SheetFeed<'_>,
    helpers: &Helpers,
) -> Result<Option<Walked>, WorkbookError> {
    let Some(readers) = feed.readers_ahead(helpers.n_lookers()) else { return Ok(None) };
    let pieces = SheetPieces { texts, limits: feed.limits(), source: PhantomData };
    let put_together = |ahead: &mut Ahead<'_, _>| put_together(texts, ahead, progress, feed);
    let Some((walked, window)) = helpers.ahead(&pieces, window, readers, put_together) else { return Ok(None) };
    let (walked, left) = walked?;
    window.give_back(&left);
    Ok(Some(walked))
}

/// Gives why the reading came to its end, and the bytes that are left of the pieces.
fn put_together<P: Pieces<Seen = Seen>>(
    texts: &Texts,
    ahead: &mut Ahead<'_, P>,
    progress: &mut Progress<'_>,
    feed: &mut SheetFeed<'_>,
) -> Result<(Walked, Vec<u8>), WorkbookError> {
    let mut left: Vec<u8> = Vec::new();
    while let Some(mut seen) = ahead.next() {
        feed.met(&mut seen.rows);
        let from = if left.is_empty() { take_rows(texts, &seen, progress, feed)? } else { 0 };
        left.extend_from_slice(seen.bytes.get(from..).unwrap_or_default());
        if left.is_empty() {
            continue;
        }
        let (n_left, mut walked) = texts.walk(progress, &left, feed)?;
        left.drain(..left.len() - n_left);
        if n_left > MAX_WINDOW_BYTES {
            walked = Walked::Unusual;
        }
        if walked != Walked::Incomplete {
            ahead.stop();
            while let Some(seen) = ahead.next() {
                left.extend_from_slice(&seen.bytes);
            }
            return Ok((walked, left));
        }
    }
    Ok((Walked::Incomplete, left))
}

/// Takes the rows of a piece, as far as their places are known. Gives where it came to its end.
fn take_rows(
    texts: &Texts,
    seen: &Seen,
    progress: &mut Progress<'_>,
    feed: &mut SheetFeed<'_>,
) -> Result<usize, WorkbookError> {
    let mut from = 0;
    for (at, place) in seen.places.iter().enumerate() {
        if !progress.sheet.is_between_rows() {
            break;
        }
        let is_taken = !place.is_odd
            && match place.row {
                Some(row) => feed.row_ahead(row, &seen.rows, at)?,
                None => true,
            };
        if is_taken {
            progress.n_cells += place.n_cells;
            progress.sheet.pass_row(place.number);
        } else {
            let row = seen.bytes.get(from..place.end).unwrap_or_default();
            let (n_left, walked) = texts.walk(progress, row, feed)?;
            if walked != Walked::Incomplete || n_left > 0 {
                return Ok(place.end - n_left);
            }
        }
        from = place.end;
    }
    Ok(from)
}

impl<'w, R: Read + Send> Pieces for SheetPieces<'_, &'w mut Window<R>> {
    type Source = &'w mut Window<R>;
    type Piece = Vec<u8>;
    type Looker = RowReader;
    type Seen = Seen;

    fn fetch(&self, window: &mut &'w mut Window<R>) -> Option<Vec<u8>> {
        window.fetch_through_last(ROW_END)
    }

    fn look(&self, reader: &mut RowReader, bytes: Vec<u8>) -> Seen {
        let mut sheet = Sheet::new(&self.texts.styles, self.texts.recalculates).within();
        let mut cursor = Cursor { rest: &bytes };
        let mut places = Vec::new();
        while let Some(place) = self.row(&mut sheet, &mut cursor, reader) {
            places.push(Place { end: bytes.len() - cursor.rest.len(), ..place });
        }
        Seen { rows: reader.take_rows(), places, bytes }
    }
}

impl<R> SheetPieces<'_, R> {
    /// The next row; `None` where it is not plain, or not whole.
    fn row(&self, sheet: &mut Sheet<'_>, cursor: &mut Cursor<'_>, reader: &mut RowReader) -> Option<Place> {
        let Ok(Step::Row) = sheet.step(cursor) else { return None };
        let number = sheet.row_begun();
        let mut place = Place { end: 0, number, row: None, n_cells: 0, is_odd: false };
        reader.begin_row();
        if sheet.is_hidden {
            reader.hide_row();
        }
        while !sheet.is_between_rows() {
            let (row, column, content) = match sheet.step(cursor) {
                Ok(Step::Cell { row, column, content }) => (row, column as usize, content),
                Ok(Step::Row) => break,
                Ok(Step::Begun | Step::Ended) | Err(_) => return None,
            };
            let mut cell = self.texts.cell(content, &sheet.scratch)?;
            if let Content::Digits(digits) = content
                && reader.identifies(column)
            {
                cell = Cell::Digits(digits);
            }
            place.n_cells += 1;
            place.is_odd |= content == Content::NoResult;
            if cell.is_blank() {
                continue;
            }
            let is_in_row = row != Sheet::UNKNOWN_ROW && place.row.is_none_or(|before| before == row);
            let is_long = matches!(cell, Cell::Text(text) if text.len() > self.limits.max_cell_bytes);
            place.is_odd |= !is_in_row || is_long || column >= self.limits.max_columns;
            place.row = Some(row);
            match (content, cell) {
                (Content::Shared(number), Cell::Text(text)) => reader.push_shared(column, number, text),
                _ => reader.push_cell(column, cell),
            }
        }
        reader.end_row();
        // The tests that compare with calamine check for it.
        place.is_odd |= std::mem::take(&mut sheet.is_odd);
        Some(place)
    }
}
