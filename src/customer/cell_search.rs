//! The search of a file for one identifier: every cell of every row is compared, whatever the headers say.
//!
//! A training reads a file by its headers. What it passes over may name the customer all the same: rows above a header,
//! a second table, a hidden sheet, a second column of identifiers, a row whose values have moved. So a cell counts by
//! what it would be as an identifier, and headers say only how sure that is. An equal cell is the customer's in the
//! column by which a training tells customers apart, by the last header above it or the first one of the sheet, unless
//! the training knows the row otherwise ([`KeyedTable::judge`](super::KeyedTable::judge)). In any other column it may
//! be.

mod sought;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::header::HeaderIndex;
use super::lost_digits::{Loss, LostDigits};
use super::newest::identity_of;
use super::open_sheet::HEADER_ROWS;
use super::tally::Place;
use super::{Cell, Schema, sheet};
use sought::Sought;

/// The most rows that are found in one file.
pub const MAX_FOUND: usize = 10_000;
/// The most cells that are kept of a column without a header of identifiers, in case one comes.
const MAX_OF_COLUMN: usize = 1_000;
/// A shorter identifier says nothing in a column of anything else: ages and amounts are as short.
pub const MIN_CHARS_ELSEWHERE: usize = 5;
/// A longer text is no header.
const MAX_HEADER_BYTES: usize = 256;

/// How a cell says the identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// As it was given.
    Same,
    /// As it was given, and perhaps of somebody else: in another column than the one that tells customers apart, or as
    /// a number that has lost digits, or as a date.
    Doubtful,
    /// In another way: with other zeros in front, with its digits in groups, with other dashes, in another case, or
    /// without digits that a spreadsheet program has lost.
    Alike,
}

/// A cell that says the identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCell {
    /// The sheet's name, where the workbook has several.
    pub sheet: String,
    /// The row, as the sheet numbers it.
    pub row: u32,
    /// How it says it.
    pub said: Said,
    /// What the cell holds, where it is [`Said::Alike`].
    pub text: String,
}

/// The search as the cells of a file come.
#[derive(Debug, Clone)]
pub struct CellSearch {
    sought: Sought,
    headers: HeaderIndex,
    sheet: OpenSheet,
    n_sheets: usize,
    found: SearchFindings,
    /// What the identifiers of the file say of digits that they may have lost.
    lost: LostDigits,
}

/// What a search found.
#[derive(Debug, Clone, Default)]
pub struct SearchFindings {
    /// In the file's order, [`MAX_FOUND`] and one more where there are further ones.
    pub cells: Vec<FoundCell>,
    /// Whether a sheet has a header of identifiers.
    pub has_identifiers: bool,
    /// The sheets with rows and without such a header.
    pub sheets_without: Vec<String>,
}

/// The sheet whose cells come.
#[derive(Debug, Clone, Default)]
struct OpenSheet {
    name: String,
    /// The columns of identifiers below the header that came last, one of each table.
    columns: FxHashSet<usize>,
    /// Further columns that a header calls so.
    others: FxHashSet<usize>,
    /// Those of the first header, which hold for the rows above it.
    first_columns: FxHashSet<usize>,
    /// The cells of the open row that are called as columns of the schema are.
    named: Vec<Candidate>,
    /// Whether the header of a table has come that trainings read.
    has_table: bool,
    has_identifiers: bool,
    /// Rows that hold anything, and whether the open one does.
    n_rows: usize,
    is_filled: bool,
    /// Cells that say the identifier; the rows of the last ones are still open.
    cells: Vec<(Where, FoundCell)>,
    n_closed: usize,
    last_row: u32,
    /// The last one that holds anything.
    last_filled_row: u32,
    /// How many of them are in each column that is none of identifiers so far.
    n_elsewhere: FxHashMap<usize, usize>,
}

/// Where a cell is that says the identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    /// In a row that is open, in this column.
    Open(usize),
    /// In the column that tells customers apart.
    InColumn,
    /// In another one that a header calls so.
    InOther,
    /// In this column, above the first header of a table.
    Above(usize),
    /// In a column of anything else.
    Beside,
}

