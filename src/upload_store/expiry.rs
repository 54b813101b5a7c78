//! Removing uploads that are too old, where a limit of age is set. A limit of size removes none: it refuses new ones.

use std::fs;
use std::io;
use std::time::SystemTime;

use super::name::{StoredName, UploadId};
use super::{About, UploadStore, durable};

/// A kept upload.
pub(super) struct Stored {
    id: UploadId,
    pub name: String,
    last_sent: SystemTime,
    pub size_bytes: u64,
}

impl UploadStore {
    /// Whether an upload is to be removed by now.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn has_expired(&self, now: SystemTime) -> io::Result<bool> {
        Ok(!self.due(now)?.is_empty())
    }

    /// Removes the uploads that were last sent too long before `now`; says so in the log, one by one, and how many they
    /// were. No training may be reading them.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn expire(&self, now: SystemTime) -> io::Result<usize> {
        // Held to the end: what is found to be kept already must not be removed in the same moment.
        let mut state = self.lock();
        state.counted = None;
        let mut n_removed = 0;
        for Stored { id, name, size_bytes, .. } in self.due(now)? {
            match fs::remove_file(self.dir().join(&name)) {
                Ok(()) => {
                    About::forget(&self.dir().join(&name));
                    let why = "older than UPLOAD_KEEP_DAYS";
                    tracing::info!(event = "upload_expired", file = name, size_bytes, why, "an old upload was removed");
                    n_removed += 1;
                }
                Err(error) => {
                    tracing::warn!(
                        event = "upload_expiry_failed",
                        file = name,
                        %error,
                        "an old upload cannot be removed"
                    );
                    continue;
                }
            }
            state.names.remove(&id);
        }
        Ok(n_removed)
    }

    fn due(&self, now: SystemTime) -> io::Result<Vec<Stored>> {
        let Some(keep_for) = self.0.rules.keep_for else { return Ok(Vec::new()) };
        let mut due = self.stored()?;
        due.retain(|stored| durable::kept_age(&self.dir().join(&stored.name), stored.last_sent, now) > keep_for);
        due.sort_by(|a, b| (a.last_sent, &a.name).cmp(&(b.last_sent, &b.name)));
        Ok(due)
    }

    /// Every file that is named as a kept upload is.
    pub(super) fn stored(&self) -> io::Result<Vec<Stored>> {
        let entries = match fs::read_dir(self.dir()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut stored = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Some((id, _)) = StoredName::read(&name) else { continue };
            match entry.metadata() {
                Ok(file) if file.is_file() => {
                    stored.push(Stored { id, name, last_sent: file.modified()?, size_bytes: file.len() });
                }
                // A folder or a link is not ours; what a training has just moved needs no removing.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(stored)
    }
}
