//! What goes between the two processes: frames of one byte for their kind, four for their length, and their payload.
//!
//! The parent sends one [`Order`]. The child answers with any number of [`Kind::Rows`], and then with the table in
//! pieces and [`Kind::Done`], with what a search found and [`Kind::Searched`], or with [`Kind::Refused`]. Both are the
//! same binary: there is no version to agree on.

use std::io::{self, Read, Write};
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::customer::{Keep, MISSING, Schema};
use crate::workbook::Limits;

/// The longest payload of an answer's frame, in bytes.
pub(super) const MAX_FRAME_BYTES: usize = 1 << 20;
/// The longest order, in bytes: a schema with many synonyms.
pub(super) const MAX_ORDER_BYTES: usize = 16 << 20;
/// A table goes in pieces of so many codes or keys, which fit in a frame.
pub(super) const PIECE_ROWS: usize = 32 << 10;
/// So many values do too: each has at most 100 characters.
pub(super) const PIECE_VALUES: usize = 1 << 10;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An [`Order`] as JSON.
    Order,
    /// Rows read so far: 8 bytes.
    Rows,
    /// Further values of a column: its position (2 bytes), then a list as JSON.
    Values,
    /// Further codes of a column: its position (2 bytes), how many bytes each code has (1 byte), then the codes.
    Codes,
    /// Further keys, of the rows in their order.
    Keys,
    /// The report of the cleaning as JSON; the table is whole.
    Done,
    /// Why there is no table: a [`WorkbookError`](crate::workbook::WorkbookError) as JSON.
    Refused,
    /// Where further rows are, in their order: 4 bytes each.
    Places,
    /// Where the rows of each sheet begin: a list as JSON.
    Sheets,
    /// Further identifiers, of the rows in their order: a list as JSON.
    Identifiers,
    /// Further cells that were found by a search: a list as JSON.
    Found,
    /// Whether there are headers of identifiers, and the sheets that could not be searched, as JSON; the search is at
    /// its end.
    Searched,
}

/// What is to be read, beside the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub schema: Arc<Schema>,
    pub today: Date,
    pub limits: Limits,
    /// Whether the rows are to be compared with those of other files.
    pub keyed: bool,
    /// Whether every sheet with identifiers is read, hidden ones included.
    pub every_sheet: bool,
    /// What to answer of the rows beside the schema's columns.
    pub keep: Keep,
    /// The identifier that is looked for; nothing is read then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sought: Option<String>,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Order,
        Self::Rows,
        Self::Values,
        Self::Codes,
        Self::Keys,
        Self::Done,
        Self::Refused,
        Self::Places,
        Self::Sheets,
        Self::Identifiers,
        Self::Found,
        Self::Searched,
    ];

    fn byte(self) -> u8 {
        // Letters: a stray line of text then has a length that no frame has.
        b'a' + self as u8
    }
}

/// How many bytes a code has in a column of so many values. Most columns have few, and a large table is mostly codes.
pub(super) fn code_bytes(n_values: usize) -> u8 {
    match n_values {
        // The largest number stands for no value.
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    }
}

/// Codes with so many bytes each. Of [`MISSING`] every bit is set, however many there are.
pub(super) fn write_codes(codes: &[u32], n_bytes: u8) -> Vec<u8> {
    let all = codes.iter().map(|code| code.to_le_bytes());
    match n_bytes {
        1 => all.map(|[first, ..]| first).collect(),
        2 => all.map(|[first, second, ..]| [first, second]).collect::<Vec<_>>().into_flattened(),
        _ => all.collect::<Vec<_>>().into_flattened(),
    }
}

/// Adds the codes in `bytes`, which have so many bytes each. `None` where none have, or there is half a code.
pub(super) fn read_codes(bytes: &[u8], n_bytes: u8, codes: &mut Vec<u32>) -> Option<()> {
    match n_bytes {
        1 => codes.extend(bytes.iter().map(|&code| if code == u8::MAX { MISSING } else { code.into() })),
        2 => {
            let (pairs, []) = bytes.as_chunks() else { return None };
            let widen = |code: u16| if code == u16::MAX { MISSING } else { code.into() };
            codes.extend(pairs.iter().map(|&code| widen(u16::from_le_bytes(code))));
        }
        4 => {
            let (all, []) = bytes.as_chunks() else { return None };
            codes.extend(all.iter().map(|&code| u32::from_le_bytes(code)));
        }
        _ => return None,
    }
    Some(())
}

/// Writes one frame.
pub(super) fn write_frame(sink: &mut impl Write, kind: Kind, payload: &[&[u8]]) -> io::Result<()> {
    let length: usize = payload.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    sink.write_all(&[kind.byte()])?;
    sink.write_all(&length.to_le_bytes())?;
    payload.iter().try_for_each(|part| sink.write_all(part))
}

/// Reads one frame's payload into `payload`, which never grows beyond `max_bytes`.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] for a kind that there is not and for a longer payload; those of `source`.
pub(super) fn read_frame(source: &mut impl Read, payload: &mut Vec<u8>, max_bytes: usize) -> io::Result<Kind> {
    let mut head = [0; 5];
    source.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    let kind = Kind::ALL.into_iter().find(|known| kind == known.byte());
    let length = u32::from_le_bytes(length) as usize;
    let Some(kind) = kind.filter(|_| length <= max_bytes) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    payload.clear();
    payload.resize(length, 0);
    source.read_exact(payload)?;
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_same_on_the_other_side_however_many_bytes_they_have() {
        for (n_values, n_bytes) in [(1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (1 << 20, 4)] {
            assert_eq!(code_bytes(n_values), n_bytes);
            let codes = [0, MISSING, u32::try_from(n_values).unwrap() - 1, 0];
            let written = write_codes(&codes, n_bytes);
            assert_eq!(written.len(), codes.len() * usize::from(n_bytes));
            let mut read = vec![7];
            read_codes(&written, n_bytes, &mut read).unwrap();
            assert_eq!((read[0], &read[1..]), (7, &codes[..]), "{n_values} values");
        }
    }
}
