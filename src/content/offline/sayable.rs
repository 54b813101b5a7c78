//! Which of a marketer's words a text can hold, and how it words interests and offers.

use crate::customer::Note;

use super::super::note_codes::INTERESTS_LEFT_OUT;
use super::reading::{Words, is_in};

/// How many interests or places one sentence names.
const MAX_LISTED: usize = 3;
/// How long an interest may be, in words and in characters; more is a note, not an interest.
const MAX_INTEREST_WORDS: usize = 6;
const MAX_INTEREST_CHARS: usize = 40;

/// Why no text can hold a marketer's words. Leaving out a part of them would change what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsayable {
    /// There is no word.
    NoWords,
    /// They say that there is no offer.
    NoOffer,
    /// They name a gender.
    Gender,
    /// They hold an address.
    Address,
    /// They hold a tag of HTML.
    Tag,
    /// They hold a placeholder of a template.
    Braces,
}

impl Unsayable {
    /// As the end of a sentence about what a marketer wrote.
    pub(super) fn predicate(self) -> &'static str {
        match self {
            Self::NoWords => "has no words",
            Self::NoOffer => "says that there is none",
            Self::Gender => "names a gender, and the texts name none",
            Self::Address => "holds an address",
            Self::Tag => "holds a tag of HTML",
            Self::Braces => "holds braces, as of a template that nobody filled in",
        }
    }

    /// As a sentence about the special offer.
    pub(super) fn of_offer(self) -> &'static str {
        match self {
            Self::NoWords => "The special offer was left out: it has no words.",
            Self::NoOffer => "The special offer was left out: it says that there is none.",
            Self::Gender => {
                "The special offer was left out: it names a gender, and no text does. Word it for every reader."
            }
            Self::Address => "The special offer was left out: it holds an address.",
            Self::Tag => "The special offer was left out: it holds a tag of HTML. Write it as plain text.",
            Self::Braces => {
                "The special offer was left out: it holds a placeholder in braces, which nothing fills. Write it out."
            }
        }
    }
}

/// Whether a text can hold these words as they are.
pub(super) fn is_sayable(words: &Words, text: &str) -> bool {
    why_not(words, text).is_none()
}

/// Why no text can hold these words, the first reason that there is.
pub(super) fn why_not(words: &Words, text: &str) -> Option<Unsayable> {
    if words.names_a_gender(text) {
        Some(Unsayable::Gender)
    } else if has_address(text) {
        Some(Unsayable::Address)
    } else {
        has_markup(text)
    }
}

/// The special offer as it can follow a colon, or why a text cannot have it. It may hold an address: it is the
/// marketers' own.
pub(super) fn offer_of(words: &Words, offer: &str) -> Result<String, Unsayable> {
    let offer = offer.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '!' | ',' | ';' | ':'));
    if !offer.contains(char::is_alphanumeric) {
        return Err(Unsayable::NoWords);
    }
    if words.no_offers.iter().any(|none| offer.eq_ignore_ascii_case(none)) {
        return Err(Unsayable::NoOffer);
    }
    if words.names_a_gender(offer) {
        return Err(Unsayable::Gender);
    }
    has_markup(offer).map_or_else(|| Ok(offer.to_owned()), Err)
}

fn has_markup(text: &str) -> Option<Unsayable> {
    if has_tag(text) { Some(Unsayable::Tag) } else { text.contains(['{', '}']).then_some(Unsayable::Braces) }
}

fn has_tag(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| rest.starts_with(|c: char| c.is_alphabetic() || "/!?".contains(c)))
}

/// Whether a word looks like an address, which no post takes from a stranger: `evil.example`, not `J.K.` or `No.5`.
pub(super) fn has_address(text: &str) -> bool {
    let is_label = |label: &str| label.chars().filter(|c| c.is_alphanumeric()).count() > 1;
    let is_end = |label: &str| label.chars().take_while(|c| c.is_ascii_alphabetic()).count() > 1;
    let is_address = |word: &str| {
        let labels: Vec<&str> = word.split('.').collect();
        labels.windows(2).any(|pair| matches!(pair, [before, after] if is_label(before) && is_end(after)))
    };
    text.contains("://") || text.contains('@') || text.split_whitespace().any(is_address)
}

/// The interests as one list that can follow "into", each as it was written, and a note on those left out. They are
/// split at commas and semicolons outside of brackets.
pub(super) fn interests_of(words: &Words, interests: &str) -> (Option<String>, Option<Note>) {
    let parts = split(interests);
    let (all, mut left_out): (Vec<&str>, Vec<&str>) = parts.iter().partition(|part| is_interest(words, part));
    let mut usable: Vec<&str> = Vec::new();
    for interest in all.into_iter().map(without_full_stop) {
        if usable.iter().all(|other| !other.eq_ignore_ascii_case(interest)) {
            usable.push(interest);
        }
    }
    left_out.extend(usable.iter().skip(MAX_LISTED));
    let note = (!left_out.is_empty()).then(|| {
        let left_out: Vec<String> = left_out.iter().map(|part| format!("“{part}”")).collect();
        let sentence = format!(
            "the texts leave {} out: they name at most {MAX_LISTED} interests, each a short name of something that \
             customers like, without a gender",
            left_out.join(", ")
        );
        Note::new(INTERESTS_LEFT_OUT, sentence)
    });
    (listed(&usable, "and"), note)
}

