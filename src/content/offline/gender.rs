//! Words that name a gender: no post of the offline writer holds one.

/// Words that name a gender, lower case, without their possessive endings.
pub(super) const GENDER_WORDS: &[&str] = &[
    "he",
    "she",
    "him",
    "her",
    "his",
    "hers",
    "himself",
    "herself",
    "man",
    "men",
    "woman",
    "women",
    "male",
    "males",
    "female",
    "females",
    "lady",
    "ladies",
    "gentleman",
    "gentlemen",
    "gent",
    "gents",
    "guy",
    "guys",
    "girl",
    "girls",
    "boy",
    "boys",
    "mum",
    "mums",
    "mom",
    "moms",
    "mother",
    "mothers",
    "dad",
    "dads",
    "father",
    "fathers",
    "husband",
    "husbands",
    "wife",
    "wives",
    "sir",
    "madam",
    "ma'am",
    "miss",
    "mister",
    "mr",
    "mrs",
    "ms",
    "brother",
    "brothers",
    "sister",
    "sisters",
    "bro",
    "bros",
    "sis",
    "dude",
    "dudes",
    "gal",
    "gals",
    "lad",
    "lads",
    "lass",
    "king",
    "kings",
    "queen",
    "queens",
    "girlboss",
    "menswear",
    "womenswear",
    "boyfriend",
    "girlfriend",
    "bride",
    "groom",
    "feminine",
    "masculine",
    "gender",
    "女",
    "男",
];

/// Whether `text` names a gender.
pub(super) fn names_a_gender(text: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')).any(is_gender_word)
}

/// `text` without the words that name a gender.
pub(super) fn without_gender_words(text: &str) -> String {
    let kept = text.split_whitespace().filter(|word| !word.split('-').any(is_gender_word));
    kept.collect::<Vec<_>>().join(" ")
}

fn is_gender_word(word: &str) -> bool {
    let word = word.to_lowercase().replace('’', "'");
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix('\'')).unwrap_or(word);
    GENDER_WORDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possessives_and_capitals_are_seen_and_longer_words_are_not() {
        assert!(names_a_gender("20% off Women's shoes"));
        assert!(names_a_gender("for girls’ night"));
        assert!(!names_a_gender("Queenstown, Kingston, the chef, a manual, this"));
        assert_eq!(without_gender_words("men's rain jackets"), "rain jackets");
    }
}
