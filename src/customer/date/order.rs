//! In which order the dates of one column give day, month and year, and what else their column decides.
//!
//! `03/05/2024` is the third of May or the fifth of March; `13/05/2024`, anywhere in the column, settles it, and so
//! does a header that says it. Where the year of `24/03/05` is takes more, see [`super::short_year`]. A month's name
//! that two languages give to different months, and years of the Buddhist calendar, are their column's to tell as well.

use jiff::civil::Date;

use super::convention::{Convention, FIRST_BUDDHIST_YEAR, Orders};
use super::names::{ANY_LANGUAGE, Languages};
use super::short_year::{Days, ShortYears, TYPING_ERRORS, YearAt};
use super::swapped::Swapped;
use super::written::Written;
use crate::customer::schema::DateOrder;

/// What the dates of one column say, each distinct text once.
#[derive(Debug, Clone)]
pub(in crate::customer) struct Evidence {
    /// Orders in which every date can be read that does not put its year first beyond doubt.
    orders: Orders,
    /// The same for the dates with one mark between their numbers.
    by_mark: Vec<(char, Orders)>,
    /// Dates that can be read day first and not month first, month first and not day first, and either way.
    day: usize,
    month: usize,
    either: usize,
    short_years: ShortYears,
    swapped: Swapped,
    /// What the headers of the column say, each order once.
    headers: Vec<DateOrder>,
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
    /// The order of the header, where most of the dates cannot be read in it.
    pub ignored_header: Option<DateOrder>,
    /// Whether it is the place of a year of two digits that is in doubt.
    pub has_short_years: bool,
    /// Whether years from 2443 on are of the Buddhist calendar.
    pub is_buddhist: bool,
}

/// What a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::customer) enum Decider {
    Schema,
    /// The column's header; `is_contradicted` where some dates can only be read in another order.
    Header {
        is_contradicted: bool,
    },
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
            either: 0,
            short_years: ShortYears::default(),
            swapped: Swapped::default(),
            headers: Vec::new(),
            languages: ANY_LANGUAGE,
            buddhist_years: 0,
            other_years: 0,
            ambiguous: 0,
        }
    }
}

impl Evidence {
    /// Takes in what a header of the column says.
    pub fn note_header(&mut self, order: DateOrder) {
        if !self.headers.contains(&order) {
            self.headers.push(order);
        }
    }

    /// Takes in a day that is beyond doubt, such as one of a cell that is a date.
    pub fn note_sure(&mut self, day: Date) {
        self.swapped.note_sure(day);
    }

    /// Takes a date in, and says whether the column has to decide how it is read.
    pub fn note(&mut self, written: &Written, days: Days) -> bool {
        self.languages &= written.languages();
        let is_buddhist = written.long_year().is_some_and(|year| year >= FIRST_BUDDHIST_YEAR);
        self.buddhist_years += usize::from(is_buddhist);
        self.other_years += usize::from(written.long_year().is_some() && !is_buddhist);
        let Written::Digits { numbers: [first, second, _], digits: [.., digits], mark } = *written else {
            let sure = matches!(written, Written::Plain { .. }) && !is_buddhist;
            if let Some(day) = written.day(&Convention::of(written, None)).filter(|_| sure) {
                self.swapped.note_sure(day);
            }
            return is_buddhist || matches!(written, Written::Named { .. });
        };
        let orders = written.orders();
        if orders.is_empty() {
            return false;
        }
        self.note_orders(orders, mark);
        self.short_years.note(written, orders, days);
        self.swapped.note(orders, first == second);
        let is_short = digits < 4;
        // Where the others do not put the year first, one that does is a typing error.
        let is_ambiguous = orders.settled().is_none() && (is_short || first != second);
        self.ambiguous += usize::from(is_ambiguous);
        is_ambiguous || is_buddhist
    }

    fn note_orders(&mut self, orders: Orders, mark: char) {
        let (day, month) = (orders.has(Orders::DAY), orders.has(Orders::MONTH));
        if !day && !month {
            return;
        }
        self.day += usize::from(day && !month);
        self.month += usize::from(month && !day);
        self.either += usize::from(day && month);
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
        self.either += other.either;
        self.short_years.add(&other.short_years);
        self.languages &= other.languages;
        self.buddhist_years += other.buddhist_years;
        self.other_years += other.other_years;
        self.ambiguous += other.ambiguous;
    }

    /// Whether there is a date whose order matters and is not its own to tell.
    pub fn order_matters(&self) -> bool {
        self.ambiguous > 0
    }

    /// Whether days and months of the sure days and those of the others look swapped.
    pub fn look_swapped(&self) -> bool {
        self.swapped.is_likely()
    }

    /// What these dates come to, where their schema may fix the order and the other sheets of the file may help.
    pub fn decide(&self, fixed: Option<DateOrder>, file: &Self, days: Days) -> Decision {
        let has_short_years = self.short_years.in_front().0 > 0;
        let decision = |order, by| Decision {
            order,
            by,
            by_mark: Vec::new(),
            languages: if self.languages == 0 { ANY_LANGUAGE } else { self.languages },
            ignored_header: None,
            has_short_years,
            is_buddhist: self.buddhist_years > 0 && self.other_years == 0,
        };
        if let Some(order) = fixed {
            return decision(order, Decider::Schema);
        }
        let settled = self.settled(days).or_else(|| file.settled(days));
        let mut ignored_header = None;
        if let [order] = *self.headers.as_slice() {
            let (others, fitting) = self.against(order);
            // A template's header stays over dates that a program of another country has written. Most headers do not
            // mean years of two digits.
            let is_against = match settled {
                Some(settled) => settled != order && (has_short_years || others * TYPING_ERRORS > fitting),
                None => order == DateOrder::YearFirst && self.short_years.likelier(days) == Some(YearAt::Back),
            };
            if fitting > 0 && fitting >= others && !is_against {
                return decision(order, Decider::Header { is_contradicted: others > 0 });
            }
            ignored_header = Some(order);
        }
        if let Some(order) = settled {
            return Decision { ignored_header, ..decision(order, Decider::Values) };
        }
        let is_mixed = self.orders.is_empty();
        let likelier = || self.short_years.likelier(days).or_else(|| file.short_years.likelier(days));
        let order = match self.month > self.day {
            true => DateOrder::MonthFirst,
            false if !is_mixed && likelier() == Some(YearAt::Front) => DateOrder::YearFirst,
            false => DateOrder::DayFirst,
        };
        let by_mark = self.by_mark.iter().filter_map(|&(mark, orders)| Some((mark, orders.settled()?)));
        let by_mark = if is_mixed { by_mark.collect() } else { Vec::new() };
        Decision { by_mark, ignored_header, ..decision(order, Decider::Nobody { is_mixed }) }
    }

    /// How many dates cannot be read in an order, and how many can.
    fn against(&self, order: DateOrder) -> (usize, usize) {
        let only_front = self.short_years.only_front();
        match order {
            DateOrder::DayFirst => (self.month + only_front, self.day + self.either),
            DateOrder::MonthFirst => (self.day + only_front, self.month + self.either),
            DateOrder::YearFirst => {
                let (in_front, others) = self.short_years.in_front();
                (others, in_front)
            }
        }
    }

    /// The order that the dates settle, if they do.
    fn settled(&self, days: Days) -> Option<DateOrder> {
        match self.short_years.settled(days) {
            Some(YearAt::Front) => Some(DateOrder::YearFirst),
            Some(YearAt::Back) => self.orders.without_year().settled(),
            None => None,
        }
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
