//! How a date is read that can be read in several ways.

use super::names::Languages;
use crate::customer::schema::DateOrder;

/// Years from here on are of the Buddhist calendar, 543 years ahead; nobody joins in them.
pub(super) const FIRST_BUDDHIST_YEAR: i64 = 2443;

/// Orders, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orders(u8);

/// How a date is read that can be read in several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::customer) struct Convention {
    pub(super) order: DateOrder,
    pub(super) languages: Languages,
    pub(super) is_buddhist: bool,
}

impl Orders {
    pub const ALL: Self = Self(0b111);
    pub const DAY: u8 = 0b001;
    pub const MONTH: u8 = 0b010;
    pub const YEAR: u8 = 0b100;

    pub fn of(day_first: bool, month_first: bool, year_first: bool) -> Self {
        let bit = |has: bool, order: u8| if has { order } else { 0 };
        Self(bit(day_first, Self::DAY) | bit(month_first, Self::MONTH) | bit(year_first, Self::YEAR))
    }

    /// The orders that are in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These but year first.
    pub fn without_year(self) -> Self {
        Self(self.0 & !Self::YEAR)
    }

    /// Day first or month first, where that is the only order.
    pub fn settled(self) -> Option<DateOrder> {
        match self.0 {
            Self::DAY => Some(DateOrder::DayFirst),
            Self::MONTH => Some(DateOrder::MonthFirst),
            _ => None,
        }
    }

    /// `wanted`, or day first or month first where that is none of them.
    pub fn nearest(self, wanted: DateOrder) -> DateOrder {
        let bit = |order| match order {
            DateOrder::DayFirst => Self::DAY,
            DateOrder::MonthFirst => Self::MONTH,
            DateOrder::YearFirst => Self::YEAR,
        };
        let all = [wanted, DateOrder::DayFirst, DateOrder::MonthFirst];
        all.into_iter().find(|order| self.has(bit(*order))).unwrap_or(wanted)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether an order is one of them.
    pub fn has(self, order: u8) -> bool {
        self.0 & order != 0
    }
}
