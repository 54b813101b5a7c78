//! Folders that have to be writable, tried before anybody relies on them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use content_portal::durable;
use content_portal::upload_store::KeepUploads;

use super::config::Config;
use super::misconfigured::Misconfigured;

/// A folder that the settings name.
#[derive(Debug, Clone, Copy)]
pub struct Folder<'a> {
    pub variable: &'static str,
    pub path: &'a Path,
}

impl Folder<'_> {
    /// Makes the folder where there is none, writes a file and removes it. Returns the folders that were made, the
    /// innermost first.
    ///
    /// # Errors
    /// What the system said.
    pub fn try_out(&self) -> io::Result<Vec<PathBuf>> {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let made = self.path.ancestors().take_while(is_missing).map(Path::to_owned).collect();
        match self.variable {
            // Of people's data; others may look at models and pictures.
            "UPLOAD_DIR" | "STATE_DIR" => durable::create_private_folder(self.path)?,
            _ => fs::create_dir_all(self.path)?,
        }
        let mut file = tempfile::tempfile_in(self.path)?;
        file.write_all(b"content-portal")?;
        Ok(made)
    }
}

/// Every folder that something is written into; that of the budget and of pseudonyms only where there is one of them.
pub fn all(config: &Config) -> Vec<Folder<'_>> {
    let paths = &config.paths;
    let keeps_columns = config.server.upload_rules.keep == KeepUploads::Columns;
    let needs_state = config.writer.keeps_budget() || keeps_columns;
    let state = needs_state.then_some(("STATE_DIR", &config.writer.state_dir));
    let others = [
        ("MODEL_DIR", &paths.models),
        ("BASE_DATA_DIR", &paths.base_data),
        ("UPLOAD_DIR", &config.server.upload_dir),
        ("IMAGE_DIR", &config.writer.image_dir),
    ];
    others.into_iter().chain(state).map(|(variable, path)| Folder { variable, path }).collect()
}

/// Makes the folder of base data if it is missing: the next message asks the operator to put workbooks into it.
pub fn make_base_data(config: &Config) {
    let path = &config.paths.base_data;
    if let Err(error) = fs::create_dir_all(path) {
        tracing::warn!(
            event = "folder_not_made",
            %error,
            "BASE_DATA_DIR {} cannot be made: make it before you put workbooks into it",
            path.display()
        );
    }
}

/// Tries the folders that a server writes: one that can keep neither an upload nor a picture should not start. Those
/// that only trainings write are tried where it retrains, and may be read-only unless there is no model yet.
///
/// # Errors
/// [`Misconfigured::Folder`].
pub fn check(config: &Config, has_model: bool) -> Result<(), Misconfigured> {
    let server = &config.server;
    let retrains = server.admin_key.is_some() || server.keys_file.is_some() || server.schedule.is_some();
    for folder in all(config) {
        let Folder { variable, path } = folder;
        let is_needed = match variable {
            "MODEL_DIR" => !has_model,
            "BASE_DATA_DIR" => false,
            _ => true,
        };
        if !is_needed && !retrains {
            continue;
        }
        match folder.try_out() {
            Ok(_) => {}
            Err(error) if !is_needed => {
                tracing::warn!(
                    event = "folder_not_writable",
                    %error,
                    "{variable} {} cannot be written: this server cannot retrain",
                    path.display()
                );
            }
            // A disk that is full now may have room in a moment, and not every request needs any.
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                tracing::warn!(event = "folder_full", %error, "{variable} {} is full", path.display());
            }
            Err(cause) => return Err(Misconfigured::Folder { variable, path: path.to_owned(), cause }),
        }
    }
    Ok(())
}
