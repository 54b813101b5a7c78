//! Text of cells: names tidied, and what looks like personal data recognised.

use super::is_invisible;
use super::nothing::means_nothing;
use super::own_case::{with_own_case, without_shouting};
use super::spelling::{compatible, composed, spelling_key};

/// The longest category, in characters: enough for any place name, too short for a paragraph. Longer values are cut.
pub(super) const MAX_VALUE_CHARS: usize = 100;

/// The longest text that [`fold_plain`] takes, in bytes: any identifier.
pub(super) const MAX_PLAIN_BYTES: usize = 64;

/// How many digits a place or a plan may have; a telephone number has more.
const MAX_DIGITS: usize = 6;
/// How long a word with a digit in it may be, in bytes; a key is longer.
const MAX_CODE_BYTES: usize = 20;

/// Tidies a category's name: control and invisible characters go, letters are composed (NFC), blanks are trimmed and
/// collapsed, words are title-cased (`ANG  mo kio` → `Ang Mo Kio`, `o'brien` → `O'Brien`, `john's` → `John's`) but for
/// abbreviations and the like (`USA`, `iOS`, `3M`), and what is longer than 100 characters is cut. `None` when nothing
/// is left, or a word for nothing such as `n/a`.
pub fn tidy_category(text: &str) -> Option<String> {
    let tidy = tidy(text)?;
    let cased = title_case(&tidy);
    // `N/a` and `none` are none of the words as they are written, and become one.
    if means_nothing(&cased) {
        return None;
    }
    Some(cut(&tidy, &cased))
}

/// The name with its own case, if it is not longer than a value may be; otherwise the start of its title-cased form.
fn cut(tidy: &str, title_cased: &str) -> String {
    let own = with_own_case(tidy, title_cased);
    if own.chars().nth(MAX_VALUE_CHARS).is_none() {
        return own;
    }
    title_cased.chars().take(MAX_VALUE_CHARS).collect::<String>().trim_end().to_owned()
}

/// The name of a category as it is shown where its column is written in capitals: title-cased but for codes (`3M`).
pub(super) fn without_own_case(name: &str) -> String {
    without_shouting(name, &title_case(name))
}

/// As [`tidy_category`], of a name that a schema gives: a word for nothing is a name there, too.
pub(super) fn tidy_given(text: &str) -> Option<String> {
    let tidy = Some(shown(text)).filter(|tidy| !tidy.is_empty())?;
    let cased = title_case(&tidy);
    Some(cut(&tidy, &cased))
}

/// Whether a value looks like somebody's address, telephone number or key: sheets whose cells have slipped by a column
/// hold such under any header.
pub fn is_personal(value: &str) -> bool {
    // Brackets and quotes are around a key and never within one: `<script>alert(1)</script>` is none.
    let is_of_a_key = |c: char| c.is_ascii_alphanumeric() || "-_.+/=:~%&?#".contains(c);
    let is_code = |word: &str| word.len() > MAX_CODE_BYTES && word.bytes().any(|b| b.is_ascii_digit());
    let n_digits = value.chars().filter(|c| c.is_numeric()).count();
    let words = || value.split_whitespace().filter(|word| word.is_ascii());
    value.contains(['@', '＠'])
        || n_digits > MAX_DIGITS
        || words().flat_map(|word| word.split(|c| !is_of_a_key(c))).any(is_code)
}

/// A text with a capital first letter.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A text on one line, without what nobody sees, cut at `max_chars` characters.
pub(super) fn one_line(text: &str, max_chars: usize) -> String {
    let shown = text.split_whitespace().collect::<Vec<_>>().join(" ");
    composed(&shown).chars().filter(|c| !is_invisible(*c)).take(max_chars).collect()
}

/// The key under which spellings of a name meet; `None` for what stands for nothing.
pub(super) fn fold(text: &str) -> Option<String> {
    tidy(text).map(|tidy| spelling_key(&tidy))
}

/// The key of an identifier, however long it is, and where case is part of it, the key that it would have otherwise.
/// `None` for what stands for nothing.
pub(super) fn fold_identifier(text: &str) -> Option<(String, Option<String>)> {
    let tidy = Some(shown_up_to(text, usize::MAX)).filter(|tidy| !means_nothing(text) && !means_nothing(tidy))?;
    let identifier = Some(without_apostrophe(&tidy)).filter(|identifier| !means_nothing(identifier))?;
    let folded = spelling_key(identifier);
    if has_own_case(identifier) {
        return Some((compatible(identifier).into_owned(), Some(folded)));
    }
    Some((folded, None))
}

