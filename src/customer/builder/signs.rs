//! Whether a line of text is a row by itself, before it is known where rows begin and end.

use super::TableBuilder;
use crate::customer::Cell;
use crate::customer::clean::Outcome;
use crate::customer::header::{Candidate, Layout};
use crate::customer::kept::KeptRows;
use crate::customer::schema::Kind;

impl TableBuilder {
    /// Which of a line's cells show that it is a row of the sheet, or its header; none where it is neither.
    ///
    /// A row shows itself by a date, a level or a number in the column where one belongs, if at most one of the cells
    /// that are required is missing, or if it is exactly as wide as the header. Where the schema has none of these
    /// kinds, both are asked for. The header is the sheet's own, or `first` while that is still to be found.
    pub fn signs_of_row(&mut self, first: &[&str], line: &[&str]) -> Vec<usize> {
        if self.has_header() {
            let layout = self.sheet.layout.clone();
            return layout.map(|layout| self.signs_by(&layout, line)).unwrap_or_default();
        }
        if let Some(layout) = self.layout_of(line) {
            let columns = layout.columns.iter().enumerate();
            return columns.filter(|(_, column)| column.schema_column.is_some()).map(|(at, _)| at).collect();
        }
        self.layout_of(first).map(|layout| self.signs_by(&layout, line)).unwrap_or_default()
    }

    /// The columns of a line that is a header.
    fn layout_of(&self, line: &[&str]) -> Option<Layout> {
        let cells = line.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
        let candidates: Vec<_> =
            cells.map(|(column, cell)| Candidate { column, text: Some((*cell).to_owned()) }).collect();
        self.header_index.layout(&candidates).ok()
    }

    fn signs_by(&mut self, layout: &Layout, line: &[&str]) -> Vec<usize> {
        let (mut usable, mut has_sign, mut may_have_sign) = (Vec::new(), false, false);
        let (mut n_missing, mut n_needed) = (0, 0);
        let judging = self.judging.get_or_insert_with(|| Box::new(KeptRows::new(self.schema.clone(), self.today)));
        for (at, column) in layout.columns.iter().enumerate().filter(|(_, column)| column.table == 0) {
            let Some(index) = column.schema_column else { continue };
            let Some(rules) = self.schema.columns.get(index) else { continue };
            let is_sign = !matches!(rules.kind, Kind::Category { .. });
            may_have_sign |= is_sign;
            n_needed = if rules.required { at + 1 } else { n_needed };
            match judging.outcome(index, line.get(at).map_or(Cell::Empty, |cell| Cell::Text(cell)), false) {
                Outcome::Seen(_) | Outcome::Open(_) if is_sign || rules.required => {
                    usable.push(at);
                    has_sign |= is_sign;
                }
                Outcome::Seen(_) | Outcome::Open(_) => {}
                Outcome::Empty | Outcome::Unusable(_) | Outcome::UnknownLevel(_) => {
                    n_missing += usize::from(rules.required);
                }
            }
        }
        let n_filled = line.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        let is_as_wide = n_filled <= layout.columns.len() && layout.columns.len() <= line.len();
        let is_row = if may_have_sign {
            has_sign && (is_as_wide || (n_missing <= 1 && n_needed <= line.len()))
        } else {
            is_as_wide && n_missing == 0
        };
        if is_row { usable } else { Vec::new() }
    }
}
