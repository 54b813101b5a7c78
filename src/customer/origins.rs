//! Where the kept rows stand in their file, and what their sender calls them: kept only where somebody asks.
//!
//! An identifier is a customer's. It goes from the file that a request brings into the spreadsheet that the request
//! asks for: it is stored nowhere, and in no log, debug print or ordinary answer.

use std::fmt::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::is_invisible;
use super::text::MAX_VALUE_CHARS;
use super::{BrokenTable, Cell, CleaningReport, Schema, date};

/// What to keep of the rows beside the schema's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keep {
    /// Where each row is.
    pub row: bool,
    /// Each row's identifier, where the file has a column of them; then also where it is.
    pub identifier: bool,
}

/// A word that is none of [`Keep::NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}, or several with a comma between", Keep::NAMES.join(", "))]
pub struct NotKept;

/// Where each row of a table stands in its file, and what its identifier is.
#[derive(Clone, PartialEq, Default)]
pub struct Origins {
    /// One a row: its number as the sheet shows it, counted from 1.
    rows: Vec<u32>,
    /// Where the rows of each sheet begin, in the table's order.
    sheets: Vec<SheetStart>,
    identifiers: Option<Identifiers>,
}

/// From where on the rows are of one sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetStart {
    /// The first row of the table that is of it.
    pub first_row: u32,
    /// The sheet's place in the report's list of sheets.
    pub sheet: u32,
}

