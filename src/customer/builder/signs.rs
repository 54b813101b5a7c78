//! Whether a line of text is a row by itself, before it is known where rows begin and end.

use super::TableBuilder;
use crate::customer::Cell;
use crate::customer::candidate::Candidate;
use crate::customer::clean::Outcome;
use crate::customer::header::Layout;
use crate::customer::kept::KeptRows;
use crate::customer::schema::Kind;

/// What a row has in the columns of a layout.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// The columns of the sheet with a value that can be used, if they are required or it is a sign.
    usable: Vec<usize>,
    /// Whether it has a date, a level or a number where one belongs, and whether a row may.
    pub has_sign: bool,
    pub may_have_sign: bool,
    /// Columns that are required, and those of them without a value that can be used.
    pub n_required: usize,
    pub n_missing: usize,
    /// How many columns there are up to the last one that is required.
    n_needed: usize,
}

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
        let candidates: Vec<_> = cells.map(|(column, cell)| Candidate::new(column, Cell::Text(cell))).collect();
        self.header_index.layout(&candidates).ok()
    }

    fn signs_by(&mut self, layout: &Layout, line: &[&str]) -> Vec<usize> {
        let judged = self.judge(layout, |at| line.get(at).map_or(Cell::Empty, |cell| Cell::Text(cell)));
        let n_filled = line.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        let is_as_wide = n_filled <= layout.columns.len() && layout.columns.len() <= line.len();
        let is_row = if judged.may_have_sign {
            judged.has_sign && (is_as_wide || (judged.n_missing <= 1 && judged.n_needed <= line.len()))
        } else {
            is_as_wide && judged.n_missing == 0
        };
        if is_row { judged.usable } else { Vec::new() }
    }

    /// What the cells come to that a row has in the columns of the first table. They leave no trace.
    pub(super) fn judge<'c>(&mut self, layout: &Layout, cell_at: impl Fn(usize) -> Cell<'c>) -> Judged {
        let mut judged = Judged::default();
        let judging = self.judging.get_or_insert_with(|| Box::new(KeptRows::new(self.schema.clone(), self.today)));
        for (at, column) in layout.columns.iter().enumerate().filter(|(_, column)| column.table == 0) {
            let Some(index) = column.schema_column else { continue };
            let Some(rules) = self.schema.columns.get(index) else { continue };
            let is_sign = !matches!(rules.kind, Kind::Category { .. });
            judged.may_have_sign |= is_sign;
            judged.n_required += usize::from(rules.required);
            judged.n_needed = if rules.required { at + 1 } else { judged.n_needed };
            match judging.outcome(index, cell_at(at), self.sheet.is_1904) {
                Outcome::Seen(_) | Outcome::Open(_) if is_sign || rules.required => {
                    judged.usable.push(at);
                    judged.has_sign |= is_sign;
                }
                Outcome::Seen(_) | Outcome::Open(_) => {}
                Outcome::Empty | Outcome::Unusable(_) | Outcome::UnknownLevel(_) => {
                    judged.n_missing += usize::from(rules.required);
                }
            }
        }
        judged
    }
}
