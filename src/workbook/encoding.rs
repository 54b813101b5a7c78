//! Which encoding a text is in: what its byte order mark says, UTF-8 where it is valid, Windows-1252 otherwise.

use std::io::{Read, Seek, SeekFrom};

use encoding_rs::{Encoding, WINDOWS_1252};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::WorkbookError;

/// Of so many bytes one may be a control character; more make it no text. Random bytes hold one in ten.
const BYTES_PER_CONTROL: u64 = 256;

/// A text's encoding, found by looking at all of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextEncoding(Option<&'static Encoding>);

impl TextEncoding {
    /// Reads a text once and leaves it at its start.
    ///
    /// # Errors
    /// [`WorkbookError::Empty`] when it holds blanks alone; [`WorkbookError::NotAWorkbook`] when it is no text;
    /// [`WorkbookError::Io`].
    pub(super) fn detect<R: Read + Seek>(source: &mut R) -> Result<Self, WorkbookError> {
        source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
        let mut scan = Scan::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n_read = match source.read(&mut buffer) {
                Ok(n_read) => n_read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(WorkbookError::io(error)),
            };
            let chunk = buffer.get(..n_read).unwrap_or_default();
            if n_read == 0 {
                break;
            }
            if scan.n_bytes == 0 && Encoding::for_bom(chunk).is_some_and(|(found, _)| found != encoding_rs::UTF_8) {
                source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
                return Ok(Self(None));
            }
            scan.take(chunk);
        }
        source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
        if !scan.has_content {
            return Err(WorkbookError::Empty);
        }
        if scan.has_nul || scan.n_controls > scan.n_bytes / BYTES_PER_CONTROL {
            return Err(WorkbookError::NotAWorkbook { found: "neither text nor of a known format".to_owned() });
        }
        let is_utf8 = !scan.is_invalid && scan.open.is_empty();
        Ok(Self(if is_utf8 { None } else { Some(WINDOWS_1252) }))
    }

    /// The text as UTF-8 without its byte order mark.
    pub(super) fn decode<R: Read>(self, source: R) -> DecodeReaderBytes<R, Vec<u8>> {
        DecodeReaderBytesBuilder::new()
            .encoding(self.0)
            .bom_sniffing(true)
            .bom_override(true)
            .strip_bom(true)
            .utf8_passthru(self.0.is_none())
            .build(source)
    }
}

/// What was seen of a text so far.
#[derive(Default)]
struct Scan {
    n_bytes: u64,
    n_controls: u64,
    has_nul: bool,
    has_content: bool,
    is_invalid: bool,
    /// The start of a character whose rest is in the next chunk.
    open: Vec<u8>,
}

impl Scan {
    fn take(&mut self, chunk: &[u8]) {
        self.n_bytes += chunk.len() as u64;
        let is_control = |b: &&u8| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' | b'\x1a');
        self.n_controls += chunk.iter().filter(is_control).count() as u64;
        self.has_nul |= chunk.contains(&0);
        self.has_content |= chunk.iter().any(|b| !b.is_ascii_whitespace() && !b"\xef\xbb\xbf\x1a".contains(b));
        if self.is_invalid {
            return;
        }
        let joined: Vec<u8>;
        let text = if self.open.is_empty() {
            chunk
        } else {
            joined = [self.open.as_slice(), chunk].concat();
            &joined
        };
        let rest = match std::str::from_utf8(text) {
            Ok(_) => &[],
            Err(error) if error.error_len().is_some() => {
                self.is_invalid = true;
                &[]
            }
            Err(error) => text.get(error.valid_up_to()..).unwrap_or_default(),
        };
        self.open = rest.to_vec();
    }
}
