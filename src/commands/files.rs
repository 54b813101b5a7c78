//! The files that a command reads and writes.
//!
//! An output never takes the place of an input, however the two are named, and a file that is replaced is either whole
//! or as it was before. Knows nothing of what is in them.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use content_portal::durable;

/// The name that stands for standard input or output.
const STANDARD: &str = "-";
/// What a new file may be, before the process's umask takes its share.
const NEW_FILE_MODE: u32 = 0o666;

/// What one file is known by, whatever names and links lead to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// A file to read from its start, in any order.
#[derive(Debug)]
pub struct Input {
    /// What to call it in a sentence.
    pub name: String,
    /// The file.
    pub file: File,
    /// Its identity; that of the pipe, if the file is a copy of one.
    pub id: FileId,
}

/// A file that will be replaced, or made. Until [`OutputFile::write`] nothing of it changes.
#[derive(Debug)]
pub struct OutputFile {
    /// As the caller named it.
    name: PathBuf,
    /// Where the links of the name lead.
    target: PathBuf,
    existing: Option<Metadata>,
}

impl FileId {
    fn of(file: &Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }

    /// The file at the end of `path`; `None` where there is none.
    pub fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|file| Self::of(&file))
    }
}

/// Whether a path stands for standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == STANDARD
}

impl Input {
    /// Opens `path`, or standard input for `-`. A pipe is copied into an unnamed temporary file, at most `max_bytes`
    /// bytes of it.
    ///
    /// # Errors
    /// When there is no such file, it is a folder, or a pipe holds more than that.
    pub fn open(path: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        let (name, mut file) = if is_standard(path) {
            let file = io::stdin().as_fd().try_clone_to_owned().context("standard input cannot be read")?;
            ("standard input".to_owned(), File::from(file))
        } else {
            let name = path.display().to_string();
            let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
            (name, file)
        };
        let metadata = file.metadata().with_context(|| format!("{name} cannot be read"))?;
        let id = FileId::of(&metadata);
        if metadata.is_dir() {
            bail!("{name} is a folder: give the name of a workbook");
        }
        // A shell may hand over a file of which somebody has read the start already.
        let is_at_start = metadata.is_file() && file.stream_position().is_ok_and(|position| position == 0);
        let file = if is_at_start { file } else { copied(file, &name, max_bytes)? };
        Ok(Self { name, file, id })
    }
}

fn copied(source: File, name: &str, max_bytes: u64) -> anyhow::Result<File> {
    let mut copy = tempfile::tempfile().context("no temporary file can be made")?;
    let n_bytes = io::copy(&mut source.take(max_bytes.saturating_add(1)), &mut copy)
        .with_context(|| format!("{name} cannot be copied to a temporary file"))?;
    if n_bytes > max_bytes {
        bail!(
            "{name} holds more than {} MB: save it to a file and give the file's name, or raise MAX_UPLOAD_MB",
            max_bytes >> 20
        );
    }
    copy.rewind().with_context(|| format!("{name} cannot be read"))?;
    Ok(copy)
}

impl OutputFile {
    /// Looks whether `path` can be written, and is none of `inputs`. Changes nothing.
    ///
    /// # Errors
    /// When it is one of `inputs`, a folder, or cannot be written or replaced.
    pub fn at(path: &Path, inputs: &[FileId]) -> anyhow::Result<Self> {
        let name = path.to_owned();
        let unwritable = || format!("{} cannot be written", path.display());
        let existing = match fs::metadata(path) {
            Ok(existing) => existing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if path.is_symlink() {
                    bail!("{} is a link to nothing: name a file", path.display());
                }
                let new = Self { target: name.clone(), name, existing: None };
                // Made and removed again: a folder that takes no file says so before there is anything to lose.
                new.staged().with_context(unwritable)?;
                return Ok(new);
            }
            Err(error) => return Err(error).with_context(unwritable),
        };
        // A terminal or /dev/null may well be both.
        if existing.is_file() && inputs.contains(&FileId::of(&existing)) {
            bail!("{} is a file that this command reads: name another file for the output", path.display());
        }
        if existing.is_dir() {
            bail!("{} is a folder: name a file in it", path.display());
        }
        let target = if existing.is_file() { fs::canonicalize(path).with_context(unwritable)? } else { name.clone() };
        let output = Self { name, target, existing: Some(existing) };
        if output.is_replaced() {
            // A user who may not write a file must not replace it, either.
            OpenOptions::new().write(true).open(path).with_context(unwritable)?;
            output.staged().with_context(unwritable)?;
        }
        Ok(output)
    }

    /// Has `write` fill the file. It appears under its name once all of it is on disk; when `write` fails, what was
    /// there stays. A pipe or a device is written as it is.
    ///
    /// # Errors
    /// Those of `write`; when the file cannot be made, synced or renamed.
    pub fn write(self, write: impl FnOnce(&File) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let unwritable = || format!("{} cannot be written", self.name.display());
        if !self.is_replaced() {
            let device = OpenOptions::new().write(true).open(&self.target).with_context(unwritable)?;
            return write(&device).with_context(unwritable);
        }
        let staged = self.staged().with_context(unwritable)?;
        write(staged.as_file()).with_context(unwritable)?;
        if let Some(existing) = &self.existing {
            staged.as_file().set_permissions(existing.permissions()).with_context(unwritable)?;
            // Only root may give a file away; any other user's file belongs to the user who replaced it.
            let _ = fchown(staged.as_file(), Some(existing.uid()), Some(existing.gid()));
        }
        staged.as_file().sync_all().with_context(unwritable)?;
        staged.persist(&self.target).with_context(unwritable)?;
        durable::sync_folder(self.folder()).with_context(unwritable)
    }

    /// Whether a new file takes the name, rather than the bytes going into what is there.
    fn is_replaced(&self) -> bool {
        self.existing.as_ref().is_none_or(Metadata::is_file)
    }

    /// A new file beside the target; gone unless it is renamed.
    fn staged(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new()
            .prefix(".content-portal-")
            .permissions(Permissions::from_mode(NEW_FILE_MODE))
            .tempfile_in(self.folder())
    }

    fn folder(&self) -> &Path {
        durable::folder_of(&self.target)
    }
}
