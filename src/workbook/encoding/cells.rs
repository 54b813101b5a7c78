//! The cells of a line whose charset is not known yet.

/// The delimiters that texts are split by.
pub(in crate::workbook) const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The cells of a line with the bytes that separate each from the next: its delimiter, or its line break.
///
/// Of these bytes only `|` is also the second byte of letters, in Shift_JIS, Big5 and GBK.
#[derive(Debug, Clone)]
pub(super) struct Cells<'a> {
    rest: &'a [u8],
    /// `None` while it is not known: each of them separates then.
    delimiter: Option<u8>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(line: &'a [u8], delimiter: Option<u8>) -> Self {
        Self { rest: line, delimiter }
    }

    /// Where the next cell ends. A delimiter within quotes separates nothing, if it is known which one it is.
    fn end(&self) -> usize {
        let mut is_quoted = false;
        for (at, &byte) in self.rest.iter().enumerate() {
            let separates = match byte {
                b'\r' | b'\n' => true,
                b'"' => {
                    is_quoted ^= self.delimiter.is_some();
                    false
                }
                _ => !is_quoted && self.delimiter.map_or(DELIMITERS.contains(&byte), |delimiter| byte == delimiter),
            };
            if separates && !(byte == b'|' && self.is_within_letter(at)) {
                return at;
            }
        }
        self.rest.len()
    }

    /// Whether the byte at this position is the second one of a letter.
    fn is_within_letter(&self, at: usize) -> bool {
        let before = self.rest.get(..at).unwrap_or_default();
        before.last().is_some_and(|byte| !byte.is_ascii()) && std::str::from_utf8(before).is_err()
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (cell, rest) = self.rest.split_at_checked(self.end())?;
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let len = if rest.first().is_some_and(is_break) { rest.iter().take_while(|b| is_break(b)).count() } else { 1 };
        let (separator, rest) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        self.rest = rest;
        Some((cell, separator))
    }
}
