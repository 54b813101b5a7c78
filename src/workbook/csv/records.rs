//! A text cut into records, each the line of a row or, where a quoted cell holds line breaks, several lines.
//!
//! The `csv` crate believes every quote that opens a cell: one that is never closed swallows all rows up to the next
//! quote, or to the end, in silence. Here a cell of several lines has to be sound to be one (RFC 4180: closed by a
//! quote that a delimiter or a line break follows, with every quote inside doubled), and none of the lines that it
//! takes may look like a row of its own. Otherwise its quote is text, and each line is a row.

use std::io::Read;

use super::lines::{Line, Lines};
use super::quotes::{self, Cell, Closing};
use crate::workbook::WorkbookError;

/// How DOS marks the end of a text.
const DOS_END: &[u8] = b"\x1a";

/// Says which cells of a line show that it is a row or a header: see [`Records::next`].
pub(super) type Signs<'a> = dyn FnMut(&[&str], &[&str]) -> Vec<usize> + 'a;

/// The records of a text.
pub(super) struct Records<R> {
    lines: Lines<R>,
    delimiter: u8,
    max_cell_bytes: usize,
    /// Lines before the next record, and rows before it: a row of several lines is one.
    n_lines: u64,
    n_rows: u32,
    cells: Vec<Cell>,
    strays: Strays,
    /// Up to here in the text no quote that is open at the end of its line is ever closed.
    stray_until: u64,
}

/// A record of a text.
pub(super) struct Record<'a> {
    text: &'a str,
    delimiter: u8,
    /// Where its cells are; `None` where every delimiter parts two.
    cells: Option<&'a [Cell]>,
    /// Its row, counted from 0, blank lines included.
    pub row: u32,
}

/// Quotes that open a cell and are never closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Strays {
    /// In how many lines.
    pub n_lines: u64,
    /// The first of them, counted from 1.
    pub first_line: u64,
}

impl<R: Read> Records<R> {
    /// The records of a text in UTF-8, of which no cell is longer.
    pub(super) fn new(text: R, delimiter: u8, max_cell_bytes: usize) -> Self {
        Self {
            lines: Lines::new(text),
            delimiter,
            max_cell_bytes,
            n_lines: 0,
            n_rows: 0,
            cells: Vec::new(),
            strays: Strays::default(),
            stray_until: 0,
        }
    }

    /// The same place in a text that goes on in another source; see [`Lines::replace_source`].
    pub(super) fn replace_source<S>(self, source: S, fetch_bytes: usize) -> (Records<S>, R, Vec<u8>) {
        let (lines, before, left) = self.lines.replace_source(source, fetch_bytes);
        let Self { delimiter, max_cell_bytes, n_lines, n_rows, cells, strays, stray_until, .. } = self;
        let records = Records { lines, delimiter, max_cell_bytes, n_lines, n_rows, cells, strays, stray_until };
        (records, before, left)
    }

    /// What the text is read from, where everything that was read is in records; `None` where it is not.
    pub(super) fn drained_source(&mut self) -> Option<&mut R> {
        if self.lines.is_drained() { Some(self.lines.source()) } else { None }
    }

    /// What parts two cells.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The row of the next record, blank lines included.
    pub(super) fn n_rows(&self) -> u32 {
        self.n_rows
    }

    /// Takes note of a line that is not read from the source.
    pub(super) fn pass_line(&mut self, n_bytes: usize) {
        self.n_rows = self.n_rows.saturating_add(1);
        self.n_lines += 1;
        self.lines.pass(n_bytes as u64);
    }

    /// Quotes so far that open a cell and are never closed.
    pub(super) fn strays(&self) -> Strays {
        self.strays
    }

