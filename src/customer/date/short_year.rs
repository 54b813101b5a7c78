//! Where the year is in dates of three numbers of two digits: `23/05/01` is the first of May 2023 or the 23rd of May
//! 2001.
//!
//! One date says nothing. A column does: a number from 27 on is a day wherever the year it would mean is to come, days
//! go through the whole month, and years are few, one behind the other, and recent.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::convention::{Convention, Orders};
use super::names::ANY_LANGUAGE;
use super::written::{Written, long_year};
use crate::customer::schema::DateOrder;

/// Numbers that may be days mean 1930 and 1931 as years: no customer of today did anything then.
const FIRST_LIKELY_YEAR: i16 = 1932;
/// Years in which nearly all customers of a file joined lie so close together.
const MAX_YEARS: i16 = 12;
/// The last of them is not longer ago.
const MAX_YEARS_AGO: i16 = 6;
/// How far into the future the dates of a column go that may be to come.
const MAX_YEARS_AHEAD: i16 = 5;
/// One in so many dates may be a typing error.
pub(super) const TYPING_ERRORS: usize = 20;
/// With so many different days they go through the month.
const MANY_DAYS: usize = 10;
/// What few dates look like is chance, more so where points between the numbers speak for the day in front.
const MIN_DATES: usize = 5;
const MIN_DOTTED_DATES: usize = 12;

/// The days that a column may hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::customer) struct Days {
    pub today: Date,
    /// Today, unless the column is one of days to come.
    pub last: Date,
}

/// The end of a date that its year is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum YearAt {
    Front,
    Back,
}

/// What the dates of one column say, each distinct text once.
#[derive(Debug, Clone, Default)]
pub(super) struct ShortYears {
    /// Dates with a year of two digits, and those of them with points.
    n: usize,
    dotted: usize,
    /// Dates with a year of four digits at the end.
    long: usize,
    /// Dates that can have their year at one end alone.
    only_front: usize,
    only_back: usize,
    /// Dates that are likely with their year at one end alone: elsewhere they are impossible, to come, or long ago.
    likely_front: usize,
    likely_back: usize,
    /// How often each number is first, and last.
    firsts: BTreeMap<i64, usize>,
    lasts: BTreeMap<i64, usize>,
}

impl ShortYears {
    /// Takes in a date of three numbers, which can be read in these orders.
    pub fn note(&mut self, written: &Written, orders: Orders, days: Days) {
        let Written::Digits { numbers: [first, _, last], digits: [.., digits], mark } = *written else { return };
        if digits == 4 {
            self.long += 1;
            return;
        }
        let is_likely = |order| {
            let day = written.day(&Convention { order, languages: ANY_LANGUAGE, is_buddhist: false });
            day.is_some_and(|day| day.year() >= FIRST_LIKELY_YEAR && day <= days.last)
        };
        let can_be_back = orders.has(Orders::DAY) || orders.has(Orders::MONTH);
        let is_likely_front = orders.has(Orders::YEAR) && is_likely(DateOrder::YearFirst);
        let is_likely_back = orders.has(Orders::DAY) && is_likely(DateOrder::DayFirst)
            || orders.has(Orders::MONTH) && is_likely(DateOrder::MonthFirst);
        self.n += 1;
        self.dotted += usize::from(mark == '.');
        self.only_front += usize::from(!can_be_back);
        self.only_back += usize::from(!orders.has(Orders::YEAR));
        self.likely_front += usize::from(is_likely_front && !is_likely_back);
        self.likely_back += usize::from(is_likely_back && !is_likely_front);
        *self.firsts.entry(first).or_default() += 1;
        *self.lasts.entry(last).or_default() += 1;
    }

