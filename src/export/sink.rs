//! What takes rows cell by cell: a survey of the columns, or a writer of a format.

use super::ExportError;
use super::cell::CellValue;

/// The column that says which segment a row belongs to.
pub(super) const CLUSTER_ID: &str = "cluster_id";
/// The column that says which of a segment's texts a row is to get.
pub(super) const VARIANT: &str = "variant";
/// The column with that text's id.
pub(super) const CONTENT_ID: &str = "content_id";

/// Takes rows, one cell after the other. Where a row has a key twice, the later cell stands: what a member says of
/// itself replaces what is known of its segment.
pub(super) trait RowSink {
    fn cell(&mut self, key: &str, value: CellValue<'_>) -> Result<(), ExportError>;
    fn end_row(&mut self) -> Result<(), ExportError>;
}
