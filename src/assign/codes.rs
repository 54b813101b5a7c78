//! The cells of one column as small numbers: cells that mean the same to the model have the same number.
//!
//! A cell is cleaned when it is met first. Memory is bounded: [`ColumnCodes::is_full`] says when to forget all of them.

use jiff::Span;
use jiff::civil::{Date, date};
use rustc_hash::FxHashMap;

use crate::customer::{Cell, CellReader, Column, Part, Reading, Value};

/// Cells of a kind that are remembered.
const MAX_REMEMBERED: usize = 1 << 17;
/// Longer texts are cleaned each time: they hardly repeat.
const MAX_TEXT_BYTES: usize = 128;
/// Days since 1970 that are remembered in a list: from 1900 to 2099.
const LISTED_DAYS: std::ops::Range<i32> = -25_567..47_482;
/// No code yet.
const UNKNOWN: u32 = u32::MAX;

/// One column of the schema: its cells so far, by code.
#[derive(Debug)]
pub(super) struct ColumnCodes {
    reader: CellReader,
    /// What each code means.
    readings: Vec<Reading>,
    code_of: FxHashMap<Meaning, u32>,
    texts: FxHashMap<Box<str>, u32>,
    numbers: FxHashMap<u64, u32>,
    /// By day since the start of [`LISTED_DAYS`].
    days: Vec<u32>,
    parts: FxHashMap<(Option<Part>, Option<Part>), u32>,
    empty: u32,
}

/// A reading as it is compared.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Meaning {
    Text(Box<str>),
    Level(u32),
    Day(Date),
    Number(u64),
    Empty,
    Unusable,
    Dropped(crate::customer::Dropped),
}

impl ColumnCodes {
    /// Nothing met yet; dates after `today` are in the future.
    pub fn new(column: &Column, today: Date) -> Self {
        let mut codes = Self {
            reader: CellReader::new(column, today),
            readings: Vec::new(),
            code_of: FxHashMap::default(),
            texts: FxHashMap::default(),
            numbers: FxHashMap::default(),
            days: Vec::new(),
            parts: FxHashMap::default(),
            empty: 0,
        };
        codes.empty = codes.code(codes.reader.read(Cell::Empty));
        codes
    }

    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.readings.len()
    }

    /// Whether as many cells are remembered as may be.
    pub fn is_full(&self) -> bool {
        let lists = [self.readings.len(), self.texts.len(), self.numbers.len(), self.parts.len()];
        lists.into_iter().any(|len| len >= MAX_REMEMBERED)
    }

    /// What a code means.
    pub fn reading(&self, code: u32) -> &Reading {
        self.readings.get(code as usize).unwrap_or(&Reading::Empty)
    }

    /// The code of a cell that holds nothing.
    pub fn empty(&self) -> u32 {
        self.empty
    }

    /// The code of a text.
    pub fn text(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.texts.get(text) {
            return code;
        }
        let code = self.code(self.reader.read(Cell::Text(text)));
        if text.len() <= MAX_TEXT_BYTES {
            self.texts.insert(text.into(), code);
        }
        code
    }

    /// The code of a number.
    pub fn number(&mut self, number: f64) -> u32 {
        if let Some(&code) = self.numbers.get(&number.to_bits()) {
            return code;
        }
        let code = self.code(self.reader.read(Cell::Number(number)));
        self.numbers.insert(number.to_bits(), code);
        code
    }

    /// The code of a day, counted from 1970-01-01; `None` is one that cannot be counted so.
    pub fn day(&mut self, day: Option<i32>) -> u32 {
        let Some(listed) = day.filter(|day| LISTED_DAYS.contains(day)) else {
            return self.code(self.reader.read_day(day.and_then(civil)));
        };
        if self.days.is_empty() {
            self.days = vec![UNKNOWN; LISTED_DAYS.len()];
        }
        let position = usize::try_from(listed - LISTED_DAYS.start).unwrap_or_default();
        match self.days.get(position) {
            Some(&code) if code != UNKNOWN => code,
            _ => {
                let code = self.code(self.reader.read_day(civil(listed)));
                if let Some(slot) = self.days.get_mut(position) {
                    *slot = code;
                }
                code
            }
        }
    }

    /// The code of a date whose parts are in columns of their own.
    pub fn parts(&mut self, year: Option<Part>, month: Option<Part>) -> u32 {
        if let Some(&code) = self.parts.get(&(year, month)) {
            return code;
        }
        let code = self.code(self.reader.read_parts(year, month));
        self.parts.insert((year, month), code);
        code
    }

    /// The code of a reading. Of a day counts its month alone, which is all that a model learns from.
    fn code(&mut self, reading: Reading) -> u32 {
        let reading = match reading {
            Reading::Value(Value::Date(day)) => Reading::Value(Value::Date(day.first_of_month())),
            reading => reading,
        };
        let next = u32::try_from(self.readings.len()).unwrap_or(UNKNOWN);
        let code = *self.code_of.entry(Meaning::of(&reading)).or_insert(next);
        if code == next {
            self.readings.push(reading);
        }
        code
    }
}

/// A day that is counted from 1970-01-01; `None` where no calendar has it.
fn civil(day: i32) -> Option<Date> {
    date(1970, 1, 1).checked_add(Span::new().try_days(day).ok()?).ok()
}

impl Meaning {
    fn of(reading: &Reading) -> Self {
        match reading {
            Reading::Value(Value::Text(text)) => Self::Text(text.as_str().into()),
            Reading::Value(Value::Level(level)) => Self::Level(*level),
            Reading::Value(Value::Date(day)) => Self::Day(*day),
            Reading::Value(Value::Number(number)) => Self::Number(number.to_bits()),
            // No cell becomes a date of which only a part is known.
            Reading::Empty | Reading::Value(Value::PartialDate { .. }) => Self::Empty,
            Reading::Unusable => Self::Unusable,
            Reading::Dropped(reason) => Self::Dropped(reason.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::Schema;

    fn codes(index: usize) -> ColumnCodes {
        ColumnCodes::new(&Schema::built_in().unwrap().columns[index], date(2026, 3, 1))
    }

    #[test]
    fn cells_that_mean_the_same_have_the_same_code() {
        let mut towns = codes(0);
        let bedok = towns.text("Bedok");
        assert_eq!((towns.text(" BEDOK"), towns.text("")), (bedok, towns.empty()));
        assert_ne!(towns.text("Yishun"), bedok);
        let mut days = codes(2);
        let february = days.text("2024-02-29");
        let day = |date: Date| Some((date - jiff::civil::date(1970, 1, 1)).get_days());
        assert_eq!(days.day(day(date(2024, 2, 1))), february);
        assert_eq!(days.parts(Some(Part::Is(2024)), Some(Part::Is(2))), february);
        let future = days.day(day(date(2026, 3, 2)));
        assert!(matches!(days.reading(future), Reading::Dropped(_)));
        assert_ne!(days.day(None), future);
        assert_eq!(days.day(Some(i32::MAX)), days.day(None));
    }
}
