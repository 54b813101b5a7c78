//! How errors and bytes are written as text, for people and for the log.

use std::error::Error;
use std::fmt::Write;

/// An error and its causes, the outermost first.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and its causes, separated by colons.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for (n, cause) in chain(error).enumerate() {
        let separator = if n == 0 { "" } else { ": " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{cause}");
    }
    text
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that `2 * N` hex digits of either case stand for.
pub fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    // A sign is no digit, though numbers may begin with one.
    if digits.len() != 2 * N || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, two) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// The first `max_chars` characters of a text.
pub fn cut(mut text: String, max_chars: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max_chars) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file cannot be read")]
    struct Unreadable(#[source] std::io::Error);

    #[test]
    fn an_error_is_written_with_its_causes() {
        let error = Unreadable(std::io::Error::other("no disk"));
        assert_eq!(with_causes(&error), "the file cannot be read: no disk");
        assert_eq!(chain(&error).count(), 2);
    }

    #[test]
    fn bytes_are_two_digits_each_and_texts_are_cut_between_characters() {
        assert_eq!(hex([0x0a, 0xff]), "0aff");
        assert_eq!((from_hex("0aFF"), from_hex::<2>("+aff"), from_hex::<2>("0af")), (Some([0x0a, 0xff]), None, None));
        assert_eq!(cut("äöü".to_owned(), 2), "äö");
        assert_eq!(cut("ä".to_owned(), 2), "ä");
    }
}
