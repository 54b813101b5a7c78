//! The words of written dates in the languages that spreadsheets come in: months in full and short, as they stand alone
//! and beside a day (`Mai`, `мая`), weekdays, morning and afternoon. From the CLDR, as browsers and office programs
//! have them.
//!
//! English is known at once; the other languages are looked up in an index that is made on the first foreign word.

use std::sync::LazyLock;

use icu_calendar::{Date, Gregorian};
use icu_datetime::fieldsets::enums::CompositeDateTimeFieldSet;
use icu_datetime::input::{DateTime, Time};
use icu_datetime::pattern::{DateTimePattern, FixedCalendarDateTimeNames};
use icu_locale_core::Locale;
use icu_normalizer::DecomposingNormalizerBorrowed;
use rustc_hash::FxHashMap;
use writeable::TryWriteable;

use crate::customer::spelling::spelling_key;

/// The months' names, in their order.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// English ones; the short forms have three or four letters.
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Each language by its locales: regions are listed where their names differ.
pub(super) const LANGUAGES: [&str; 50] = [
    "en en-GB en-AU en-CA",
    "zh zh-Hant zh-Hant-HK",
    "ja",
    "ko",
    "de de-AT",
    "fr fr-CA",
    "es es-MX es-UY",
    "pt pt-PT",
    "it",
    "nl",
    "sv",
    "da",
    "nb nn",
    "fi",
    "is",
    "pl",
    "cs",
    "sk",
    "hu",
    "ro",
    "bg",
    "hr",
    "sr sr-Latn",
    "bs",
    "sl",
    "mk",
    "sq",
    "el",
    "tr",
    "az",
    "ru",
    "uk",
    "be",
    "lt",
    "lv",
    "et",
    "he",
    "ar ar-EG",
    "fa",
    "hi",
    "bn",
    "mr",
    "ta",
    "te",
    "th",
    "vi",
    "id ms",
    "fil",
    "ca gl eu",
    "af sw kk",
];
/// Short forms that programs write and the CLDR does not have: Excel's German March, and German without its umlaut.
const EXTRA: [(&str, i8, u64); 2] = [("mrz", 3, 1 << 4), ("maerz", 3, 1 << 4)];
/// Shorter beginnings of a month's name are too many things.
const MIN_START: usize = 3;

/// Languages, one a bit, by their place in the list.
pub(super) type Languages = u64;
/// Every language.
pub(super) const ANY_LANGUAGE: Languages = Languages::MAX;

/// What a word names.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Name {
    /// The months that it names, each in some languages: `listopad` is October in Croatian and November in Polish.
    pub months: [Option<(i8, Languages)>; 2],
    pub is_weekday: bool,
    /// Whether it tells the morning from the afternoon.
    pub is_period: bool,
}

/// What a word names, given as it is compared; `None` where no language knows it.
pub(super) fn name(word: &str) -> Option<Name> {
    if let Some(month) = english_month(word) {
        // A Frenchman's Tuesday is written like an English March.
        let is_weekday = word.eq_ignore_ascii_case("mar");
        return Some(Name { months: [Some((month, ANY_LANGUAGE)), None], is_weekday, is_period: false });
    }
    if matches!(word, "am" | "pm") {
        return Some(Name { is_period: true, ..Name::default() });
    }
    if WEEKDAYS.iter().any(|name| *name == word || (3..=4).contains(&word.len()) && name.starts_with(word)) {
        return Some(Name { is_weekday: true, ..Name::default() });
    }
    INDEX.get(word)
}

