//! The uploads that wait, and where they go once a version was trained on them.
//!
//! An upload that was used moves to `base_data/<today>/upload-<its name>`, after the version is published: a link is
//! made under the new name, synced, and only then is the old name removed. So whatever ends the process,
//!
//! - before the publication, every upload waits as before, and the next training takes it;
//! - between the publication and the move, the same: the next training reads it from where it waits, once;
//! - between link and removal, the file has two names, and [`forget_taken`], which every training does first, removes
//!   the one under `uploads/` when the one under `base_data/` is synced and the same byte for byte.
//!
//! An upload that waits for approval is passed over and stays where it is, unless `TRAIN_ON_UPLOADS` says otherwise.
//!
//! No row is ever counted twice, since each file is read under one name; and were it read under both, its rows would be
//! copies that count once. Nothing is overwritten: a name that is taken by another file gets a number.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::{RetrainError, SkippedFile};
use crate::causes::with_causes;
use crate::disk::Keeper;
use crate::durable;
use crate::upload_store::{About, TrainOn, UploadId, is_taken_name, name_before, taken_name};

/// A copy on its way, where a link cannot be made; hidden, so never read.
pub(super) const UNFINISHED: &str = ".moving";
/// Names that are tried for one file.
const MAX_NAMES: usize = 1_000;

/// The folder of uploads, and from which of them a training learns.
#[derive(Debug, Clone, Copy)]
pub struct UploadFolder<'a> {
    /// The folder.
    pub dir: &'a Path,
    /// From which uploads.
    pub train_on: TrainOn,
}

/// The uploads that are there, oldest first.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that the training reads.
    pub used: Vec<PathBuf>,
    /// Those that wait for approval.
    pub unapproved: Vec<PathBuf>,
}

/// What became of the uploads that were used.
#[derive(Debug, Default)]
pub struct PutAway {
    /// Where each upload was and is.
    pub moved: Vec<(PathBuf, PathBuf)>,
    /// Uploads that could not be moved, and why: they still wait, and the next training takes them again.
    pub left: Vec<SkippedFile>,
}

/// The uploads in the folder, told apart by whether the training reads them.
///
/// # Errors
/// [`RetrainError::Unlistable`] when the folder exists and cannot be listed.
pub(super) fn found(folder: UploadFolder<'_>) -> Result<Found, RetrainError> {
    match folder.train_on {
        TrainOn::Off => Ok(Found::default()),
        TrainOn::All => Ok(Found { used: waiting(folder.dir)?, unapproved: Vec::new() }),
        TrainOn::Approved => {
            let (used, unapproved) = waiting(folder.dir)?.into_iter().partition(|path| About::is_approved(path));
            Ok(Found { used, unapproved })
        }
    }
}

/// What is in `dir` and no folder, the one that was sent last behind the others. Hidden ones are unfinished uploads, or
/// say something of one.
///
/// # Errors
/// [`RetrainError::Unlistable`] when the folder exists and cannot be listed.
pub(super) fn waiting(dir: &Path) -> Result<Vec<PathBuf>, RetrainError> {
    let unlistable = |source| RetrainError::Unlistable { dir: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unlistable)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unlistable)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && !entry.file_type().map_err(unlistable)?.is_dir() {
            found.push(entry.path());
        }
    }
    // The name has when the content came first: who sends the first of two files again wants it to be the newer one.
    found.sort_by_cached_key(|path| (About::last_counted(path), path.clone()));
    Ok(found)
}

/// What reports call an upload.
pub(super) fn label(path: &Path) -> String {
    Path::new("uploads").join(path.file_name().unwrap_or_default()).display().to_string()
}

/// What a file is known as wherever it lies: an upload by its id, whatever is kept of it, a file that an operator has
/// put among the uploads by its name there, and any other one by its label.
pub(super) fn known_as(label: &str) -> String {
    let name = label.rsplit('/').next().unwrap_or(label);
    match (UploadId::of_file(name), name_before(name)) {
        (Some(id), _) => id.to_string(),
        (None, Some(own)) => format!("uploads/{own}"),
        (None, None) => label.to_owned(),
    }
}

/// Whether a file of the base data is named as an upload that a training has put there.
pub(super) fn is_taken(path: &Path) -> bool {
    path.file_name().is_some_and(is_taken_name)
}

