//! One cell read by itself, as a stream of rows hands it over: no other cell of its column has a say.
//!
//! Where a text has more than one meaning (`03/05/2024`), it is read as in a file that holds nothing else.

use jiff::civil::{Date, date};

use super::clean::{ColumnCleaner, Outcome};
use super::schema::{Column, DatePart};
use super::spelling::said;
use super::{Cell, Dropped, Value, date as dates};

/// Years that a part of a date may name.
const YEARS: std::ops::RangeInclusive<i64> = 1000..=9999;
/// What stands for a part that the schema does not ask for. It is in no future.
const ANY_DAY: Date = date(2000, 1, 1);

/// Reads the cells of one column of the schema, each by itself.
#[derive(Debug, Clone)]
pub struct CellReader {
    title: String,
    required: bool,
    last_day: Date,
    /// Has read nothing: a copy of it reads one cell.
    blank: ColumnCleaner,
}

/// What a cell means to its row.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A value.
    Value(Value),
    /// Nothing was written, which the column allows.
    Empty,
    /// Something that cannot be read; the column is optional, and the row is used without it.
    Unusable,
    /// The row cannot be used.
    Dropped(Dropped),
}

/// A year or a month from a column of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Nothing was written.
    Empty,
    /// Something that is not such a part.
    Wrong,
    /// Its number: a year, or a month from 1 to 12.
    Is(i16),
}

impl CellReader {
    /// Reads cells of `column`; dates after `today` are in the future.
    pub fn new(column: &Column, today: Date) -> Self {
        let (title, required) = (column.title.clone(), column.required);
        Self { title, required, last_day: column.last_day(today), blank: ColumnCleaner::new(column, today) }
    }

    /// What a cell means.
    pub fn read(&self, cell: Cell<'_>) -> Reading {
        let text;
        let cell = match cell {
            Cell::Text(raw) => {
                text = said(raw);
                Cell::Text(&text)
            }
            cell => cell,
        };
        if cell.is_blank() {
            return self.nothing();
        }
        let mut cleaner = self.blank.clone();
        let outcome = match cleaner.outcome(cell, false) {
            Outcome::Open(_) => cleaner.settle().outcomes.pop().unwrap_or_default(),
            outcome => outcome,
        };
        match outcome {
            Outcome::Seen(_) => {
                cleaner.code(outcome);
                cleaner.into_values().pop().map_or_else(|| self.nothing(), Reading::Value)
            }
            Outcome::Empty | Outcome::Open(_) => self.nothing(),
            Outcome::Unusable(fault) => self.fault(fault.reason(&self.title)),
            Outcome::UnknownLevel(_) => self.fault(Dropped::UnknownLevel(self.title.clone())),
        }
    }

    /// What a day means; `None` is one that no calendar has.
    pub fn read_day(&self, day: Option<Date>) -> Reading {
        match day {
            None => self.fault(Dropped::NotADate(self.title.clone())),
            Some(day) if day > self.last_day => self.fault(Dropped::InFuture(self.title.clone())),
            Some(day) => Reading::Value(Value::Date(day)),
        }
    }

    /// What a date means of which columns name the parts, as the first day that has them. `None` is a part that the
    /// schema does not ask for.
    pub fn read_parts(&self, year: Option<Part>, month: Option<Part>) -> Reading {
        let parts = [year, month];
        if parts.contains(&Some(Part::Wrong)) {
            return self.fault(Dropped::NotADate(self.title.clone()));
        }
        if parts.contains(&Some(Part::Empty)) {
            return self.nothing();
        }
        let number = |part: Option<Part>, other: i16| match part {
            Some(Part::Is(number)) => number,
            _ => other,
        };
        let month = i8::try_from(number(month, 1)).unwrap_or_default();
        self.read_day(Date::new(number(year, ANY_DAY.year()), month, 1).ok())
    }

    fn nothing(&self) -> Reading {
        if self.required { Reading::Dropped(Dropped::Missing(self.title.clone())) } else { Reading::Empty }
    }

    fn fault(&self, reason: Dropped) -> Reading {
        if self.required { Reading::Dropped(reason) } else { Reading::Unusable }
    }
}

