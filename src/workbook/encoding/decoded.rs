//! A text as UTF-8, as it is read.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::Form;
use super::mixture::{Foreign, Mixture};
use super::pieces::{Pieces, lines};

/// The text.
pub(in crate::workbook) struct Decoded<R> {
    text: Text<R>,
    has_nul: bool,
    foreign: Arc<Mutex<Foreign>>,
}

enum Text<R> {
    Stream(Box<DecodeReaderBytes<R, Vec<u8>>>),
    Mixture(MixedText<R>),
}

struct MixedText<R> {
    mixture: Mixture,
    delimiter: Option<u8>,
    pieces: Pieces<R>,
    is_at_start: bool,
    text: Vec<u8>,
    /// How much of it was read.
    taken: usize,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(form: Form, has_nul: bool, source: R, delimiter: Option<u8>) -> Self {
        let text = match form {
            Form::Mixture(mixture) => Text::Mixture(MixedText {
                mixture,
                delimiter,
                pieces: Pieces::new(source),
                is_at_start: true,
                text: Vec::new(),
                taken: 0,
            }),
            Form::Utf8 | Form::Whole(_) => {
                let encoding = if let Form::Whole(encoding) = form { Some(encoding) } else { None };
                let builder = DecodeReaderBytesBuilder::new()
                    .encoding(encoding)
                    .bom_sniffing(true)
                    .bom_override(true)
                    .strip_bom(true)
                    .utf8_passthru(encoding.is_none())
                    .build(source);
                Text::Stream(Box::new(builder))
            }
        };
        Self { text, has_nul, foreign: Arc::default() }
    }

    /// Cells so far that were read by another charset than most; it grows as the text is read.
    pub(in crate::workbook) fn foreign(&self) -> Arc<Mutex<Foreign>> {
        self.foreign.clone()
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n_read = match &mut self.text {
                Text::Stream(stream) => stream.read(buffer)?,
                Text::Mixture(mixture) => mixture.read(buffer, &self.foreign)?,
            };
            if !self.has_nul || n_read == 0 {
                return Ok(n_read);
            }
            let n_left = drop_nuls(buffer.get_mut(..n_read).unwrap_or_default());
            if n_left > 0 {
                return Ok(n_left);
            }
        }
    }
}

impl<R: Read> MixedText<R> {
    fn read(&mut self, buffer: &mut [u8], foreign: &Mutex<Foreign>) -> io::Result<usize> {
        while self.taken >= self.text.len() {
            self.text.clear();
            self.taken = 0;
            let Some(piece) = self.pieces.next()? else { return Ok(0) };
            let bom: &[u8] = if std::mem::take(&mut self.is_at_start) { b"\xef\xbb\xbf" } else { b"" };
            let mut found = foreign.lock().unwrap_or_else(PoisonError::into_inner);
            for line in lines(piece.strip_prefix(bom).unwrap_or(piece)) {
                self.mixture.transcode(line, self.delimiter, &mut self.text, &mut found);
            }
        }
        let rest = self.text.get(self.taken..).unwrap_or_default();
        let n_read = rest.len().min(buffer.len());
        if let Some((target, source)) = buffer.get_mut(..n_read).zip(rest.get(..n_read)) {
            target.copy_from_slice(source);
        }
        self.taken += n_read;
        Ok(n_read)
    }
}

/// Moves what is not a NUL to the front; how much that is.
fn drop_nuls(bytes: &mut [u8]) -> usize {
    let mut n_left = 0;
    for at in 0..bytes.len() {
        if bytes.get(at).is_some_and(|&byte| byte != 0) {
            bytes.swap(n_left, at);
            n_left += 1;
        }
    }
    n_left
}