/// Whether an identifier is looked for in columns without a header of identifiers, too.
pub fn is_sought_elsewhere(identifier: &str) -> bool {
    Sought::new(identifier).is_some_and(|sought| sought.is_long())
}

impl CellSearch {
    /// Of an identifier as a person gives it, by the headers of a schema. `None` for a word for nothing.
    pub fn new(identifier: &str, schema: &Arc<Schema>) -> Option<Self> {
        Some(Self {
            sought: Sought::new(identifier)?,
            headers: HeaderIndex::new(schema),
            sheet: OpenSheet::default(),
            n_sheets: 0,
            found: SearchFindings::default(),
            lost: LostDigits::default(),
        })
    }

    /// Begins a sheet; the one before has ended.
    pub(super) fn begin_sheet(&mut self, name: &str) {
        self.end_sheet();
        self.sheet.name = sheet::tidy(name);
        self.n_sheets += 1;
    }

    /// Compares a cell of the open row.
    pub(super) fn cell(&mut self, column: usize, cell: Cell<'_>) {
        let sheet = &mut self.sheet;
        sheet.is_filled = true;
        if let Cell::Text(text) = cell
            && text.len() <= MAX_HEADER_BYTES
            && self.headers.names(text)
        {
            sheet.named.push(Candidate::new(column, cell));
        }
        let is_in_column = sheet.columns.contains(&column);
        if is_in_column {
            let identity = identity_of(cell);
            // A text has no sheet.
            self.lost.add(Loss::of(cell), identity, Place::new(0, 0, None), self.n_sheets == 0);
        }
        let Some((said, text)) = self.sought.said_by(cell) else { return };
        let is_kept = if is_in_column {
            sheet.cells.len() <= MAX_FOUND + MAX_OF_COLUMN * sheet.n_elsewhere.len()
        } else {
            let n_elsewhere = sheet.n_elsewhere.entry(column).or_default();
            *n_elsewhere += 1;
            *n_elsewhere <= MAX_OF_COLUMN
        };
        if is_kept {
            sheet.cells.push((Where::Open(column), FoundCell { sheet: String::new(), row: 0, said, text }));
        }
    }

    /// Ends the row, which the sheet shows by this number.
    pub(super) fn end_row(&mut self, row: u32) {
        let is_filled = std::mem::take(&mut self.sheet.is_filled);
        self.sheet.n_rows += usize::from(is_filled);
        let named = std::mem::take(&mut self.sheet.named);
        if !named.is_empty() {
            self.take_header(&named, row);
        }
        let sheet = &mut self.sheet;
        for (place, cell) in sheet.cells.iter_mut().skip(sheet.n_closed) {
            let Where::Open(column) = *place else { continue };
            *place = match sheet.columns.contains(&column) {
                true => Where::InColumn,
                false if sheet.others.contains(&column) => Where::InOther,
                false if sheet.has_table => Where::Beside,
                false => Where::Above(column),
            };
            cell.row = row;
        }
        sheet.n_closed = sheet.cells.len();
        sheet.last_row = row;
        if is_filled {
            sheet.last_filled_row = row;
        }
    }

    /// Takes over the columns of identifiers that a row names, as trainings would: by a row that has every required
    /// column. In a sheet where none has come, any row near the top is a header, or one with several names. Elsewhere
    /// such names are values, as of a document that is called `ID`, and change nothing of the columns that are known.
    ///
    /// A training goes on by the header before where rows of its table are directly above: its columns may say the
    /// identifier as well.
    fn take_header(&mut self, named: &[Candidate], row: u32) {
        let called = self.headers.identifiers_in(named);
        let sheet = &mut self.sheet;
        let layout = if named.len() > 1 || !sheet.has_table { self.headers.layout(named).ok() } else { None };
        if let Some(layout) = layout {
            let columns = (0..).zip(&layout.columns).filter(|(_, column)| column.is_identifier);
            let former = std::mem::replace(&mut sheet.columns, columns.map(|(at, _)| at).collect());
            if sheet.has_table && row == sheet.last_filled_row.saturating_add(1) {
                sheet.others.extend(former);
            } else {
                sheet.others.clear();
            }
            if !sheet.has_table {
                sheet.first_columns.clone_from(&sheet.columns);
            }
            sheet.has_table = true;
            sheet.has_identifiers |= !sheet.columns.is_empty();
        } else if !sheet.has_table && (sheet.n_rows <= HEADER_ROWS || named.len() > 1) {
            sheet.columns.extend(called.first());
            sheet.first_columns.clone_from(&sheet.columns);
            sheet.has_identifiers |= !called.is_empty();
        }
        sheet.others.extend(called.iter().filter(|column| !sheet.columns.contains(column)));
    }

