//! Rows above the header: titles and notes nearly always. Where a list was sorted together with its header, or put
//! behind another list, they are customers. Those are counted as left out: the header may be one of other columns.

use super::TableBuilder;
use crate::customer::Cell;
use crate::customer::candidate::Candidate;
use crate::customer::header::Layout;
use crate::customer::open_sheet::RowAbove;
use crate::customer::tally::Place;

impl TableBuilder {
    /// Accounts for the rows above the header that was found just now.
    pub(super) fn take_rows_above(&mut self, above: &[RowAbove], header: &[Candidate]) {
        let Some(layout) = self.sheet.layout.clone() else { return };
        let n_headers = n_filled(&layout, header);
        for RowAbove { row_number, cells } in above {
            if self.is_like_a_customer(&layout, cells, n_headers) {
                self.rows_read += 1;
                let sheet = self.sheet.name.is_some().then_some(self.sheets.len());
                self.odd.above.add(Place::new(self.rows_read - 1, *row_number, sheet));
            }
        }
    }

    /// Whether the row would be read as a customer: it has a date, a level or a number in the column where one belongs,
    /// and nothing that is required is missing. One thing may be, where as many cells are filled as the header has.
    /// Where the schema has none of these kinds, the identifier shows it by a digit. The numbers of the columns, as
    /// forms have them, are no customer.
    fn is_like_a_customer(&mut self, layout: &Layout, cells: &[Candidate], n_headers: usize) -> bool {
        let cell_at = |at: usize| cells.iter().find(|cell| cell.column == at).map_or(Cell::Empty, Candidate::cell);
        let judged = self.judge(layout, cell_at);
        let is_numbered = |cell: &Candidate| cell.text().is_none_or(|text| text.bytes().any(|b| b.is_ascii_digit()));
        let has_sign = judged.has_sign
            || !judged.may_have_sign && cells.iter().any(|cell| layout.identifies(cell.column) && is_numbered(cell));
        let is_whole = judged.n_missing == 0 && judged.n_required > 0;
        let is_enough = is_whole || judged.n_missing <= 1 && n_filled(layout, cells) >= n_headers;
        has_sign && is_enough && !(1_u32..).zip(cells).all(|(number, cell)| is_number(cell, number))
    }
}

/// Whether the cell says this number.
fn is_number(cell: &Candidate, number: u32) -> bool {
    match cell.cell() {
        Cell::Number(found) => found == f64::from(number),
        Cell::Text(text) => text.trim().parse() == Ok(number),
        _ => false,
    }
}

/// How many of the cells are in the first table.
fn n_filled(layout: &Layout, cells: &[Candidate]) -> usize {
    cells.iter().filter(|cell| layout.column(cell.column).table == 0).count()
}
