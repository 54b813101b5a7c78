//! Days of six or eight digits without marks (`040323`, `05032024`), which look like a spreadsheet's serial numbers.
//!
//! A serial number has no zero in front, so a text of six digits that has one makes its column a column of such days.
//! Where the header has as many letters, as in `(MMDDYY)`, numbers are read so as well, whose zero is lost: `40323`.

use jiff::civil::Date;

use super::convention::Convention;
use super::names::ANY_LANGUAGE;
use super::order::{Decision, Evidence};
use super::short_year::Days;
use super::written::Written;
use crate::customer::schema::DateOrder;

/// Digits of a day with two of its year, and with four.
const SHORT: usize = 6;
const LONG: usize = 8;
const FIRST_OF_SIX_DIGITS: f64 = 100_000.0;
/// Of so many different days some have all their digits, whatever comes first.
const MANY: usize = 20;

/// What the digits of one column say, each distinct text once.
#[derive(Debug, Clone, Default)]
pub(in crate::customer) struct Compact {
    /// Texts that are a day in some order, as dates of three numbers.
    evidence: Evidence,
    n_days: usize,
    n_others: usize,
    /// Days with a zero in front, or with a year of four digits: no serial number is written so.
    n_sure: usize,
    /// Days of all their digits: as a serial number such a day would be after 2173.
    n_whole: usize,
    /// How many digits the header asks for.
    width: Option<usize>,
    /// Cells of numbers that were read as serial days, and of six digits that were not read but look like a day.
    n_serials: usize,
    n_numbers: usize,
}

/// What a note says of a column of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::customer) enum DigitsFound {
    /// They were read as days, as nothing but their zeros says.
    ReadAsDays,
    /// Numbers of five digits were read as serial days, beside others that look like days whose zero is lost.
    PerhapsDays,
}

impl Compact {
    /// Takes in that the header has a pattern of so many letters.
    pub fn note_header(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// Whether the column has to decide a text: its digits are a day, or as many as the header asks for.
    pub fn note(&mut self, text: &str, days: Days) -> bool {
        let Some(digits) = self.digits(text) else { return false };
        match written(&digits) {
            Some(written) => {
                self.evidence.note(&written, days);
                self.n_days += 1;
                self.n_sure += usize::from(digits.len() == LONG || text.starts_with('0'));
                self.n_whole += usize::from(text.len() == digits.len());
                true
            }
            None => {
                self.n_others += usize::from(self.width.is_some());
                self.width.is_some()
            }
        }
    }

    /// Whether a plain number is to be read as its digits: the header asks for them.
    pub fn asks_for(&self, number: f64) -> bool {
        self.width.is_some() && number.fract() == 0.0 && self.digits(&number.to_string()).is_some()
    }

    /// Takes in a number that was read as a serial day, or as none.
    pub fn note_number(&mut self, number: f64, is_serial: bool) {
        self.n_serials += usize::from(is_serial && number < FIRST_OF_SIX_DIGITS);
        let looks_like_day = || number.fract() == 0.0 && written(&number.to_string()).is_some();
        self.n_numbers += usize::from(!is_serial && looks_like_day());
    }

    /// Whether the column's digits are days.
    pub fn are_days(&self) -> bool {
        match self.width {
            Some(_) => self.n_days > self.n_others && (self.n_whole > 0 || self.n_days < MANY),
            None => self.n_sure > 0,
        }
    }

    /// What they say of the order of the column's dates.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.are_days().then_some(&self.evidence)
    }

    /// The day of a text of digits; `None` where it is none.
    pub fn day(&self, text: &str, decision: &Decision) -> Option<Date> {
        let written = written(&self.digits(text)?)?;
        written.day(&decision.convention(&written))
    }

    /// Whether a text is one of digits that are read as a day.
    pub fn has(&self, text: &str) -> bool {
        self.are_days() && self.digits(text).is_some()
    }

    /// What a person should know.
    pub fn found(&self) -> Option<DigitsFound> {
        if self.width.is_some() {
            return None;
        }
        if self.are_days() {
            return Some(DigitsFound::ReadAsDays);
        }
        (self.n_serials > 0 && self.n_numbers + self.n_days > 0).then_some(DigitsFound::PerhapsDays)
    }

    /// The digits of a text, with the zero in front that a number has lost.
    fn digits(&self, text: &str) -> Option<String> {
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        match self.width {
            Some(width) if text.len() == width || text.len() + 1 == width => Some(format!("{text:0>width$}")),
            Some(_) => None,
            None => matches!(text.len(), SHORT | LONG).then(|| text.to_owned()),
        }
    }
}

/// Six or eight digits as three numbers, the year last where it has four; `None` where they are no day in any order.
fn written(digits: &str) -> Option<Written> {
    if !matches!(digits.len(), SHORT | LONG) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse().ok();
    let numbers: [i64; 3] = [number(0, 2)?, number(2, 4)?, number(4, digits.len())?];
    let written = Written::Digits { numbers, digits: [2, 2, digits.len() - 4], mark: '\0' };
    let orders = [DateOrder::DayFirst, DateOrder::MonthFirst, DateOrder::YearFirst];
    let is_day = |order| written.day(&Convention { order, languages: ANY_LANGUAGE, is_buddhist: false });
    orders.into_iter().any(|order| is_day(order).is_some()).then_some(written)
}