impl Part {
    /// The part in a cell: a number, or the English name of a month. A quarter is its first month.
    pub fn read(part: DatePart, cell: Cell<'_>) -> Self {
        let number = match cell {
            cell if cell.is_blank() => return Self::Empty,
            Cell::Text(text) if part == DatePart::Month => dates::month(text).map(i64::from).or_else(|| whole(text)),
            Cell::Text(text) | Cell::Digits(text) => whole(text),
            Cell::Number(number) => whole(&number.to_string()),
            Cell::Empty | Cell::Error | Cell::Bool(_) | Cell::DateTime { .. } => None,
        };
        number.map_or(Self::Wrong, |number| Self::of(part, number))
    }

    /// The part of this number. A quarter is its first month.
    pub fn of(part: DatePart, number: i64) -> Self {
        let number = match part {
            DatePart::Year => Some(number).filter(|year| YEARS.contains(year)),
            DatePart::Month => Some(number).filter(|month| (1..=12).contains(month)),
            DatePart::Quarter => {
                Some(number).filter(|quarter| (1..=4).contains(quarter)).map(|quarter| 3 * quarter - 2)
            }
        };
        number.and_then(|number| i16::try_from(number).ok()).map_or(Self::Wrong, Self::Is)
    }
}

/// A whole number, also where a program wrote it as `2024.0`.
fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.split_once('.').filter(|(_, zeros)| zeros.bytes().all(|b| b == b'0')).map_or(text, |(d, _)| d);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::Schema;

    fn reader(index: usize) -> CellReader {
        CellReader::new(&Schema::built_in().unwrap().columns[index], date(2026, 3, 1))
    }

    #[test]
    fn a_cell_is_read_as_a_file_of_it_alone_would_be() {
        assert_eq!(reader(0).read(Cell::Text(" bedok ")), Reading::Value(Value::Text("Bedok".into())));
        assert_eq!(reader(2).read(Cell::Text("2024-02-29")), Reading::Value(Value::Date(date(2024, 2, 29))));
        assert!(matches!(reader(2).read(Cell::Text("03/05/2024")), Reading::Value(Value::Date(_))));
        assert_eq!(reader(3).read(Cell::Text("gold")), Reading::Value(Value::Level(1)));
    }

    #[test]
    fn a_required_column_drops_the_row_and_an_optional_one_does_not() {
        let title = |index: usize| Schema::built_in().unwrap().columns[index].title.clone();
        assert_eq!(reader(0).read(Cell::Text("  ")), Reading::Dropped(Dropped::Missing(title(0))));
        assert_eq!(reader(1).read(Cell::Empty), Reading::Empty);
        assert_eq!(reader(1).read(Cell::Text("a@b.example")), Reading::Unusable);
        assert_eq!(reader(2).read(Cell::Text("soon")), Reading::Dropped(Dropped::NotADate(title(2))));
        assert_eq!(reader(2).read(Cell::Text("2026-03-02")), Reading::Dropped(Dropped::InFuture(title(2))));
        assert_eq!(reader(3).read(Cell::Text("Bronze")), Reading::Dropped(Dropped::UnknownLevel(title(3))));
    }

    #[test]
    fn the_parts_of_a_date_are_its_first_day() {
        let year = |text| Some(Part::read(DatePart::Year, Cell::Text(text)));
        let month = |text| Some(Part::read(DatePart::Month, Cell::Text(text)));
        let first = |year, month| Reading::Value(Value::Date(date(year, month, 1)));
        assert_eq!(reader(2).read_parts(year("2024"), month("May")), first(2024, 5));
        assert_eq!(reader(2).read_parts(year("2024.0"), month("12")), first(2024, 12));
        assert_eq!(reader(2).read_parts(year("2024"), None), first(2024, 1));
        assert_eq!(reader(2).read_parts(None, Some(Part::of(DatePart::Quarter, 3))), first(2000, 7));
        assert!(matches!(reader(2).read_parts(year("2024"), month("")), Reading::Dropped(Dropped::Missing(_))));
        assert!(matches!(reader(2).read_parts(year("24"), month("5")), Reading::Dropped(Dropped::NotADate(_))));
        assert!(matches!(reader(2).read_parts(year("2026"), month("4")), Reading::Dropped(Dropped::InFuture(_))));
    }
}
