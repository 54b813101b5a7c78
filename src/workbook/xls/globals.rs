//! What a workbook stream says of itself before its sheets: the format's version, the code page, encryption.
//!
//! Read before calamine sees the file, because calamine takes the code page at its word: in BIFF8, whose texts are
//! UTF-16 whatever the code page says, any other number puts a NUL behind every letter
//! (<https://github.com/tafia/calamine/issues/229>); and in BIFF5 a number that it does not know, such as DOS's 437 or
//! Excel's own 32768, refuses the file.

use std::io::{BufReader, Cursor, Read};

use cfb::CompoundFile;

/// The records that are looked at: the start of a stream, encryption, the code page, the end.
const BOF: u16 = 0x0809;
const FILE_PASS: u16 = 0x002f;
const CODE_PAGE: u16 = 0x0042;
const END: u16 = 0x000a;
/// The first sheet's name: whatever is looked at stands before it.
const BOUND_SHEET: u16 = 0x0085;
/// The version of a stream that Excel 5 and 95 write.
const BIFF5: u16 = 0x0500;
/// How many records are looked at.
const MAX_RECORDS: usize = 16_384;

/// What is known of a workbook before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Globals {
    /// Whether texts are bytes of the code page, and not UTF-16.
    pub is_biff5: bool,
    pub code_page: Option<u16>,
    pub is_encrypted: bool,
}

impl Globals {
    /// `None` where the compound file or its stream is not sound: calamine says why, or reads it all the same.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let mut file = CompoundFile::open(Cursor::new(bytes)).ok()?;
        // Files that are for both versions hold both streams; calamine reads the newer one.
        let name = ["/Workbook", "/Book"].into_iter().find(|name| file.is_stream(name))?;
        Self::read(BufReader::new(file.open_stream(name).ok()?))
    }

    fn read(mut stream: impl Read) -> Option<Self> {
        let mut globals = Self::default();
        for _ in 0..MAX_RECORDS {
            let mut head = [0; 4];
            stream.read_exact(&mut head).ok()?;
            let [kind, len] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_le_bytes);
            let mut data = Vec::new();
            stream.by_ref().take(len.into()).read_to_end(&mut data).ok()?;
            let number = data.first_chunk().copied().map(u16::from_le_bytes);
            match kind {
                BOF => globals.is_biff5 = is_biff5(&data),
                FILE_PASS => globals.is_encrypted = true,
                CODE_PAGE => globals.code_page = number,
                BOUND_SHEET | END => return Some(globals),
                _ => {}
            }
        }
        None
    }
}

/// Whether a stream that starts so is BIFF5, as calamine sees it: some programs leave the version out.
fn is_biff5(start: &[u8]) -> bool {
    let number = |at: usize| start.get(at..).and_then(|rest| rest.first_chunk()).copied().map(u16::from_le_bytes);
    match number(0) {
        Some(0) => number(2) == Some(0x1000),
        Some(0x0200 | 0x0002 | 0x0007 | 0x0300 | 0x0400 | BIFF5) => true,
        _ => false,
    }
}
