//! Identifiers that are numbers and differ by the zeros before them. A workbook's cell that is shown as `000123` may
//! hold the number 123, and a CSV file of the same list has what is shown.

use crate::customer::identity_of_text;
use crate::pseudonyms::Pseudonyms;

/// A workbook's number has no more digits.
const MAX_DIGITS: usize = 15;

/// Another way to write an identifier, and what its customer is known by.
#[derive(Debug)]
pub(super) struct Alike {
    pub identifier: String,
    pub identity: u64,
    pub pseudonym: u64,
    /// Whether a customer was erased by it.
    pub is_erased: bool,
}

/// The other ways to write an identifier.
pub(super) fn alike(identifier: &str, pseudonyms: &Pseudonyms) -> Vec<Alike> {
    let others = other_spellings(identifier).into_iter().filter_map(|identifier| {
        let identity = identity_of_text(&identifier)?;
        let pseudonym = pseudonyms.of(identity);
        Some(Alike { identifier, identity, pseudonym, is_erased: pseudonyms.is_erased(pseudonym) })
    });
    others.collect()
}

/// The number with fewer or more zeros before it; nothing of an identifier that is no number.
fn other_spellings(identifier: &str) -> Vec<String> {
    let digits = identifier.trim();
    let number = digits.trim_start_matches('0');
    if number.is_empty() || digits.len() > MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    (number.len()..=MAX_DIGITS)
        .filter(|&width| width != digits.len())
        .map(|width| format!("{number:0>width$}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_with_fewer_and_more_zeros_and_a_name_in_one_way() {
        let spellings = other_spellings(" 00123 ");
        assert_eq!(spellings[..3], ["123", "0123", "000123"]);
        assert_eq!(spellings.len(), MAX_DIGITS - 3);
        for none in ["KUNDE-7", "", "000", "12a", "1234567890123456"] {
            assert!(other_spellings(none).is_empty(), "{none}");
        }
    }
}
