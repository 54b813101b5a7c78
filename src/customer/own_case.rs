//! Which words keep the capitals that they are written with: `USA`, `iOS`, `McDonald`. All others are title-cased, as
//! people type names in any case.

/// The longest abbreviation, in letters: a longer word in capitals is shouted.
const MAX_LETTERS: usize = 4;
/// Abbreviations that are longer.
const LONG: [&str; 3] = ["LATAM", "ASEAN", "MENAT"];
/// Short words that are shouted, too.
const WORDS: [&str; 6] = ["YES", "NO", "TRUE", "MALE", "AND", "THE"];
/// A word in capitals behind a small letter was typed with caps lock on, if it has so many: `bEDOK`, not `iOS`.
const MIN_CAPS_LOCK: usize = 4;

/// The text with the words of `title_cased` but for those that keep their own case.
pub(super) fn with_own_case(text: &str, title_cased: &str) -> String {
    let is_mixed = !text.contains(' ') || text.split(' ').any(is_title);
    let keeps = |word: &str| is_camel(word) || (is_mixed && is_abbreviation(word));
    if !text.split(' ').any(keeps) {
        return title_cased.to_owned();
    }
    let words = text.split(' ').zip(title_cased.split(' '));
    words.map(|(own, cased)| if keeps(own) { own } else { cased }).collect::<Vec<_>>().join(" ")
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
        ] {
            assert_eq!(tidy_category(raw).as_deref(), Some(tidy), "{raw:?}");
            assert_eq!(tidy_category(tidy).as_deref(), Some(tidy), "{tidy:?}");
        }
        assert!(is_shouted("BEDOK") && is_shouted("ANG MO KIO") && is_shouted("MALE"));
        assert!(!is_shouted("EMEA") && !is_shouted("LATAM") && !is_shouted("Bedok") && !is_shouted("新北"));
        assert!(has_inner_capital("iOS") && has_inner_capital("EMEA") && !has_inner_capital("O'Brien"));
    }
}