/// One identifier a row, empty where the row has none: many short texts in one long one.
#[derive(Clone, PartialEq, Default)]
pub struct Identifiers {
    all: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Keep {
    /// The words that say what to keep.
    pub const NAMES: [&'static str; 2] = ["row", "identifier"];

    /// Why identifiers were to be kept and are not: the end of a sentence that starts with the file. `None` where they
    /// are, or nobody asked.
    pub fn unmet(self, schema: &Schema, cleaning: &CleaningReport) -> Option<String> {
        if !self.identifier || cleaning.identifier_used.is_some() {
            return None;
        }
        let known = if schema.identifier.is_empty() { "the schema names none" } else { &schema.identifier.join(", ") };
        Some(format!("has no column of identifiers ({known})"))
    }

    /// Whether there is anything to keep.
    pub fn is_anything(self) -> bool {
        self.row || self.identifier
    }
}

impl FromStr for Keep {
    type Err = NotKept;

    /// Reads words with commas between them, in any case; nothing keeps nothing.
    fn from_str(words: &str) -> Result<Self, NotKept> {
        let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(str::to_ascii_lowercase).try_fold(Self::default(), |keep, word| match word.as_str() {
            "row" => Ok(Self { row: true, ..keep }),
            "identifier" => Ok(Self { identifier: true, ..keep }),
            _ => Err(NotKept),
        })
    }
}

impl Origins {
    /// What another process found, for `n_rows` rows of a file of `n_sheets` sheets.
    ///
    /// # Errors
    /// [`BrokenTable`] unless each row has a number, from 1 on; the sheets follow one another from the first row on;
    /// and identifiers are there exactly where they are kept, one for each row.
    pub fn checked(
        rows: Vec<u32>,
        sheets: Vec<SheetStart>,
        identifiers: Option<Identifiers>,
        (n_rows, n_sheets): (usize, usize),
    ) -> Result<Self, BrokenTable> {
        if rows.len() != n_rows || rows.contains(&0) {
            return Err(BrokenTable("not every row says where it is"));
        }
        let are_in_order = sheets.is_sorted_by(|one, next| one.first_row < next.first_row && one.sheet < next.sheet);
        let begins = sheets.first().map(|start| start.first_row) == (n_rows > 0).then_some(0);
        let are_there = sheets.last().is_none_or(|last| (last.first_row as usize) < n_rows);
        if !are_in_order || !begins || !are_there || sheets.iter().any(|start| start.sheet as usize >= n_sheets) {
            return Err(BrokenTable("sheets do not follow one another"));
        }
        if identifiers.as_ref().is_some_and(|identifiers| identifiers.ends.len() != n_rows) {
            return Err(BrokenTable("not one identifier a row"));
        }
        Ok(Self { rows, sheets, identifiers })
    }

    /// Nothing yet, for what is to be kept.
    pub(super) fn keeping(keep: Keep) -> Self {
        Self { identifiers: keep.identifier.then(Identifiers::default), ..Self::default() }
    }

    /// Notes the next kept row.
    pub(super) fn push(&mut self, sheet: usize, row: u32, identifier: &str) {
        let sheet = u32::try_from(sheet).unwrap_or(u32::MAX);
        if self.sheets.last().is_none_or(|last| last.sheet != sheet) {
            let first_row = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
            self.sheets.push(SheetStart { first_row, sheet });
        }
        self.rows.push(row);
        if let Some(identifiers) = &mut self.identifiers {
            identifiers.push(identifier);
        }
    }

    /// The origins of the rows for which `stands` is true.
    pub(super) fn of_rows(&self, stands: &[bool]) -> Self {
        let mut kept =
            Self { identifiers: self.identifiers.as_ref().map(|_| Identifiers::default()), ..Self::default() };
        for (row, (&number, _)) in self.rows.iter().zip(stands).enumerate().filter(|(_, (_, stands))| **stands) {
            let identifier = self.identifiers.as_ref().map_or("", |identifiers| identifiers.get(row));
            kept.push(self.sheet_of(row).unwrap_or_default(), number, identifier);
        }
        kept
    }

    /// The numbers of the rows, as their sheets show them.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Where the rows of each sheet begin.
    pub fn sheets(&self) -> &[SheetStart] {
        &self.sheets
    }

    /// The identifiers, where they are kept.
    pub fn identifiers(&self) -> Option<&Identifiers> {
        self.identifiers.as_ref()
    }

    /// The place in the report's list of the sheet that a row of the table is of.
    pub fn sheet_of(&self, row: usize) -> Option<usize> {
        let n_begun = self.sheets.partition_point(|start| start.first_row as usize <= row);
        self.sheets.get(n_begun.checked_sub(1)?).map(|start| start.sheet as usize)
    }
}

impl Identifiers {
    /// The longest of them all together, in bytes: 64 for each of a million rows.
    pub const MAX_BYTES: usize = 64 << 20;

    /// Adds the next row's, from another process.
    ///
    /// # Errors
    /// [`BrokenTable`] for one that `write_identifier` would not have written, or that is too much for memory.
    pub fn push_checked(&mut self, identifier: &str) -> Result<(), BrokenTable> {
        let is_short = identifier.chars().nth(MAX_VALUE_CHARS).is_none();
        if !is_short || identifier.chars().any(is_invisible) {
            return Err(BrokenTable("an identifier is none"));
        }
        self.push(identifier);
        if self.n_bytes() > Self::MAX_BYTES { Err(BrokenTable("too many identifiers")) } else { Ok(()) }
    }

    fn push(&mut self, identifier: &str) {
        self.all.push_str(identifier);
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
    }

    /// How long they are, all together.
    pub fn n_bytes(&self) -> usize {
        self.all.len()
    }

    /// How many rows they are of.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether they are of no row at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The identifier of a row of the table; empty where it has none.
    pub fn get(&self, row: usize) -> &str {
        let end_of = |row: usize| self.ends.get(row).map_or(0, |&end| end as usize);
        let start = row.checked_sub(1).map_or(0, end_of);
        self.all.get(start..end_of(row)).unwrap_or_default()
    }
}

/// How many there are, and none of them.
impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} identifiers)", self.len())
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, sheets, identifiers } = self;
        let mut origins = f.debug_struct("Origins");
        origins.field("n_rows", &rows.len()).field("sheets", sheets).field("identifiers", identifiers).finish()
    }
}

