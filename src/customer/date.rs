//! Days as people write them: Excel's serial numbers, ISO 8601, day-first text, month names.
//!
//! Month-first text (`06/19/2023`) is never guessed: read both ways, `06/07/2023` would put customers into the wrong
//! month in silence. A time of day is checked and dropped; a zone shifts nothing, the day is the one written.

use jiff::civil::{Date, date};

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
/// No written date is longer; anything longer is prose.
const MAX_TEXT_BYTES: usize = 64;
/// Two-digit years from here on lie in the 20th century: the window of Excel itself.
const TWO_DIGIT_PIVOT: i16 = 30;

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
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

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
        let digits = number as i64;
        return ymd(digits / 10_000, digits / 100 % 100, digits % 100);
    }
    let (first, last) = PLAIN_NUMBER_DAYS;
    from_serial(number, is_1904).filter(|day| (first..=last).contains(day))
}

/// The day of a text.
pub(super) fn from_text(text: &str) -> Option<Date> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return None;
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && let Ok(number) = text.parse::<f64>()
    {
        // A number without its date format, as exports to CSV leave it: such files know one date system.
        return from_number(number, false);
    }
    let day = without_time(text)?;
    let written = Written::parse(day)?;
    written.day()
}

/// The month that an English name, its first three or more letters, or a number from 1 to 12 names.
pub(super) fn month(text: &str) -> Option<i8> {
    let word = text.trim();
    let number = match MONTHS.iter().position(|name| abbreviates(word, name)) {
        Some(index) => i8::try_from(index + 1).ok(),
        None => word.parse().ok(),
    };
    number.filter(|month| (1..=12).contains(month))
}

/// Cuts a time of day off; `None` when what follows the day is no time.
fn without_time(text: &str) -> Option<&str> {
    let start = if let Some(colon) = text.find(':') {
        text.get(..colon)?.trim_end_matches(|c: char| c.is_ascii_digit()).len()
    } else if let Some(t) = text.find(['T', 't']).filter(|t| digit_at(text, t.wrapping_sub(1)) && digit_at(text, t + 1))
    {
        t + 1
    } else {
        return Some(text);
    };
    let (day, time) = text.split_at_checked(start)?;
    let day = day.strip_suffix(['T', 't', ',']).or_else(|| day.strip_suffix(char::is_whitespace))?;
    is_time(time).then(|| day.trim_end())
}

fn digit_at(text: &str, index: usize) -> bool {
    text.as_bytes().get(index).is_some_and(u8::is_ascii_digit)
}

/// `13:45`, `13:45:00.000`, `1:45 pm`, `134500`, each with or without a zone.
fn is_time(text: &str) -> bool {
    let clock_len = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ','))).unwrap_or(text.len());
    let (clock, rest) = text.split_at(clock_len);
    let (whole, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, "0"));
    let in_range =
        |part: &str, below: u32| (1..=2).contains(&part.len()) && part.parse::<u32>().is_ok_and(|value| value < below);
    let clock_holds = if whole.contains(':') {
        let mut parts = whole.split(':');
        parts.next().is_some_and(|hour| in_range(hour, 24))
            && parts.next().is_some_and(|minute| in_range(minute, 60))
            && parts.next().is_none_or(|second| in_range(second, 61))
            && parts.next().is_none()
    } else {
        matches!(whole.len(), 4 | 6)
    };
    let rest = rest.trim().to_ascii_lowercase();
    let zone = rest.strip_prefix("am").or_else(|| rest.strip_prefix("pm")).unwrap_or(&rest).trim_start();
    let zone_holds = matches!(zone, "" | "z" | "utc" | "gmt")
        || zone.strip_prefix(['+', '-']).is_some_and(|offset| {
            offset.bytes().filter(u8::is_ascii_digit).count() <= 4
                && offset.bytes().all(|b| b.is_ascii_digit() || b == b':')
        });
    clock_holds && fraction.bytes().all(|b| b.is_ascii_digit()) && zone_holds
}

/// The numbers and words of a written day, and what stands between them.
#[derive(Default)]
struct Written<'a> {
    parts: Vec<Part<'a>>,
    separators: Vec<String>,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Number { value: i64, digits: usize },
    Word(&'a str),
}

