//! Which charset texts are in, judging by their letters.
//!
//! chardetng, the detector of Firefox, knows the encodings that web pages use. Spreadsheets also come as "CSV
//! (Macintosh)" and "CSV (MS-DOS)", whose charsets it does not know and takes for others. There a second rule decides:
//! under the wrong charset letters become signs within words (`M†nchen`), capitals within words (`MŸnchen`), or
//! consonants where the word needs a vowel (`Mźnchen`). Such oddities are counted under chardetng's choice and under
//! each of the other charsets; one of the others is taken only where its reading is odd a third as often.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_8859_4, MACINTOSH, WINDOWS_1250, WINDOWS_1252, X_MAC_CYRILLIC};

use super::charset::Charset;

/// Code pages of DOS that Excel's "CSV (MS-DOS)" is in, where letters are Latin.
const DOS_CODE_PAGES: [u16; 2] = [850, 852];
/// How odd a reading must be, for each word, before another one is looked for.
const MIN_ODDITY: f64 = 0.6;
/// How odd another reading may be, compared with chardetng's.
const MAX_SHARE: f64 = 0.34;
/// Without so many words, odd letters decide nothing.
const MIN_WORDS: usize = 2;

/// The charset of these texts, none of which is ASCII alone. Never UTF-8.
///
/// Amounts say nothing of letters, and chardetng takes `€` and `£` for such. Where there is nothing else, the charset
/// is one under which their signs are currencies'.
pub(in crate::workbook) fn guess<'a>(texts: &(impl Iterator<Item = &'a [u8]> + Clone)) -> Charset {
    let words = texts.clone().filter(|text| !is_amount(text));
    if words.clone().next().is_some() {
        return guess_of_words(&words);
    }
    let charsets = [Some(Charset::Web(WINDOWS_1252)), Some(Charset::Web(MACINTOSH)), Charset::dos(850)];
    let is_money = |charset: &Charset| {
        texts
            .clone()
            .all(|text| charset.decode(text).0.chars().all(|c| c.is_ascii() || c == '\u{a0}' || is_currency(c)))
    };
    charsets.into_iter().flatten().find(is_money).unwrap_or_else(|| guess_of_words(texts))
}

/// Whether a text is an amount: no letters of ASCII, and each byte beyond that stands by itself, as the sign of a
/// currency does. Blanks that keep a number on one line may stand beside it.
fn is_amount(text: &[u8]) -> bool {
    // That of Windows, of the Mac and of DOS.
    const BLANKS: [u8; 3] = [0xa0, 0xca, 0xff];
    let is_apart = |byte: Option<&u8>| byte.is_none_or(|byte| BLANKS.contains(byte) || byte.is_ascii());
    let byte = |at: Option<usize>| at.and_then(|at| text.get(at));
    let beyond = text.iter().enumerate().filter(|(_, byte)| !byte.is_ascii() && !BLANKS.contains(byte));
    text.iter().any(u8::is_ascii_digit)
        && !text.iter().any(u8::is_ascii_alphabetic)
        && beyond.into_iter().all(|(at, _)| is_apart(byte(at.checked_sub(1))) && is_apart(byte(at.checked_add(1))))
        // The second byte of a letter in Shift_JIS and its like may be a sign of ASCII.
        && !text.iter().any(|byte| matches!(byte, b'@' | b'[' | b'\\' | b']' | b'^' | b'_' | b'`' | b'{'..=b'~'))
}

fn is_currency(c: char) -> bool {
    matches!(c, '€' | '£' | '¥' | '¢' | '¤')
}

