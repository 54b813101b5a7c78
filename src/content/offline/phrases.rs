//! Phrases as data: sections of lines with `{slots}`, and the choice among them.
//!
//! The texts are in `lines.txt` and `trades.txt`; nothing here knows what they say.

use std::collections::{BTreeMap, HashMap};

use super::super::WriterConfigError;

/// All phrases, by section.
#[derive(Debug)]
pub(super) struct Phrases {
    sections: HashMap<&'static str, Vec<&'static str>>,
    trades: Vec<&'static str>,
}

impl Phrases {
    /// Parses the built-in files.
    pub(super) fn built_in() -> Result<Self, WriterConfigError> {
        let mut phrases = Self { sections: HashMap::new(), trades: Vec::new() };
        phrases.read(include_str!("lines.txt"))?;
        phrases.read(include_str!("trades.txt"))?;
        Ok(phrases)
    }

    fn read(&mut self, text: &'static str) -> Result<(), WriterConfigError> {
        let mut section = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_comment(line)) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                if self.sections.insert(name, Vec::new()).is_some() {
                    return Err(WriterConfigError::Phrases(format!("the section {name} is there twice")));
                }
                self.trades.extend(name.strip_suffix(".keywords"));
                section = Some(name);
                continue;
            }
            match section.and_then(|name| self.sections.get_mut(name)) {
                Some(lines) => lines.push(line),
                None => return Err(WriterConfigError::Phrases("a line stands before any section".to_owned())),
            }
        }
        Ok(())
    }

    /// The lines of a section; none where there is no such section.
    pub(super) fn lines(&self, section: &str) -> &[&'static str] {
        self.sections.get(section).map_or(&[], Vec::as_slice)
    }

    /// The trades, in the order in which their keywords are tried.
    pub(super) fn trades(&self) -> &[&'static str] {
        &self.trades
    }
}

/// A comment is `# …`; a hashtag has no blank.
fn is_comment(line: &str) -> bool {
    line == "#" || line.starts_with("# ")
}

/// What the slots of a phrase are filled with.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots(BTreeMap<&'static str, String>);

impl Slots {
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The phrase with every slot filled, or `None` where one cannot be. `{Name}` stands for
    /// the same value as `{name}`, with a capital first letter.
    pub(super) fn fill(&self, phrase: &str) -> Option<String> {
        let mut filled = String::with_capacity(phrase.len() + 40);
        let mut rest = phrase;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            filled.push_str(before);
            match self.0.get(name) {
                Some(value) => filled.push_str(value),
                None => filled.push_str(&capitalised(self.0.get(name.to_lowercase().as_str())?)),
            }
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }
}

/// `text` with a capital first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): the standard library's hasher may change between releases, and with it every
/// text.
pub(super) fn stable_hash(seed: u64, text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_phrases_parse_and_know_every_trade() {
        let phrases = Phrases::built_in().unwrap();
        assert_eq!(phrases.trades().last(), Some(&"generic"));
        for trade in phrases.trades() {
            for part in [
                "offering",
                "benefit",
                "explore",
                "buy",
                "buy_subject",
                "visit",
                "book",
                "slogan",
                "tags",
                "emoji",
                "scene",
            ] {
                assert!(!phrases.lines(&format!("{trade}.{part}")).is_empty(), "{trade}.{part}");
            }
            for slogan in phrases.lines(&format!("{trade}.slogan")) {
                assert!(slogan.split_whitespace().count() <= 7, "{slogan}");
            }
        }
    }

    #[test]
    fn a_phrase_is_filled_whole_or_not_at_all() {
        let mut slots = Slots::default();
        slots.set("offering", "our tea");
        assert_eq!(slots.fill("{Offering}, or {offering}").as_deref(), Some("Our tea, or our tea"));
        assert_eq!(slots.fill("{offering} in {place}"), None);
    }
}
