//! Days as people and programs write them: Excel's serial numbers, ISO 8601, numbers in the order of their column, and
//! names of months in the languages that spreadsheets come in.
//!
//! A time of day is checked and dropped; a zone shifts nothing, the day is the one written. Weeks and days of the year
//! (`2024-W10-2`, `2024-065`) are no days here.

mod clock;
mod compact;
mod convention;
mod names;
mod order;
mod pattern;
mod short_year;
mod swapped;
mod written;

use std::borrow::Cow;

use jiff::civil::{Date, date};

use super::spelling::legible;
use clock::{Clock, clock};

pub(super) use compact::{Compact, DigitsFound};
pub(super) use convention::Convention;
pub use names::MONTHS;
pub(super) use order::{Decider, Decision, Evidence};
pub(super) use pattern::{Pattern, pattern};
pub(super) use short_year::Days;
pub(super) use written::Written;

/// Day 0 of Excel's default date system for every day after its invented 1900-02-29.
const EPOCH_1900: Date = date(1899, 12, 30);
/// Day 0 of the date system of old Mac workbooks.
const EPOCH_1904: Date = date(1904, 1, 1);
/// The serial number of 1900-02-29, a day that Excel has and the calendar has not.
const INVENTED_LEAP_DAY: i64 = 60;
/// The last serial number, 9999-12-31.
const LAST_SERIAL: f64 = 2_958_466.0;
/// Plain numbers are read as serial days only inside these bounds: smaller ones are years (`2023`), ages or amounts,
/// larger ones telephone numbers.
const PLAIN_NUMBER_DAYS: (Date, Date) = (date(1910, 1, 1), date(2199, 12, 31));
/// No written date is longer, with its time and the name of its zone; anything longer is prose.
const MAX_TEXT_BYTES: usize = 128;

/// What a text says of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reading {
    /// A number without its date format, as exports to CSV leave it.
    Serial(Date),
    /// Numbers and names, which may need their column to be understood.
    Written(Written),
}

/// The day of a cell that is shown as a date.
pub(super) fn from_serial(serial_days: f64, is_1904: bool) -> Option<Date> {
    if !(0.0..LAST_SERIAL).contains(&serial_days) {
        return None;
    }
    // Half a millisecond makes up for times of day whose sum falls just short of midnight.
    #[expect(clippy::cast_possible_truncation, reason = "within 0..2,958,466 by the check above")]
    let days = (serial_days + 0.5 / 86_400_000.0).floor() as i64;
    if is_1904 {
        return after(EPOCH_1904, days);
    }
    match days {
        0 | INVENTED_LEAP_DAY => None,
        1..INVENTED_LEAP_DAY => after(EPOCH_1900, days + 1),
        _ => after(EPOCH_1900, days),
    }
}

/// The day of a plain number: a serial day, or eight digits `YYYYMMDD`.
pub(super) fn from_number(number: f64, is_1904: bool) -> Option<Date> {
    if (19_000_101.0..=99_991_231.0).contains(&number) && number.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "eight digits by the check above")]
        let digits = number as i32;
        let part = |value: i32| i8::try_from(value % 100).ok();
        return Date::new(i16::try_from(digits / 10_000).ok()?, part(digits / 100)?, part(digits)?).ok();
    }
    let (first, last) = PLAIN_NUMBER_DAYS;
    from_serial(number, is_1904).filter(|day| (first..=last).contains(day))
}

/// Reads a text; `None` where it is not a day.
pub(super) fn read(text: &str) -> Option<Reading> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let legible = legible(text);
    let text = single_spaced(legible.trim());
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && let Ok(number) = text.parse::<f64>()
    {
        // No program writes a serial number with a zero in front.
        let is_padded = text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        if is_padded {
            return None;
        }
        // Such files know one date system.
        return from_number(number, false).map(Reading::Serial);
    }
    Written::parse(&text).or_else(|| without_time(&text)).map(Reading::Written)
}

/// The month that an English name, its first three or more letters, or a number from 1 to 12 names.
pub(super) fn month(text: &str) -> Option<i8> {
    let word = text.trim();
    let number = names::english_month(word).or_else(|| word.parse().ok());
    number.filter(|month| (1..=12).contains(month))
}

/// The day of a text that tells a time as well: behind the day, before it, or between the day and its year.
fn without_time(text: &str) -> Option<Written> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    for (at, c) in text.char_indices().skip(1) {
        let (left, right) = text.split_at_checked(at)?;
        let follows_digit = is_digit(at - 1);
        let (right, is_compact) = match c {
            ' ' => (right, false),
            // `2024-03-05T08:00`, `20240305T080000`, `05/Mar/2024:08:00`, `5/3/2024,8:00`.
            'T' | 't' | ':' | ',' | '/' if follows_digit && is_digit(at + 1) => {
                (right.get(1..)?, matches!(c, 'T' | 't'))
            }
            // `2024年3月5日上午8:00`: no blank in between.
            _ if !c.is_ascii() && (follows_digit || left.ends_with(['日', '일'])) => (right, false),
            _ => continue,
        };
        let found = match clock(right, is_compact) {
            Some(Clock::Alone) => day(left),
            Some(Clock::WithYear(year)) => Written::parse(&format!("{left} {year}")),
            None if c == ' ' && clock(left, false) == Some(Clock::Alone) => Written::parse(right),
            None => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// A day that a time follows: eight digits are one, too.
fn day(text: &str) -> Option<Written> {
    Written::parse(text).or_else(|| Written::eight_digits(text))
}

/// The text with one blank where there are several: `Mar  5 2024`.
fn single_spaced(text: &str) -> Cow<'_, str> {
    if !text.contains("  ") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

fn after(epoch: Date, days: i64) -> Option<Date> {
    epoch.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

#[cfg(test)]
mod tests;