impl<'a> Written<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut written = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let token = token_len(rest);
            if token == 0 {
                let len = rest.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                let (separator, after) = rest.split_at_checked(len)?;
                written.separators.push(separator.trim().to_owned());
                rest = after;
                continue;
            }
            let (token, after) = rest.split_at_checked(token)?;
            rest = after;
            written.push(token)?;
            // `19Jun2023`: a change from digits to letters separates too.
            if !rest.is_empty() && token_len(rest) > 0 {
                written.separators.push(String::new());
            }
        }
        written.separators_hold().then_some(written)
    }

    fn push(&mut self, token: &'a str) -> Option<()> {
        if token.bytes().all(|b| b.is_ascii_digit()) {
            self.parts.push(Part::Number { value: token.parse().ok()?, digits: token.len() });
            return Some(());
        }
        let lower = token.to_ascii_lowercase();
        let after_number = matches!(self.parts.last(), Some(Part::Number { .. }));
        let is_noise = matches!(lower.as_str(), "st" | "nd" | "rd" | "th") && after_number
            || lower == "of"
            || self.parts.is_empty() && WEEKDAYS.iter().any(|name| abbreviates(&lower, name));
        if is_noise {
            // The separator before it goes with it, so that the ones left stand between parts.
            if after_number {
                self.separators.pop();
            }
            if self.parts.is_empty() {
                self.separators.clear();
            }
        } else {
            self.parts.push(Part::Word(token));
        }
        Some(())
    }

    /// Days of numbers alone are separated alike (`19/06/2023`, not `19/06-2023`); around names anything short will do.
    fn separators_hold(&self) -> bool {
        let known = |s: &String| matches!(s.as_str(), "" | "-" | "/" | "." | "," | ".," | "年" | "月" | "日");
        let named = self.parts.iter().any(|part| matches!(part, Part::Word(_)));
        let alike = match self.separators.as_slice() {
            [first, second] => first == second || first == "年" && second == "月",
            [first, second, end] => first == second && end == "." || first == "年" && second == "月" && end == "日",
            _ => false,
        };
        self.separators.iter().all(known) && (named || alike && self.separators.first().is_some_and(|s| s != ","))
    }

    fn day(&self) -> Option<Date> {
        match *self.parts.as_slice() {
            [Part::Number { value: year, digits: 4 }, month, Part::Number { value: day, digits: 1 | 2 }] => {
                ymd(year, month.month()?, day)
            }
            [Part::Number { value: day, digits: 1 | 2 }, month, year] => ymd(year.year()?, month.month()?, day),
            [month @ Part::Word(_), Part::Number { value: day, digits: 1 | 2 }, year] => {
                ymd(year.year()?, month.month()?, day)
            }
            _ => None,
        }
    }
}

impl Part<'_> {
    fn month(self) -> Option<i64> {
        match self {
            Self::Number { value, digits: 1 | 2 } => Some(value),
            Self::Number { .. } => None,
            Self::Word(word) => {
                let index = MONTHS.iter().position(|name| abbreviates(word, name))?;
                i64::try_from(index + 1).ok()
            }
        }
    }

    fn year(self) -> Option<i64> {
        match self {
            Self::Number { value, digits: 4 } => Some(value),
            Self::Number { value, digits: 2 } if value < i64::from(TWO_DIGIT_PIVOT) => Some(2000 + value),
            Self::Number { value, digits: 2 } => Some(1900 + value),
            Self::Number { .. } | Self::Word(_) => None,
        }
    }
}

/// Whether `word` is `name` or its first three or four letters (`jun`, `sept`), in any case.
fn abbreviates(word: &str, name: &str) -> bool {
    let letters = word.len();
    let is_whole_or_short = letters == name.len() || (3..=4).contains(&letters);
    is_whole_or_short && name.get(..letters).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// The length of the run of ASCII digits or of ASCII letters that `text` starts with.
fn token_len(text: &str) -> usize {
    let run = |matches: fn(&u8) -> bool| text.bytes().take_while(matches).count();
    run(u8::is_ascii_digit).max(run(u8::is_ascii_alphabetic))
}

fn ymd(year: i64, month: i64, day: i64) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|year| *year >= 1900)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn after(epoch: Date, days: i64) -> Option<Date> {
    epoch.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
