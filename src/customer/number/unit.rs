//! Units in a header's brackets that make its numbers larger: `Income (k€)`, `[Mio. EUR]`, `(in thousands)`.
//!
//! `T` and `M` beside a currency are thousands and millions; by themselves they may be tonnes, months or men.

use super::affix::{is_currency, scale_of};

/// Words beside a unit that say nothing.
const NOISE: [&str; 14] =
    ["s", "in", "of", "de", "en", "a", "amount", "amounts", "value", "values", "gross", "net", "brutto", "netto"];
/// Words that headers alone have, in small letters.
const WORDS: [(&str, f64); 17] = [
    ("thousand", 1e3),
    ("thousands", 1e3),
    ("thsd", 1e3),
    ("thd", 1e3),
    ("tausend", 1e3),
    ("tausende", 1e3),
    ("duizend", 1e3),
    ("tusen", 1e3),
    ("mille", 1e3),
    ("milliers", 1e3),
    ("mil", 1e3),
    ("migliaia", 1e3),
    ("ribu", 1e3),
    ("millionen", 1e6),
    ("milliarden", 1e9),
    ("billion", 1e9),
    ("billions", 1e9),
];
/// Letters that are a scale beside a currency alone.
const LETTERS: [(&str, f64); 4] = [("t", 1e3), ("m", 1e6), ("mm", 1e6), ("b", 1e9)];

/// What is before the sign of a dollar of its own.
const DOLLARS: [&str; 10] = ["US", "S", "A", "AU", "C", "CA", "HK", "NT", "NZ", "R"];

/// What a header says of the size of its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::customer) enum Unit {
    /// Each stands for so many.
    Times(f64),
    /// Perhaps for many, perhaps for itself.
    Unclear,
}

/// The unit in a header's brackets; `None` where it says nothing of the kind.
pub(in crate::customer) fn unit(header: &str) -> Option<Unit> {
    of_note(header.split_once(['(', '[', '{', '<', '（', '［', '【'])?.1)
}

/// The unit that a note is.
pub(in crate::customer) fn of_note(note: &str) -> Option<Unit> {
    let (mut scale, mut letter, mut has_currency) = (None, None, false);
    for word in words(note) {
        let lower = word.to_lowercase();
        let own = WORDS.iter().find(|(name, _)| *name == lower).map(|&(_, scale)| scale);
        let found = own.or_else(|| scale_of(&lower)).or_else(|| thousands(&word));
        let split = found.is_none().then(|| before_currency(&word)).flatten();
        if let Some(times) = found {
            (scale.replace(times).is_none()).then_some(())?;
        } else if is_currency(&word) {
            has_currency = true;
        } else if let Some(short) = split.or_else(|| is_letter(&lower).then_some(word.as_str())) {
            has_currency |= split.is_some();
            (letter.replace(short.to_owned()).is_none()).then_some(())?;
        } else if !NOISE.contains(&lower.as_str()) {
            return None;
        }
    }
    match (scale, letter) {
        (Some(times), None) => Some(Unit::Times(times)),
        (None, Some(letter)) if has_currency => {
            let lower = letter.to_lowercase();
            let found = LETTERS.iter().find(|(name, _)| *name == lower).map(|&(_, scale)| scale);
            found.or_else(|| scale_of(&lower)).map(Unit::Times)
        }
        (None, Some(letter)) => matches!(letter.as_str(), "T" | "M" | "MM" | "B").then_some(Unit::Unclear),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// Runs of letters, runs of digits with the marks between them, and signs one by one.
fn words(note: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in note.chars() {
        let goes_on = match c {
            _ if c.is_alphabetic() => before.is_alphabetic(),
            // `US$` is one currency, and `M$` a million of another.
            '$' => words.last().is_some_and(|word| before.is_alphabetic() && DOLLARS.contains(&word.as_str())),
            _ if c.is_ascii_digit() => before.is_ascii_digit() || matches!(before, ',' | '.' | '\''),
            ',' | '.' | '\'' if before.is_ascii_digit() => {
                before = c;
                continue;
            }
            _ => false,
        };
        before = c;
        match words
            .last_mut()
            .filter(|word| goes_on && word.chars().all(|of| of.is_ascii_digit() == c.is_ascii_digit()))
        {
            Some(word) => word.push(c),
            None if c.is_alphanumeric() || is_currency(&c.to_string()) => words.push(c.to_string()),
            None => {}
        }
    }
    words
}

/// `000`, `1000`, `1,000,000`.
fn thousands(word: &str) -> Option<f64> {
    match word {
        "000" | "1000" => Some(1e3),
        "000000" | "1000000" => Some(1e6),
        _ => None,
    }
}

/// The letters before or behind a currency's code: `T` of `TEUR`, `k` of `kUSD`.
fn before_currency(word: &str) -> Option<&str> {
    let in_front = word.len().checked_sub(3).and_then(|at| word.split_at_checked(at));
    let behind = word.split_at_checked(3).map(|(code, letters)| (letters, code));
    let is_code = |code: &str| code.bytes().all(|b| b.is_ascii_uppercase()) && is_currency(code);
    let found = in_front.into_iter().chain(behind).find(|(letters, code)| !letters.is_empty() && is_code(code));
    found.map(|(letters, _)| letters).filter(|letters| {
        let lower = letters.to_lowercase();
        is_letter(&lower) || scale_of(&lower).is_some()
    })
}

fn is_letter(lower: &str) -> bool {
    LETTERS.iter().any(|(name, _)| *name == lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_scale_are_read_in_brackets_and_others_are_not() {
        for (times, headers) in [
            (1e3, &["Income (k€)", "Income [K]", "Income (in thousands)", "Income (EUR k)", "Income (k EUR)"][..]),
            (1e3, &["Umsatz (T€)", "Umsatz (TEUR)", "Umsatz (Tsd. €)", "Umsatz (in Tsd. EUR)", "Umsatz (tausend)"]),
            (1e3, &["Income ('000)", "Income (€000s)", "Income ($ 1,000)", "Income (in 1.000 €)", "Income (kUSD)"]),
            (1e6, &["Income (Mio. €)", "Income (M€)", "Income ($m)", "Income (US$ million)", "Income ($MM)"]),
            (1e5, &["Income (₹ lakh)", "Income (lakhs)"]),
            (1e7, &["Income (crore)"]),
            (1e9, &["Income (bn)", "Income (Mrd. €)"]),
        ] {
            for header in headers {
                assert_eq!(unit(header), Some(Unit::Times(times)), "{header}");
            }
        }
        for header in ["Income (T)", "Income (M)"] {
            assert_eq!(unit(header), Some(Unit::Unclear), "{header}");
        }
        for header in [
            "Income (€)",
            "Income (SGD)",
            "Income (2000)",
            "Height (m)",
            "Weight (kg)",
            "Distance (km)",
            "Rate (per thousand)",
            "Income (monthly)",
            "Income k",
            "Income",
            "Income ()",
        ] {
            assert_eq!(unit(header), None, "{header}");
        }
    }
}