/// The id of the kept upload that a file is, waiting or taken. Behind a link is a file of the operator's, whatever the
/// link is called.
pub(super) fn own_id(path: &Path) -> Option<UploadId> {
    if path.is_symlink() { None } else { UploadId::of_file(path.file_name()?.to_str()?) }
}

/// The uploads that trainings have put among `base_files`, with their ids.
pub(super) fn taken(base_files: Vec<PathBuf>) -> Vec<(UploadId, PathBuf)> {
    let taken = base_files.into_iter().filter(|path| is_taken(path));
    taken.filter_map(|path| Some((own_id(&path)?, path))).collect()
}

/// Removes those of `waiting` that an earlier training has put among `base_files` already, and returns the others.
///
/// # Errors
/// [`RetrainError::Upload`] naming the file that could not be compared or removed.
pub(super) fn forget_taken(waiting: Vec<PathBuf>, base_files: &[PathBuf]) -> Result<Vec<PathBuf>, RetrainError> {
    let mut taken: HashMap<&OsStr, Vec<&Path>> = HashMap::new();
    for file in base_files.iter().filter(|file| is_taken(file)) {
        taken.entry(file.file_name().unwrap_or_default()).or_default().push(file);
    }
    let mut left = Vec::new();
    for upload in waiting {
        let name: OsString = taken_name(&upload, 1);
        let perhaps = taken.get(&*name).map(Vec::as_slice).unwrap_or_default();
        if !forget_one(&upload, perhaps).map_err(|source| RetrainError::Upload { file: upload.clone(), source })? {
            left.push(upload);
        }
    }
    Ok(left)
}

/// Removes `upload` if it is one of the files that are called so, and says whether it was.
fn forget_one(upload: &Path, taken: &[&Path]) -> io::Result<bool> {
    for file in taken {
        if is_same(upload, file)? {
            let_go(upload, file)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes `upload`, which is base data under the name `file`, once that name lasts. What was noted of it goes as well,
/// so the log says who sent it.
fn let_go(upload: &Path, file: &Path) -> io::Result<()> {
    let about = About::read(upload).ok().flatten();
    // Its note goes, and what the note says of its time with it.
    if let Some(since) = about.as_ref().and_then(|about| about.counts_since) {
        durable::open_regular(file)?.set_modified(since.into())?;
    }
    durable::sync(file)?;
    fs::remove_file(upload)?;
    About::forget(upload);
    log_taken(file, about.as_ref());
    Ok(())
}

fn log_taken(file: &Path, about: Option<&About>) {
    // A file that an operator put there was sent by nobody.
    let Some(id) = own_id(file) else { return };
    let (day, name) = (durable::folder_of(file).file_name(), file.file_name());
    let file = Path::new(day.unwrap_or_default()).join(name.unwrap_or_default());
    tracing::info!(
        event = "upload_taken",
        upload = %id,
        file = %file.display(),
        sent_by = about.and_then(|about| about.sent_by.as_deref()),
        approved_by = about.and_then(|about| about.approved_by.as_deref()),
        "an upload has taught the model and is base data now"
    );
}

/// Moves `used` to `base_data/<today>/`. What cannot be moved stays, and is named.
/// Copies to another disk take no room that `disk` keeps free.
pub(super) fn put_away(used: &[PathBuf], base_data: &Path, today: Date, disk: &Keeper) -> PutAway {
    let folder = base_data.join(today.to_string());
    let mut done = PutAway::default();
    for upload in used {
        match put_one_away(upload, &folder, disk) {
            Ok(file) => done.moved.push((upload.clone(), file)),
            Err(error) => done.left.push(SkippedFile { file: upload.display().to_string(), why: with_causes(&error) }),
        }
    }
    done
}

fn put_one_away(upload: &Path, folder: &Path, disk: &Keeper) -> io::Result<PathBuf> {
    durable::create_private_folder(folder)?;
    for number in 1..=MAX_NAMES {
        let file = folder.join(taken_name(upload, number));
        match place(upload, &file, disk) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !is_same(upload, &file)? {
                    continue;
                }
            }
            Err(error) => return Err(error),
        }
        let_go(upload, &file)?;
        durable::sync_folder(durable::folder_of(upload))?;
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name for it is taken"))
}

/// Gives the upload a second name or, where that cannot be (another disk, or a link, which may lead elsewhere from
/// there), makes a copy under it; never over a file.
fn place(upload: &Path, file: &Path, disk: &Keeper) -> io::Result<()> {
    if !upload.is_symlink() {
        match fs::hard_link(upload, file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {}
            linked => return linked,
        }
    }
    // The folder's only writer holds the writer's lock: what is not there now will not be there in a moment.
    if fs::symlink_metadata(file).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let copy = file.with_file_name(UNFINISHED);
    let copied = copy_of(upload, &copy, disk).and_then(|()| fs::rename(&copy, file));
    if copied.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&copy);
    }
    copied
}