fn guess_of_words<'a>(texts: &(impl Iterator<Item = &'a [u8]> + Clone)) -> Charset {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    for text in texts.clone() {
        detector.feed(text, false);
        detector.feed(b"\n", false);
    }
    detector.feed(b"", true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    // Sami and Latvian as no spreadsheet program writes them: with few words it is Italian.
    let guess = if guess == ISO_8859_4 { WINDOWS_1252 } else { guess };
    let guess = Charset::Web(western_or_eastern(guess, texts));
    let oddity = Oddity::of(guess, texts.clone());
    let per_word = oddity.sum / f64::max(1.0, oddity.n_words as f64);
    if oddity.n_words < MIN_WORDS || per_word < MIN_ODDITY {
        return guess;
    }
    let others = [Some(Charset::Web(MACINTOSH)), Some(Charset::Web(X_MAC_CYRILLIC))]
        .into_iter()
        .chain(DOS_CODE_PAGES.map(Charset::dos))
        .flatten();
    let readings = others.map(|other| (Oddity::of(other, texts.clone()).sum, other));
    match readings.min_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((sum, other)) if sum <= MAX_SHARE * oddity.sum => other,
        _ => guess,
    }
}

/// What chardetng's choice is mended to where it is Windows-1250 or Windows-1252, between which it cannot tell with few
/// words, and Hungarian not even with many. Where the two differ in nothing but `ñ`/`ń`, `ã`/`ă`, `õ`/`ő`, `ê`/`ę` and
/// `û`/`ű`, pairs of letters decide that the other languages do not write: `ña`, `ão` and `ões` are Spanish or
/// Portuguese, `ő` before anything but `e`, among acute accents, is Hungarian. Where they differ in more, the one
/// counts under which letters are far less odd: `Dìèín` is `Děčín`, and `Křbenhavn` is `København`.
fn western_or_eastern<'a>(
    guess: &'static Encoding,
    texts: &(impl Iterator<Item = &'a [u8]> + Clone),
) -> &'static Encoding {
    if guess != WINDOWS_1250 && guess != WINDOWS_1252 {
        return guess;
    }
    let (mut is_iberian, mut has_double_acute, mut has_acute, mut has_other) = (false, false, false, false);
    for text in texts.clone() {
        let (eastern, _) = WINDOWS_1250.decode_without_bom_handling(text);
        let (western, _) = WINDOWS_1252.decode_without_bom_handling(text);
        let mut letters = eastern.chars().zip(western.chars()).peekable();
        while let Some((east, west)) = letters.next() {
            let after = letters.peek().map(|(east, _)| *east);
            match east {
                _ if east == west => has_acute |= matches!(east, 'á' | 'é' | 'í' | 'ó' | 'ú'),
                'ő' if after == Some('e') => is_iberian = true,
                'ő' => has_double_acute = true,
                'ű' => {}
                'ń' | 'ă' | 'ę' => {
                    has_other = true;
                    is_iberian |= (east == 'ń' && after.is_some_and(is_vowel)) || (east == 'ă' && after == Some('o'));
                }
                _ => return less_odd(guess, texts),
            }
        }
    }
    match (is_iberian, has_double_acute && has_acute && !has_other) {
        (true, false) => WINDOWS_1252,
        (false, true) => WINDOWS_1250,
        _ => guess,
    }
}

/// Windows-1250 or Windows-1252, whichever makes of the texts far less odd words than the other.
fn less_odd<'a>(guess: &'static Encoding, texts: &(impl Iterator<Item = &'a [u8]> + Clone)) -> &'static Encoding {
    let other = if guess == WINDOWS_1250 { WINDOWS_1252 } else { WINDOWS_1250 };
    let [odd, other_odd] = [guess, other].map(|encoding| Oddity::of(Charset::Web(encoding), texts.clone()));
    let is_odd = odd.n_words >= MIN_WORDS && odd.sum >= 1.0;
    if is_odd && other_odd.sum <= MAX_SHARE * odd.sum { other } else { guess }
}

/// How odd texts look under a charset.
#[derive(Debug, Default)]
struct Oddity {
    sum: f64,
    /// Words with a letter or sign beyond ASCII.
    n_words: usize,
}

impl Oddity {
    fn of<'a>(charset: Charset, texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut oddity = Self::default();
        let (mut n_serbian, mut has_russian) = (0.0, false);
        for text in texts {
            let (text, _) = charset.decode(text);
            n_serbian += text.chars().filter(|c| "ЂЃЉЊЋЌЏђѓљњћќџ".contains(*c)).count() as f64;
            has_russian |= text.contains(['ы', 'ь', 'ъ', 'э', 'щ', 'ю', 'я', 'й']);
            for word in text.split(|c: char| c.is_ascii() && !c.is_ascii_alphabetic()).filter(|word| !word.is_ascii()) {
                oddity.n_words += 1;
                oddity.sum += oddity_of_word(word);
            }
        }
        // No language has letters of both.
        oddity.sum += if has_russian { 1.5 * n_serbian } else { 0.0 };
        oddity
    }
}

