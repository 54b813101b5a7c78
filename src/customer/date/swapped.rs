//! Days and months that a spreadsheet program has swapped. A program of another country takes `3/5/2023` for a day,
//! the wrong way round, and leaves `3/15/2023` as a text: the day of every cell that is a date is then 12 at most,
//! and of every text more than 12.

use jiff::civil::Date;

use super::convention::Orders;

/// Of as many dates and texts each, one in 2000 sheets looks so by chance.
const MIN_DATES: usize = 5;
/// One in so many may be typed later, right: of few, and of many, which by chance look so all the less.
const TYPED_OF_FEW: usize = 20;
const TYPED_OF_MANY: usize = 8;
const MANY: usize = 20;

/// How many dates of a column would be there after such an accident, and how many would not, each distinct one once.
#[derive(Debug, Clone, Default)]
pub(super) struct Swapped {
    /// Days beyond doubt that may be months, and that may not.
    low_days: usize,
    high_days: usize,
    /// Texts that can be read day first and not month first, month first and not day first, and either way.
    day_first: usize,
    month_first: usize,
    either: usize,
}

impl Swapped {
    /// Takes in a day that is beyond doubt.
    pub fn note_sure(&mut self, day: Date) {
        self.high_days += usize::from(day.day() > 12);
        self.low_days += usize::from(day.day() <= 12 && day.day() != day.month());
    }

    /// Takes in a text of numbers, by the orders it can be read in.
    pub fn note(&mut self, orders: Orders, are_day_and_month_equal: bool) {
        match (orders.has(Orders::DAY), orders.has(Orders::MONTH)) {
            (true, true) => self.either += usize::from(!are_day_and_month_equal),
            (true, false) => self.day_first += 1,
            (false, true) => self.month_first += 1,
            (false, false) => {}
        }
    }

    /// Whether this is what the accident leaves.
    pub fn is_likely(&self) -> bool {
        let (texts, other_texts) =
            (self.day_first.max(self.month_first), self.day_first.min(self.month_first) + self.either);
        texts.min(self.low_days) >= MIN_DATES
            && are_typed_later(self.high_days, self.low_days)
            && are_typed_later(other_texts, texts)
    }
}

/// Whether so few dates that the accident does not leave may have been typed after it, beside the others.
fn are_typed_later(dates: usize, others: usize) -> bool {
    dates * TYPED_OF_FEW <= others || others >= MANY && dates * TYPED_OF_MANY <= others
}
