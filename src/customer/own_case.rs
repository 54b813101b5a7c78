//! Which words keep the capitals that they are written with: `USA`, `iOS`, `McDonald`, `3M`. All others are
//! title-cased, as people type names in any case.

/// The longest abbreviation, in letters: a longer word in capitals is shouted.
const MAX_LETTERS: usize = 4;
/// Abbreviations that are longer.
const LONG: [&str; 3] = ["LATAM", "ASEAN", "MENAT"];
/// Short words that are shouted, too.
const WORDS: [&str; 6] = ["YES", "NO", "TRUE", "MALE", "AND", "THE"];
/// A word in capitals behind a small letter was typed with caps lock on, if it has so many: `bEDOK`, not `iOS`.
const MIN_CAPS_LOCK: usize = 4;

/// What separates the words of a name.
const BETWEEN: [char; 13] = [' ', '-', '/', '(', ')', '[', ']', ',', '.', ';', ':', '|', '+'];
/// What follows the number in an ordinal.
const ORDINALS: [&str; 4] = ["ST", "ND", "RD", "TH"];

/// The text with the words of `title_cased` but for those that keep their own case.
pub(super) fn with_own_case(text: &str, title_cased: &str) -> String {
    let is_one_case = !text.contains(' ') || !text.chars().any(char::is_lowercase);
    let is_open = is_one_case && !is_shouted(text) || text.split(BETWEEN).any(is_title) || are_abbreviations(text);
    let by_blanks = text.split_inclusive(' ').zip(title_cased.split_inclusive(' '));
    let whole = |word: &str| is_camel(word) || (is_open && is_abbreviation(word.trim()));
    let words = by_blanks.map(|(own, cased)| if whole(own) { own.to_owned() } else { by_parts(own, cased, is_open) });
    words.collect()
}

/// A shouted name without its capitals; a code such as `3M` keeps them.
pub(super) fn without_shouting(name: &str, title_cased: &str) -> String {
    by_parts(name, title_cased, false)
}

/// A word made of the parts that keep their own case and of those of `title_cased`: `KL-Sentral`, `(NL)`.
fn by_parts(own: &str, title_cased: &str, is_open: bool) -> String {
    let keeps = |part: &str| {
        let part = part.trim_end_matches(BETWEEN);
        is_code(part) || (is_open && is_abbreviation(part))
    };
    let parts = own.split_inclusive(BETWEEN).zip(title_cased.split_inclusive(BETWEEN));
    parts.map(|(own, cased)| if keeps(own) { own } else { cased }).collect()
}

/// Whether a name in capitals is one of abbreviations all the same: `MRI/CT`, and `KPMG LLP`, which nobody can say as
/// words. `ANG MO KIO` and `DRIVE-IN` are shouted.
fn are_abbreviations(text: &str) -> bool {
    let is_said = |part: &str| part.contains(['A', 'E', 'I', 'O', 'U', 'Y']);
    let by_slash = !text.contains(' ') && text.contains('/') && text.split('/').all(is_abbreviation);
    by_slash || text.is_ascii() && text.split(' ').all(|word| is_abbreviation(word) && !is_said(word))
}

/// Whether a text is written in capitals as a whole, and so says nothing of which of its words are abbreviations.
pub(super) fn is_shouted(text: &str) -> bool {
    let n_letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let are_capitals = !text.chars().any(char::is_lowercase) && text.chars().any(char::is_uppercase);
    are_capitals && (n_letters > MAX_LETTERS && !LONG.contains(&text) || WORDS.contains(&text))
}

/// Whether a word has a capital right behind another letter or a digit, as no title-cased one has.
pub(super) fn has_inner_capital(name: &str) -> bool {
    name.chars().zip(name.chars().skip(1)).any(|(before, c)| before.is_alphanumeric() && c.is_uppercase())
}

/// `North`: a capital, then small letters alone.
fn is_title(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase)
        && word.chars().count() > 2
        && letters.all(|c| c.is_lowercase() || !c.is_alphabetic())
}

