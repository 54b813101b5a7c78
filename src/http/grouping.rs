//! From a received workbook to the segments of its customers: what every route that takes one shares.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::error::ApiError;
use super::live::Progress;
use super::state::AppState;
use crate::customer::TableBuilder;
use crate::model_store::ModelVersion;
use crate::segmentation::{Grouped, group};
use crate::upload_store::Received;
use crate::workbook;

/// How far a workbook is on its way into segments, for somebody else to look at.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    rows: Arc<AtomicUsize>,
    is_read: Arc<AtomicBool>,
}

impl Reading {
    /// Reading, or grouping once every row is read, with the rows so far.
    pub fn progress(&self) -> Progress {
        let step = if self.is_read.load(Ordering::Relaxed) { "grouping" } else { "reading" };
        Progress::step(step).rows(self.rows.load(Ordering::Relaxed))
    }
}

/// Reads `file` by the schema of `version` and places its customers, on a blocking thread; shows in `reading`
/// how far it is. Hands the file back, still not kept.
///
/// # Errors
/// [`ApiError::Workbook`], [`ApiError::NoUsableRow`], [`ApiError::Storage`] when the file cannot be opened,
/// [`ApiError::Busy`], [`ApiError::Internal`]. The file is then gone.
pub(super) async fn read_and_group(
    state: &AppState,
    version: Arc<ModelVersion>,
    file: Received,
    reading: Reading,
) -> Result<(Grouped, Received), ApiError> {
    let limits = state.settings().workbook_limits;
    let read_and_group = move || {
        let today = jiff::Zoned::now().date();
        let source = BufReader::new(File::open(file.path()).map_err(ApiError::Storage)?);
        let mut builder = TableBuilder::new(version.model.schema().clone(), today);
        builder.show_rows_in(reading.rows);
        workbook::read_into(source, &mut builder, &limits).map_err(ApiError::Workbook)?;
        let table = builder.finish();
        reading.is_read.store(true, Ordering::Relaxed);
        if let Some(why) = table.cleaning().no_usable_row() {
            return Err(ApiError::NoUsableRow(why));
        }
        let grouped = group(version, table).map_err(|e| ApiError::internal("placing customers", e))?;
        Ok((grouped, file))
    };
    state.on_processor("grouping an upload", read_and_group).await?
}
