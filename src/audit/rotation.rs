//! A file that is put aside once it is large: `audit.jsonl` becomes `audit.jsonl.1`, that `audit.jsonl.2`, and the
//! oldest is removed. One that somebody else moved away or removed is begun anew with the next line.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mode of a new file.
const FOR_ITS_OWNER: u32 = 0o600;

/// Lines at the end of a file, and of files before it.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    max_bytes: u64,
    max_files: usize,
    /// None after a failure: the next line opens it again.
    file: Option<File>,
    n_bytes: u64,
    /// Whether the last line is there in part, so that the next one must begin anew.
    is_torn: bool,
    /// A terminal or pipe is written to and never renamed.
    is_regular: bool,
    /// The device and the number of the open file.
    identity: (u64, u64),
    /// Why the file is larger than it should be.
    fault: Option<io::Error>,
}

impl Rotated {
    /// Opens the file, or makes it, for its owner alone. Behind a link it is the file that is put aside, not the link.
    ///
    /// # Errors
    /// When it cannot be opened for writing, or is a device: what is written to one is kept nowhere. When others may
    /// read it and that cannot be changed.
    pub fn open(path: &Path, max_bytes: u64, max_files: usize) -> io::Result<Self> {
        let mut rotated = Self {
            path: path.to_owned(),
            max_bytes,
            max_files,
            file: None,
            n_bytes: 0,
            is_torn: false,
            is_regular: true,
            identity: (0, 0),
            fault: None,
        };
        rotated.file()?;
        if rotated.is_regular {
            rotated.path = fs::canonicalize(path)?;
        }
        Ok(rotated)
    }

