//! The kept uploads that no training has taken: listed, approved, removed.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;

use super::about::{About, UploadState};
use super::name::{StoredName, UploadId};
use super::{UploadStore, durable};

/// An upload that is kept and that no training has taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUpload {
    /// What its content is known by.
    pub id: UploadId,
    /// When the content came first.
    pub received_at: Timestamp,
    /// When it was last sent.
    pub last_sent_at: Timestamp,
    /// Its size.
    pub size_bytes: u64,
    /// What was noted of it; nothing of an upload that has lost its note, or of an earlier program.
    pub about: Option<About>,
    /// Where it is.
    pub path: PathBuf,
}

impl ListedUpload {
    /// Whether a training may learn from it.
    pub fn state(&self) -> UploadState {
        match &self.about {
            Some(about) => about.state,
            None if About::is_approved(&self.path) => UploadState::Approved,
            None => UploadState::Waiting,
        }
    }
}

/// A part of the list of kept uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The earliest first.
    pub uploads: Vec<ListedUpload>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<Cursor>,
    /// How many uploads the whole list has.
    pub n_all: usize,
    /// All of them together, in bytes.
    pub all_bytes: u64,
}

/// A place in the list, behind one upload. It stays one where that upload is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(String);

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        StoredName::read(text).map(|_| Self(text.to_owned())).ok_or(())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
    pub fn waiting(&self) -> io::Result<Vec<ListedUpload>> {
        self.kept(|_| true)
    }

    /// At most `limit` of these uploads, those behind `after`. Only their notes are read, not those of all.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn page(&self, after: Option<&Cursor>, limit: usize) -> io::Result<Page> {
        // Names begin with the time, so they are in the list's order.
        let mut all: Vec<_> = self.names()?.into_iter().map(|(id, name)| (Cursor(name.of(id)), id, name)).collect();
        all.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        let size = |(Cursor(name), ..): &(Cursor, UploadId, StoredName)| {
            fs::metadata(self.dir().join(name)).ok().filter(fs::Metadata::is_file).map(|found| found.len())
        };
        let (n_all, all_bytes) = all.iter().filter_map(size).fold((0, 0), |(n, sum), size| (n + 1, sum + size));
        let mut rest = all.into_iter().filter(|(cursor, ..)| after.is_none_or(|after| cursor > after));
        let (mut uploads, mut last) = (Vec::new(), None);
        for (cursor, id, name) in rest.by_ref().take(limit) {
            // One that a training moves away meanwhile does not wait.
            uploads.extend(self.look_at(id, name).ok());
            last = Some(cursor);
        }
        let next = last.filter(|_| rest.next().is_some());
        Ok(Page { uploads, next, n_all, all_bytes })
    }

    /// The kept upload `id`; `None` where there is none. Of several files that hold it, the earliest.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn find(&self, id: UploadId) -> io::Result<Option<ListedUpload>> {
        Ok(self.files_of(id)?.into_iter().next())
    }

    /// Lets trainings learn from the kept upload `id`, and notes the name of the key that approves it, `by`; `None`
    /// where there is no such upload. It lasts when this returns.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed, or the approval cannot be written.
    pub fn approve(&self, id: UploadId, by: Option<&str>) -> io::Result<Option<ListedUpload>> {
        self.approve_as(id, by, false)
    }

    /// The same, and notes that it was sent to be trained on where it was.
    pub(super) fn approve_as(
        &self,
        id: UploadId,
        by: Option<&str>,
        is_for_training: bool,
    ) -> io::Result<Option<ListedUpload>> {
        // Two who read, change and write one note would otherwise lose what the other has noted.
        let mut state = self.lock();
        state.counted = None;
        let mut uploads = self.files_of(id)?;
        for upload in &mut uploads {
            let is_approved = upload.state() == UploadState::Approved;
            let was_for_training = upload.about.as_ref().is_some_and(|about| about.is_for_training);
            if is_approved && (was_for_training || !is_for_training) {
                continue;
            }
            let about = upload.about.get_or_insert(About::unknown());
            if !is_approved {
                (about.state, about.approved_by) = (UploadState::Approved, by.map(str::to_owned));
            }
            about.is_for_training |= is_for_training;
            about.write(&upload.path)?;
        }
        Ok(uploads.into_iter().next())
    }

    /// Removes the kept upload `id`, with every file that holds it, and says whether there was one. No training may be
    /// reading it.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed, or a file cannot be removed.
    pub fn remove(&self, id: UploadId) -> io::Result<bool> {
        let mut state = self.lock();
        state.counted = None;
        let mut is_removed = false;
        for upload in self.files_of(id)? {
            match fs::remove_file(&upload.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                removed => removed?,
            }
            About::forget(&upload.path);
            is_removed = true;
        }
        state.names.remove(&id);
        drop(state);
        if is_removed {
            durable::sync_folder(self.dir())?;
        }
        Ok(is_removed)
    }

    /// Every file that holds the upload `id`, the earliest first. There are several where the content came again while
    /// the first file was not whole, where it came to two servers at once, or as it came and as columns.
    fn files_of(&self, id: UploadId) -> io::Result<Vec<ListedUpload>> {
        self.kept(|known| known == id)
    }

    /// The kept uploads of the wanted ids, the earliest first.
    fn kept(&self, is_wanted: impl Fn(UploadId) -> bool) -> io::Result<Vec<ListedUpload>> {
        let names = self.names()?.into_iter().filter(|&(id, _)| is_wanted(id));
        // One that a training moves away meanwhile does not wait.
        let mut kept: Vec<ListedUpload> = names.filter_map(|(id, name)| self.look_at(id, name).ok()).collect();
        kept.sort_by(|a, b| (a.received_at, &a.path).cmp(&(b.received_at, &b.path)));
        Ok(kept)
    }

    /// Every file that is named as a kept upload is.
    fn names(&self) -> io::Result<Vec<(UploadId, StoredName)>> {
        let entries = match fs::read_dir(self.dir()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let name = |entry: fs::DirEntry| StoredName::read(entry.file_name().to_str()?);
        entries.filter_map(|entry| entry.map(name).transpose()).collect()
    }

    fn look_at(&self, id: UploadId, name: StoredName) -> io::Result<ListedUpload> {
        let path = self.dir().join(name.of(id));
        let found = fs::metadata(&path)?;
        if !found.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let size_bytes = found.len();
        let last_sent_at = Timestamp::try_from(found.modified()?).map_err(io::Error::other)?;
        // What cannot be read approves nothing.
        let about = About::read(&path).unwrap_or_else(|_| Some(About::unknown()));
        Ok(ListedUpload { id, received_at: name.received_at(), last_sent_at, size_bytes, about, path })
    }
}