    /// Adds what another sheet of the same file says.
    pub fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.dotted += other.dotted;
        self.long += other.long;
        self.only_front += other.only_front;
        self.only_back += other.only_back;
        self.likely_front += other.likely_front;
        self.likely_back += other.likely_back;
        for (known, more) in [(&mut self.firsts, &other.firsts), (&mut self.lasts, &other.lasts)] {
            for (number, dates) in more {
                *known.entry(*number).or_default() += dates;
            }
        }
    }

    /// How many dates can have their year in front, and how many cannot.
    pub fn in_front(&self) -> (usize, usize) {
        (self.n - self.only_back, self.only_back + self.long)
    }

    /// How many dates have their year in front beyond doubt.
    pub fn only_front(&self) -> usize {
        self.only_front
    }

    /// Where the year is, as far as the dates settle it.
    pub fn settled(&self, days: Days) -> Option<YearAt> {
        if self.n <= self.long * TYPING_ERRORS {
            return Some(YearAt::Back);
        }
        let likelier = self.likelier(days);
        let are_many = |dates: usize| dates * 8 >= self.n;
        // `5/3/24`, `05/13/24` and `05/03/99`: nothing but a year at the end. One number too large is a typing error.
        if are_many(self.only_back) && (self.only_back > self.only_front * TYPING_ERRORS || self.only_front <= 1) {
            return Some(YearAt::Back);
        }
        let (front, back) = (self.likely_front, self.likely_back);
        if back > front * TYPING_ERRORS {
            // What looks like years in front takes more than typing errors to be days.
            return (likelier != Some(YearAt::Front) || are_many(back)).then_some(YearAt::Back);
        }
        let has_days_behind =
            self.lasts.len() >= MANY_DAYS && self.n >= 2 * MANY_DAYS && front * TYPING_ERRORS >= self.n;
        let has_years = self.n >= 3 && self.are_years(&self.firsts, days) && !self.are_years(&self.lasts, days);
        let is_sure = has_years || has_days_behind || self.only_front > 0 && are_many(self.only_front);
        (front > back * TYPING_ERRORS && is_sure && likelier != Some(YearAt::Back)).then_some(YearAt::Front)
    }

    /// Where the year is more likely, where the dates do not settle it.
    pub fn likelier(&self, days: Days) -> Option<YearAt> {
        let min_dates = if self.dotted == self.n { MIN_DOTTED_DATES } else { MIN_DATES };
        match (self.are_years(&self.firsts, days), self.are_years(&self.lasts, days)) {
            (true, false) => (self.n >= min_dates).then_some(YearAt::Front),
            (false, true) => (self.n >= MIN_DATES).then_some(YearAt::Back),
            // Several years with one day, which is a day of billing: not one year with the same few days each month.
            (true, true) if self.n >= MIN_DOTTED_DATES => match (self.firsts.len(), self.lasts.len()) {
                (3.., 1) => Some(YearAt::Front),
                (1, 3..) => Some(YearAt::Back),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether nearly all of these numbers are years close to one another, up to this one or one not long ago.
    fn are_years(&self, numbers: &BTreeMap<i64, usize>, days: Days) -> bool {
        let this_year = days.today.year();
        let last_year = days.last.year().min(this_year.saturating_add(MAX_YEARS_AHEAD));
        let years = numbers.iter().filter_map(|(number, dates)| Some((long_year(*number, 2)?, *dates)));
        let recent = i64::from(last_year - MAX_YEARS + 1)..=i64::from(last_year);
        let years: Vec<(i64, usize)> = years.filter(|(year, _)| recent.contains(year)).collect();
        let (Some((first, _)), Some((last, _))) = (years.first(), years.last()) else { return false };
        let others = self.n - years.iter().map(|(_, dates)| dates).sum::<usize>();
        let are_few = others * TYPING_ERRORS <= self.n || others == 1 && self.n >= 8;
        let is_dense = i64::try_from(years.len()).is_ok_and(|n_years| 2 * n_years > last - first);
        are_few && is_dense && *last >= i64::from(this_year - MAX_YEARS_AGO)
    }
}