/// `3M`, `5G`, `4WD`: capitals and digits; not `3RD`.
fn is_code(word: &str) -> bool {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let n_letters = word.chars().filter(|c| c.is_alphabetic()).count();
    word.chars().all(|c| c.is_uppercase() || c.is_ascii_digit())
        && word.chars().any(|c| c.is_ascii_digit())
        && (1..=MAX_LETTERS).contains(&n_letters)
        && !ORDINALS.contains(&rest)
}

/// `USA`, `R&D`, `B2B`; not `3RD`.
fn is_abbreviation(word: &str) -> bool {
    let letters = || word.chars().filter(|c| c.is_alphabetic());
    let n_letters = letters().count();
    let is_short = (2..=MAX_LETTERS).contains(&n_letters) || LONG.contains(&word);
    is_short && letters().all(char::is_uppercase) && word.starts_with(char::is_alphabetic) && !WORDS.contains(&word)
}

/// `iOS`, `eBay`, `McDonald`; not `bEDOK`.
fn is_camel(word: &str) -> bool {
    let has_step = word.chars().zip(word.chars().skip(1)).any(|(before, c)| before.is_lowercase() && c.is_uppercase());
    let mut letters = word.chars().filter(|c| c.is_alphabetic());
    let starts_small = letters.next().is_some_and(char::is_lowercase);
    let n_capitals = letters.clone().count();
    let is_caps_lock = starts_small && n_capitals >= MIN_CAPS_LOCK && letters.all(char::is_uppercase);
    has_step && !is_caps_lock
}

#[cfg(test)]
mod tests {
    use super::super::text::tidy_category;
    use super::*;

    #[test]
    fn abbreviations_and_names_with_capitals_of_their_own_keep_them() {
        for (raw, tidy) in [
            ("EMEA", "EMEA"),
            ("LATAM", "LATAM"),
            ("usa", "Usa"),
            ("iOS", "iOS"),
            ("McDonald's", "McDonald's"),
            ("UK  North", "UK North"),
            ("us East", "Us East"),
            ("B2B", "B2B"),
            ("F&B", "F&B"),
            ("bEDOK", "Bedok"),
            ("BEDOK", "Bedok"),
            ("ANG MO KIO", "Ang Mo Kio"),
            ("YES", "Yes"),
            ("3RD Avenue", "3rd Avenue"),
            ("3M", "3M"),
            ("3m", "3m"),
            ("5G", "5G"),
            ("4WD", "4WD"),
            ("3M COMPANY", "3M Company"),
            ("Austria (NL)", "Austria (NL)"),
            ("Logistics (3PL)", "Logistics (3PL)"),
            ("MRI/CT", "MRI/CT"),
            ("Mri/ct", "Mri/Ct"),
            ("KPMG LLP", "KPMG LLP"),
            ("1-2-3 TV", "1-2-3 TV"),
            ("KL-Sentral", "KL-Sentral"),
            ("IT/OT", "IT/OT"),
            ("AT&T", "AT&T"),
            ("K-12", "K-12"),
            ("H-E-B", "H-E-B"),
            ("O2", "O2"),
            ("DRIVE-IN", "Drive-In"),
            ("YES/NO", "Yes/No"),
            ("stratford-upon-avon", "Stratford-Upon-Avon"),
        ] {
            assert_eq!(tidy_category(raw).as_deref(), Some(tidy), "{raw:?}");
            assert_eq!(tidy_category(tidy).as_deref(), Some(tidy), "{tidy:?}");
        }
        assert!(is_shouted("BEDOK") && is_shouted("ANG MO KIO") && is_shouted("MALE"));
        assert!(!is_shouted("EMEA") && !is_shouted("LATAM") && !is_shouted("Bedok") && !is_shouted("新北"));
        assert!(has_inner_capital("iOS") && has_inner_capital("EMEA") && !has_inner_capital("O'Brien"));
    }
}
