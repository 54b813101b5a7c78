//! One raw cell of a sheet, as any file format can hand it over.

use super::spelling::{is_wrapped, said};

/// What a cell holds before cleaning.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Cell<'a> {
    /// Nothing.
    #[default]
    Empty,
    /// Text as typed. Text of blanks alone counts as nothing.
    Text(&'a str),
    /// A whole number that no float may hold, digit by digit.
    Digits(&'a str),
    /// A plain number. In a date column it is read as a serial day of the sheet's date system.
    Number(f64),
    /// A number shown as a date.
    DateTime {
        /// Days since the system's epoch; the fraction is the time of day.
        serial_days: f64,
        /// Whether day 0 is 1904-01-01 (old Mac workbooks) instead of 1899-12-30.
        is_1904: bool,
    },
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// A formula's error such as `#N/A`: content of the row, but no value.
    Error,
}

/// How many digits of a number spreadsheet programs keep: behind them they write zeros. A float holds any number of so
/// many.
pub const KEPT_DIGITS: usize = 15;
/// 2⁵³: below it a float is any whole number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl<'a> Cell<'a> {
    /// What the cell says: a wrapped text without its wrapping, for which `unwrapped` has room; `None` where it is
    /// blank.
    #[inline]
    pub(super) fn said(self, unwrapped: &'a mut String) -> Option<Self> {
        let cell = match self {
            Cell::Text(text) if is_wrapped(text) => {
                *unwrapped = said(text).into_owned();
                Cell::Text(unwrapped)
            }
            cell => cell,
        };
        (!cell.is_blank()).then_some(cell)
    }

    /// Whether the cell is a number so large that whole numbers beside it are the same float: as an identifier it may
    /// be another customer's.
    pub fn is_rounded(&self) -> bool {
        matches!(self, Self::Number(number) if number.abs() >= MAX_EXACT)
    }

    /// Whether the cell holds nothing, or blanks alone.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            // Nearly every cell starts with a visible byte: no need to look further.
            Self::Text(text) => !text.as_bytes().first().is_some_and(u8::is_ascii_graphic) && text.trim().is_empty(),
            Self::Digits(_) | Self::Number(_) | Self::DateTime { .. } | Self::Bool(_) | Self::Error => false,
        }
    }
}

/// A cell that is kept until it is its turn.
#[derive(Debug, Clone)]
pub struct OwnedCell(Owned);

#[derive(Debug, Clone)]
enum Owned {
    Text(Box<str>),
    Digits(Box<str>),
    Other(Cell<'static>),
}

impl OwnedCell {
    /// A copy of a cell.
    pub fn of(cell: Cell<'_>) -> Self {
        Self(match cell {
            Cell::Text(text) => Owned::Text(text.into()),
            Cell::Digits(digits) => Owned::Digits(digits.into()),
            Cell::Number(number) => Owned::Other(Cell::Number(number)),
            Cell::DateTime { serial_days, is_1904 } => Owned::Other(Cell::DateTime { serial_days, is_1904 }),
            Cell::Bool(value) => Owned::Other(Cell::Bool(value)),
            Cell::Error => Owned::Other(Cell::Error),
            Cell::Empty => Owned::Other(Cell::Empty),
        })
    }

    /// The cell.
    pub fn as_cell(&self) -> Cell<'_> {
        match &self.0 {
            Owned::Text(text) => Cell::Text(text),
            Owned::Digits(digits) => Cell::Digits(digits),
            Owned::Other(cell) => *cell,
        }
    }
}