fn oddity_of_word(word: &str) -> f64 {
    let chars: Vec<char> = word.chars().collect();
    match chars.as_slice() {
        // What stands alone is a sign sooner than a letter.
        [sign] if is_currency(*sign) => return 0.0,
        [letter] if letter.is_uppercase() && is_latin(*letter) => return 1.0,
        _ => {}
    }
    let letter = |at: Option<usize>| at.and_then(|at| chars.get(at)).copied().filter(|c| c.is_alphabetic());
    let oddities = chars.iter().enumerate().filter(|(_, c)| !c.is_ascii());
    oddities.map(|(at, &c)| oddity_of(c, letter(at.checked_sub(1)), letter(at.checked_add(1)))).sum()
}

/// How odd a character is between two letters, or at the start or end of a word.
fn oddity_of(c: char, before: Option<char>, after: Option<char>) -> f64 {
    let beside_ascii = [before, after].into_iter().flatten().any(|c| c.is_ascii());
    if c.is_control() || c == char::REPLACEMENT_CHARACTER || ('\u{e000}'..='\u{f8ff}').contains(&c) {
        4.0
    } else if !c.is_alphabetic() {
        match (before.is_some() && after.is_some(), c) {
            (_, '’' | '·' | '\u{a0}') => 0.0,
            (true, '–' | '—' | '‘' | '“' | '”' | '«' | '»' | '…' | '°' | 'º' | 'ª') => 1.0,
            (true, _) => 3.0,
            (false, '–' | '—' | '‘' | '“' | '”' | '«' | '»' | '…') => 0.7,
            (false, '°' | 'º' | 'ª' | '´') => 0.2,
            (false, _) => 1.5,
        }
    } else if c.is_uppercase() && before.is_some_and(char::is_lowercase) {
        3.0
    } else if !is_latin(c) {
        if beside_ascii { 4.0 } else { 0.0 }
    } else {
        let rarity = match c {
            'ƒ' | 'ĸ' | 'ﬁ' | 'ﬂ' | 'Ÿ' | 'ÿ' => 0.7,
            'õ' if after != Some('e') => 0.7,
            // Enough to settle a tie.
            'î' | 'ï' | 'û' | 'ë' => 0.1,
            _ => 0.0,
        };
        clash(c, before, after) + rarity
    }
}

/// How little a Latin letter goes with those beside it: a word alternates between vowels and consonants.
fn clash(c: char, before: Option<char>, after: Option<char>) -> f64 {
    let is_like =
        |other: Option<char>| other.filter(|&other| is_latin(other)).map(|other| is_vowel(other) == is_vowel(c));
    match (is_vowel(c), is_like(before), is_like(after)) {
        (true, Some(true), Some(true)) => 1.0,
        (false, Some(true), Some(true)) => 1.5,
        (false, None, Some(true)) | (false, Some(true), None) => 0.5,
        _ => 0.0,
    }
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || ('\u{c0}'..='\u{24f}').contains(&c)
}

fn is_vowel(c: char) -> bool {
    const VOWELS: &str = "aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüýÿāăąēėęěīįıōőūůűų";
    c.to_lowercase().any(|c| VOWELS.contains(c))
}
