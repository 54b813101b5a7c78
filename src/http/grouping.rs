//! A received workbook into its segments: what an upload and an export share.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::error::ApiError;
use super::incoming::IncomingFile;
use super::state::AppState;
use crate::model_store::ModelVersion;
use crate::segmentation::{Grouped, group};
use crate::workbook;

/// Reads `file` by the schema of `version` and groups its customers, on a blocking thread; gives the file back.
/// `rows_so_far` counts the rows while they are read.
///
/// # Errors
/// [`ApiError::Storage`], [`ApiError::Workbook`], [`ApiError::NoUsableRow`], [`ApiError::Busy`]; the file is then gone.
pub(super) async fn read_and_group(
    state: &AppState,
    version: Arc<ModelVersion>,
    file: IncomingFile,
    rows_so_far: Arc<AtomicUsize>,
) -> Result<(Grouped, IncomingFile), ApiError> {
    let limits = state.settings().workbook_limits;
    let work = move || {
        let schema = version.model.schema().clone();
        let today = jiff::Zoned::now().date();
        let source = BufReader::new(File::open(file.path()).map_err(ApiError::Storage)?);
        let table = workbook::read(source, schema, today, &limits).map_err(ApiError::Workbook)?;
        if let Some(why) = table.cleaning().no_usable_row() {
            return Err(ApiError::NoUsableRow(why));
        }
        let grouped = group(version, table).map_err(|e| ApiError::internal("placing customers", e))?;
        Ok((grouped, file))
    };
    state.on_processor("grouping an upload", work).await?
}