    /// Takes the cells of the sheet over, now that its headers are known.
    fn end_sheet(&mut self) {
        if self.sheet.n_closed < self.sheet.cells.len() {
            // The sheet was cut in this row.
            self.end_row(self.sheet.last_row.saturating_add(1));
        }
        let is_long = self.sought.is_long();
        let OpenSheet { name, first_columns, cells, has_identifiers, n_rows, .. } = std::mem::take(&mut self.sheet);
        self.found.has_identifiers |= has_identifiers;
        if !has_identifiers && n_rows > 0 {
            self.found.sheets_without.push(name.clone());
        }
        let mut rows: FxHashMap<u32, usize> = FxHashMap::default();
        for (place, mut cell) in cells {
            let is_in_column = match place {
                Where::InColumn => true,
                Where::Above(column) => first_columns.contains(&column),
                Where::Open(_) | Where::InOther | Where::Beside => false,
            };
            if !is_in_column {
                if cell.said == Said::Alike || !(is_long || place == Where::InOther) {
                    continue;
                }
                cell.said = Said::Doubtful;
            }
            name.clone_into(&mut cell.sheet);
            // Of one row the surest cell counts.
            let found = &mut self.found.cells;
            let n_found = found.len();
            let at = *rows.entry(cell.row).or_insert(n_found);
            match found.get_mut(at) {
                Some(known) if known.said <= cell.said => {}
                Some(known) => *known = cell,
                None if n_found > MAX_FOUND => {}
                None => found.push(cell),
            }
        }
    }

