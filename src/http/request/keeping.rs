//! Makes an accepted upload last, as `KEEP_UPLOADS` says.

use std::sync::Arc;

use super::incoming::on_disk;
use super::workbook::Reading;
use crate::customer::{KeyedTable, Schema};
use crate::http::problem::ApiError;
use crate::http::state::AppState;
use crate::pseudonyms::Pseudonyms;
use crate::retrain::is_sample;
use crate::upload_store::{About, KeepUploads, Received, Stored};
use crate::workbook::write_columns;

/// Begins to sync a file that is kept as it came if it is accepted, so that the disk works while the file is read.
pub(in crate::http) fn sync_ahead(state: &AppState, file: &Received) {
    if state.uploads().what_is_kept() == KeepUploads::Original {
        tokio::task::spawn_blocking(file.sync_ahead());
    }
}

/// Keeps the file, or its columns; `read_by` is the schema that it was read by. When this returns, what is kept is on
/// disk.
///
/// # Errors
/// [`ApiError::NoRoom`], [`ApiError::Storage`], [`ApiError::Workbook`] where it cannot be read for its columns,
/// [`ApiError::Internal`]; nothing is then kept.
pub(in crate::http) async fn keep(
    state: AppState,
    file: Received,
    about: About,
    read_by: Arc<Schema>,
) -> Result<Stored, ApiError> {
    if state.uploads().what_is_kept() == KeepUploads::Original {
        return on_disk(move || file.keep(&about)).await;
    }
    let keeping = state.clone();
    let keep = move || {
        // The sample's customers are invented, and it is known by its bytes.
        if is_sample(file.path()) {
            return Ok(file.keep(&about)?);
        }
        let (table, mark) = columns_of(&keeping, &file, read_by)?;
        let columns = file.as_columns(|out| write_columns(&table, &mark, out))?;
        // Customers who were erased are not in it.
        Ok(columns.keep(&about.with_rows(table.table().n_rows()))?)
    };
    state.on_cpu_pool_final("keeping an upload", keep).await?
}

/// The schema's columns of a file, with pseudonyms, and without customers who were erased; and the mark of the key.
/// Trainings read by the settings' schema; a file without its columns is kept by the one that has read it.
fn columns_of(state: &AppState, file: &Received, read_by: Arc<Schema>) -> Result<(KeyedTable, String), ApiError> {
    let reading = Reading::default();
    let by_settings = state.parts().schema.clone();
    let table = match reading.keyed_table(state, by_settings, file) {
        Err(ApiError::Workbook(error)) if error.is_of_the_file() => reading.keyed_table(state, read_by, file)?,
        table => table?,
    };
    let pseudonyms = Pseudonyms::open(&state.parts().state_dir);
    let pseudonyms = pseudonyms.map_err(|e| ApiError::internal("opening the key of identifiers", e))?;
    Ok((pseudonyms.without_erased(pseudonyms.blinded(table)), pseudonyms.mark()))
}
