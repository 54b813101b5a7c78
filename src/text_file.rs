//! Text files that people write: settings, keys, JSON, prompt templates.
//!
//! Decodes what their editors make of text: UTF-8 with or without a byte order mark, and UTF-16. What is not text is
//! refused with a sentence that says so, and so is a Git LFS pointer to a file that was never fetched. Knows no format
//! and never quotes a file.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::durable;

/// The largest file that is read: a schema, a table of prices or a key takes a few kilobytes.
const MAX_BYTES: u64 = 16 << 20;

/// How a Git LFS pointer begins: <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>, and before LFS had its
/// name.
const LFS_POINTERS: [&[u8]; 2] =
    [b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/"];

/// Why a file cannot be used. Each text follows the file's name in a sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextFileError {
    /// The system would not read it.
    #[error("cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is larger than any such file should be.
    #[error("is larger than {} MB", .limit_bytes >> 20)]
    TooLarge {
        /// The most that is read.
        limit_bytes: u64,
    },
    /// Nothing, or blanks alone.
    #[error("is empty")]
    Empty,
    /// Git LFS left its pointer, since the file was never fetched.
    #[error("is a Git LFS pointer, and not the file itself: run git lfs pull")]
    LfsPointer,
    /// A pickle of Python: reading one runs the code in it.
    #[error("is a pickle, which is never read here")]
    Pickle,
    /// Bytes that are neither UTF-8 nor UTF-16, or no text at all.
    #[error("is not text from line {line} on: save it as UTF-8")]
    NotText {
        /// Counted from 1.
        line: usize,
    },
}

impl TextFileError {
    /// Whether there is no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Unreadable(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// The text of a file, without a byte order mark.
///
/// # Errors
/// [`TextFileError`], for an empty file too.
pub fn read(path: &Path) -> Result<String, TextFileError> {
    let mut bytes = Vec::new();
    let file = durable::open_regular(path).map_err(TextFileError::Unreadable)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(TextFileError::Unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(TextFileError::TooLarge { limit_bytes: MAX_BYTES });
    }
    let text = decode(&bytes)?;
    if text.trim().is_empty() { Err(TextFileError::Empty) } else { Ok(text.into_owned()) }
}

/// The text that some bytes are, without a byte order mark; empty for none.
///
/// # Errors
/// [`TextFileError::LfsPointer`], [`TextFileError::Pickle`] and [`TextFileError::NotText`].
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, TextFileError> {
    if is_lfs_pointer(bytes) {
        return Err(TextFileError::LfsPointer);
    }
    // The opcode PROTO and the protocols 2 to 5; no text begins like this in any encoding.
    if matches!(bytes, [0x80, 2..=5, ..]) {
        return Err(TextFileError::Pickle);
    }
    let (encoding, bom_bytes) = Encoding::for_bom(bytes).unwrap_or_else(|| (without_bom(bytes), 0));
    let bytes = bytes.get(bom_bytes..).unwrap_or_default();
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => match text.find('\0') {
            None => Ok(text),
            Some(position) => Err(not_text(text.as_bytes(), position)),
        },
        None if encoding == UTF_8 => {
            let valid_bytes = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
            Err(not_text(bytes, valid_bytes))
        }
        None => Err(TextFileError::NotText { line: 1 }),
    }
}

/// Whether some bytes are the pointer that Git LFS leaves in place of a file that was not fetched.
pub fn is_lfs_pointer(bytes: &[u8]) -> bool {
    LFS_POINTERS.iter().any(|pointer| bytes.starts_with(pointer))
}

/// The encoding of a text without a byte order mark, by where the NULs of a first ASCII letter are.
fn without_bom(bytes: &[u8]) -> &'static Encoding {
    match bytes {
        [1..=255, 0, ..] => UTF_16LE,
        [0, 1..=255, ..] => UTF_16BE,
        _ => UTF_8,
    }
}

fn not_text(bytes: &[u8], position: usize) -> TextFileError {
    let before = bytes.get(..position).unwrap_or_default();
    TextFileError::NotText { line: before.iter().filter(|&&byte| byte == b'\n').count() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Schlüssel\r\nPORT=5001\r\n";

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn text_is_read_as_editors_save_it() {
        let with_bom = format!("\u{feff}{TEXT}");
        let saved = [
            TEXT.as_bytes().to_vec(),
            with_bom.as_bytes().to_vec(),
            utf16(&with_bom, u16::to_le_bytes),
            utf16(&with_bom, u16::to_be_bytes),
            utf16(TEXT, u16::to_le_bytes),
            utf16(TEXT, u16::to_be_bytes),
        ];
        for bytes in saved {
            assert_eq!(decode(&bytes).unwrap(), TEXT, "{bytes:?}");
        }
        assert_eq!(decode(b"").unwrap(), "");
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let refused = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
        assert_eq!(refused(b"a\nb\nSchl\xfcssel\n"), "is not text from line 3 on: save it as UTF-8");
        assert_eq!(refused(b"a\nb\0"), "is not text from line 2 on: save it as UTF-8");
        assert_eq!(refused(b"\xff\xfea\0b"), "is not text from line 1 on: save it as UTF-8", "half a letter");
        assert_eq!(refused(b"\x80\x04\x95"), "is a pickle, which is never read here");
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        assert_eq!(refused(pointer), "is a Git LFS pointer, and not the file itself: run git lfs pull");
    }

    #[test]
    fn a_file_is_empty_large_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(read(&path).unwrap_err().is_not_found());
        for empty in ["", " \r\n", "\u{feff}"] {
            std::fs::write(&path, empty).unwrap();
            assert!(matches!(read(&path), Err(TextFileError::Empty)), "{empty:?}");
        }
        std::fs::File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "is larger than 16 MB");
        assert_eq!(read(folder.path()).unwrap_err().to_string(), "cannot be read");
    }
}