/// As [`fold_identifier`], of a short text that is shown as it is: the key is written into `buffer`, which holds zeros,
/// since a sheet has one in each row. With it comes whether case is part of it. `None` of any other text.
pub(super) fn fold_plain<'b>(text: &str, buffer: &'b mut [u8; MAX_PLAIN_BYTES]) -> Option<(&'b [u8], bool)> {
    let text = without_apostrophe(text.trim_ascii());
    let plain = buffer.get_mut(..text.len()).filter(|_| is_plain_line(text) && !means_nothing(text))?;
    plain.copy_from_slice(text.as_bytes());
    let (mut upper, mut lower) = (0, 0);
    // Eight letters at once: fewer instructions than one by one.
    for bytes in buffer.as_chunks_mut().0.iter_mut().take(text.len().div_ceil(8)) {
        let word = u64::from_le_bytes(*bytes);
        let capitals = bytes_within(word, b'A', b'Z');
        upper |= capitals;
        lower |= bytes_within(word, b'a', b'z');
        *bytes = (word | (capitals >> 2)).to_le_bytes();
    }
    let folded = buffer.get_mut(..text.len())?;
    let is_mixed = upper != 0 && lower != 0 && has_own_case(text);
    if is_mixed {
        folded.copy_from_slice(text.as_bytes());
    }
    Some((folded, is_mixed))
}

/// The highest bit of each byte of ASCII that is not before `first` and not behind `last`.
fn bytes_within(word: u64, first: u8, last: u8) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let from_first = word + EACH * (0x80 - u64::from(first));
    let behind_last = word + EACH * (0x7f - u64::from(last));
    (from_first ^ behind_last) & (0x80 * EACH)
}

/// Whether case is part of an identifier: its letters are mixed as nobody types a word (`0015g00000Xy00A`), and it is
/// not an address of e-mail. `C-001`, `c-001` and `Cust-001` are words.
fn has_own_case(identifier: &str) -> bool {
    let mut chars = identifier.chars();
    let is_capitalised = chars.next().is_some_and(char::is_uppercase) && !chars.any(char::is_uppercase);
    let (has_upper, has_lower) = (identifier.contains(char::is_uppercase), identifier.contains(char::is_lowercase));
    has_upper && has_lower && !is_capitalised && !identifier.contains(['@', '＠'])
}

/// An identifier without the apostrophe that keeps spreadsheet programs from reading a formula or a number: our own CSV
/// has `'+4712`.
pub(super) fn without_apostrophe(identifier: &str) -> &str {
    identifier.strip_prefix('\'').map_or(identifier, str::trim_start)
}

/// As [`fold`], also of a word for nothing: `NA` is a level or a synonym where a schema says so.
pub(super) fn fold_given(text: &str) -> Option<String> {
    Some(spelling_key(&shown(text))).filter(|key| !key.is_empty())
}

/// One line of visible, composed characters with single blanks; `None` when it stands for nothing.
fn tidy(text: &str) -> Option<String> {
    if means_nothing(text) {
        return None;
    }
    Some(shown(text)).filter(|tidy| !means_nothing(tidy))
}

/// One line of visible, composed characters with single blanks. Twice the cap is read at most: what follows would be
/// cut anyway.
fn shown(text: &str) -> String {
    shown_up_to(text, 2 * MAX_VALUE_CHARS)
}

fn shown_up_to(text: &str, max_chars: usize) -> String {
    let text = text.trim();
    // By far the most are shown as they are.
    if text.len() <= max_chars && is_plain_line(text) { text.to_owned() } else { tidied_line(text, max_chars) }
}

/// Whether a text is one line of letters that everybody sees, with single blanks.
fn is_plain_line(text: &str) -> bool {
    let mut before = b' ';
    text.bytes().all(|b| {
        let is_plain = b.is_ascii_graphic() || b == b' ' && before != b' ';
        before = b;
        is_plain
    })
}

/// One line of visible, composed characters with single blanks, of the start of any text.
fn tidied_line(text: &str, max_chars: usize) -> String {
    let mut tidy = String::with_capacity(text.len().min(4 * MAX_VALUE_CHARS));
    for c in text.trim().chars().filter(|c| c.is_whitespace() || !is_invisible(*c)).take(max_chars) {
        if !c.is_whitespace() {
            tidy.push(c);
        } else if !tidy.is_empty() && !tidy.ends_with(' ') {
            tidy.push(' ');
        }
    }
    tidy.truncate(tidy.trim_end().len());
    composed(&tidy).into_owned()
}

