//! Removing uploads that are too old, where a limit of age is set. A limit of size removes none: it refuses new ones.

use std::fs;
use std::io;
use std::time::SystemTime;

use super::name::StoredName;
use super::{About, UploadError, UploadStore};

/// A kept upload.
struct Stored {
    name: String,
    last_sent: SystemTime,
    size_bytes: u64,
}

/// An upload that is to go, and why.
struct Due {
    stored: Stored,
    why: &'static str,
}

impl UploadStore {
    /// Whether any upload ever expires.
    pub fn expires(&self) -> bool {
        self.0.rules.keep_for.is_some()
    }

    /// Whether an upload is to be removed by now.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn has_expired(&self, now: SystemTime) -> io::Result<bool> {
        Ok(self.expires() && !self.due(now)?.is_empty())
    }

    /// Removes the uploads that were last sent too long before `now`; says so in the log, one by one, and how many they
    /// were. No training may be reading them.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn expire(&self, now: SystemTime) -> io::Result<usize> {
        // Held to the end: what is found to be kept already must not be removed in the same moment.
        let mut state = self.lock();
        let mut n_removed = 0;
        for Due { stored: Stored { name, size_bytes, .. }, why } in self.due(now)? {
            match fs::remove_file(self.dir().join(&name)) {
                Ok(()) => {
                    About::forget(&self.dir().join(&name));
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
            if let Some((id, _)) = StoredName::read(&name) {
                state.names.remove(&id);
            }
        }
        Ok(n_removed)
    }

    fn due(&self, now: SystemTime) -> io::Result<Vec<Due>> {
        let rules = &self.0.rules;
        let mut stored = self.stored()?;
        stored.sort_by(|a, b| (a.last_sent, &a.name).cmp(&(b.last_sent, &b.name)));
        let is_due = |stored: &Stored| {
            let age = now.duration_since(stored.last_sent).unwrap_or_default();
            rules.keep_for.is_some_and(|keep_for| age > keep_for)
        };
        stored.retain(is_due);
        Ok(stored.into_iter().map(|stored| Due { stored, why: "older than UPLOAD_KEEP_DAYS" }).collect())
    }

    /// Finds out whether `size_bytes` more may be kept.
    pub(super) fn check_total(&self, size_bytes: u64) -> Result<(), UploadError> {
        let Some(limit_bytes) = self.0.rules.max_total_bytes else { return Ok(()) };
        let total_bytes: u64 = self.stored()?.iter().map(|stored| stored.size_bytes).sum();
        if total_bytes.saturating_add(size_bytes) > limit_bytes {
            return Err(UploadError::StoreFull { limit_bytes });
        }
        Ok(())
    }

    /// As [`UploadStore::check_total`], of an upload that waits for approval: all such uploads have half of the limit,
    /// so that senders without a key cannot keep others out.
    pub(super) fn check_waiting(&self, size_bytes: u64) -> Result<(), UploadError> {
        let Some(limit_bytes) = self.0.rules.max_total_bytes.map(|limit| limit / 2) else { return Ok(()) };
        let total = |stored: &[Stored]| {
            let bytes: u64 = stored.iter().map(|stored| stored.size_bytes).sum();
            bytes.saturating_add(size_bytes)
        };
        let mut stored = self.stored()?;
        // Their notes are read only where all together are that many.
        if total(&stored) > limit_bytes {
            stored.retain(|stored| !About::is_approved(&self.dir().join(&stored.name)));
            if total(&stored) > limit_bytes {
                return Err(UploadError::StoreFull { limit_bytes });
            }
        }
        Ok(())
    }

    /// Every file that is named as a kept upload is.
    fn stored(&self) -> io::Result<Vec<Stored>> {
        let entries = match fs::read_dir(self.dir()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut stored = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if StoredName::read(&name).is_none() {
                continue;
            }
            match entry.metadata() {
                Ok(file) if file.is_file() => {
                    stored.push(Stored { name, last_sent: file.modified()?, size_bytes: file.len() });
                }
                // A folder or a link is not ours; what a training has just moved needs no removing.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(stored)
    }
}