/// The words without the full stop that ends them as a sentence: `Yoga` for `Yoga.`. An abbreviation keeps its dot:
/// `J.K.`, `Tiffany & Co.`
pub(super) fn without_full_stop(text: &str) -> &str {
    const MIN_LAST_WORD: usize = 3;
    let Some(sentence) = text.strip_suffix('.') else { return text };
    let last = sentence.split_whitespace().next_back().unwrap_or_default();
    let is_short = last.chars().count() < MIN_LAST_WORD && last.chars().all(char::is_alphabetic);
    if is_short || last.contains('.') { text } else { sentence }
}

/// What stands between commas and semicolons outside of brackets.
fn split(interests: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let is_end = |c: char| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(c, ',' | ';' | '，' | '、' | '；')
    };
    interests.split(is_end).map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn is_interest(words: &Words, part: &str) -> bool {
    let first = part.split_whitespace().next().unwrap_or_default();
    part.split_whitespace().count() <= MAX_INTEREST_WORDS
        && part.chars().count() <= MAX_INTEREST_CHARS
        && part.chars().any(char::is_alphanumeric)
        && !part.contains(['<', '>', '@', '?', '!', ':'])
        && !is_in(&words.not_interests, first)
        && is_sayable(words, part)
}

/// `Bedok, Punggol and Bishan`; with commas alone where the last holds an "and" of its own; `None` of nothing.
pub(super) fn listed(names: &[&str], and: &str) -> Option<String> {
    match names.get(..MAX_LISTED).unwrap_or(names) {
        [] => None,
        [one] => Some((*one).to_owned()),
        listed if listed.iter().any(|name| name.contains(" & ") || name.contains(" and ")) => Some(listed.join(", ")),
        [most @ .., last] => Some(format!("{} {and} {last}", most.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Data;
    use super::*;

    #[test]
    fn interests_are_said_as_they_were_written_and_what_is_none_is_named() {
        let words = Data::built_in().unwrap().words;
        for (interests, said, left_out) in [
            ("yoga, weekend markets", Some("yoga and weekend markets"), None),
            ("Reading books by J.K. Rowling", Some("Reading books by J.K. Rowling"), None),
            ("Premier League football; Formula 1", Some("Premier League football and Formula 1"), None),
            ("C++, golf (18 holes), gaming (PC, Mac)", Some("C++, golf (18 holes) and gaming (PC, Mac)"), None),
            ("IT security (ISO 27001), GDPR", Some("IT security (ISO 27001) and GDPR"), None),
            ("wine, cheese & bread", Some("wine, cheese & bread"), None),
            ("They like hiking.", None, Some("“They like hiking.”")),
            ("Interested in tech, tea", Some("tea"), Some("“Interested in tech”")),
            ("e.g. running", None, Some("“e.g. running”")),
            ("love to travel", None, Some("“love to travel”")),
            ("men's grooming, {hobby}", None, Some("“men's grooming”, “{hobby}”")),
            ("Yoga.", Some("Yoga"), None),
            ("baking, Baking.", Some("baking"), None),
            ("hiking, Formula 1, books by J.K.", Some("hiking, Formula 1 and books by J.K."), None),
            ("tea; golf (18 holes).", Some("tea and golf (18 holes)"), None),
            ("jewellery by Tiffany & Co.", Some("jewellery by Tiffany & Co."), None),
            ("a, b, c, d", Some("a, b and c"), Some("“d”")),
            ("", None, None),
        ] {
            let (listed, note) = interests_of(&words, interests);
            assert_eq!(listed.as_deref(), said, "{interests}");
            let sentence = note.map(|note| note.sentence).unwrap_or_default();
            assert_eq!(sentence.is_empty(), left_out.is_none(), "{interests}: {sentence}");
            assert!(left_out.is_none_or(|left_out| sentence.contains(left_out)), "{interests}: {sentence}");
        }
    }

    #[test]
    fn an_offer_is_said_whole_or_left_out_with_the_reason() {
        let words = Data::built_in().unwrap().words;
        assert_eq!(offer_of(&words, "20% off, free gift. "), Ok("20% off, free gift".to_owned()));
        for (offer, why) in [
            ("10% off for ladies", "names a gender"),
            ("<b>10% off</b>", "a tag of HTML"),
            ("10% off our {offering}", "braces"),
        ] {
            assert!(offer_of(&words, offer).unwrap_err().of_offer().contains(why), "{offer}");
        }
        assert!(offer_of(&words, " . ").is_err());
        assert_eq!(offer_of(&words, "No offer."), Err(Unsayable::NoOffer));
        for (text, is_address) in [
            ("evil.example", true),
            ("www.a1.example/x", true),
            ("me@x", true),
            ("books by J.K. Rowling", false),
            (".NET, No.5 and $9.99 pizzas", false),
        ] {
            assert_eq!(has_address(text), is_address, "{text}");
        }
    }
}
