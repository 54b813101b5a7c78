//! The kept uploads that no training has taken: listed, approved, removed.

use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use super::about::{About, UploadState};
use super::name::{StoredName, UploadId};
use super::{UploadStore, durable};

/// An upload that is kept and that no training has taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What its content is known by.
    pub id: UploadId,
    /// When the content came first.
    pub received_at: Timestamp,
    /// Its size.
    pub size_bytes: u64,
    /// What was noted of it; nothing of an upload of an earlier program.
    pub about: Option<About>,
    /// Where it is.
    pub path: PathBuf,
}

impl Waiting {
    /// Whether a training may learn from it.
    pub fn state(&self) -> UploadState {
        self.about.as_ref().map_or(UploadState::Approved, |about| about.state)
    }
}

impl UploadStore {
    /// How many uploads are kept and no training has taken yet.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn n_waiting(&self) -> io::Result<usize> {
        Ok(self.names()?.len())
    }

    /// The kept uploads that no training has taken yet, the earliest first.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn waiting(&self) -> io::Result<Vec<Waiting>> {
        // One that a training moves away meanwhile does not wait.
        let names = self.names()?;
        let mut waiting: Vec<Waiting> =
            names.into_iter().filter_map(|(id, name)| self.look_at(id, name).ok()).collect();
        waiting.sort_by_key(|upload| (upload.received_at, upload.id.to_string()));
        Ok(waiting)
    }

    /// The kept upload `id`; `None` where there is none.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn find(&self, id: UploadId) -> io::Result<Option<Waiting>> {
        let name = self.names()?.into_iter().find(|&(known, _)| known == id);
        Ok(name.and_then(|(id, name)| self.look_at(id, name).ok()))
    }

    /// Lets trainings learn from the kept upload `id`; `None` where there is none. It lasts when this returns.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed, or the approval cannot be written.
    pub fn approve(&self, id: UploadId) -> io::Result<Option<Waiting>> {
        let Some(upload) = self.find(id)? else { return Ok(None) };
        if upload.state() == UploadState::Approved {
            return Ok(Some(upload));
        }
        let about = upload.about.clone().map(|about| About { state: UploadState::Approved, ..about });
        if let Some(about) = &about {
            about.write(&upload.path)?;
        }
        Ok(Some(Waiting { about, ..upload }))
    }

    /// Removes the kept upload `id`, and says whether there was one. No training may be reading it.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed, or the file cannot be removed.
    pub fn remove(&self, id: UploadId) -> io::Result<bool> {
        let Some(upload) = self.find(id)? else { return Ok(false) };
        let mut state = self.lock();
        match fs::remove_file(&upload.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            removed => removed?,
        }
        About::forget(&upload.path);
        state.names.remove(&id);
        drop(state);
        durable::sync_folder(self.dir())?;
        Ok(true)
    }

    /// Every file that is named as a kept upload is.
    fn names(&self) -> io::Result<Vec<(UploadId, StoredName)>> {
        let entries = match fs::read_dir(self.dir()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let name = |entry: fs::DirEntry| StoredName::read(entry.file_name().to_str()?);
        Ok(entries.flatten().filter_map(name).collect())
    }

    fn look_at(&self, id: UploadId, name: StoredName) -> io::Result<Waiting> {
        let path = self.dir().join(name.of(id));
        let size_bytes = fs::metadata(&path)?.len();
        // What cannot be read approves nothing.
        let unknown = || Some(About { state: UploadState::Waiting, sent_by: None, rows: None });
        let about = About::read(&path).unwrap_or_else(|_| unknown());
        Ok(Waiting { id, received_at: name.received_at(), size_bytes, about, path })
    }
}
