//! Files and names that outlast a crash of the machine: a file is synced, then renamed, then its folder is synced. And
//! the system's locks of files, waited for until a deadline; how old a file is, also where a clock was wrong.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// The mode of a file with customers' data: for its owner alone.
const PRIVATE_FILE: u32 = 0o600;
/// The mode of a folder with such files.
const PRIVATE_FOLDER: u32 = 0o700;

/// How long to wait before a lock that is held is tried again.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const DAY: Duration = Duration::from_secs(86_400);

/// Takes the lock of a file once nobody else holds it. A process that was stopped while it held a lock must not stop
/// the others for good.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] when another process has held it for `limit`; what the system said.
pub fn lock_within(file: &File, limit: Duration) -> io::Result<()> {
    let until = Instant::now() + limit;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOOK_EVERY),
            Err(TryLockError::WouldBlock) => {
                let why = format!("another process has held the lock for {} s", limit.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Puts `bytes` under the name `path`, whole or not at all. They are written to `staged` first, in the same folder; a
/// file that an earlier process left there is replaced.
///
/// # Errors
/// What the system said. `path` is then what it was, unless it is only its folder that could not be synced.
pub fn write(path: &Path, staged: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, staged, File::create(staged), bytes)
}

/// As [`write()`], into a file that its owner alone can read; `staged` must not be there yet.
///
/// # Errors
/// As [`write()`].
pub fn write_private(path: &Path, staged: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, staged, create_private(staged), bytes)
}

/// As [`write_private`], but a file that is there at `path` stays as it is.
///
/// # Errors
/// What the system said.
pub fn write_private_new(path: &Path, staged: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = create_private(staged).and_then(|file| fill(file, bytes)).and_then(|()| fs::hard_link(staged, path));
    // It has another name by now, or is of no use.
    let _ = fs::remove_file(staged);
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(folder_of(path)),
    }
}

/// Makes a new file that its owner alone can read.
///
/// # Errors
/// What the system said; [`io::ErrorKind::AlreadyExists`] where there is a file.
pub fn create_private(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(PRIVATE_FILE).open(path)
}

fn replace(path: &Path, staged: &Path, file: io::Result<File>, bytes: &[u8]) -> io::Result<()> {
    let written = file.and_then(|file| fill(file, bytes)).and_then(|()| fs::rename(staged, path));
    if let Err(error) = written {
        // The first failure is the one to report.
        let _ = fs::remove_file(staged);
        return Err(error);
    }
    sync_folder(folder_of(path))
}

/// Writes a new file and syncs it; its name lasts once its folder is synced.
///
/// # Errors
/// What the system said; [`io::ErrorKind::AlreadyExists`] where there is a file.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::create_new(path).and_then(|file| fill(file, bytes))
}

fn fill(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Opens a regular file for reading. Pipes and devices are refused: opening a pipe waits for a writer, and reading a
/// device may have effects.
///
/// # Errors
/// What the system said; [`io::ErrorKind::InvalidInput`] where it is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let not_regular = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
    if !fs::metadata(path)?.is_file() {
        return Err(not_regular());
    }
    // It may be another by now. Opening a pipe would wait for a writer; on a regular file the flag changes nothing.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

/// The bytes of a file, opened as [`open_regular`] does.
///
/// # Errors
/// As [`open_regular`].
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How long before `now` a file was written. A time more than a day ahead was set by a clock that was wrong, and counts
/// as a day ago: no file is young for years.
pub fn age(written: SystemTime, now: SystemTime) -> Duration {
    match now.duration_since(written) {
        Ok(age) => age,
        Err(_) if is_ahead(written, now) => DAY,
        Err(_) => Duration::ZERO,
    }
}

/// The same of the file at `path`, which is to go once it is old enough. A time more than a day ahead is set to a day
/// ago, so that the file ages from there. It is not taken for old at once: today's clock may be the wrong one.
pub fn kept_age(path: &Path, written: SystemTime, now: SystemTime) -> Duration {
    if is_ahead(written, now) {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let a_day_ago = now.checked_sub(DAY).unwrap_or(now);
        match open_regular(path).and_then(|file| file.set_modified(a_day_ago)) {
            Ok(()) => tracing::warn!(
                event = "file_time_ahead",
                file = &*file,
                "a file is from days to come, as a wrong clock has it; it now counts as a day old"
            ),
            Err(error) => tracing::warn!(
                event = "file_time_ahead",
                file = &*file,
                %error,
                "a file is from days to come, and its time cannot be set"
            ),
        }
    }
    age(written, now)
}

fn is_ahead(written: SystemTime, now: SystemTime) -> bool {
    written.duration_since(now).is_ok_and(|ahead| ahead > DAY)
}

/// Syncs a file that is there, and its name.
///
/// # Errors
/// What the system said.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_folder(folder_of(path))
}

/// Syncs the names in a folder.
///
/// # Errors
/// What the system said.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder that lasts, with those around it, where there is none.
///
/// # Errors
/// What the system said.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    make(folder, &fs::DirBuilder::new())
}

/// As [`create_folder`], of a folder that its owner alone can look into. One that is there stays as it is.
///
/// # Errors
/// What the system said.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    make(folder, fs::DirBuilder::new().mode(PRIVATE_FOLDER))
}

fn make(folder: &Path, by: &fs::DirBuilder) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    create_folder(folder_of(folder))?;
    match by.create(folder) {
        // Another process made it first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder(folder_of(folder))
}

/// The folder around the last part of a path.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_stays_where_it_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let [path, staged] = ["a", ".a.part"].map(|name| folder.path().join(name));
        write(&path, &staged, b"one").unwrap();
        fs::write(&staged, "left by an earlier process, and longer").unwrap();
        write(&path, &staged, b"two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert!(!staged.exists());
        assert!(write(&folder.path().join("none/a"), &staged, b"three").is_err());
        assert!(!staged.exists() && fs::read_to_string(&path).unwrap() == "two");
        assert_eq!(write_new(&path, b"four").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_folder_is_made_with_those_around_it_and_a_bare_name_stands_in_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("one/two");
        create_folder(&inner).unwrap();
        create_folder(&inner).unwrap();
        sync(&inner).unwrap();
        let private = folder.path().join("three/four");
        create_private_folder(&private).unwrap();
        write_private(&private.join("a"), &private.join(".a"), b"one").unwrap();
        let mode = |path: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions());
        assert_eq!((mode(&private) & 0o777, mode(&private.join("a")) & 0o777), (0o700, 0o600));
        assert_eq!(folder_of(Path::new("a")), Path::new("."));
        assert_eq!(folder_of(Path::new("/a/b")), Path::new("/a"));
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let [file, pipe, link] = ["file", "pipe", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "text").unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(io::read_to_string(open_regular(&file).unwrap()).unwrap(), "text");
        assert_eq!(io::read_to_string(open_regular(&link).unwrap()).unwrap(), "text");
        for other in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert_eq!(open_regular(other).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{other:?}");
        }
        assert_eq!(open_regular(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
