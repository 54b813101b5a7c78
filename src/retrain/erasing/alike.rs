//! Identifiers that are written in another way and may be the same customer's: numbers that differ by the zeros before
//! them or are in groups of digits, and texts that differ in their dashes or in case alone. What was kept as columns
//! knows customers by pseudonyms, so that each way has to be tried; a workbook's cells are compared
//! ([`crate::customer::CellSearch`]).
//!
//! A workbook's cell that is shown as `000123` may hold the number 123, and a CSV file of the same list has what is
//! shown. Case is part of an identifier such as `0015g00000Xy00A`, and somebody may have typed it in another.

use rustc_hash::FxHashSet;

use crate::customer::{KEPT_DIGITS, identity_of_text};
use crate::pseudonyms::Pseudonyms;

/// Programs fill numbers up to so many digits with zeros: SAP to 18, banks to 20.
const MAX_PADDED: usize = 20;
/// Of more letters only lower case is tried: there are more ways than anybody issues identifiers.
const MAX_LETTERS: usize = 16;
/// The keyboard's dash, and those that word processors set or that break no line.
const DASHES: [char; 8] = ['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2212}'];
/// What is between groups of three digits, by language.
const GROUP_MARKS: [char; 8] = [',', '.', ' ', '\'', '’', '\u{a0}', '\u{2009}', '\u{202f}'];

/// Another way to write an identifier, and what its customer is known by.
#[derive(Debug)]
pub(super) struct Alike {
    pub identifier: String,
    pub pseudonym: u64,
}

/// The other ways to write an identifier.
pub(super) fn alike(identifier: &str, pseudonyms: &Pseudonyms) -> Vec<Alike> {
    let mut known: FxHashSet<u64> = identity_of_text(identifier).into_iter().collect();
    let of_numbers = other_zeros(identifier).into_iter().chain(in_groups(identifier));
    let spellings = of_numbers.chain(other_dashes(identifier)).chain(other_cases(identifier));
    let others = spellings.filter_map(|identifier| {
        let identity = identity_of_text(&identifier).filter(|&identity| known.insert(identity))?;
        Some(Alike { identifier, pseudonym: pseudonyms.of(identity) })
    });
    others.collect()
}

/// The number with fewer or more zeros before it; nothing of an identifier that is no number.
fn other_zeros(identifier: &str) -> Vec<String> {
    let digits = identifier.trim();
    let number = digits.trim_start_matches('0');
    if number.is_empty()
        || number.len() > KEPT_DIGITS
        || digits.len() > MAX_PADDED
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Vec::new();
    }
    (number.len()..=MAX_PADDED)
        .filter(|&width| width != digits.len())
        .map(|width| format!("{number:0>width$}"))
        .collect()
}

/// The number with its digits in groups of three; nothing of an identifier that is no number or has one group alone.
fn in_groups(identifier: &str) -> Vec<String> {
    // A program that shows groups shows no zeros before them.
    let digits = identifier.trim().trim_start_matches('0');
    if !(4..=MAX_PADDED).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let with_mark = |mark: &char| {
        let mut grouped = String::new();
        for (n_left, digit) in (1..=digits.len()).rev().zip(digits.chars()) {
            if n_left.is_multiple_of(3) && n_left < digits.len() {
                grouped.push(*mark);
            }
            grouped.push(digit);
        }
        grouped
    };
    GROUP_MARKS.iter().map(with_mark).collect()
}

/// The identifier with each dash in place of all that it has.
fn other_dashes(identifier: &str) -> Vec<String> {
    let text = identifier.trim();
    if !text.contains(DASHES) {
        return Vec::new();
    }
    DASHES.iter().map(|dash| text.replace(DASHES, dash.encode_utf8(&mut [0; 4]))).collect()
}

/// The identifier in every case, lower case first.
fn other_cases(identifier: &str) -> impl Iterator<Item = String> {
    let lower = identifier.trim().to_lowercase();
    let n_letters = lower.chars().filter(|c| other_case(*c).is_some()).count();
    let n_ways: u32 = if n_letters > MAX_LETTERS { 1 } else { 1 << n_letters };
    (0..n_ways).map(move |way| {
        let mut rest = way;
        let case = |c: char| {
            let Some(upper) = other_case(c) else { return c };
            let is_upper = rest & 1 == 1;
            rest >>= 1;
            if is_upper { upper } else { c }
        };
        lower.chars().map(case).collect()
    })
}

/// The letter in the other case, where that is one letter as well.
fn other_case(letter: char) -> Option<char> {
    let letters: Vec<char> =
        if letter.is_uppercase() { letter.to_lowercase().collect() } else { letter.to_uppercase().collect() };
    match letters.as_slice() {
        [other] if *other != letter => Some(*other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_with_fewer_and_more_zeros_and_a_name_in_one_way() {
        let spellings = other_zeros(" 00123 ");
        assert_eq!(spellings[..3], ["123", "0123", "000123"]);
        assert_eq!(spellings.len(), MAX_PADDED - 3);
        for none in ["KUNDE-7", "", "000", "12a", "1234567890123456"] {
            assert!(other_zeros(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_number_of_more_than_three_digits_is_written_in_groups() {
        assert_eq!(in_groups(" 0001234567 ")[..3], ["1,234,567", "1.234.567", "1 234 567"]);
        assert_eq!(in_groups("123456")[..1], ["123,456"]);
        for none in ["123", "0123", "C-1234", "", "123456789012345678901"] {
            assert!(in_groups(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn an_identifier_is_written_with_each_dash() {
        assert_eq!(other_dashes("C–3-a")[..3], ["C-3-a", "C\u{2010}3\u{2010}a", "C\u{2011}3\u{2011}a"]);
        assert!(other_dashes("C3").is_empty());
    }

    #[test]
    fn an_identifier_has_every_case_but_of_very_many_letters() {
        assert_eq!(other_cases(" a1B").collect::<Vec<_>>(), ["a1b", "A1b", "a1B", "A1B"]);
        assert_eq!(other_cases("Ä-ß").collect::<Vec<_>>(), ["ä-ß", "Ä-ß"]);
        assert_eq!(other_cases("0123").collect::<Vec<_>>(), ["0123"]);
        assert_eq!(other_cases("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOP").count(), 1);
    }
}
