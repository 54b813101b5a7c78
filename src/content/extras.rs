//! What marketers add to a segment: three entries that have a meaning of their own, and whatever else they name.

use std::borrow::Cow;

use super::clean::{filled_line, trim_at_sentence};
use crate::customer::{says_nothing, spelling_key};
use crate::pipeline::Persona;

/// How many entries marketers may add to one segment.
pub const MAX_EXTRAS: usize = 20;
/// How long the name of one entry may be, in characters.
pub const MAX_EXTRA_NAME_CHARS: usize = 50;
/// How long the text of one entry may be, in characters.
pub const MAX_EXTRA_CHARS: usize = 500;

/// The entries of one persona, cleaned; one that says nothing is left out.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub(super) writing_style: Option<String>,
    pub(super) interests: Option<String>,
    pub(super) special_offer: Option<String>,
    /// What is under any other name.
    pub(super) others: Vec<Extra>,
}

/// An entry under a name of the marketers' own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extra {
    pub(super) name: String,
    pub(super) text: String,
}

impl Extras {
    /// Those of a persona. It may come back from a browser's storage, so that they are counted and cut here once more.
    pub(super) fn of(persona: &Persona) -> Self {
        let mut extras = Self::default();
        for (name, text) in &persona.extras {
            // Two characters more than fit show whether a sentence ends there.
            let text = filled_line(&in_one_line(text), MAX_EXTRA_CHARS + 2)
                .map(|text| trim_at_sentence(&text, MAX_EXTRA_CHARS));
            let name = filled_line(name, MAX_EXTRA_NAME_CHARS);
            let (Some(name), Some(text)) = (name, text.filter(|text| !says_nothing(text))) else { continue };
            match extras.named(&name) {
                Some(known) => {
                    known.get_or_insert(text);
                }
                None => extras.others.push(Extra { name, text }),
            }
        }
        extras.others.truncate(MAX_EXTRAS);
        extras
    }

    /// The entry with a meaning of its own that is called `name`.
    fn named(&mut self, name: &str) -> Option<&mut Option<String>> {
        match extra_key(name).as_str() {
            "writing_style" => Some(&mut self.writing_style),
            "interests" => Some(&mut self.interests),
            "special_offer" => Some(&mut self.special_offer),
            _ => None,
        }
    }
}

/// The lines of a text as entries of one: "20% off" and, below it, "free gift" are two things.
fn in_one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if !text.contains(['\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let mut line = String::new();
    for next in text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()) {
        if !line.is_empty() {
            let is_open = line.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | '%' | '"' | '”' | '\''));
            line.push_str(if is_open { ", " } else { " " });
        }
        line.push_str(next);
    }
    Cow::Owned(line)
}

/// Whether an entry of this name has a meaning of its own.
pub fn has_meaning(name: &str) -> bool {
    Extras::default().named(name).is_some()
}

/// By what the names of entries are compared: `Special_Offer`, `special offer` and `Special-Offer` are one, and so is a
/// name in two encodings of a letter with its mark.
pub fn extra_key(name: &str) -> String {
    spelling_key(name.trim()).replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<const N: usize>(entries: [(&str, &str); N]) -> Extras {
        let extras = entries.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        Extras::of(&Persona { extras, ..Persona::default() })
    }

    #[test]
    fn entries_are_known_by_their_names_in_any_case_and_every_other_is_kept() {
        let extras = of([
            ("interests", "tea"),
            ("Writing style", "brief"),
            ("SPECIAL-OFFER", "a free loaf"),
            ("Mood", " practical\n"),
            ("Budget", "n/a"),
        ]);
        assert_eq!(extras.interests.as_deref(), Some("tea"));
        assert_eq!(extras.writing_style.as_deref(), Some("brief"));
        assert_eq!(extras.special_offer.as_deref(), Some("a free loaf"));
        assert_eq!(extras.others, [Extra { name: "Mood".to_owned(), text: "practical".to_owned() }]);
    }

    #[test]
    fn an_entry_as_long_as_it_may_be_is_whole_and_a_longer_one_is_cut_between_words() {
        let whole = "offer ".repeat(83) + "ab";
        assert_eq!(whole.chars().count(), MAX_EXTRA_CHARS);
        assert_eq!(of([("Special_Offer", &whole)]).special_offer.as_deref(), Some(whole.as_str()));
        let cut = of([("Special_Offer", &(whole + "c and more"))]).special_offer.unwrap();
        assert!(cut.ends_with("offer offer…") && cut.chars().count() <= MAX_EXTRA_CHARS, "{cut}");
    }

    #[test]
    fn the_lines_of_an_entry_are_things_of_their_own() {
        let text = |text| of([("Special_Offer", text)]).special_offer.unwrap();
        assert_eq!(text("20% off\r\nfree gift\n"), "20% off, free gift");
        assert_eq!(text("20% off,\n\nfree gift."), "20% off, free gift.");
        assert_eq!(text("20% off.\nFree gift"), "20% off. Free gift");
    }

    #[test]
    fn no_persona_adds_more_entries_than_a_segment_may_have() {
        let extras = (0..90).map(|n| (format!("Key {n}"), "text".to_owned())).collect();
        assert_eq!(Extras::of(&Persona { extras, ..Persona::default() }).others.len(), MAX_EXTRAS);
    }
}
