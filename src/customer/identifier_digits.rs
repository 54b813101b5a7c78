//! Identifiers that are numbers, some with zeros in front: `000123` and `123` are two customers here, and may be one.
//!
//! A workbook keeps 123 and shows `000123`, and a CSV file has what is shown. Nothing makes them one: `0123` and `123`
//! may well be two, and what is kept as columns has no identifier to look at. A note says it.

use serde::{Deserialize, Serialize};

use super::text::without_apostrophe;
use super::{Cell, KEPT_DIGITS, Note};

/// How the identifiers of one file are written that are digits alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IdentifierDigits {
    /// The most digits of one with a zero in front; 0 without any.
    padded: u8,
    /// The fewest digits of one without; 0 without any.
    plain: u8,
}

impl IdentifierDigits {
    /// How one identifier is written.
    pub(super) fn of(cell: Cell<'_>) -> Self {
        // However many zeros are in front, a workbook keeps the number behind them.
        let digits = |text: &str| {
            let n_kept = text.trim_start_matches('0').len();
            let are_digits = !text.is_empty() && n_kept <= KEPT_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
            u8::try_from(text.len()).unwrap_or_default() * u8::from(are_digits)
        };
        match cell {
            Cell::Text(text) => {
                let text = without_apostrophe(text.trim());
                match digits(text) {
                    n_digits if text.starts_with('0') => Self { padded: n_digits, plain: 0 },
                    n_digits => Self { padded: 0, plain: n_digits },
                }
            }
            Cell::Number(number) if number >= 1.0 => Self { padded: 0, plain: digits(&number.to_string()) },
            _ => Self::default(),
        }
    }

    /// Takes in others of the same file.
    pub(super) fn add(&mut self, other: Self) {
        self.padded = self.padded.max(other.padded);
        self.plain = match (self.plain, other.plain) {
            (0, plain) | (plain, 0) => plain,
            (one, other) => one.min(other),
        };
    }

    /// Whether no identifier is digits alone.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an identifier of `other` may be one of these without its zeros.
    fn may_be_without_zeros(self, other: Self) -> bool {
        other.plain > 0 && other.plain < self.padded
    }

    /// The note on identifiers of one file.
    pub(super) fn note(self) -> Option<Note> {
        let sentence = || {
            format!(
                "Some identifiers have zeros in front ({} digits), and others have fewer digits and none: {ADVICE}",
                self.padded
            )
        };
        self.may_be_without_zeros(self).then(|| Note::new(Note::IDENTIFIERS_DIFFER_BY_ZEROS, sentence()))
    }

    /// The note on identifiers of several files, each with its label; of all files the first are named.
    pub(super) fn note_on_files(files: &[(String, Self)]) -> Option<Note> {
        let of = |padded: &(String, Self)| {
            let is_without = |plain: &&(String, Self)| padded.1.may_be_without_zeros(plain.1);
            files.iter().find(is_without).map(|plain| (padded.clone(), plain.0.clone()))
        };
        let ((padded, digits), plain) = files.iter().find_map(of)?;
        let sentence = format!(
            "Identifiers in {padded} have zeros in front ({} digits), and some in {plain} have fewer digits and none: \
             {ADVICE}",
            digits.padded
        );
        Some(Note::new(Note::IDENTIFIERS_DIFFER_BY_ZEROS, sentence))
    }
}

const ADVICE: &str = "000123 and 123 count as two customers. If they are one, write them in one way, for instance as \
                      text with the zeros";

impl std::fmt::Display for IdentifierDigits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.padded, self.plain)
    }
}

impl std::str::FromStr for IdentifierDigits {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (padded, plain) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self { padded: padded.parse()?, plain: plain.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[Cell<'_>]) -> IdentifierDigits {
        let mut all = IdentifierDigits::default();
        cells.iter().for_each(|&cell| all.add(IdentifierDigits::of(cell)));
        all
    }

    #[test]
    fn a_number_may_be_an_identifier_that_has_lost_its_zeros() {
        let is_noted = |cells: &[Cell<'_>]| of(cells).note().is_some();
        assert!(is_noted(&[Cell::Text("000123"), Cell::Number(123.0)]));
        assert!(is_noted(&[Cell::Text("000123"), Cell::Text("123456"), Cell::Text("7")]));
        assert!(is_noted(&[Cell::Text("000000000000700005"), Cell::Number(700_005.0)]));
        for cells in [
            // As many digits need no zeros.
            [Cell::Text("000123"), Cell::Text("123456")],
            [Cell::Text("000123"), Cell::Number(123_456.0)],
            [Cell::Text("123"), Cell::Number(4.0)],
            [Cell::Text("C000123"), Cell::Text("123")],
            [Cell::Text("0123"), Cell::Text("n/a")],
            [Cell::Text("01234567890123456"), Cell::Text("123")],
        ] {
            assert!(!is_noted(&cells), "{cells:?}");
        }
    }

    #[test]
    fn what_is_known_of_a_file_is_read_back() {
        let digits = of(&[Cell::Text("000123"), Cell::Number(12.0)]);
        assert_eq!(digits.to_string().parse(), Ok(digits));
        assert!("x".parse::<IdentifierDigits>().is_err());
    }
}
