//! A record of a text as a row of its sheet.

use std::io::Read;

use crate::customer::Cell;
use crate::workbook::WorkbookError;
use crate::workbook::feed::SheetFeed;

use super::records::Records;

/// Feeds the next record; `false` where there is none, or no more are wanted.
pub(super) fn read_record<R: Read>(records: &mut Records<R>, feed: &mut SheetFeed<'_>) -> Result<bool, WorkbookError> {
    let Some(record) = records.next(&mut |first, line| feed.signs_of_row(first, line))? else { return Ok(false) };
    feed.open_row(record.row)?;
    if feed.is_counting() {
        return Ok(false);
    }
    record.each_cell(|column, cell| feed.cell(column, Cell::Text(cell)))?;
    // Ended at once: whether it is the header decides how the lines behind it are read.
    feed.open_row(record.row.saturating_add(1))?;
    if feed.has_header_in(record.row) {
        feed.set_header_width(record.n_cells());
    }
    Ok(true)
}
