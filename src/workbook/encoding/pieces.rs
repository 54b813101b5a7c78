//! A stream in pieces that end where a line does, so that no letter is cut in two.

use std::io::{self, Read};

/// How much is fetched at a time, in bytes.
const FETCH_BYTES: usize = 64 * 1024;
/// A longer line is cut, between letters where it has any ASCII: twice the longest cell that is read by default.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// The pieces of a stream.
pub(super) struct Pieces<R> {
    source: R,
    buffer: Vec<u8>,
    /// What the last piece took of the buffer.
    taken: usize,
    is_at_end: bool,
}

impl<R: Read> Pieces<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), taken: 0, is_at_end: false }
    }

    /// The next piece, which holds something; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.drain(..self.taken.min(self.buffer.len()));
        self.taken = 0;
        let mut searched = 0;
        while !self.is_at_end {
            let fetched = self.fetch()?;
            let found = self.buffer.get(searched..).and_then(|new| memchr::memrchr2(b'\n', b'\r', new));
            if fetched > 0
                && let Some(found) = found
            {
                self.taken = searched + found + 1;
                break;
            }
            searched = self.buffer.len();
            if searched >= MAX_LINE_BYTES {
                // No charset has a letter with such a byte in it.
                self.taken = self.buffer.iter().rposition(|&byte| byte < b'0').map_or(searched, |at| at + 1);
                break;
            }
        }
        if self.is_at_end {
            self.taken = self.buffer.len();
        }
        Ok(self.buffer.get(..self.taken).filter(|piece| !piece.is_empty()))
    }

    /// Adds to the buffer; how much.
    fn fetch(&mut self) -> io::Result<usize> {
        let before = self.buffer.len();
        self.buffer.resize(before + FETCH_BYTES, 0);
        let free = self.buffer.get_mut(before..).unwrap_or_default();
        let fetched = loop {
            match self.source.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                fetched => break fetched?,
            }
        };
        self.buffer.truncate(before + fetched);
        self.is_at_end = fetched == 0;
        Ok(fetched)
    }
}

/// The lines of a piece, each with its line break.
pub(super) fn lines(piece: &[u8]) -> impl Iterator<Item = &[u8]> {
    piece.split_inclusive(|byte| matches!(byte, b'\n' | b'\r'))
}
