//! Times of day behind, before or in a written date. They are checked and dropped: a zone shifts nothing, the day is
//! the one that is written.

use super::names::{key, name};
use super::written::is_noise;

/// Words that stand beside a time and say nothing more of it.
const UNITS: [&str; 17] =
    ["h", "min", "m", "s", "sec", "uhr", "ч", "น", "時", "时", "点", "點", "分", "秒", "시", "분", "초"];

/// What follows a time, where it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock<'a> {
    /// Nothing but a zone.
    Alone,
    /// The year of the date before it: `Tue Mar 5 08:00:00 SGT 2024`.
    WithYear(&'a str),
}

/// Reads `13:45`, `1:45:00.000 pm`, `08.00.00`, `8 a.m.`, `noon`, `오전 8:00`, `8時0分`, each with or without a zone;
/// `None` for anything else. `is_compact` also takes `1345` and `134500`.
pub(super) fn clock(text: &str, is_compact: bool) -> Option<Clock<'_>> {
    let text = text.trim_start();
    let (text, period) = match leading_word(text) {
        Some((word, rest)) if matches!(key(word).as_str(), "noon" | "midnight") => return tail(rest),
        Some((word, rest)) if is_period(word) => (rest.trim_start(), true),
        Some((word, rest)) if is_noise(&key(word)) => (rest.trim_start(), false),
        Some(_) => return None,
        None => (text, false),
    };
    let (hour, mut rest) = number(text)?;
    if is_compact && matches!(hour.len(), 4 | 6) {
        let in_range = below(hour.get(..2)?, 24) && below(hour.get(2..4)?, 60) && below(hour.get(4..)?, 61);
        return if in_range { tail(without_fraction(rest)) } else { None };
    }
    if !below(hour, 24) || hour.len() > 2 {
        return None;
    }
    let mut parts = 1;
    while let Some((part, after)) = next_part(rest) {
        if parts == 3 || !below(part, 61) {
            return None;
        }
        (rest, parts) = (after, parts + 1);
    }
    if parts == 3 {
        rest = without_fraction(rest);
    }
    let (rest, has_period) = without_period(rest);
    // An hour by itself is a time only where it says so.
    let has_unit = || leading_word(rest.trim_start()).is_some_and(|(word, _)| UNITS.contains(&key(word).as_str()));
    if parts > 1 || period || has_period || has_unit() { tail(rest) } else { None }
}

/// Minutes or seconds with what is before them.
fn next_part(text: &str) -> Option<(&str, &str)> {
    let after = match text.strip_prefix([':', '.']) {
        // Behind a point or a colon two digits follow at once.
        Some(after) => after,
        None => {
            let (word, after) = leading_word(text.trim_start())?;
            let after = UNITS.contains(&key(word).as_str()).then_some(after.trim_start())?;
            return number(after).filter(|(part, _)| part.len() <= 2);
        }
    };
    number(after).filter(|(part, _)| part.len() == 2)
}

fn without_fraction(text: &str) -> &str {
    let fraction = text.strip_prefix(['.', ',']).and_then(number);
    fraction.map_or(text, |(_, rest)| rest)
}

fn without_period(text: &str) -> (&str, bool) {
    let trimmed = text.trim_start();
    // `p. m.` is one word in two.
    let second = leading_word(trimmed).and_then(|(first, rest)| {
        let (second, after) = leading_word(rest.trim_start())?;
        is_period(&format!("{first}{second}")).then_some(after)
    });
    let first = || leading_word(trimmed).filter(|(word, _)| is_period(word)).map(|(_, rest)| rest);
    second.or_else(first).map_or((text, false), |rest| (rest, true))
}

fn is_period(word: &str) -> bool {
    let word = key(word);
    // The usual zones are not worth the look at every language.
    !matches!(word.as_str(), "z" | "utc" | "gmt") && name(&word).is_some_and(|name| name.is_period)
}

/// What may follow a time: a zone in any of its forms, units, and the year of the date before.
fn tail(text: &str) -> Option<Clock<'_>> {
    let mut rest = text.trim();
    loop {
        if rest.is_empty() || matches!(rest.as_bytes(), [b'(' | b'[', ..]) {
            return Some(Clock::Alone);
        }
        let len = rest.find([' ', '[']).unwrap_or(rest.len());
        let (token, after) = rest.split_at_checked(len)?;
        if after.trim().is_empty() && token.len() == 4 && matches!(token.as_bytes(), [b'1' | b'2', ..]) {
            return token.bytes().all(|b| b.is_ascii_digit()).then_some(Clock::WithYear(token));
        }
        let is_of_offset = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '−' | ':');
        let is_zone = is_offset(token.trim_start_matches(|c: char| !is_of_offset(c) && c != '='))
            || token
                .strip_prefix("m=")
                .is_some_and(|since| since.trim_start_matches(['+', '-']).parse::<f64>().is_ok());
        if !is_zone {
            return None;
        }
        rest = after.trim_start();
    }
}

/// Nothing, or hours and minutes from Greenwich: `+8`, `+0800`, `-03:30`.
fn is_offset(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(['+', '-', '−']) else { return text.is_empty() };
    let n_digits = digits.bytes().filter(u8::is_ascii_digit).count();
    (1..=6).contains(&n_digits) && digits.bytes().all(|b| b.is_ascii_digit() || b == b':')
}

/// The letters that a text starts with, points of abbreviations among them, and what follows.
fn leading_word(text: &str) -> Option<(&str, &str)> {
    let is_of_word = |c: char| c.is_alphabetic() || c == '.' || !c.is_ascii() && !c.is_whitespace() && !c.is_numeric();
    let len = text.find(|c: char| !is_of_word(c)).unwrap_or(text.len());
    let starts = text.starts_with(|c: char| is_of_word(c) && c != '.');
    if starts { text.split_at_checked(len) } else { None }
}

fn number(text: &str) -> Option<(&str, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    if len == 0 { None } else { text.split_at_checked(len) }
}

/// Nothing, or a number below `end`.
fn below(digits: &str, end: u32) -> bool {
    digits.is_empty() || digits.parse::<u32>().is_ok_and(|value| value < end)
}
