//! Text that is not UTF-8 throughout: a legacy charset, UTF-8 with cells of one, or both.
//!
//! Files are put together from several sources, and one byte of another charset is not a reason to misread the rest. So
//! a cell is the unit: what is not UTF-8 is read by the legacy charset, what cannot be anything else is UTF-8, and what
//! is both (`女` in GBK is `Ů` in UTF-8) goes with the other cells of its row.

use std::collections::BTreeSet;
use std::io::{self, Read};

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, GBK, KOI8_U, MACINTOSH, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253,
    WINDOWS_1254, WINDOWS_1257,
};

use super::cells::Cells;
use super::charset::Charset;
use super::guess::guess;
use super::pieces::{Pieces, lines};

/// How much text of either kind decides a charset, in bytes.
const MAX_SAMPLE_BYTES: usize = 64 * 1024;

/// What a text is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mixture {
    /// What cells are in that are not UTF-8.
    pub legacy: Charset,
    /// Whether most are UTF-8.
    pub is_mainly_utf8: bool,
}

/// Cells that were read by another charset than most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::workbook) struct Foreign {
    /// How many.
    pub cells: u64,
    /// How many hold bytes that stand for nothing in either charset.
    pub damaged: u64,
}

/// What a cell may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ascii,
    Utf8,
    Legacy,
    Either,
}

impl Mixture {
    /// Looks at a whole text that is not UTF-8 throughout.
    pub(super) fn survey(source: impl Read) -> io::Result<Self> {
        let (mut valid, mut invalid) = (Sample::default(), Sample::default());
        let mut has_bom = false;
        let mut pieces = Pieces::new(source);
        let mut is_first = true;
        while let Some(piece) = pieces.next()? {
            has_bom |= std::mem::take(&mut is_first) && piece.starts_with(b"\xef\xbb\xbf");
            for line in lines(piece).filter(|line| !line.is_ascii()) {
                for (cell, _) in Cells::new(line, None).filter(|(cell, _)| !cell.is_ascii()) {
                    if std::str::from_utf8(cell).is_ok() { valid.add(cell) } else { invalid.add(cell) }
                }
            }
        }
        let legacy = guess(&invalid.cells());
        let n_utf8 = valid.cells().filter(|cell| kind_of(cell, legacy) == Kind::Utf8).count();
        let (n_valid, n_invalid) = (valid.texts.len(), invalid.texts.len());
        // Of the cells of any other charset few are valid UTF-8 by chance.
        let is_mainly_utf8 = has_bom || n_utf8 > n_invalid || n_valid > 2 * n_invalid + 1;
        let has_utf8 = n_utf8 > 0 || is_mainly_utf8;
        let legacy = if has_utf8 { by_known_letters(legacy, &valid, &invalid) } else { legacy };
        Ok(Self { legacy, is_mainly_utf8 })
    }

    /// Adds a line as UTF-8.
    pub(super) fn transcode(self, line: &[u8], delimiter: Option<u8>, text: &mut Vec<u8>, foreign: &mut Foreign) {
        if line.is_ascii() {
            return text.extend_from_slice(line);
        }
        let kinds = || Cells::new(line, delimiter).map(|(cell, _)| kind_of(cell, self.legacy));
        let either_is_utf8 = if kinds().any(|kind| kind == Kind::Legacy) {
            false
        } else {
            self.is_mainly_utf8 || kinds().any(|kind| kind == Kind::Utf8)
        };
        for ((cell, separator), kind) in Cells::new(line, delimiter).zip(kinds()) {
            let is_utf8 = match kind {
                Kind::Ascii | Kind::Utf8 => true,
                Kind::Either => either_is_utf8,
                Kind::Legacy => false,
            };
            if is_utf8 {
                text.extend_from_slice(cell);
            } else {
                let (cell, is_damaged) = self.legacy.decode(cell);
                text.extend_from_slice(cell.as_bytes());
                foreign.damaged += u64::from(is_damaged);
            }
            foreign.cells += u64::from(kind != Kind::Ascii && is_utf8 != self.is_mainly_utf8);
            text.extend_from_slice(separator);
        }
    }
}

/// What a cell may be where legacy cells are of this charset.
fn kind_of(cell: &[u8], legacy: Charset) -> Kind {
    if cell.is_ascii() {
        return Kind::Ascii;
    }
    let Ok(text) = std::str::from_utf8(cell) else { return Kind::Legacy };
    let (other, is_damaged) = legacy.decode(cell);
    let is_foreign_letter = |c: char| !c.is_ascii() && c.is_alphabetic();
    let chars: Vec<char> = other.chars().collect();
    let is_beside_ascii = chars.windows(2).any(|pair| match *pair {
        [one, other] => {
            (one.is_ascii_alphabetic() && is_foreign_letter(other))
                || (is_foreign_letter(one) && other.is_ascii_alphabetic())
        }
        _ => false,
    });
    let is_utf8 = if legacy.is_multibyte() {
        // Rare letters of their second levels alone look like three bytes of UTF-8.
        text.chars().any(|c| c.len_utf8() > 2)
    } else {
        text.chars().filter(|c| !c.is_ascii()).count() > 1 || chars.iter().any(|&c| !c.is_ascii() && !c.is_alphabetic())
    };
    if is_damaged || is_beside_ascii || is_utf8 { Kind::Utf8 } else { Kind::Either }
}

/// The charset whose reading shares most letters with the cells that are UTF-8: a few cells tell little by themselves,
/// but they speak of the same places as the others.
fn by_known_letters(guess: Charset, valid: &Sample, invalid: &Sample) -> Charset {
    let known: BTreeSet<char> = valid
        .cells()
        .filter_map(|cell| std::str::from_utf8(cell).ok())
        .flat_map(str::chars)
        .filter(|c| !c.is_ascii())
        .collect();
    let n_known = |charset: Charset| {
        let readings = invalid.cells().map(|cell| charset.decode(cell)).filter(|(_, is_damaged)| !is_damaged);
        readings.map(|(text, _)| text.chars().filter(|c| known.contains(c)).count()).sum::<usize>()
    };
    let web = [
        WINDOWS_1252,
        WINDOWS_1250,
        WINDOWS_1251,
        WINDOWS_1253,
        WINDOWS_1254,
        WINDOWS_1257,
        KOI8_U,
        MACINTOSH,
        GBK,
        BIG5,
        SHIFT_JIS,
        EUC_JP,
        EUC_KR,
    ];
    let others = web.map(Charset::Web).into_iter().chain([850, 852, 866].into_iter().filter_map(Charset::dos));
    // The first wins a tie.
    others
        .fold((n_known(guess), guess), |best, other| {
            let n_known = n_known(other);
            if n_known > best.0 { (n_known, other) } else { best }
        })
        .1
}

/// Distinct cells, as many as are needed.
#[derive(Debug, Default)]
struct Sample {
    texts: BTreeSet<Vec<u8>>,
    n_bytes: usize,
}

impl Sample {
    fn add(&mut self, cell: &[u8]) {
        if self.n_bytes < MAX_SAMPLE_BYTES && !self.texts.contains(cell) {
            self.n_bytes += cell.len();
            self.texts.insert(cell.to_vec());
        }
    }

    fn cells(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.texts.iter().map(Vec::as_slice)
    }
}
