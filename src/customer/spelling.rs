//! When two texts are the same to a reader: Unicode's normal forms and case folding, in one place.
//!
//! What is shown is composed (NFC). What is compared goes by a key of its own: compatibility forms are one (NFKC, so
//! that the full-width letters of East Asian keyboards are letters), case is folded by Unicode's rules (`STRASSE` is
//! `straße`, a final sigma is a sigma), and so is the dot of the Turkish i, which upper case moves to another letter
//! (`ISPARTA`, `İSTANBUL`).

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;

use super::is_invisible;

/// The digit 0 of the scripts that spreadsheets write numbers in beside ours: Arabic, Persian, the scripts of India,
/// Thai, Lao, Burmese, Khmer. Nine digits follow each.
const ZEROS: [char; 16] = ['٠', '۰', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '๐', '໐', '༠', '၀', '០'];

/// The text with every letter and its marks as one character, where there is one (NFC).
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { ComposingNormalizerBorrowed::new_nfc().normalize(text) }
}

/// The text in the forms that compatibility gives one character for (NFKC): full-width digits become digits, and a
/// non-breaking space a space.
pub(super) fn compatible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { ComposingNormalizerBorrowed::new_nfkc().normalize(text) }
}

/// A number or a date as it would be typed here: no invisible characters, our digits, plain spaces.
pub(super) fn legible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()) {
        return Cow::Borrowed(text);
    }
    let compatible = compatible(text);
    let is_joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    let shown = compatible.chars().filter(|c| c.is_whitespace() || !is_invisible(*c) && !is_joiner(*c));
    Cow::Owned(shown.map(|c| if c.is_whitespace() { ' ' } else { our_digit(c) }).collect())
}

fn our_digit(c: char) -> char {
    let digit = ZEROS.iter().find_map(|&zero| (c as u32).checked_sub(zero as u32).filter(|digit| *digit < 10));
    digit.and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)
}

/// The key under which spellings of one name meet: nobody sees it.
pub fn spelling_key(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = CaseMapper::new().fold_string(&compatible(text)).into_owned();
    let mut undotted = String::with_capacity(folded.len());
    for c in folded.chars() {
        match c {
            'ı' => undotted.push('i'),
            '\u{307}' if undotted.ends_with('i') => {}
            c => undotted.push(c),
        }
    }
    // Folding can take a letter apart that composing puts together.
    compatible(&undotted).into_owned()
}

/// What a cell's text says: without the `="…"` around it that keeps Excel from reading it as a number, and without the
/// NULs that pad the columns of old databases.
pub(super) fn said(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches('\0');
    let Some(quoted) = text.trim().strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    let said = quoted.replace("\"\"", "\"");
    // A quote by itself ends the text: `="a"&"b"` is a formula.
    if quoted.matches('"').count() == 2 * said.matches('"').count() {
        if said.len() == quoted.len() { Cow::Borrowed(quoted) } else { Cow::Owned(said) }
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether [`said`] might say something else than the text.
pub(super) fn is_wrapped(text: &str) -> bool {
    matches!(text.as_bytes(), [b'=' | 0, ..] | [.., 0]) || text.starts_with(' ') && text.trim_start().starts_with("=\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for spellings in [
            &["Zürich", "Zu\u{308}rich", "ZÜRICH", "zürich"][..],
            &["Straße", "STRASSE", "strasse", "STRAẞE"],
            &["İstanbul", "istanbul", "ISTANBUL", "ıstanbul", "I\u{307}stanbul"],
            &["Diyarbakır", "DİYARBAKIR", "DIYARBAKIR", "diyarbakir"],
            &["Αθήνας", "ΑΘΉΝΑΣ", "αθήνασ"],
            &["Tokyo", "Ｔｏｋｙｏ", "ｔｏｋｙｏ"],
            &["カナ", "ｶﾅ"],
            &["Đà Nẵng", "ĐÀ NẴNG", "Đa\u{300} Na\u{306}\u{303}ng"],
        ] {
            let keys: Vec<String> = spellings.iter().map(|text| spelling_key(text)).collect();
            assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        }
        assert_ne!(spelling_key("Zürich"), spelling_key("Zurich"));
        assert_ne!(spelling_key("Москва"), spelling_key("Mockba"));
    }

    #[test]
    fn the_text_of_a_formula_and_of_a_padded_cell_is_what_it_says() {
        for (cell, says) in [
            ("=\"Bedok\"", "Bedok"),
            (" =\"K0001\" ", "K0001"),
            ("=\"6\"\" pipe\"", "6\" pipe"),
            ("=\"\"", ""),
            ("Bedok\0\0\0", "Bedok"),
            ("\0\0", ""),
            ("=\"Bedok\"\0", "Bedok"),
            ("=\"a\"&\"b\"", "=\"a\"&\"b\""),
            ("=A1", "=A1"),
            ("=", "="),
            ("=\"", "=\""),
            ("Bedok", "Bedok"),
        ] {
            assert_eq!(said(cell), says, "{cell:?}");
            assert!(is_wrapped(cell) || said(cell) == cell, "{cell:?}");
        }
    }

    proptest! {
        #[test]
        fn the_key_of_a_key_is_the_key(text in "\\PC{0,20}|[ıİiIßẞςΣσ\u{307}a-z]{0,12}") {
            let key = spelling_key(&text);
            prop_assert_eq!(spelling_key(&key), key.clone());
            prop_assert_eq!(spelling_key(&composed(&text)), key.clone());
            prop_assert_eq!(spelling_key(&text.to_lowercase()), key);
        }
    }
}
