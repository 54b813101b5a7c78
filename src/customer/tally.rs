//! Rows that were dropped for one reason: how many, and where the first few stand.

use super::report::NAMED_ROWS;
use super::{SheetReport, SheetRow};

/// Where a row stands: its number, and the position of its sheet in the report's list.
type Place = (u32, Option<usize>);

#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub rows: usize,
    first: Vec<Place>,
}

impl Tally {
    pub(super) fn add(&mut self, row: u32, sheet: Option<usize>) {
        self.rows += 1;
        if self.first.len() < NAMED_ROWS {
            self.first.push((row, sheet));
        }
    }

    /// The first rows, with the names of their sheets where there are several.
    pub(super) fn first_rows(self, sheets: &[SheetReport]) -> Vec<SheetRow> {
        let name = |sheet: Option<usize>| sheet.filter(|_| sheets.len() > 1).and_then(|index| sheets.get(index));
        let place = |(row, sheet): Place| SheetRow {
            row,
            sheet: name(sheet).map(|sheet| sheet.name.clone()).unwrap_or_default(),
            source: String::new(),
        };
        self.first.into_iter().map(place).collect()
    }
}
