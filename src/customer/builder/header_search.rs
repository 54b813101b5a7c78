//! Taking a row as the header, where it is one.

use std::sync::Arc;

use super::TableBuilder;
use crate::customer::candidate::Candidate;
use crate::customer::clean::Outcome;
use crate::customer::header::{HeaderUnit, Layout};
use crate::customer::missing_columns::MissingColumns;
use crate::customer::newest::cell_hash;
use crate::customer::number::Unit;
use crate::customer::open_sheet::{HEADER_ROWS, Row, RowAbove};
use crate::customer::{Cell, Note};

impl TableBuilder {
    /// Reads the row as the header, if it is one.
    pub(super) fn find_header(&mut self, row_number: u32) -> Result<(), MissingColumns> {
        let candidates = self.sheet.take_candidates();
        match self.header_index.layout(&candidates) {
            Ok(layout) => {
                let above = std::mem::take(&mut self.sheet.above);
                self.adopt(layout, &candidates, row_number);
                self.take_rows_above(&above, &candidates);
                return Ok(());
            }
            Err(error) => {
                if self.sheet.closest.as_ref().is_none_or(|closest| error.is_closer_than(closest)) {
                    self.sheet.closest = Some(error);
                }
            }
        }
        self.sheet.above.push(RowAbove { row_number, cells: candidates });
        if self.sheet.above.len() < HEADER_ROWS { Ok(()) } else { self.end_sheet() }
    }

    /// Whether the row is the header of a further table, by which the rows below it are read.
    pub(super) fn change_header(&mut self, row_number: u32) -> bool {
        let candidates = self.sheet.take_candidates();
        let layout = self.header_index.layout(&candidates);
        layout.map(|layout| self.adopt(layout, &candidates, row_number)).is_ok()
    }

    fn adopt(&mut self, mut layout: Layout, header: &[Candidate], row_number: u32) {
        for (title, header) in std::mem::take(&mut layout.columns_used) {
            self.columns_used.entry(title).or_insert(header);
        }
        for sentence in std::mem::take(&mut layout.alike) {
            self.note_on_header(Note::new(Note::COLUMNS_ALIKE, sentence));
        }
        for (index, pattern) in std::mem::take(&mut layout.date_patterns) {
            self.kept.note_date_pattern(index, &pattern);
        }
        for HeaderUnit { column, header, unit } in std::mem::take(&mut layout.units) {
            self.kept.note_unit(column, unit);
            if let Some(note) = unit.map(|unit| unit_note(&header, unit)) {
                self.note_on_header(note);
            }
        }
        self.identifier_used = self.identifier_used.take().or(layout.identifier_used.take());
        let mut hashes = vec![0_u128; layout.n_tables];
        for cell in header {
            let column = layout.column(cell.column);
            let text = cell.text().map_or(Cell::Error, Cell::Text);
            if let Some(hash) = hashes.get_mut(column.table) {
                *hash = hash.wrapping_add(cell_hash(text, column.seed));
            }
        }
        let outcomes = vec![Outcome::Empty; self.schema.columns.len()];
        self.rows.resize(layout.n_tables, Row { outcomes, ..Row::default() });
        self.sheet.header_hashes = hashes;
        self.sheet.header_row = row_number;
        self.sheet.may_change = false;
        self.sheet.rows_below_header = 0;
        self.sheet.layout = Some(Arc::new(layout));
    }
}

fn unit_note(header: &str, unit: Unit) -> Note {
    match unit {
        Unit::Times(times) => Note::new(
            Note::UNIT_APPLIED,
            format!("The header {header:?} has a unit: each number below it was read as {times} times what it says."),
        ),
        Unit::Unclear => Note::new(
            Note::UNIT_UNCLEAR,
            format!(
                "The header {header:?} may say thousands or millions, or nothing of the kind: the numbers below it were \
                 read as they are written. Write the word out, such as (thousand) or (million), if they are."
            ),
        ),
    }
}
