//! What is known of a kept upload beside its content: who sent it, how many rows it has, and whether a training may
//! learn from it.
//!
//! It is in a hidden file beside the upload, `.<name>.json`, which is synced before the upload gets its name: an upload
//! that waits for approval can never be seen without that. A file that is named as this store names uploads and has no
//! such note was sent by a caller all the same: it lost the note in a copy, or comes from an earlier program. It waits,
//! as does one whose note cannot be read. Files with other names, and links, are an operator's own, and approved.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::name::StoredName;
use crate::durable;

const END: &str = ".json";
/// What the name of a note begins with that is being written.
const STAGED: &str = ".note-";
/// The note of an upload that is not there is removed once it is this old: it is written before its upload has a name.
const ABANDONED_NOTE_AFTER: Duration = Duration::from_secs(3600);

/// Whether a training may learn from an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// An administrator has to approve it first.
    Waiting,
    /// The next training learns from it.
    Approved,
}

/// What is known of a kept upload beside its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Whether a training may learn from it.
    pub state: UploadState,
    /// The name of the key that it came with; `None` without a key.
    pub sent_by: Option<String>,
    /// The name of the key that approved it later, by a request or by sending the same content; `None` where it was
    /// approved from the start, waits, or was approved by a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Its usable rows, where they were counted.
    pub rows: Option<u64>,
    /// Whether it was sent to be trained on, by somebody who may train: the gate does not ask then how many customers
    /// it brings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_for_training: bool,
    /// When it was last sent by somebody whose uploads need no approval, where others have sent it since: of two rows
    /// of one customer a training takes the one that was sent last, and they have no say in that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_since: Option<Timestamp>,
}

impl About {
    /// An upload whose rows were not counted: approved if it came with a key of this name.
    pub fn sent_by(key_name: Option<String>) -> Self {
        let state = if key_name.is_some() { UploadState::Approved } else { UploadState::Waiting };
        Self { state, sent_by: key_name, approved_by: None, rows: None, is_for_training: false, counts_since: None }
    }

    /// The same, sent to be trained on by somebody who may train.
    pub fn for_training(self) -> Self {
        Self { is_for_training: true, ..self }
    }

    /// An upload of which nothing is known: it waits.
    pub(super) fn unknown() -> Self {
        Self::sent_by(None)
    }

    /// With the number of its usable rows.
    pub fn with_rows(self, rows: usize) -> Self {
        Self { rows: u64::try_from(rows).ok(), ..self }
    }

    /// What is known of the upload at `path`; `None` where nothing was noted.
    ///
    /// # Errors
    /// When the file cannot be read, or does not hold what it should.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match durable::read_regular(&beside(path)) {
            Ok(json) => serde_json::from_slice(&json).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a training may learn from the upload at `path`.
    pub fn is_approved(path: &Path) -> bool {
        match Self::read(path) {
            Ok(Some(about)) => about.state == UploadState::Approved,
            Ok(None) => !is_of_a_caller(path),
            Err(error) => {
                tracing::warn!(
                    event = "upload_note_unreadable",
                    %error,
                    "what is known of an upload cannot be read; it waits until it is approved"
                );
                false
            }
        }
    }

    /// Whether the upload at `path` was sent to be trained on, by somebody who may train. What cannot be read says no.
    pub fn was_for_training(path: &Path) -> bool {
        matches!(Self::read(path), Ok(Some(about)) if about.is_for_training)
    }

    /// When the upload at `path` was last sent, for trainings: its file's time, unless that is another sender's.
    pub fn last_counted(path: &Path) -> Option<SystemTime> {
        match Self::read(path) {
            Ok(Some(Self { counts_since: Some(time), .. })) => Some(time.into()),
            _ => fs::metadata(path).ok()?.modified().ok(),
        }
    }

    /// Notes that the upload at `path`, whose file is of `modified`, is sent again by the sender of `self`. It lasts
    /// when this returns.
    pub(super) fn note_again(&self, path: &Path, modified: SystemTime) -> io::Result<()> {
        let Some(kept) = Self::read(path)? else { return Ok(()) };
        let counts_since = match (self.state, kept.state) {
            (UploadState::Waiting, UploadState::Approved) if kept.counts_since.is_none() => {
                Some(Timestamp::try_from(modified).map_err(io::Error::other)?)
            }
            (UploadState::Waiting, _) => kept.counts_since,
            (UploadState::Approved, _) => None,
        };
        if counts_since == kept.counts_since { Ok(()) } else { Self { counts_since, ..kept }.write(path) }
    }

    /// Notes this of the upload at `path`, which may have its name yet or not. It lasts when this returns.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let staged = durable::folder_of(path).join(format!("{STAGED}{}", Uuid::new_v4().simple()));
        durable::write_private(&beside(path), &staged, &serde_json::to_vec(self)?)
    }

    /// Notes of the upload at `to`, of so many rows, what is known of the one at `from`, if anything is. It lasts when
    /// this returns.
    ///
    /// # Errors
    /// As [`About::read`]; when it cannot be written.
    pub fn copy(from: &Path, to: &Path, rows: usize) -> io::Result<()> {
        Self::read(from)?.map_or(Ok(()), |about| about.with_rows(rows).write(to))
    }

    /// Forgets what is known of an upload that is gone from `path`. What cannot be removed is swept later.
    pub fn forget(path: &Path) {
        let _ = fs::remove_file(beside(path));
    }
}

/// Whether the file at `path` is named as uploads of callers are, and is not a link, which an operator has made.
fn is_of_a_caller(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(StoredName::read).is_some() && !path.is_symlink()
}

/// The upload that a file of this name says something of.
pub(super) fn upload_of_note(name: &str) -> Option<&str> {
    let upload = name.strip_prefix('.')?.strip_suffix(END)?;
    StoredName::read(upload).map(|_| upload)
}

/// Whether the file at `path` is a note that was never whole, or of an upload that is not there.
pub(super) fn is_note_of_nothing(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    name.starts_with(STAGED) || upload_of_note(name).is_some_and(|upload| !path.with_file_name(upload).exists())
}

/// Removes the note at `path` if it is old enough that no upload will have it.
pub(super) fn remove_old_note(path: &Path) {
    let age = fs::symlink_metadata(path).and_then(|file| file.modified()).ok().and_then(|time| time.elapsed().ok());
    if age.is_some_and(|age| age > ABANDONED_NOTE_AFTER)
        && let Err(error) = fs::remove_file(path)
    {
        tracing::warn!(event = "abandoned_note_remove_failed", %error, "the note of no upload cannot be removed");
    }
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{END}"))
}