    /// Writes one line whole. Where the file cannot be put aside it grows on.
    ///
    /// # Errors
    /// What the system said; the line is lost then.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.close_if_moved();
        if self.is_regular && self.n_bytes > 0 && self.n_bytes + line.len() as u64 > self.max_bytes {
            self.file = None;
            match self.rotate() {
                Ok(()) => self.is_torn = false,
                Err(error) => self.fault = Some(error),
            }
        }
        let is_torn = self.is_torn;
        let mut file = self.file()?;
        // In one call: several processes may write at the end of one file.
        let torn_line;
        let bytes = if is_torn {
            torn_line = [b"\n", line].concat();
            &torn_line
        } else {
            line
        };
        match file.write(bytes) {
            Ok(n_bytes) if n_bytes == bytes.len() => {
                (self.is_torn, self.n_bytes) = (false, self.n_bytes + n_bytes as u64);
                Ok(())
            }
            Ok(n_bytes) => {
                self.is_torn = is_torn || n_bytes > 0;
                self.n_bytes += n_bytes as u64;
                Err(io::ErrorKind::StorageFull.into())
            }
            Err(error) => {
                self.file = None;
                Err(error)
            }
        }
    }

    /// Closes the file if it was moved or removed; otherwise reads its current size.
    fn close_if_moved(&mut self) {
        if !self.is_regular || self.file.is_none() {
            return;
        }
        match fs::metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) == self.identity => self.n_bytes = there.len(),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            Ok(_) | Err(_) => (self.file, self.is_torn) = (None, false),
        }
    }

    fn file(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            // A pipe that nobody reads must not hold up the start.
            options.append(true).create(true).mode(FOR_ITS_OWNER).custom_flags(libc::O_NONBLOCK);
            let file = options.open(&self.path)?;
            let metadata = file.metadata()?;
            let kind = metadata.file_type();
            if (kind.is_char_device() || kind.is_block_device()) && !file.is_terminal() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a device, not a file"));
            }
            (self.n_bytes, self.is_regular) = (metadata.len(), metadata.is_file());
            if self.is_regular && metadata.mode() & 0o777 != FOR_ITS_OWNER {
                file.set_permissions(fs::Permissions::from_mode(FOR_ITS_OWNER))?;
            }
            self.identity = (metadata.dev(), metadata.ino());
            self.file = Some(file);
        }
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Why the file could not be put aside since this was asked last.
    pub fn take_fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    fn rotate(&self) -> io::Result<()> {
        if self.max_files == 1 {
            File::options().write(true).create(true).truncate(true).mode(FOR_ITS_OWNER).open(&self.path)?;
            return Ok(());
        }
        // Only as far as the first number that is free: where the file itself cannot be renamed, further tries must not
        // move the older ones out.
        let oldest = self.max_files - 1;
        let free = (1..oldest).find(|&age| !self.aged(age).exists()).unwrap_or(oldest);
        for age in (1..=free).rev() {
            let from = if age == 1 { self.path.clone() } else { self.aged(age - 1) };
            match fs::rename(from, self.aged(age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn aged(&self, age: usize) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{age}"));
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_could_read_is_its_owner_s_and_behind_a_link_it_is_put_aside_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let [path, disk] = ["audit.jsonl", "disk"].map(|name| dir.path().join(name));
        fs::create_dir(&disk).unwrap();
        fs::write(disk.join("real.jsonl"), "line 1\n").unwrap();
        fs::set_permissions(disk.join("real.jsonl"), fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(disk.join("real.jsonl"), &path).unwrap();
        let mut log = Rotated::open(&path, 10, 3).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        log.write(b"line 2\n").unwrap();
        assert!(path.is_symlink());
        let read = |name: &str| fs::read_to_string(disk.join(name)).unwrap();
        assert_eq!([read("real.jsonl"), read("real.jsonl.1")], ["line 2\n", "line 1\n"]);
    }

    #[test]
    fn a_large_file_is_put_aside_and_the_oldest_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let mut log = Rotated::open(&path, 10, 3).unwrap();
        for n in 0..5 {
            log.write(format!("line {n}\n").as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            [read("audit.jsonl"), read("audit.jsonl.1"), read("audit.jsonl.2")],
            ["line 4\n", "line 3\n", "line 2\n"]
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(log);
        let mut again = Rotated::open(&path, 10, 1).unwrap();
        again.write(b"line 5\n").unwrap();
        assert_eq!(read("audit.jsonl"), "line 5\n", "the size of an earlier run counts");
    }

    #[test]
    fn a_file_that_cannot_be_put_aside_grows_on_and_says_so_and_loses_no_older_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let mut log = Rotated::open(&path, 10, 4).unwrap();
        log.write(b"line 1\n").unwrap();
        // No file takes the name of a folder that is not empty.
        let in_the_way = dir.path().join("audit.jsonl.3");
        fs::create_dir_all(in_the_way.join("inner")).unwrap();
        for age in [1, 2] {
            fs::write(log.aged(age), format!("older {age}")).unwrap();
        }
        for n in 2..5 {
            log.write(format!("line {n}\n").as_bytes()).unwrap();
            assert!(log.take_fault().is_some() && log.take_fault().is_none());
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 1\nline 2\nline 3\nline 4\n");
        assert_eq!([1, 2].map(|age| fs::read_to_string(log.aged(age)).unwrap()), ["older 1", "older 2"]);
        fs::remove_dir_all(&in_the_way).unwrap();
        log.write(b"line 5\n").unwrap();
        assert!(log.take_fault().is_none());
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 5\n");
        assert_eq!(fs::read_to_string(log.aged(3)).unwrap(), "older 2");
        fs::remove_file(&path).unwrap();
        let mut alone = Rotated::open(&path, 10, 1).unwrap();
        alone.write(b"line 6\n").unwrap();
        fs::remove_file(&path).unwrap();
        alone.write(b"line 7\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "also where it is made anew");
    }

    #[test]
    fn a_file_that_somebody_moved_away_or_emptied_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let [path, moved] = ["audit.jsonl", "moved"].map(|name| dir.path().join(name));
        let mut log = Rotated::open(&path, 14, 3).unwrap();
        log.write(b"line 1\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        log.write(b"line 2\n").unwrap();
        log.write(b"line 3\n").unwrap();
        assert_eq!([&path, &moved].map(|path| fs::read_to_string(path).unwrap()), ["line 2\nline 3\n", "line 1\n"]);
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        log.write(b"line 4\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 4\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "an empty file is not put aside");
    }

    #[test]
    fn a_pipe_is_never_renamed_a_device_is_refused_and_a_full_disk_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let _reader = File::options().read(true).write(true).open(&path).unwrap();
        let mut log = Rotated::open(&path, 1, 3).unwrap();
        for _ in 0..3 {
            log.write(b"line\n").unwrap();
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let device = Path::new("/dev/full");
        assert_eq!(Rotated::open(device, 1, 3).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        log.file = Some(File::options().append(true).open(device).unwrap());
        assert_eq!(log.write(b"line\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(Rotated::open(Path::new("/no/such/folder/audit.jsonl"), 1, 1).is_err());
    }
}
