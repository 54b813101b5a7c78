//! The sheets of a workbook on their way into one table: what each was used for, and what a person should know of it.

use std::sync::Arc;

use super::header::SheetHeader;
use super::{Note, SheetReport, TableBuilder};

/// Sheets of which it is said that a header is within their rows.
const MAX_HEADER_NOTES: usize = 20;

impl TableBuilder {
    /// As [`begin_sheet`](Self::begin_sheet), for a sheet of a workbook: once it has [ended](Self::end_sheet) with a
    /// header, the report accounts for its rows under its name.
    pub fn begin_named_sheet(&mut self, name: &str, is_1904: bool) {
        self.begin_sheet(is_1904);
        if let Some(search) = &mut self.search {
            search.begin_sheet(name);
            // It numbers its rows itself. A text is read as well: which of its lines are one row depends on the header.
            self.sheet.is_only_searched = true;
        }
        self.sheet.name = Some(name.to_owned());
        self.sheet.rows_read_before = self.rows_read();
        self.sheet.n_rows_before = self.n_rows();
    }

    /// Has the report say of a sheet that it was not used.
    pub fn add_unused_sheet(&mut self, sheet: SheetReport) {
        self.sheets.push(sheet);
    }

    /// Has the report say something to a person.
    pub fn add_note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// Has the report say what a text was read as: the Encoding Standard's name, or IANA's.
    pub fn set_encoding(&mut self, name: &str) {
        self.encoding = Some(name.to_owned());
    }

    /// What the header of the sheet says, once it has been found.
    pub fn header(&self) -> Option<SheetHeader> {
        let layout = self.sheet.layout.as_ref()?;
        Some(SheetHeader {
            row: self.sheet.header_row,
            columns: layout.schema_columns(),
            has_identifier: layout.columns.iter().any(|column| column.is_identifier),
            other_headers: layout.other_headers.clone(),
        })
    }

    /// The row of the header, as the sheet numbers it.
    pub fn header_row(&self) -> Option<u32> {
        self.sheet.layout.as_ref().map(|_| self.sheet.header_row)
    }

    /// Whether a column of the sheet is one that is read.
    pub fn reads_column(&self, column: usize) -> bool {
        self.sheet.layout.as_ref().is_some_and(|layout| layout.column(column).is_read())
    }

    /// Whether a column of the sheet tells customers apart.
    pub fn identifies(&self, column: usize) -> bool {
        self.is_searching() || self.sheet.layout.as_ref().is_some_and(|layout| layout.column(column).is_identifier)
    }

    /// The title of a column of the schema, by its position.
    pub fn title(&self, column: usize) -> Option<&str> {
        self.schema.columns.get(column).map(|column| column.title.as_str())
    }

    /// Takes the sheet for delimited text whose header, in the row before, has so many cells, those without a name
    /// among them.
    pub fn set_header_width(&mut self, n_cells: usize) {
        if let Some(layout) = &mut self.sheet.layout {
            let layout = Arc::make_mut(layout);
            layout.width = layout.width.max(n_cells);
            layout.is_delimited = true;
        }
    }

    /// Takes note that the sheet does not show the open row.
    pub fn hide_row(&mut self) {
        self.rows.iter_mut().for_each(|row| row.content.is_hidden = true);
    }

    /// As if no row had been hidden.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn forget_hidden(&mut self) {
        self.odd.forget_hidden();
    }

    /// Takes note that rows of the sheet were empty: what comes next may be the header of a further table.
    pub fn note_gap(&mut self) {
        self.sheet.may_change = self.sheet.layout.is_some();
    }

    /// Takes note of a formula in the row whose result the file does not hold. It does not count as content.
    pub fn push_formula_without_result(&mut self, column: usize) {
        let Some(layout) = &self.sheet.layout else { return };
        let column = layout.column(column);
        let of_identifiers = column.is_identifier.then_some(self.schema.columns.len());
        let index = column.schema_column.or(of_identifiers);
        if let Some(n) = index.and_then(|index| self.without_result.get_mut(index)) {
            *n += 1;
        }
    }

    /// Writes down what became of the rows of the sheet that has ended, when so many rows were read and kept in all.
    pub(super) fn account_for_sheet(&mut self, rows_read: usize, n_rows: usize) {
        let name = self.sheet.name.take();
        let place = name.as_ref().map(|name| format!(" of the sheet {name:?}")).unwrap_or_default();
        if let Some(row) = self.sheet.odd_header.take() {
            self.note_header(format!(
                "row {row}{place} looks like another header, but the rows below it are read by the first one: \
                 leave an empty row above it, or move it to a sheet of its own"
            ));
        }
        if let Some(row) = self.sheet.header_beside.take() {
            self.note_header(format!(
                "row {row}{place} holds the headers of a second table, beside the first one, whose rows are not read: \
                 let both headers be in one row, or move one table to a sheet of its own"
            ));
        }
        let Some(name) = name else { return };
        let rows_read = rows_read.saturating_sub(self.sheet.rows_read_before);
        let rows_used = n_rows.saturating_sub(self.sheet.n_rows_before);
        self.sheets.push(SheetReport::used(&name, rows_read, rows_used));
    }

    fn note_header(&mut self, sentence: String) {
        if self.notes.len() < MAX_HEADER_NOTES {
            self.add_note(Note::new(Note::HEADER_WITHIN_ROWS, sentence));
        }
    }

    /// Has the report say once how a header was read.
    pub(super) fn note_on_header(&mut self, note: Note) {
        if self.notes.len() < MAX_HEADER_NOTES && !self.notes.contains(&note) {
            self.add_note(note);
        }
    }

    /// Has the report say where formulas have no results.
    pub(super) fn note_formulas(&mut self) {
        let n_formulas: usize = self.without_result.iter().sum();
        if n_formulas == 0 {
            return;
        }
        let titles =
            self.schema.columns.iter().map(|column| column.title.as_str()).chain(self.identifier_used.as_deref());
        let titles = titles.zip(&self.without_result).filter(|(_, n)| **n > 0);
        let titles: Vec<&str> = titles.map(|(title, _)| title).collect();
        let (cells, count) = match n_formulas {
            1 => ("1 cell holds a formula".to_owned(), "counts"),
            n => (format!("{n} cells hold formulas"), "count"),
        };
        let sentence = format!(
            "{cells} without a stored result ({}) and {count} as empty: open the workbook in a spreadsheet program, \
             save it and send it again",
            titles.join(", ")
        );
        self.add_note(Note::new(Note::FORMULAS_WITHOUT_RESULTS, sentence));
        self.without_result.fill(0);
    }
}
