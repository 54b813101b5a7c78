//! The rows of a text looked at by several threads: the text is cut behind line feeds.
//!
//! A line is a row by itself unless a quote that an earlier line opened goes on over it. Only the reading in order
//! knows that, so what another thread found of a line counts only where the reading has come to its start between two
//! records. A line with a quote that is open at its end, or is text, is read once more in its turn. So wherever a text
//! is cut, the table is the same.

use std::io::{self, Read};
use std::marker::PhantomData;

use crate::customer::{Cell, RowReader, RowsAhead};
use crate::workbook::ahead::{Ahead, Helpers, Pieces};
use crate::workbook::feed::SheetFeed;
use crate::workbook::{Limits, WorkbookError};

use super::lines::Lines;
use super::record_feed::read_record;
use super::records::{Record, Records, Strays, is_blank};

/// How much is read at a time, in bytes.
const FETCH_BYTES: usize = 64 << 10;
/// A piece becomes no longer than this: a text without line feeds is read by one thread.
const MAX_PIECE_BYTES: usize = 1 << 20;
/// How much of a piece is read in order at a time, in bytes: a line or two.
const LINE_BYTES: usize = 16 << 10;

/// How a text falls into pieces.
struct TextPieces<'l, R> {
    delimiter: u8,
    limits: &'l Limits,
    piece_bytes: usize,
    source: PhantomData<fn(R)>,
}

/// A text from where it is read on.
struct Text<R> {
    source: R,
    /// What was read and is in no piece.
    left: Vec<u8>,
    /// What reading on gives.
    end: Option<io::Result<usize>>,
}

/// A piece, and what was found of its lines.
struct Seen {
    text: Vec<u8>,
    rows: RowsAhead,
    places: Vec<Place>,
}

/// Where a line is.
#[derive(Clone, Copy)]
struct Place {
    /// Behind its line break, from the start of the piece.
    end: usize,
    /// Its position among the rows; `None` where it is blank.
    row: Option<usize>,
    /// Whether it has to be read in its turn.
    is_odd: bool,
}

/// The pieces in their order, as a text: what of them is not taken row by row is read from here.
struct Upcoming<'a, 's, 'l, R: Read + Send> {
    ahead: &'a mut Ahead<'s, TextPieces<'l, R>>,
    seen: Option<Seen>,
    /// Up to where the piece was taken, and the first place that was not.
    at: usize,
    place: usize,
    /// Of pieces of which no row was taken.
    passed_over: Vec<RowsAhead>,
}

/// Reads the further records of a text by several threads. Gives the quotes of all that are never closed.
pub(super) fn read<R: Read + Send>(
    records: Records<R>,
    feed: &mut SheetFeed<'_>,
    helpers: &Helpers,
    readers: Vec<RowReader>,
) -> Result<Strays, WorkbookError> {
    let delimiter = records.delimiter();
    let (records, source, left) = records.replace_source(io::empty(), LINE_BYTES);
    let text = Text { source, left, end: None };
    let pieces =
        TextPieces { delimiter, limits: feed.limits(), piece_bytes: helpers.piece_bytes(), source: PhantomData };
    let put_together = |ahead: &mut Ahead<'_, _>| {
        let upcoming = Upcoming { ahead, seen: None, at: 0, place: 0, passed_over: Vec::new() };
        let (mut records, ..) = records.replace_source(upcoming, LINE_BYTES);
        loop {
            take_rows(&mut records, feed)?;
            if !read_record(&mut records, feed)? {
                return Ok(records.strays());
            }
        }
    };
    match helpers.ahead(&pieces, text, readers, put_together) {
        Some((strays, _)) => strays,
        None => Err(WorkbookError::io(io::Error::other("there is no thread"))),
    }
}

/// Takes the rows that were looked at, as far as their turn has come, up to one that has to be read.
fn take_rows<R: Read + Send>(
    records: &mut Records<Upcoming<'_, '_, '_, R>>,
    feed: &mut SheetFeed<'_>,
) -> Result<(), WorkbookError> {
    loop {
        let row = records.n_rows();
        let Some(upcoming) = records.drained_source() else { return Ok(()) };
        if upcoming.seen.is_none() && !upcoming.take_next() {
            return Ok(());
        }
        upcoming.passed_over.drain(..).for_each(|mut rows| feed.met(&mut rows));
        let Some(seen) = &mut upcoming.seen else { return Ok(()) };
        feed.met(&mut seen.rows);
        let Some(&Place { end, row: at, is_odd }) = seen.places.get(upcoming.place) else { return Ok(()) };
        if is_odd {
            return Ok(());
        }
        if let Some(at) = at {
            if !feed.row_ahead(row, &seen.rows, at)? {
                return Ok(());
            }
            feed.open_row(row.saturating_add(1))?;
        }
        let n_bytes = end - upcoming.at;
        upcoming.go_to(end);
        records.pass_line(n_bytes);
    }
}