    /// What was found.
    pub(super) fn finish(mut self) -> SearchFindings {
        self.end_sheet();
        let lost = self.lost.judge();
        let said = if lost.has(self.sought.identity) { Said::Doubtful } else { Said::Same };
        for cell in &mut self.found.cells {
            match cell.said {
                Said::Same => cell.said = said,
                // Nobody is known by what is left of a number, so nobody can be erased by it either.
                Said::Alike if lost.has(identity_of(Cell::Text(&cell.text))) => cell.said = Said::Doubtful,
                Said::Alike | Said::Doubtful => {}
            }
        }
        if self.n_sheets == 1 {
            self.found.cells.iter_mut().for_each(|cell| cell.sheet.clear());
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How each of these cells, one below another under a header of identifiers, says the identifier.
    fn said<const N: usize>(identifier: &str, cells: [Cell<'_>; N]) -> [Option<Said>; N] {
        let mut search = CellSearch::new(identifier, &Arc::new(Schema::built_in().unwrap())).unwrap();
        search.begin_sheet("Customers");
        search.cell(0, Cell::Text("Customer ID"));
        search.end_row(1);
        for (row, cell) in (2..).zip(cells) {
            search.cell(0, cell);
            search.end_row(row);
        }
        let found = search.finish().cells;
        std::array::from_fn(|at| found.iter().find(|cell| cell.row as usize == at + 2).map(|cell| cell.said))
    }

    #[test]
    fn a_cell_says_an_identifier_in_the_same_way_or_in_one_like_it() {
        let (same, alike) = (Some(Said::Same), Some(Said::Alike));
        let text = Cell::Text;
        assert_eq!(said("C-7", [text(" c-7 "), text("C-70"), text("C-8"), Cell::Empty]), [same, None, None, None]);
        assert_eq!(
            said("000123", [text("000123"), text("123"), Cell::Number(123.0), text("00123"), text("1230")]),
            [same, alike, alike, alike, None]
        );
        assert_eq!(
            said("000000000000700005", [Cell::Number(700_005.0), text("700005.0"), text("70005")]),
            [alike, alike, None]
        );
        let grouped = ["1,234,567", "1 234 567,00", "1'234'567", "1234567,00", "1,234,5", "1,234,568"];
        assert_eq!(said("1234567", grouped.map(Cell::Text)), [alike, alike, alike, alike, None, None]);
        assert_eq!(said("C-3", ["C‑3", "C–3", "C–4"].map(Cell::Text)), [alike, alike, None]);
        let (long, other_case) = ("cus_ABCDEFGHIJKLMNOPQRstu", "cus_abcdefghijklmnopqrstu");
        assert_eq!(said(long, [long, other_case, "cus_"].map(Cell::Text)), [same, alike, None]);
        assert_eq!(said("Äb-Öc", [text("äb-öc"), text("Äb-Öc"), text("ÄB-ÖC")]), [alike, same, alike]);
        let day = Cell::DateTime { serial_days: 45_000.0, is_1904: false };
        let doubtful = Some(Said::Doubtful);
        assert_eq!(said("2023-03-15", [day, text("2023-03-15"), Cell::Number(45_000.0)]), [doubtful, same, None]);
        assert_eq!(said("true", [Cell::Bool(true), Cell::Bool(false)]), [doubtful, None]);
    }

    #[test]
    fn digits_that_a_program_has_lost_may_be_those_of_the_identifier() {
        let (same, alike) = (Some(Said::Same), Some(Said::Alike));
        let (card, doubtful) = ("6335041234567021", Some(Said::Doubtful));
        let kept = Cell::Number(6_335_041_234_567_020.0);
        assert_eq!(said(card, [Cell::Text(card), kept, Cell::Number(6_335_041_234_567_100.0)]), [same, doubtful, None]);
        let long = Cell::Number(12_345_678_901_234_568.0);
        assert_eq!(said("12345678901234567", [long, Cell::Text("12345678901234500")]), [doubtful, alike]);
        assert_eq!(said("12345678901234568", [long, Cell::Digits("12345678901234568")]), [doubtful, same]);
        let [first, second] = [6_335_041_234_567_020.0, 6_335_041_234_567_030.0].map(Cell::Number);
        assert_eq!(said("6335041234567020", [first, second]), [doubtful, None], "all have lost their last digit");
        assert_eq!(
            said(
                "701235050000",
                ["7.01235E+11", "7,01235E+11", "7.0124E+11", "7.01235E+12", "7.01236E+11"].map(Cell::Text)
            ),
            [doubtful, doubtful, doubtful, None, None]
        );
    }

    #[test]
    fn a_header_anywhere_in_the_column_makes_a_cell_the_customers() {
        let found = |identifier: &str| {
            let mut search = CellSearch::new(identifier, &Arc::new(Schema::built_in().unwrap())).unwrap();
            let mut row = 0;
            let mut push = |cells: &[&str]| {
                row += 1;
                cells.iter().enumerate().for_each(|(column, cell)| search.cell(column, Cell::Text(cell)));
                search.end_row(row);
            };
            push(&["C-0007", "x"]);
            push(&["Customer ID", "Note"]);
            push(&["C-0008", "C-0007"]);
            push(&["12", "12"]);
            push(&["C-0007", "C-0007"]);
            push(&["x", "12"]);
            let found = search.finish().cells;
            found.iter().map(|cell| (cell.row, cell.said)).collect::<Vec<_>>()
        };
        assert_eq!(found("C-0007"), [(1, Said::Same), (3, Said::Doubtful), (5, Said::Same)]);
        assert_eq!(found("12"), [(4, Said::Same)], "a short one says nothing elsewhere");
        assert!(CellSearch::new(" n/a ", &Arc::new(Schema::built_in().unwrap())).is_none());
    }

    #[test]
    fn a_value_that_every_row_has_is_found_so_often_and_no_oftener() {
        let mut search = CellSearch::new("Singapore", &Arc::new(Schema::built_in().unwrap())).unwrap();
        for row in 1..20_000 {
            search.cell(1, Cell::Text("Singapore"));
            search.end_row(row);
        }
        assert_eq!(search.clone().finish().cells.len(), MAX_OF_COLUMN);
        search.begin_sheet("Customers");
        search.cell(1, Cell::Text("Customer ID"));
        for row in 1..20_000 {
            search.end_row(row);
            search.cell(1, Cell::Text("Singapore"));
        }
        assert_eq!(search.finish().cells.len(), MAX_FOUND + 1);
    }
}
