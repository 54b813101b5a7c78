//! The customers' rows, read cell by cell from where they are: once to learn the columns, once to be written.

use super::ExportError;
use super::cell::CellValue;
use super::columns::{Columns, MAX_COLUMNS};
use super::members::KeptMembers;
use super::sink::{CLUSTER_ID, CONTENT_ID, RowSink, VARIANT};
use super::size::Size;
use super::tracked::VariantIds;
use crate::segmentation::Grouped;

/// The columns that stand last, in this order: where a customer belongs, and which text the customer is to get.
const LAST: [&str; 5] = [CLUSTER_ID, "strength", "confidence", VARIANT, CONTENT_ID];

/// Where the rows are.
pub(super) enum Rows<'a> {
    Kept(Vec<KeptMembers<'a>>),
    Grouped(GroupedRows<'a>),
}

/// The rows of a table, and the ids of what was written for each of its segments.
pub(super) struct GroupedRows<'a> {
    pub grouped: &'a Grouped,
    pub tracked: Vec<VariantIds>,
}

impl Rows<'_> {
    /// Hands over every row, segment by segment.
    pub fn read_into(&self, sink: &mut dyn RowSink) -> Result<(), ExportError> {
        match self {
            Self::Kept(lists) => lists.iter().try_for_each(|list| list.read_into(sink)),
            Self::Grouped(rows) => rows.read_into(sink),
        }
    }
}

impl GroupedRows<'_> {
    fn read_into(&self, sink: &mut dyn RowSink) -> Result<(), ExportError> {
        for (group, ids) in self.grouped.groups().iter().zip(&self.tracked) {
            for member in self.grouped.members(group, ids.len()) {
                if let Some((header, identifier)) = member.identifier() {
                    sink.cell(header, identifier.into())?;
                }
                member.each_entry(|title, entry| sink.cell(title, entry.into()))?;
                if let Some(id) = member.variant().and_then(|variant| ids.get(variant)) {
                    sink.cell(CONTENT_ID, CellValue::Text(id.into()))?;
                }
                sink.end_row()?;
            }
        }
        Ok(())
    }
}

/// What a first reading learns: the keys in order of first appearance, how many rows there are, and how much they hold.
#[derive(Default)]
pub(super) struct Survey {
    keys: Columns,
    n_rows: usize,
    size: Size,
}

impl Survey {
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What the rows and their header hold.
    pub fn size(&self) -> Size {
        let mut size = self.size;
        for title in self.keys.titles() {
            size.add_text(title);
            // The column's width.
            size.add_text("");
        }
        size.end_row();
        size
    }

    /// The columns of the rows, those of [`LAST`] last; where there is no row, `cluster_id` alone.
    pub fn columns(&self) -> Columns {
        let is_last = |key: &str| LAST.contains(&key);
        let first = self.keys.titles().iter().map(String::as_str).filter(|key| !is_last(key));
        let last = LAST.into_iter().filter(|&key| key == CLUSTER_ID || self.keys.position(key).is_some());
        first.chain(last).collect()
    }
}

impl RowSink for Survey {
    fn cell(&mut self, key: &str, value: CellValue<'_>) -> Result<(), ExportError> {
        self.size.add(&value);
        self.keys.add(key);
        if self.keys.titles().len() > MAX_COLUMNS {
            return Err(ExportError::TooManyColumns { limit: MAX_COLUMNS });
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ExportError> {
        self.n_rows += 1;
        self.size.end_row();
        Ok(())
    }
}
