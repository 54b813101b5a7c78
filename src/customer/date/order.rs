//! In which order the dates of one column give day, month and year, and what else their column decides.
//!
//! `03/05/2024` is the third of May or the fifth of March; `13/05/2024`, anywhere in the column, settles it. The same
//! holds for `24/3/5`, for a month's name that two languages give to different months, and for years of the Buddhist
//! calendar.

use super::convention::{Convention, FIRST_BUDDHIST_YEAR, Orders};
use super::names::{ANY_LANGUAGE, Languages};
use super::written::Written;
use crate::customer::schema::DateOrder;

/// What the dates of one column say, each distinct text once.
#[derive(Debug, Clone)]
pub(in crate::customer) struct Evidence {
    /// Orders in which every date can be read that does not put its year first beyond doubt.
    orders: Orders,
    /// The same for the dates with one mark between their numbers.
    by_mark: Vec<(char, Orders)>,
    /// Dates that can be read day first and not month first, month first and not day first, and year first alone.
    day: usize,
    month: usize,
    year: usize,
    /// Numbers below 100 in the first and the last place of dates with a short year, one a bit.
    firsts: u128,
    lasts: u128,
    languages: Languages,
    buddhist_years: usize,
    other_years: usize,
    /// Dates whose order matters and is not theirs to tell.
    ambiguous: usize,
}

/// What a column's dates come to.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::customer) struct Decision {
    pub order: DateOrder,
    pub by: Decider,
    by_mark: Vec<(char, DateOrder)>,
    languages: Languages,
    /// Whether years from 2443 on are of the Buddhist calendar.
    pub is_buddhist: bool,
}

/// What a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::customer) enum Decider {
    Schema,
    /// Other dates of the column.
    Values,
    /// Nothing; `is_mixed` where the dates contradict one another.
    Nobody {
        is_mixed: bool,
    },
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            orders: Orders::ALL,
            by_mark: Vec::new(),
            day: 0,
            month: 0,
            year: 0,
            firsts: 0,
            lasts: 0,
            languages: ANY_LANGUAGE,
            buddhist_years: 0,
            other_years: 0,
            ambiguous: 0,
        }
    }
}

impl Evidence {
    /// Takes a date in, and says whether the column has to decide how it is read.
    pub fn note(&mut self, written: &Written) -> bool {
        self.languages &= written.languages();
        let is_buddhist = written.long_year().is_some_and(|year| year >= FIRST_BUDDHIST_YEAR);
        self.buddhist_years += usize::from(is_buddhist);
        self.other_years += usize::from(written.long_year().is_some() && !is_buddhist);
        let Written::Digits { numbers: [first, second, last], digits: [.., digits], mark } = *written else {
            return is_buddhist || matches!(written, Written::Named { .. });
        };
        let orders = written.orders();
        if orders.is_empty() {
            return false;
        }
        self.note_orders(orders, mark);
        let is_short = digits < 4;
        if is_short {
            self.firsts |= 1 << first.clamp(0, 99);
            self.lasts |= 1 << last.clamp(0, 99);
        }
        // Where the others do not put the year first, one that does is a typing error.
        let is_ambiguous = orders.settled().is_none() && (is_short || first != second);
        self.ambiguous += usize::from(is_ambiguous);
        is_ambiguous || is_buddhist
    }

    fn note_orders(&mut self, orders: Orders, mark: char) {
        let (day, month) = (orders.has(Orders::DAY), orders.has(Orders::MONTH));
        if !day && !month {
            self.year += 1;
            return;
        }
        self.day += usize::from(day && !month);
        self.month += usize::from(month && !day);
        self.orders = self.orders.and(orders);
        match self.by_mark.iter_mut().find(|(known, _)| *known == mark) {
            Some((_, known)) => *known = known.and(orders),
            None => self.by_mark.push((mark, orders)),
        }
    }

    /// Adds what another sheet of the same file says.
    pub fn add(&mut self, other: &Self) {
        self.orders = self.orders.and(other.orders);
        for &(mark, orders) in &other.by_mark {
            match self.by_mark.iter_mut().find(|(known, _)| *known == mark) {
                Some((_, known)) => *known = known.and(orders),
                None => self.by_mark.push((mark, orders)),
            }
        }
        self.day += other.day;
        self.month += other.month;
        self.year += other.year;
        self.firsts |= other.firsts;
        self.lasts |= other.lasts;
        self.languages &= other.languages;
        self.buddhist_years += other.buddhist_years;
        self.other_years += other.other_years;
        self.ambiguous += other.ambiguous;
    }

    /// Whether there is a date whose order matters and is not its own to tell.
    pub fn order_matters(&self) -> bool {
        self.ambiguous > 0
    }

    /// What these dates come to, where their schema may fix the order and the other sheets of the file may help.
    pub fn decide(&self, fixed: Option<DateOrder>, file: &Self) -> Decision {
        let decision = |order, by| Decision {
            order,
            by,
            by_mark: self.by_mark.iter().filter_map(|&(mark, orders)| Some((mark, orders.settled()?))).collect(),
            languages: if self.languages == 0 { ANY_LANGUAGE } else { self.languages },
            is_buddhist: self.buddhist_years > 0 && self.other_years == 0,
        };
        if let Some(order) = fixed {
            return Decision { by_mark: Vec::new(), ..decision(order, Decider::Schema) };
        }
        if let Some(order) = self.settled().or_else(|| file.settled()) {
            return Decision { by_mark: Vec::new(), ..decision(order, Decider::Values) };
        }
        let is_mixed = self.orders.is_empty();
        let order = if self.month > self.day { DateOrder::MonthFirst } else { DateOrder::DayFirst };
        decision(order, Decider::Nobody { is_mixed })
    }

    /// The order that the dates settle, if they do.
    fn settled(&self) -> Option<DateOrder> {
        if self.year > 0 && self.orders.has(Orders::YEAR) {
            return Some(DateOrder::YearFirst);
        }
        if !self.orders.is_day_or_year() {
            return self.orders.settled();
        }
        // `24/03/05` and `24/07/19`, or `05/03/24` and `19/07/24`: there are more days than years.
        let (firsts, lasts) = (self.firsts.count_ones(), self.lasts.count_ones());
        if lasts >= 3 * firsts { Some(DateOrder::YearFirst) } else { (firsts > lasts).then_some(DateOrder::DayFirst) }
    }
}

impl Convention {
    /// For a date whose order does not matter, or that the schema fixes.
    pub fn of(written: &Written, fixed: Option<DateOrder>) -> Self {
        let order = fixed.unwrap_or_else(|| written.orders().nearest(DateOrder::DayFirst));
        Self { order, languages: ANY_LANGUAGE, is_buddhist: false }
    }
}

impl Decision {
    /// How `written` is read.
    pub fn convention(&self, written: &Written) -> Convention {
        let by_mark = |mark| self.by_mark.iter().find(|(known, _)| *known == mark).map(|&(_, order)| order);
        let order = match written {
            Written::Digits { mark, .. } => by_mark(*mark).unwrap_or(self.order),
            Written::Plain { .. } | Written::Named { .. } => self.order,
        };
        // Only a schema is obeyed also where it leaves no day.
        let order = if self.by == Decider::Schema { order } else { written.orders().nearest(order) };
        Convention { order, languages: self.languages, is_buddhist: self.is_buddhist }
    }
}
