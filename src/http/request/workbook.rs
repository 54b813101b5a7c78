//! From a received workbook to the segments of its customers, for every route that takes a workbook.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::causes::with_causes;
use crate::customer::{CustomerTable, Keep, KeyedTable, Schema};
use crate::http::admission::count_beyond_clock;
use crate::http::problem::ApiError;
use crate::http::progress::Progress;
use crate::http::state::AppState;
use crate::model_store::ModelVersion;
use crate::segmentation::{Grouped, group};
use crate::upload_store::Received;
use crate::workbook::{ReadRequest, Reader, Recorder, Watch, WorkbookError};

/// The field that says what to keep of each row.
pub(in crate::http) const KEEP: &str = "keep";

/// How far the reading and grouping of a workbook is; clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Reading {
    watch: Watch,
    is_read: Arc<AtomicBool>,
    keep: Keep,
}

impl Reading {
    /// A reading that keeps this of each row beside the schema's columns.
    pub fn keeping(keep: Keep) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Reading, or grouping once every row is read, with the rows so far.
    pub fn progress(&self) -> Progress {
        let step = if self.is_read.load(Ordering::Relaxed) { "grouping" } else { "reading" };
        Progress::step(step).rows(self.watch.rows())
    }

    /// A guard that ends the reader process when it is dropped, such as when the caller disconnects.
    pub fn stop_when_dropped(&self) -> StopWhenDropped {
        StopWhenDropped(self.watch.clone())
    }

    /// Reads `file` by `schema` in a reader process. Blocking.
    ///
    /// # Errors
    /// [`ApiError::Workbook`], [`ApiError::Storage`] when the file cannot be opened.
    pub fn table(&self, state: &AppState, schema: Arc<Schema>, file: &Received) -> Result<CustomerTable, ApiError> {
        let table = self.read(state, schema, file, Reader::read)?;
        self.is_read.store(true, Ordering::Relaxed);
        Ok(table)
    }

    /// The same, with a key for each row, copies included.
    ///
    /// # Errors
    /// As [`Reading::table`].
    pub fn keyed_table(&self, state: &AppState, schema: Arc<Schema>, file: &Received) -> Result<KeyedTable, ApiError> {
        self.read(state, schema, file, Reader::read_keyed)
    }

    /// The same, with the table written down for a retraining where there is a recorder.
    ///
    /// # Errors
    /// As [`Reading::table`].
    pub fn recorded_table(
        &self,
        state: &AppState,
        schema: Arc<Schema>,
        file: &Received,
        recorder: Option<&mut Recorder>,
    ) -> Result<CustomerTable, ApiError> {
        let Some(recorder) = recorder else { return self.table(state, schema, file) };
        let read = |reader: &Reader, source, request: &ReadRequest| reader.read_recorded(source, request, recorder);
        self.read(state, schema, file, read).map(KeyedTable::into_table)
    }

    /// Has the file read in one of the reader's ways. What its process computed counts for the client.
    fn read<T>(
        &self,
        state: &AppState,
        schema: Arc<Schema>,
        file: &Received,
        read: impl FnOnce(&Reader, File, &ReadRequest) -> Result<T, WorkbookError>,
    ) -> Result<T, ApiError> {
        let source = File::open(file.path()).map_err(ApiError::Storage)?;
        let request = ReadRequest { schema, today: state.today(), keep: self.keep, watch: self.watch.clone() };
        let table = read(&state.parts().reader, source, &request);
        count_beyond_clock(self.watch.take_processor_beyond_clock_us());
        table.map_err(unreadable)
    }
}

/// Ends a reading when it is dropped.
pub(in crate::http) struct StopWhenDropped(Watch);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Reads `file` by the schema of `version` and places its customers, on a blocking thread. Publishes its progress in
/// `reading`. Returns the file, which is not kept yet. Dropped before its end, it ends the reader process.
///
/// # Errors
/// [`ApiError::Workbook`], [`ApiError::NoUsableRow`], [`ApiError::Fields`] when identifiers are to be kept and the file
/// has none, [`ApiError::Storage`] when the file cannot be opened, [`ApiError::Busy`], [`ApiError::Internal`]. The file
/// is then removed.
pub(in crate::http) async fn read_and_group(
    state: &AppState,
    version: Arc<ModelVersion>,
    file: Received,
    reading: Reading,
) -> Result<(Grouped, Received), ApiError> {
    let reading_state = state.clone();
    let _stop = reading.stop_when_dropped();
    let read_and_group = move || {
        let table = reading.table(&reading_state, version.model.schema().clone(), &file)?;
        if let Some(why) = table.cleaning().no_usable_row() {
            return Err(ApiError::NoUsableRow(why));
        }
        if let Some(why) = reading.keep.unmet(table.schema(), table.cleaning()) {
            let message = format!("must do without identifier: the file {why}");
            return Err(ApiError::field(KEEP, message));
        }
        let grouped = group(version, table).map_err(|e| ApiError::internal("placing customers", e))?;
        Ok((grouped, file))
    };
    state.on_cpu_pool("grouping an upload", read_and_group).await?
}

/// The error for the sender of an unreadable file. A reader process that broke down is logged as well.
fn unreadable(error: WorkbookError) -> ApiError {
    if let WorkbookError::BrokeReader(fault) = &error {
        tracing::warn!(
            event = "reader_failed",
            fault = with_causes(fault),
            "a reader process broke down over an upload"
        );
    }
    ApiError::Workbook(error)
}
