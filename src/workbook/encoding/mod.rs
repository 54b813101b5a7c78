//! Which encoding a text is in, and the text as UTF-8: what its byte order mark says, UTF-8 where it is valid,
//! otherwise what its letters look like, cell by cell where a file mixes encodings.

mod cells;
mod charset;
mod decoded;
mod guess;
mod mixture;
mod pieces;

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

use super::WorkbookError;

pub(super) use cells::DELIMITERS;
pub(super) use charset::Charset;
pub(super) use decoded::Decoded;
pub(super) use guess::guess;
pub(super) use mixture::Foreign;

use mixture::Mixture;

/// Of so many bytes one may be a control character; more make it no text. Random bytes hold one in ten.
const BYTES_PER_CONTROL: u64 = 256;
/// UTF-16 without a byte order mark: a fifth of its letters at least are ASCII, delimiters and digits among them, whose
/// other byte is NUL; of the bytes at the other places far fewer are.
const MIN_ASCII_SHARE: usize = 5;
const MIN_NUL_RATIO: usize = 4;
/// A guess needs so many letters.
const MIN_PAIRS: usize = 16;

/// A text's encoding, found by looking at all of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextEncoding {
    form: Form,
    /// Whether NULs pad it, which are no part of the text.
    has_nul: bool,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Utf8,
    /// One in which ASCII bytes may stand for something else.
    Whole(&'static Encoding),
    Mixture(Mixture),
}

impl TextEncoding {
    /// Reads a text once, or twice where it is not UTF-8, and leaves it at its start.
    ///
    /// # Errors
    /// [`WorkbookError::Empty`] when it holds blanks alone; [`WorkbookError::NotAWorkbook`] when it is not text;
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
            if scan.n_bytes == 0
                && let Some(encoding) = utf_16(chunk)
            {
                source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
                return Ok(Self { form: Form::Whole(encoding), has_nul: true });
            }
            scan.take(chunk);
        }
        source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
        scan.check()?;
        let form = if scan.is_iso_2022_jp() {
            Form::Whole(ISO_2022_JP)
        } else if scan.is_utf8() {
            Form::Utf8
        } else {
            let mixture = Mixture::survey(source.by_ref()).map_err(WorkbookError::io)?;
            source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
            Form::Mixture(mixture)
        };
        Ok(Self { form, has_nul: scan.n_nuls > 0 })
    }

    /// What it is called: the Encoding Standard's name, or IANA's; of a mixture, what most cells are in.
    pub(super) fn name(self) -> Cow<'static, str> {
        match self.form {
            Form::Utf8 => UTF_8.name().into(),
            Form::Whole(encoding) => encoding.name().into(),
            Form::Mixture(mixture) if mixture.is_mainly_utf8 => UTF_8.name().into(),
            Form::Mixture(mixture) => mixture.legacy.name(),
        }
    }

    /// What cells are in that are not UTF-8, as their letters look like.
    pub(super) fn guessed(self) -> Option<Charset> {
        match self.form {
            Form::Mixture(mixture) => Some(mixture.legacy),
            Form::Utf8 | Form::Whole(_) => None,
        }
    }

    /// The text as UTF-8, without its byte order mark and its NULs. Its cells are split by `delimiter`, once it is
    /// known.
    pub(super) fn decode<R: Read>(self, source: R, delimiter: Option<u8>) -> Decoded<R> {
        Decoded::new(self.form, self.has_nul, source, delimiter)
    }
}

/// The kind of UTF-16 that a text is in which starts so.
fn utf_16(start: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(start) {
        return (encoding != UTF_8).then_some(encoding);
    }
    let (pairs, _) = start.as_chunks::<2>();
    // The last letter may be cut in two.
    let pairs = pairs.split_last().map(|(_, pairs)| pairs).filter(|pairs| pairs.len() >= MIN_PAIRS)?;
    let n_nuls = |place: fn(&[u8; 2]) -> u8| pairs.iter().filter(|pair| place(pair) == 0).count();
    let (first, second) = (n_nuls(|pair| pair[0]), n_nuls(|pair| pair[1]));
    let are_ascii =
        |nuls: usize, others: usize| nuls * MIN_ASCII_SHARE >= pairs.len() && nuls >= others * MIN_NUL_RATIO;
    let encoding = match (are_ascii(second, first), are_ascii(first, second)) {
        (true, _) => UTF_16LE,
        (_, true) => UTF_16BE,
        _ => return None,
    };
    let (text, is_damaged) = encoding.decode_without_bom_handling(pairs.as_flattened());
    let has_controls = text.chars().any(|c| c.is_control() && !c.is_whitespace() && c != '\0');
    (!is_damaged && !has_controls).then_some(encoding)
}

/// What was seen of a text so far.
#[derive(Default)]
struct Scan {
    n_bytes: u64,
    n_nuls: u64,
    n_escapes: u64,
    /// But for NULs and escapes.
    n_controls: u64,
    has_content: bool,
    is_invalid: bool,
    /// The start of a character whose rest is in the next chunk.
    open: Vec<u8>,
    /// Tells ISO-2022-JP, whose bytes are ASCII throughout, from the first escape on.
    japanese: Option<EncodingDetector>,
}

impl Scan {
    fn take(&mut self, chunk: &[u8]) {
        self.n_bytes += chunk.len() as u64;
        let is_control = |b: &&u8| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' | b'\x1a');
        let controls = chunk.iter().filter(is_control).count() as u64;
        if controls > 0 {
            let count = |byte: u8| memchr::memchr_iter(byte, chunk).count() as u64;
            let (nuls, escapes) = (count(0), count(0x1b));
            self.n_nuls += nuls;
            self.n_escapes += escapes;
            self.n_controls += controls - nuls - escapes;
        }
        if self.n_escapes > 0 {
            let japanese = || EncodingDetector::new(Iso2022JpDetection::Allow);
            self.japanese.get_or_insert_with(japanese).feed(chunk, false);
        }
        self.has_content |= chunk.iter().any(|b| !b.is_ascii_whitespace() && !b"\xef\xbb\xbf\x1a\0".contains(b));
        self.check_utf8(chunk);
    }

    fn check_utf8(&mut self, chunk: &[u8]) {
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

    fn is_utf8(&self) -> bool {
        !self.is_invalid && self.open.is_empty()
    }

    fn is_iso_2022_jp(&self) -> bool {
        self.japanese.as_ref().is_some_and(|japanese| japanese.guess(None, Utf8Detection::Allow) == ISO_2022_JP)
    }

    fn check(&self) -> Result<(), WorkbookError> {
        if !self.has_content {
            return Err(WorkbookError::Empty);
        }
        let n_escapes = if self.is_iso_2022_jp() { 0 } else { self.n_escapes };
        if self.n_controls + n_escapes > (self.n_bytes - self.n_nuls) / BYTES_PER_CONTROL {
            return Err(WorkbookError::NotAWorkbook { found: "neither text nor of a known format".to_owned() });
        }
        Ok(())
    }
}
