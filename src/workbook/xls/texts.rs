//! The texts of an old workbook as they were meant.
//!
//! BIFF5 holds bytes of a code page. calamine is made to hand them over as Windows-1252, in which every byte is a
//! letter of its own: so the bytes can be had back, and are read by the code page that the workbook names, also by
//! those that calamine does not know, or by one that is told from the texts where it names none.

use std::borrow::Cow;
use std::collections::BTreeSet;

use calamine::{Data, Range};
use encoding_rs::WINDOWS_1252;

use crate::workbook::encoding::{Charset, guess};

/// The code page that makes calamine hand every byte over as a letter of its own.
pub(super) const BYTES_AS_LETTERS: u16 = 1252;
/// How much text decides a charset, in bytes.
const MAX_SAMPLE_BYTES: usize = 64 * 1024;

/// How the texts of a workbook are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Texts {
    /// As calamine hands them over.
    Unicode,
    /// From the bytes behind them.
    Bytes(Charset),
}

/// Texts beyond ASCII, each once, which decide a charset.
#[derive(Debug, Default)]
pub(super) struct Sample {
    texts: BTreeSet<Vec<u8>>,
    n_bytes: usize,
}

impl Texts {
    /// A text as it was meant. No letter is a NUL: some programs pad with them.
    pub(super) fn read(self, text: &str) -> Cow<'_, str> {
        let text = match self {
            Self::Bytes(charset) if !text.is_ascii() => {
                let bytes = WINDOWS_1252.encode(text).0;
                Cow::Owned(charset.decode(&bytes).0.into_owned())
            }
            Self::Bytes(_) | Self::Unicode => Cow::Borrowed(text),
        };
        if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { text }
    }
}

impl Sample {
    pub(super) fn add(&mut self, sheet: &Range<Data>) {
        for (_, _, cell) in sheet.used_cells() {
            if self.n_bytes >= MAX_SAMPLE_BYTES {
                return;
            }
            if let Data::String(text) = cell
                && !text.is_ascii()
            {
                let bytes = WINDOWS_1252.encode(text).0.into_owned();
                let len = bytes.len();
                self.n_bytes += if self.texts.insert(bytes) { len } else { 0 };
            }
        }
    }

    /// The charset that the texts look like; `None` where all are ASCII.
    pub(super) fn guess(&self) -> Option<Charset> {
        let texts = self.texts.iter().map(Vec::as_slice);
        if self.texts.is_empty() { None } else { Some(guess(&texts)) }
    }
}
