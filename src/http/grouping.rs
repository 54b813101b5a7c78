//! From a received workbook to the segments of its customers: what every route that takes one shares.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::error::ApiError;
use super::incoming::IncomingFile;
use super::state::AppState;
use crate::customer::TableBuilder;
use crate::model_store::ModelVersion;
use crate::segmentation::{Grouped, group};
use crate::workbook;

/// Reads `file` by the schema of `version` and places its customers, on a blocking thread; shows in `rows_so_far` how
/// many rows were read. Hands the file back, still not kept.
///
/// # Errors
/// [`ApiError::Workbook`], [`ApiError::NoUsableRow`], [`ApiError::Storage`] when the file cannot be opened,
/// [`ApiError::Busy`], [`ApiError::Internal`]. The file is then gone.
pub(super) async fn read_and_group(
    state: &AppState,
    version: Arc<ModelVersion>,
    file: IncomingFile,
    rows_so_far: Arc<AtomicUsize>,
) -> Result<(Grouped, IncomingFile), ApiError> {
    let limits = state.settings().workbook_limits;
    let read_and_group = move || {
        let today = jiff::Zoned::now().date();
        let source = BufReader::new(File::open(file.path()).map_err(ApiError::Storage)?);
        let mut builder = TableBuilder::new(version.model.schema().clone(), today);
        builder.show_rows_in(rows_so_far);
        workbook::read_into(source, &mut builder, &limits).map_err(ApiError::Workbook)?;
        let table = builder.finish();
        if let Some(why) = table.cleaning().no_usable_row() {
            return Err(ApiError::NoUsableRow(why));
        }
        let grouped = group(version, table).map_err(|e| ApiError::internal("placing customers", e))?;
        Ok((grouped, file))
    };
    state.on_processor("grouping an upload", read_and_group).await?
}
