//! Rows that were dropped for one reason: how many, and where the first few are.

use super::clean::Fault;
use super::report::NAMED_ROWS;
use super::{Dropped, SheetReport, SheetRow};

/// Where a row is, in 12 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Among all rows that were read.
    pub at: u32,
    pub row_number: u32,
    sheet: u32,
}

impl Place {
    /// `sheet` is the position of the row's sheet in the report's list.
    pub(super) fn new(at: usize, row_number: u32, sheet: Option<usize>) -> Self {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { at: small(at), row_number, sheet: sheet.map_or(u32::MAX, small) }
    }

    /// The position of its sheet in the report's list.
    pub(super) fn sheet(self) -> Option<usize> {
        (self.sheet != u32::MAX).then_some(self.sheet as usize)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub rows: usize,
    first: Vec<Place>,
}

impl Tally {
    /// Counts a row; they may be counted in any order.
    pub(super) fn add(&mut self, place: Place) {
        self.rows += 1;
        if self.first.len() < NAMED_ROWS || self.first.last().is_some_and(|last| place.at < last.at) {
            let at = self.first.partition_point(|before| before.at < place.at);
            self.first.insert(at, place);
            self.first.truncate(NAMED_ROWS);
        }
    }

    /// Takes in rows that were counted elsewhere.
    pub(super) fn take_in(&mut self, other: Self) {
        let rows = self.rows + other.rows;
        other.first.into_iter().for_each(|place| self.add(place));
        self.rows = rows;
    }

    /// The first rows, with the names of their sheets where there are several.
    pub(super) fn first_rows(self, sheets: &[SheetReport]) -> Vec<SheetRow> {
        let name = |sheet: Option<usize>| sheet.filter(|_| sheets.len() > 1).and_then(|index| sheets.get(index));
        let place = |place: Place| SheetRow {
            row: place.row_number,
            sheet: name(place.sheet()).map(|sheet| sheet.name.clone()).unwrap_or_default(),
            source: String::new(),
        };
        self.first.into_iter().map(place).collect()
    }
}

impl Fault {
    /// In the order of their numbers.
    pub(super) const ALL: [Self; 5] =
        [Self::Missing, Self::NotADate, Self::InFuture, Self::UnknownLevel, Self::NotANumber];

    pub(super) fn reason(self, title: &str) -> Dropped {
        let title = title.to_owned();
        match self {
            Self::Missing => Dropped::Missing(title),
            Self::NotADate => Dropped::NotADate(title),
            Self::InFuture => Dropped::InFuture(title),
            Self::UnknownLevel => Dropped::UnknownLevel(title),
            Self::NotANumber => Dropped::NotANumber(title),
        }
    }
}