fn title_case(text: &str) -> String {
    let mut cased = String::with_capacity(text.len());
    let mut letters_before = 0_usize;
    let mut starts_word = true;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if starts_word {
            let mut upper = c.to_uppercase();
            cased.extend(upper.next());
            cased.extend(upper.flat_map(char::to_lowercase));
        } else {
            match c {
                // By itself lower case gives the dot a character of its own, and no sigma its final form.
                'İ' => cased.push('i'),
                'Σ' if !rest.peek().is_some_and(|next| next.is_alphanumeric()) => cased.push('ς'),
                _ => cased.extend(c.to_lowercase()),
            }
        }
        if c.is_alphanumeric() {
            letters_before += 1;
            starts_word = false;
        } else if matches!(c, '\'' | '’') && letters_before > 0 {
            // `O'Brien`, `D'Arcy`; but `John's`, `Xi'an`.
            starts_word = letters_before == 1;
            letters_before = 0;
        } else if !matches!(c, '\u{200c}' | '\u{200d}' | '\u{300}'..='\u{36f}') {
            starts_word = true;
            letters_before = 0;
        }
    }
    cased
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_numbers_and_keys_are_told_from_places() {
        for personal in [
            "Ann@example.com",
            "ann＠example",
            "+65 9123 4567",
            "555-1234",
            "sk-proj-4f9a8b7c6d5e4f3a2b1c",
            "(\"sk-proj-abcdefghijklmno1\")",
            "Bearer:abcdefghijklmnopqrst1",
        ] {
            assert!(is_personal(personal), "{personal}");
        }
        for place in [
            "Bedok 460123",
            "Area 51",
            "<script>alert(2)</script>",
            "新北市板橋區文化路一段18號",
            "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
        ] {
            assert!(!is_personal(place), "{place}");
        }
    }

    #[test]
    fn names_are_trimmed_collapsed_and_title_cased() {
        for (raw, tidy) in [
            ("  geylang ", "Geylang"),
            ("ANG\u{a0} MO\tkio", "Ang Mo Kio"),
            ("o'BRIEN", "O'Brien"),
            ("st. john's", "St. John's"),
            ("stratford-upon-avon", "Stratford-Upon-Avon"),
            ("忠邦城", "忠邦城"),
            ("女", "女"),
            ("éVORA", "Évora"),
            ("straße", "Straße"),
            ("3RD avenue", "3rd Avenue"),
            ("Be\u{202e}do\u{0}k\u{200b}", "Bedok"),
            ("Bukit\r\nTimah", "Bukit Timah"),
            ("Zu\u{308}rich", "Zürich"),
            ("DİYARBAKIR", "Diyarbakir"),
            ("ΑΘΉΝΑΣ ΣΎΜΗ", "Αθήνας Σύμη"),
        ] {
            assert_eq!(tidy_category(raw).as_deref(), Some(tidy), "{raw:?}");
        }
    }

    #[test]
    fn words_for_nothing_are_nothing() {
        for raw in ["", "  ", "n/a", " NULL ", "-", "\u{200b}", "\u{0}-", "N/a", "none", "NONE"] {
            assert_eq!(tidy_category(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn a_long_value_is_cut_at_a_hundred_characters() {
        let long = tidy_category(&"城".repeat(5000)).unwrap();
        assert_eq!(long.chars().count(), MAX_VALUE_CHARS);
    }

    proptest! {
        #[test]
        fn a_plain_line_is_shown_as_any_other(text in "[ -~\\t\\x00\\x7f]{0,30}|[a-z ]{150,250}") {
            prop_assert_eq!(shown(&text), tidied_line(&text, 2 * MAX_VALUE_CHARS));
        }

        #[test]
        fn a_value_is_short_visible_and_stays_when_tidied_again(raw in "\\PC{0,150}|[a-z'\\x00-\\x20\u{200b}-\u{202e}A-Z]{0,150}") {
            if let Some(value) = tidy_category(&raw) {
                prop_assert!((1..=MAX_VALUE_CHARS).contains(&value.chars().count()));
                prop_assert!(!value.chars().any(is_invisible));
                prop_assert_eq!(value.trim(), &value);
                prop_assert!(!value.contains("  "));
            }
        }
    }
}