/// Writes a cell into `identifier` as a person reads it: without what cannot be seen, and with an ellipsis where it is
/// longer than any identifier.
pub(super) fn write_identifier(identifier: &mut String, cell: Cell<'_>) {
    identifier.clear();
    // Writing to a String cannot fail.
    let _ = match cell {
        Cell::Text(text) | Cell::Digits(text) => {
            identifier.extend(text.trim().chars().filter(|c| !is_invisible(*c)).take(MAX_VALUE_CHARS + 1));
            Ok(())
        }
        Cell::Number(number) => write!(identifier, "{number}"),
        Cell::DateTime { serial_days, is_1904 } => match date::from_serial(serial_days, is_1904) {
            Some(day) => write!(identifier, "{day}"),
            None => write!(identifier, "{serial_days}"),
        },
        Cell::Bool(value) => write!(identifier, "{value}"),
        Cell::Empty | Cell::Error => Ok(()),
    };
    if identifier.chars().nth(MAX_VALUE_CHARS).is_some() {
        let end = identifier.char_indices().nth(MAX_VALUE_CHARS - 1).map_or(0, |(end, _)| end);
        identifier.truncate(end);
        identifier.push('…');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start(first_row: u32, sheet: u32) -> SheetStart {
        SheetStart { first_row, sheet }
    }

    #[test]
    fn what_to_keep_is_said_in_words() {
        let keep = |row, identifier| Ok(Keep { row, identifier });
        assert_eq!("".parse(), keep(false, false));
        assert_eq!(" Row ".parse(), keep(true, false));
        assert_eq!("identifier,row,".parse(), keep(true, true));
        assert_eq!("name".parse::<Keep>(), Err(NotKept));
        assert_eq!(NotKept.to_string(), "must be one of row, identifier, or several with a comma between");
    }

    #[test]
    fn a_row_is_found_in_its_sheet() {
        let mut origins = Origins::keeping(Keep { row: true, identifier: true });
        for (sheet, row, identifier) in [(0, 2, "A1"), (0, 5, ""), (3, 2, "é2"), (3, 3, "A3")] {
            origins.push(sheet, row, identifier);
        }
        let sheets: Vec<_> = (0..5).map(|row| origins.sheet_of(row)).collect();
        assert_eq!(sheets, [Some(0), Some(0), Some(3), Some(3), Some(3)]);
        let identifiers = origins.identifiers().unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(|row| identifiers.get(row)), ["A1", "", "é2", "A3", ""]);
        assert!(!format!("{origins:?}").contains("A1"), "{origins:?}");
        let (rows, sheets) = (origins.rows.clone(), origins.sheets.clone());
        assert_eq!(Origins::checked(rows, sheets, origins.identifiers.clone(), (4, 4)), Ok(origins));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let check = |rows: &[u32], sheets: &[SheetStart]| {
            Origins::checked(rows.to_vec(), sheets.to_vec(), None, (2, 2)).map_err(|BrokenTable(why)| why)
        };
        assert!(check(&[2, 3], &[start(0, 0), start(1, 1)]).is_ok());
        for rows in [&[2][..], &[2, 0], &[2, 3, 4]] {
            assert_eq!(check(rows, &[start(0, 0)]), Err("not every row says where it is"));
        }
        for sheets in [
            &[][..],
            &[start(1, 0)],
            &[start(0, 1), start(1, 0)],
            &[start(0, 0), start(0, 1)],
            &[start(0, 0), start(2, 1)],
            &[start(0, 2)],
        ] {
            assert_eq!(check(&[2, 3], sheets), Err("sheets do not follow one another"));
        }
        let short = Some(Identifiers::default());
        assert!(Origins::checked(vec![2, 3], vec![start(0, 0)], short, (2, 2)).is_err());
        let mut identifiers = Identifiers::default();
        for none in ["a\nb", "\u{200b}", &"x".repeat(101)] {
            assert!(identifiers.push_checked(none).is_err(), "{none:?}");
        }
    }

    #[test]
    fn an_identifier_reads_as_its_cell_does() {
        let read = |cell| {
            let mut identifier = "before".to_owned();
            write_identifier(&mut identifier, cell);
            identifier
        };
        assert_eq!(read(Cell::Text(" 00123 ")), "00123");
        assert_eq!(read(Cell::Number(123_456_789_012.0)), "123456789012");
        assert_eq!(read(Cell::Number(1.5)), "1.5");
        assert_eq!(read(Cell::DateTime { serial_days: 45_000.25, is_1904: false }), "2023-03-15");
        assert_eq!(read(Cell::Bool(true)), "true");
        assert_eq!([read(Cell::Empty), read(Cell::Error)], ["", ""]);
        let long = read(Cell::Text(&"é".repeat(200)));
        assert!(long.chars().count() == MAX_VALUE_CHARS && long.ends_with('…'), "{long}");
    }

    proptest! {
        #[test]
        fn whatever_a_cell_holds_is_an_identifier_on_the_other_side(text in ".{0,300}", number in any::<f64>()) {
            let mut identifier = String::new();
            for cell in [Cell::Text(&text), Cell::Number(number)] {
                write_identifier(&mut identifier, cell);
                prop_assert!(Identifiers::default().push_checked(&identifier).is_ok());
            }
        }
    }
}
