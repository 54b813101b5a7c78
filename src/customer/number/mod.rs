//! Numbers as people write them: with a currency, thousands separators, a percent sign, an accountant's negative.
//!
//! A point and a comma each separate thousands in one half of the world and decimals in the other. [`read`] says what a
//! text means under either convention; [`Evidence`] gathers what the texts of one column rule out and decides for
//! the column. Units of measure are not taken off, since 500 g and 5 kg are no numbers that can be compared.

mod affix;
mod evidence;
mod unit;

use affix::Affixes;

use super::spelling::legible;

pub(super) use evidence::{Convention, DecidedBy, Evidence};
pub(super) use unit::{Unit, of_note, unit};

/// No number is longer, in bytes; anything longer is prose.
const MAX_BYTES: usize = 64;

/// What separates the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decimal {
    /// `1,234.50`
    Point,
    /// `1.234,50`
    Comma,
}

/// A number as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub meaning: Meaning,
    /// The currency beside it.
    pub currency: Option<String>,
    pub is_percent: bool,
    /// Whether a word for thousands or more is beside it.
    is_scaled: bool,
}

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// The same under either convention.
    Sure(f64),
    /// It can be read under one convention alone.
    Only(Decimal, f64),
    /// `1,234` or `1.234`: thousands, or three decimals. `mark` is what is before the three digits.
    Either { by_point: f64, by_comma: f64, mark: Decimal },
}

impl Meaning {
    /// The number, where `decimal` separates the decimals if that matters.
    pub fn by(self, decimal: Decimal) -> f64 {
        match (self, decimal) {
            (Self::Sure(number) | Self::Only(_, number), _) => number,
            (Self::Either { by_point, .. }, Decimal::Point) => by_point,
            (Self::Either { by_comma, .. }, Decimal::Comma) => by_comma,
        }
    }

    /// The number that stands for `times` of what it says.
    pub fn times(self, times: f64) -> Self {
        if times == 1.0 { self } else { self.scaled(|number| number * times) }
    }

    fn scaled(self, by: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Sure(number) => Self::Sure(by(number)),
            Self::Only(decimal, number) => Self::Only(decimal, by(number)),
            Self::Either { by_point, by_comma, mark } => {
                Self::Either { by_point: by(by_point), by_comma: by(by_comma), mark }
            }
        }
    }
}

impl Written {
    /// The same in a column whose header says that each number stands for so many. One that says it itself, or is a
    /// percentage, is as it is.
    pub fn under_unit(self, times: f64) -> Self {
        let is_whole = self.is_scaled || self.is_percent;
        Self { meaning: if is_whole { self.meaning } else { self.meaning.times(times) }, ..self }
    }
}

/// Reads a number; `None` for anything else. A percentage is the share that it stands for, as a spreadsheet keeps it.
pub(super) fn read(text: &str) -> Option<Written> {
    if text.len() > 2 * MAX_BYTES {
        return None;
    }
    let legible = legible(text);
    let text = legible.trim();
    if text.is_empty() || text.len() > MAX_BYTES {
        return None;
    }
    let (digits, affixes) = Affixes::take_off(text)?;
    let meaning = plain(digits)?.scaled(|number| affixes.apply(number));
    meaning.by(Decimal::Point).is_finite().then_some(Written {
        meaning,
        is_scaled: affixes.is_scaled(),
        currency: affixes.currency,
        is_percent: affixes.is_percent,
    })
}

/// Digits with their separators, and an exponent.
fn plain(text: &str) -> Option<Meaning> {
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        let decimal = if mantissa.contains(',') { Decimal::Comma } else { Decimal::Point };
        let number = format!("{}e{exponent}", mantissa.replace(',', "."));
        let is_plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e');
        let number = number.parse().ok().filter(|_| number.bytes().all(is_plain))?;
        return Some(if mantissa.contains(['.', ',']) {
            Meaning::Only(decimal, number)
        } else {
            Meaning::Sure(number)
        });
    }
    // Arabic has marks of its own, which mean one thing.
    if text.contains(['٫', '٬']) {
        return under(&text.replace('٬', "'").replace('٫', "."), '.', '\'').map(Meaning::Sure);
    }
    let (by_point, by_comma) = (under(text, '.', ','), under(text, ',', '.'));
    Some(match (by_point, by_comma) {
        (Some(by_point), Some(by_comma)) if by_point == by_comma => Meaning::Sure(by_point),
        (Some(by_point), Some(by_comma)) => {
            let mark = if text.contains('.') { Decimal::Point } else { Decimal::Comma };
            Meaning::Either { by_point, by_comma, mark }
        }
        (Some(number), None) => Meaning::Only(Decimal::Point, number),
        (None, Some(number)) => Meaning::Only(Decimal::Comma, number),
        (None, None) => return None,
    })
}

/// The number, where `decimal` separates the decimals, and `group`, a blank or an apostrophe the thousands.
fn under(text: &str, decimal: char, group: char) -> Option<f64> {
    let (whole, fraction) = text.split_once(decimal).unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mark = whole.chars().find(|c| !c.is_ascii_digit());
    let digits = match mark {
        None => whole.to_owned(),
        Some(mark) if mark == group || matches!(mark, ' ' | '\'' | '’') => ungrouped(whole, mark)?,
        Some(_) => return None,
    };
    if digits.is_empty() && fraction.is_empty() {
        return None;
    }
    format!("0{digits}.{fraction}0").parse().ok()
}

/// The digits of groups of three, or of two before the last three, as in India: `1,234,567`, `12,34,567`.
fn ungrouped(whole: &str, mark: char) -> Option<String> {
    let groups: Vec<&str> = whole.split(mark).collect();
    let [first, middle @ .., last] = groups.as_slice() else { return None };
    let holds = |length: usize| {
        (1..=length).contains(&first.len()) && middle.iter().all(|group| group.len() == length) && last.len() == 3
    };
    let are_digits = groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_digit()));
    // `0,125` is not a thousand.
    (are_digits && !first.starts_with('0') && (holds(3) || holds(2))).then(|| groups.concat())
}

#[cfg(test)]
mod tests;
