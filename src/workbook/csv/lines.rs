//! The lines of a text as it is read, and as many of them ahead as are looked at.

use std::io::{self, Read};

/// How much is read at a time, in bytes.
const FETCH_BYTES: usize = 64 * 1024;

/// A line by its positions behind the place up to which the text was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub start: usize,
    /// Where its line break begins (`\n`, `\r\n` or `\r`), or the text ends.
    pub end: usize,
    /// Where the next line starts.
    pub next: usize,
    pub has_quote: bool,
}

/// A text that is taken line by line.
pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// Up to where the buffer was taken.
    taken: usize,
    /// How much of the text came before the buffer.
    n_dropped: u64,
    is_at_end: bool,
    fetch_bytes: usize,
}

impl Lines<io::Empty> {
    /// The lines of a text at hand.
    pub(super) fn of(text: Vec<u8>) -> Self {
        Self { buffer: text, is_at_end: true, ..Self::new(io::empty()) }
    }

    /// The text again.
    pub(super) fn into_text(self) -> Vec<u8> {
        self.buffer
    }
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), taken: 0, n_dropped: 0, is_at_end: false, fetch_bytes: FETCH_BYTES }
    }

    /// The same place in a text that goes on in another source, of which so much is read at a time. Gives the source so
    /// far, and what was read of it and not taken.
    pub(super) fn replace_source<S>(mut self, source: S, fetch_bytes: usize) -> (Lines<S>, R, Vec<u8>) {
        let left = self.buffer.split_off(self.taken);
        let n_dropped = self.n_dropped + self.taken as u64;
        let lines = Lines { source, buffer: Vec::new(), taken: 0, n_dropped, is_at_end: false, fetch_bytes };
        (lines, self.source, left)
    }

    /// What the text is read from.
    pub(super) fn source(&mut self) -> &mut R {
        &mut self.source
    }

    /// Whether everything that was read is taken.
    pub(super) fn is_drained(&self) -> bool {
        self.taken == self.buffer.len()
    }

    /// Takes note of a part of the text that is not read from the source.
    pub(super) fn pass(&mut self, n_bytes: u64) {
        self.n_dropped += n_bytes;
    }

    /// The line that starts here; `None` at the end of the text.
    pub(super) fn line(&mut self, start: usize) -> io::Result<Option<Line>> {
        let (mut at, mut has_quote) = (start, false);
        loop {
            let rest = self.buffer.get(self.taken + at..).unwrap_or_default();
            let found =
                if has_quote { memchr::memchr2(b'\n', b'\r', rest) } else { memchr::memchr3(b'\n', b'\r', b'"', rest) };
            let Some(found) = found else {
                at += rest.len();
                if self.fetch()? {
                    continue;
                }
                return Ok((at > start).then_some(Line { start, end: at, next: at, has_quote }));
            };
            let end = at + found;
            match (rest.get(found).copied(), rest.get(found + 1).copied()) {
                (Some(b'"'), _) => (at, has_quote) = (end + 1, true),
                (Some(b'\r'), Some(b'\n')) => return Ok(Some(Line { start, end, next: end + 2, has_quote })),
                // The other half of the line break may not have been read yet.
                (Some(b'\r'), None) if self.fetch()? => at = end,
                _ => return Ok(Some(Line { start, end, next: end + 1, has_quote })),
            }
        }
    }

    /// What is between two positions.
    pub(super) fn text(&self, start: usize, end: usize) -> &[u8] {
        self.buffer.get(self.taken + start..self.taken + end).unwrap_or_default()
    }

    /// Takes everything up to the start of a line, and gives what comes before `end`.
    pub(super) fn take(&mut self, end: usize, next: usize) -> &[u8] {
        let start = self.taken;
        self.taken += next;
        self.buffer.get(start..start + end).unwrap_or_default()
    }

    /// Where a position is in the whole text.
    pub(super) fn offset(&self, position: usize) -> u64 {
        self.n_dropped + (self.taken + position) as u64
    }

    /// Reads on; whether there was anything.
    fn fetch(&mut self) -> io::Result<bool> {
        if self.is_at_end {
            return Ok(false);
        }
        self.buffer.drain(..self.taken);
        self.n_dropped += self.taken as u64;
        self.taken = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + self.fetch_bytes, 0);
        let fetched = loop {
            match self.source.read(self.buffer.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                fetched => break fetched?,
            }
        };
        self.buffer.truncate(before + fetched);
        self.is_at_end = fetched == 0;
        Ok(fetched > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives a byte at a time, as slow ones may.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((&byte, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = byte;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_line_ends_with_any_of_the_three_line_breaks() {
        let mut lines = Lines::new(Slow(b"one\ntwo\r\n\rth\"ree\r\r\nend"));
        let mut found = Vec::new();
        while let Some(line) = lines.line(0).unwrap() {
            found.push((String::from_utf8(lines.take(line.end, line.next).to_vec()).unwrap(), line.has_quote));
        }
        let expected = [("one", false), ("two", false), ("", false), ("th\"ree", true), ("", false), ("end", false)];
        assert_eq!(found, expected.map(|(text, has_quote)| (text.to_owned(), has_quote)));
    }

    #[test]
    fn lines_ahead_keep_their_places() {
        let mut lines = Lines::new(Slow(b"one\ntwo\nthree\n"));
        lines.take(0, 0);
        let one = lines.line(0).unwrap().unwrap();
        let two = lines.line(one.next).unwrap().unwrap();
        assert_eq!(lines.text(two.start, two.end), b"two");
        assert_eq!(lines.take(one.end, one.next), b"one");
        assert_eq!(lines.offset(0), 4);
        let three = lines.line(4).unwrap().unwrap();
        assert_eq!((lines.text(three.start, three.end), lines.offset(three.start)), (&b"three"[..], 8));
        assert!(lines.line(three.next).unwrap().is_none());
    }
}