impl<R: Read + Send> Upcoming<'_, '_, '_, R> {
    /// Goes on with the next piece, if there is one.
    fn take_next(&mut self) -> bool {
        self.seen = self.ahead.next();
        (self.at, self.place) = (0, 0);
        self.seen.is_some()
    }

    /// Takes the piece up to here.
    fn go_to(&mut self, at: usize) {
        let Some(seen) = &self.seen else { return };
        self.at = at;
        self.place += usize::from(seen.places.get(self.place).is_some_and(|place| place.end <= at));
        if at >= seen.text.len()
            && let Some(seen) = self.seen.take()
        {
            self.passed_over.push(seen.rows);
        }
    }
}

impl<R: Read + Send> Read for Upcoming<'_, '_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.seen.is_none() && !self.take_next() {
            return self.ahead.source().read(buffer);
        }
        let Some(seen) = &self.seen else { return Ok(0) };
        // No further than the line goes, so that behind it the next one may be taken.
        let end = seen.places.get(self.place).map_or(seen.text.len(), |place| place.end);
        let n_read = seen.text.get(self.at..end).unwrap_or_default().read(buffer)?;
        self.go_to(self.at + n_read);
        Ok(n_read)
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.left.is_empty() {
            let n_read = self.left.as_slice().read(buffer)?;
            self.left.drain(..n_read);
            return Ok(n_read);
        }
        match self.end.take() {
            Some(end) => end,
            None => self.source.read(buffer),
        }
    }
}

impl<R: Read> Text<R> {
    /// Reads on; `false` where there is no more, or it cannot be had.
    fn fetch(&mut self) -> bool {
        let before = self.left.len();
        self.left.resize(before + FETCH_BYTES, 0);
        let fetched = loop {
            match self.source.read(self.left.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                fetched => break fetched,
            }
        };
        let n_fetched = fetched.as_ref().map_or(0, |n_fetched| *n_fetched);
        self.left.truncate(before + n_fetched);
        if n_fetched == 0 {
            self.end = Some(fetched);
        }
        n_fetched > 0
    }
}

impl<R: Read + Send> Pieces for TextPieces<'_, R> {
    type Source = Text<R>;
    type Piece = Vec<u8>;
    type Looker = RowReader;
    type Seen = Seen;

    fn fetch(&self, text: &mut Text<R>) -> Option<Vec<u8>> {
        loop {
            let has_ended = text.end.is_some();
            if let Some(end) = self.end_of_piece(&text.left, has_ended) {
                let left = text.left.split_off(end + 1);
                return Some(std::mem::replace(&mut text.left, left));
            }
            let is_full = text.left.len() >= MAX_PIECE_BYTES.max(2 * self.piece_bytes);
            if has_ended || is_full || !text.fetch() && text.left.is_empty() {
                return None;
            }
        }
    }

    fn look(&self, reader: &mut RowReader, text: Vec<u8>) -> Seen {
        let mut lines = Lines::of(text);
        let (mut places, mut cells, mut start, mut n_rows) = (Vec::new(), Vec::new(), 0, 0);
        while let Ok(Some(line)) = lines.line(start) {
            let text = lines.text(line.start, line.end);
            let mut place = Place { end: line.next, row: None, is_odd: false };
            if !is_blank(text) {
                place.row = Some(n_rows);
                n_rows += 1;
                reader.begin_row();
                let is_read = std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| Record::of_line(text, line.has_quote, self.delimiter, &mut cells))
                    .is_some_and(|record| self.row(&record, reader));
                place.is_odd = !(reader.end_row() && is_read);
            }
            places.push(place);
            start = line.next;
        }
        Seen { rows: reader.take_rows(), places, text: lines.into_text() }
    }
}

impl<R> TextPieces<'_, R> {
    /// The line feed that a piece ends with: the first that makes it large enough, or the last one there is.
    fn end_of_piece(&self, text: &[u8], has_ended: bool) -> Option<usize> {
        let least = self.piece_bytes.saturating_sub(1);
        let behind = text.get(least..).and_then(|behind| memchr::memchr(b'\n', behind));
        match behind {
            Some(at) => Some(least + at),
            None if has_ended => memchr::memrchr(b'\n', text),
            None => None,
        }
    }

    /// Gives the cells of a record to the reader; whether they are within the limits.
    fn row(&self, record: &Record<'_>, reader: &mut RowReader) -> bool {
        let taken = record.each_cell(|column, cell| {
            if column >= self.limits.max_columns || cell.len() > self.limits.max_cell_bytes {
                return Err(());
            }
            reader.push_cell(column, Cell::Text(cell));
            Ok(())
        });
        taken.is_ok()
    }
}
