//! Merged cells: one value for all the rows that they span, as people see it.

use crate::customer::{Cell, OwnedCell};

/// More merged cells than this over one row are not followed: no table is that wide.
const MAX_OPEN: usize = 1_024;

/// Cells that are merged into one; rows and columns are counted from 0, the last ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Merge {
    pub first_row: u32,
    pub last_row: u32,
    pub column: u32,
}

/// The merged cells of a sheet while its rows are read.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Those that have not begun, the next one last.
    ahead: Vec<Merge>,
    open: Vec<Span>,
}

/// Merged cells over the open row.
#[derive(Debug)]
struct Span {
    merge: Merge,
    /// The row whose cell holds the value, and the value.
    value: Option<(u32, OwnedCell)>,
}

impl Merge {
    /// The cells between two corners, each a row and a column.
    pub(super) fn between(one: (u32, u32), other: (u32, u32)) -> Self {
        Self { first_row: one.0.min(other.0), last_row: one.0.max(other.0), column: one.1.min(other.1) }
    }

    pub(super) fn spans_rows(&self) -> bool {
        self.first_row < self.last_row
    }
}

impl Spans {
    pub(super) fn new(merges: &[Merge]) -> Self {
        let mut ahead = merges.to_vec();
        ahead.sort_unstable_by_key(|merge| std::cmp::Reverse(merge.first_row));
        Self { ahead, open: Vec::new() }
    }

    /// Whether no merged cells are over the open row or ahead of it.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty() && self.open.is_empty()
    }

    /// Takes note of a cell that holds something: the first one in merged cells is their value.
    pub(super) fn note(&mut self, row: u32, column: usize, cell: Cell<'_>) {
        while let Some(next) = self.ahead.pop_if(|next| next.first_row <= row) {
            if next.last_row >= row && self.open.len() < MAX_OPEN {
                self.open.push(Span { merge: next, value: None });
            }
        }
        let over = |span: &&mut Span| span.merge.column as usize == column && span.merge.last_row >= row;
        for span in self.open.iter_mut().filter(over).filter(|span| span.value.is_none()) {
            span.value = Some((row, OwnedCell::of(cell)));
        }
    }

    /// The values that reach down into a row from above it, with their columns and the first rows of their cells.
    pub(super) fn reaching(&mut self, row: u32) -> impl Iterator<Item = (usize, u32, Cell<'_>)> {
        self.open.retain(|span| span.merge.last_row >= row);
        self.open.iter().filter_map(move |span| {
            let (from, value) = span.value.as_ref()?;
            (*from < row).then(|| (span.merge.column as usize, span.merge.first_row, value.as_cell()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts that reach into each of five rows, where the cells of column 1 are `cells`, by their rows.
    fn reaching(merges: &[(u32, u32)], cells: &[(u32, &str)]) -> Vec<Vec<String>> {
        let merges: Vec<_> = merges.iter().map(|&(first, last)| Merge::between((last, 2), (first, 1))).collect();
        let mut spans = Spans::new(&merges);
        (0..5)
            .map(|row| {
                for (_, text) in cells.iter().filter(|(at, _)| *at == row) {
                    spans.note(row, 1, Cell::Text(text));
                }
                spans.note(row, 7, Cell::Bool(true));
                let text = |cell| if let Cell::Text(text) = cell { text.to_owned() } else { format!("{cell:?}") };
                spans.reaching(row).map(|(_, _, cell)| text(cell)).collect()
            })
            .collect()
    }

    #[test]
    fn a_value_reaches_down_to_the_last_row_of_its_cells() {
        let [none, town, later] = [vec![], vec!["Bedok".to_owned()], vec!["Bishan".to_owned()]];
        let cells = [(1, "Bedok"), (3, "Bishan")];
        assert_eq!(reaching(&[(1, 2), (3, 4)], &cells), [&none, &none, &town, &none, &later].map(Clone::clone));
        assert_eq!(reaching(&[(0, 9)], &cells), [&none, &none, &town, &town, &town].map(Clone::clone));
        assert_eq!(reaching(&[(2, 2)], &cells), [const { vec![] }; 5] as [Vec<String>; 5]);
    }
}