    /// The next record; blank lines are none.
    ///
    /// `signs` is given the first line of a record, which may be the header, and one of its lines, each split at every
    /// delimiter: it says which of the line's cells show that it is a row of its own, or a header, if any do.
    ///
    /// # Errors
    /// [`WorkbookError::OpenQuote`] where a quote opens a cell that ends nowhere within the longest cell, and nothing
    /// in between is a row; [`WorkbookError::UnreadableText`]; [`WorkbookError::Io`].
    pub(super) fn next(&mut self, signs: &mut Signs<'_>) -> Result<Option<Record<'_>>, WorkbookError> {
        loop {
            let Some(line) = self.lines.line(0).map_err(WorkbookError::io)? else { return Ok(None) };
            let row = self.n_rows;
            self.n_rows = row.saturating_add(1);
            self.n_lines += 1;
            if is_blank(self.lines.text(0, line.end)) {
                self.lines.take(line.end, line.next);
                continue;
            }
            let last = if line.has_quote { self.split(line, signs)? } else { line };
            let text = std::str::from_utf8(self.lines.take(last.end, last.next));
            let text = text.map_err(|cause| WorkbookError::UnreadableText(cause.into()))?;
            let cells = line.has_quote.then_some(self.cells.as_slice());
            return Ok(Some(Record { text, delimiter: self.delimiter, cells, row }));
        }
    }

    /// Finds the cells of a record that starts with this line, which holds quotes. Gives its last line.
    fn split(&mut self, first: Line, signs: &mut Signs<'_>) -> Result<Line, WorkbookError> {
        self.cells.clear();
        let (mut line, mut at, mut has_stray) = (first, 0, false);
        loop {
            let mut found = quotes::cell(self.lines.text(0, line.end), at, self.delimiter);
            if found.closing == Some(Closing::Open)
                && let Some((whole, last)) = self.closing_below(first, line, at, signs)?
            {
                (found, line) = (whole, last);
            }
            has_stray |= matches!(found.closing, Some(Closing::Open | Closing::Never));
            self.cells.push(found);
            if found.next >= line.end {
                break;
            }
            at = found.next + 1;
        }
        if has_stray {
            let first_line = if self.strays.n_lines == 0 { self.n_lines } else { self.strays.first_line };
            self.strays = Strays { n_lines: self.strays.n_lines + 1, first_line };
        }
        self.n_lines += self.lines_within(first, line);
        Ok(line)
    }

    /// The whole of a cell that starts here and whose quote is open at the end of its line, and the line in which it is
    /// closed. `None` where its quote is text.
    fn closing_below(
        &mut self,
        first: Line,
        opening: Line,
        start: usize,
        signs: &mut Signs<'_>,
    ) -> Result<Option<(Cell, Line)>, WorkbookError> {
        let column = self.column(opening, start);
        if self.lines.offset(start) < self.stray_until || self.is_row(first, opening, signs, |sign| sign > column) {
            return Ok(None);
        }
        let open = self.lines.text(start, opening.end).iter().take_while(|&&byte| byte != b'"').count();
        let start = start + open + 1;
        let mut line = opening;
        loop {
            if line.next.saturating_sub(start) > self.max_cell_bytes {
                return Err(WorkbookError::OpenQuote { line: self.n_lines, limit: self.max_cell_bytes });
            }
            let Some(next) = self.lines.line(line.next).map_err(WorkbookError::io)? else { return Ok(None) };
            line = next;
            let closing = quotes::closing_later(self.lines.text(line.start, line.end), self.delimiter);
            let is_row = match closing {
                Closing::Never => true,
                Closing::Open => self.is_row(first, line, signs, |_| true),
                Closing::At { close, .. } => {
                    let column = self.column(line, line.start + close);
                    // What follows the cell shows nothing where it is in the same columns either way.
                    let is_shifted = column != self.cells.len();
                    self.is_row(first, line, signs, |sign| sign < column || is_shifted)
                }
            };
            if is_row {
                self.stray_until = self.lines.offset(line.start);
                return Ok(None);
            }
            if let Closing::At { close, end } = closing {
                let (end, next) = (line.start + close, line.start + end);
                return Ok(Some((Cell { start, end, is_quoted: true, next, closing: Some(closing) }, line)));
            }
        }
    }

    /// Whether a line looks like a row by one of its cells in these columns.
    fn is_row(&self, first: Line, line: Line, signs: &mut Signs<'_>, is_meant: impl Fn(usize) -> bool) -> bool {
        let cells = |line: Line| -> Vec<&str> {
            let text = self.lines.text(line.start, line.end);
            let cells =
                quotes::cells(text, self.delimiter).map(|cell| text.get(cell.start..cell.end).unwrap_or_default());
            cells.map(|cell| std::str::from_utf8(cell).unwrap_or_default().trim()).collect()
        };
        signs(&cells(first), &cells(line)).into_iter().any(is_meant)
    }

    /// The column of a position in a line that is read by itself.
    fn column(&self, line: Line, position: usize) -> usize {
        let cells = quotes::cells(self.lines.text(line.start, line.end), self.delimiter);
        cells.take_while(|cell| line.start + cell.next < position).count()
    }

    /// How many line breaks lie between two lines.
    fn lines_within(&self, first: Line, last: Line) -> u64 {
        let text = self.lines.text(first.end, last.start);
        let n_breaks = text.iter().filter(|&&byte| byte == b'\n').count();
        if n_breaks == 0 { memchr::memchr_iter(b'\r', text).count() as u64 } else { n_breaks as u64 }
    }
}

/// Whether a line is no row.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.is_empty() || line == DOS_END
}

impl<'a> Record<'a> {
    /// The record of one line; `None` where a quote in it opens a cell that may end in another line, or is text.
    pub(super) fn of_line(text: &'a str, has_quote: bool, delimiter: u8, cells: &'a mut Vec<Cell>) -> Option<Self> {
        cells.clear();
        if has_quote {
            cells.extend(quotes::cells(text.as_bytes(), delimiter));
            if cells.iter().any(|cell| matches!(cell.closing, Some(Closing::Open | Closing::Never))) {
                return None;
            }
        }
        let cells = has_quote.then_some(cells.as_slice());
        Some(Self { text, delimiter, cells, row: 0 })
    }
}

impl Record<'_> {
    /// How many cells it has, empty ones too.
    pub(super) fn n_cells(&self) -> usize {
        self.cells.map_or_else(|| self.text.split(char::from(self.delimiter)).count(), <[Cell]>::len)
    }

    /// Gives each cell with its column, counted from 0, up to the first error.
    pub(super) fn each_cell<E>(&self, mut take: impl FnMut(usize, &str) -> Result<(), E>) -> Result<(), E> {
        let Some(cells) = self.cells else {
            let mut cells = self.text.split(char::from(self.delimiter)).enumerate();
            return cells.try_for_each(|(column, cell)| take(column, cell));
        };
        for (column, cell) in cells.iter().enumerate() {
            let text = self.text.get(cell.start..cell.end).unwrap_or_default();
            if text.bytes().all(|byte| byte == b'"') {
                // Quotes alone are what is left of a pair.
                take(column, "")?;
            } else if cell.is_quoted && text.contains("\"\"") {
                take(column, &text.replace("\"\"", "\""))?;
            } else {
                take(column, text)?;
            }
        }
        Ok(())
    }
}