/// The month that an English name, or its first three or four letters, names.
pub(super) fn english_month(word: &str) -> Option<i8> {
    let is_it = |name: &str| {
        let is_whole_or_short = word.len() == name.len() || (3..=4).contains(&word.len());
        is_whole_or_short && name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let position = MONTHS.iter().position(|name| is_it(name))?;
    i8::try_from(position + 1).ok()
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// Every word of every language.
struct Index {
    words: FxHashMap<String, Name>,
    /// Full names of months, sorted, for those who write their first letters.
    full: Vec<(String, i8, Languages)>,
}

impl Index {
    fn new() -> Self {
        let mut index = Self { words: FxHashMap::default(), full: Vec::new() };
        for (number, locales) in LANGUAGES.iter().enumerate() {
            for locale in locales.split_ascii_whitespace().filter_map(|locale| locale.parse().ok()) {
                index.add(&locale, 1 << number);
            }
        }
        for (word, month, languages) in EXTRA {
            index.words.entry(word.to_owned()).or_default().add_month(month, languages);
        }
        index.full.sort_unstable();
        index
    }

    fn add(&mut self, locale: &Locale, language: Languages) {
        for (pattern, is_full) in [("MMMM", true), ("LLLL", true), ("MMM", false), ("LLL", false)] {
            for (month, written) in (1..).zip(written(locale, pattern, (1..=12).map(|month| (month, 1, 0)))) {
                // Catalan names bring their preposition along.
                let word = key(written.strip_prefix("de ").unwrap_or(&written));
                // `3月` and `tháng 3` are read by their numbers.
                if word.is_empty() || word.contains(|c: char| c.is_ascii_digit() || c == ' ') {
                    continue;
                }
                self.words.entry(word.clone()).or_default().add_month(month, language);
                if is_full {
                    self.full.push((word, month, language));
                }
            }
        }
        for pattern in ["EEEE", "cccc", "EEE"] {
            for written in written(locale, pattern, (1..=7).map(|day| (1, day, 0))) {
                let words = written.split([' ', '-']).map(key);
                for word in words.filter(|word| !word.is_empty()) {
                    self.words.entry(word).or_default().is_weekday = true;
                }
            }
        }
        for written in written(locale, "a", [3, 15].into_iter().map(|hour| (1, 1, hour))) {
            self.words.entry(key(&written.replace([' ', '\u{a0}', '\u{202f}'], ""))).or_default().is_period = true;
        }
    }

    fn get(&self, word: &str) -> Option<Name> {
        if let Some(name) = self.words.get(word) {
            return Some(*name);
        }
        // Hebrew writes its preposition onto the month, Thai its own behind the weekday.
        let bare = word.strip_prefix('ב').or_else(|| word.strip_suffix("ที่"));
        if let Some(name) = bare.and_then(|bare| self.words.get(bare)) {
            return Some(*name);
        }
        self.by_start(word)
    }

    /// The month whose name starts so, where a language has one alone.
    fn by_start(&self, word: &str) -> Option<Name> {
        if word.chars().count() < MIN_START {
            return None;
        }
        let from = self.full.partition_point(|(full, ..)| full.as_str() < word);
        let found = self.full.get(from..)?.iter().take_while(|(full, ..)| full.starts_with(word));
        let mut of_month = [0; 12];
        for &(_, month, language) in found {
            let slot = usize::try_from(month - 1).ok().and_then(|at| of_month.get_mut(at))?;
            *slot |= language;
        }
        let (mut once, mut again) = (0, 0);
        for languages in of_month {
            again |= once & languages;
            once |= languages;
        }
        let mut name = Name::default();
        for (month, languages) in (1..).zip(of_month) {
            name.add_month(month, languages & !again);
        }
        name.months.iter().any(Option::is_some).then_some(name)
    }
}

impl Name {
    fn add_month(&mut self, month: i8, languages: Languages) {
        if languages == 0 {
            return;
        }
        let slot = self.months.iter_mut().find(|slot| slot.is_none_or(|(known, _)| known == month));
        // No word names a third month, as a test says.
        if let Some(slot) = slot {
            slot.get_or_insert((month, 0)).1 |= languages;
        }
    }
}

/// Months, days and hours of 2024, whose January began on a Monday, by one of the CLDR's patterns.
fn written(locale: &Locale, pattern: &str, moments: impl Iterator<Item = (u8, u8, u8)>) -> Vec<String> {
    type Names = FixedCalendarDateTimeNames<Gregorian, CompositeDateTimeFieldSet>;
    let mut names = Names::new_without_number_formatting(locale.clone().into());
    let pattern: Option<DateTimePattern> = pattern.parse().ok();
    let Some(formatter) = pattern.as_ref().and_then(|pattern| names.include_for_pattern(pattern).ok()) else {
        return Vec::new();
    };
    let text = |(month, day, hour): (u8, u8, u8)| {
        let time = Time::try_new(hour, 0, 0, 0).ok()?;
        let moment = DateTime { date: Date::try_new_gregorian(2024, month, day).ok()?, time };
        let mut written = String::new();
        formatter.format(&moment).try_write_to(&mut written).ok()?.ok()?;
        Some(written)
    };
    moments.map(|moment| text(moment).unwrap_or_default()).collect()
}

/// A word as it is compared: without case, accents, and the points of abbreviations.
pub(super) fn key(word: &str) -> String {
    let key = spelling_key(word);
    if key.is_ascii() {
        return key.replace(['.', '\''], "");
    }
    let is_left = |c: &char| !matches!(c, '\u{300}'..='\u{36f}' | '.' | '\'' | '’' | '\u{200c}' | '\u{200d}');
    spelling_key(&DecomposingNormalizerBorrowed::new_nfd().normalize(&key).chars().filter(is_left).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_locale_is_one_and_brings_twelve_months() {
        for locale in LANGUAGES.iter().flat_map(|locales| locales.split_ascii_whitespace()) {
            let parsed: Locale = locale.parse().unwrap();
            let months = written(&parsed, "LLLL", (1..=12).map(|month| (month, 1, 0)));
            assert!(months.len() == 12 && months.iter().all(|month| !month.is_empty()), "{locale}: {months:?}");
        }
    }

    #[test]
    fn no_word_names_a_third_month() {
        let mut of_word: std::collections::BTreeMap<String, std::collections::BTreeSet<u8>> = Default::default();
        for locale in LANGUAGES.iter().flat_map(|locales| locales.split_ascii_whitespace()) {
            let locale: Locale = locale.parse().unwrap();
            for pattern in ["MMMM", "LLLL", "MMM", "LLL"] {
                for (number, month) in (1..).zip(written(&locale, pattern, (1..=12).map(|month| (month, 1, 0)))) {
                    of_word.entry(key(&month)).or_default().insert(number);
                }
            }
        }
        let several: Vec<_> = of_word.iter().filter(|(_, months)| months.len() > 1).collect();
        assert!(several.iter().all(|(_, months)| months.len() == 2), "{several:?}");
    }
}