fn copy_of(upload: &Path, copy: &Path, disk: &Keeper) -> io::Result<()> {
    if let Err(error) = fs::remove_file(copy)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let (mut source, file) = (durable::open_regular(upload)?, durable::create_private(copy)?);
    io::copy(&mut source, &mut disk.reserving(durable::folder_of(copy), &file))?;
    // It says when the upload was sent.
    file.set_modified(source.metadata()?.modified()?)?;
    file.sync_all()
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (found, as_other) = (fs::metadata(one)?, fs::metadata(other)?);
    if !(found.is_file() && as_other.is_file() && found.len() == as_other.len()) {
        return Ok(false);
    }
    let mut one = BufReader::new(durable::open_regular(one)?).bytes();
    let mut other = BufReader::new(durable::open_regular(other)?).bytes();
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(true),
            (a, b) if a != b => return Ok(false),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_put_away_under_a_name_of_its_own_and_never_over_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let (uploads, base) = (dir.path().join("uploads"), dir.path().join("base"));
        let folder = base.join("2026-03-01");
        fs::create_dir_all(&uploads).unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(uploads.join("a.csv"), "new").unwrap();
        fs::write(uploads.join("b.csv"), "b").unwrap();
        fs::write(uploads.join(".incoming-1"), "half").unwrap();
        fs::write(folder.join("upload-a.csv"), "old").unwrap();
        let found = waiting(&uploads).unwrap();
        assert_eq!(found, [uploads.join("a.csv"), uploads.join("b.csv")]);
        let done = put_away(&found, &base, jiff::civil::date(2026, 3, 1), &Keeper::new(0));
        assert!(done.left.is_empty(), "{done:?}");
        assert_eq!(fs::read_to_string(folder.join("upload-a.csv")).unwrap(), "old");
        assert_eq!(fs::read_to_string(folder.join("upload-a-2.csv")).unwrap(), "new");
        assert_eq!(waiting(&uploads).unwrap(), Vec::<PathBuf>::new());
        assert!(uploads.join(".incoming-1").exists());
    }

    #[test]
    fn an_upload_that_was_put_away_but_not_yet_removed_is_not_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["one.csv", "other.csv"].map(|name| dir.path().join(name));
        let folder = dir.path().join("2026-03-01");
        fs::create_dir(&folder).unwrap();
        fs::write(&one, "rows").unwrap();
        fs::write(&other, "rows").unwrap();
        let base = [folder.join("upload-one.csv"), folder.join("upload-other.csv")];
        fs::hard_link(&one, &base[0]).unwrap();
        fs::write(&base[1], "ROWS").unwrap();
        // The same name alone does not make the same file.
        assert_eq!(forget_taken(vec![one.clone(), other.clone()], &base).unwrap(), std::slice::from_ref(&other));
        assert!(!one.exists() && other.exists() && base[0].exists());
    }

    #[test]
    fn an_upload_that_cannot_be_moved_stays_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let upload = dir.path().join("a.csv");
        fs::write(&upload, "rows").unwrap();
        let base = dir.path().join("base");
        fs::write(&base, "a file where a folder should be").unwrap();
        let done = put_away(std::slice::from_ref(&upload), &base, jiff::civil::date(2026, 3, 1), &Keeper::new(0));
        assert!(
            done.moved.is_empty() && done.left[0].file == upload.display().to_string() && !done.left[0].why.is_empty(),
            "{done:?}"
        );
        assert!(upload.exists());
    }
}
