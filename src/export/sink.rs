//! What takes rows cell by cell: a survey of the columns, or a writer of a format.

use super::ExportError;
use super::cell::CellValue;

/// The column that says which segment a row belongs to.
pub(super) const CLUSTER_ID: &str = "cluster_id";

/// Takes rows, one cell after the other. Where a row has a key twice, the later cell stands.
pub(super) trait RowSink {
    fn cell(&mut self, key: &str, value: CellValue<'_>) -> Result<(), ExportError>;
    fn end_row(&mut self) -> Result<(), ExportError>;
}
